//! Authenticated two-party sessions: lanes, frames, TLS, counters, heartbeats, link shaping.
//!
//! A [`Session`] joins two parties by one or more lanes; a lane is a [`Channel`] to the one thread
//! that drives a protocol on it. In memory, over TCP and over TLS a channel behaves the same:
//! bytes arrive in order or the session ends with one clear [`Error`].

#![forbid(unsafe_code)]

mod channel;
mod error;
mod frame;
mod identity;
mod lane;
mod link;
mod options;
mod session;
mod stats;

pub use channel::Channel;
pub use error::{ApiMisuse, Error, IdentityError, IoError, MAX_REASON, PeerMisbehaved, TlsError};
pub use frame::{FRAME_BYTES, MAX_FRAME};
pub use identity::Fingerprint;
pub use lane::WorkCounter;
pub use link::Link;
pub use options::{MAX_LANES, Options};
pub use session::Session;
pub use stats::{PhaseStats, Stats};
