//! Division by a public constant, rounding to nearest.

use serde::{Deserialize, Serialize};

use crate::builder::{Bit, Builder};
use crate::columns::Columns;
use crate::error::Error;
use crate::generate::{width, within};
use crate::netlist::Netlist;

/// A division `y = floor((a + floor(D/2)) / D)` by a public constant D.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DivConst {
    /// Width of the signed dividend.
    pub in_bits: u32,
    /// Width to which the quotient is reduced or sign-extended.
    pub out_bits: u32,
    /// D, at least 1.
    pub divisor: u64,
}

/// Largest divisor.
pub const MAX_DIVISOR: u64 = 1 << 32;

/// `y = floor((a + floor(D/2)) / D)`, exact for every signed `a` of `in_bits`.
///
/// # Errors
///
/// [`Error::Parameter`] for widths outside 1..=64 or a divisor outside 1..=2^32.
pub fn div_const(spec: DivConst) -> Result<Netlist, Error> {
    check(spec)?;
    let mut builder = Builder::new();
    let a = builder.input("a", spec.in_bits);
    let y = builder.div_const(&a, spec.divisor);
    builder.output("y", &Builder::resize(&y, spec.out_bits));
    builder.finish()
}

/// The average of a pooling window: `y = floor((Σ x_j + floor(D/2)) / D)` over `cells` signed words
/// `x0…` of `bits` each, the sum exact. D is the number of cells counted, times `2^s` where fraction
/// bits are dropped too; `spec.in_bits` is the width of a word.
///
/// # Errors
///
/// As [`div_const`], or `cells` outside 1..=4096.
pub fn avg_pool(cells: u32, spec: DivConst) -> Result<Netlist, Error> {
    check(spec)?;
    within("avg_pool", "number of cells", u64::from(cells), 1..=4096)?;
    let sum_bits = spec.in_bits + cells.next_power_of_two().trailing_zeros();
    let mut builder = Builder::new();
    let words: Vec<Vec<Bit>> = (0..cells)
        .map(|j| builder.input(&format!("x{j}"), spec.in_bits))
        .collect();
    let mut columns = Columns::new(sum_bits);
    for word in &words {
        columns.push_signed(0, word);
        columns.settle(&mut builder);
    }
    let sum = columns.finish(&mut builder);
    let y = builder.div_const(&sum, spec.divisor);
    builder.output("y", &Builder::resize(&y, spec.out_bits));
    builder.finish()
}

fn check(spec: DivConst) -> Result<(), Error> {
    width("div_const", spec.in_bits)?;
    width("div_const", spec.out_bits)?;
    within("div_const", "divisor", spec.divisor, 1..=MAX_DIVISOR)
}

impl Builder {
    /// `floor((a + floor(D/2)) / D)` of a signed word, exact; the result is signed and at most one
    /// bit wider than `a`. D is at least 1.
    ///
    /// Let `D = d·2^s` with d odd and `e = (d − 1)/2`. For `s > 0`, `floor(D/2) = d·2^(s−1)` and
    /// `floor((a + d·2^(s−1)) / 2^s) = floor(a / 2^s) + r + e` where r is bit `s − 1` of `a`:
    /// writing `a = 2^(s−1)·(2u + r) + v`, both sides are `u + floor((r + d)/2)`. So the low bits
    /// never enter an adder, and what is left is a floor division by the odd d.
    pub fn div_const(&mut self, a: &[Bit], divisor: u64) -> Vec<Bit> {
        let divisor = divisor.max(1);
        let shift = divisor.trailing_zeros() as usize;
        let odd = divisor >> shift;
        let sign = a.last().copied().unwrap_or(Bit::FALSE);
        let round = if shift == 0 {
            Bit::FALSE
        } else {
            a.get(shift - 1).copied().unwrap_or(sign)
        };
        let mut high = a.get(shift..).unwrap_or_default().to_vec();
        if high.is_empty() {
            high.push(sign);
        }
        let bits = u32::try_from(high.len()).unwrap_or(u32::MAX);
        // The sum is at most 2^(bits-1) + e and needs one more bit where e fits below it.
        let e_bits = u64::BITS - (odd / 2).leading_zeros() + 1;
        let sum_bits = if odd == 1 && shift == 0 {
            bits
        } else {
            bits.max(e_bits) + 1
        };
        let half = Self::constant((odd / 2).cast_signed(), sum_bits);
        let sum = self.add(&Self::resize(&high, sum_bits), &half, round);
        self.floor_div_odd(&sum, odd)
    }

