//! What work on shares takes: prepared material, bytes in each direction, rounds.
//!
//! Bits travel 64 to a word and ring elements packed; these functions give the exact bytes of the protocols of `privet-gmw`, for
//! one batch. [`OpCost::chunked`] sums over batches.

mod max;
#[cfg(test)]
mod tests;
mod trunc;

pub use max::{Argmax, average, clip, max};
pub use trunc::{Division, MAX_DIVISOR, Sign, Truncation};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Flights, LinkModel, Rates, Round};
use crate::compare::{Shape, ShapeError};

/// Batches of an operation that are under way at once. What each keeps meanwhile bounds it: for ReLUs of 2^15 numbers 3 MB or so.
pub const SIDE_BY_SIDE: usize = 8;

/// Words of `n` bits.
#[must_use]
pub const fn words(n: u64) -> u64 {
    n.div_ceil(64)
}

/// A 1-of-`2^choice_bits` transfer of `message_bits`; at most 64 bits in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableShape {
    /// log2 of the number of messages.
    pub choice_bits: u32,
    /// Bits of a message.
    pub message_bits: u32,
}

impl TableShape {
    /// Bits of all messages.
    #[must_use]
    pub const fn table_bits(self) -> u32 {
        self.message_bits << self.choice_bits
    }
}

/// Prepared material by kind; both parties count alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// Words of 64 bit triples.
    pub triples: u64,
    /// Words of 64 pairs of triples with a common operand.
    pub common_triples: u64,
    /// Words of 64 bit products, the client sends.
    pub client_oles: u64,
    /// Words of 64 bit products, the server sends.
    pub server_oles: u64,
    /// Words of 64 random transfers of 64-bit numbers, the client sends.
    pub client_transfers: u64,
    /// Words of 64 random transfers of 64-bit numbers, the server sends.
    pub server_transfers: u64,
    /// Words of 64 bit products, the server sends, the client's bits fixed ahead.
    pub fixed_oles: u64,
    /// Words of 64 1-of-2^m transfers, the server sends.
    pub tables: BTreeMap<TableShape, u64>,
    /// The same, the client's choices fixed ahead.
    pub fixed_tables: BTreeMap<TableShape, u64>,
}

impl Demand {
    /// Adds words of tables of a shape.
    pub fn add_tables(&mut self, shape: TableShape, words: u64) {
        *self.tables.entry(shape).or_default() += words;
    }

    /// Adds words of tables of a shape whose choices are fixed ahead.
    pub fn add_fixed_tables(&mut self, shape: TableShape, words: u64) {
        *self.fixed_tables.entry(shape).or_default() += words;
    }

    /// What it is before anything is fixed: what is fixed ahead is made like the rest.
    #[must_use]
    pub fn unfixed(&self) -> Self {
        let mut made = self.clone();
        made.server_oles += std::mem::take(&mut made.fixed_oles);
        for (shape, words) in std::mem::take(&mut made.fixed_tables) {
            made.add_tables(shape, words);
        }
        made
    }

    /// Adds another demand `times`.
    pub fn add(&mut self, other: &Self, times: u64) {
        for (mine, theirs) in self.counts_mut().into_iter().zip(other.counts()) {
            *mine += theirs * times;
        }
        for (shape, words) in &other.tables {
            self.add_tables(*shape, words * times);
        }
        for (shape, words) in &other.fixed_tables {
            self.add_fixed_tables(*shape, words * times);
        }
    }

    /// What is asked for here and not there.
    #[must_use]
    pub fn beyond(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        for (mine, theirs) in rest.counts_mut().into_iter().zip(other.counts()) {
            *mine = mine.saturating_sub(theirs);
        }
        for (mine, theirs) in rest.maps_mut().into_iter().zip(other.maps()) {
            for (shape, words) in &mut *mine {
                *words = words.saturating_sub(theirs.get(shape).copied().unwrap_or_default());
            }
            mine.retain(|_, words| *words > 0);
        }
        rest
    }

