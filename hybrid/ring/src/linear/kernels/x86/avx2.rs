//! AVX2: four products of 64 bits from two of 32.

#![expect(
    unsafe_code,
    clippy::indexing_slicing,
    reason = "vector loads, stores and calls; fixed-size arrays"
)]

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_add_epi64, _mm256_cvtepi32_epi64, _mm256_loadu_si256,
    _mm256_mul_epi32, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_slli_epi64,
    _mm256_srli_epi64, _mm256_storeu_si256,
};

use super::super::{Kernel, LANES, Panel, ROWS, Weights, portable};
use super::halves;

/// Rows whose sums stay in registers.
const HELD: usize = 3;

/// Vectors of a panel whose sums stay in registers.
const VECTORS: usize = 2;

pub(in super::super) fn kernel() -> Option<Kernel> {
    is_x86_feature_detected!("avx2").then_some(Kernel {
        name: "avx2",
        aliases: &["aesni", "vaes256"],
        bits: u64::BITS,
        form: |line| line.iter_mut().for_each(|x| *x = halves(*x)),
        tile,
        dot,
    })
}

fn tile(weights: &[Weights], x: &[Panel], z: &mut [Panel; ROWS]) {
    for first in (0..LANES / 4).step_by(VECTORS) {
        // SAFETY: kernel() hands this out only after the feature was detected.
        unsafe {
            tile_wide::<0>(first, weights, x, z);
            tile_wide::<HELD>(first, weights, x, z);
        }
    }
}

fn dot(weights: &[i32], x: &[u64]) -> u64 {
    // SAFETY: kernel() hands this out only after the feature was detected.
    unsafe { dot_wide(weights, x) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(words: &[u64; 4]) -> __m256i {
    // SAFETY: four words are 32 bytes; the load needs no alignment.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(words: &mut [u64; 4], value: __m256i) {
    // SAFETY: four words are 32 bytes; the store needs no alignment.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), value) }
}

/// The rows from `ROW` and the vectors from `first` on.
#[target_feature(enable = "avx2")]
fn tile_wide<const ROW: usize>(
    first: usize,
    weights: &[Weights],
    x: &[Panel],
    z: &mut [Panel; ROWS],
) {
    let zero = [[_mm256_setzero_si256(); VECTORS]; HELD];
    let (mut lows, mut highs) = (zero, zero);
    for (weights, x) in weights.iter().zip(x) {
        let (x, _) = x.as_chunks::<4>();
        for vector in 0..VECTORS {
            let low = load(&x[first + vector]);
            let high = _mm256_srli_epi64(low, 32);
            for row in 0..HELD {
                let w = _mm256_set1_epi64x(weights[ROW + row]);
                lows[row][vector] = _mm256_add_epi64(lows[row][vector], _mm256_mul_epi32(low, w));
                highs[row][vector] =
                    _mm256_add_epi64(highs[row][vector], _mm256_mul_epi32(high, w));
            }
        }
    }
    for row in 0..HELD {
        let (z, _) = z[ROW + row].as_chunks_mut::<4>();
        for vector in 0..VECTORS {
            let z = &mut z[first + vector];
            let high = _mm256_slli_epi64(highs[row][vector], 32);
            let product = _mm256_add_epi64(lows[row][vector], high);
            let sum = _mm256_add_epi64(load(z), product);
            store(z, sum);
        }
    }
}

#[target_feature(enable = "avx2")]
fn dot_wide(weights: &[i32], x: &[u64]) -> u64 {
    let terms = weights.len().min(x.len());
    let ((w, w_rest), (v, v_rest)) = (
        weights[..terms].as_chunks::<4>(),
        x[..terms].as_chunks::<4>(),
    );
    let (mut lows, mut highs) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    let carry = _mm256_set1_epi64x(1 << 31);
    for (w, v) in w.iter().zip(v) {
        // SAFETY: four weights are 16 bytes; the load needs no alignment.
        let w = _mm256_cvtepi32_epi64(unsafe { _mm_loadu_si128(w.as_ptr().cast()) });
        let low = load(v);
        let high = _mm256_srli_epi64(_mm256_add_epi64(low, carry), 32);
        lows = _mm256_add_epi64(lows, _mm256_mul_epi32(low, w));
        highs = _mm256_add_epi64(highs, _mm256_mul_epi32(high, w));
    }
    let mut parts = [0u64; 4];
    let sum = _mm256_add_epi64(lows, _mm256_slli_epi64(highs, 32));
    store(&mut parts, sum);
    let whole = parts.iter().fold(0u64, |sum, part| sum.wrapping_add(*part));
    whole.wrapping_add(portable::dot(w_rest, v_rest))
}
