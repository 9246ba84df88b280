//! What the blocks compute, as plain functions on integers, independent of any gate.
//!
//! Signed arguments are two's complement numbers of the stated width, given and returned as `i64`.

use crate::activation::{Function, Table};
use crate::error::Error;
use crate::eval::{mask, signed};
use crate::generate::{Dot, Mul};

/// The value reduced to `bits` and read as signed.
#[must_use]
pub fn wrap(value: i128, bits: u32) -> i64 {
    let low = u64::try_from(value.cast_unsigned() & u128::from(u64::MAX)).unwrap_or(0);
    signed(low, bits)
}

/// `floor((s + floor(d/2)) / d)` for `d >= 1`.
#[must_use]
pub fn div_const(s: i64, d: u64) -> i64 {
    div_const_wide(s.into(), d)
}

/// [`div_const`] of a sum that may exceed 64 bits, modulo 2^64.
#[must_use]
pub fn div_const_wide(s: i128, d: u64) -> i64 {
    let d = i128::from(d.max(1));
    wrap((s + d / 2).div_euclid(d), 64)
}

/// `b + ReLU(a − b)`, the difference and the sum modulo `2^bits`.
#[must_use]
pub fn modular_max(a: i64, b: i64, bits: u32) -> i64 {
    let difference = wrap(i128::from(a) - i128::from(b), bits);
    wrap(i128::from(b) + i128::from(difference.max(0)), bits)
}

/// [`modular_max`] with `lo`, then `a − ReLU(a − hi)` modulo `2^bits`.
#[must_use]
pub fn modular_clip(x: i64, lo: i64, hi: i64, bits: u32) -> i64 {
    let raised = modular_max(x, lo, bits);
    let difference = wrap(i128::from(raised) - i128::from(hi), bits);
    wrap(i128::from(raised) - i128::from(difference.max(0)), bits)
}

/// [`modular_max`] over a window given row by row: each row left to right in adjacent pairs, an odd
/// last one carried, until one is left; then the rows' results likewise. 0 for an empty window.
#[must_use]
pub fn modular_max_pool(window: &[i64], columns: u32, bits: u32) -> i64 {
    let tournament = |mut round: Vec<i64>| {
        while round.len() > 1 {
            let best = |pair: &[i64]| match *pair {
                [a, b] => modular_max(a, b, bits),
                [one] => one,
                _ => 0,
            };
            round = round.chunks(2).map(best).collect();
        }
        round.first().copied().unwrap_or(0)
    };
    let rows = window
        .chunks(columns.max(1) as usize)
        .map(|row| tournament(row.to_vec()));
    tournament(rows.collect())
}

/// `max(z, 0)`.
#[must_use]
pub fn relu(z: i64) -> i64 {
    z.max(0)
}

/// Index of the greatest value, the lowest index among equals; 0 for no values.
#[must_use]
pub fn argmax(values: &[i64]) -> usize {
    let better = |best: (usize, Option<i64>), (i, &v): (usize, &i64)| match best.1 {
        Some(top) if top >= v => best,
        _ => (i, Some(v)),
    };
    values.iter().enumerate().fold((0, None), better).0
}

/// The dot product chunk: `acc + Σ_j Σ_i 2^i·u_ji mod 2^(ring_bits + 1)`, where `u_ji` is `a_j`
/// with every bit flipped where bit `i` of `digits_j` is 1, its top bit flipped once more, as an
/// unsigned number of `a_bits`, its lowest `drop − i` bits, if any, replaced by zeros.
#[must_use]
pub fn dot(acc: u64, a: &[i64], digits: &[u64], spec: Dot) -> u64 {
    let Dot {
        a_bits,
        w_bits,
        ring_bits,
        drop,
        ..
    } = spec;
    let mut sum = acc;
    for (&a, &digits) in a.iter().zip(digits) {
        for i in 0..w_bits {
            let flipped = if digits >> i & 1 == 1 { !a } else { a };
            let offset = i128::from(wrap(flipped.into(), a_bits)) + (1i128 << (a_bits - 1));
            let row = u64::try_from(offset).unwrap_or(0) & !mask(drop.saturating_sub(i));
            sum = sum.wrapping_add(row << i);
        }
    }
    sum & mask(ring_bits + 1)
}

/// Bits `shift..shift + out_bits` of `a·b` of two signed `bits`-bit numbers. Where columns below
/// `drop` are omitted: of `a·b − omitted + compensation`, where `omitted` is
///
/// * for each `r < drop` with digit bit `d_r` (bit `r + 1` of b inverted; the sign bit as it is):
///   `2^r·((a, its bits flipped where d_r = 1) mod 2^(drop − r) + d_r)`, and
/// * `2^drop − (a mod 2^drop)` where b is even, else `2^drop`.
#[must_use]
pub fn mul(a: i64, b: i64, spec: Mul) -> i64 {
    let mut product = i128::from(a) * i128::from(b);
    if spec.drop > 0 {
        for r in 0..spec.drop {
            let negative = (b >> (r + 1) & 1 == 1) == (r + 2 == spec.bits);
            let low = (if negative { !a } else { a }).cast_unsigned() & mask(spec.drop - r);
            product -= (i128::from(low) + i128::from(negative)) << r;
        }
        let subtracted = if b & 1 == 0 {
            a.cast_unsigned() & mask(spec.drop)
        } else {
            0
        };
        product -= (1 << spec.drop) - i128::from(subtracted);
        product += i128::from(spec.compensation());
    }
    wrap(product >> spec.shift, spec.out_bits)
}

/// `floor(a·2^frac / b)` for b other than 0, reduced to 64 bits; 0 for b = 0.
#[must_use]
pub fn div(a: i64, b: i64, frac: u32) -> i64 {
    if b == 0 {
        return 0;
    }
    let (scaled, b) = (i128::from(a) << frac.min(63), i128::from(b));
    // Euclidean remainders are not negative: the quotient of a negative divisor is one too great
    // unless the division is exact.
    let above = b < 0 && scaled.rem_euclid(b) != 0;
    wrap(scaled.div_euclid(b) - i128::from(above), 64)
}

/// Sigmoid by its table, input and output of `bits` bits with `frac` behind the point.
///
/// # Errors
///
/// As [`Table::new`](crate::activation::Table::new).
pub fn sigmoid(x: i64, bits: u32, frac: u32) -> Result<i64, Error> {
    Ok(Table::new(Function::Sigmoid, bits, frac)?.apply(x))
}

/// Tanh by its table, input and output of `bits` bits with `frac` behind the point.
///
/// # Errors
///
/// As [`Table::new`](crate::activation::Table::new).
pub fn tanh(x: i64, bits: u32, frac: u32) -> Result<i64, Error> {
    Ok(Table::new(Function::Tanh, bits, frac)?.apply(x))
}
