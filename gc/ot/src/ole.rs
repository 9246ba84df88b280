//! Bit OLE: shares of the product of a bit of one party and a bit of the other.
//!
//! - Functionality: sender gets random bits `a, c`, receiver random bits `b, d`, with `a·b = c ⊕ d`.
//! - Secure against: semi-honest, either side; 128 bits, H tweakable correlation robust with one key per transfer.
//! - From: Gil99 over random OT: `c = r_0`, `a = r_0 ⊕ r_1`, `d = r_b`, r the least bits of the hashes.
//! - Differs: nothing is sent, a and b are random; whoever needs its own operands opens a ⊕ a' and b ⊕ b', one bit each way.
//! - Cost for n: n random correlated OTs; 2n hashes for the sender, n for the receiver; hashed and packed chunk by chunk.

pub mod drive;

pub use drive::{Receiver, Sender};

use privet_prim::Block;

use crate::error::ApiMisuse;
use crate::tweaks::Hasher;

/// The sender's half of some bit OLEs, 64 to a word; used once, so not `Clone`.
#[derive(PartialEq, Eq, Default)]
pub struct SenderBits {
    /// The sender's operand.
    pub a: Vec<u64>,
    /// Its share of the product.
    pub c: Vec<u64>,
}

/// The receiver's half of some bit OLEs, 64 to a word; used once, so not `Clone`.
#[derive(PartialEq, Eq, Default)]
pub struct ReceiverBits {
    /// The receiver's operand.
    pub b: Vec<u64>,
    /// Its share of the product.
    pub d: Vec<u64>,
}

/// Bits of up to `W` positions of hashes, packed: word w of position p is bit p of hashes 64w to 64w + 63.
pub(crate) fn pack<const W: usize>(hashes: &[Block], out: &mut [Vec<u64>; W]) {
    for group in hashes.chunks(64) {
        let mut words = [0u64; W];
        for (i, hash) in group.iter().enumerate() {
            let [low, _] = bytemuck::cast::<Block, [u64; 2]>(*hash).map(u64::from_le);
            for (position, word) in words.iter_mut().enumerate() {
                *word |= (low >> position & 1) << i;
            }
        }
        out.iter_mut()
            .zip(words)
            .for_each(|(out, word)| out.push(word));
    }
}

/// The colours of MACs, packed.
pub(crate) fn pack_colours(macs: &[Block], out: &mut Vec<u64>) {
    let mut colours = [std::mem::take(out)];
    pack(macs, &mut colours);
    [*out] = colours;
}

/// Turns the sender's keys, which are used up, into `W`-bit pairs: appends r_0 to `zero` and r_0 ⊕ r_1 to `difference`.
pub(crate) fn sender_pairs<const W: usize>(
    hasher: &mut Hasher,
    delta: Block,
    keys: &mut [Block],
    ones: &mut [Block],
    zero: &mut [Vec<u64>; W],
    difference: &mut [Vec<u64>; W],
) -> Result<(), ApiMisuse> {
    hasher.hash_keys(delta, keys, ones)?;
    for (one, key) in ones.iter_mut().zip(keys.iter()) {
        *one ^= *key;
    }
    pack(keys, zero);
    pack(ones, difference);
    Ok(())
}

/// Turns the receiver's MACs, which are used up, into its choices and `W`-bit strings r_choice, appended.
pub(crate) fn receiver_strings<const W: usize>(
    hasher: &mut Hasher,
    macs: &mut [Block],
    choice: &mut Vec<u64>,
    chosen: &mut [Vec<u64>; W],
) -> Result<(), ApiMisuse> {
    pack_colours(macs, choice);
    hasher.hash_macs(macs)?;
    pack(macs, chosen);
    Ok(())
}

/// Splits the first `words` words off each part of some packed material.
///
/// # Errors
/// Fewer are left.
pub(crate) fn take_words(
    what: &'static str,
    words: usize,
    from: &mut Vec<u64>,
) -> Result<Vec<u64>, ApiMisuse> {
    if words > from.len() {
        let (asked, left) = (64 * words as u64, 64 * from.len() as u64);
        return Err(ApiMisuse::Exhausted { what, asked, left });
    }
    let later = from.split_off(words);
    Ok(std::mem::replace(from, later))
}

impl SenderBits {
    const NAME: &'static str = "bit OLEs";

    /// Splits off the first `words` words.
    ///
    /// # Errors
    /// Fewer are left; nothing is taken then.
    pub fn take(&mut self, words: usize) -> Result<Self, ApiMisuse> {
        let a = take_words(Self::NAME, words, &mut self.a)?;
        Ok(Self {
            a,
            c: take_words(Self::NAME, words, &mut self.c)?,
        })
    }
}

impl ReceiverBits {
    const NAME: &'static str = "bit OLEs";

    /// Splits off the first `words` words.
    ///
    /// # Errors
    /// Fewer are left; nothing is taken then.
    pub fn take(&mut self, words: usize) -> Result<Self, ApiMisuse> {
        let b = take_words(Self::NAME, words, &mut self.b)?;
        Ok(Self {
            b,
            d: take_words(Self::NAME, words, &mut self.d)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_order() {
        let blocks: Vec<Block> = (0..130u128).map(|i| Block::from(i * 37 % 4)).collect();
        let mut out = [Vec::new(), Vec::new()];
        pack(&blocks, &mut out);
        for (i, block) in blocks.iter().enumerate() {
            for (position, words) in out.iter().enumerate() {
                let bit = u128::from(*block) >> position & 1 == 1;
                assert_eq!(words[i / 64] >> (i % 64) & 1 == 1, bit);
            }
        }
    }

    #[test]
    fn taking_moves_and_refuses() {
        let mut bits = SenderBits {
            a: vec![1, 2, 3],
            c: vec![4, 5, 6],
        };
        let first = bits.take(2).unwrap();
        assert_eq!((first.a, first.c), (vec![1, 2], vec![4, 5]));
        assert!(matches!(
            bits.take(2),
            Err(ApiMisuse::Exhausted {
                asked: 128,
                left: 64,
                ..
            })
        ));
        assert_eq!(bits.take(1).unwrap().a, [3]);
    }
}
