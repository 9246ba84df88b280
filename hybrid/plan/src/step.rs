//! Steps of a plan and the label buffers that they read and fill.
//!
//! A buffer holds `elements` words of `bits` bits each, in a domain: as wire labels (element after
//! element, least bit first; the garbler keeps zero labels in it, the evaluator active labels), as
//! shares by exclusive or, or as shares by addition.

use privet_netlists::catalogue::BlockSpec;
use serde::{Deserialize, Serialize};

use crate::cost::gmw::Demand;
use crate::lattice::Lattice;
use crate::options::Reveal;
use crate::share::{Products, ShareLinear, ShareStep};

/// Index of a buffer in [`crate::Plan::buffers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BufferId(pub u32);

/// In which form the parties hold a buffer's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Domain {
    /// Wire labels of a garbled circuit.
    Labels,
    /// Shares by exclusive or: a plane of `⌈elements / 8⌉` bytes for each bit.
    Bool,
    /// Shares by addition modulo 2^bits: the value's representative with sign, in a ring at least as
    /// wide as the tensor's.
    Arith,
}

/// Words that the parties hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buffer {
    /// Number of words.
    pub elements: usize,
    /// Bits per word.
    pub bits: u32,
    /// How they are held.
    pub domain: Domain,
}

impl Buffer {
    /// Number of bits: of labels, where it holds labels.
    #[must_use]
    pub const fn labels(&self) -> usize {
        self.elements * self.bits as usize
    }

    /// Bytes that a party keeps.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        match self.domain {
            Domain::Labels => self.labels() as u64 * 16,
            Domain::Bool => self.elements.div_ceil(8) as u64 * self.bits as u64,
            Domain::Arith => self.elements as u64 * 8,
        }
    }

    /// Bytes of one bit per bit held: what opens it to the peer.
    #[must_use]
    pub const fn opening_bytes(&self) -> u64 {
        match self.domain {
            Domain::Bool => self.bytes(),
            Domain::Labels | Domain::Arith => self.labels().div_ceil(8) as u64,
        }
    }
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Name of the layer that it belongs to.
    pub layer: String,
    /// What is done.
    pub kind: StepKind,
    /// First tweak of the step within an inference.
    pub tweak_base: u64,
    /// What it costs once the input is known.
    pub cost: crate::cost::StepCost,
    /// What its material costs, made before; without the bytes of random correlated OTs, which are
    /// made in bulk. Where nothing is prepared, a part of `cost`, likewise.
    pub offline: crate::cost::StepCost,
    /// Material for bits that it uses up.
    pub demand: Demand,
    /// Buffers that no later step reads.
    pub frees: Vec<BufferId>,
}

impl Step {
    /// The layer whose products the step takes under encryption, and how they are packed; none of other steps.
    #[must_use]
    pub const fn under_encryption(&self) -> Option<(&ShareLinear, &Lattice)> {
        match &self.kind {
            StepKind::Share(ShareStep::Linear(linear)) => match &linear.products {
                Products::Encrypted(lattice) => Some((linear, lattice)),
                Products::Transfers { .. } => None,
            },
            StepKind::Share(_)
            | StepKind::Input { .. }
            | StepKind::Linear(_)
            | StepKind::Cells(_)
            | StepKind::Wire(_)
            | StepKind::Output { .. } => None,
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum StepKind {
    /// The client's input enters: one label per bit.
    Input {
        /// Buffer that receives it.
        out: BufferId,
    },
    /// Dot products with the server's weights.
    Linear(LinearStep),
    /// Many instances of one netlist.
    Cells(CellStep),
    /// Labels are renamed; nothing is computed or sent.
    Wire(WireStep),
    /// Work on shares.
    Share(ShareStep),
    /// The answer is opened to the client.
    Output {
        /// Buffer whose bits are opened.
        from: BufferId,
        /// What they mean.
        reveal: Reveal,
    },
}

/// Dot products of rows of weights with sets of input elements.
///
/// Row r of a group computes, mod 2^(acc_bits), `sum_j w[r][j] * x[tapset(r)][j] + bias[filter(r)]`
/// by the ±1-digit method: a chain of SUM blocks gives `-sum_j x_j - terms`, the row's constant, known
/// to the weights' owner, comes in, and a chain of DOT blocks brings the products.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinearStep {
    /// Graph node whose parameters are used.
    pub node: usize,
    /// Input words.
    pub input: BufferId,
    /// Width of an input word.
    pub input_bits: u32,
    /// Low bits of an input word that enter products.
    pub term_bits: u32,
    /// No input word is negative: the bits above `term_bits` are zero. Products are then taken of
    /// `x - 2^(term_bits - 1)`, a signed word, and the row's constant makes up for it.
    pub unsigned: bool,
    /// Width of a weight.
    pub weight_bits: u32,
    /// Columns that products omit.
    pub drop: u32,
    /// Width L of the accumulator.
    pub acc_bits: u32,
    /// Weights in one filter (row stride of the parameter array).
    pub filter_len: usize,
    /// Output words (L bits each).
    pub out: BufferId,
    /// Rows of equal numbers of terms.
    pub groups: Vec<LinearGroup>,
}

/// How the rows of a group come to their sums of inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Sums {
    /// Rows share tap sets: one chain of SUM blocks for each tap set, and an ADD for each row brings
    /// in its constant.
    Shared,
    /// Tap set i is row i's alone: its chain of SUM blocks starts with the row's constant. A row
    /// without terms is its constant and costs nothing.
    Own,
}

/// Rows with the same number of terms, cut alike into chunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinearGroup {
    /// How sums of inputs are made.
    pub sums: Sums,
    /// Terms in each row.
    pub terms: usize,
    /// Terms in each chunk, first to last; their sum is `terms`.
    pub chunks: Vec<u32>,
    /// Sets of input elements, shared by rows.
    pub tapsets: Vec<TapSet>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// The inputs of a row, and where in a filter their weights stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TapSet {
    /// Element of the input buffer, per term.
    pub elements: Vec<u32>,
    /// Position in the filter, per term.
    pub weights: Vec<u32>,
}

