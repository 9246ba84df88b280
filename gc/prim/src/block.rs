//! The 128-bit block: a wire label, an AES key, a hash value.

use std::fmt;
use std::ops::{BitAnd, BitAndAssign, BitXor, BitXorAssign, Not};

use bytemuck::{Pod, Zeroable};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::DefaultIsZeroes;

/// 128 bits, sixteen bytes in little-endian order, aligned to sixteen bytes.
///
/// A block may be a secret: `Debug` prints no value. `==` compares without an early exit.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C, align(16))]
pub struct Block([u8; 16]);

impl Block {
    /// All bits zero.
    pub const ZERO: Self = Self([0; 16]);
    /// All bits one.
    pub const ONES: Self = Self([0xff; 16]);

    /// The block with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The block's bytes, the least significant first.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The block with value `high · 2^64 + low`.
    #[must_use]
    pub const fn from_words(low: u64, high: u64) -> Self {
        Self((((high as u128) << 64) | low as u128).to_le_bytes())
    }

    /// The low 64 bits.
    #[inline]
    #[must_use]
    pub fn low(&self) -> u64 {
        let [low, _] = bytemuck::cast::<Self, [u64; 2]>(*self).map(u64::from_le);
        low
    }

    /// All ones if `bit`, all zeros if not; without a branch.
    #[inline]
    #[must_use]
    pub fn mask(bit: bool) -> Self {
        Self::from(0u128.wrapping_sub(u128::from(bit)))
    }

    /// σ(h ‖ l) = (h ⊕ l) ‖ h on the block's 64-bit halves: a linear orthomorphism (σ and
    /// x ↦ σ(x) ⊕ x are both bijective), GKWY20 (eprint 2019/074) §7.3.
    #[inline]
    #[must_use]
    pub fn sigma(self) -> Self {
        let bits = u128::from(self);
        let high = bits >> 64;
        Self::from(((high ^ (bits & u128::from(u64::MAX))) << 64) | high)
    }

    /// The least bit: the colour of a label.
    #[inline]
    #[must_use]
    pub const fn colour(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// The same block with its least bit set to `bit`.
    #[inline]
    #[must_use]
    pub fn with_colour(self, bit: bool) -> Self {
        Self::from((u128::from(self) & !1) | u128::from(bit))
    }

    /// The block if `bit`, zero if not; without a branch.
    #[inline]
    #[must_use]
    pub fn select(self, bit: bool) -> Self {
        self & Self::mask(bit)
    }

    /// A block from the operating system's generator.
    ///
    /// # Panics
    /// If the operating system has no randomness to give: nothing can be done in secret then.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "without randomness no secret may be made"
    )]
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives randomness");
        Self(bytes)
    }
}

impl DefaultIsZeroes for Block {}

impl From<u128> for Block {
    #[inline]
    fn from(value: u128) -> Self {
        Self(value.to_le_bytes())
    }
}

impl From<Block> for u128 {
    #[inline]
    fn from(block: Block) -> Self {
        Self::from_le_bytes(block.0)
    }
}

impl From<[u8; 16]> for Block {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl From<Block> for [u8; 16] {
    fn from(block: Block) -> Self {
        block.0
    }
}

impl BitXor for Block {
    type Output = Self;
    #[inline]
    fn bitxor(self, other: Self) -> Self {
        Self::from(u128::from(self) ^ u128::from(other))
    }
}

impl BitXorAssign for Block {
    #[inline]
    fn bitxor_assign(&mut self, other: Self) {
        *self = *self ^ other;
    }
}

impl BitAnd for Block {
    type Output = Self;
    #[inline]
    fn bitand(self, other: Self) -> Self {
        Self::from(u128::from(self) & u128::from(other))
    }
}

impl BitAndAssign for Block {
    #[inline]
    fn bitand_assign(&mut self, other: Self) {
        *self = *self & other;
    }
}

impl Not for Block {
    type Output = Self;
    #[inline]
    fn not(self) -> Self {
        Self::from(!u128::from(self))
    }
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Block {}

impl ConstantTimeEq for Block {
    fn ct_eq(&self, other: &Self) -> Choice {
        u128::from(*self).ct_eq(&u128::from(*other))
    }
}

impl ConditionallySelectable for Block {
    fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
        Self::from(u128::conditional_select(&(*a).into(), &(*b).into(), choice))
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Block(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigma_is_a_linear_orthomorphism() {
        let rank = |f: &dyn Fn(Block) -> Block| {
            let mut rows: Vec<u128> = (0..128)
                .map(|i| f(Block::from(1u128 << i)).into())
                .collect();
            let mut rank = 0;
            for bit in 0..128 {
                if let Some(pivot) = (rank..128).find(|r| rows[*r] >> bit & 1 == 1) {
                    rows.swap(rank, pivot);
                    for r in 0..128 {
                        if r != rank && rows[r] >> bit & 1 == 1 {
                            rows[r] ^= rows[rank];
                        }
                    }
                    rank += 1;
                }
            }
            rank
        };
        assert_eq!(rank(&Block::sigma), 128);
        assert_eq!(rank(&|x| x.sigma() ^ x), 128);
        let (x, y) = (Block::random(), Block::random());
        assert_eq!((x ^ y).sigma(), x.sigma() ^ y.sigma());
        assert_eq!(Block::from_words(3, 5).sigma(), Block::from_words(5, 6));
    }

    #[test]
    fn bytes_and_integers_are_little_endian() {
        let block = Block::from(0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100u128);
        let bytes: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        assert_eq!(block.to_bytes(), bytes);
        assert_eq!(block, Block::from_bytes(bytes));
        assert_eq!(
            block,
            Block::from_words(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
        );
        assert_eq!(u128::from(block).to_le_bytes(), bytes);
    }

    #[test]
    fn masks_colours_and_operators() {
        assert_eq!(Block::mask(true), Block::ONES);
        assert_eq!(Block::mask(false), Block::ZERO);
        let (a, b) = (Block::random(), Block::random());
        assert_ne!(a, b);
        assert_eq!(u128::from(a ^ b), u128::from(a) ^ u128::from(b));
        assert_eq!(u128::from(a & b), u128::from(a) & u128::from(b));
        assert_eq!(!a ^ a, Block::ONES);
        for bit in [false, true] {
            assert_eq!(a.with_colour(bit).colour(), bit);
            assert_eq!(u128::from(a.with_colour(bit) ^ a) >> 1, 0);
            assert_eq!(a.select(bit), if bit { a } else { Block::ZERO });
        }
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", Block::ONES), "Block(..)");
    }

    #[test]
    fn equality_sees_every_bit() {
        for bit in 0..128 {
            assert_ne!(Block::from(1u128 << bit), Block::ZERO);
        }
    }
}
