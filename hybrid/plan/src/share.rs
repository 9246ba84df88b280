//! Steps on shares: between additive shares, bits and linear layers by oblivious transfer.
//!
//! Offline and online after Delphi: the client's share of every tensor that a linear layer reads is a
//! mask r, uniform in the whole ring, drawn afresh for each tensor and inference before the input is
//! known, one for all readers. Offline, products by oblivious transfer turn r into shares of W·r;
//! online the client sends its share less r, and the server applies W to x − r in the clear.
//!
//! Where nothing is prepared ([`PlanOptions::all_online`](crate::PlanOptions::all_online)) there are no masks: products turn the client's own
//! share of x into shares, when the layer is due, and the server applies W to its own in the clear.

use privet_model::quant::ir::{Graph, Node, Op};
use privet_netlists::catalogue::BlockSpec;
use privet_ring::linear::{Conv, Geometry};
use serde::Serialize;

use crate::compare::{Shape, ShapeError};
use crate::cost::gmw::{self, Argmax, OpCost, Truncation};
use crate::error::PlanError;
use crate::lattice::Lattice;
use crate::step::{Buffer, BufferId};
use crate::tournament::Tournament;

/// One step on shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum ShareStep {
    /// The client's input: the client's share is the value, the server's zero.
    Input {
        /// Buffer that receives it.
        out: BufferId,
    },
    /// The client's share becomes the mask r, the server's x − r.
    Mask {
        /// Shares as they came about.
        input: BufferId,
        /// Shares as linear layers read them.
        out: BufferId,
    },
    /// Dot products with the server's weights.
    Linear(ShareLinear),
    /// Sums of the listed words, modulo the ring of the result.
    Sum {
        /// One list of words for each element of the result.
        words: Vec<Vec<(BufferId, u32)>>,
        /// The result.
        out: BufferId,
    },
    /// The server adds the secret constants of a node to its share.
    AddConst {
        /// Graph node.
        node: usize,
        /// Words.
        input: BufferId,
        /// The result.
        out: BufferId,
    },
    /// Each word with the sign of its channel, and the channel's constant: both the server's, from a node. The first axis has as many
    /// channels as the node has signs.
    Reflect {
        /// Graph node.
        node: usize,
        /// Words.
        from: BufferId,
        /// The result, in a ring not wider.
        out: BufferId,
    },
    /// Through a netlist from additive shares, to additive shares, or both.
    Bridge(Bridge),
    /// `floor(x / 2^shift)` within one unit, by each party alone: profile `approx`.
    TruncLocal(TruncLocal),
    /// `floor(max(x, 0) / 2^shift)` by comparison of the shares, without a netlist.
    ReluTrunc(ReluTrunc),
    /// Other work by comparison of the shares, without a netlist.
    Compared(Compared),
}

/// Truncation of which each party does its part alone: nothing is sent, and nothing used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TruncLocal {
    /// Words that enter.
    pub from: BufferId,
    /// Width of the ring that they are read in.
    pub ring_bits: u32,
    /// Bits dropped: at least one, and at least two are left.
    pub shift: u32,
    /// Words that result, in the ring of the bits that are left.
    pub out: BufferId,
}

/// Work on additive shares by planned comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// What is computed.
    pub work: Work,
    /// Words that enter.
    pub from: BufferId,
    /// Width of the ring in which they are numbers with sign: what lies above is not read, or only carried along.
    pub ring_bits: u32,
    /// Words that result.
    pub out: BufferId,
    /// How numbers are compared.
    pub shape: Shape,
}

/// What is computed by comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Work {
    /// `floor(x / 2^shift)`; with no shift a wider ring.
    Trunc {
        /// Bits dropped.
        shift: u32,
    },
    /// `floor((x + floor(divisor / 2)) / divisor)`.
    Average {
        /// What is divided by.
        divisor: u64,
    },
    /// `min(max(x, lo), hi)`.
    Clip {
        /// The least result.
        lo: i64,
        /// The greatest result.
        hi: i64,
    },
    /// `min(x, hi)`.
    AtMost {
        /// The greatest result.
        hi: i64,
    },
    /// The greatest of each window, plane by plane.
    MaxPool {
        /// How many planes.
        planes: usize,
        /// Which numbers of a plane meet.
        windows: Tournament,
    },
    /// The lowest index of a greatest one of all words.
    Argmax,
}

