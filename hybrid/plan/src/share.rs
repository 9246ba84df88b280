//! Steps on shares: between additive shares, bits and linear layers by oblivious transfer.
//!
//! Offline and online after Delphi: the client's share of every tensor that a linear layer reads is a
//! mask r, uniform in the whole ring, drawn afresh for each tensor and inference before the input is
//! known, one for all readers. Offline, products by oblivious transfer turn r into shares of W·r;
//! online the client sends its share less r, and the server applies W to x − r in the clear.

use privet_model::quant::ir::{Graph, Node, Op};
use privet_netlists::catalogue::BlockSpec;
use privet_ring::linear::{Conv, Geometry};
use serde::Serialize;

use crate::compare::Shape;
use crate::error::PlanError;
use crate::step::BufferId;

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
    /// Through a netlist from additive shares, to additive shares, or both.
    Bridge(Bridge),
    /// `floor(max(x, 0) / 2^shift)` by comparison of the shares, without a netlist.
    ReluTrunc(ReluTrunc),
}

/// ReLU with exact truncation on additive shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReluTrunc {
    /// Words that enter.
    pub from: BufferId,
    /// Width of the ring that they are read in.
    pub ring_bits: u32,
    /// Bits dropped.
    pub shift: u32,
    /// Words that result.
    pub out: BufferId,
    /// How signs are found.
    pub shape: Shape,
}

/// Elements that are compared side by side, at most.
pub const COMPARED: usize = 1 << 15;

/// A linear layer on masked shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShareLinear {
    /// Graph node whose parameters are used.
    pub node: usize,
    /// Masked words.
    pub input: BufferId,
    /// Results, in a ring of their buffer's width.
    pub out: BufferId,
    /// Width of a weight.
    pub weight_bits: u32,
    /// The bits of the masks choose, not those of the weights.
    pub inputs_choose: bool,
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
            Self::ReluTrunc(step) => vec![step.from, step.out],
        }
    }
}

/// Which weight of a linear node meets which input.
///
/// # Errors
/// A node without weights, or extents that do not fit.
pub fn geometry(graph: &Graph, node: &Node) -> Result<Geometry, PlanError> {
    let wrong = |what: String| PlanError::Graph {
        layer: node.name.clone(),
        what,
    };
    let made = match &node.op {
        Op::Linear(linear) => Geometry::matrix(linear.outputs, linear.inputs, 1),
        Op::Conv(conv) => {
            let shape = node
                .inputs
                .first()
                .and_then(|id| graph.tensors.get(id.0 as usize))
                .map(|tensor| tensor.shape.as_slice());
            let Some(&[_, height, width]) = shape else {
                return Err(wrong(
                    "a convolution of a tensor that is not [C, H, W]".to_owned(),
                ));
            };
            Geometry::convolution(&Conv {
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
        | Op::Pad { .. } => return Err(wrong("a layer without weights".to_owned())),
    };
    made.map_err(|error| wrong(error.to_string()))
}
