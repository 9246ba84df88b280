//! Multiplication with ±1 digits.

use serde::{Deserialize, Serialize};

use crate::builder::{Bit, Builder};
use crate::columns::Columns;
use crate::error::Error;
use crate::generate::{width, within};
use crate::netlist::Netlist;

/// Which bits of a product of two signed words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mul {
    /// Width of the factors.
    pub bits: u32,
    /// Low bits of the product that are not part of the result (fraction bits).
    pub shift: u32,
    /// Width of the result: bits `shift..shift + out_bits` of the product, all exact.
    pub out_bits: u32,
    /// Columns of the partial products below this one are omitted: 0 for an exact product, at most
    /// `shift`. What is omitted is replaced by its middle value and half a unit of the result:
    /// the result is rounded to nearest with an error stated by [`Mul::error_bound`].
    pub drop: u32,
}

impl Mul {
    /// `a·b mod 2^bits`.
    #[must_use]
    pub fn low(bits: u32) -> Self {
        Self {
            bits,
            shift: 0,
            out_bits: bits,
            drop: 0,
        }
    }

    /// The whole product, `2·bits` wide.
    #[must_use]
    pub fn full(bits: u32) -> Self {
        Self {
            bits,
            shift: 0,
            out_bits: 2 * bits,
            drop: 0,
        }
    }

    /// `floor(a·b / 2^frac) mod 2^bits`.
    #[must_use]
    pub fn fixed(bits: u32, frac: u32) -> Self {
        Self {
            bits,
            shift: frac,
            out_bits: bits,
            drop: 0,
        }
    }

    /// The constant added where columns are omitted, 0 for an exact product: half a unit of the
    /// result and the middle of what the omitted bits can be worth.
    ///
    /// With `k = drop` and `x = a mod 2^k`, row `r < k` loses `v = 2^r·(x mod 2^(k−r))` or, negative,
    /// `2^k − v`; the subtracted row loses `2^k` or `2^k − x`. The sum is at most `(k + 1)·2^k`. It is
    /// at least `2^k`: with `t = x / 2^k`, the rows lose at least `2^k·f(t)`, `f(t) = ‖t‖ + f(2t mod 1)`
    /// (the distance to the nearest integer), and `f(t) >= t` by induction.
    #[must_use]
    pub fn compensation(&self) -> u64 {
        match (self.drop.checked_sub(1), self.shift.checked_sub(1)) {
            (Some(drop), Some(half)) => {
                (1 << half.min(63)) + (u64::from(self.drop + 2) << drop.min(40))
            }
            _ => 0,
        }
    }

    /// Bound of the error in units of the result: below 1 for an exact product, which is rounded
    /// down; `1/2 + drop·2^(drop − 1 − shift)` where columns are omitted. While that is below 1, a
    /// product with 0 is 0.
    #[must_use]
    pub fn error_bound(&self) -> f64 {
        if self.drop == 0 {
            return 1.0;
        }
        let exponent = i64::from(self.drop) - 1 - i64::from(self.shift);
        0.5 + f64::from(self.drop) * 2f64.powi(i32::try_from(exponent).unwrap_or(0))
    }
}

/// A product with a public constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MulConst {
    /// Width of the signed factor.
    pub bits: u32,
    /// Width of the result: the product modulo `2^out_bits`.
    pub out_bits: u32,
    /// The constant.
    pub constant: i64,
}

/// `y` = the chosen bits of `a·b`, both signed.
///
/// # Errors
///
/// [`Error::Parameter`] unless `bits` is in 2..=64, `out_bits` in 1..=64, `shift + out_bits` at most
/// `2·bits`, and `drop` at most `shift` and below `bits` and 25.
pub fn mul(spec: Mul) -> Result<Netlist, Error> {
    within("mul", "width", spec.bits.into(), 2..=64)?;
    width("mul", spec.out_bits)?;
    let top = u64::from(spec.shift) + u64::from(spec.out_bits);
    within(
        "mul",
        "highest bit of the result",
        top,
        1..=2 * u64::from(spec.bits),
    )?;
    within(
        "mul",
        "omitted columns",
        spec.drop.into(),
        0..=u64::from(spec.shift.min(24)),
    )?;
    let mut builder = Builder::new();
    let a = builder.input("a", spec.bits);
    let b = builder.input("b", spec.bits);
    let product = builder.multiply(&a, &b, spec);
    builder.output("y", &product);
    builder.finish()
}

