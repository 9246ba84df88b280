//! AVX-512 IFMA: products of 52-bit digits, eight at a time.
//!
//! Transforms keep values below `4q < 2^52`; a set whose sums stay below `2^52` without ("lazy") reduces at the end only. Sums of
//! products keep low and high halves apart and are reduced once.

#![expect(
    unsafe_code,
    reason = "calls into functions with target features, and vector loads and stores"
)]

mod sums;
mod transform;

use std::arch::x86_64::{
    __m128i, __m512i, _mm_cvtsi64_si128, _mm512_add_epi64, _mm512_and_si512, _mm512_load_si512,
    _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_min_epu64, _mm512_set1_epi64,
    _mm512_setzero_si512, _mm512_srl_epi64, _mm512_store_si512, _mm512_sub_epi64,
};

use super::super::{Constants, Kernel, Sum};
use super::Pair;
use crate::lines::Line;
use crate::table::Table;

/// Primes of up to this length need no reduction within a transform: each of 13 layers doubles a value at most.
const LAZY_BITS: u32 = 36;

pub(super) fn kernel() -> Option<Kernel> {
    let able = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma");
    able.then_some(Kernel {
        name: "ifma",
        aliases: &["vaes"],
        forward,
        inverse,
        form,
        accumulate,
        accumulate_constants,
    })
}

fn forward(table: &Table, lines: &mut [Line]) {
    // SAFETY: kernel() hands this out only after the features were detected.
    unsafe {
        if table.modulus.bits() <= LAZY_BITS {
            transform::forward::<true>(table, lines);
        } else {
            transform::forward::<false>(table, lines);
        }
    }
}

fn inverse(table: &Table, lines: &mut [Line]) {
    // SAFETY: kernel() hands this out only after the features were detected.
    unsafe {
        if table.modulus.bits() <= LAZY_BITS {
            transform::inverse::<true>(table, lines);
        } else {
            transform::inverse::<false>(table, lines);
        }
    }
}

fn form(table: &Table, lines: &mut [Line]) {
    // SAFETY: kernel() hands this out only after the features were detected.
    unsafe { sums::form(table, lines) }
}

fn accumulate(table: &Table, sum: Sum<'_>, out: &mut [Line]) {
    // SAFETY: kernel() hands this out only after the features were detected.
    unsafe {
        match sum.rows {
            1 => sums::accumulate::<1>(table, sum, out),
            2 => sums::accumulate::<2>(table, sum, out),
            3 => sums::accumulate::<3>(table, sum, out),
            _ => sums::accumulate::<4>(table, sum, out),
        }
    }
}

fn accumulate_constants(table: &Table, sum: Constants<'_>, out: &mut [Line]) {
    // SAFETY: kernel() hands this out only after the features were detected.
    unsafe {
        match sum.rows {
            1 => sums::accumulate_constants::<1>(table, sum, out),
            2 => sums::accumulate_constants::<2>(table, sum, out),
            3 => sums::accumulate_constants::<3>(table, sum, out),
            _ => sums::accumulate_constants::<4>(table, sum, out),
        }
    }
}

/// The prime in vectors.
#[derive(Clone, Copy)]
struct Prime {
    q: __m512i,
    q2: __m512i,
}

/// What brings any word close to a prime `2^bits − gap`: `2^bits` counts as the gap.
#[derive(Clone, Copy)]
struct Fold {
    mask: __m512i,
    gap: __m512i,
    bits: __m128i,
}

/// A factor in vectors.
#[derive(Clone, Copy)]
struct Factor {
    value: __m512i,
    quotient: __m512i,
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(line: &Line) -> __m512i {
    // SAFETY: a line is 64 bytes at a multiple of 64.
    unsafe { _mm512_load_si512(std::ptr::from_ref(line).cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(line: &mut Line, value: __m512i) {
    // SAFETY: a line is 64 bytes at a multiple of 64.
    unsafe { _mm512_store_si512(std::ptr::from_mut(line).cast(), value) }
}

impl Prime {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(table: &Table) -> Self {
        let q = _mm512_set1_epi64(table.modulus.value().cast_signed());
        Self {
            q,
            q2: _mm512_add_epi64(q, q),
        }
    }

    /// `y·w` plus q or not, in `(0, 2q)`; for `y` below `2^52`.
    ///
    /// Montgomery: high halves of `y·wR` and of `m·q`, whose low halves are equal.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn times(self, y: __m512i, w: Factor) -> __m512i {
        let zero = _mm512_setzero_si512();
        let high = _mm512_madd52hi_epu64(self.q, y, w.value);
        let m = _mm512_madd52lo_epu64(zero, y, w.quotient);
        _mm512_sub_epi64(high, _mm512_madd52hi_epu64(zero, m, self.q))
    }
}

impl Fold {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(table: &Table) -> Self {
        let (q, bits) = (table.modulus, table.modulus.bits());
        Self {
            mask: _mm512_set1_epi64((1 << bits) - 1),
            gap: _mm512_set1_epi64(q.gap().cast_signed()),
            bits: _mm_cvtsi64_si128(i64::from(bits)),
        }
    }

    /// Below `2^bits + (x / 2^bits)·gap`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn fold(self, x: __m512i) -> __m512i {
        let low = _mm512_and_si512(x, self.mask);
        _mm512_madd52lo_epu64(low, _mm512_srl_epi64(x, self.bits), self.gap)
    }
}

impl Factor {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn broadcast(pair: Pair) -> Self {
        Self {
            value: _mm512_set1_epi64(pair.value.cast_signed()),
            quotient: _mm512_set1_epi64(pair.quotient.cast_signed()),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn lanes([value, quotient]: &[Line; 2]) -> Self {
        Self {
            value: load(value),
            quotient: load(quotient),
        }
    }
}

/// `x`, or `x − m` where that is not negative; for `x < 2m`.
#[inline]
#[target_feature(enable = "avx512f")]
fn once(x: __m512i, m: __m512i) -> __m512i {
    _mm512_min_epu64(x, _mm512_sub_epi64(x, m))
}
