//! Link shaping: a given bandwidth and round-trip time over any transport.

use crate::error::ApiMisuse;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    str::FromStr,
    time::{Duration, Instant},
};

/// The link that a session runs over, as the sender shapes it.
///
/// Written `loopback` (no shaping), `lan`, `wan`, `cryptflow2-lan`, `cryptflow2-wan`, or
/// `MBIT,MS`: megabits per second in each direction, and the round trip in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Link {
    /// As fast as the transport goes.
    Loopback,
    /// Paced and delayed by the sender.
    Shaped {
        /// Megabits (10^6 bits) per second, in each direction, for all lanes together.
        megabits: f64,
        /// Round trip in milliseconds; each direction is delayed by half of it.
        round_trip_ms: f64,
    },
}

const NAMED: [(&str, f64, f64); 4] = [
    ("lan", 3000.0, 0.3),
    ("wan", 400.0, 40.0),
    ("cryptflow2-lan", 3016.0, 0.3),
    ("cryptflow2-wan", 320.0, 80.0),
];

impl Link {
    /// Time that `bytes` occupy the link.
    #[must_use]
    pub fn transmission(self, bytes: u64) -> Duration {
        match self {
            Self::Loopback => Duration::ZERO,
            #[expect(
                clippy::cast_precision_loss,
                reason = "a frame's length is far below 2^53"
            )]
            Self::Shaped { megabits, .. } => {
                Duration::from_secs_f64(bytes as f64 * 8.0 / (megabits * 1e6))
            }
        }
    }

    /// One-way delay.
    #[must_use]
    pub fn delay(self) -> Duration {
        match self {
            Self::Loopback => Duration::ZERO,
            Self::Shaped { round_trip_ms, .. } => Duration::from_secs_f64(round_trip_ms / 2e3),
        }
    }

    /// Bytes that are under way in one round trip at full bandwidth.
    #[must_use]
    pub fn bandwidth_delay_bytes(self) -> u64 {
        match self {
            Self::Loopback => 0,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "both factors are positive and bounded by from_str; a float saturates"
            )]
            Self::Shaped {
                megabits,
                round_trip_ms,
            } => (megabits * round_trip_ms * 125.0) as u64,
        }
    }

    fn shaped(megabits: f64, round_trip_ms: f64) -> Option<Self> {
        let sound = (0.001..=1e6).contains(&megabits) && (0.0..=60_000.0).contains(&round_trip_ms);
        sound.then_some(Self::Shaped {
            megabits,
            round_trip_ms,
        })
    }
}

impl FromStr for Link {
    type Err = ApiMisuse;

    fn from_str(text: &str) -> Result<Self, ApiMisuse> {
        if text == "loopback" {
            return Ok(Self::Loopback);
        }
        if let Some((_, megabits, round_trip_ms)) = NAMED.iter().find(|(name, ..)| *name == text) {
            return Ok(Self::Shaped {
                megabits: *megabits,
                round_trip_ms: *round_trip_ms,
            });
        }
        text.split_once(',')
            .and_then(|(mbit, ms)| Self::shaped(mbit.trim().parse().ok()?, ms.trim().parse().ok()?))
            .ok_or_else(|| {
                ApiMisuse::Options(format!(
                    "not a link: {:?}, expected loopback, lan, wan, cryptflow2-lan, \
                     cryptflow2-wan or MBIT,MS",
                    text.chars().take(40).collect::<String>()
                ))
            })
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback => f.write_str("loopback"),
            Self::Shaped {
                megabits,
                round_trip_ms,
            } => {
                let named = NAMED
                    .iter()
                    .find(|(_, m, r)| m == megabits && r == round_trip_ms);
                match named {
                    Some((name, ..)) => f.write_str(name),
                    None => write!(f, "{megabits},{round_trip_ms}"),
                }
            }
        }
    }
}

impl From<Link> for String {
    fn from(link: Link) -> Self {
        link.to_string()
    }
}

impl TryFrom<String> for Link {
    type Error = ApiMisuse;

    fn try_from(text: String) -> Result<Self, ApiMisuse> {
        text.parse()
    }
}

/// One direction of a shaped link, shared by all lanes of a session.
#[derive(Debug)]
pub(crate) struct Pacer {
    link: Link,
    free_at: Option<Instant>,
}

impl Pacer {
    pub(crate) const fn new(link: Link) -> Self {
        Self {
            link,
            free_at: None,
        }
    }

    /// When the link is next free; `None` if it is now.
    pub(crate) fn busy_until(&self, now: Instant) -> Option<Instant> {
        self.free_at.filter(|at| *at > now)
    }

    /// Puts `bytes` that were ready at `ready` on the link; returns when they arrive.
    ///
    /// The link is busy from the later of "ready" and "free", not from the moment of the call: a
    /// thread that wakes late costs no bandwidth.
    pub(crate) fn occupy(&mut self, bytes: u64, ready: Instant) -> Instant {
        let start = self.free_at.map_or(ready, |at| at.max(ready));
        let end = start + self.link.transmission(bytes);
        self.free_at = Some(end);
        end + self.link.delay()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_survive_their_text() {
        for text in [
            "loopback",
            "lan",
            "wan",
            "cryptflow2-lan",
            "cryptflow2-wan",
            "100,5",
            "0.5,0",
        ] {
            let link: Link = text.parse().unwrap();
            assert_eq!(link.to_string(), text);
        }
        assert_eq!("400, 40".parse::<Link>().unwrap().to_string(), "wan");
        for bad in [
            "", "LAN", "100", "100,", "0,1", "-1,1", "nan,1", "1,inf", "1e9,1", "1,2,3",
        ] {
            assert!(bad.parse::<Link>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_paced_link_is_busy_for_as_long_as_the_bytes_take() {
        // 8 Mbit/s is one byte per microsecond.
        let mut pacer = Pacer::new(Link::Shaped {
            megabits: 8.0,
            round_trip_ms: 20.0,
        });
        let start = Instant::now();
        let us = Duration::from_micros;
        assert_eq!(pacer.occupy(1000, start), start + us(11_000));
        assert_eq!(pacer.occupy(500, start + us(200)), start + us(11_500));
        assert_eq!(pacer.busy_until(start), Some(start + us(1500)));
        assert_eq!(pacer.busy_until(start + us(1500)), None);
        assert_eq!(pacer.occupy(10, start + us(5000)), start + us(15_010));
    }

    #[test]
    fn wan_holds_two_megabytes() {
        assert_eq!(
            "wan".parse::<Link>().unwrap().bandwidth_delay_bytes(),
            2_000_000
        );
    }
}