/// One output of a linear step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Index in [`LinearGroup::tapsets`].
    pub tapset: u32,
    /// Filter: which slice of the weights, and which bias.
    pub filter: u32,
    /// Element of the output buffer.
    pub output: u32,
}

/// Instances of a netlist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CellStep {
    /// The netlist.
    pub block: BlockSpec,
    /// Number of instances.
    pub instances: usize,
    /// Where each input port's word comes from.
    pub ports: Vec<Port>,
    /// Where the (one) output port's words go.
    pub out: BufferId,
    /// Output element per instance; empty: instance i fills element i.
    pub outputs: Vec<u32>,
}

/// Source of one input port over all instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Port {
    /// Words of a buffer.
    Words {
        /// The buffer.
        buffer: BufferId,
        /// Element per instance; empty: instance i reads element i.
        index: Vec<u32>,
    },
    /// The node's secret constants, known to the weights' owner: instance i reads `bias[i]`.
    Constants {
        /// Graph node.
        node: usize,
    },
}

impl Port {
    /// Whether the port's words are the server's secret.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        matches!(self, Self::Constants { .. })
    }
}

/// Words made of other words' labels and of public constants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WireStep {
    /// Buffer that is filled.
    pub out: BufferId,
    /// One entry per output element.
    pub words: WireWords,
    /// How the bits of a copied word are chosen.
    pub bits: BitMap,
}

/// Which word each output element copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum WireWords {
    /// Element i copies element i of this buffer.
    Same(BufferId),
    /// One source per element.
    Each(Vec<Source>),
}

/// Source of one output word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Source {
    /// A word of a buffer.
    Word {
        /// The buffer.
        buffer: BufferId,
        /// Its element.
        element: u32,
    },
    /// A public integer, two's complement.
    Constant(i64),
}

/// How the bits of an output word follow from its source word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BitMap {
    /// Output bit b is source bit `b + drop`; beyond the source's last bit its sign is repeated.
    pub drop: u32,
    /// The lowest `zeros` output bits are 0 and the source starts above them.
    pub zeros: u32,
}

impl BitMap {
    /// The same bits (cut or sign-extended to the output's width).
    pub const IDENTITY: Self = Self { drop: 0, zeros: 0 };

    /// Source bit of output bit `bit` for a source of `width` bits; `None` for a zero.
    #[must_use]
    pub fn source(&self, bit: u32, width: u32) -> Option<u32> {
        let above = bit.checked_sub(self.zeros)?;
        Some((above.saturating_add(self.drop)).min(width.saturating_sub(1)))
    }
}

/// Cuts `count` instances into units that are garbled side by side: equal sizes, multiples of 16
/// (what the widest kernel does at once) but for the last, none above `lanes`.
pub fn units(count: usize, lanes: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let parts = count.div_ceil(lanes.max(1)).max(1);
    let size = count
        .div_ceil(parts)
        .next_multiple_of(16)
        .min(lanes.max(1))
        .max(1);
    (0..count)
        .step_by(size)
        .map(move |start| start..count.min(start + size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_cover_everything_once() {
        for count in [0usize, 1, 3, 10, 32, 33, 100, 845] {
            let all: Vec<_> = units(count, 32).collect();
            assert!(all.iter().all(|u| !u.is_empty() && u.len() <= 32));
            assert_eq!(
                all.iter().cloned().flatten().collect::<Vec<_>>(),
                (0..count).collect::<Vec<_>>()
            );
        }
        assert_eq!(
            units(100, 32).map(|u| u.len()).collect::<Vec<_>>(),
            [32, 32, 32, 4]
        );
    }
}
