//! 1-of-2^m OT of short messages.
//!
//! - Functionality: sender gets (random) or brings (chosen) `2^m` messages of w bits; the receiver gets the one it chooses.
//! - Secure against: semi-honest, either side; 128 bits, H tweakable correlation robust with one key per correlated OT.
//! - From: NP99 in the correlated-OT setting. `mask_j = ⊕_i H(K_i^{j_i})[slot j]`: one hash of each of the 2m keys, cut into slots.
//! - Differs: never a hash of `⊕_i K_i^{j_i}`: under one Δ that depends only on the parity of j and opens half of the messages.
//! - Cost for n: n·m random correlated OTs, 2nm and nm hashes; chosen: ⌈n·m/8⌉ bytes from the receiver, ⌈n·2^m·w/8⌉ back, 2 flights a batch of 65,536.
//!
//! All slots of a hash are used, each for its own j. If the choice is c, each other j differs from c in some bit i, so its mask
//! contains slot j of a hash that the receiver cannot compute, and no other mask contains that slot of that hash.

pub mod drive;
pub mod msgs;

pub use drive::{Receiver, Sender};

use privet_prim::Block;

use crate::error::ApiMisuse;

/// Size of the choice and of the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    choice_bits: u32,
    message_bits: u32,
}

impl Shape {
    /// 1-of-`2^choice_bits` with messages of `message_bits`.
    ///
    /// # Errors
    /// A zero, or `2^choice_bits · message_bits` above the 128 bits of one hash.
    pub fn new(choice_bits: u32, message_bits: u32) -> Result<Self, ApiMisuse> {
        let slots = u64::from(message_bits.min(1000)) << choice_bits.min(32);
        if choice_bits == 0 || message_bits == 0 || slots > 128 {
            let what = "bits of all messages of a 1-of-2^m OT";
            return Err(ApiMisuse::TooMany {
                what,
                limit: 128,
                got: slots,
            });
        }
        Ok(Self {
            choice_bits,
            message_bits,
        })
    }

    /// m.
    #[must_use]
    pub const fn choice_bits(self) -> u32 {
        self.choice_bits
    }

    /// w.
    #[must_use]
    pub const fn message_bits(self) -> u32 {
        self.message_bits
    }

    /// Bits of a table: `2^m · w`.
    #[must_use]
    pub const fn table_bits(self) -> u32 {
        self.message_bits << self.choice_bits
    }

    /// Random correlated OTs for one transfer.
    #[must_use]
    pub const fn transfers(self) -> usize {
        self.choice_bits as usize
    }

    /// Bytes of `n` chosen transfers.
    #[must_use]
    pub const fn cost_bytes(self, n: u64) -> crate::cot::Bytes {
        let receiver = (n * self.choice_bits as u64).div_ceil(8);
        crate::cot::Bytes {
            sender: (n * self.table_bits() as u64).div_ceil(8),
            receiver,
        }
    }

    /// Ones in the low w bits.
    const fn message_mask(self) -> u128 {
        u128::MAX >> (128 - self.message_bits)
    }

    /// Ones in the slots of every j whose bit i is set.
    pub(crate) fn ones(self, i: u32) -> u128 {
        (0..1u32 << self.choice_bits)
            .filter(|j| j >> i & 1 == 1)
            .fold(0, |sum, j| {
                sum | self.message_mask() << (j * self.message_bits)
            })
    }

    /// Ones in every slot.
    pub(crate) const fn all(self) -> u128 {
        u128::MAX >> (128 - self.table_bits())
    }

    /// Table of messages: message j in slot j, the lowest bits first.
    ///
    /// # Errors
    /// Another number of messages than `2^m`.
    pub fn table(self, messages: &[u64]) -> Result<Table, ApiMisuse> {
        let (expected, got) = (1usize << self.choice_bits, messages.len());
        if expected != got {
            return Err(ApiMisuse::Length {
                what: "messages of a 1-of-2^m OT",
                expected,
                got,
            });
        }
        let table = messages.iter().rev().fold(0u128, |table, message| {
            // A single slot of 128 bits is no table: m ≥ 1, so w ≤ 64 and the shift is in range.
            table << self.message_bits | u128::from(*message) & self.message_mask()
        });
        Ok(Table(Block::from(table)))
    }
}

/// `2^m` messages or masks of one transfer, packed; `Debug` shows none.
#[derive(Debug, PartialEq, Eq)]
pub struct Table(pub(crate) Block);

impl Table {
    /// The message in slot `j`, in time that does not depend on j beyond the shift.
    #[must_use]
    pub fn slot(&self, shape: Shape, j: u32) -> u64 {
        let shift = (j & ((1 << shape.choice_bits) - 1)) * shape.message_bits;
        let message = u128::from(self.0) >> shift & shape.message_mask();
        u64::try_from(message).unwrap_or_default()
    }

