//! Comparison of a number of the client's with one of the server's, as a planned object.
//!
//! `x > y` of k bits: leaves give, for some bits of both numbers, shares of "greater" and of "equal"; merges of a tree combine
//! `greater = greater_high ⊕ equal_high·greater_low`, `equal = equal_high·equal_low`. On the path of the lowest leaf nobody asks for
//! "equal". A cut at bit f makes "greater" of the lowest f bits a node of the tree: the carry that truncation by f bits needs.
//!
//! Which leaves, which tree and which triples is a [`Shape`]; a [`Layout`] is what it means for one width. Both are pure, so
//! both parties and the cost model agree.

use serde::{Deserialize, Serialize};

use crate::cost::gmw::{Demand, OpCost, TableShape, words};
use crate::cost::{LinkModel, Rates};

/// How leaves are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Leaves {
    /// `digit_bits` at a time by one 1-of-2^digit_bits transfer; the client chooses. 2 to 5 bits.
    Transfer {
        /// log2 of the radix.
        digit_bits: u32,
    },
    /// Bit by bit, by products of a bit of the client's and one of the server's.
    PrivateAnd,
    /// Bit by bit, by triples as if both bits were shared.
    SharedAnd,
}

/// The form of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Tree {
    /// Fewest levels.
    Balanced,
    /// Lowest leaf first, one level for each further leaf: fewest products.
    Chain,
}

/// How two products with an operand in common are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Products {
    /// Two triples.
    Plain,
    /// One triple with a common operand.
    Common,
}

/// When the client's number is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operand {
    /// With the server's.
    Online,
    /// Before the input, as a share behind a linear layer is: leaves that take it alone have their material turned to it ahead.
    Ahead,
}

/// A way to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// Leaves.
    pub leaves: Leaves,
    /// Tree.
    pub tree: Tree,
    /// Triples.
    pub products: Products,
    /// The client's number.
    pub client: Operand,
}

