//! The link, as estimates see it.

use serde::Serialize;

use super::StepCost;

/// A link as the cost model sees it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LinkModel {
    /// Bytes per second in each direction; `None`: the machine's own limit.
    pub bytes_per_second: Option<f64>,
    /// Round-trip time in seconds.
    pub round_trip: f64,
}

impl LinkModel {
    /// Both parties on one machine.
    pub const LOOPBACK: Self = Self {
        bytes_per_second: None,
        round_trip: 0.0,
    };

    /// A link of so many megabits per second per direction and milliseconds of round trip.
    #[must_use]
    pub fn shaped(mbit: f64, round_trip_ms: f64) -> Self {
        Self {
            bytes_per_second: Some(mbit * 1e6 / 8.0),
            round_trip: round_trip_ms / 1e3,
        }
    }

    /// Seconds of so many bytes in one direction.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn transfer(&self, bytes: u64) -> f64 {
        self.bytes_per_second
            .map_or(0.0, |rate| bytes as f64 / rate)
    }

    /// Seconds of a step's bytes, both directions at once.
    #[must_use]
    pub fn exchange(&self, cost: &StepCost) -> f64 {
        self.transfer(cost.client_bytes.max(cost.server_bytes))
    }
}