impl Compared {
    /// What it takes on these buffers.
    ///
    /// # Errors
    /// A comparison that does not exist.
    pub fn cost(&self, from: Buffer, out: Buffer) -> Result<OpCost, ShapeError> {
        let (n, chunk) = (out.elements as u64, COMPARED as u64);
        let (bits, shape) = (self.ring_bits, self.shape);
        let each =
            |cost: &dyn Fn(u64) -> Result<OpCost, ShapeError>| OpCost::chunked(n, chunk, cost);
        match &self.work {
            Work::Trunc { shift } => {
                let form = Truncation::floor(bits, *shift, out.bits);
                each(&|n| form.cost(n, shape))
            }
            Work::Average { divisor } => {
                each(&|n| gmw::average(n, bits, *divisor, out.bits, shape))
            }
            Work::AtMost { .. } => each(&|n| gmw::max(n, bits, out.bits, shape)),
            Work::Clip { .. } => each(&|n| gmw::max(n, bits, out.bits, shape)).map(|once| {
                let mut twice = OpCost::default();
                twice.then(&once, 2);
                twice
            }),
            Work::MaxPool { planes, windows } => {
                windows.cost(*planes as u64, bits, out.bits, shape, chunk)
            }
            Work::Argmax => self.ranking(from).shared(1, shape, chunk),
        }
    }

    /// The ranking of all words of a buffer.
    #[must_use]
    pub fn ranking(&self, from: Buffer) -> Argmax {
        Argmax {
            ring_bits: from.bits,
            value_bits: self.ring_bits,
            count: u32::try_from(from.elements).unwrap_or(u32::MAX),
        }
    }

    /// Bytes beside buffers: the nodes of a tournament.
    #[must_use]
    pub fn scratch(&self) -> u64 {
        match &self.work {
            Work::MaxPool { planes, windows } => {
                let nodes = windows.inputs() as u64 + windows.pairs() as u64;
                nodes.saturating_mul(8).saturating_mul(*planes as u64)
            }
            Work::Trunc { .. }
            | Work::Average { .. }
            | Work::AtMost { .. }
            | Work::Clip { .. }
            | Work::Argmax => 0,
        }
    }
}

/// ReLU with exact truncation on additive shares, into a ring that all parts have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReluTrunc {
    /// Words that enter, and words that result: parts do not depend on each other and are worked at as one.
    pub parts: Vec<(BufferId, BufferId)>,
    /// Width of the ring that they are read in.
    pub ring_bits: u32,
    /// Bits dropped.
    pub shift: u32,
    /// How signs are found.
    pub shape: Shape,
}

/// Elements of a batch of comparisons, at most: small enough for caches. Several batches are under way at once, see
/// [`SIDE_BY_SIDE`](gmw::SIDE_BY_SIDE).
pub const COMPARED: usize = 1 << 15;

/// A linear layer on masked shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShareLinear {
    /// Graph node whose parameters are used.
    pub node: usize,
    /// Masked words; the parties' own shares where nothing is prepared.
    pub input: BufferId,
    /// Results, in a ring of their buffer's width.
    pub out: BufferId,
    /// Width of a weight.
    pub weight_bits: u32,
    /// How shares of W·r are made, where r is the client's share of what is read.
    pub products: Products,
}

/// How the parties get shares of products of the server's weights with the client's masks, or its own shares where nothing is prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Products {
    /// By oblivious transfer.
    Transfers {
        /// The bits of the masks choose, not those of the weights.
        inputs_choose: bool,
    },
    /// By homomorphic encryption.
    Encrypted(Lattice),
}

/// Instances of a netlist whose ports are: the server's and the client's share where `from` holds
/// additive shares, else one word; then, where `out` holds additive shares, the server's fresh mask,
/// and the output, opened to the client, is the client's share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bridge {
    /// The netlist.
    pub block: BlockSpec,
    /// Words that enter; the low bits that a port takes.
    pub from: BufferId,
    /// Words that result.
    pub out: BufferId,
}

