//! VAES with AVX2: two blocks a vector.

use std::arch::x86_64::*;

use crate::kernels::portable::plane;

super::kernels!(
    "vaes256",
    "vaes,aes,avx2",
    (is_x86_feature_detected!("vaes")
        && is_x86_feature_detected!("aes")
        && is_x86_feature_detected!("avx2"))
);

type V = __m256i;

/// A choice for each block.
type M = V;

/// Blocks in a vector.
const BLOCKS: usize = 2;

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn zero() -> V {
    _mm256_setzero_si256()
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn xor(a: V, b: V) -> V {
    _mm256_xor_si256(a, b)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn xor3(a: V, b: V, c: V) -> V {
    xor(xor(a, b), c)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn and(a: V, b: V) -> V {
    _mm256_and_si256(a, b)
}

/// `¬a ∧ b`.
#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn and_not(a: V, b: V) -> V {
    _mm256_andnot_si256(a, b)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn aesenc(x: V, key: V) -> V {
    _mm256_aesenc_epi128(x, key)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn aesenclast(x: V, key: V) -> V {
    _mm256_aesenclast_epi128(x, key)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn shuffle(x: V, order: V) -> V {
    _mm256_shuffle_epi8(x, order)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn unpack_low32(a: V, b: V) -> V {
    _mm256_unpacklo_epi32(a, b)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn unpack_high32(a: V, b: V) -> V {
    _mm256_unpackhi_epi32(a, b)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn unpack_low64(a: V, b: V) -> V {
    _mm256_unpacklo_epi64(a, b)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn unpack_high64(a: V, b: V) -> V {
    _mm256_unpackhi_epi64(a, b)
}

/// Words 0 and 2 of `a`, then of `b`, in each block.
#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn even32(a: V, b: V) -> V {
    _mm256_castps_si256(_mm256_shuffle_ps::<0x88>(
        _mm256_castsi256_ps(a),
        _mm256_castsi256_ps(b),
    ))
}

/// Words 1 and 3 of `a`, then of `b`, in each block.
#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn odd32(a: V, b: V) -> V {
    _mm256_castps_si256(_mm256_shuffle_ps::<0xdd>(
        _mm256_castsi256_ps(a),
        _mm256_castsi256_ps(b),
    ))
}

/// Words of the next round keys; `t` is SubWord(RotWord(`w[3]`)) with the round's constant.
#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn next_words(w: [V; 4], t: V) -> [V; 4] {
    let w0 = xor(w[0], t);
    let w1 = xor(w[1], w0);
    let w2 = xor(w[2], w1);
    [w0, w1, w2, xor(w[3], w2)]
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn add64(a: V, b: V) -> V {
    _mm256_add_epi64(a, b)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn splat32(x: i32) -> V {
    _mm256_set1_epi32(x)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn splat64(x: u64) -> V {
    _mm256_set1_epi64x(x.cast_signed())
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn splat(x: Block) -> V {
    // SAFETY: a block has a vector's bytes.
    let one = unsafe { _mm_loadu_si128(std::ptr::from_ref(&x).cast()) };
    _mm256_broadcastsi128_si256(one)
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn gather(x: [Block; BLOCKS]) -> V {
    // SAFETY: the array has a vector's bytes.
    unsafe { load(x.as_ptr()) }
}

/// σ(h ‖ l) = (h ⊕ l) ‖ h in each block.
#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn sigma(x: V) -> V {
    let upper = _mm256_blend_epi32::<0xcc>(_mm256_setzero_si256(), x);
    xor(_mm256_shuffle_epi32::<0x4e>(x), upper)
}

/// Per block, all bits equal to the least.
#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn colours(x: V) -> M {
    let low = _mm256_shuffle_epi32::<0>(x);
    _mm256_srai_epi32::<31>(_mm256_slli_epi32::<31>(low))
}

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn flip(mask: M, bit: bool) -> M {
    xor(mask, splat(Block::mask(bit)))
}

/// `a ⊕ b` where the mask is set, `a` elsewhere.
#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn xor_if(a: V, b: V, mask: M) -> V {
    xor(a, and(b, mask))
}

/// # Safety
/// `BLOCKS` blocks can be read at `from`.
#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
unsafe fn load(from: *const Block) -> V {
    // SAFETY: the caller promises a vector's blocks there.
    unsafe { _mm256_loadu_si256(from.cast()) }
}

/// # Safety
/// `BLOCKS` blocks can be written at `to`.
#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
unsafe fn store(to: *mut Block, x: V) {
    // SAFETY: the caller promises a vector's blocks there.
    unsafe { _mm256_storeu_si256(to.cast(), x) }
}

/// The first `n` blocks, then zeros.
///
/// # Safety
/// `n` blocks can be read at `from`.
#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
unsafe fn load_part(from: *const Block, n: usize) -> V {
    match n {
        0 => zero(),
        // SAFETY: the block is there.
        1 => unsafe { _mm256_zextsi128_si256(_mm_loadu_si128(from.cast())) },
        // SAFETY: the blocks are there.
        _ => unsafe { load(from) },
    }
}

/// Stores the first `n` blocks.
///
/// # Safety
/// `n` blocks can be written at `to`.
#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
unsafe fn store_part(to: *mut Block, n: usize, x: V) {
    match n {
        0 => {}
        // SAFETY: the block is there.
        1 => unsafe { _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(x)) },
        // SAFETY: the blocks are there.
        _ => unsafe { store(to, x) },
    }
}
