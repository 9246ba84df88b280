//! The ring Z_2^l: wrap-around integers with two's complement sign.
//!
//! Every secret-shared or garbled value of a network lives in such a ring; [`Ring`] is its width, and
//! its methods are the whole arithmetic that the fixed-point rules allow on one value.

#![deny(unsafe_code)]

pub mod bits;
pub mod linear;
pub mod party;
pub mod shares;

pub use bits::{BitShares, from_planes, open_bits, to_planes, transpose_64};
pub use party::{Client, Party, Server};
pub use shares::{Mismatch, Shares, open, share};

use serde::{Deserialize, Serialize};

/// Narrowest ring that a tensor may use.
pub const MIN_BITS: u32 = 2;
/// Widest ring that a tensor may use.
pub const MAX_BITS: u32 = 64;

/// A width outside `MIN_BITS..=MAX_BITS`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ring width {bits} is outside {MIN_BITS}..={MAX_BITS}")]
pub struct WidthError {
    /// The width that was asked for.
    pub bits: u32,
}

/// Z_2^bits with signed representatives in `[-2^(bits-1), 2^(bits-1))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Ring {
    bits: u32,
}

impl Ring {
    /// The ring of that width.
    ///
    /// # Errors
    /// A width outside `MIN_BITS..=MAX_BITS`.
    pub const fn new(bits: u32) -> Result<Self, WidthError> {
        if bits < MIN_BITS || bits > MAX_BITS {
            Err(WidthError { bits })
        } else {
            Ok(Self { bits })
        }
    }

    /// Width in bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.bits
    }

    /// Ones in the ring's bits.
    #[must_use]
    pub const fn mask(self) -> u64 {
        u64::MAX >> (MAX_BITS - self.bits)
    }

    /// Least signed representative.
    #[must_use]
    pub const fn min(self) -> i64 {
        i64::MIN >> (MAX_BITS - self.bits)
    }

    /// Greatest signed representative.
    #[must_use]
    pub const fn max(self) -> i64 {
        i64::MAX >> (MAX_BITS - self.bits)
    }

    /// Whether `v` is the signed representative of some element.
    #[must_use]
    pub const fn contains(self, v: i64) -> bool {
        self.min() <= v && v <= self.max()
    }

    /// The signed representative of `v mod 2^bits`.
    #[must_use]
    pub const fn wrap(self, v: i64) -> i64 {
        let unused = MAX_BITS - self.bits;
        (v << unused) >> unused
    }

    /// The signed representative of `v mod 2^bits`, from a wide accumulator.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low 64 bits are the residue wanted"
    )]
    pub const fn wrap_wide(self, v: i128) -> i64 {
        self.wrap(v as i64)
    }
}

impl TryFrom<u32> for Ring {
    type Error = WidthError;

    fn try_from(bits: u32) -> Result<Self, WidthError> {
        Self::new(bits)
    }
}

impl From<Ring> for u32 {
    fn from(ring: Ring) -> Self {
        ring.bits
    }
}

/// `T_s`: `floor(v / 2^shift)`, the only truncation there is.
#[must_use]
pub const fn floor_shift(v: i64, shift: u32) -> i64 {
    if shift >= i64::BITS {
        v >> (i64::BITS - 1)
    } else {
        v >> shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_bounded() {
        assert!(Ring::new(1).is_err() && Ring::new(65).is_err());
        assert_eq!(Ring::new(64).unwrap().wrap(i64::MIN), i64::MIN);
    }

    #[test]
    fn wrap_is_the_residue_with_sign() {
        for bits in [2, 8, 16, 28, 37, 63] {
            let ring = Ring::new(bits).unwrap();
            let modulus = 1i128 << bits;
            for v in [
                0i64,
                1,
                -1,
                5,
                -77,
                ring.max(),
                ring.min(),
                ring.max() + 1,
                ring.min() - 1,
            ] {
                let r = ring.wrap(v);
                assert!(ring.contains(r));
                assert_eq!(
                    (i128::from(v) - i128::from(r)).rem_euclid(modulus),
                    0,
                    "{v} in {bits}"
                );
            }
        }
    }

    #[test]
    fn floor_shift_rounds_down() {
        assert_eq!(floor_shift(-1, 12), -1);
        assert_eq!(floor_shift(-4096, 12), -1);
        assert_eq!(floor_shift(-4097, 12), -2);
        assert_eq!(floor_shift(4095, 12), 0);
        assert_eq!(floor_shift(-5, 70), -1);
    }
}