impl ShareStep {
    /// Buffers that the step reads or fills.
    #[must_use]
    pub fn touches(&self) -> Vec<BufferId> {
        match self {
            Self::Input { out } => vec![*out],
            Self::Mask { input, out } | Self::AddConst { input, out, .. } => vec![*input, *out],
            Self::Reflect { from, out, .. } => vec![*from, *out],
            Self::Linear(step) => vec![step.input, step.out],
            Self::Sum { words, out } => {
                let mut ids = vec![*out];
                for (buffer, _) in words.iter().flatten() {
                    if !ids.contains(buffer) {
                        ids.push(*buffer);
                    }
                }
                ids
            }
            Self::Bridge(step) => vec![step.from, step.out],
            Self::TruncLocal(step) => vec![step.from, step.out],
            Self::ReluTrunc(step) => step.parts.iter().flat_map(|(a, b)| [*a, *b]).collect(),
            Self::Compared(step) => vec![step.from, step.out],
        }
    }
}

/// Which weight of a linear node meets which input.
///
/// # Errors
/// A node without weights, or extents that do not fit.
pub fn geometry(graph: &Graph, node: &Node) -> Result<Geometry, PlanError> {
    let made = if let Op::Linear(linear) = &node.op {
        Geometry::matrix(linear.outputs, linear.inputs, 1)
    } else {
        Geometry::convolution(&convolution(graph, node)?)
    };
    made.map_err(|error| wrong(node, error.to_string()))
}

fn wrong(node: &Node, what: String) -> PlanError {
    PlanError::Graph {
        layer: node.name.clone(),
        what,
    }
}

/// A linear node as a convolution; a fully connected layer is one of single cells.
///
/// # Errors
/// A node without weights, or of a tensor that is no image.
pub fn convolution(graph: &Graph, node: &Node) -> Result<Conv, PlanError> {
    match &node.op {
        Op::Linear(linear) => Ok(Conv {
            in_channels: linear.inputs,
            out_channels: linear.outputs,
            groups: 1,
            image: [1; 2],
            kernel: [1; 2],
            strides: [1; 2],
            dilations: [1; 2],
            pads_before: [0; 2],
            pads_after: [0; 2],
        }),
        Op::Conv(conv) => {
            let shape = node
                .inputs
                .first()
                .and_then(|id| graph.tensors.get(id.0 as usize))
                .map(|tensor| tensor.shape.as_slice());
            let Some(&[_, height, width]) = shape else {
                let what = "a convolution of a tensor that is not [C, H, W]";
                return Err(wrong(node, what.to_owned()));
            };
            Ok(Conv {
                in_channels: conv.in_channels,
                out_channels: conv.out_channels,
                groups: conv.groups,
                image: [height, width],
                kernel: conv.window.kernel,
                strides: conv.window.strides,
                dilations: conv.window.dilations,
                pads_before: conv.window.pads_before,
                pads_after: conv.window.pads_after,
            })
        }
        Op::Reflect => {
            let output = graph.tensors.get(node.output.0 as usize);
            let shape = output.map_or(&[][..], |tensor| &tensor.shape);
            let channels = shape.first().copied().unwrap_or_default();
            Ok(Conv {
                in_channels: channels,
                out_channels: channels,
                groups: channels,
                image: [shape.iter().skip(1).product(), 1],
                kernel: [1; 2],
                strides: [1; 2],
                dilations: [1; 2],
                pads_before: [0; 2],
                pads_after: [0; 2],
            })
        }
        Op::Trunc { .. }
        | Op::Relu
        | Op::Clip { .. }
        | Op::Table(_)
        | Op::MaxPool(_)
        | Op::AvgPool { .. }
        | Op::Add
        | Op::AddConst
        | Op::Shl { .. }
        | Op::Resize
        | Op::Concat { .. }
        | Op::Reshape
        | Op::Transpose { .. }
        | Op::Pad { .. } => Err(wrong(node, "a layer without weights".to_owned())),
    }
}