    /// Part `index` of `parts` nearly equal ones, which together are the whole.
    #[must_use]
    pub fn part(&self, index: u64, parts: u64) -> Self {
        let cut = |count: u64| {
            let at = |i: u64| u128::from(count) * u128::from(i) / u128::from(parts.max(1));
            u64::try_from(at(index + 1) - at(index)).unwrap_or_default()
        };
        let mut part = self.clone();
        part.counts_mut().into_iter().for_each(|c| *c = cut(*c));
        for map in part.maps_mut() {
            map.values_mut().for_each(|c| *c = cut(*c));
            map.retain(|_, words| *words > 0);
        }
        part
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let tables = self.maps().into_iter().flat_map(BTreeMap::values);
        self.counts() == [0; 7] && tables.into_iter().all(|words| *words == 0)
    }

    /// Random correlated transfers that it is made from, in the direction in which the client sends or the other one.
    #[must_use]
    pub fn transfers_sent(&self, by_client: bool) -> u64 {
        let triples = self.triples + self.common_triples;
        if by_client {
            return 64 * (triples + self.client_oles + self.client_transfers);
        }
        let tables = self.maps().into_iter().flatten();
        let tables: u64 = tables
            .map(|(shape, words)| words * u64::from(shape.choice_bits))
            .sum();
        64 * (triples + self.server_oles + self.fixed_oles + self.server_transfers + tables)
    }

    const fn maps(&self) -> [&BTreeMap<TableShape, u64>; 2] {
        [&self.tables, &self.fixed_tables]
    }

    const fn maps_mut(&mut self) -> [&mut BTreeMap<TableShape, u64>; 2] {
        [&mut self.tables, &mut self.fixed_tables]
    }

    const fn counts(&self) -> [u64; 7] {
        [
            self.triples,
            self.common_triples,
            self.client_oles,
            self.server_oles,
            self.client_transfers,
            self.server_transfers,
            self.fixed_oles,
        ]
    }

    const fn counts_mut(&mut self) -> [&mut u64; 7] {
        [
            &mut self.triples,
            &mut self.common_triples,
            &mut self.client_oles,
            &mut self.server_oles,
            &mut self.client_transfers,
            &mut self.server_transfers,
            &mut self.fixed_oles,
        ]
    }
}

/// What an operation takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OpCost {
    /// Prepared material.
    pub demand: Demand,
    /// Bytes from client to server before the input is known, beside making the material.
    pub ahead_bytes: u64,
    /// Online bytes from client to server.
    pub client_bytes: u64,
    /// Online bytes from server to client.
    pub server_bytes: u64,
    /// Who sends online, message by message of a party: those of a round travel together.
    pub rounds: Vec<Round>,
}

impl OpCost {
    /// Both parties send so many bytes.
    pub const fn both(&mut self, bytes: u64) {
        self.client_bytes += bytes;
        self.server_bytes += bytes;
    }

    /// Online bytes of both directions.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.client_bytes + self.server_bytes
    }

    /// Followed by another one, `times`.
    pub fn then(&mut self, other: &Self, times: u64) {
        self.beside(other, times);
        (0..times).for_each(|_| self.rounds.extend(&other.rounds));
    }

    /// Together with another one that begins at a round of this one's.
    pub fn join(&mut self, other: &Self, round: usize) {
        self.beside(other, 1);
        let end = round + other.rounds.len();
        if self.rounds.len() < end {
            self.rounds.resize(end, Round::default());
        }
        for (own, more) in self.rounds.iter_mut().skip(round).zip(&other.rounds) {
            own.client |= more.client;
            own.server |= more.server;
        }
    }

    /// Flights online.
    #[must_use]
    pub fn flights(&self) -> Flights {
        self.rounds.iter().collect()
    }

    /// Material and bytes of another one, whose messages travel with this one's.
    pub fn beside(&mut self, other: &Self, times: u64) {
        self.demand.add(&other.demand, times);
        self.ahead_bytes += other.ahead_bytes * times;
        self.client_bytes += other.client_bytes * times;
        self.server_bytes += other.server_bytes * times;
    }

    /// `n` elements in batches of `chunk`, of which [`SIDE_BY_SIDE`] at a time wait together.
    ///
    /// # Errors
    /// Whatever `cost` finds.
    pub fn chunked<E>(
        n: u64,
        chunk: u64,
        cost: impl Fn(u64) -> Result<Self, E>,
    ) -> Result<Self, E> {
        let mut sum = Self::default();
        let (full, rest) = (n / chunk.max(1), n % chunk.max(1));
        if full > 0 {
            let each = cost(chunk)?;
            sum.beside(&each, full);
            sum.rounds = each.rounds;
        }
        if rest > 0 {
            let each = cost(rest)?;
            sum.beside(&each, 1);
            sum.rounds = each.rounds;
        }
        let groups = n.div_ceil(chunk.max(1)).div_ceil(SIDE_BY_SIDE as u64);
        sum.rounds = sum.rounds.repeat(usize::try_from(groups).unwrap_or(1));
        Ok(sum)
    }

    /// Estimated seconds, material included.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn seconds(&self, link: &LinkModel, rates: &Rates) -> f64 {
        let made = self.demand.transfers_sent(true) + self.demand.transfers_sent(false);
        let sent = self.client_bytes + self.ahead_bytes;
        let most = sent.max(self.server_bytes) as f64;
        let transfer = link.bytes_per_second.map_or(0.0, |rate| most / rate);
        made as f64 / rates.cots
            + transfer
            + f64::from(self.flights().count()) * link.round_trip / 2.0
    }
}

