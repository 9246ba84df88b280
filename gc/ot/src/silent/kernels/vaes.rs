//! Both loops with AVX-512 and VAES: four AES blocks an instruction; places of the next rows are drawn while entries of these rows
//! are on their way from the cache.

#![expect(
    unsafe_code,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "vector loads, stores and calls; fixed-size arrays; counters are bit patterns"
)]

use std::arch::x86_64::{
    __m128i, __m512i, _mm_aeskeygenassist_si128, _mm_load_si128, _mm_set_epi64x, _mm_shuffle_epi32,
    _mm_slli_si128, _mm_store_si128, _mm_xor_si128, _mm256_storeu_si256, _mm512_add_epi64,
    _mm512_aesenc_epi128, _mm512_aesenclast_epi128, _mm512_and_si512, _mm512_broadcast_i32x4,
    _mm512_cmpeq_epi64_mask, _mm512_cvtepi64_epi32, _mm512_loadu_si512, _mm512_mask_mov_epi64,
    _mm512_maskz_mov_epi64, _mm512_or_si512, _mm512_set_epi64, _mm512_set1_epi64,
    _mm512_setzero_si512, _mm512_shuffle_epi32, _mm512_slli_epi64, _mm512_srli_epi64,
    _mm512_storeu_si512, _mm512_xor_si512,
};

use privet_prim::Block;

use super::{Kernel, portable};
use crate::silent::code::FIELD;

/// Vectors of four blocks in flight.
const FLIGHT: usize = 8;

/// Rows whose places are drawn together: two to a vector.
const ROWS: usize = 2 * FLIGHT;

/// Bits of the longest secret whose places are bytes below 2^32 and fields of [`FIELD`] bits.
const LONGEST: usize = 1 << FIELD;

pub(super) fn kernel() -> Option<Kernel> {
    let able = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("aes")
        && is_x86_feature_detected!("vaes");
    able.then_some(Kernel {
        name: "vaes",
        grow,
        encode,
        patch,
        finish,
    })
}

fn grow(key: Block, nodes: &mut [Block]) -> [Block; 2] {
    if nodes.len() < 8 || !nodes.len().is_multiple_of(8) {
        return portable::grow(key, nodes);
    }
    // SAFETY: kernel() hands this out only after all features were detected.
    unsafe { grow_wide(key, nodes) }
}

fn encode(key: Block, number: u64, first: u64, secret: &[Block], out: &mut [Block]) {
    if !secret.len().is_power_of_two() || secret.len() > LONGEST {
        return portable::encode(key, number, first, secret, out);
    }
    let (whole, rest) = out.as_chunks_mut::<ROWS>();
    let tail = first + (whole.len() * ROWS) as u64;
    // SAFETY: kernel() hands this out only after all features were detected; the secret's length was just checked.
    unsafe { encode_wide(key, number, first, secret, whole) };
    portable::encode(key, number, tail, secret, rest);
}

fn patch(nodes: &mut [Block], place: u64, left: Block, right: Block) {
    if !nodes.len().is_multiple_of(8) {
        return portable::patch(nodes, place, left, right);
    }
    // SAFETY: kernel() hands this out only after all features were detected.
    unsafe { patch_wide(nodes, place, left, right) }
}

