//! From counts to seconds: what a pair of parties does per second, assumed or measured.
//!
//! Who works when decides what adds up. Silent OT runs in both directions at once, and of one direction both ends work together: it
//! takes its slower end. Products under encryption are pipelined over layers: the client encrypts the next inputs and opens earlier
//! replies while the server reads, multiplies and answers, and all of it travels meanwhile; its rates are those of both parties at once.
//! Garbled tables are made, sent and evaluated at once. Work on shares takes turns with the wire.

use serde::{Deserialize, Serialize};

use super::gmw::Demand;
use super::{LinkModel, StepCost};

/// What a pair of parties on machines of one kind does per second. Never part of a plan: the parties' may differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Non-XOR gates garbled, sent over TLS and evaluated.
    pub gates: f64,
    /// Correlated OTs by extension.
    pub cots: f64,
    /// Random correlated OTs of one direction by silent OT, hashed to bits.
    pub silent: f64,
    /// The same, hashed to numbers.
    pub numbers: f64,
    /// The same, hashed to masks of 1-of-2^m transfers.
    pub tables: f64,
    /// Time of equal numbers of random OTs in both directions, as a multiple of that of one direction: 1 to 2.
    pub directions: f64,
    /// ANDs of shared bits, beside their bytes.
    pub ands: f64,
    /// Bytes of work on shares, both directions together, made, sent over TLS and read.
    pub bytes: f64,
    /// Messages that wait for the other side, where no link delays them.
    pub flights: f64,
    /// Products of ring elements in the clear.
    pub clear: f64,
    /// Masked products of one bit by transfers: made, sent and read.
    pub fields: f64,
    /// Residues of polynomials encrypted, sent and read, in the course of several layers.
    pub encrypted: f64,
    /// Residues of polynomials of weights evaluated.
    pub evaluated: f64,
    /// Residues of products of encrypted polynomials with weights.
    pub products: f64,
    /// Residues of polynomials answered, sent and decrypted, likewise.
    pub answered: f64,
}

impl Default for Rates {
    /// One core a party of a server of 2023, rounded.
    fn default() -> Self {
        Self {
            gates: 20e6,
            cots: 10e6,
            silent: 40e6,
            numbers: 30e6,
            tables: 50e6,
            directions: 1.8,
            ands: 500e6,
            bytes: 300e6,
            flights: 30e3,
            clear: 10e9,
            fields: 125e6,
            encrypted: 8e3,
            evaluated: 40e3,
            products: 1e6,
            answered: 6e3,
        }
    }
}

/// A rate that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("a rate '{name}' of {value}")]
pub struct RatesError {
    /// Its field.
    pub name: &'static str,
    /// What it is said to be.
    pub value: f64,
}

/// Estimated seconds of an inference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Seconds {
    /// Before the input is known.
    pub offline: f64,
    /// From then on.
    pub online: f64,
}

impl Seconds {
    /// Both.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.offline + self.online
    }
}