    /// Moves slot j to slot `j ⊕ flip`, for a secret flip: m conditional exchanges.
    pub(crate) fn permute(self, shape: Shape, flip: u32) -> Self {
        let mut table = u128::from(self.0);
        for i in 0..shape.choice_bits {
            let (ones, distance) = (shape.ones(i), shape.message_bits << i);
            let difference = (table >> distance ^ table) & (ones >> distance);
            let move_it = difference & 0u128.wrapping_sub(u128::from(flip >> i & 1));
            table ^= move_it | move_it << distance;
        }
        Self(Block::from(table))
    }
}

/// The sender's masks from the hashes of the keys for both values of each choice bit.
pub(crate) fn sender_masks(shape: Shape, zeros: &[Block], ones: &[Block]) -> Table {
    let mut table = 0u128;
    for (i, (zero, one)) in (0..shape.choice_bits).zip(zeros.iter().zip(ones)) {
        let set = shape.ones(i);
        table ^= u128::from(*zero) & !set ^ u128::from(*one) & set;
    }
    Table(Block::from(table & shape.all()))
}

/// The receiver's mask: its slot of the sum of the hashes that it knows.
pub(crate) fn receiver_mask(shape: Shape, choice: u32, hashes: &[Block]) -> u64 {
    let sum = hashes.iter().fold(Block::ZERO, |sum, hash| sum ^ *hash);
    Table(sum).slot(shape, choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes() -> Vec<Shape> {
        let all = (1..=7).flat_map(|m| (1..=64).map(move |w| Shape::new(m, w)));
        all.filter_map(Result::ok)
            .filter(|s| s.message_bits < 9 || s.choice_bits < 3)
            .collect()
    }

    #[test]
    fn shapes_are_bounded() {
        for (m, w) in [
            (0, 1),
            (1, 0),
            (1, 65),
            (4, 9),
            (7, 2),
            (8, 1),
            (31, 1),
            (u32::MAX, u32::MAX),
        ] {
            assert!(Shape::new(m, w).is_err(), "{m} {w}");
        }
        assert_eq!(Shape::new(4, 8).unwrap().table_bits(), 128);
    }

    #[test]
    fn tables_hold_and_permute_messages() {
        for shape in shapes() {
            let count = 1u32 << shape.choice_bits;
            let mask = u64::MAX >> (64 - shape.message_bits);
            let messages: Vec<u64> = (0..u64::from(count))
                .map(|j| (j + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
                .collect();
            for flip in 0..count {
                let table = shape.table(&messages).unwrap().permute(shape, flip);
                for j in 0..count {
                    let expected = messages[(j ^ flip) as usize] & mask;
                    assert_eq!(table.slot(shape, j), expected, "{shape:?} {flip} {j}");
                }
            }
        }
    }

    /// The masks are linear in the hashes. With choice c the receiver misses the hash of key i at value ¬c_i, for each i. Seen as a
    /// map from those unknown bits, slot c must be zero (it knows it) and all other slots together must have full rank: then they
    /// are uniform and independent whatever the receiver sees. Hashing the sum of keys would give rank w only.
    #[test]
    fn the_other_masks_are_independent_of_the_receivers_view() {
        for shape in shapes() {
            let m = shape.transfers();
            for choice in 0..1u32 << shape.choice_bits {
                let mut images: Vec<u128> = Vec::new();
                for i in 0..m {
                    for bit in 0..shape.table_bits() {
                        let (mut zeros, mut ones) = (vec![Block::ZERO; m], vec![Block::ZERO; m]);
                        let unknown = if choice >> i & 1 == 1 {
                            &mut zeros
                        } else {
                            &mut ones
                        };
                        unknown[i] = Block::from(1u128 << bit);
                        let masks = sender_masks(shape, &zeros, &ones);
                        assert_eq!(masks.slot(shape, choice), 0, "the own mask is known");
                        images.push(masks.0.into());
                    }
                }
                let rank = rank(images);
                let others = (1 << shape.choice_bits) - 1;
                assert_eq!(rank, others * shape.message_bits, "{shape:?} {choice}");
            }
        }
    }

    fn rank(vectors: Vec<u128>) -> u32 {
        let mut basis = [0u128; 128];
        let mut rank = 0;
        for mut v in vectors {
            while v != 0 {
                let top = 127 - v.leading_zeros() as usize;
                if basis[top] == 0 {
                    basis[top] = v;
                    rank += 1;
                    break;
                }
                v ^= basis[top];
            }
        }
        rank
    }

    #[test]
    fn the_receiver_computes_its_mask() {
        for shape in shapes() {
            let m = shape.transfers();
            let zeros: Vec<Block> = (0..m).map(|_| Block::random()).collect();
            let ones: Vec<Block> = (0..m).map(|_| Block::random()).collect();
            let masks = sender_masks(shape, &zeros, &ones);
            for choice in 0..1u32 << shape.choice_bits {
                let known: Vec<Block> = (0..m)
                    .map(|i| {
                        if choice >> i & 1 == 1 {
                            ones[i]
                        } else {
                            zeros[i]
                        }
                    })
                    .collect();
                assert_eq!(
                    receiver_mask(shape, choice, &known),
                    masks.slot(shape, choice)
                );
            }
        }
    }
}
