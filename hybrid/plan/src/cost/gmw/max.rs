//! Greatest numbers, limits and averages: what they take.

use super::{Division, OpCost, Truncation, relu};
use crate::compare::{Shape, ShapeError};
use crate::tournament::Tournament;

/// `n` numbers kept within two public limits: a greater and a lesser of two, one after the other.
///
/// # Errors
/// A shape that does not exist.
pub fn clip(n: u64, ring_bits: u32, shape: Shape) -> Result<OpCost, ShapeError> {
    let once = relu(n, ring_bits, shape)?;
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
    /// Bits of an index.
    #[must_use]
    pub const fn index_bits(&self) -> u32 {
        u32::BITS - self.count.saturating_sub(1).leading_zeros()
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

    /// What `groups` of them take, in batches of `chunk`.
    ///
    /// # Errors
    /// Keys of more than 64 bits; a shape that does not exist; no numbers.
    pub fn cost(&self, groups: u64, shape: Shape, chunk: u64) -> Result<OpCost, ShapeError> {
        let bits = self.key_bits();
        let none = ShapeError::Bits { bits };
        if self.count == 0 || bits > 64 {
            return Err(none);
        }
        if self.count == 1 {
            return Ok(OpCost::default());
        }
        let widened = self.widened();
        let n = groups * u64::from(self.count);
        let mut cost = OpCost::chunked(n, chunk, |n| widened.cost(n, shape))?;
        let all = Tournament::of_all(self.count as usize).map_err(|_| none)?;
        cost.then(&all.cost(groups, bits, shape, chunk)?, 1);
        cost.server_bytes += (groups * u64::from(self.index_bits())).div_ceil(8);
        cost.latencies += 1;
        Ok(cost)
    }
}