/// `n` products of a bit that `client` (or the server) knows with the peer's number of `bits` bits: a correlated transfer.
#[must_use]
pub fn transfer(n: u64, bits: u32, client_sends: bool) -> OpCost {
    let mut cost = OpCost::default();
    if bits == 0 || n == 0 {
        return cost;
    }
    let (flips, sums) = (8 * words(n), (n * u64::from(bits)).div_ceil(8));
    if client_sends {
        cost.demand.client_transfers = words(n);
        (cost.client_bytes, cost.server_bytes) = (sums, flips);
        cost.rounds = vec![Round::SERVER, Round::CLIENT];
    } else {
        cost.demand.server_transfers = words(n);
        (cost.client_bytes, cost.server_bytes) = (flips, sums);
        cost.rounds = vec![Round::CLIENT, Round::SERVER];
    }
    cost
}

/// `n` numbers in a ring of `bits` bits, 2 or more, with the signs of the server's bits: twice a product that is taken modulo half of the ring.
#[must_use]
pub fn mirror(n: u64, bits: u32) -> OpCost {
    transfer(n, bits.saturating_sub(1), true)
}

/// `n` selections `b·x` in a ring of `bits` bits.
#[must_use]
pub fn mux(n: u64, bits: u32) -> OpCost {
    let mut cost = transfer(n, bits, true);
    cost.join(&transfer(n, bits, false), 0);
    cost
}

/// `n` shared bits as ring elements of `bits` bits; the client sends.
#[must_use]
pub fn b2a(n: u64, bits: u32) -> OpCost {
    transfer(n, bits, true)
}

/// Signs of `n` elements of a ring.
///
/// # Errors
/// A shape that does not exist.
pub fn drelu(n: u64, ring_bits: u32, shape: Shape) -> Result<OpCost, ShapeError> {
    shape.cost(n, ring_bits - 1, None)
}

/// `max(x, 0)`.
///
/// # Errors
/// A shape that does not exist.
pub fn relu(n: u64, ring_bits: u32, shape: Shape) -> Result<OpCost, ShapeError> {
    let mut cost = drelu(n, ring_bits, shape)?;
    cost.then(&mux(n, ring_bits), 1);
    Ok(cost)
}

/// `floor(max(x, 0) / 2^shift)` into a ring of `out_bits`.
///
/// # Errors
/// A shape that does not exist.
pub fn relu_trunc(
    n: u64,
    ring_bits: u32,
    shift: u32,
    out_bits: u32,
    shape: Shape,
) -> Result<OpCost, ShapeError> {
    let cut = (shift > 0).then_some(shift);
    let mut cost = shape.cost(n, ring_bits - 1, cut)?;
    let mut end = cost.rounds.len();
    if let Some(cut) = cut {
        // The carry is converted while the rest of the tree is compared.
        let levels = shape.layout(ring_bits - 1, Some(cut))?.level_of_cut();
        let known = end - levels.1 as usize + levels.0 as usize;
        end = end.max(known + 1);
        cost.join(&transfer(n, out_bits, true), known);
    }
    let wrap = transfer(n, out_bits.saturating_sub(ring_bits - shift), true);
    cost.join(&wrap, 0);
    // A selection begins when what it waits for needs one message more.
    end = end.max(wrap.rounds.len().saturating_sub(1));
    cost.join(&mux(n, out_bits), end);
    Ok(cost)
}
