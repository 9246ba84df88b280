//! Truncation, change of ring and division: what they take.

use super::{OpCost, Round, transfer};
use crate::compare::{Shape, ShapeError};

/// What is known of the sign of shared numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Sign {
    /// Nothing.
    Any,
    /// None is negative: whether the shares wrap follows from their top bits.
    NonNegative,
}

/// A truncation with a change of ring; a shift of 0 only changes the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Truncation {
    /// Width of the ring that is read.
    pub ring_bits: u32,
    /// Bits dropped: fewer than `ring_bits`.
    pub shift: u32,
    /// Width of the result's ring.
    pub out_bits: u32,
    /// What is known of the sign.
    pub sign: Sign,
}

impl Truncation {
    /// Exact, of numbers of any sign.
    #[must_use]
    pub const fn floor(ring_bits: u32, shift: u32, out_bits: u32) -> Self {
        Self {
            ring_bits,
            shift,
            out_bits,
            sign: Sign::Any,
        }
    }

    /// Bits in which the wrap of the shares counts; none where the result is not read that high.
    #[must_use]
    pub const fn wrap_bits(&self) -> u32 {
        self.out_bits.saturating_sub(self.ring_bits - self.shift)
    }

    /// Whether the carry out of the bits dropped counts.
    #[must_use]
    pub const fn has_carry(&self) -> bool {
        self.shift > 0
    }

    /// Bits that are compared, and the cut; `None`: nothing is.
    #[must_use]
    pub const fn compared(&self) -> Option<(u32, Option<u32>)> {
        let wraps = self.wrap_bits() > 0 && matches!(self.sign, Sign::Any);
        match (wraps, self.has_carry()) {
            (true, true) => Some((self.ring_bits, Some(self.shift))),
            (true, false) => Some((self.ring_bits, None)),
            (false, true) => Some((self.shift, None)),
            (false, false) => None,
        }
    }

    /// What `n` of them take.
    ///
    /// # Errors
    /// A shape that does not exist.
    pub fn cost(&self, n: u64, shape: Shape) -> Result<OpCost, ShapeError> {
        let mut cost = OpCost::default();
        if let Some((bits, cut)) = self.compared() {
            cost = shape.cost(n, bits, cut)?;
        }
        let compared = cost.rounds.len();
        if self.has_carry() {
            cost.join(&transfer(n, self.out_bits, true), compared);
        }
        let wrap = transfer(n, self.wrap_bits(), true);
        let known = match self.sign {
            Sign::Any => compared,
            Sign::NonNegative => 0,
        };
        cost.join(&wrap, known);
        Ok(cost)
    }
}

/// A division by a public constant, rounded down: `floor((x + add) / divisor)`, the sum exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Division {
    /// Width of the ring that is read.
    pub ring_bits: u32,
    /// What is divided by: 2 to [`MAX_DIVISOR`].
    pub divisor: u64,
    /// What is added before: below the divisor; half of it rounds to nearest.
    pub add: u64,
    /// Width of the result's ring.
    pub out_bits: u32,
}

/// Largest divisor.
pub const MAX_DIVISOR: u64 = 1 << 32;

impl Division {
    /// `floor((x + floor(divisor / 2)) / divisor)`.
    #[must_use]
    pub const fn nearest(ring_bits: u32, divisor: u64, out_bits: u32) -> Self {
        Self {
            ring_bits,
            divisor,
            add: divisor / 2,
            out_bits,
        }
    }

    /// Quotient and remainder of the ring's size: what a wrap of the shares takes from both.
    #[must_use]
    pub fn of_ring(&self) -> (u128, u64) {
        let (size, divisor) = (1u128 << self.ring_bits, u128::from(self.divisor.max(1)));
        let rest = u64::try_from(size % divisor).unwrap_or_default();
        (size / divisor, rest)
    }

    /// Bits in which the wrap counts in the result: it is a multiple of a power of two.
    #[must_use]
    pub fn wrap_bits(&self) -> u32 {
        let (quotient, _) = self.of_ring();
        self.out_bits.saturating_sub(quotient.trailing_zeros())
    }

    /// Bits of what is compared of a remainder.
    #[must_use]
    pub fn rest_bits(&self) -> u32 {
        let most = self.divisor - u64::from(self.divides_ring());
        64 - most.leading_zeros()
    }

    /// Whether the divisor divides the ring's size: then a wrap does not disturb the remainder.
    #[must_use]
    pub fn divides_ring(&self) -> bool {
        self.of_ring().1 == 0
    }

    /// What `n` of them take.
    ///
    /// # Errors
    /// A shape that does not exist.
    pub fn cost(&self, n: u64, shape: Shape) -> Result<OpCost, ShapeError> {
        let rest = shape.cost(n, self.rest_bits(), None)?;
        let bit = transfer(n, self.out_bits, true);
        let wrap = transfer(n, self.wrap_bits(), true);
        let mut cost = rest.clone();
        if !self.divides_ring() {
            cost.beside(&rest, 2);
        }
        if !self.divides_ring() || self.wrap_bits() > 0 {
            cost.join(&shape.cost(n, self.ring_bits, None)?, 0);
        }
        if !self.divides_ring() {
            // The wrap chooses between what the remainders' comparisons say.
            cost.demand.common_triples += super::words(n);
            cost.both(24 * super::words(n));
            cost.rounds.push(Round::BOTH);
        }
        let chosen = cost.rounds.len();
        cost.join(&bit, chosen);
        if !self.divides_ring() {
            cost.beside(&bit, 1);
        }
        cost.join(&wrap, chosen);
        Ok(cost)
    }
}
