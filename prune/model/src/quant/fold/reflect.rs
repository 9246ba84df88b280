//! `max(0, γx + β)` where no linear layer precedes: `|γ| * max(0, s*x + β/|γ|)`, the sign `s` and the quotient before the ReLU, `|γ|`
//! in the next linear layer. Nothing is multiplied, nothing needs a truncation, and the ReLU works on a stored value.
//!
//! A factor that would be zero as a weight leaves a constant, `max(0, β)`, for the next layer's bias.

use super::affine::{per_channel, spread};
use super::{Folded, FoldedOp};
use crate::graph::ValueId;

/// Reflections in place of all scalings that allow it; whether there are any. Factors below `least` count as zero.
pub(super) fn fold(folded: &mut Folded<'_>, least: f64) -> bool {
    let mut any = false;
    for index in 0..folded.nodes.len() {
        any |= reflect(folded, index, least).is_some();
    }
    any
}

/// What a scaling becomes, by channel.
#[derive(Default)]
struct Parts {
    signs: Vec<i32>,
    shifts: Vec<f64>,
    /// For the next layer.
    factors: Vec<f64>,
    constants: Vec<f64>,
}

impl Parts {
    fn new(scale: &[f64], shift: &[f64], least: f64) -> Self {
        let mut parts = Self::default();
        for (&scale, &shift) in scale.iter().zip(shift) {
            let factor = scale.abs();
            let vanishes = factor < least;
            parts.signs.push(if scale < 0.0 { -1 } else { 1 });
            let each = |constant, other| if vanishes { constant } else { other };
            parts.shifts.push(each(0.0, shift / factor));
            parts.factors.push(each(0.0, factor));
            parts.constants.push(each(shift.max(0.0), 0.0));
        }
        parts
    }
}

fn reflect(folded: &mut Folded<'_>, index: usize, least: f64) -> Option<()> {
    let node = folded.nodes.get(index)?;
    let (FoldedOp::Scale(affine), &[input]) = (&node.op, &node.inputs[..]) else {
        return None;
    };
    let shape = folded.shape(input);
    let channels = shape.first().copied()?;
    let (scale, shift) = per_channel(affine, shape)?;
    let parts = Parts::new(&spread(scale, channels), &spread(shift, channels), least);
    let relu = folded.nodes.get(folded.only_reader(node.output)?)?;
    if !matches!(relu.op, FoldedOp::Relu) {
        return None;
    }
    let reader = reader(folded, relu.output, &parts)?;
    if let FoldedOp::Linear(weighted) | FoldedOp::Conv { weighted, .. } =
        &mut folded.nodes.get_mut(reader)?.op
    {
        let run = weighted.inputs().checked_div(channels).filter(|&n| n > 0)?;
        let repeat = |values: &[f64]| {
            let runs = values.iter().map(|&v| std::iter::repeat_n(v, run));
            runs.flatten().collect::<Vec<_>>()
        };
        weighted.before(&repeat(&parts.factors), &repeat(&parts.constants));
    }
    folded.nodes.get_mut(index)?.op = FoldedOp::Reflect {
        signs: parts.signs,
        shifts: parts.shifts,
    };
    Some(())
}

/// The linear layer that can take the factors: behind operations that work on each channel alone and commute with factors that are
/// not negative, and keep constants. Padding of a convolution is zeros, not those constants.
fn reader(folded: &Folded<'_>, mut id: ValueId, parts: &Parts) -> Option<usize> {
    let mut reshaped = false;
    loop {
        let index = folded.only_reader(id)?;
        let node = folded.nodes.get(index)?;
        match &node.op {
            FoldedOp::MaxPool(_) | FoldedOp::AvgPool { .. } => {}
            FoldedOp::Reshape => reshaped = true,
            FoldedOp::Linear(_) => return Some(index),
            FoldedOp::Conv { window, .. } => {
                let padded = window.pads_before != [0, 0] || window.pads_after != [0, 0];
                let fits = !padded || parts.constants.iter().all(|&c| c == 0.0);
                return (fits && !reshaped).then_some(index);
            }
            FoldedOp::Scale(_)
            | FoldedOp::Reflect { .. }
            | FoldedOp::Shift(_)
            | FoldedOp::Relu
            | FoldedOp::Clip { .. }
            | FoldedOp::Table(_)
            | FoldedOp::Add
            | FoldedOp::Concat { .. }
            | FoldedOp::Transpose { .. }
            | FoldedOp::Pad { .. } => return None,
        }
        id = node.output;
    }
}
