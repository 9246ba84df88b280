//! Where `scale * x + shift` goes: into the linear layer before it, into the one after it, or it stays.

use super::{Folded, FoldedNode, FoldedOp};
use crate::graph::{Affine, Per, ValueId};
use crate::quant::error::QuantError;

/// Folds all affine nodes that can be folded.
pub(super) fn fold(folded: &mut Folded<'_>) -> Result<(), QuantError> {
    let mut index = 0;
    while index < folded.nodes.len() {
        // A map that has grown may now fit where it did not before.
        let gone = into_maker(folded, index)? || into_reader(folded, index)?;
        index = if gone { 0 } else { index + 1 };
    }
    Ok(())
}

/// Maps that scale nothing become additions of constants.
pub(super) fn shifts(folded: &mut Folded<'_>) {
    for index in 0..folded.nodes.len() {
        shift_only(folded, index);
    }
}

/// The affine map of that node, with what it reads and makes.
fn affine_at(folded: &Folded<'_>, index: usize) -> Option<(Affine, ValueId, ValueId)> {
    let node = folded.nodes.get(index)?;
    match (&node.op, &node.inputs[..]) {
        (FoldedOp::Scale(affine), &[input]) => Some((affine.clone(), input, node.output)),
        _ => None,
    }
}

fn finite(node: &FoldedNode<'_>, affine: &Affine) -> Result<(), QuantError> {
    match affine
        .scale
        .iter()
        .chain(&affine.shift)
        .find(|v| !v.is_finite())
    {
        None => Ok(()),
        Some(&value) => Err(QuantError::NotFinite {
            tensor: node.name.to_owned(),
            value,
        }),
    }
}

/// `s(Wx + b) + t = (sW)x + (sb + t)`; two maps become one. True if the node is gone.
fn into_maker(folded: &mut Folded<'_>, index: usize) -> Result<bool, QuantError> {
    let Some((affine, input, output)) = affine_at(folded, index) else {
        return Ok(false);
    };
    if let Some(node) = folded.nodes.get(index) {
        finite(node, &affine)?;
    }
    if folded.only_reader(input) != Some(index) {
        return Ok(false);
    }
    let shape = folded.shape(input);
    let by_channel = per_channel(&affine, shape);
    let Some(maker) = folded.maker(input).and_then(|m| folded.nodes.get_mut(m)) else {
        return Ok(false);
    };
    match (&mut maker.op, by_channel) {
        (FoldedOp::Linear(weighted) | FoldedOp::Conv { weighted, .. }, Some((scale, shift))) => {
            weighted.after(&scale, &shift);
        }
        (FoldedOp::Scale(first), _) => *first = compose(first, &affine, shape),
        _ => return Ok(false),
    }
    maker.output = output;
    folded.nodes.remove(index);
    Ok(true)
}

/// `W(sx + t) + b = (Ws)x + (Wt + b)`, also through a reshape. True if the node is gone.
///
/// A convolution's padding is zeros behind the map: with a shift it cannot be folded there.
fn into_reader(folded: &mut Folded<'_>, index: usize) -> Result<bool, QuantError> {
    let Some((affine, input, output)) = affine_at(folded, index) else {
        return Ok(false);
    };
    let shape = folded.shape(input);
    let Some(mut reader) = folded.only_reader(output) else {
        return Ok(false);
    };
    let is_reshape = |n: &FoldedNode<'_>| matches!(n.op, FoldedOp::Reshape).then_some(n.output);
    let reshaped = folded.nodes.get(reader).and_then(is_reshape);
    if let Some(reshaped) = reshaped {
        match folded.only_reader(reshaped) {
            Some(next) => reader = next,
            None => return Ok(false),
        }
    }
    let (scale, shift) = match folded.nodes.get(reader).map(|n| &n.op) {
        Some(FoldedOp::Linear(_)) => {
            let (scale, shift) = expand(&affine, shape);
            (scale, shift)
        }
        Some(FoldedOp::Conv { window, .. }) if reshaped.is_none() => {
            let padded = window.pads_before != [0, 0] || window.pads_after != [0, 0];
            match per_channel(&affine, shape) {
                Some((scale, shift)) if !padded || shift.iter().all(|&t| t == 0.0) => {
                    let channels = shape.first().copied().unwrap_or(0);
                    (spread(scale, channels), spread(shift, channels))
                }
                _ => return Ok(false),
            }
        }
        _ => return Ok(false),
    };
    if let Some(FoldedOp::Linear(weighted) | FoldedOp::Conv { weighted, .. }) =
        folded.nodes.get_mut(reader).map(|n| &mut n.op)
    {
        weighted.before(&scale, &shift);
    }
    folded.bypass(index);
    Ok(true)
}

/// A map that scales nothing is an addition of constants.
fn shift_only(folded: &mut Folded<'_>, index: usize) {
    let Some((affine, input, _)) = affine_at(folded, index) else {
        return;
    };
    if affine.scale.iter().all(|&s| s == 1.0) {
        let (_, shift) = expand(&affine, folded.shape(input));
        if let Some(node) = folded.nodes.get_mut(index) {
            node.op = FoldedOp::Shift(shift);
        }
    }
}

/// One entry for all, or one per index of axis 0; `None` where elements of a channel differ.
pub(super) fn per_channel(affine: &Affine, shape: &[usize]) -> Option<(Vec<f64>, Vec<f64>)> {
    match affine.per {
        Per::Tensor | Per::Channel => Some((affine.scale.clone(), affine.shift.clone())),
        Per::Element => {
            let channels = *shape.first()?;
            let run = affine
                .scale
                .len()
                .checked_div(channels)
                .filter(|&n| n > 0)?;
            Some((
                channel_values(&affine.scale, run)?,
                channel_values(&affine.shift, run)?,
            ))
        }
    }
}

/// The first of each run, if all of a run are equal.
fn channel_values(values: &[f64], run: usize) -> Option<Vec<f64>> {
    values
        .chunks(run)
        .map(|c| c.first().copied().filter(|v| c.iter().all(|w| w == v)))
        .collect()
}

/// One entry per element.
fn expand(affine: &Affine, shape: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let elements: usize = shape.iter().product();
    let run = elements.checked_div(affine.scale.len()).unwrap_or(0);
    let repeat = |values: &[f64]| {
        let runs = values.iter().map(|&v| std::iter::repeat_n(v, run));
        runs.flatten().collect::<Vec<_>>()
    };
    (repeat(&affine.scale), repeat(&affine.shift))
}

/// One entry per channel.
pub(super) fn spread(values: Vec<f64>, channels: usize) -> Vec<f64> {
    match values[..] {
        [one] => vec![one; channels],
        _ => values,
    }
}

/// `second(first(x))`, with an entry for whatever either tells apart.
fn compose(first: &Affine, second: &Affine, shape: &[usize]) -> Affine {
    let (a, b, per) = if first.per == second.per {
        let own = |m: &Affine| (m.scale.clone(), m.shift.clone());
        (own(first), own(second), first.per)
    } else {
        (expand(first, shape), expand(second, shape), Per::Element)
    };
    let scale = a.0.iter().zip(&b.0).map(|(s, t)| s * t).collect();
    let scaled = a.1.iter().zip(&b.0).map(|(t, s)| t * s);
    let shift = scaled.zip(&b.1).map(|(t, u)| t + u).collect();
    Affine { per, scale, shift }
}
