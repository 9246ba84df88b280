//! VAES with AVX-512: four blocks a vector.

use std::arch::x86_64::*;

super::kernels!(
    "vaes",
    "vaes,aes,avx512f,avx512bw",
    (is_x86_feature_detected!("vaes")
        && is_x86_feature_detected!("aes")
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw"))
);

type V = __m512i;

/// A choice for each block.
type M = __mmask8;

/// Blocks in a vector.
const BLOCKS: usize = 4;

fn plane(blocks: &[Block; 64], position: u32) -> u64 {
    // SAFETY: `kernels` hands this out only where the features are present.
    unsafe { plane_wide(blocks, position) }
}

#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn plane_wide(blocks: &[Block; 64], position: u32) -> u64 {
    let (lows, bit) = (
        _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0),
        splat64(1 << position),
    );
    let mut bytes = [0u8; 8];
    for (byte, blocks) in bytes.iter_mut().zip(blocks.as_chunks::<8>().0) {
        let (a, b) = blocks.split_at(BLOCKS);
        // SAFETY: each half has a vector's blocks.
        let (a, b) = unsafe { (load(a.as_ptr()), load(b.as_ptr())) };
        *byte = _mm512_test_epi64_mask(_mm512_permutex2var_epi64(a, lows, b), bit);
    }
    u64::from_le_bytes(bytes)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn zero() -> V {
    _mm512_setzero_si512()
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn xor(a: V, b: V) -> V {
    _mm512_xor_si512(a, b)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn xor3(a: V, b: V, c: V) -> V {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn and(a: V, b: V) -> V {
    _mm512_and_si512(a, b)
}

/// `¬a ∧ b`.
#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn and_not(a: V, b: V) -> V {
    _mm512_andnot_si512(a, b)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn aesenc(x: V, key: V) -> V {
    _mm512_aesenc_epi128(x, key)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn aesenclast(x: V, key: V) -> V {
    _mm512_aesenclast_epi128(x, key)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn shuffle(x: V, order: V) -> V {
    _mm512_shuffle_epi8(x, order)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn unpack_low32(a: V, b: V) -> V {
    _mm512_unpacklo_epi32(a, b)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn unpack_high32(a: V, b: V) -> V {
    _mm512_unpackhi_epi32(a, b)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn unpack_low64(a: V, b: V) -> V {
    _mm512_unpacklo_epi64(a, b)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn unpack_high64(a: V, b: V) -> V {
    _mm512_unpackhi_epi64(a, b)
}

/// Words 0 and 2 of `a`, then of `b`, in each block.
#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn even32(a: V, b: V) -> V {
    _mm512_castps_si512(_mm512_shuffle_ps::<0x88>(
        _mm512_castsi512_ps(a),
        _mm512_castsi512_ps(b),
    ))
}

/// Words 1 and 3 of `a`, then of `b`, in each block.
#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn odd32(a: V, b: V) -> V {
    _mm512_castps_si512(_mm512_shuffle_ps::<0xdd>(
        _mm512_castsi512_ps(a),
        _mm512_castsi512_ps(b),
    ))
}

/// Words of the next round keys; `t` is SubWord(RotWord(`w[3]`)) with the round's constant.
#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn next_words(w: [V; 4], t: V) -> [V; 4] {
    // Two operations behind `t`, not four.
    let w1 = xor3(w[1], w[0], t);
    [xor(w[0], t), w1, xor(w[2], w1), xor3(w[3], w[2], w1)]
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn add64(a: V, b: V) -> V {
    _mm512_add_epi64(a, b)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn splat32(x: i32) -> V {
    _mm512_set1_epi32(x)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn splat64(x: u64) -> V {
    _mm512_set1_epi64(x.cast_signed())
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn splat(x: Block) -> V {
    // SAFETY: a block has a vector's bytes.
    let one = unsafe { _mm_loadu_si128(std::ptr::from_ref(&x).cast()) };
    _mm512_broadcast_i32x4(one)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn gather(x: [Block; BLOCKS]) -> V {
    // SAFETY: the array has a vector's bytes.
    unsafe { load(x.as_ptr()) }
}

/// Per block, whether the least bit is one, for both its words.
#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn colours(x: V) -> M {
    let low = _mm512_shuffle_epi32::<0x44>(x);
    _mm512_test_epi64_mask(low, splat64(1))
}

#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn flip(mask: M, bit: bool) -> M {
    mask ^ 0u8.wrapping_sub(u8::from(bit))
}

/// σ(h ‖ l) = (h ⊕ l) ‖ h in each block.
#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn sigma(x: V) -> V {
    let swapped = _mm512_shuffle_epi32::<0x4e>(x);
    _mm512_mask_xor_epi64(swapped, 0xaa, swapped, x)
}

/// `a ⊕ b` where the mask is set, `a` elsewhere.
#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn xor_if(a: V, b: V, mask: M) -> V {
    _mm512_mask_xor_epi64(a, mask, a, b)
}

/// # Safety
/// `BLOCKS` blocks can be read at `from`.
#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
unsafe fn load(from: *const Block) -> V {
    // SAFETY: the caller promises a vector's blocks there.
    unsafe { _mm512_loadu_si512(from.cast()) }
}

/// # Safety
/// `BLOCKS` blocks can be written at `to`.
#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
unsafe fn store(to: *mut Block, x: V) {
    // SAFETY: the caller promises a vector's blocks there.
    unsafe { _mm512_storeu_si512(to.cast(), x) }
}

/// The first `n < BLOCKS` blocks, then zeros.
///
/// # Safety
/// `n` blocks can be read at `from`.
#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
unsafe fn load_part(from: *const Block, n: usize) -> V {
    // SAFETY: masked words are not read.
    unsafe { _mm512_maskz_loadu_epi64(words(n), from.cast()) }
}

/// Stores the first `n < BLOCKS` blocks.
///
/// # Safety
/// `n` blocks can be written at `to`.
#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
unsafe fn store_part(to: *mut Block, n: usize, x: V) {
    // SAFETY: masked words are not written.
    unsafe { _mm512_mask_storeu_epi64(to.cast(), words(n), x) }
}

/// The words of the first `n` blocks.
#[inline]
#[target_feature(enable = "vaes,aes,avx512f,avx512bw")]
fn words(n: usize) -> __mmask8 {
    [0x00, 0x03, 0x0f, 0x3f].get(n).copied().unwrap_or(0xff)
}
