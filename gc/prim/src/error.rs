//! What can be wrong with a call.

/// A caller's mistake: buffers whose lengths do not belong together, or indices out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A buffer has the wrong length.
    #[error("{what}: {got} given, {expected} needed")]
    Length {
        /// Which buffer, and its unit.
        what: &'static str,
        /// The length that fits the other arguments.
        expected: usize,
        /// The length given.
        got: usize,
    },
    /// A step of a half-gate program reads or writes outside its wires.
    #[error("step {step} of a half-gate program names wire {wire}, which does not exist")]
    Wire {
        /// Position of the step.
        step: usize,
        /// The wire named.
        wire: u32,
    },
    /// The tweak range would run past 2^64.
    #[error("tweaks from {base} on for {count} hashes run past 2^64")]
    TweakRange {
        /// First tweak.
        base: u64,
        /// Hashes wanted.
        count: u128,
    },
}

impl Error {
    /// `Ok` when the lengths agree, [`Error::Length`] when they do not.
    pub(crate) const fn check(what: &'static str, expected: usize, got: usize) -> Result<(), Self> {
        if expected == got {
            Ok(())
        } else {
            Err(Self::Length {
                what,
                expected,
                got,
            })
        }
    }
}
