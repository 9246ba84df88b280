//! Comparison of a number of the client's with one of the server's, as a planned object.
//!
//! `x > y` of k bits: leaves give, for some bits of both numbers, shares of "greater" and of "equal"; merges of a tree combine
//! `greater = greater_high ⊕ equal_high·greater_low`, `equal = equal_high·equal_low`. On the path of the lowest leaf nobody asks for
//! "equal". A cut at bit f makes "greater" of the lowest f bits a node of the tree: the carry that truncation by f bits needs.
//!
//! Which leaves, which tree and which triples is a [`Shape`]; a [`Layout`] is what it means for one width. Both are pure, so
//! both parties and the cost model agree.

mod layout;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::cost::gmw::{Demand, OpCost, words};
use crate::cost::{LinkModel, Rates, Round};
pub use layout::{Layout, Leaf, Merge};

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
                if !ahead {
                    cost.rounds.push(Round::CLIENT);
                }
                cost.rounds.push(Round::SERVER);
            }
            Leaves::PrivateAnd => {
                let words = u64::from(bits) * w;
                cost.server_bytes += 8 * words;
                if ahead {
                    cost.demand.fixed_oles += words;
                    cost.ahead_bytes += 8 * words;
                    cost.rounds.push(Round::SERVER);
                } else {
                    cost.demand.server_oles += words;
                    cost.client_bytes += 8 * words;
                    cost.rounds.push(Round::BOTH);
                }
            }
            Leaves::SharedAnd => {
                cost.demand.triples += u64::from(bits) * w;
                cost.both(16 * u64::from(bits) * w);
                cost.rounds.push(Round::BOTH);
            }
        }
        for merge in layout.levels.iter().flatten() {
            let (triples, common) = merge.triples(self.products);
            cost.demand.triples += triples * w;
            cost.demand.common_triples += common * w;
            cost.both(8 * w * (2 * triples + 3 * common));
        }
        let levels = layout.levels.iter().map(|_| Round::BOTH);
        cost.rounds.extend(levels);
        Ok(cost)
    }
}

/// Silent transfers of one comparison, for reports: material of `n` comparisons by `n`.
#[must_use]
pub fn transfers(demand: &Demand) -> u64 {
    demand.transfers_sent(true) + demand.transfers_sent(false)
}
