//! Correlated half-trees: one random error per tree.
//!
//! - Functionality: the sender gets `2^d` leaves that sum to Δ; the receiver, with point α, gets all but leaf α, hence leaf α ⊕ Δ.
//! - Secure against: semi-honest, either side; `H(x) = AES_k(σ(x)) ⊕ σ(x)` circular correlation robust, one key k per tree and level:
//!   under each key one input, the node on the path, is unknown to the receiver, so no bits are lost with the number of trees.
//! - From: Half-Tree (eprint 2022/1431), Fig. 3. Differs: α is `¬x` of the d random transfers, so the receiver sends nothing.
//! - Differs: level l adds bit l of the leaf's number (children stay `2^l` apart); the receiver touches every node alike, whatever α.
//! - Cost: d random correlated transfers, 16·d bytes from the sender, `2^d` AES calls each.

#![expect(
    clippy::indexing_slicing,
    reason = "levels and halves are cut by the tree's depth"
)]

use privet_prim::Block;

use super::kernels;

/// The cipher key of level `level` of tree `number` of an instance.
fn cipher_key(tree_key: Block, number: u64, level: usize) -> Block {
    tree_key ^ Block::from_words(number, level as u64)
}

/// The sender's tree from its secret root: writes the leaves, colour 0, and the level sums masked with the transfers' keys.
pub(super) fn make(
    (tree_key, number): (Block, u64),
    (root, delta): (Block, Block),
    keys: &[Block],
    leaves: &mut [Block],
    msg: &mut [u8],
) {
    let grow = kernels::active().grow;
    let (levels, _) = msg.as_chunks_mut::<16>();
    leaves[0] = root;
    leaves[1] = root ^ delta;
    let mut sum = root;
    for (level, (key, bytes)) in keys.iter().zip(levels).enumerate() {
        if level > 0 {
            let key = cipher_key(tree_key, number, level);
            [sum, _] = grow(key, &mut leaves[..2 << level]);
        }
        // Half-Tree, Fig. 3: c_i = K_i^0 ⊕ K[r_i], with K_i^1 = K_i^0 ⊕ Δ.
        *bytes = (sum ^ *key).to_bytes();
    }
    for leaf in leaves {
        *leaf = leaf.with_colour(false);
    }
}

/// The receiver's tree: all leaves with colour 0 but leaf α, which has the sender's ⊕ Δ and colour 1.
pub(super) fn puncture(
    (tree_key, number): (Block, u64),
    macs: &[Block],
    msg: &[u8],
    leaves: &mut [Block],
) {
    let kernel = kernels::active();
    let (levels, _) = msg.as_chunks::<16>();
    let mut alpha = 0u64;
    let mut total = Block::ZERO;
    for (level, (mac, bytes)) in macs.iter().zip(levels).enumerate() {
        let side = mac.colour();
        let target = Block::from_bytes(*bytes) ^ *mac;
        let nodes = &mut leaves[..2 << level];
        // The unknown node stands as zero and its children both as H(0): right is left ⊕ parent.
        let [left_sum, ghost] = if level == 0 {
            nodes.fill(Block::ZERO);
            [Block::ZERO, Block::ZERO]
        } else {
            (kernel.grow)(cipher_key(tree_key, number, level), nodes)
        };
        let side_sum = left_sum ^ total.select(side);
        // What turns the ghosts into zero on the path and into the sibling beside it.
        let (path, sibling) = (ghost, target ^ side_sum);
        let swap = (path ^ sibling).select(side);
        (kernel.patch)(nodes, alpha, sibling ^ swap, path ^ swap);
        total ^= sibling ^ ghost;
        alpha |= u64::from(!side) << level;
    }
    // Leaf α := sum of the others = K_α ⊕ Δ, colour 1; the others get colour 0.
    (kernel.finish)(leaves, alpha, total);
}

#[cfg(test)]
mod tests {
    use super::*;
    use privet_prim::{Delta, Prg};

    #[test]
    fn leaves_agree_but_one_and_sum_to_delta() {
        let mut prg = Prg::new(Block::from(5));
        for depth in [1usize, 2, 5, 7, 11] {
            for _ in 0..6 {
                let delta = Delta::new(prg.next_block()).block();
                let x = prg.next_u64();
                let keys: Vec<Block> = (0..depth)
                    .map(|_| prg.next_block().with_colour(false))
                    .collect();
                let macs: Vec<Block> = keys
                    .iter()
                    .enumerate()
                    .map(|(i, k)| *k ^ delta.select(x >> i & 1 == 1))
                    .collect();
                let alpha = usize::try_from(!x & ((1 << depth) - 1)).unwrap();
                let id = (prg.next_block(), prg.next_u64());
                let (mut ours, mut theirs) =
                    (vec![Block::ONES; 1 << depth], vec![Block::ONES; 1 << depth]);
                let mut msg = vec![0; 16 * depth];
                make(id, (prg.next_block(), delta), &keys, &mut ours, &mut msg);
                puncture(id, &macs, &msg, &mut theirs);
                for i in 0..1 << depth {
                    assert_eq!(theirs[i], ours[i] ^ delta.select(i == alpha), "{depth} {i}");
                    assert!(!ours[i].colour());
                }
                let sum = ours.iter().fold(Block::ZERO, |sum, leaf| sum ^ *leaf);
                assert_eq!(sum, delta.with_colour(false));
            }
        }
    }

    #[test]
    fn no_cipher_key_serves_two_levels() {
        let mut keys: Vec<u128> = (0..50)
            .flat_map(|tree| (1..14).map(move |level| cipher_key(Block::ZERO, tree, level)))
            .map(u128::from)
            .collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 50 * 13);
    }
}
