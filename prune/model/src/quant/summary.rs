//! Ranges against overflow, tensor by tensor, for reports.

use serde::Serialize;

use super::ir::{Graph, RangeOrigin};

/// One tensor of a quantised graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorSummary {
    /// Its name.
    pub name: String,
    /// The layer that makes it; empty for the network's input.
    pub layer: String,
    /// Its extents.
    pub shape: Vec<usize>,
    /// Width of its ring.
    pub ring_bits: u32,
    /// Fraction bits of its values.
    pub frac_bits: u32,
    /// Width that holds every value, sign included.
    pub range_bits: u32,
    /// No value is negative.
    pub non_negative: bool,
    /// Bits of the ring that no value uses.
    pub headroom: u32,
    /// Whether the range holds for every input, or was the widest seen.
    pub proven: bool,
}

/// All tensors in the graph's order.
#[must_use]
pub fn summary(graph: &Graph) -> Vec<TensorSummary> {
    let layer = |id: usize| {
        let maker = graph.nodes.iter().find(|n| n.output.0 as usize == id);
        maker.map_or(String::new(), |n| n.name.clone())
    };
    let tensors = graph.tensors.iter().enumerate();
    tensors
        .map(|(id, tensor)| TensorSummary {
            name: tensor.name.clone(),
            layer: layer(id),
            shape: tensor.shape.clone(),
            ring_bits: tensor.ring.bits(),
            frac_bits: tensor.frac_bits,
            range_bits: tensor.range.bits,
            non_negative: tensor.range.non_negative,
            headroom: tensor.ring.bits().saturating_sub(tensor.range.bits),
            proven: tensor.range.origin == RangeOrigin::Proven,
        })
        .collect()
}
