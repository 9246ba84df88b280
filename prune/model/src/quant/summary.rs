//! Ranges against overflow, tensor by tensor, for reports.

use serde::Serialize;

use super::calibrate;
use super::error::QuantError;
use super::ir::{Graph, Model, RangeOrigin};

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

/// Least and greatest real value of every tensor over these inputs, computed without any wrap;
/// `None` for no inputs. Finer than a range: for the model's owner only.
///
/// # Errors
/// An input of the wrong length or not finite, or values beyond 62 bits.
pub fn observed(model: &Model, inputs: &[Vec<f32>]) -> Result<Option<Vec<[f64; 2]>>, QuantError> {
    let Some(seen) = calibrate::seen(model, inputs)? else {
        return Ok(None);
    };
    let tensors = model.graph.tensors.iter().zip(&seen.tensors);
    let real = tensors.map(|(tensor, seen)| {
        let unit = (-f64::from(tensor.frac_bits)).exp2();
        [seen.lo as f64 * unit, seen.hi as f64 * unit]
    });
    Ok(Some(real.collect()))
}
