//! Errors of this crate: whose fault, and with which values.

use thiserror::Error as ThisError;

/// Everything that can go wrong in an oblivious transfer.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The other party sent something that an honest party cannot send.
    #[error("the peer misbehaved: {0}")]
    PeerMisbehaved(#[from] PeerMisbehaved),
    /// The calling code broke a rule of this crate.
    #[error("wrong use of oblivious transfer: {0}")]
    ApiMisuse(#[from] ApiMisuse),
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
    /// 32 bytes that encode no group element, or the neutral one.
    #[error("message {msg} holds an invalid group element at position {index}")]
    InvalidPoint {
        /// Name of the message.
        msg: &'static str,
        /// Which element.
        index: usize,
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
    /// Two slices that must match in length do not.
    #[error("{what}: length {got} instead of {expected}")]
    Length {
        /// Which argument.
        what: &'static str,
        /// Length needed.
        expected: usize,
        /// Length given.
        got: usize,
    },
    /// A request that does not fit the protocol's index space or memory.
    #[error("{what}: {got} is above the limit {limit}")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// The request.
        got: u64,
    },
    /// Prepared material has run out and making more was not asked for.
    #[error("{what} have run out: {asked} asked for, {left} left")]
    Exhausted {
        /// Which material.
        what: &'static str,
        /// How many were asked for.
        asked: u64,
        /// How many were left.
        left: u64,
    },
}
