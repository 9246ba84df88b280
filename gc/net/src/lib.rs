//! Authenticated two-party sessions: lanes, frames, TLS, counters, heartbeats, link shaping.
//!
//! A [`Session`] joins two parties by one or more lanes; a lane is a [`Channel`] to the one thread
//! that drives a protocol on it. In memory, over TCP and over TLS a channel behaves the same:
//! bytes arrive in order or the session ends with one clear [`Error`].
//!
//! **Lanes.** A lane is one TCP connection with its own TLS, a thread that writes and a thread that
//! reads. Data travels in frames; a protocol thread fills or empties one while the others are under
//! way. Lanes beyond the first join the session by a secret token that the first one carried.
//!
//! **Volume.** A party has at most [`Options::window`] bytes per lane under way that the peer has
//! not taken. Who sends while the peer receives may send any amount. Where *both* send before they
//! receive, the smaller of the two volumes must stay below window + [`Options::backlog`]: the party
//! that waits to send keeps what arrives meanwhile. Beyond that it is an error, never a deadlock.
//!
//! **Life.** Every lane shows each [`Options::heartbeat`] that its party lives and how far its work
//! counter is, whatever the protocol thread does. A lost connection is reported at once, silence
//! after [`Options::dead`], and a peer that lives without progress while it is waited for after
//! [`Options::stall`]. One lane's end is the end of all.
//!
//! **Trust.** Each party has an [`Identity`]; others know it by its [`Fingerprint`]. A client pins
//! the server's, a server [allows](Allow) some clients. The peer's bytes are trusted for nothing:
//! every length is bounded before memory is taken, a decoder's complaint is an error, and one
//! connection's garbage never ends a [`Listener`].
//!
//! **Links.** With [`Options::link`] the sender imitates a slower [`Link`], over any transport. Only
//! data is shaped; handshakes and heartbeats are not.

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
