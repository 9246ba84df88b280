//! Widths by layer, for reports.

use privet_model::quant::ir::{Graph, Op};
use serde::Serialize;

/// Widths of one layer with weights, in bits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerWidths {
    /// Its name.
    pub layer: String,
    /// Ring of the values that it reads.
    pub value_bits: u32,
    /// Their fraction bits.
    pub value_frac: u32,
    /// Its weights.
    pub weight_bits: u32,
    /// Their fraction bits.
    pub weight_frac: u32,
    /// Ring of its sums.
    pub ring_bits: u32,
}

/// All layers with weights, in the graph's order.
#[must_use]
pub fn layers(graph: &Graph) -> Vec<LayerWidths> {
    let one = |node: &privet_model::quant::ir::Node| {
        let (weight_bits, weight_frac) = match &node.op {
            Op::Linear(op) => (op.weight_bits, op.weight_frac),
            Op::Conv(op) => (op.weight_bits, op.weight_frac),
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
            | Op::Pad { .. }
            | Op::Reflect => return None,
        };
        let (inputs, output) = graph.operands(node)?;
        let input = inputs.first()?;
        Some(LayerWidths {
            layer: node.name.clone(),
            value_bits: input.ring.bits(),
            value_frac: input.frac_bits,
            weight_bits,
            weight_frac,
            ring_bits: output.ring.bits(),
        })
    };
    graph.nodes.iter().filter_map(one).collect()
}
