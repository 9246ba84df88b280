//! Errors of work on shares: whose fault, and with which values.

use thiserror::Error as ThisError;

/// Everything that can go wrong between two parties that hold shares.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The other party sent something that an honest party cannot send.
    #[error("the peer misbehaved: {0}")]
    PeerMisbehaved(#[from] PeerMisbehaved),
    /// The calling code broke a rule of this crate.
    #[error("wrong use of shares: {0}")]
    ApiMisuse(#[from] ApiMisuse),
    /// Shares that do not fit together.
    #[error(transparent)]
    Mismatch(#[from] privet_ring::Mismatch),
    /// A ring that does not exist.
    #[error(transparent)]
    Width(#[from] privet_ring::WidthError),
    /// A comparison that does not exist.
    #[error(transparent)]
    Shape(#[from] privet_plan::compare::ShapeError),
    /// A netlist that cannot be made.
    #[error(transparent)]
    Netlist(#[from] privet_netlists::Error),
    /// Oblivious transfer failed.
    #[error(transparent)]
    Ot(#[from] privet_ot::Error),
    /// The channel failed.
    #[error(transparent)]
    Net(#[from] privet_net::Error),
}

/// What the other party did wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// A message has another length than both parties agreed on.
    #[error("message {msg} has {got} bytes instead of {expected}")]
    Length {
        /// Name of the message.
        msg: &'static str,
        /// Agreed length in bytes.
        expected: usize,
        /// Length found.
        got: usize,
    },
    /// A number that no honest peer can make.
    #[error("message {msg} makes {got}, above {most}")]
    Value {
        /// Name of the message.
        msg: &'static str,
        /// The number.
        got: u64,
        /// The greatest possible one.
        most: u64,
    },
    /// Bits set where the format has none.
    #[error("message {msg} has bits set beyond its last element")]
    SpareBits {
        /// Name of the message.
        msg: &'static str,
    },
}

/// What the calling code did wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum ApiMisuse {
    /// Two lengths that must match do not.
    #[error("{what}: {got} instead of {expected}")]
    Length {
        /// What was counted.
        what: &'static str,
        /// The length needed.
        expected: usize,
        /// The length given.
        got: usize,
    },
    /// Prepared material has run out.
    #[error("{what} have run out: {asked} asked for, {left} left; prepare more")]
    Exhausted {
        /// Which material.
        what: &'static str,
        /// How many were asked for.
        asked: u64,
        /// How many were left.
        left: u64,
    },
    /// Stored material that does not have the form it should.
    #[error("stored material: {what}")]
    Stored {
        /// What is wrong.
        what: &'static str,
    },
    /// A netlist, or planes of bits, that do not fit together.
    #[error("bits of a netlist: {what}")]
    Netlist {
        /// What is wrong.
        what: &'static str,
    },
    /// A parameter that the operation does not exist for.
    #[error("{what}: {got} is outside {least}..={most}")]
    Parameter {
        /// Which parameter.
        what: &'static str,
        /// The value.
        got: i64,
        /// The least possible value.
        least: i64,
        /// The greatest possible value.
        most: i64,
    },
}

impl ApiMisuse {
    pub(crate) const fn length(
        what: &'static str,
        expected: usize,
        got: usize,
    ) -> Result<(), Self> {
        if expected == got {
            return Ok(());
        }
        Err(Self::Length {
            what,
            expected,
            got,
        })
    }

    pub(crate) const fn within(
        what: &'static str,
        got: i64,
        least: i64,
        most: i64,
    ) -> Result<(), Self> {
        if least <= got && got <= most {
            return Ok(());
        }
        Err(Self::Parameter {
            what,
            got,
            least,
            most,
        })
    }
}
