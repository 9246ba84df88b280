//! How a session behaves.

use crate::{
    error::{ApiMisuse, Error},
    link::Link,
};
use std::time::Duration;

/// The most lanes of a session.
pub const MAX_LANES: usize = 16;

/// Settings of a session; [`Options::default`] is right for real use.
#[derive(Debug, Clone)]
pub struct Options {
    /// Lanes wished for, 1 to [`MAX_LANES`]; the session has the smaller of both wishes.
    pub lanes: usize,
    /// Link to imitate; a party without a wish (`Loopback`) adopts the other's.
    pub link: Link,
    /// A peer that lives but makes no progress for this long, while waited for, is stuck.
    pub stall: Duration,
    /// A peer from which not one byte comes for this long is dead.
    pub dead: Duration,
    /// How often each lane shows that this party lives.
    pub heartbeat: Duration,
    /// Time to reach the server.
    pub connect_timeout: Duration,
    /// Time for TLS and the session's handshake, all lanes together.
    pub handshake_timeout: Duration,
    /// Bytes per lane that the peer may have sent and this party not yet received.
    pub window: u64,
    /// Bytes per lane kept beyond the window while both parties are sending.
    pub backlog: u64,
    /// Plain TCP: no encryption, no identities. Both parties must ask for it.
    pub insecure_plain: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lanes: 1,
            link: Link::Loopback,
            stall: Duration::from_secs(120),
            dead: Duration::from_secs(10),
            heartbeat: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            window: 8 << 20,
            backlog: 256 << 20,
            insecure_plain: false,
        }
    }
}

impl Options {
    /// Refuses what contradicts itself.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |text: String| Err(ApiMisuse::Options(text).into());
        if !(1..=MAX_LANES).contains(&self.lanes) {
            return refuse(format!(
                "{} lanes asked for, 1 to {MAX_LANES} possible",
                self.lanes
            ));
        }
        if self.heartbeat.is_zero() || self.dead < 2 * self.heartbeat {
            return refuse("a peer can be declared dead only after two heartbeats".into());
        }
        if !(MIN_WINDOW..=MAX_WINDOW).contains(&self.window) {
            return refuse(format!(
                "a window of {} bytes, {MIN_WINDOW} to {MAX_WINDOW} possible",
                self.window
            ));
        }
        Ok(())
    }
}

/// The smallest window: two of the largest frames.
pub(crate) const MIN_WINDOW: u64 = 2 * (256 * 1024 + 256);
/// The largest window, in bytes.
pub(crate) const MAX_WINDOW: u64 = 1 << 28;

/// The window that serves a link without slowing it down.
pub(crate) fn window_for(asked: u64, link: Link) -> u64 {
    asked
        .max(2 * link.bandwidth_delay_bytes() + MIN_WINDOW)
        .min(MAX_WINDOW)
}