/// `y = constant·a mod 2^out_bits`, `a` signed: one addition for each nonzero digit of the
/// constant's canonical signed form but one.
///
/// # Errors
///
/// [`Error::Parameter`] for widths outside 1..=64.
pub fn mul_const(spec: MulConst) -> Result<Netlist, Error> {
    width("mul_const", spec.bits)?;
    width("mul_const", spec.out_bits)?;
    let mut builder = Builder::new();
    let a = builder.input("a", spec.bits);
    let y = builder.multiply_const(&a, spec.constant, spec.out_bits);
    builder.output("y", &y);
    builder.finish()
}

impl Builder {
    /// Bits of the product of two signed words of equal width (see [`Mul`]).
    ///
    /// With the digits of [`dot`](crate::dot), `2b + 1 = Σ_i s_i·2^i`, so
    /// `a·b = Σ_{i≥1} s_i·2^(i−1)·a + (s_0 − 1)/2·a`: n − 1 rows that are XORs, each with a one for its
    /// negative digit, and `−a` where the low bit of b is 0, the only row that needs ANDs.
    fn multiply(&mut self, a: &[Bit], b: &[Bit], spec: Mul) -> Vec<Bit> {
        let top = spec.shift + spec.out_bits;
        let drop = spec.drop as usize;
        let mut columns = Columns::new(top);
        let keep = |columns: &mut Columns, column: usize, word: &[Bit]| {
            let cut = drop
                .saturating_sub(column)
                .min(word.len().saturating_sub(1));
            columns.push_signed(column + cut, word.get(cut..).unwrap_or_default());
        };
        let even = !b.first().copied().unwrap_or(Bit::FALSE);
        let subtracted = self.and_bit(a, even);
        let inverted: Vec<Bit> = subtracted.iter().map(|&bit| !bit).collect();
        keep(&mut columns, 0, &inverted);
        if drop == 0 {
            columns.push(0, Bit::TRUE);
        }
        for (row, &bit) in b.iter().skip(1).enumerate() {
            // The top bit of b weighs negative: its digit is the other way round.
            let negative = bit.flip(row + 2 != b.len());
            columns.settle(self);
            let word = self.xor_bit(a, negative);
            keep(&mut columns, row, &word);
            if row >= drop {
                columns.push(row, negative);
            }
        }
        columns.push_constant(spec.compensation().into());
        let sum = columns.finish(self);
        sum.into_iter().skip(spec.shift as usize).collect()
    }

    /// `constant·a mod 2^bits`.
    pub fn multiply_const(&mut self, a: &[Bit], constant: i64, bits: u32) -> Vec<Bit> {
        let a = Self::resize(a, bits);
        let mut sum: Option<Vec<Bit>> = None;
        for (shift, negative) in signed_digits(constant) {
            let mut term = vec![Bit::FALSE; (shift as usize).min(a.len())];
            term.extend(a.iter().copied().take(a.len() - term.len()));
            sum = Some(match sum {
                None if negative => self.neg(&term),
                None => term,
                Some(sum) if negative => self.sub(&sum, &term),
                Some(sum) => self.add(&sum, &term, Bit::FALSE),
            });
        }
        sum.unwrap_or_else(|| vec![Bit::FALSE; a.len()])
    }
}

/// The canonical signed digits: no two neighbours are nonzero. A positive digit comes first where
/// there is one, so that the sum starts without a negation; then from the lowest.
fn signed_digits(constant: i64) -> Vec<(u32, bool)> {
    let mut rest = i128::from(constant);
    let mut digits = Vec::new();
    let mut shift = 0;
    while rest != 0 {
        if rest & 1 == 1 {
            let negative = rest & 3 == 3;
            digits.push((shift, negative));
            rest += if negative { 1 } else { -1 };
        }
        rest >>= 1;
        shift += 1;
    }
    if let Some(first) = digits.iter().position(|&(_, negative)| !negative) {
        let digit = digits.remove(first);
        digits.insert(0, digit);
    }
    digits
}
