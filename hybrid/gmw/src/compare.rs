//! Millionaires' comparison in any planned shape.
//!
//! - Functionality: the client brings x, the server y, k bits each; they get XOR shares of `x > y`, and for a cut f of
//!   `x mod 2^f > y mod 2^f`.
//! - Secure against: semi-honest, either side; perfect, in the model of triples, bit products and random 1-of-2^m transfers.
//! - From: CrypTFlow2 (eprint 2020/457), Algorithm 1, for transfer leaves; GSV07 for the tree. Differs: leaves may be private
//!   products; pairs of products take triples with a common operand; the lowest path has no "equal"; the tree may be cut.
//! - Cost: `privet_plan::compare::Shape::cost`, to the byte.

pub(crate) mod leaves;
pub(crate) mod slots;

use privet_plan::compare::{Layout, Leaves, Shape};
use privet_prim::Prg;
use privet_ring::{Party, to_planes};
use zeroize::Zeroize;

use crate::and::{And, Operands};
use crate::error::Error;
use crate::flights::Flights;
use crate::material::{Kind, Material};
use crate::wire::{empty, split};
use leaves::{ProductLeaves, TransferLeaves};

/// Planes of "greater" and "equal" of a node.
#[derive(Default)]
pub(crate) struct Node {
    pub(crate) greater: Vec<u64>,
    pub(crate) equal: Vec<u64>,
}

/// One party's part of a batch of comparisons.
pub(crate) struct Compare<P: Party> {
    layout: Layout,
    shape: Shape,
    stage: Stage<P>,
    /// One product flight per level, made ready with its triples ahead.
    triples: Vec<Material<P>>,
    nodes: Vec<Node>,
    stride: usize,
    level: usize,
    /// Bytes of the peer's next message.
    expected: usize,
}

const COMPARE: &str = "gmw/compare";

enum Stage<P: Party> {
    Transfers(TransferLeaves<P>),
    Products(ProductLeaves<P>),
    Ands(And<P>, Vec<u64>),
    Level(And<P>),
    Idle,
}

impl<P: Party> Compare<P> {
    /// Compares this party's numbers of `bits` bits with the peer's. Where the shape says that the client's are known ahead, they
    /// are those that the material was fixed to.
    pub(crate) fn new(
        shape: Shape,
        bits: u32,
        cut: Option<u32>,
        mine: &[u64],
        material: &mut Material<P>,
        prg: &mut Prg,
    ) -> Result<Self, Error> {
        let layout = shape.layout(bits, cut)?;
        let stride = mine.len().div_ceil(64);
        let kind = if shape.fixed() {
            Kind::Fixed
        } else {
            Kind::Random
        };
        let stage = match shape.leaves {
            Leaves::Transfer { .. } => {
                Stage::Transfers(TransferLeaves::new(&layout, kind, mine, material, prg)?)
            }
            Leaves::PrivateAnd => Stage::Products(ProductLeaves::new(bits, kind, mine, material)?),
            Leaves::SharedAnd => {
                let planes = private_planes::<P>(mine, bits);
                let zeros = vec![0; planes.len()];
                let mut operands = Operands::default();
                if P::ADDS_PUBLIC {
                    operands.push(&zeros, &planes);
                } else {
                    operands.push(&planes, &zeros);
                }
                Stage::Ands(And::new(operands, material)?, planes)
            }
        };
        let mut triples = Vec::new();
        for level in &layout.levels {
            let (single, common) = level.iter().fold((0, 0), |sum, merge| {
                let more = merge.triples(shape.products);
                (sum.0 + more.0, sum.1 + more.1)
            });
            let words = |n: u64| {
                usize::try_from(n)
                    .unwrap_or(usize::MAX)
                    .saturating_mul(stride)
            };
            let mut own = Material::default();
            own.put_triples(material.take_triples(words(single))?);
            own.put_common(material.take_common(words(common))?);
            triples.push(own);
        }
        triples.reverse();
        Ok(Self {
            layout,
            shape,
            stage,
            triples,
            nodes: Vec::new(),
            stride,
            level: 0,
            expected: 0,
        })
    }

    /// "Greater" below the cut, as soon as it is known.
    pub(crate) fn take_cut(&mut self) -> Option<Vec<u64>> {
        // The node is read by a later merge too.
        let node = self.nodes.get(self.layout.cut?)?;
        Some(node.greater.clone())
    }

    /// Words of `x > y`.
    pub(crate) fn finish(mut self) -> Vec<u64> {
        let root = self.nodes.get_mut(self.layout.root);
        root.map(|node| std::mem::take(&mut node.greater))
            .unwrap_or_default()
    }

