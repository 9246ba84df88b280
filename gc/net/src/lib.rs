//! Authenticated two-party sessions: lanes, frames, TLS, counters, heartbeats, link shaping.
//!
//! A [`Session`] joins two parties by one or more lanes; a lane is a [`Channel`] to the one thread
//! that drives a protocol on it. In memory, over TCP and over TLS a channel behaves the same:
//! bytes arrive in order or the session ends with one clear [`Error`].

#![forbid(unsafe_code)]

mod assemble;
mod channel;
mod connect;
mod error;
mod frame;
mod handshake;
mod identity;
mod lane;
mod link;
mod listener;
mod options;
mod reader;
mod record;
mod records;
mod session;
mod stats;
mod tls;
mod transport;
mod writer;

pub use channel::Channel;
pub use connect::connect;
pub use error::{ApiMisuse, Error, IdentityError, IoError, MAX_REASON, PeerMisbehaved, TlsError};
pub use frame::{FRAME_BYTES, MAX_FRAME};
pub use handshake::PROTOCOL_VERSION;
pub use identity::{Fingerprint, Identity};
pub use lane::WorkCounter;
pub use link::Link;
pub use listener::Listener;
pub use options::{MAX_LANES, Options};
pub use record::Recording;
pub use session::Session;
pub use stats::{PhaseStats, Stats};
pub use tls::Allow;
