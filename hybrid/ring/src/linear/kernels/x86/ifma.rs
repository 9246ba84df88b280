//! AVX-512 IFMA: low halves of 52-bit products, eight at a time; for rings of up to 52 bits.

#![expect(
    unsafe_code,
    clippy::indexing_slicing,
    reason = "vector loads, stores and calls; both slices are cut to one length"
)]

use std::arch::x86_64::{
    __m512i, _mm256_loadu_si256, _mm512_cvtepi32_epi64, _mm512_loadu_si512, _mm512_madd52lo_epu64,
    _mm512_reduce_add_epi64, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_storeu_si512,
};

use super::super::{Kernel, LANES, Panel, ROWS, Weights, portable};

/// Vectors of a panel.
const VECTORS: usize = LANES / 8;

/// Sums of a row that do not wait for each other.
const UNROLL: usize = 4;

pub(in super::super) fn kernel() -> Option<Kernel> {
    let able = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma");
    able.then_some(Kernel {
        name: "ifma",
        aliases: &["vaes"],
        bits: 52,
        form: |_| {},
        tile,
        dot,
    })
}

fn tile(weights: &[Weights], x: &[Panel], z: &mut [Panel; ROWS]) {
    // SAFETY: kernel() hands this out only after the features were detected.
    unsafe { tile_wide(weights, x, z) }
}

fn dot(weights: &[i32], x: &[u64]) -> u64 {
    // SAFETY: kernel() hands this out only after the features were detected.
    unsafe { dot_wide(weights, x) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(words: &[u64; 8]) -> __m512i {
    // SAFETY: eight words are 64 bytes; the load needs no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn tile_wide(weights: &[Weights], x: &[Panel], z: &mut [Panel; ROWS]) {
    let mut sums = [[_mm512_setzero_si512(); VECTORS]; ROWS];
    for (weights, x) in weights.iter().zip(x) {
        let (x, _) = x.as_chunks::<8>();
        let mut inputs = [_mm512_setzero_si512(); VECTORS];
        for (input, x) in inputs.iter_mut().zip(x) {
            *input = load(x);
        }
        for (sums, w) in sums.iter_mut().zip(weights) {
            // The instruction takes the low 52 bits of both: two's complement there.
            let w = _mm512_set1_epi64(*w);
            for (sum, input) in sums.iter_mut().zip(inputs) {
                *sum = _mm512_madd52lo_epu64(*sum, w, input);
            }
        }
    }
    for (z, sums) in z.iter_mut().zip(sums) {
        let (z, _) = z.as_chunks_mut::<8>();
        for (z, sum) in z.iter_mut().zip(sums) {
            let mut parts = [0u64; 8];
            // SAFETY: eight words are 64 bytes; the store needs no alignment.
            unsafe { _mm512_storeu_si512(parts.as_mut_ptr().cast(), sum) };
            for (z, part) in z.iter_mut().zip(parts) {
                *z = z.wrapping_add(part);
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn dot_wide(weights: &[i32], x: &[u64]) -> u64 {
    let mut sums = [_mm512_setzero_si512(); UNROLL];
    let terms = weights.len().min(x.len());
    let ((w, w_rest), (v, v_rest)) = (
        weights[..terms].as_chunks::<8>(),
        x[..terms].as_chunks::<8>(),
    );
    for (w, v) in w.chunks(UNROLL).zip(v.chunks(UNROLL)) {
        for ((sum, w), v) in sums.iter_mut().zip(w).zip(v) {
            // SAFETY: eight weights are 32 bytes; the load needs no alignment.
            let w = unsafe { _mm256_loadu_si256(w.as_ptr().cast()) };
            *sum = _mm512_madd52lo_epu64(*sum, _mm512_cvtepi32_epi64(w), load(v));
        }
    }
    let whole = sums.iter().fold(0u64, |all, sum| {
        all.wrapping_add(_mm512_reduce_add_epi64(*sum).cast_unsigned())
    });
    whole.wrapping_add(portable::dot(w_rest, v_rest))
}
