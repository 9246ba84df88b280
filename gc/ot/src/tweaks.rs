//! Domains and indices of the hashes of this crate.
//!
//! Each set-up has a hash key of its own, derived from the transcript of its base OTs; each hash under that key has an index
//! that no other one has: a domain in the top byte, the number of the transfer below. Garbling draws its keys elsewhere and
//! uses another top byte, so that the two never meet even under one key.

use privet_prim::{Block, Tccr, Tweak};
use sha2::{Digest, Sha256};

use crate::base::msgs::{ReceiverPoints, SenderPoint};
use crate::error::ApiMisuse;

/// What a hash is for: the top byte of its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Domain {
    /// Random OT from correlated OT.
    RandomOt = 0xc1,
    /// Levels of the correlated trees of silent OT.
    Tree = 0xc2,
    /// Masks of 1-of-2^m OT.
    OneOfMany = 0xc3,
    /// Bits of products.
    Product = 0xc4,
    /// Masks of products in a ring.
    RingProduct = 0xc5,
}

/// Largest transfer number within a domain.
pub const MAX_INDEX: u64 = (1 << 56) - 1;

impl Domain {
    /// The index of hash `number` in this domain; numbers above [`MAX_INDEX`] are refused by those who count.
    #[must_use]
    pub const fn index(self, number: u64) -> u64 {
        (self as u64) << 56 | (number & MAX_INDEX)
    }
}

/// The hash key that a set-up agrees on, from the points on the wire.
pub(crate) fn hash_key(first: &SenderPoint, reply: &ReceiverPoints) -> Block {
    let mut hash = Sha256::new()
        .chain_update(b"privet OT hash key v1")
        .chain_update(first.wire.as_bytes());
    for (_, wire) in &reply.points {
        hash.update(wire.as_bytes());
    }
    let mut key = [0u8; 16];
    key.iter_mut()
        .zip(hash.finalize())
        .for_each(|(k, d)| *k = d);
    Block::from_bytes(key)
}

/// Hashes transfers under consecutive, never repeating indices of one domain.
///
/// Not `Clone`: a copy would repeat indices. Both parties hash in the same order.
pub struct Hasher {
    tccr: Tccr,
    domain: Domain,
    next: u64,
}

impl Hasher {
    /// Starts at transfer 0 of `domain`, under the hash key of a set-up. Only one per set-up and domain may exist.
    #[must_use]
    pub fn new(hash_key: Block, domain: Domain) -> Self {
        Self {
            tccr: Tccr::new(hash_key),
            domain,
            next: 0,
        }
    }

    /// Number of the next transfer.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Reserves the indices of `count` transfers; gives the first.
    fn reserve(&mut self, count: usize) -> Result<Tweak, ApiMisuse> {
        let got = self.next.saturating_add(count as u64);
        if got > MAX_INDEX {
            return Err(ApiMisuse::TooMany {
                what: "hashed transfers",
                limit: MAX_INDEX,
                got,
            });
        }
        let first = self.domain.index(self.next);
        self.next = got;
        Ok(Tweak(first))
    }

    /// Replaces each MAC by its hash: the receiver's side.
    ///
    /// # Errors
    /// No index is left.
    pub fn hash_macs(&mut self, macs: &mut [Block]) -> Result<(), ApiMisuse> {
        let first = self.reserve(macs.len())?;
        self.apply(first, macs)
    }

    /// Replaces `keys` by the hashes for choice 0, and fills `ones` with those for choice 1: the sender's side.
    ///
    /// # Errors
    /// Slices of different lengths, or no index is left.
    pub fn hash_keys(
        &mut self,
        delta: Block,
        keys: &mut [Block],
        ones: &mut [Block],
    ) -> Result<(), ApiMisuse> {
        let (expected, got) = (keys.len(), ones.len());
        if expected != got {
            return Err(ApiMisuse::Length {
                what: "hashes for choice 1",
                expected,
                got,
            });
        }
        let first = self.reserve(keys.len())?;
        let done = self.tccr.hash_pairs(first, delta, keys, ones);
        done.map_err(|_| Self::out_of_range(keys.len()))
    }

    fn apply(&self, first: Tweak, blocks: &mut [Block]) -> Result<(), ApiMisuse> {
        let done = self.tccr.hash_in_place(first, blocks);
        done.map_err(|_| Self::out_of_range(blocks.len()))
    }

    const fn out_of_range(got: usize) -> ApiMisuse {
        ApiMisuse::TooMany {
            what: "hashed transfers",
            limit: MAX_INDEX,
            got: got as u64,
        }
    }
}