    /// Leaves from the planes of their products `x·¬y`; "equal" needs no message.
    fn bit_leaves(&mut self, products: &[u64], planes: &[u64]) {
        let stride = self.stride.max(1);
        let products = products.chunks(stride).zip(planes.chunks(stride));
        for (leaf, (product, plane)) in self.layout.leaves.iter().zip(products) {
            // Shares of x ⊕ ¬y: the server's plane holds ¬y.
            let equal = if leaf.equal {
                plane.to_vec()
            } else {
                Vec::new()
            };
            self.nodes.push(Node {
                greater: product.to_vec(),
                equal,
            });
        }
    }

    /// Prepares the products of the next level, or ends.
    fn next_level(&mut self) -> Result<(), Error> {
        let Some(level) = self.layout.levels.get(self.level) else {
            self.stage = Stage::Idle;
            return Ok(());
        };
        let (singles, pairs) = level.iter().fold((0, 0), |sum, merge| {
            let (single, common) = merge.triples(self.shape.products);
            (sum.0 + single, sum.1 + common)
        });
        let room = |n: u64| usize::try_from(n).unwrap_or_default() * self.stride;
        let mut operands = Operands::with_room(room(singles), room(pairs));
        for merge in level {
            if let (Some(high), Some(low)) = (self.nodes.get(merge.high), self.nodes.get(merge.low))
            {
                operands.push_merge(
                    merge,
                    self.shape.products,
                    &high.equal,
                    &low.greater,
                    &low.equal,
                );
            }
        }
        let mut own = self.triples.pop().unwrap_or_default();
        self.stage = Stage::Level(And::new(operands, &mut own)?);
        Ok(())
    }

    fn end_level(&mut self, and: And<P>) {
        let [singles, firsts, seconds] = and.finish();
        let stride = self.stride.max(1);
        let mut singles = singles.chunks(stride);
        let mut pairs = firsts.chunks(stride).zip(seconds.chunks(stride));
        let level = self.layout.levels.get(self.level);
        for merge in level.into_iter().flatten() {
            let (product, equal) = match merge.triples(self.shape.products) {
                (_, 1) => pairs.next().unwrap_or_default(),
                (2, _) => (
                    singles.next().unwrap_or_default(),
                    singles.next().unwrap_or_default(),
                ),
                _ => (singles.next().unwrap_or_default(), [].as_slice()),
            };
            let high = self.nodes.get(merge.high);
            let high = high.map(|node| node.greater.as_slice()).unwrap_or_default();
            let greater = product.iter().zip(high).map(|(p, g)| p ^ g).collect();
            self.nodes.push(Node {
                greater,
                equal: equal.to_vec(),
            });
        }
        self.level += 1;
    }
}

impl<P: Party> Flights for Compare<P> {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        self.expected = match &mut self.stage {
            Stage::Transfers(leaves) => leaves.send(out)?,
            Stage::Products(leaves) => leaves.send(out)?,
            Stage::Ands(and, _) | Stage::Level(and) => and.send(out)?,
            Stage::Idle => 0,
        };
        Ok(self.expected)
    }

    fn receive(&mut self, mut rest: &[u8]) -> Result<(), Error> {
        let msg = split(COMPARE, self.expected, &mut rest)?;
        empty(COMPARE, rest)?;
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Transfers(mut leaves) => {
                leaves.receive(msg)?;
                if !leaves.done() {
                    self.stage = Stage::Transfers(leaves);
                    return Ok(());
                }
                self.nodes = leaves.finish();
            }
            Stage::Products(mut leaves) => {
                leaves.receive(msg)?;
                let (products, planes) = leaves.finish();
                self.bit_leaves(&products, &planes);
            }
            Stage::Ands(mut and, planes) => {
                and.receive(msg)?;
                let [products, _, _] = and.finish();
                self.bit_leaves(&products, &planes);
            }
            Stage::Level(mut and) => {
                and.receive(msg)?;
                self.end_level(and);
            }
            Stage::Idle => return Ok(()),
        }
        self.next_level()
    }

    fn done(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }
}

impl<P: Party> Drop for Compare<P> {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            node.greater.zeroize();
            node.equal.zeroize();
        }
    }
}

/// The client's x, the server's ¬y, as planes: `x > y` of a bit is `x·¬y`, and `x = y` is `x ⊕ ¬y`.
pub(crate) fn private_planes<P: Party>(mine: &[u64], bits: u32) -> Vec<u64> {
    let mut planes = to_planes(mine, bits as usize);
    if P::ADDS_PUBLIC {
        planes.iter_mut().for_each(|w| *w = !*w);
    }
    planes
}
