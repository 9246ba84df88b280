//! Bounds on errors: how well a reply hides the weights, and how rarely a decryption fails.
//!
//! All are relative to `Q/2^l`, the distance of neighbouring plaintexts. With output channels packed into one polynomial, every coefficient
//! of a product collects the errors of *all* filters of the pack: its error has standard deviation `sqrt(η/2 + 1/12)·B`, where
//! `B² = max over output ciphertexts of Σ over the pack and all input ciphertexts of ‖w‖²` and 1/12 is the rounding of the exact scale.
//! B itself is secret; its coarse class [`NormClass`] is public and part of the plan.
//!
//! What a decryption adds up to, as parts of `Q/2^(l+1)`, beyond which it fails: the flood at most 1/2, rounding of the first component
//! at most 1/16, rounding of the second `2^-9/√12` times the square root of the secret's weight, and the error of the product.

use privet_ring::Ring;
use serde::{Deserialize, Serialize};

use crate::params::{ERROR_COINS, FLOOD_TERMS, HIGH_BITS, LOW_BITS, Parameters};

/// Coefficients for which [`admits`] wants decryption to be right: more than any network's inference has.
const COEFFICIENTS: u64 = 1 << 22;

/// A public bound on the norm of the weights behind one output coefficient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormClass {
    /// Up to 2^13.5.
    Norm13,
    /// Up to 2^15.
    Norm15,
    /// Up to 2^17.
    Norm17,
}

impl NormClass {
    /// Every class, rising.
    pub const ALL: [Self; 3] = [Self::Norm13, Self::Norm15, Self::Norm17];

    /// The square of the bound, as a power of two.
    const fn squared_bits(self) -> u32 {
        match self {
            Self::Norm13 => 27,
            Self::Norm15 => 30,
            Self::Norm17 => 34,
        }
    }

    /// The square of the bound.
    #[must_use]
    pub const fn squared(self) -> u128 {
        1 << self.squared_bits()
    }

    /// The least class for a sum of squared weights; `None` beyond the last.
    #[must_use]
    pub fn of(squared_norm: u128) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|class| squared_norm <= class.squared())
    }

    /// How many filters of class `self` may share a polynomial so that the pack stays in class `pack`: their squares add up.
    #[must_use]
    pub const fn max_packed(self, pack: Self) -> usize {
        let (own, all) = (self.squared_bits(), pack.squared_bits());
        if own > all { 0 } else { 1 << (all - own) }
    }
}

/// Variance of one error.
fn error_variance() -> f64 {
    f64::from(ERROR_COINS) / 2.0
}

/// A secret's number of nonzero digits: six standard deviations above the mean.
fn secret_weight(parameters: Parameters) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 8192")]
    let degree = parameters.degree() as f64;
    degree * 2.0 / 3.0 + 6.0 * (degree * 2.0 / 9.0).sqrt()
}

/// Standard deviation of a product's error at class `class`, with that of the encryption of zero.
#[must_use]
pub fn error_deviation(parameters: Parameters, class: NormClass) -> f64 {
    let squared = 2f64.powi(class.squared_bits().cast_signed());
    let zero = 2.0 * secret_weight(parameters) * error_variance();
    ((error_variance() + 1.0 / 12.0) * squared + zero).sqrt()
}

/// Standard deviation of the flood.
#[must_use]
pub fn flood_deviation(parameters: Parameters, ring: Ring) -> f64 {
    let width = 2f64.powi(parameters.flood_bits(ring).cast_signed());
    width * (f64::from(FLOOD_TERMS) / 12.0).sqrt()
}

/// Bits by which the flood is wider than the error that it hides: statistical hiding of one released coefficient.
#[must_use]
pub fn hiding_bits(parameters: Parameters, ring: Ring, class: NormClass) -> f64 {
    (flood_deviation(parameters, ring) / error_deviation(parameters, class)).log2()
}

/// The same over many coefficients: a sum of eight uniform values has finite Fisher information, so the distance grows with the square
/// root of their number.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a count in a logarithm")]
pub fn hiding_bits_together(
    parameters: Parameters,
    ring: Ring,
    class: NormClass,
    coefficients: u64,
) -> f64 {
    hiding_bits(parameters, ring, class) - (coefficients.max(1) as f64).log2() / 2.0
}

