//! Small puncturable functions: `128/k` trees with `2^k` leaves each, punctured at the bits of Δ.
//!
//! - Functionality: the tree maker gets all leaves; the other party, who holds a point α of k bits, gets all leaves but leaf α.
//! - Secure against: semi-honest, either side, in the random-OT hybrid; the generator is AES in counter mode keyed by the node.
//! - From: GGM86 with Roy22 (eprint 2022/192) §6. Differs: the holder of α keeps its leaves in the order `leaf ⊕ α`, so that
//!   the missing one is always leaf 0 and no address depends on α.
//! - Cost for one tree: k random OTs with choices ¬α, 32·k bytes from the maker.

#![expect(
    clippy::indexing_slicing,
    reason = "indices are below 2^depth, the length of the level"
)]

use privet_prim::{Block, Prg};

/// Bytes of corrections per tree level: the masked sums of the left and of the right nodes.
pub(crate) const LEVEL_BYTES: usize = 32;

fn children(node: Block) -> [Block; 2] {
    let mut pair = [Block::ZERO; 2];
    Prg::new(node).fill_blocks(&mut pair);
    pair
}

/// Makes a tree of `keys.len()` levels below `root`: its leaves, and per level both sums masked with the level's OT keys.
pub(crate) fn expand(root: Block, keys: &[[Block; 2]]) -> (Vec<Block>, Vec<[Block; 2]>) {
    let mut nodes = vec![root];
    let mut corrections = Vec::with_capacity(keys.len());
    for key in keys {
        nodes = nodes.iter().flat_map(|node| children(*node)).collect();
        let mut sums = *key;
        for pair in nodes.chunks_exact(2) {
            sums[0] ^= pair[0];
            sums[1] ^= pair[1];
        }
        corrections.push(sums);
    }
    (nodes, corrections)
}

/// Rebuilds a tree without leaf α. `point` lists α's bits from the root down, `keys` the OT keys for choices `!point`.
/// Leaf `y` of the result is the maker's leaf `y ⊕ α`; leaf 0 is zero.
pub(crate) fn puncture(point: &[bool], keys: &[Block], corrections: &[[Block; 2]]) -> Vec<Block> {
    let mut nodes = vec![Block::ZERO];
    for ((&bit, key), masked) in point.iter().zip(keys).zip(corrections) {
        let turn = Block::mask(bit);
        // The sum of the nodes that hang off the path on the other side: side !bit.
        let mut sibling = *key ^ masked[1] ^ (turn & (masked[0] ^ masked[1]));
        let mut next = vec![Block::ZERO; 2 * nodes.len()];
        for (node, pair) in nodes.iter().zip(next.chunks_exact_mut(2)).skip(1) {
            let [left, right] = children(*node);
            let swap = turn & (left ^ right);
            pair[0] = left ^ swap;
            pair[1] = right ^ swap;
            sibling ^= pair[1];
        }
        next[1] = sibling;
        nodes = next;
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_leaves_but_one_agree() {
        let mut prg = Prg::new(Block::from(17));
        for depth in [1usize, 2, 4, 8] {
            for round in 0..4usize {
                let alpha = (round * 0x9e37_79b9) % (1 << depth);
                let mut keys = vec![[Block::ZERO; 2]; depth];
                keys.iter_mut().for_each(|k| prg.fill_blocks(k));
                let point: Vec<bool> = (0..depth).rev().map(|i| alpha >> i & 1 == 1).collect();
                let chosen: Vec<Block> = keys
                    .iter()
                    .zip(&point)
                    .map(|(k, &b)| k[usize::from(!b)])
                    .collect();
                let (leaves, corrections) = expand(Block::from(round as u128), &keys);
                let got = puncture(&point, &chosen, &corrections);
                assert_eq!(leaves.len(), 1 << depth);
                for (y, leaf) in got.iter().enumerate() {
                    assert_eq!(*leaf == leaves[y ^ alpha], y != 0, "depth {depth} leaf {y}");
                }
            }
        }
    }
}