/// Why there is no such comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A number of bits outside 1..=64.
    #[error("a comparison of {bits} bits: 1 to 64 are possible")]
    Bits {
        /// The number.
        bits: u32,
    },
    /// Digits outside 2..=5 bits.
    #[error("digits of {digit_bits} bits: 2 to 5 are possible")]
    Digit {
        /// The number.
        digit_bits: u32,
    },
    /// A cut that leaves nothing on one side.
    #[error("a cut at bit {cut} of {bits}")]
    Cut {
        /// The bit.
        cut: u32,
        /// The number of bits.
        bits: u32,
    },
}

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
    /// Few silent transfers: digits of 4 bits, balanced.
    pub const FEW_TRANSFERS: Self = Self {
        leaves: Leaves::Transfer { digit_bits: 4 },
        tree: Tree::Balanced,
        products: Products::Common,
        client: Operand::Online,
    };

    /// Few bits: private products, balanced.
    pub const FEW_BITS: Self = Self {
        leaves: Leaves::PrivateAnd,
        tree: Tree::Balanced,
        products: Products::Common,
        client: Operand::Online,
    };

    /// The same with the client's number known ahead.
    #[must_use]
    pub const fn ahead(mut self) -> Self {
        self.client = Operand::Ahead;
        self
    }

    /// Whether material is turned to the client's number ahead: leaves by triples take it as any shared one.
    #[must_use]
    pub fn fixed(self) -> bool {
        self.client == Operand::Ahead && self.leaves != Leaves::SharedAnd
    }

    /// Every shape that a test must cover, the client's number known online.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let digits = (2..=5).map(|digit_bits| Leaves::Transfer { digit_bits });
        let leaves = digits.chain([Leaves::PrivateAnd, Leaves::SharedAnd]);
        let mut all = Vec::new();
        for leaves in leaves {
            for tree in [Tree::Balanced, Tree::Chain] {
                for products in [Products::Plain, Products::Common] {
                    all.push(Self {
                        leaves,
                        tree,
                        products,
                        client: Operand::Online,
                    });
                }
            }
        }
        all
    }

    /// The shape that takes the least estimated time for `n` comparisons of `bits` bits over a link.
    ///
    /// # Errors
    /// A width or cut that no shape exists for.
    pub fn choose(
        n: u64,
        bits: u32,
        cut: Option<u32>,
        link: &LinkModel,
        rates: &Rates,
    ) -> Result<Self, ShapeError> {
        let mut best = (f64::INFINITY, Self::FEW_TRANSFERS);
        for shape in Self::all() {
            let seconds = shape.cost(n, bits, cut)?.seconds(link, rates);
            if seconds < best.0 {
                best = (seconds, shape);
            }
        }
        Ok(best.1)
    }

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

    /// What `n` comparisons take.
    ///
    /// # Errors
    /// [`ShapeError`].
    pub fn cost(self, n: u64, bits: u32, cut: Option<u32>) -> Result<OpCost, ShapeError> {
        let layout = self.layout(bits, cut)?;
        let (w, mut cost) = (words(n), OpCost::default());
        let ahead = self.fixed();
        match self.leaves {
            Leaves::Transfer { .. } => {
                for (shape, count) in layout.groups() {
                    let wishes = count * u64::from(shape.choice_bits) * n.div_ceil(8);
                    if ahead {
                        cost.demand.add_fixed_tables(shape, count * w);
                        cost.ahead_bytes += wishes;
                    } else {
                        cost.demand.add_tables(shape, count * w);
                        cost.client_bytes += wishes;
                    }
                    cost.server_bytes += count * u64::from(shape.table_bits()) * n.div_ceil(8);
                }
                cost.latencies = if ahead { 1 } else { 2 };
            }
            Leaves::PrivateAnd => {
                let words = u64::from(bits) * w;
                cost.server_bytes += 8 * words;
                if ahead {
                    cost.demand.fixed_oles += words;
                    cost.ahead_bytes += 8 * words;
                } else {
                    cost.demand.server_oles += words;
                    cost.client_bytes += 8 * words;
                }
                cost.latencies = 1;
            }
            Leaves::SharedAnd => {
                cost.demand.triples += u64::from(bits) * w;
                cost.both(16 * u64::from(bits) * w);
                cost.latencies = 1;
            }
        }
        for merge in layout.levels.iter().flatten() {
            let (triples, common) = merge.triples(self.products);
            cost.demand.triples += triples * w;
            cost.demand.common_triples += common * w;
            cost.both(8 * w * (2 * triples + 3 * common));
        }
        cost.latencies += u32::try_from(layout.levels.len()).unwrap_or(u32::MAX);
        Ok(cost)
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

/// Silent transfers of one comparison, for reports: material of `n` comparisons by `n`.
#[must_use]
pub fn transfers(demand: &Demand) -> u64 {
    demand.transfers_sent(true) + demand.transfers_sent(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number known ahead saves its bits and, where it chooses, a latency; as many bits travel in all.
    #[test]
    fn a_number_known_ahead_saves_what_the_design_says() {
        assert_eq!(figures(Shape::FEW_TRANSFERS.ahead(), None), (312, 52, 5));
        assert_eq!(figures(Shape::FEW_BITS.ahead(), None), (234, 106, 7));
        for shape in Shape::all() {
            let (now, then) = (shape.cost(99, 36, None), shape.ahead().cost(99, 36, None));
            let (now, then) = (now.unwrap(), then.unwrap());
            assert_eq!(now.bytes(), then.bytes() + then.ahead_bytes);
            assert_eq!(transfers(&now.demand), transfers(&then.demand));
            assert_eq!(shape.ahead().fixed(), then.ahead_bytes > 0);
        }
    }

    fn figures(shape: Shape, cut: Option<u32>) -> (u64, u64, u32) {
        let n = 1 << 12;
        let cost = shape.cost(n, 36, cut).unwrap();
        let bits = 8 * (cost.client_bytes + cost.server_bytes) / n;
        (bits, transfers(&cost.demand) / n, cost.latencies)
    }

    /// The table of the design, 37-bit DReLU.
    #[test]
    fn the_shapes_cost_what_the_design_says() {
        let chain = Shape {
            leaves: Leaves::SharedAnd,
            tree: Tree::Chain,
            products: Products::Plain,
            client: Operand::Online,
        };
        assert_eq!(figures(chain, None), (284, 142, 36));
        assert_eq!(figures(Shape::FEW_TRANSFERS, None), (348, 52, 6));
        assert_eq!(figures(Shape::FEW_TRANSFERS, Some(12)), (350, 52, 6));
        assert_eq!(figures(Shape::FEW_BITS, None), (270, 106, 7));
        assert_eq!(figures(Shape::FEW_BITS, Some(12)), (272, 106, 7));
    }

    #[test]
    fn every_layout_computes_greater() {
        for shape in Shape::all() {
            for bits in [1, 2, 5, 8, 36, 64] {
                for cut in [None, Some(1), Some(bits / 2), Some(bits - 1)] {
                    if cut.is_some_and(|cut| cut == 0 || cut >= bits) {
                        assert!(shape.layout(bits, cut).is_err());
                        continue;
                    }
                    let layout = shape.layout(bits, cut).unwrap();
                    for i in 0..40u64 {
                        let mask = u64::MAX >> (64 - bits);
                        let x = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask;
                        let y = (x ^ (1 << (i % u64::from(bits)))) & mask;
                        for (x, y) in [(x, y), (y, x), (x, x)] {
                            check(&layout, x, y, cut);
                        }
                    }
                }
            }
        }
    }

    fn check(layout: &Layout, x: u64, y: u64, cut: Option<u32>) {
        let mut nodes: Vec<(bool, Option<bool>)> = Vec::new();
        for leaf in &layout.leaves {
            let digit = |v: u64| v >> leaf.from & (u64::MAX >> (64 - leaf.bits));
            let equal = leaf.equal.then_some(digit(x) == digit(y));
            nodes.push((digit(x) > digit(y), equal));
        }
        for level in &layout.levels {
            let made: Vec<_> = level
                .iter()
                .map(|m| {
                    let ((gh, eh), (gl, el)) = (nodes[m.high], nodes[m.low]);
                    let common = eh.unwrap();
                    (gh ^ (common & gl), m.equal.then(|| common & el.unwrap()))
                })
                .collect();
            nodes.extend(made);
        }
        assert_eq!(nodes[layout.root].0, x > y);
        if let Some(cut) = cut {
            let low = |v: u64| v & ((1 << cut) - 1);
            assert_eq!(nodes[layout.cut.unwrap()].0, low(x) > low(y));
        }
    }

    #[test]
    fn the_choice_follows_link_and_rates() {
        let rates = Rates {
            cots: 30e6,
            ..Rates::default()
        };
        let on = |link| {
            Shape::choose(1 << 20, 36, None, &link, &rates)
                .unwrap()
                .leaves
        };
        assert!(matches!(on(LinkModel::LOOPBACK), Leaves::Transfer { .. }));
        assert_eq!(on(LinkModel::shaped(20.0, 1.0)), Leaves::PrivateAnd);
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let shape = Shape::FEW_TRANSFERS;
        assert!(shape.layout(0, None).is_err() && shape.layout(65, None).is_err());
        let leaves = Leaves::Transfer { digit_bits: 6 };
        assert!(Shape { leaves, ..shape }.layout(8, None).is_err());
    }
}
