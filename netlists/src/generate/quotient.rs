//! Division of two secret numbers.

use serde::{Deserialize, Serialize};

use crate::builder::{Bit, Builder};
use crate::error::Error;
use crate::generate::within;
use crate::netlist::Netlist;

/// A division `y = floor(a·2^frac / b)` of signed words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Div {
    /// Width of dividend, divisor and quotient.
    pub bits: u32,
    /// Fraction bits of the quotient; 0 for integers.
    pub frac: u32,
}

impl Div {
    /// True where the quotient is defined: `b` is not 0 and `−2^(bits−1) <= a·2^frac / b < 2^(bits−1)`.
    #[must_use]
    pub fn is_defined(&self, a: i64, b: i64) -> bool {
        let scaled = i128::from(a) << self.frac.min(63);
        let bound = i128::from(b) << (self.bits.clamp(1, 64) - 1);
        match b.signum() {
            1 => -bound <= scaled && scaled < bound,
            -1 => bound < scaled && scaled <= -bound,
            _ => false,
        }
    }
}

/// `y = floor(a·2^frac / b)`, exact wherever [`Div::is_defined`], unspecified elsewhere.
///
/// # Errors
///
/// [`Error::Parameter`] unless `bits` is in 2..=64 and `frac` below it.
pub fn div(spec: Div) -> Result<Netlist, Error> {
    within("div", "width", spec.bits.into(), 2..=64)?;
    within(
        "div",
        "fraction bits",
        spec.frac.into(),
        0..=u64::from(spec.bits - 1),
    )?;
    let mut builder = Builder::new();
    let a = builder.input("a", spec.bits);
    let b = builder.input("b", spec.bits);
    let y = builder.divide(&a, &b, spec);
    builder.output("y", &y);
    builder.finish()
}

impl Builder {
    /// Non-restoring division.
    ///
    /// Where b is negative, `−a / −b` is meant: a is negated, and b is not, because only the
    /// direction in which it is added changes. The remainder R stays in `[−|b|, |b|)` and starts as
    /// what is above the quotient's bits in the dividend; a step is `R' = 2R + bit − σ·|b|` with
    /// `σ = +1` where `R >= 0`, one AND a bit but the top one. The quotient's bits are as in
    /// [`Builder::div_const`](Self::div_const).
    fn divide(&mut self, a: &[Bit], b: &[Bit], spec: Div) -> Vec<Bit> {
        let sign = b.last().copied().unwrap_or(Bit::FALSE);
        let wide = Self::resize(a, spec.bits + 1);
        let flipped = self.xor_bit(&wide, sign);
        let zero = vec![Bit::FALSE; wide.len()];
        let dividend = self.add(&flipped, &zero, sign);
        // Of the dividend a·2^frac, steps - frac bits are not yet in the first remainder.
        let split = (spec.bits - 1 - spec.frac) as usize;
        let (low, high) = dividend.split_at(split.min(dividend.len()));
        let zeros = std::iter::repeat_n(Bit::FALSE, spec.frac as usize);
        let bits = low.iter().rev().copied().chain(zeros);
        self.non_restoring(Self::resize(high, spec.bits), bits, b, sign)
    }

    /// The quotient of `remainder·2^n + bits` by `|b|`, n the number of bits, most significant
    /// first; `remainder` in `[−|b|, |b|)` and as wide as b; `sign` is b's. n + 1 bits.
    pub(super) fn non_restoring(
        &mut self,
        remainder: Vec<Bit>,
        bits: impl Iterator<Item = Bit>,
        b: &[Bit],
        sign: Bit,
    ) -> Vec<Bit> {
        let mut remainder = remainder;
        let mut quotient = Vec::new();
        for bit in bits {
            let negative = remainder.last().copied().unwrap_or(Bit::FALSE);
            quotient.push(!negative);
            // Subtract b where the signs of R and b agree.
            let subtract = !self.xor(negative, sign);
            let row = self.xor_bit(b, subtract);
            let mut twice = vec![bit];
            twice.extend(remainder);
            remainder = self.add(&twice, &row, subtract);
        }
        quotient.push(!remainder.last().copied().unwrap_or(Bit::FALSE));
        quotient.reverse();
        if let Some(top) = quotient.last_mut() {
            *top = !*top;
        }
        quotient
    }
}