#[expect(clippy::cast_precision_loss, reason = "estimates")]
impl Rates {
    /// All rates by name.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, f64); 15] {
        [
            ("gates", self.gates),
            ("cots", self.cots),
            ("silent", self.silent),
            ("numbers", self.numbers),
            ("tables", self.tables),
            ("directions", self.directions),
            ("ands", self.ands),
            ("bytes", self.bytes),
            ("flights", self.flights),
            ("clear", self.clear),
            ("fields", self.fields),
            ("encrypted", self.encrypted),
            ("evaluated", self.evaluated),
            ("products", self.products),
            ("answered", self.answered),
        ]
    }

    /// Whether all of them can be: positive numbers, the directions between 1 and 2.
    ///
    /// # Errors
    /// The first one that cannot.
    pub fn check(&self) -> Result<(), RatesError> {
        for (name, value) in self.named() {
            let fits = value.is_finite() && value > 0.0;
            if !fits || (name == "directions" && !(1.0..=2.0).contains(&value)) {
                return Err(RatesError { name, value });
            }
        }
        Ok(())
    }

    /// Seconds of a step once the input is known, without correlated OTs of products that are taken then.
    #[must_use]
    pub fn online(&self, cost: &StepCost, link: &LinkModel) -> f64 {
        let products = self.of_products(cost);
        let garbled = cost.non_xor() as f64 / self.gates + cost.cots as f64 / self.cots;
        let wire = link.exchange(cost);
        let clear = cost.clear as f64 / self.clear;
        let moved = if cost.non_xor() + cost.cots > 0 {
            garbled.max(wire)
        } else if products > 0.0 {
            products.max(wire)
        } else {
            cost.triples as f64 / self.ands + cost.bytes() as f64 / self.bytes + wire
        };
        moved + clear + self.waiting(cost, link)
    }

    /// Seconds of the preparation of a step, or of several that follow each other, without correlated OTs.
    #[must_use]
    pub fn offline(&self, cost: &StepCost, link: &LinkModel) -> f64 {
        let work = self.of_products(cost);
        work.max(link.exchange(cost)) + self.waiting(cost, link)
    }

    /// Work at products under encryption and by transfers.
    fn of_products(&self, cost: &StepCost) -> f64 {
        cost.encrypted as f64 / self.encrypted
            + cost.evaluated as f64 / self.evaluated
            + cost.products as f64 / self.products
            + cost.answered as f64 / self.answered
            + cost.fields as f64 / self.fields
    }

    /// Seconds of material for bits, and of correlated OTs for products that the client or the server sends.
    #[must_use]
    pub fn material(&self, demand: &Demand, products: (u64, u64), link: &LinkModel) -> f64 {
        let demand = demand.unfixed();
        let triples = demand.triples + demand.common_triples;
        let bits =
            |oles: u64, products: u64| (64 * (triples + oles) + products) as f64 / self.silent;
        let numbers = |words: u64| (64 * words) as f64 / self.numbers;
        let tables = demand.tables.iter();
        let tables: u64 = tables
            .map(|(shape, words)| 64 * words * u64::from(shape.choice_bits))
            .sum();
        let (by_client, by_server) = products;
        let client = bits(demand.client_oles, by_client) + numbers(demand.client_transfers);
        let server = bits(demand.server_oles, by_server)
            + numbers(demand.server_transfers)
            + tables as f64 / self.tables;
        let work = client.max(server) + (self.directions - 1.0) * client.min(server);
        let sent = StepCost {
            client_silent: demand.transfers_sent(true) + by_client,
            server_silent: demand.transfers_sent(false) + by_server,
            ..StepCost::default()
        };
        let (client_bytes, server_bytes) = super::silent::bytes_after(&sent, 0);
        let wire = link.transfer(client_bytes.max(server_bytes));
        work.max(wire) + if work > 0.0 { link.round_trip } else { 0.0 }
    }

    fn waiting(&self, cost: &StepCost, link: &LinkModel) -> f64 {
        f64::from(cost.flights.count()) * (link.round_trip / 2.0 + 1.0 / self.flights)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Flights;
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} {b}");
    }

    /// No delay of its own for a flight.
    fn rates() -> Rates {
        Rates {
            flights: 1e300,
            ..Rates::default()
        }
    }

    #[test]
    fn garbled_tables_take_the_slower_of_work_and_wire() {
        let cost = StepCost {
            ands: 20_000_000,
            server_bytes: 640_000_000,
            flights: Flights::chain(2),
            ..StepCost::default()
        };
        close(rates().online(&cost, &LinkModel::LOOPBACK), 1.0);
        let wan = LinkModel::shaped(400.0, 40.0);
        close(rates().online(&cost, &wan), 12.8 + 0.04);
    }

    #[test]
    fn shares_take_turns_with_the_wire() {
        let cost = StepCost {
            triples: 500_000_000,
            client_bytes: 50_000_000,
            server_bytes: 250_000_000,
            clear: 10_000_000_000,
            flights: Flights::chain(10),
            ..StepCost::default()
        };
        close(rates().online(&cost, &LinkModel::LOOPBACK), 3.0);
        let wan = LinkModel::shaped(400.0, 40.0);
        close(rates().online(&cost, &wan), 3.0 + 5.0 + 0.2);
    }

    #[test]
    fn layers_under_encryption_are_pipelined() {
        let cost = StepCost {
            encrypted: 8000,
            evaluated: 40_000,
            products: 1_000_000,
            answered: 6000,
            client_bytes: 100_000_000,
            server_bytes: 300_000_000,
            flights: Flights::chain(2),
            ..StepCost::default()
        };
        close(rates().offline(&cost, &LinkModel::LOOPBACK), 4.0);
        let wan = LinkModel::shaped(400.0, 40.0);
        close(rates().offline(&cost, &wan), 6.0 + 0.04);
        let slower = StepCost {
            answered: 18_000,
            ..cost
        };
        close(rates().offline(&slower, &wan), 6.0 + 0.04);
    }

    #[test]
    fn directions_overlap_as_far_as_measured() {
        let (rates, here) = (rates(), LinkModel::LOOPBACK);
        let one = Demand {
            server_oles: 1 << 20,
            ..Demand::default()
        };
        let both = Demand {
            triples: 1 << 20,
            ..Demand::default()
        };
        let (one, both) = (
            rates.material(&one, (0, 0), &here),
            rates.material(&both, (0, 0), &here),
        );
        close(one, f64::from(64 << 20) / rates.silent);
        close(both, rates.directions * one);
        close(rates.material(&Demand::default(), (0, 0), &here), 0.0);
    }

    #[test]
    fn rates_that_cannot_be_are_named() {
        assert_eq!(Rates::default().check(), Ok(()));
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let wrong = Rates {
                answered: value,
                ..Rates::default()
            };
            assert_eq!(wrong.check().unwrap_err().name, "answered");
        }
        let wrong = Rates {
            directions: 2.5,
            ..Rates::default()
        };
        assert_eq!(wrong.check().unwrap_err().name, "directions");
    }
}
