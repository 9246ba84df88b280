//! Leaves of comparisons: by 1-of-2^m transfers, or by products of private bits.

use privet_plan::compare::{Layout, Leaf};
use privet_plan::cost::gmw::TableShape;
use privet_prim::Prg;
use privet_ring::{Party, to_planes};
use zeroize::{Zeroize, Zeroizing};

use super::{Node, private_planes, slots};
use crate::error::Error;
use crate::flights::Flights;
use crate::material::{Kind, Material};
use crate::wire::{fields, lane_bytes, lanes, put_lanes, put_words, split};

const WISHES: &str = "gmw/wishes";
const TABLES: &str = "gmw/tables";
const BITS: &str = "gmw/private bits";

/// Most bits of a digit.
const DIGIT: usize = 5;

/// Leaves by transfers: the client chooses with its digit among the server's masked answers. All is in planes, 64 transfers side
/// by side; where the client's choices were turned to its digits ahead, the tables are the first and only message.
pub(super) struct TransferLeaves<P: Party> {
    runs: Vec<Run>,
    len: usize,
    /// The server's digits as planes.
    planes: Zeroizing<Vec<u64>>,
    /// The server's shares are random; the client's come with the answers.
    nodes: Vec<Node>,
    stage: u8,
    party: std::marker::PhantomData<P>,
}

/// Leaves with tables of one shape, one after the other.
struct Run {
    shape: TableShape,
    leaves: Vec<Leaf>,
    /// The first one's node.
    first: usize,
    /// Word by word the server's masks, then tables; the client's digits and masks.
    tables: Vec<u64>,
    /// The client's wishes: digit ⊕ choice.
    wishes: Vec<u64>,
}

impl<P: Party> TransferLeaves<P> {
    pub(super) fn new(
        layout: &Layout,
        kind: Kind,
        mine: &[u64],
        material: &mut Material<P>,
        prg: &mut Prg,
    ) -> Result<Self, Error> {
        let stride = mine.len().div_ceil(64);
        let bits = layout.leaves.iter().map(|leaf| leaf.from + leaf.bits);
        let own = to_planes(mine, bits.max().unwrap_or_default() as usize);
        let mut leaves = Self {
            runs: Vec::new(),
            len: mine.len(),
            planes: Zeroizing::new(own),
            nodes: Vec::with_capacity(layout.leaves.len()),
            stage: if kind == Kind::Fixed { 1 } else { 0 },
            party: std::marker::PhantomData,
        };
        for leaf in &layout.leaves {
            let mut draw = |needed: bool| {
                let mut words = vec![0; if needed { stride } else { 0 }];
                if P::ADDS_PUBLIC {
                    words.iter_mut().for_each(|word| *word = prg.next_u64());
                }
                words
            };
            leaves.nodes.push(Node {
                greater: draw(true),
                equal: draw(leaf.equal),
            });
        }
        let mut first = 0;
        for (shape, count) in layout.groups() {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let mut run = Run {
                shape,
                leaves: layout
                    .leaves
                    .iter()
                    .skip(first)
                    .take(count)
                    .copied()
                    .collect(),
                first,
                tables: material.take_tables(kind, shape, count.saturating_mul(stride))?,
                wishes: Vec::new(),
            };
            match (kind, P::ADDS_PUBLIC) {
                (Kind::Random, false) => run.wish(&leaves.planes, stride),
                (Kind::Fixed, true) => run.answer(&[], &leaves.planes, &leaves.nodes),
                (Kind::Random, true) | (Kind::Fixed, false) => {}
            }
            leaves.runs.push(run);
            first += count;
        }
        Ok(leaves)
    }

    /// Nodes of all leaves.
    pub(super) fn finish(mut self) -> Vec<Node> {
        std::mem::take(&mut self.nodes)
    }

    /// Bytes of the wishes, or of the tables.
    fn bytes(&self, planes: impl Fn(TableShape) -> u32) -> usize {
        let runs = self.runs.iter();
        runs.map(|run| run.leaves.len() * lane_bytes(planes(run.shape) as usize, self.len))
            .sum()
    }
}

