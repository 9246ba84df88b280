//! AES-NI: one block a vector.

use std::arch::x86_64::*;

use crate::kernels::portable::plane;

super::kernels!(
    "aesni",
    "aes,ssse3",
    (is_x86_feature_detected!("aes") && is_x86_feature_detected!("ssse3"))
);

type V = __m128i;

/// A choice for each block.
type M = V;

/// Blocks in a vector.
const BLOCKS: usize = 1;

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn zero() -> V {
    _mm_setzero_si128()
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn xor(a: V, b: V) -> V {
    _mm_xor_si128(a, b)
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn xor3(a: V, b: V, c: V) -> V {
    xor(xor(a, b), c)
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn and(a: V, b: V) -> V {
    _mm_and_si128(a, b)
}

/// `¬a ∧ b`.
#[inline]
#[target_feature(enable = "aes,ssse3")]
fn and_not(a: V, b: V) -> V {
    _mm_andnot_si128(a, b)
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn aesenc(x: V, key: V) -> V {
    _mm_aesenc_si128(x, key)
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn aesenclast(x: V, key: V) -> V {
    _mm_aesenclast_si128(x, key)
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn shuffle(x: V, order: V) -> V {
    _mm_shuffle_epi8(x, order)
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn unpack_low32(a: V, b: V) -> V {
    _mm_unpacklo_epi32(a, b)
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn unpack_high32(a: V, b: V) -> V {
    _mm_unpackhi_epi32(a, b)
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn unpack_low64(a: V, b: V) -> V {
    _mm_unpacklo_epi64(a, b)
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn unpack_high64(a: V, b: V) -> V {
    _mm_unpackhi_epi64(a, b)
}

/// Words 0 and 2 of `a`, then of `b`, in each block.
#[inline]
#[target_feature(enable = "aes,ssse3")]
fn even32(a: V, b: V) -> V {
    _mm_castps_si128(_mm_shuffle_ps::<0x88>(
        _mm_castsi128_ps(a),
        _mm_castsi128_ps(b),
    ))
}

/// Words 1 and 3 of `a`, then of `b`, in each block.
#[inline]
#[target_feature(enable = "aes,ssse3")]
fn odd32(a: V, b: V) -> V {
    _mm_castps_si128(_mm_shuffle_ps::<0xdd>(
        _mm_castsi128_ps(a),
        _mm_castsi128_ps(b),
    ))
}

/// Words of the next round keys; `t` is SubWord(RotWord(`w[3]`)) with the round's constant.
#[inline]
#[target_feature(enable = "aes,ssse3")]
fn next_words(w: [V; 4], t: V) -> [V; 4] {
    let w0 = xor(w[0], t);
    let w1 = xor(w[1], w0);
    let w2 = xor(w[2], w1);
    [w0, w1, w2, xor(w[3], w2)]
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn add64(a: V, b: V) -> V {
    _mm_add_epi64(a, b)
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn splat32(x: i32) -> V {
    _mm_set1_epi32(x)
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn splat64(x: u64) -> V {
    _mm_set1_epi64x(x.cast_signed())
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn splat(x: Block) -> V {
    gather([x])
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn gather(x: [Block; BLOCKS]) -> V {
    // SAFETY: the array has a vector's bytes.
    unsafe { load(x.as_ptr()) }
}

/// σ(h ‖ l) = (h ⊕ l) ‖ h.
#[inline]
#[target_feature(enable = "aes,ssse3")]
fn sigma(x: V) -> V {
    let upper = and(x, splat(Block::from_words(0, u64::MAX)));
    xor(_mm_shuffle_epi32::<0x4e>(x), upper)
}

/// Per block, all bits equal to the least.
#[inline]
#[target_feature(enable = "aes,ssse3")]
fn colours(x: V) -> M {
    let low = _mm_shuffle_epi32::<0>(x);
    _mm_srai_epi32::<31>(_mm_slli_epi32::<31>(low))
}

#[inline]
#[target_feature(enable = "aes,ssse3")]
fn flip(mask: M, bit: bool) -> M {
    xor(mask, splat(Block::mask(bit)))
}

/// `a ⊕ b` where the mask is set, `a` elsewhere.
#[inline]
#[target_feature(enable = "aes,ssse3")]
fn xor_if(a: V, b: V, mask: M) -> V {
    xor(a, and(b, mask))
}

/// # Safety
/// `BLOCKS` blocks can be read at `from`.
#[inline]
#[target_feature(enable = "aes,ssse3")]
unsafe fn load(from: *const Block) -> V {
    // SAFETY: the caller promises a vector's blocks there.
    unsafe { _mm_loadu_si128(from.cast()) }
}

/// # Safety
/// `BLOCKS` blocks can be written at `to`.
#[inline]
#[target_feature(enable = "aes,ssse3")]
unsafe fn store(to: *mut Block, x: V) {
    // SAFETY: the caller promises a vector's blocks there.
    unsafe { _mm_storeu_si128(to.cast(), x) }
}

/// The first `n` blocks, then zeros.
///
/// # Safety
/// `n` blocks can be read at `from`.
#[inline]
#[target_feature(enable = "aes,ssse3")]
unsafe fn load_part(from: *const Block, n: usize) -> V {
    if n == 0 {
        return zero();
    }
    // SAFETY: the block is there.
    unsafe { load(from) }
}

/// Stores the first `n` blocks.
///
/// # Safety
/// `n` blocks can be written at `to`.
#[inline]
#[target_feature(enable = "aes,ssse3")]
unsafe fn store_part(to: *mut Block, n: usize, x: V) {
    if n > 0 {
        // SAFETY: the block is there.
        unsafe { store(to, x) };
    }
}

/// The round keys of one key.
#[target_feature(enable = "aes,ssse3")]
pub(super) fn expand_key(key: Block) -> [Block; 11] {
    let rot_word = splat(Block::from_bytes(ROT_WORD));
    let bits = u128::from(key);
    #[expect(clippy::cast_possible_truncation, reason = "one word of four")]
    let word = |i: u32| splat32((bits >> (32 * i)) as i32);
    let mut w = [word(0), word(1), word(2), word(3)];
    let mut keys = [key; 11];
    for (constant, key) in RCON.iter().zip(keys.iter_mut().skip(1)) {
        w[0] = xor(
            w[0],
            aesenclast(shuffle(w[3], rot_word), splat32(*constant)),
        );
        w[1] = xor(w[1], w[0]);
        w[2] = xor(w[2], w[1]);
        w[3] = xor(w[3], w[2]);
        let [k, ..] = round_keys(&w);
        // SAFETY: the key is one block.
        unsafe { store(key, k) };
    }
    keys
}
