//! The specification of both loops.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "places are masked by the secret's length, a power of two of at most 2^21"
)]

use privet_prim::{Aes128, Block};

use super::Kernel;
use crate::silent::code::{FIELD, WEIGHT};

/// Nodes hashed at a time.
const LANES: usize = 64;

/// Rows whose places are drawn at a time.
const ROWS: usize = 128;

pub(super) fn kernel() -> Kernel {
    Kernel {
        name: "portable",
        grow,
        encode,
        patch,
        finish,
    }
}

/// σ of GKWY20 (eprint 2019/074), §7.3: a linear orthomorphism, without which the right child would give its parent away.
pub(super) fn sigma(x: Block) -> Block {
    let x = u128::from(x);
    let high = x >> 64;
    Block::from((high ^ (x & u128::from(u64::MAX))) << 64 | high)
}

pub(super) fn grow(key: Block, nodes: &mut [Block]) -> [Block; 2] {
    let cipher = Aes128::new(key);
    let (low, high) = nodes.split_at_mut(nodes.len() / 2);
    let mut sum = Block::ZERO;
    let mut inputs = [Block::ZERO; LANES];
    let mut outputs = [Block::ZERO; LANES];
    for (low, high) in low.chunks_mut(LANES).zip(high.chunks_mut(LANES)) {
        let inputs = &mut inputs[..low.len()];
        for (input, node) in inputs.iter_mut().zip(low.iter()) {
            *input = sigma(*node);
        }
        let outputs = &mut outputs[..low.len()];
        outputs.copy_from_slice(inputs);
        cipher.encrypt_blocks(outputs);
        for (((left, right), output), input) in low
            .iter_mut()
            .zip(high)
            .zip(outputs.iter())
            .zip(inputs.iter())
        {
            let child = *output ^ *input;
            *right = *left ^ child;
            *left = child;
            sum ^= child;
        }
    }
    [sum, cipher.encrypt(Block::ZERO)]
}

pub(super) fn encode(key: Block, number: u64, first: u64, secret: &[Block], out: &mut [Block]) {
    if secret.is_empty() {
        return;
    }
    let cipher = Aes128::new(key);
    let mask = secret.len() - 1;
    let mut places = [Block::ZERO; 2 * ROWS];
    let mut row = first;
    for out in out.chunks_mut(ROWS) {
        let places = &mut places[..2 * out.len()];
        cipher.counter_mode(number, 2 * row, places);
        row += out.len() as u64;
        let words: &[u64] = bytemuck::cast_slice(places);
        let (words, _) = words.as_chunks::<4>();
        for (out, words) in out.iter_mut().zip(words) {
            let mut sum = *out;
            for (i, word) in words.iter().enumerate() {
                let word = u64::from_le(*word) as usize;
                for field in 0..3u32 {
                    if 3 * i + (field as usize) < WEIGHT {
                        sum ^= secret[(word >> (FIELD * field)) & mask];
                    }
                }
            }
            *out = sum;
        }
    }
}

pub(super) fn patch(nodes: &mut [Block], place: u64, left: Block, right: Block) {
    let (low, high) = nodes.split_at_mut(nodes.len() / 2);
    for ((low, high), i) in low.iter_mut().zip(high).zip(0u64..) {
        let here = Block::mask(i == place);
        *low ^= left & here;
        *high ^= right & here;
    }
}

pub(super) fn finish(leaves: &mut [Block], place: u64, block: Block) {
    let hot = block.with_colour(true);
    for (leaf, i) in leaves.iter_mut().zip(0u64..) {
        let here = Block::mask(i == place);
        *leaf = leaf.with_colour(false) & !here ^ hot & here;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigma_is_an_orthomorphism() {
        // Linear, and both σ and x ↦ σ(x) ⊕ x have trivial kernel: the images of the unit vectors are independent.
        for f in [sigma, |x| sigma(x) ^ x] {
            let mut basis: Vec<u128> = Vec::new();
            for bit in 0..128 {
                let image = u128::from(f(Block::from(1 << bit)));
                let rest = basis.iter().fold(image, |v, b| v.min(v ^ b));
                assert_ne!(rest, 0);
                basis.push(rest);
                basis.sort_unstable_by(|a, b| b.cmp(a));
            }
        }
    }

    #[test]
    fn patches_and_finishes_one_place() {
        let nodes: Vec<Block> = (0..8).map(|_| Block::random()).collect();
        for place in 0..4 {
            let mut patched = nodes.clone();
            patch(&mut patched, place, Block::from(2), Block::from(4));
            let changes = (0..8u64)
                .map(|i| [0u128, 2, 4][usize::from(i == place) + 2 * usize::from(i == place + 4)]);
            for ((new, old), change) in patched.iter().zip(&nodes).zip(changes) {
                assert_eq!(*new ^ *old, Block::from(change));
            }
            finish(&mut patched, place, Block::from(0xff00));
            for (i, leaf) in patched.iter().enumerate() {
                assert_eq!(leaf.colour(), i as u64 == place);
                assert_eq!(*leaf == Block::from(0xff01), i as u64 == place);
            }
        }
    }

    #[test]
    fn children_follow_the_definition() {
        let key = Block::random();
        let parents: Vec<Block> = (0..5).map(|_| Block::random()).collect();
        let mut nodes = [parents.clone(), vec![Block::ZERO; 5]].concat();
        let [sum, ghost] = grow(key, &mut nodes);
        let hash = |x: Block| Aes128::new(key).encrypt(sigma(x)) ^ sigma(x);
        for (i, parent) in parents.iter().enumerate() {
            assert_eq!(nodes[i], hash(*parent));
            assert_eq!(nodes[i + 5], hash(*parent) ^ *parent);
        }
        assert_eq!(
            sum,
            parents.iter().fold(Block::ZERO, |sum, p| sum ^ hash(*p))
        );
        assert_eq!(ghost, hash(Block::ZERO));
    }
}