impl<P: Party> Flights for TransferLeaves<P> {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        let expected = match (self.stage, P::ADDS_PUBLIC) {
            (0, true) => self.bytes(|shape| shape.choice_bits),
            (1, false) => self.bytes(TableShape::table_bits),
            _ => 0,
        };
        for run in &self.runs {
            let shape = run.shape;
            match (self.stage, P::ADDS_PUBLIC) {
                (0, false) => put_lanes(&run.wishes, shape.choice_bits as usize, self.len, out),
                (1, true) => put_lanes(&run.tables, shape.table_bits() as usize, self.len, out),
                _ => {}
            }
        }
        Ok(expected)
    }

    fn receive(&mut self, mut msg: &[u8]) -> Result<(), Error> {
        for run in &mut self.runs {
            let count = run.leaves.len();
            let mut read = |what, planes: u32| {
                let planes = planes as usize;
                let bytes = split(what, count * lane_bytes(planes, self.len), &mut msg)?;
                lanes(what, planes, count, self.len, bytes)
            };
            match (self.stage, P::ADDS_PUBLIC) {
                (0, true) => {
                    let wishes = read(WISHES, run.shape.choice_bits)?;
                    run.answer(&wishes, &self.planes, &self.nodes);
                }
                (1, false) => {
                    let tables = read(TABLES, run.shape.table_bits())?;
                    run.open(&tables, &mut self.nodes);
                }
                _ => {}
            }
        }
        self.stage += 1;
        Ok(())
    }

    fn done(&self) -> bool {
        self.stage == 2
    }
}

impl<P: Party> Drop for TransferLeaves<P> {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            node.greater.zeroize();
            node.equal.zeroize();
        }
        for run in &mut self.runs {
            run.tables.zeroize();
            run.wishes.zeroize();
        }
    }
}

impl Run {
    /// The client: wishes, and its digits in the place of its choices.
    fn wish(&mut self, planes: &[u64], stride: usize) {
        self.wishes = turn(self.shape, &self.leaves, planes, stride, &mut self.tables);
    }

    /// The server: tables of masked answers in the place of the masks, which are moved as wished.
    fn answer(&mut self, wishes: &[u64], planes: &[u64], nodes: &[Node]) {
        let shape = self.shape;
        let stride = self.stride(shape.table_bits() as usize);
        let mut wishes = wishes.chunks_exact(shape.choice_bits as usize);
        let mut tables = self.tables.chunks_exact_mut(shape.table_bits() as usize);
        for (leaf, node) in self.leaves.iter().zip(nodes.iter().skip(self.first)) {
            for (word, (greater, table)) in node.greater.iter().zip(tables.by_ref()).enumerate() {
                if let Some(wish) = wishes.next() {
                    slots::permute(shape, wish, table);
                }
                let equal = node.equal.get(word).copied().unwrap_or_default();
                let digit = digit(leaf, planes, stride, word);
                slots::answer(shape, &digit, [*greater, equal], table);
            }
        }
    }

    /// The client: its slot of each table.
    fn open(&mut self, tables: &[u64], nodes: &mut [Node]) {
        let shape = self.shape;
        let (choice, planes) = (shape.choice_bits, shape.choice_bits + shape.message_bits);
        let mut own = self.tables.chunks_exact(planes as usize);
        let mut tables = tables.chunks_exact(shape.table_bits() as usize);
        for node in nodes.iter_mut().skip(self.first).take(self.leaves.len()) {
            let mut equal = node.equal.iter_mut();
            for (greater, (own, table)) in
                node.greater.iter_mut().zip(own.by_ref().zip(&mut tables))
            {
                let (digit, masks) = own.split_at(choice as usize);
                let slot = slots::chosen(shape, digit, table);
                let opened = [Some(greater), equal.next()];
                for ((bits, slot), mask) in opened.into_iter().zip(slot).zip(masks) {
                    if let Some(bits) = bits {
                        *bits = slot ^ mask;
                    }
                }
            }
        }
    }

    /// Words of a leaf.
    fn stride(&self, planes: usize) -> usize {
        self.tables.len() / planes.max(1) / self.leaves.len().max(1)
    }
}

