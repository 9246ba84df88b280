//! Leaves and merges of one comparison: what a shape means for a width and a cut.

use super::{Leaves, Products, Shape, ShapeError, Tree};
use crate::cost::gmw::TableShape;

/// A leaf: which bits, and whether "equal" is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// Lowest bit.
    pub from: u32,
    /// How many.
    pub bits: u32,
    /// Whether "equal" is needed.
    pub equal: bool,
}

/// A merge of two nodes; nodes are numbered: leaves first, then merges in order of levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// Node of the higher bits; its "equal" is the common operand.
    pub high: usize,
    /// Node of the lower bits.
    pub low: usize,
    /// Whether "equal" is needed.
    pub equal: bool,
}

/// Leaves and merges of one comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// From the lowest bits up.
    pub leaves: Vec<Leaf>,
    /// Merges of each level; those of one level travel together.
    pub levels: Vec<Vec<Merge>>,
    /// Node of the whole.
    pub root: usize,
    /// Node of the bits below the cut.
    pub cut: Option<usize>,
}

impl Shape {
    /// Leaves and merges for `bits` bits.
    ///
    /// # Errors
    /// [`ShapeError`].
    pub fn layout(self, bits: u32, cut: Option<u32>) -> Result<Layout, ShapeError> {
        if !(1..=64).contains(&bits) {
            return Err(ShapeError::Bits { bits });
        }
        let digit_bits = match self.leaves {
            Leaves::Transfer { digit_bits } => digit_bits,
            Leaves::PrivateAnd | Leaves::SharedAnd => 1,
        };
        if matches!(self.leaves, Leaves::Transfer { .. }) && !(2..=5).contains(&digit_bits) {
            return Err(ShapeError::Digit { digit_bits });
        }
        if let Some(cut) = cut
            && !(1..bits).contains(&cut)
        {
            return Err(ShapeError::Cut { cut, bits });
        }
        let mut draft = Draft::default();
        let low = draft.leaves(0, cut.unwrap_or(bits), digit_bits);
        let mut root = draft.join(self.tree, &low, None, false);
        let cut = cut.map(|cut| {
            let high = draft.leaves(cut, bits, digit_bits);
            let below = root;
            root = match self.tree {
                Tree::Balanced => {
                    let above = draft.join(self.tree, &high, None, true);
                    draft.merge(above, below, false)
                }
                Tree::Chain => draft.join(self.tree, &high, Some(below), false),
            };
            below
        });
        Ok(draft.finish(root, cut))
    }
}

impl Merge {
    /// Triples, plain and with a common operand, for one instance.
    #[must_use]
    pub const fn triples(&self, products: Products) -> (u64, u64) {
        match (self.equal, products) {
            (false, _) => (1, 0),
            (true, Products::Plain) => (2, 0),
            (true, Products::Common) => (0, 1),
        }
    }
}

impl Layout {
    /// Level at which the cut's node is known, and the number of levels.
    #[must_use]
    pub fn level_of_cut(&self) -> (u32, u32) {
        let mut first = self.leaves.len();
        let mut found = 0;
        for (level, merges) in (1..).zip(&self.levels) {
            if self.cut.is_some_and(|cut| cut >= first) {
                found = level;
            }
            first += merges.len();
        }
        (found, u32::try_from(self.levels.len()).unwrap_or(u32::MAX))
    }

    /// Runs of leaves with tables of the same shape: shape and length.
    #[must_use]
    pub fn groups(&self) -> Vec<(TableShape, u64)> {
        let mut groups: Vec<(TableShape, u64)> = Vec::new();
        for leaf in &self.leaves {
            let shape = leaf.table();
            match groups.last_mut() {
                Some((last, count)) if *last == shape => *count += 1,
                _ => groups.push((shape, 1)),
            }
        }
        groups
    }
}

impl Leaf {
    /// The table that a transfer leaf takes.
    #[must_use]
    pub const fn table(&self) -> TableShape {
        TableShape {
            choice_bits: self.bits,
            message_bits: if self.equal { 2 } else { 1 },
        }
    }
}

/// Nodes in the order in which they were thought of.
#[derive(Default)]
struct Draft {
    nodes: Vec<Node>,
}

#[derive(Clone, Copy)]
struct Node {
    level: usize,
    equal: bool,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Leaf { from: u32, bits: u32 },
    Merge { high: usize, low: usize },
}

impl Draft {
    fn push(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn leaves(&mut self, mut from: u32, to: u32, digit_bits: u32) -> Vec<usize> {
        let mut leaves = Vec::new();
        while from < to {
            let bits = digit_bits.min(to - from);
            leaves.push(self.push(Node {
                level: 0,
                equal: false,
                what: What::Leaf { from, bits },
            }));
            from += bits;
        }
        leaves
    }

    fn set_equal(&mut self, node: usize) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.equal = true;
        }
    }

    fn level(&self, node: usize) -> usize {
        self.nodes.get(node).map_or(0, |node| node.level)
    }

    fn merge(&mut self, high: usize, low: usize, equal: bool) -> usize {
        let level = 1 + self.level(high).max(self.level(low));
        self.push(Node {
            level,
            equal,
            what: What::Merge { high, low },
        })
    }

    /// One node over these leaves and what is `below` them.
    fn join(&mut self, tree: Tree, leaves: &[usize], below: Option<usize>, equal: bool) -> usize {
        match tree {
            Tree::Balanced => self.balanced(leaves, equal),
            Tree::Chain => {
                let mut node = below;
                for &leaf in leaves {
                    node = Some(match node {
                        None => leaf,
                        Some(low) => {
                            self.set_equal(leaf);
                            self.merge(leaf, low, false)
                        }
                    });
                }
                node.unwrap_or_default()
            }
        }
    }

    /// The lower part takes a power of two: as few levels as possible, and the longest path without "equal".
    fn balanced(&mut self, leaves: &[usize], equal: bool) -> usize {
        if let [leaf] = leaves {
            if equal {
                self.set_equal(*leaf);
            }
            return *leaf;
        }
        let (low, high) = leaves.split_at(
            leaves
                .len()
                .div_ceil(2)
                .next_power_of_two()
                .min(leaves.len() - 1),
        );
        let low = self.balanced(low, equal);
        let high = self.balanced(high, true);
        self.merge(high, low, equal)
    }

    fn finish(&self, root: usize, cut: Option<usize>) -> Layout {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by_key(|&node| self.level(node));
        let mut place = vec![0; self.nodes.len()];
        for (new, &old) in order.iter().enumerate() {
            if let Some(place) = place.get_mut(old) {
                *place = new;
            }
        }
        let at = |old: usize| place.get(old).copied().unwrap_or_default();
        let (mut leaves, mut levels) = (Vec::new(), Vec::<Vec<Merge>>::new());
        for node in order.iter().filter_map(|&old| self.nodes.get(old)) {
            let equal = node.equal;
            match node.what {
                What::Leaf { from, bits } => leaves.push(Leaf { from, bits, equal }),
                What::Merge { high, low } => {
                    levels.resize_with(levels.len().max(node.level), Vec::new);
                    if let Some(level) = levels.get_mut(node.level - 1) {
                        let (high, low) = (at(high), at(low));
                        level.push(Merge { high, low, equal });
                    }
                }
            }
        }
        Layout {
            leaves,
            levels,
            root: at(root),
            cut: cut.map(at),
        }
    }
}
