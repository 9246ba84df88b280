//! AVX-512 without IFMA, or for rings above 52 bits: eight products of 64 bits from two of 32.

#![expect(
    unsafe_code,
    clippy::indexing_slicing,
    reason = "vector loads, stores and calls; fixed-size arrays"
)]

use std::arch::x86_64::{
    __m512i, _mm256_loadu_si256, _mm512_add_epi64, _mm512_cvtepi32_epi64, _mm512_loadu_si512,
    _mm512_mul_epi32, _mm512_reduce_add_epi64, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_slli_epi64, _mm512_srli_epi64, _mm512_storeu_si512,
};

use super::super::{Kernel, LANES, Panel, ROWS, Weights, portable};
use super::halves;

/// Vectors of a panel.
const VECTORS: usize = LANES / 8;

/// Rows whose sums stay in registers.
const HELD: usize = 3;

pub(in super::super) fn kernel() -> Option<Kernel> {
    is_x86_feature_detected!("avx512f").then_some(Kernel {
        name: "avx512",
        aliases: &[],
        bits: u64::BITS,
        form: |line| line.iter_mut().for_each(|x| *x = halves(*x)),
        tile,
        dot,
    })
}

fn tile(weights: &[Weights], x: &[Panel], z: &mut [Panel; ROWS]) {
    // SAFETY: kernel() hands this out only after the feature was detected.
    unsafe {
        tile_wide::<0>(weights, x, z);
        tile_wide::<HELD>(weights, x, z);
    }
}

fn dot(weights: &[i32], x: &[u64]) -> u64 {
    // SAFETY: kernel() hands this out only after the feature was detected.
    unsafe { dot_wide(weights, x) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(words: &[u64; 8]) -> __m512i {
    // SAFETY: eight words are 64 bytes; the load needs no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// The rows from `FIRST` on.
#[target_feature(enable = "avx512f")]
fn tile_wide<const FIRST: usize>(weights: &[Weights], x: &[Panel], z: &mut [Panel; ROWS]) {
    let zero = [[_mm512_setzero_si512(); VECTORS]; HELD];
    let (mut lows, mut highs) = (zero, zero);
    for (weights, x) in weights.iter().zip(x) {
        let (x, _) = x.as_chunks::<8>();
        for vector in 0..VECTORS {
            let low = load(&x[vector]);
            let high = _mm512_srli_epi64(low, 32);
            for row in 0..HELD {
                let w = _mm512_set1_epi64(weights[FIRST + row]);
                lows[row][vector] = _mm512_add_epi64(lows[row][vector], _mm512_mul_epi32(low, w));
                highs[row][vector] =
                    _mm512_add_epi64(highs[row][vector], _mm512_mul_epi32(high, w));
            }
        }
    }
    for row in 0..HELD {
        let (z, _) = z[FIRST + row].as_chunks_mut::<8>();
        for vector in 0..VECTORS {
            let high = _mm512_slli_epi64(highs[row][vector], 32);
            let product = _mm512_add_epi64(lows[row][vector], high);
            let sum = _mm512_add_epi64(load(&z[vector]), product);
            // SAFETY: eight words are 64 bytes; the store needs no alignment.
            unsafe { _mm512_storeu_si512(z[vector].as_mut_ptr().cast(), sum) };
        }
    }
}

#[target_feature(enable = "avx512f")]
fn dot_wide(weights: &[i32], x: &[u64]) -> u64 {
    let terms = weights.len().min(x.len());
    let ((w, w_rest), (v, v_rest)) = (
        weights[..terms].as_chunks::<8>(),
        x[..terms].as_chunks::<8>(),
    );
    let (mut lows, mut highs) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    let carry = _mm512_set1_epi64(1 << 31);
    for (w, v) in w.iter().zip(v) {
        // SAFETY: eight weights are 32 bytes; the load needs no alignment.
        let w = _mm512_cvtepi32_epi64(unsafe { _mm256_loadu_si256(w.as_ptr().cast()) });
        let low = load(v);
        let high = _mm512_srli_epi64(_mm512_add_epi64(low, carry), 32);
        lows = _mm512_add_epi64(lows, _mm512_mul_epi32(low, w));
        highs = _mm512_add_epi64(highs, _mm512_mul_epi32(high, w));
    }
    let sum = _mm512_add_epi64(lows, _mm512_slli_epi64(highs, 32));
    let whole = _mm512_reduce_add_epi64(sum).cast_unsigned();
    whole.wrapping_add(portable::dot(w_rest, v_rest))
}
