//! Greatest numbers, limits and averages: what they take.

use super::{Division, OpCost, Round, Truncation, drelu, mux};
use crate::compare::{Shape, ShapeError};
use crate::tournament::Tournament;

/// `n` times the greater (or the lesser) of two: the sign of a difference read in `sign_bits` selects in a ring of `ring_bits`.
///
/// # Errors
/// A shape that does not exist.
pub fn max(n: u64, sign_bits: u32, ring_bits: u32, shape: Shape) -> Result<OpCost, ShapeError> {
    let mut cost = drelu(n, sign_bits, shape)?;
    cost.then(&mux(n, ring_bits), 1);
    Ok(cost)
}

/// `n` numbers kept within two public limits: a greater and a lesser of two, one after the other.
///
/// # Errors
/// A shape that does not exist.
pub fn clip(n: u64, sign_bits: u32, ring_bits: u32, shape: Shape) -> Result<OpCost, ShapeError> {
    let once = max(n, sign_bits, ring_bits, shape)?;
    let mut cost = OpCost::default();
    cost.then(&once, 2);
    Ok(cost)
}

/// `floor((S + floor(D / 2)) / D)` of `n` sums; D may be 1, which only changes the ring.
///
/// # Errors
/// A shape that does not exist.
pub fn average(
    n: u64,
    ring_bits: u32,
    divisor: u64,
    out_bits: u32,
    shape: Shape,
) -> Result<OpCost, ShapeError> {
    if divisor == 1 {
        return Truncation::floor(ring_bits, 0, out_bits).cost(n, shape);
    }
    Division::nearest(ring_bits, divisor, out_bits).cost(n, shape)
}

/// The index of the greatest of some numbers, the lowest one of several, opened to the client.
///
/// Each number is put above its place counted from the end: all differ, and the greatest tells the lowest index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Argmax {
    /// Width of the ring that is read.
    pub ring_bits: u32,
    /// Bits of the numbers, with sign; at most `ring_bits`.
    pub value_bits: u32,
    /// How many numbers compete: at least 1.
    pub count: u32,
}

impl Argmax {
    /// Bits of an index: at least 2, so that there is a ring of them.
    #[must_use]
    pub const fn index_bits(&self) -> u32 {
        let bits = u32::BITS - self.count.saturating_sub(1).leading_zeros();
        if bits < 2 { 2 } else { bits }
    }

    /// Width of the ring of numbers and places: one bit more than both, for the differences.
    #[must_use]
    pub const fn key_bits(&self) -> u32 {
        self.value_bits
            .saturating_add(1)
            .saturating_add(self.index_bits())
    }

    /// The change of ring at first: one bit more than the numbers have.
    #[must_use]
    pub const fn widened(&self) -> Truncation {
        Truncation::floor(self.ring_bits, 0, self.value_bits.saturating_add(1))
    }

    /// What shares of the indices of `groups` of them take, in batches of `chunk`.
    ///
    /// # Errors
    /// Keys of more than 64 bits; a shape that does not exist; no numbers.
    pub fn shared(&self, groups: u64, shape: Shape, chunk: u64) -> Result<OpCost, ShapeError> {
        let bits = self.key_bits();
        let none = ShapeError::Bits { bits };
        if self.count == 0 || bits > 64 {
            return Err(none);
        }
        let widened = self.widened();
        let n = groups * u64::from(self.count);
        let mut cost = OpCost::chunked(n, chunk, |n| widened.cost(n, shape))?;
        let all = Tournament::of_all(self.count as usize).map_err(|_| none)?;
        cost.then(&all.cost(groups, bits, bits, shape, chunk)?, 1);
        Ok(cost)
    }

    /// What `groups` of them take, opened to the client.
    ///
    /// # Errors
    /// As [`shared`](Self::shared).
    pub fn cost(&self, groups: u64, shape: Shape, chunk: u64) -> Result<OpCost, ShapeError> {
        let mut cost = self.shared(groups, shape, chunk)?;
        cost.server_bytes += (groups * u64::from(self.index_bits())).div_ceil(8);
        cost.rounds.push(Round::SERVER);
        Ok(cost)
    }
}
