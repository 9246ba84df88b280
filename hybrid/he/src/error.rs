//! Errors of this crate: whose fault, and with which values.

use thiserror::Error as ThisError;

/// Everything that can go wrong in homomorphic encryption.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The other party sent something that an honest party cannot send.
    #[error("the peer misbehaved: {0}")]
    PeerMisbehaved(#[from] PeerMisbehaved),
    /// The calling code broke a rule of this crate.
    #[error("wrong use of homomorphic encryption: {0}")]
    ApiMisuse(#[from] ApiMisuse),
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
    /// A coefficient that is no residue.
    #[error(
        "message {msg} holds {value} in polynomial {polynomial} at {coefficient}, no residue modulo {modulus}"
    )]
    Residue {
        /// Name of the message.
        msg: &'static str,
        /// Which polynomial of the message.
        polynomial: usize,
        /// Which of its coefficients.
        coefficient: usize,
        /// The value found.
        value: u64,
        /// The prime.
        modulus: u64,
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
    /// A parameter that the operation does not exist for.
    #[error("{what}: {got} is outside {least}..={most}")]
    Range {
        /// Which parameter.
        what: &'static str,
        /// The value.
        got: u64,
        /// The least possible value.
        least: u64,
        /// The greatest possible value.
        most: u64,
    },
    /// Positions out of order, or twice the same.
    #[error("position {next} follows position {previous}")]
    Order {
        /// A position.
        previous: u32,
        /// The one after it.
        next: u32,
    },
    /// Objects of two parameter sets in one operation.
    #[error("{what} belongs to parameters {got}, not to {expected}")]
    Parameters {
        /// Which object.
        what: &'static str,
        /// The set of the operation.
        expected: &'static str,
        /// The object's.
        got: &'static str,
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
        got: usize,
        least: usize,
        most: usize,
    ) -> Result<(), Self> {
        if least <= got && got <= most {
            return Ok(());
        }
        Err(Self::Range {
            what,
            got: got as u64,
            least: least as u64,
            most: most as u64,
        })
    }
}

impl PeerMisbehaved {
    pub(crate) const fn length(msg: &'static str, expected: usize, got: usize) -> Result<(), Self> {
        if expected == got {
            return Ok(());
        }
        Err(Self::Length { msg, expected, got })
    }
}