/// `−log2` of a bound on the probability that any of so many coefficients is decrypted wrongly.
///
/// Errors and roundings are sub-Gaussian with their own variance, so `P(|x| > t·σ) ≤ 2·exp(−t²/2)`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a count in a logarithm")]
pub fn failure_bits(
    parameters: Parameters,
    ring: Ring,
    class: NormClass,
    coefficients: u64,
) -> f64 {
    let log_q: f64 = parameters
        .moduli()
        .iter()
        .map(|q| (q.value() as f64).log2())
        .sum();
    let step = (log_q - f64::from(ring.bits())).exp2();
    let unit = |bits: u32| step * 2f64.powi(-bits.cast_signed());
    let flood = f64::from(FLOOD_TERMS) * 2f64.powi(parameters.flood_bits(ring).cast_signed() - 1);
    let margin = step / 2.0 - flood - unit(LOW_BITS) / 2.0;
    let rounding = unit(HIGH_BITS).powi(2) / 12.0 * secret_weight(parameters);
    let deviation = (rounding + error_deviation(parameters, class).powi(2)).sqrt();
    if margin <= 0.0 {
        return 0.0;
    }
    let exponent = (margin / deviation).powi(2) / 2.0 * std::f64::consts::LOG2_E;
    exponent - 1.0 - (coefficients.max(1) as f64).log2()
}

/// Whether a set serves a ring at a class with [`STAT_SEC`](privet_prim::STAT_SEC) bits of hiding a coefficient, and as many against a wrong
/// decryption among four million.
#[must_use]
pub fn admits(parameters: Parameters, ring: Ring, class: NormClass) -> bool {
    let least = f64::from(privet_prim::STAT_SEC);
    parameters.serves(ring).is_ok()
        && hiding_bits(parameters, ring, class) >= least
        && failure_bits(parameters, ring, class, COEFFICIENTS) >= least
}

/// The cheapest set that serves; `None` if none does.
#[must_use]
pub fn choose(ring: Ring, class: NormClass) -> Option<Parameters> {
    let mut all = Parameters::ALL.into_iter();
    all.find(|parameters| admits(*parameters, ring, class))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(bits: u32) -> Ring {
        Ring::new(bits).unwrap()
    }

    #[test]
    fn sets_serve_the_rings_that_they_are_for() {
        let widest = |set, class| {
            let mut rings = (Parameters::MIN_RING..=64).rev();
            rings.find(|bits| admits(set, ring(*bits), class))
        };
        let [pair, triple, strict] = Parameters::ALL;
        assert_eq!(widest(pair, NormClass::Norm15), Some(39));
        assert_eq!(widest(pair, NormClass::Norm17), Some(37));
        assert_eq!(widest(triple, NormClass::Norm15), Some(44));
        assert_eq!(widest(strict, NormClass::Norm17), Some(52));
        for set in Parameters::ALL {
            assert_eq!(widest(set, NormClass::Norm13), Some(set.max_ring()));
        }
        assert_eq!(choose(ring(37), NormClass::Norm17), Some(pair));
        assert_eq!(choose(ring(44), NormClass::Norm15), Some(triple));
        assert_eq!(choose(ring(44), NormClass::Norm17), Some(strict));
        assert_eq!(choose(ring(53), NormClass::Norm13), None);
    }

    #[test]
    fn bits_are_those_of_the_closed_form() {
        // log Q − l − 6 − log2 B; 43.5 and 42 bits at 37 bits of plaintext.
        for (class, norm) in [(NormClass::Norm13, 13.5), (NormClass::Norm15, 15.0)] {
            let found = hiding_bits(Parameters::Pair50, ring(37), class);
            assert!(
                (found - (100.0 - 37.0 - 6.0 - norm)).abs() < 0.01,
                "{found}"
            );
        }
        let one = hiding_bits(Parameters::Strict, ring(37), NormClass::Norm15);
        let all = hiding_bits_together(Parameters::Strict, ring(37), NormClass::Norm15, 1 << 21);
        assert!((one - all - 10.5).abs() < 1e-9 && all > 70.0);
    }

    #[test]
    fn fourteen_deviations_remain_for_every_ring() {
        for set in Parameters::ALL {
            for bits in Parameters::MIN_RING..=set.max_ring() {
                let bits = failure_bits(set, ring(bits), NormClass::Norm13, 1);
                // 14² / 2 · log2 e; 10 at degree 8192, where the secret weighs twice as much.
                assert!(
                    bits > if set.degree() == 4096 { 140.0 } else { 70.0 },
                    "{bits}"
                );
            }
        }
    }

    #[test]
    fn classes_hold_what_they_say() {
        assert_eq!(NormClass::of(0), Some(NormClass::Norm13));
        assert_eq!(NormClass::of((1 << 27) + 1), Some(NormClass::Norm15));
        assert_eq!(NormClass::of(1 << 34), Some(NormClass::Norm17));
        assert_eq!(NormClass::of((1 << 34) + 1), None);
        assert_eq!(NormClass::Norm13.max_packed(NormClass::Norm15), 8);
        assert_eq!(NormClass::Norm13.max_packed(NormClass::Norm17), 128);
        assert_eq!(NormClass::Norm15.max_packed(NormClass::Norm13), 0);
    }
}
