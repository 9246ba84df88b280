//! From counts to seconds: the link and the parties' rates.

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
}

/// What a pair of parties does per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rates {
    /// Non-XOR gates garbled, sent over TLS and evaluated.
    pub gates: f64,
    /// Correlated OTs.
    pub cots: f64,
    /// Random correlated OTs by silent OT, hashed.
    pub silent: f64,
    /// Products of encrypted polynomials with weights, their transforms included.
    pub products: f64,
    /// Polynomials encrypted or decrypted, multiplied out and sent.
    pub polynomials: f64,
    /// Seconds of a session's set-up (TLS, base OT) beside round trips.
    pub setup: f64,
}

impl Default for Rates {
    /// Cautious figures for one core a party; a measured run prints its own beside them.
    fn default() -> Self {
        Self {
            gates: 20e6,
            cots: 10e6,
            silent: 15e6,
            products: 30e3,
            polynomials: 3e3,
            setup: 0.05,
        }
    }
}

impl Rates {
    /// Estimated seconds of that work over that link.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn seconds(&self, cost: &StepCost, link: &LinkModel) -> f64 {
        let work = cost.non_xor() as f64 / self.gates
            + cost.cots as f64 / self.cots
            + (cost.client_silent + cost.server_silent) as f64 / self.silent
            + cost.products as f64 / self.products
            + cost.polynomials as f64 / self.polynomials;
        let most = cost.client_bytes.max(cost.server_bytes) as f64;
        let transfer = link.bytes_per_second.map_or(0.0, |rate| most / rate);
        work.max(transfer) + f64::from(cost.flights) * link.round_trip / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_of_work_and_wire_decides() {
        let cost = StepCost {
            ands: 20_000_000,
            server_bytes: 640_000_000,
            flights: 2,
            ..StepCost::default()
        };
        let rates = Rates::default();
        assert!((rates.seconds(&cost, &LinkModel::LOOPBACK) - 1.0).abs() < 1e-9);
        let wan = LinkModel::shaped(400.0, 40.0);
        assert!((rates.seconds(&cost, &wan) - (12.8 + 0.04)).abs() < 1e-9);
    }
}
