//! Explicit zero padding goes into the window that reads it.

use super::{Folded, FoldedOp};
use crate::graph::Rounding;
use crate::quant::ir::Window;

/// Folds every zero padding whose readers all take it up.
pub(super) fn fold(folded: &mut Folded<'_>) {
    let mut index = 0;
    while index < folded.nodes.len() {
        if !take_up(folded, index) {
            index += 1;
        }
    }
}

/// Height and width padded, `[before, after]`, where that is all the node does.
fn zeros_around(folded: &Folded<'_>, index: usize) -> Option<[[usize; 2]; 2]> {
    let FoldedOp::Pad {
        before: &[0, top, left],
        after: &[0, bottom, right],
        value: 0.0,
    } = folded.nodes.get(index)?.op
    else {
        return None;
    };
    Some([[top, left], [bottom, right]])
}

/// True if the node is gone.
fn take_up(folded: &mut Folded<'_>, index: usize) -> bool {
    let Some(pads) = zeros_around(folded, index) else {
        return false;
    };
    let Some(node) = folded.nodes.get(index) else {
        return false;
    };
    let (padded, input) = (node.output, node.inputs.first().copied());
    let Some(&[_, height, width]) = input.map(|id| folded.shape(id)) else {
        return false;
    };
    if folded.output == padded {
        return false;
    }
    let readers = |n: &(usize, &super::FoldedNode<'_>)| n.1.inputs.contains(&padded);
    let readers: Vec<usize> = (folded.nodes.iter().enumerate())
        .filter(readers)
        .map(|(i, _)| i)
        .collect();
    let mut windows = Vec::with_capacity(readers.len());
    for &reader in &readers {
        let Some(node) = folded.nodes.get(reader) else {
            return false;
        };
        let output = folded.shape(node.output);
        match widened(&node.op, pads, [height, width], output) {
            Some(window) => windows.push(window),
            None => return false,
        }
    }
    for (&reader, wider) in readers.iter().zip(windows) {
        let Some(node) = folded.nodes.get_mut(reader) else {
            continue;
        };
        if let FoldedOp::Conv { window, .. } = &mut node.op {
            *window = wider;
        } else if let FoldedOp::AvgPool {
            window,
            count_padding,
        } = &mut node.op
        {
            *window = wider;
            *count_padding = true;
        }
    }
    folded.bypass(index);
    true
}

/// The reader's window with the padding added, if it then means the same.
fn widened(
    op: &FoldedOp<'_>,
    [before, after]: [[usize; 2]; 2],
    input: [usize; 2],
    output: &[usize],
) -> Option<Window> {
    let (window, pool) = if let FoldedOp::Conv { window, .. } = op {
        (window, false)
    } else if let FoldedOp::AvgPool { window, .. } = op
        // Cells of the pool's own padding are not counted, these are.
        && [window.pads_before, window.pads_after] == [[0, 0]; 2]
    {
        (window, true)
    } else {
        return None;
    };
    let plus =
        |a: [usize; 2], b: [usize; 2]| [a[0].saturating_add(b[0]), a[1].saturating_add(b[1])];
    let wider = Window {
        pads_before: plus(window.pads_before, before),
        pads_after: plus(window.pads_after, after),
        ..window.clone()
    };
    let &[_, oh, ow] = output else {
        return None;
    };
    // Each window of a pool needs a cell that is present; in ceil mode the number of windows must
    // come out the same.
    let fits = |axis: usize, positions: usize| {
        let extent = input.get(axis).copied().unwrap_or(0);
        !pool || (0..positions).all(|p| !wider.taps(axis, extent, p).is_empty())
    };
    let counts = |rounding| wider.output(input, rounding).is_ok_and(|e| e == [oh, ow]);
    let counted = counts(Rounding::Floor) || (pool && counts(Rounding::Ceil));
    (counted && fits(0, oh) && fits(1, ow)).then_some(wider)
}
