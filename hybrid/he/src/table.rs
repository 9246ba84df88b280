//! Roots of unity for one prime and degree, in the forms that the kernels want.
#![expect(
    clippy::indexing_slicing,
    reason = "tables of `degree` entries, indexed by positions below it"
)]

use crate::modulus::Modulus;

/// A root, and `⌊root·2^64 / q⌋` beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Root {
    pub(crate) value: u64,
    pub(crate) quotient: u64,
}

impl Root {
    #[expect(clippy::cast_possible_truncation, reason = "below 2^64: value < q")]
    fn new(modulus: Modulus, value: u64) -> Self {
        let quotient = ((u128::from(value) << 64) / u128::from(modulus.value())) as u64;
        Self { value, quotient }
    }

    /// `x·root` modulo the prime, for any `x`.
    #[inline]
    pub(crate) const fn times(self, modulus: Modulus, x: u64) -> u64 {
        let quotient = ((x as u128 * self.quotient as u128) >> 64) as u64;
        let product = x.wrapping_mul(self.value);
        modulus.once(product.wrapping_sub(quotient.wrapping_mul(modulus.value())))
    }
}

/// Everything that transforms modulo one prime need.
///
/// The root ψ of `x^degree + 1` is `g^((q−1)/(2·degree))` for the least `g ≥ 2` that makes it one: values in evaluation order
/// travel between machines, so the choice is part of the format.
pub(crate) struct Table {
    pub(crate) modulus: Modulus,
    pub(crate) degree: usize,
    /// `ψ^rev(i)`, with `rev` the reversal of `log2 degree` bits.
    pub(crate) forward: Vec<Root>,
    /// `ψ^−rev(i)`.
    pub(crate) inverse: Vec<Root>,
    /// `1/degree`.
    pub(crate) shrink: Root,
    #[cfg(target_arch = "x86_64")]
    pub(crate) wide: crate::kernels::Wide,
}

impl Table {
    pub(crate) fn new(modulus: Modulus, degree: usize) -> Self {
        let psi = root(modulus, degree);
        let forward = powers(modulus, degree, psi);
        let inverse = powers(modulus, degree, modulus.invert(psi));
        Self {
            modulus,
            degree,
            shrink: Root::new(modulus, modulus.invert(degree as u64)),
            #[cfg(target_arch = "x86_64")]
            wide: crate::kernels::Wide::new(modulus, &forward, &inverse),
            forward,
            inverse,
        }
    }
}

fn root(modulus: Modulus, degree: usize) -> u64 {
    let order = 2 * degree as u64;
    (2..)
        .map(|g| modulus.pow_vartime(g, (modulus.value() - 1) / order))
        .find(|psi| modulus.pow_vartime(*psi, degree as u64) == modulus.value() - 1)
        .unwrap_or(1)
}

/// `base^rev(i)` for every `i` below the degree.
fn powers(modulus: Modulus, degree: usize, base: u64) -> Vec<Root> {
    let shift = usize::BITS - degree.trailing_zeros();
    let mut all = vec![Root::new(modulus, 1); degree];
    let mut power = 1;
    for i in 0..degree {
        all[i.reverse_bits() >> shift] = Root::new(modulus, power);
        power = modulus.mul(power, base);
    }
    all
}