fn finish(leaves: &mut [Block], place: u64, block: Block) {
    if !leaves.len().is_multiple_of(4) {
        return portable::finish(leaves, place, block);
    }
    // SAFETY: kernel() hands this out only after all features were detected.
    unsafe { finish_wide(leaves, place, block) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(blocks: &[Block; 4]) -> __m512i {
    // SAFETY: four blocks are 64 bytes; the load needs no alignment.
    unsafe { _mm512_loadu_si512(blocks.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(blocks: &mut [Block; 4], value: __m512i) {
    // SAFETY: four blocks are 64 bytes; the store needs no alignment.
    unsafe { _mm512_storeu_si512(blocks.as_mut_ptr().cast(), value) }
}

/// One step of the key schedule, FIPS 197 §5.2.
#[inline]
#[target_feature(enable = "sse2,aes")]
fn next_key<const RCON: i32>(key: __m128i) -> __m128i {
    let assist = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(key, RCON), 0xff);
    // Running sums of the four words.
    let twice = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    let sums = _mm_xor_si128(twice, _mm_slli_si128(twice, 8));
    _mm_xor_si128(sums, assist)
}

/// The round keys, each four times.
#[inline]
#[target_feature(enable = "avx512f,aes")]
fn schedule(key: Block) -> [__m512i; 11] {
    let value = u128::from(key);
    let k0 = _mm_set_epi64x((value >> 64) as i64, value as i64);
    let k1 = next_key::<0x01>(k0);
    let k2 = next_key::<0x02>(k1);
    let k3 = next_key::<0x04>(k2);
    let k4 = next_key::<0x08>(k3);
    let k5 = next_key::<0x10>(k4);
    let k6 = next_key::<0x20>(k5);
    let k7 = next_key::<0x40>(k6);
    let k8 = next_key::<0x80>(k7);
    let k9 = next_key::<0x1b>(k8);
    let k10 = next_key::<0x36>(k9);
    let keys = [k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10];
    let mut wide = [_mm512_setzero_si512(); 11];
    for (wide, key) in wide.iter_mut().zip(keys) {
        *wide = _mm512_broadcast_i32x4(key);
    }
    wide
}

#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn encrypt<const N: usize>(keys: &[__m512i; 11], blocks: &mut [__m512i; N]) {
    for block in blocks.iter_mut() {
        *block = _mm512_xor_si512(*block, keys[0]);
    }
    for key in &keys[1..10] {
        for block in blocks.iter_mut() {
            *block = _mm512_aesenc_epi128(*block, *key);
        }
    }
    for block in blocks.iter_mut() {
        *block = _mm512_aesenclast_epi128(*block, keys[10]);
    }
}

/// Replaces nodes by left children, writes right ones, adds the left ones to `sum`.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn grow_some<const N: usize>(
    keys: &[__m512i; 11],
    low: &mut [[Block; 4]; N],
    high: &mut [[Block; 4]; N],
    sum: &mut __m512i,
) {
    let upper = _mm512_set_epi64(-1, 0, -1, 0, -1, 0, -1, 0);
    let mut nodes = [_mm512_setzero_si512(); N];
    let mut inputs = nodes;
    for ((node, input), low) in nodes.iter_mut().zip(&mut inputs).zip(low.iter()) {
        *node = load(low);
        // σ: the halves exchanged, and the upper one added to the new upper half.
        *input = _mm512_xor_si512(
            _mm512_shuffle_epi32(*node, 0x4e),
            _mm512_and_si512(*node, upper),
        );
    }
    let mut outputs = inputs;
    encrypt(keys, &mut outputs);
    for i in 0..N {
        let child = _mm512_xor_si512(outputs[i], inputs[i]);
        *sum = _mm512_xor_si512(*sum, child);
        store(&mut low[i], child);
        store(&mut high[i], _mm512_xor_si512(nodes[i], child));
    }
}

#[target_feature(enable = "avx512f,avx512vl,aes,vaes")]
fn grow_wide(key: Block, nodes: &mut [Block]) -> [Block; 2] {
    let keys = schedule(key);
    let half = nodes.len() / 2;
    let (low, high) = nodes.split_at_mut(half);
    let (low, _) = low.as_chunks_mut::<4>();
    let (high, _) = high.as_chunks_mut::<4>();
    let mut sum = _mm512_setzero_si512();
    let (low, low_rest) = low.as_chunks_mut::<FLIGHT>();
    let (high, high_rest) = high.as_chunks_mut::<FLIGHT>();
    for (low, high) in low.iter_mut().zip(high) {
        grow_some(&keys, low, high, &mut sum);
    }
    for (low, high) in low_rest.iter_mut().zip(high_rest) {
        grow_some(
            &keys,
            std::array::from_mut(low),
            std::array::from_mut(high),
            &mut sum,
        );
    }
    let mut ghost = [_mm512_setzero_si512()];
    encrypt(&keys, &mut ghost);
    let (mut sums, mut ghosts) = ([Block::ZERO; 4], [Block::ZERO; 4]);
    store(&mut sums, sum);
    store(&mut ghosts, ghost[0]);
    [sums[0] ^ sums[1] ^ sums[2] ^ sums[3], ghosts[0]]
}

/// The block four times.
#[inline]
#[target_feature(enable = "avx512f")]
fn fourfold(block: Block) -> __m512i {
    load(&[block; 4])
}

/// Calls `each` for groups of four blocks with a mask of the 64-bit halves of block `place`, which may be in none.
#[inline]
#[target_feature(enable = "avx512f")]
fn with_place(place: u64, groups: usize, mut each: impl FnMut(usize, u8)) {
    let place = _mm512_set1_epi64(place as i64);
    let mut numbers = _mm512_set_epi64(3, 3, 2, 2, 1, 1, 0, 0);
    let step = _mm512_set1_epi64(4);
    for group in 0..groups {
        each(group, _mm512_cmpeq_epi64_mask(numbers, place));
        numbers = _mm512_add_epi64(numbers, step);
    }
}

#[target_feature(enable = "avx512f")]
fn patch_wide(nodes: &mut [Block], place: u64, left: Block, right: Block) {
    let (left, right) = (fourfold(left), fourfold(right));
    let half = nodes.len() / 2;
    let (low, high) = nodes.split_at_mut(half);
    let (low, _) = low.as_chunks_mut::<4>();
    let (high, _) = high.as_chunks_mut::<4>();
    with_place(place, low.len(), |group, here| {
        let add = |to: &mut [Block; 4], value| {
            let sum = _mm512_xor_si512(load(to), _mm512_maskz_mov_epi64(here, value));
            store(to, sum);
        };
        add(&mut low[group], left);
        add(&mut high[group], right);
    });
}

#[target_feature(enable = "avx512f")]
fn finish_wide(leaves: &mut [Block], place: u64, block: Block) {
    let hot = fourfold(block.with_colour(true));
    let colourless = _mm512_set_epi64(-1, !1, -1, !1, -1, !1, -1, !1);
    let (leaves, _) = leaves.as_chunks_mut::<4>();
    with_place(place, leaves.len(), |group, here| {
        let plain = _mm512_and_si512(load(&leaves[group]), colourless);
        store(&mut leaves[group], _mm512_mask_mov_epi64(plain, here, hot));
    });
}

/// Byte offsets of the entries of two rows: fields 0 and 1 of each word, then field 2 of each.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Places {
    pairs: [[u32; 8]; 2],
    thirds: [[u32; 4]; 2],
}

/// Draws the places of [`ROWS`] rows; `counters` then stands at the next ones.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,vaes")]
fn draw(
    keys: &[__m512i; 11],
    counters: &mut __m512i,
    mask: __m512i,
    places: &mut [Places; FLIGHT],
) {
    let step = _mm512_set_epi64(0, 4, 0, 4, 0, 4, 0, 4);
    let mut words = [_mm512_setzero_si512(); FLIGHT];
    for word in &mut words {
        *word = *counters;
        *counters = _mm512_add_epi64(*counters, step);
    }
    encrypt(keys, &mut words);
    for (word, places) in words.into_iter().zip(places) {
        // A field times the 16 bytes of a block, in one shift and one mask.
        let first = _mm512_and_si512(_mm512_slli_epi64(word, 4), mask);
        let second = _mm512_and_si512(_mm512_srli_epi64(word, FIELD - 4), mask);
        let third = _mm512_and_si512(_mm512_srli_epi64(word, 2 * FIELD - 4), mask);
        let pairs = _mm512_or_si512(first, _mm512_slli_epi64(second, 32));
        // SAFETY: `pairs` is 64 bytes, `thirds` 32; the stores need no alignment.
        unsafe {
            _mm512_storeu_si512(places.pairs.as_mut_ptr().cast(), pairs);
            _mm256_storeu_si256(
                places.thirds.as_mut_ptr().cast(),
                _mm512_cvtepi64_epi32(third),
            );
        }
    }
}

/// # Safety
/// The secret's length must be a power of two of at most [`LONGEST`].
#[target_feature(enable = "avx512f,avx512vl,aes,vaes")]
unsafe fn encode_wide(
    key: Block,
    number: u64,
    first: u64,
    secret: &[Block],
    out: &mut [[Block; ROWS]],
) {
    let keys = schedule(key);
    let mask = _mm512_set1_epi64(((secret.len() - 1) << 4) as i64);
    let (stream, at) = (number as i64, first.wrapping_mul(2) as i64);
    let mut counters = _mm512_add_epi64(
        _mm512_set_epi64(stream, at, stream, at, stream, at, stream, at),
        _mm512_set_epi64(0, 3, 0, 2, 0, 1, 0, 0),
    );
    let none = Places {
        pairs: [[0; 8]; 2],
        thirds: [[0; 4]; 2],
    };
    let (mut now, mut next) = (&mut [none; FLIGHT], &mut [none; FLIGHT]);
    draw(&keys, &mut counters, mask, now);
    let base: *const Block = secret.as_ptr();
    // SAFETY: every offset was masked by (length − 1)·16, so it names an entry of the secret; blocks are aligned to 16.
    let entry = |offset: u32| unsafe { _mm_load_si128(base.byte_add(offset as usize).cast()) };
    for rows in out {
        draw(&keys, &mut counters, mask, next);
        let (pairs, _) = rows.as_chunks_mut::<2>();
        for (rows, places) in pairs.iter_mut().zip(now.iter()) {
            for ((row, pairs), thirds) in rows.iter_mut().zip(&places.pairs).zip(&places.thirds) {
                let at: *mut __m128i = std::ptr::from_mut(row).cast();
                // SAFETY: a block is 16 bytes, aligned to 16.
                let mut sum = unsafe { _mm_load_si128(at) };
                // The second field of the fourth word and its third are the eleventh and twelfth: unused. Counted loops of fixed
                // lengths are unrolled; a chain of both would not be.
                for offset in &pairs[..7] {
                    sum = _mm_xor_si128(sum, entry(*offset));
                }
                for offset in &thirds[..3] {
                    sum = _mm_xor_si128(sum, entry(*offset));
                }
                // SAFETY: as above.
                unsafe { _mm_store_si128(at, sum) };
            }
        }
        std::mem::swap(&mut now, &mut next);
    }
}
