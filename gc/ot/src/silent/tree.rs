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

use privet_prim::{Aes128, Block};

/// Nodes hashed at a time: fills the AES pipeline, stays in registers and first-level cache.
const LANES: usize = 64;

/// σ of [GKWY20] (eprint 2019/825), §7.3: a linear orthomorphism, without which `H` would be inverted from the right child.
fn sigma(x: Block) -> Block {
    let x = u128::from(x);
    let high = x >> 64;
    Block::from((high ^ (x & u128::from(u64::MAX))) << 64 | high)
}

/// The cipher of level `level` of tree `number` of an instance.
fn cipher(tree_key: Block, number: u64, level: usize) -> Aes128 {
    Aes128::new(tree_key ^ Block::from_words(number, level as u64))
}

/// Replaces the nodes of a level, in the lower half, by their children: left in the lower half, right in the upper.
/// Gives the sum of the left ones.
fn grow(cipher: &Aes128, nodes: &mut [Block]) -> Block {
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
    sum
}

/// The sender's tree from its secret root: writes the leaves, colour 0, and the level sums masked with the transfers' keys.
pub(super) fn make(
    (tree_key, number): (Block, u64),
    (root, delta): (Block, Block),
    keys: &[Block],
    leaves: &mut [Block],
    msg: &mut [u8],
) {
    let (levels, _) = msg.as_chunks_mut::<16>();
    leaves[0] = root;
    leaves[1] = root ^ delta;
    let mut sum = root;
    for (level, (key, bytes)) in keys.iter().zip(levels).enumerate() {
        if level > 0 {
            sum = grow(&cipher(tree_key, number, level), &mut leaves[..2 << level]);
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
    let (levels, _) = msg.as_chunks::<16>();
    let mut alpha = 0u64;
    let mut total = Block::ZERO;
    for (level, (mac, bytes)) in macs.iter().zip(levels).enumerate() {
        let side = mac.colour();
        let target = Block::from_bytes(*bytes) ^ *mac;
        let nodes = &mut leaves[..2 << level];
        // The unknown node stands as zero and its children both as H(0): right is left ⊕ parent.
        let (left_sum, ghost) = if level == 0 {
            nodes.fill(Block::ZERO);
            (Block::ZERO, Block::ZERO)
        } else {
            let cipher = cipher(tree_key, number, level);
            (grow(&cipher, nodes), cipher.encrypt(Block::ZERO))
        };
        let side_sum = left_sum ^ total.select(side);
        // What turns the ghosts into zero on the path and into the sibling beside it.
        let (path, sibling) = (ghost, target ^ side_sum);
        let swap = (path ^ sibling).select(side);
        patch(nodes, alpha, sibling ^ swap, path ^ swap);
        total ^= sibling ^ ghost;
        alpha |= u64::from(!side) << level;
    }
    // Leaf α := sum of the others = K_α ⊕ Δ, colour 1; the others get colour 0.
    let hot = total.with_colour(true);
    for (leaf, i) in leaves.iter_mut().zip(0u64..) {
        *leaf = leaf.with_colour(false) ^ hot.select(i == alpha);
    }
}

/// Adds `left` and `right` to the two children of node `at`, passing over all nodes alike.
fn patch(nodes: &mut [Block], at: u64, left: Block, right: Block) {
    let (low, high) = nodes.split_at_mut(nodes.len() / 2);
    for ((low, high), i) in low.iter_mut().zip(high).zip(0u64..) {
        let here = Block::mask(i == at);
        *low ^= left & here;
        *high ^= right & here;
    }
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
    fn no_cipher_key_serves_two_levels() {
        let mut outputs: Vec<u128> = (0..50)
            .flat_map(|tree| (1..14).map(move |level| cipher(Block::ZERO, tree, level)))
            .map(|cipher| cipher.encrypt(Block::ZERO).into())
            .collect();
        outputs.sort_unstable();
        outputs.dedup();
        assert_eq!(outputs.len(), 50 * 13);
    }
}
