//! The end of the last tree, for whoever asks next.

use privet_prim::Block;
use zeroize::Zeroize;

/// A tree of which a front may have been given out already. It keeps its memory from tree to tree and is erased on drop.
#[derive(Default)]
pub(super) struct Rest {
    tree: Vec<Block>,
    given: usize,
}

impl Rest {
    /// Fills the front of `out` with what is left, and tells how far.
    pub(super) fn give(&mut self, out: &mut [Block]) -> usize {
        let left = self.tree.get(self.given..).unwrap_or_default();
        let count = left.len().min(out.len());
        let both = out.get_mut(..count).zip(left.get(..count));
        both.into_iter()
            .for_each(|(to, from)| to.copy_from_slice(from));
        self.given += count;
        count
    }

    /// A tree's blocks, to be overwritten by the next one, of which nothing is given out yet.
    pub(super) fn renew(&mut self, leaves: usize) -> &mut [Block] {
        if self.tree.len() != leaves {
            self.tree.zeroize();
            self.tree = vec![Block::ZERO; leaves];
        }
        self.given = 0;
        &mut self.tree
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.tree.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_given_out_once_and_in_order() {
        let mut rest = Rest::default();
        let mut out = [Block::ZERO; 5];
        assert_eq!(rest.give(&mut out), 0);
        for round in 0..3u128 {
            let tree = rest.renew(8);
            (0..)
                .zip(tree)
                .for_each(|(i, leaf)| *leaf = Block::from(10 * round + i));
            assert_eq!(rest.give(&mut out), 5);
            assert_eq!(out, [0, 1, 2, 3, 4].map(|i| Block::from(10 * round + i)));
            assert_eq!(rest.give(&mut out), 3);
            assert_eq!(out[..3], [5, 6, 7].map(|i| Block::from(10 * round + i)));
            assert_eq!(rest.give(&mut out), 0);
        }
    }
}
