//! What the two directions give, on its way to material.

use privet_net::Channel;
use privet_ot::rcot::{RcotReceiver, RcotSender};
use privet_ot::triples::Triples;
use privet_ot::tweaks::Hasher;
use privet_plan::cost::gmw::TableShape;
use privet_prim::{Block, bit_plane};
use zeroize::{Zeroize, Zeroizing};

use super::BLOCKS;
use crate::error::Error;

/// Words of `W`-bit strings, by position.
pub(super) struct Bits<const W: usize> {
    pub(super) first: [Vec<u64>; W],
    pub(super) second: [Vec<u64>; W],
}

impl<const W: usize> Default for Bits<W> {
    fn default() -> Self {
        Self {
            first: std::array::from_fn(|_| Vec::new()),
            second: std::array::from_fn(|_| Vec::new()),
        }
    }
}

impl<const W: usize> Bits<W> {
    /// Room for all that comes: growing would leave copies behind.
    pub(super) fn reserve(&mut self, words: u64) {
        let words = usize::try_from(words).unwrap_or_default();
        let parts = self.first.iter_mut().chain(&mut self.second);
        parts.for_each(|part| part.reserve_exact(words));
    }

    pub(super) fn take(&mut self) -> [[Vec<u64>; W]; 2] {
        [&mut self.first, &mut self.second].map(|parts| parts.each_mut().map(std::mem::take))
    }

    pub(super) fn push(&mut self, first: [u64; W], second: [u64; W]) {
        let parts = self.first.iter_mut().chain(&mut self.second);
        parts
            .zip(first.into_iter().chain(second))
            .for_each(|(part, word)| part.push(word));
    }
}

impl<const W: usize> Drop for Bits<W> {
    fn drop(&mut self) {
        self.first.zeroize();
        self.second.zeroize();
    }
}

/// One direction's halves of triples.
#[derive(Default)]
pub(super) struct Halves {
    pub(super) plain: Bits<1>,
    pub(super) plain_choice: Vec<u64>,
    pub(super) common: Bits<2>,
    pub(super) common_choice: Vec<u64>,
}

impl Drop for Halves {
    fn drop(&mut self) {
        self.plain_choice.zeroize();
        self.common_choice.zeroize();
    }
}

pub(super) fn join<const W: usize>(
    sent: &mut Bits<W>,
    received: &mut Bits<W>,
    a: Vec<u64>,
) -> Triples<W> {
    let ([mut zero, b], [mut c, _]) = (sent.take(), received.take());
    for ((c, zero), b) in c.iter_mut().zip(&zero).zip(&b) {
        for (((c, zero), b), a) in c.iter_mut().zip(zero).zip(b).zip(&a) {
            *c ^= zero ^ (a & b);
        }
    }
    zero.zeroize();
    Triples { a, b, c }
}

/// The lowest bits of up to 64 blocks, by position.
pub(super) fn planes<const W: usize>(blocks: &[Block]) -> [u64; W] {
    let mut planes = [0; W];
    for (plane, position) in planes.iter_mut().zip(0..) {
        *plane = bit_plane(blocks, position);
    }
    planes
}

/// For each choice bit the slots of those j that have it set.
pub(super) fn slots_of(shape: TableShape) -> Vec<u64> {
    let one = u64::MAX >> (64 - shape.message_bits);
    let set = |i: u32| {
        let slots = (0..1u32 << shape.choice_bits).filter(|j| j >> i & 1 == 1);
        slots.fold(0, |sum, j| sum | one << (j * shape.message_bits))
    };
    (0..shape.choice_bits).map(set).collect()
}

/// Hashes of `count` keys for both choices, in pieces of whole `group`s.
pub(super) fn sent<S: RcotSender>(
    sender: &mut S,
    hasher: &mut Hasher,
    ch: &mut Channel,
    count: u64,
    group: usize,
    mut each: impl FnMut(&[Block], &[Block]),
) -> Result<(), Error> {
    let piece = BLOCKS / group * group;
    let mut left = usize::try_from(count).unwrap_or(usize::MAX);
    let mut blocks = Zeroizing::new(vec![Block::ZERO; 2 * piece.min(left)]);
    while left > 0 {
        let n = left.min(piece);
        let (keys, rest) = blocks.split_at_mut(n);
        let (ones, _) = rest.split_at_mut(n);
        sender.random_keys(ch, keys)?;
        hasher
            .hash_keys(sender.delta(), keys, ones)
            .map_err(privet_ot::Error::from)?;
        each(keys, ones);
        left -= n;
    }
    Ok(())
}

/// Choices, packed, and hashes of `count` MACs, in pieces of whole `group`s.
pub(super) fn received<R: RcotReceiver>(
    receiver: &mut R,
    hasher: &mut Hasher,
    ch: &mut Channel,
    count: u64,
    group: usize,
    mut each: impl FnMut(&[u64], &[Block]),
) -> Result<(), Error> {
    let piece = BLOCKS / group * group;
    let mut left = usize::try_from(count).unwrap_or(usize::MAX);
    let mut blocks = Zeroizing::new(vec![Block::ZERO; piece.min(left)]);
    let mut colours = Zeroizing::new(Vec::with_capacity(BLOCKS / 64));
    while left > 0 {
        let (macs, _) = blocks.split_at_mut(left.min(piece));
        receiver.random_macs(ch, macs)?;
        colours.clear();
        colours.extend(macs.chunks(64).map(|macs| bit_plane(macs, 0)));
        hasher.hash_macs(macs).map_err(privet_ot::Error::from)?;
        each(&colours, macs);
        left -= macs.len();
    }
    Ok(())
}
