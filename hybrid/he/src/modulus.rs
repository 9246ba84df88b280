//! Arithmetic modulo a prime just below a power of two, without branches on values.

/// A prime of up to 60 bits, and what reduction needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modulus {
    value: u64,
    bits: u32,
    /// `⌊2^(2·bits) / value⌋`.
    barrett: u64,
    /// `⌊2^64 / value⌋`.
    reciprocal: u64,
    /// `2^64` modulo the value.
    word: u64,
    /// The least multiple of the value above `2^62`.
    lift: u64,
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the low words of wide products are what is wanted"
)]
impl Modulus {
    pub(crate) const fn new(value: u64) -> Self {
        let bits = u64::BITS - value.leading_zeros();
        Self {
            value,
            bits,
            barrett: ((1u128 << (2 * bits)) / value as u128) as u64,
            reciprocal: ((1u128 << 64) / value as u128) as u64,
            word: ((1u128 << 64) % value as u128) as u64,
            lift: ((1u64 << 62) / value + 1) * value,
        }
    }

    /// The modulus itself.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.value
    }

    /// Its length in bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.bits
    }

    /// `2^bits − value`.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const fn gap(self) -> u64 {
        (1 << self.bits) - self.value
    }

    /// `x`, or `x − value` if that is not negative; for `x < 2·value`.
    #[inline]
    pub(crate) const fn once(self, x: u64) -> u64 {
        let less = x.wrapping_sub(self.value);
        less.wrapping_add(self.value & (less >> 63).wrapping_neg())
    }

    #[inline]
    pub(crate) const fn add(self, a: u64, b: u64) -> u64 {
        self.once(a + b)
    }

    #[inline]
    pub(crate) const fn sub(self, a: u64, b: u64) -> u64 {
        self.once(a + self.value - b)
    }

    #[inline]
    pub(crate) const fn neg(self, a: u64) -> u64 {
        self.once(self.value - a)
    }

    /// `a·b` modulo the value, by Barrett's quotient; both below the value.
    #[inline]
    pub(crate) const fn mul(self, a: u64, b: u64) -> u64 {
        self.reduce_product(a as u128 * b as u128)
    }

    /// A product below `2^(2·bits)`.
    #[inline]
    const fn reduce_product(self, product: u128) -> u64 {
        let top = (product >> (self.bits - 1)) as u64;
        let quotient = ((top as u128 * self.barrett as u128) >> (self.bits + 1)) as u64;
        let rest = (product as u64).wrapping_sub(quotient.wrapping_mul(self.value));
        self.once(self.once(rest))
    }

    /// Any word.
    #[inline]
    pub(crate) const fn reduce(self, x: u64) -> u64 {
        let quotient = ((x as u128 * self.reciprocal as u128) >> 64) as u64;
        self.once(x.wrapping_sub(quotient.wrapping_mul(self.value)))
    }

    /// Any double word.
    #[inline]
    pub(crate) const fn reduce_wide(self, x: u128) -> u64 {
        let high = self.mul(self.reduce((x >> 64) as u64), self.word);
        self.add(high, self.reduce(x as u64))
    }

    /// The residue of a signed value of up to 62 bits and sign.
    #[inline]
    pub(crate) const fn signed(self, x: i64) -> u64 {
        self.reduce(self.lift.wrapping_add_signed(x))
    }

    /// The residue of a signed value whose magnitude is below the modulus.
    #[inline]
    pub(crate) const fn signed_below(self, x: i64) -> u64 {
        x.cast_unsigned()
            .wrapping_add(self.value & (x >> 63).cast_unsigned())
    }

    /// The residue of a signed double word of up to 126 bits and sign.
    #[inline]
    pub(crate) const fn signed_wide(self, x: i128) -> u64 {
        let high = self.signed((x >> 64) as i64);
        self.add(self.mul(high, self.word), self.reduce(x as u64))
    }

    /// `base^exponent`; in time that depends on the exponent, which is public.
    pub(crate) const fn pow_vartime(self, base: u64, mut exponent: u64) -> u64 {
        let (mut square, mut power) = (base, 1);
        while exponent > 0 {
            if exponent & 1 == 1 {
                power = self.mul(power, square);
            }
            square = self.mul(square, square);
            exponent >>= 1;
        }
        power
    }

    /// `1/x`: the modulus is prime.
    pub(crate) const fn invert(self, x: u64) -> u64 {
        self.pow_vartime(x, self.value - 2)
    }
}

#[cfg(test)]
mod tests {
    use crate::params::Parameters;

    #[test]
    fn every_operation_is_the_residue() {
        let mut state = 1u64;
        let mut word = || {
            state = state.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(7);
            state ^ (state >> 31)
        };
        for set in Parameters::ALL {
            for m in set.moduli() {
                let q = u128::from(m.value());
                let edges = [0, 1, m.value() - 1, m.value() / 2];
                for round in 0..2000 {
                    let pick = |w: u64| {
                        edges
                            .get((w >> 60) as usize)
                            .copied()
                            .unwrap_or(w % m.value())
                    };
                    let (a, b) = (pick(word()), pick(word()));
                    let (x, y) = (u128::from(a), u128::from(b));
                    assert_eq!(u128::from(m.mul(a, b)), x * y % q);
                    assert_eq!(u128::from(m.add(a, b)), (x + y) % q);
                    assert_eq!(u128::from(m.sub(a, b)), (x + q - y) % q);
                    assert_eq!(u128::from(m.neg(a)), (q - x) % q);
                    let w = if round == 0 { u64::MAX } else { word() };
                    assert_eq!(u128::from(m.reduce(w)), u128::from(w) % q);
                    let wide = (u128::from(w) << 64) | u128::from(word());
                    assert_eq!(u128::from(m.reduce_wide(wide)), wide % q);
                    let signed = (w.cast_signed()) >> 1;
                    assert_eq!(
                        i128::from(m.signed(signed)),
                        i128::from(signed).rem_euclid(q.cast_signed())
                    );
                    for below in [a.cast_signed(), -a.cast_signed()] {
                        assert_eq!(m.signed_below(below), m.signed(below));
                    }
                    let signed = wide.cast_signed() >> 1;
                    assert_eq!(
                        i128::from(m.signed_wide(signed)),
                        signed.rem_euclid(q.cast_signed())
                    );
                    if a != 0 {
                        assert_eq!(m.mul(a, m.invert(a)), 1);
                    }
                }
            }
        }
    }
}