/// Makes the client's choices its digits; gives `digit ⊕ choice` for the server to do the same.
pub(crate) fn turn(
    shape: TableShape,
    leaves: &[Leaf],
    planes: &[u64],
    stride: usize,
    choices: &mut [u64],
) -> Vec<u64> {
    let (m, unit) = (
        shape.choice_bits as usize,
        shape.choice_bits + shape.message_bits,
    );
    let mut wishes = Vec::with_capacity(leaves.len() * stride * m);
    let mut units = choices.chunks_exact_mut(unit as usize);
    for leaf in leaves {
        for (word, unit) in units.by_ref().take(stride).enumerate() {
            let digit = digit(leaf, planes, stride, word);
            for (choice, digit) in unit.iter_mut().zip(digit).take(m) {
                wishes.push(*choice ^ digit);
                *choice = digit;
            }
        }
    }
    wishes
}

/// A word of a leaf's digits among planes of `stride` words.
fn digit(leaf: &Leaf, planes: &[u64], stride: usize, word: usize) -> [u64; DIGIT] {
    let mut digit = [0; DIGIT];
    let own = planes.iter().skip(leaf.from as usize * stride + word);
    let own = own.step_by(stride.max(1)).take(leaf.bits as usize);
    digit.iter_mut().zip(own).for_each(|(d, p)| *d = *p);
    digit
}

/// Leaves by products of the client's bit and the server's, made from bit products that the server sends.
pub(super) struct ProductLeaves<P: Party> {
    planes: Vec<u64>,
    /// The random operand, and the share of the random product.
    random: Vec<u64>,
    share: Vec<u64>,
    done: bool,
    kind: Kind,
    party: std::marker::PhantomData<P>,
}

impl<P: Party> ProductLeaves<P> {
    pub(super) fn new(
        bits: u32,
        kind: Kind,
        mine: &[u64],
        material: &mut Material<P>,
    ) -> Result<Self, Error> {
        let planes = private_planes::<P>(mine, bits);
        let (random, share) = material.take_private(kind, planes.len())?;
        Ok(Self {
            planes,
            random,
            share,
            kind,
            done: false,
            party: std::marker::PhantomData,
        })
    }

    /// Products and planes.
    pub(super) fn finish(mut self) -> (Vec<u64>, Vec<u64>) {
        (
            std::mem::take(&mut self.share),
            std::mem::take(&mut self.planes),
        )
    }
}

impl<P: Party> Flights for ProductLeaves<P> {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        let (sends, receives) = match self.kind {
            Kind::Random => (true, true),
            Kind::Fixed => (P::ADDS_PUBLIC, !P::ADDS_PUBLIC),
        };
        if sends {
            let masked = self.planes.iter().zip(&self.random);
            let opened: Vec<u64> = masked.map(|(x, a)| x ^ a).collect();
            put_words(&opened, out);
        }
        Ok(if receives { 8 * self.planes.len() } else { 0 })
    }

    /// `x·y = a·b ⊕ u·b ⊕ v·y`, with `u = x ⊕ a` and `v = y ⊕ b` opened: the client, who holds b, adds u·b, the server v·x. Where
    /// b is the client's number already, v is zero.
    fn receive(&mut self, msg: &[u8]) -> Result<(), Error> {
        if P::ADDS_PUBLIC && self.kind == Kind::Fixed {
            self.done = true;
            return Ok(());
        }
        let theirs = fields(BITS, 64, self.planes.len(), msg)?;
        let own = if P::ADDS_PUBLIC {
            &self.planes
        } else {
            &self.random
        };
        for ((share, theirs), own) in self.share.iter_mut().zip(&theirs).zip(own) {
            *share ^= theirs & own;
        }
        self.done = true;
        Ok(())
    }

    fn done(&self) -> bool {
        self.done
    }
}

impl<P: Party> Drop for ProductLeaves<P> {
    fn drop(&mut self) {
        self.planes.zeroize();
        self.random.zeroize();
        self.share.zeroize();
    }
}
