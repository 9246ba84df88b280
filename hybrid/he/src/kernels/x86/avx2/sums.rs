//! Sums of products of digits: low, middle and high digit sums apart, reduced once.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_and_si256, _mm256_mul_epu32, _mm256_set1_epi64x,
    _mm256_setzero_si256, _mm256_srli_epi64,
};

use super::super::super::{Constants, Sum};
use super::{LANES, load};
use crate::lines::Line;
use crate::table::Table;

/// Bits of a digit: 4096 products of two of them stay below `2^64`.
pub(super) const DIGIT: i32 = 26;

/// A digit.
pub(super) const DIGIT_MASK: u64 = (1 << DIGIT) - 1;

/// Components of a ciphertext.
const PARTS: usize = 2;

/// Sums of both components of four lanes: by component, then low, middle, high.
type Digits = [[__m256i; 3]; PARTS];

#[target_feature(enable = "avx2")]
pub(super) fn accumulate(table: &Table, sum: Sum<'_>, out: &mut [Line]) {
    let (inputs, _) = sum.inputs.as_chunks::<PARTS>();
    let (out, _) = out.as_chunks_mut::<PARTS>();
    let lines = sum
        .weights
        .chunks_exact(sum.terms * sum.rows)
        .zip(inputs.chunks_exact(sum.terms));
    for ((weights, inputs), out) in lines.zip(out.chunks_exact_mut(sum.rows)) {
        for (row, out) in out.iter_mut().enumerate() {
            let own = || weights.iter().skip(row).step_by(sum.rows).zip(inputs);
            let (mut low, mut high) = (zero(), zero());
            for (weight, inputs) in own() {
                add::<0>(&mut low, load::<0>(weight), inputs);
                add::<1>(&mut high, load::<1>(weight), inputs);
            }
            finish(table, [low, high], out);
        }
    }
}

#[target_feature(enable = "avx2")]
pub(super) fn accumulate_constants(table: &Table, sum: Constants<'_>, out: &mut [Line]) {
    let (inputs, _) = sum.inputs.as_chunks::<PARTS>();
    let (out, _) = out.as_chunks_mut::<PARTS>();
    let lines = inputs.chunks_exact(sum.terms);
    for (inputs, out) in lines.zip(out.chunks_exact_mut(sum.rows)) {
        for (row, out) in out.iter_mut().enumerate() {
            let (mut low, mut high) = (zero(), zero());
            for (weight, inputs) in sum.weights.iter().skip(row).step_by(sum.rows).zip(inputs) {
                let weight = _mm256_set1_epi64x(weight.cast_signed());
                add::<0>(&mut low, weight, inputs);
                add::<1>(&mut high, weight, inputs);
            }
            finish(table, [low, high], out);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn zero() -> Digits {
    [[_mm256_setzero_si256(); 3]; PARTS]
}

#[inline]
#[target_feature(enable = "avx2")]
fn add<const HALF: usize>(sums: &mut Digits, weight: __m256i, inputs: &[Line; PARTS]) {
    let mask = _mm256_set1_epi64x(DIGIT_MASK.cast_signed());
    let (w0, w1) = (
        _mm256_and_si256(weight, mask),
        _mm256_srli_epi64::<DIGIT>(weight),
    );
    for (sums, input) in sums.iter_mut().zip(inputs) {
        let x0 = load::<HALF>(input);
        let x1 = _mm256_srli_epi64::<32>(x0);
        let middle = _mm256_add_epi64(_mm256_mul_epu32(w0, x1), _mm256_mul_epu32(w1, x0));
        sums[0] = _mm256_add_epi64(sums[0], _mm256_mul_epu32(w0, x0));
        sums[1] = _mm256_add_epi64(sums[1], middle);
        sums[2] = _mm256_add_epi64(sums[2], _mm256_mul_epu32(w1, x1));
    }
}

/// Reduces eight lanes of both components and adds them to what is there.
#[inline]
#[target_feature(enable = "avx2")]
fn finish(table: &Table, halves: [Digits; 2], out: &mut [Line; PARTS]) {
    let q = table.modulus;
    for (half, digits) in halves.iter().enumerate() {
        for (digits, out) in digits.iter().zip(out.iter_mut()) {
            let [low, middle, high]: [[u64; LANES]; 3] = bytemuck::cast(*digits);
            let sums = low.iter().zip(middle).zip(high);
            let places = out.0.iter_mut().skip(LANES * half);
            for (place, ((low, middle), high)) in places.zip(sums) {
                let sum = u128::from(*low)
                    + (u128::from(middle) << DIGIT)
                    + (u128::from(high) << (2 * DIGIT));
                *place = q.add(*place, q.reduce_wide(sum));
            }
        }
    }
}
