//! Sums of products.
#![expect(
    clippy::indexing_slicing,
    reason = "rows and components below their numbers"
)]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_set1_epi64,
    _mm512_setzero_si512, _mm512_srli_epi64, _mm512_sub_epi64,
};

use super::super::super::{Constants, Sum};
use super::super::DIGIT;
use super::{Factor, Fold, Prime, load, once, store};
use crate::lines::Line;
use crate::table::Table;

/// Components of a ciphertext.
const PARTS: usize = 2;

/// Residues to Montgomery form, below q.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn form(table: &Table, lines: &mut [Line]) {
    let prime = Prime::new(table);
    let enter = Factor::broadcast(table.wide.enter);
    for line in lines {
        store(line, once(prime.times(load(line), enter), prime.q));
    }
}

/// Low and high halves of the sums of `ROWS` rows and both components.
#[derive(Clone, Copy)]
struct Halves<const ROWS: usize> {
    low: [[__m512i; PARTS]; ROWS],
    high: [[__m512i; PARTS]; ROWS],
}

impl<const ROWS: usize> Halves<ROWS> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn zero() -> Self {
        let zero = [[_mm512_setzero_si512(); PARTS]; ROWS];
        Self {
            low: zero,
            high: zero,
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn add(&mut self, row: usize, weight: __m512i, inputs: [__m512i; PARTS]) {
        for (part, input) in inputs.into_iter().enumerate() {
            let (low, high) = (self.low[row][part], self.high[row][part]);
            self.low[row][part] = _mm512_madd52lo_epu64(low, weight, input);
            self.high[row][part] = _mm512_madd52hi_epu64(high, weight, input);
        }
    }
}

/// What reduces sums.
#[derive(Clone, Copy)]
struct Reduce {
    prime: Prime,
    fold: Fold,
    inverse_q: __m512i,
}

impl Reduce {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(table: &Table) -> Self {
        Self {
            prime: Prime::new(table),
            fold: Fold::new(table),
            inverse_q: _mm512_set1_epi64(table.wide.inverse_q.cast_signed()),
        }
    }

    /// `(high·2^52 + low)/2^52` plus what was there, below q. Sums of 4096 products: `low < 2^64`, `high < 2^60`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn reduce(self, low: __m512i, high: __m512i, before: __m512i) -> __m512i {
        let zero = _mm512_setzero_si512();
        let high = _mm512_add_epi64(high, _mm512_srli_epi64::<DIGIT>(low));
        let m = _mm512_madd52lo_epu64(zero, low, self.inverse_q);
        let subtrahend = _mm512_madd52hi_epu64(zero, m, self.prime.q);
        let lifted = _mm512_add_epi64(high, self.prime.q);
        let folded = self.fold.fold(_mm512_sub_epi64(lifted, subtrahend));
        let residue = once(folded, self.prime.q);
        once(_mm512_add_epi64(residue, before), self.prime.q)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn finish<const ROWS: usize>(self, sums: &Halves<ROWS>, out: &mut [[Line; PARTS]; ROWS]) {
        for ((out, low), high) in out.iter_mut().zip(sums.low).zip(sums.high) {
            for ((out, low), high) in out.iter_mut().zip(low).zip(high) {
                store(out, self.reduce(low, high, load(out)));
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn accumulate<const ROWS: usize>(table: &Table, sum: Sum<'_>, out: &mut [Line]) {
    let reduce = Reduce::new(table);
    let (inputs, _) = sum.inputs.as_chunks::<PARTS>();
    let (weights, _) = sum.weights.as_chunks::<ROWS>();
    let (out, _) = out.as_chunks_mut::<PARTS>();
    let (out, _) = out.as_chunks_mut::<ROWS>();
    let lines = weights
        .chunks_exact(sum.terms)
        .zip(inputs.chunks_exact(sum.terms));
    for ((weights, inputs), out) in lines.zip(out) {
        let mut sums = Halves::<ROWS>::zero();
        for (weights, [first, second]) in weights.iter().zip(inputs) {
            let inputs = [load(first), load(second)];
            for (row, weight) in weights.iter().enumerate() {
                sums.add(row, load(weight), inputs);
            }
        }
        reduce.finish(&sums, out);
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn accumulate_constants<const ROWS: usize>(
    table: &Table,
    sum: Constants<'_>,
    out: &mut [Line],
) {
    let reduce = Reduce::new(table);
    let (inputs, _) = sum.inputs.as_chunks::<PARTS>();
    let (weights, _) = sum.weights.as_chunks::<ROWS>();
    let (out, _) = out.as_chunks_mut::<PARTS>();
    let (out, _) = out.as_chunks_mut::<ROWS>();
    for (inputs, out) in inputs.chunks_exact(sum.terms).zip(out) {
        let mut sums = Halves::<ROWS>::zero();
        for (weights, [first, second]) in weights.iter().zip(inputs) {
            let inputs = [load(first), load(second)];
            for (row, weight) in weights.iter().enumerate() {
                sums.add(row, _mm512_set1_epi64(weight.cast_signed()), inputs);
            }
        }
        reduce.finish(&sums, out);
    }
}
