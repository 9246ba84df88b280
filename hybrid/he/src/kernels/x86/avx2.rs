//! AVX2 and FMA: transforms in doubles, four at a time; sums of products of 26-bit digits.
//!
//! A double holds every integer up to `2^53 = 8q`. A product modulo q is exact: `h + l = y·w` by FMA, `b` the rounded quotient, and
//! `(h − b·q) + l` an integer below q in absolute value, as long as `|y| ≤ 4q`. Sums grow by less than q a layer, so values are brought
//! back to at most `q/2` after every third.

#![expect(
    unsafe_code,
    reason = "calls into functions with target features, and vector loads and stores"
)]

mod sums;
mod transform;

use std::arch::x86_64::{
    __m256d, __m256i, _CMP_LT_OQ, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm256_add_pd,
    _mm256_and_pd, _mm256_castpd_si256, _mm256_castsi256_pd, _mm256_cmp_pd, _mm256_fmsub_pd,
    _mm256_fnmadd_pd, _mm256_load_si256, _mm256_mul_pd, _mm256_or_si256, _mm256_round_pd,
    _mm256_set1_epi64x, _mm256_set1_pd, _mm256_setzero_pd, _mm256_store_si256, _mm256_sub_pd,
    _mm256_xor_si256,
};

use super::super::{Constants, Kernel, Sum};
use super::Pair;
use crate::lines::Line;
use crate::table::Table;

/// Lanes of a vector.
const LANES: usize = 4;

/// The double `2^52`: its last 52 bits hold an integer that is added.
const MAGIC: u64 = 0x4330_0000_0000_0000;

pub(super) fn kernel() -> Option<Kernel> {
    let able = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    able.then_some(Kernel {
        name: "avx2",
        aliases: &["aesni", "vaes256"],
        forward,
        inverse,
        form,
        accumulate,
        accumulate_constants,
    })
}

fn forward(table: &Table, lines: &mut [Line]) {
    // SAFETY: kernel() hands this out only after the features were detected.
    unsafe { transform::forward(table, lines) }
}

fn inverse(table: &Table, lines: &mut [Line]) {
    // SAFETY: kernel() hands this out only after the features were detected.
    unsafe { transform::inverse(table, lines) }
}

/// Both digits of a residue in the halves of its word.
fn form(_: &Table, lines: &mut [Line]) {
    for word in crate::lines::words_mut(lines) {
        *word = (*word & sums::DIGIT_MASK) | ((*word >> sums::DIGIT) << 32);
    }
}

fn accumulate(table: &Table, sum: Sum<'_>, out: &mut [Line]) {
    // SAFETY: kernel() hands this out only after the features were detected.
    unsafe { sums::accumulate(table, sum, out) }
}

fn accumulate_constants(table: &Table, sum: Constants<'_>, out: &mut [Line]) {
    // SAFETY: kernel() hands this out only after the features were detected.
    unsafe { sums::accumulate_constants(table, sum, out) }
}

/// Half a line: four words.
#[inline]
#[target_feature(enable = "avx2")]
fn load<const HALF: usize>(line: &Line) -> __m256i {
    const { assert!(HALF < 2) };
    // SAFETY: the half is 32 bytes of the line at a multiple of 32.
    unsafe { _mm256_load_si256(std::ptr::from_ref(line).cast::<__m256i>().add(HALF)) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store<const HALF: usize>(line: &mut Line, value: __m256i) {
    const { assert!(HALF < 2) };
    // SAFETY: the half is 32 bytes of the line at a multiple of 32.
    unsafe { _mm256_store_si256(std::ptr::from_mut(line).cast::<__m256i>().add(HALF), value) }
}

/// The prime in vectors of doubles.
#[derive(Clone, Copy)]
struct Prime {
    q: __m256d,
    /// `1/q`, rounded.
    reciprocal: __m256d,
}

/// A factor in vectors of doubles: itself, and over q.
#[derive(Clone, Copy)]
struct Factor {
    value: __m256d,
    quotient: __m256d,
}

#[inline]
#[target_feature(enable = "avx2")]
fn nearest(x: __m256d) -> __m256d {
    _mm256_round_pd::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x)
}

impl Prime {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(table: &Table) -> Self {
        let q = super::double(table.modulus.value());
        Self {
            q: _mm256_set1_pd(q),
            reciprocal: _mm256_set1_pd(1.0 / q),
        }
    }

    /// `y·w` modulo q, below q in absolute value, for `|y| ≤ 4q`.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn times(self, y: __m256d, w: Factor) -> __m256d {
        let quotient = nearest(_mm256_mul_pd(y, w.quotient));
        let high = _mm256_mul_pd(y, w.value);
        let low = _mm256_fmsub_pd(y, w.value, high);
        _mm256_add_pd(_mm256_fnmadd_pd(quotient, self.q, high), low)
    }

    /// The residue of least absolute value.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn centre(self, x: __m256d) -> __m256d {
        _mm256_fnmadd_pd(nearest(_mm256_mul_pd(x, self.reciprocal)), self.q, x)
    }

    /// A residue in `[0, q)` as an integer.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn integer(self, x: __m256d) -> __m256i {
        let x = self.centre(x);
        let negative = _mm256_cmp_pd::<_CMP_LT_OQ>(x, _mm256_setzero_pd());
        let lifted = _mm256_add_pd(x, _mm256_and_pd(negative, self.q));
        let magic = _mm256_set1_epi64x(MAGIC.cast_signed());
        let shifted = _mm256_add_pd(lifted, _mm256_castsi256_pd(magic));
        _mm256_xor_si256(_mm256_castpd_si256(shifted), magic)
    }
}

/// An integer below `2^52`.
#[inline]
#[target_feature(enable = "avx2")]
fn from_integer(x: __m256i) -> __m256d {
    let magic = _mm256_set1_epi64x(MAGIC.cast_signed());
    let shifted = _mm256_castsi256_pd(_mm256_or_si256(x, magic));
    _mm256_sub_pd(shifted, _mm256_castsi256_pd(magic))
}

impl Factor {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn broadcast(pair: Pair) -> Self {
        Self {
            value: _mm256_set1_pd(f64::from_bits(pair.value)),
            quotient: _mm256_set1_pd(f64::from_bits(pair.quotient)),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn lanes<const HALF: usize>([value, quotient]: &[Line; 2]) -> Self {
        Self {
            value: _mm256_castsi256_pd(load::<HALF>(value)),
            quotient: _mm256_castsi256_pd(load::<HALF>(quotient)),
        }
    }
}
