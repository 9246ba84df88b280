//! The parameter sets: ring degree, primes, and the security that is claimed for them.
//!
//! Secret and randomness are uniform ternary, errors centred binomial with η = 21 (σ = 3.24). At 128 bits of classical security
//! two published tables cap log Q for a ternary secret; a set must stay below both.
//!
//! | degree | Security Guidelines for Implementing Homomorphic Encryption (eprint 2024/463) | Homomorphic Encryption Standard (2018) |
//! |---|---|---|
//! | 4096 | 106 | 109 |
//! | 8192 | 214 | 218 |
//!
//! Primes are the largest of their length that are 1 modulo 16384, so that they serve both degrees.

use privet_ring::Ring;
use serde::{Deserialize, Serialize};

use crate::error::ApiMisuse;
use crate::modulus::Modulus;

/// Half the number of coins of an error: σ² = η/2.
pub const ERROR_COINS: u32 = 21;

/// Bits of the rescaled first component below the plaintext's last.
pub(crate) const LOW_BITS: u32 = 4;

/// Bits of the rescaled second component below the plaintext's last.
pub(crate) const HIGH_BITS: u32 = 10;

/// Flooding is a sum of this many uniform values.
pub(crate) const FLOOD_TERMS: u32 = 8;

/// A parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parameters {
    /// Degree 4096, two primes of 50 bits: rings of up to 39 bits for weights of norm up to 2^15.
    Pair50,
    /// Degree 4096, three primes of 35 bits: rings of up to 44 bits for such weights, more hiding.
    Triple35,
    /// Degree 8192, three primes of 50 bits: `--strict`.
    Strict,
}

const fn minus(bits: u32, less: u64) -> Modulus {
    Modulus::new((1 << bits) - less)
}

static PRIMES_50: [Modulus; 3] = [minus(50, 16_383), minus(50, 212_991), minus(50, 1_097_727)];
static PRIMES_35: [Modulus; 3] = [minus(35, 327_679), minus(35, 376_831), minus(35, 524_287)];

impl Parameters {
    /// Every set.
    pub const ALL: [Self; 3] = [Self::Pair50, Self::Triple35, Self::Strict];

    /// The narrowest ring that every set serves.
    pub const MIN_RING: u32 = 23;

    /// The name in plans and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pair50 => "pair50",
            Self::Triple35 => "triple35",
            Self::Strict => "strict",
        }
    }

    /// Number of coefficients of a polynomial: the ring is `Z_Q[x]/(x^degree + 1)`.
    #[must_use]
    pub const fn degree(self) -> usize {
        match self {
            Self::Pair50 | Self::Triple35 => 4096,
            Self::Strict => 8192,
        }
    }

    /// The primes whose product is Q.
    #[must_use]
    pub fn moduli(self) -> &'static [Modulus] {
        match self {
            Self::Pair50 => PRIMES_50.split_at(2).0,
            Self::Triple35 => &PRIMES_35,
            Self::Strict => &PRIMES_50,
        }
    }

    /// `⌈log2 Q⌉`: bits of a coefficient.
    #[must_use]
    pub fn modulus_bits(self) -> u32 {
        self.moduli().iter().map(|modulus| modulus.bits()).sum()
    }

    /// The lower of the two published caps on log2 Q for 128 bits of security.
    #[must_use]
    pub const fn modulus_cap(self) -> u32 {
        match self {
            Self::Pair50 | Self::Triple35 => 106,
            Self::Strict => 214,
        }
    }

    /// Classical security in bits: 128 below the cap, nothing above it.
    #[must_use]
    pub fn claimed_bits(self) -> u32 {
        if self.modulus_bits() <= self.modulus_cap() {
            privet_prim::COMP_SEC
        } else {
            0
        }
    }

    /// The widest plaintext ring for which weights of the least norm class can be hidden; wider classes and rings are decided by
    /// [`noise::admits`](crate::noise::admits).
    #[must_use]
    pub const fn max_ring(self) -> u32 {
        match self {
            Self::Pair50 => 40,
            Self::Triple35 => 45,
            Self::Strict => 52,
        }
    }

    /// `Ok` if values of `ring` can be encrypted under this set.
    ///
    /// # Errors
    /// A ring that is too narrow or too wide.
    pub const fn serves(self, ring: Ring) -> Result<(), ApiMisuse> {
        ApiMisuse::within(
            "bits of the ring under encryption",
            ring.bits() as usize,
            Self::MIN_RING as usize,
            self.max_ring() as usize,
        )
    }

    /// Bits of each of the uniform values whose sum floods a reply, see `noise`.
    pub(crate) fn flood_bits(self, ring: Ring) -> u32 {
        self.modulus_bits().saturating_sub(ring.bits() + LOW_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_prime(n: u64) -> bool {
        (2..)
            .take_while(|d| d * d <= n)
            .all(|d| !n.is_multiple_of(d))
    }

    #[test]
    fn primes_are_the_largest_of_their_kind() {
        for (bits, primes) in [(50u32, &PRIMES_50), (35, &PRIMES_35)] {
            let mut candidates = (1..)
                .map(|i| (1u64 << bits) + 1 - 16384 * i)
                .filter(|n| is_prime(*n));
            for prime in primes {
                assert_eq!(Some(prime.value()), candidates.next());
                assert_eq!(prime.bits(), bits);
            }
        }
    }

    #[test]
    fn every_set_stays_below_the_cap() {
        for set in Parameters::ALL {
            assert!(set.modulus_bits() <= set.modulus_cap(), "{}", set.name());
            assert_eq!(set.claimed_bits(), 128);
        }
    }
}