    /// `floor(a / d)` of a signed word for odd d.
    ///
    /// `floor(a / pq) = floor(floor(a / p) / q)`: a composite d is divided by its factors one after
    /// the other where that has fewer ANDs.
    fn floor_div_odd(&mut self, a: &[Bit], d: u64) -> Vec<Bit> {
        if d <= 1 {
            return a.to_vec();
        }
        let bits = u32::try_from(a.len()).unwrap_or(u32::MAX);
        match best_split(bits, d).1 {
            None => self.divide_once(a, d),
            Some(factor) => {
                let first = self.divide_once(a, factor);
                self.floor_div_odd(&first, d / factor)
            }
        }
    }

    /// Non-restoring division by odd `d > 1`.
    ///
    /// Let k be the width of d. The remainder R stays in `[−d, d)`, k + 1 signed bits; it starts as
    /// the top k bits of `a`, `[−2^(k−1), 2^(k−1))`. A step with the next bit b of `a` and
    /// `σ = +1` where `R >= 0`, else −1, is `R' = 2R + b − σ·d`. With n steps,
    /// `a = d·Σ σ_i·2^i + R_n`, so `floor(a/d) = Σ σ_i·2^i − [R_n < 0]`; with `σ_i = 2t_i − 1` this is
    /// `2·Σ t_i·2^i − 2^n + [R_n >= 0]`: the bits of the quotient are the t_i shifted up by one,
    /// `[R_n >= 0]` below them, the top one inverted.
    ///
    /// A step is an addition of `±d`, d with its bits flipped by the sign and the carry set by it; as
    /// d is odd, its low bit and that carry are a 0 and a 1, so the low sum bit is `¬b` and the
    /// carry out is b: k − 1 ANDs a step.
    fn divide_once(&mut self, a: &[Bit], d: u64) -> Vec<Bit> {
        let k = (u64::BITS - d.leading_zeros()) as usize;
        let Some(steps) = a.len().checked_sub(k) else {
            // |a| < 2^(k-1) <= d: the quotient is 0 or -1.
            return vec![a.last().copied().unwrap_or(Bit::FALSE)];
        };
        let (low, high) = a.split_at(steps);
        let mut remainder = high.to_vec();
        remainder.push(high.last().copied().unwrap_or(Bit::FALSE));
        let mut quotient = Vec::with_capacity(steps + 1);
        for &bit in low.iter().rev() {
            let negative = remainder.last().copied().unwrap_or(Bit::FALSE);
            quotient.push(!negative);
            let row: Vec<Bit> = (1..=k).map(|i| !negative.flip(d >> i & 1 == 1)).collect();
            let mut next = vec![!bit];
            next.extend(self.add(&remainder, &row, bit));
            remainder = next;
        }
        quotient.push(!remainder.last().copied().unwrap_or(Bit::FALSE));
        quotient.reverse();
        if let Some(top) = quotient.last_mut() {
            *top = !*top;
        }
        quotient
    }
}

/// ANDs of the division of a signed word of `bits` by odd d, and the factor to divide by first,
/// unless d as a whole is best.
fn best_split(bits: u32, d: u64) -> (u32, Option<u64>) {
    let mut best = (once(bits, d).0, None);
    let mut factor = 3;
    while factor * factor <= d {
        if d.is_multiple_of(factor) {
            for first in [factor, d / factor] {
                let (ands, left) = once(bits, first);
                let total = ands + best_split(left, d / first).0;
                if total < best.0 {
                    best = (total, Some(first));
                }
            }
        }
        factor += 2;
    }
    best
}

/// ANDs of one non-restoring division, and the width of its quotient.
fn once(bits: u32, d: u64) -> (u32, u32) {
    let k = u64::BITS - d.leading_zeros();
    let steps = bits.saturating_sub(k);
    (steps * (k - 1), steps + 1)
}
