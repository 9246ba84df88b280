//! What can go wrong with a garbling.

/// Errors of this crate. A wrong table cannot be told from a right one: it gives wrong labels, never
/// an error or a panic.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's mistake: not one class for each input bit.
    #[error("{got} input classes for a netlist of {expected} input bits")]
    Classes {
        /// Input bits of the netlist.
        expected: usize,
        /// Classes given.
        got: usize,
    },
    /// The caller's mistake: a netlist beyond what 31-bit wire numbers reach.
    #[error("a netlist of {wires} wires is too large to garble")]
    TooLarge {
        /// Its input bits and gates.
        wires: usize,
    },
    /// The caller's mistake: buffers that do not fit the program, or tweaks that run past 2^64.
    #[error(transparent)]
    Buffers(#[from] privet_prim::Error),
    /// The caller's mistake: outputs asked for before every table was made or read.
    #[error("outputs wanted with {left} parts of the tables still to come")]
    Unfinished {
        /// Parts left.
        left: usize,
    },
    /// The caller's mistake: a part wanted after the last one.
    #[error("every part of the tables is done already")]
    Finished,
    /// The channel between the parties.
    #[error(transparent)]
    Net(#[from] privet_net::Error),
}

impl Error {
    pub(crate) fn length(what: &'static str, expected: usize, got: usize) -> Result<(), Self> {
        if expected == got {
            return Ok(());
        }
        Err(Self::Buffers(privet_prim::Error::Length {
            what,
            expected,
            got,
        }))
    }
}
