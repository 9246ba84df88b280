//! Convolution as matrix products over blocks of output rows.

#![expect(
    clippy::indexing_slicing,
    reason = "extents are checked when the graph is built and again at entry"
)]

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, Axis, Slice, linalg::general_mat_mul};

use crate::graph::{Conv, Rounding, Window};

/// Elements of the column buffer that a block of output rows may fill.
const BLOCK: usize = 1 << 18;

/// `[out_channels, oh, ow]` from `[in_channels, h, w]`; `None` if the extents do not fit.
pub(super) fn conv(layer: &Conv, x: &[f32], input: &[usize], output: &[usize]) -> Option<Vec<f32>> {
    let (&[channels, h, w], &[out_channels, oh, ow]) = (input, output) else {
        return None;
    };
    let fits = layer.window.output([h, w], Rounding::Floor) == Ok([oh, ow])
        && layer.groups > 0
        && channels.is_multiple_of(layer.groups)
        && out_channels.is_multiple_of(layer.groups);
    if !fits {
        return None;
    }
    let [kh, kw] = layer.window.kernel;
    let (ic, oc) = (channels / layer.groups, out_channels / layer.groups);
    let taps = ic * kh * kw;
    if x.len() != channels * h * w
        || layer.weights.len() != out_channels * taps
        || layer.bias.len() != out_channels
    {
        return None;
    }
    let mut y = vec![0.0; out_channels * oh * ow];
    let rows = (BLOCK / (taps * ow)).clamp(1, oh);
    let mut columns = vec![0.0; taps * rows * ow];
    for g in 0..layer.groups {
        let weights = &layer.weights[g * oc * taps..(g + 1) * oc * taps];
        let weights = ArrayView2::from_shape((oc, taps), weights).ok()?;
        let image = &x[g * ic * h * w..(g + 1) * ic * h * w];
        let result = &mut y[g * oc * oh * ow..(g + 1) * oc * oh * ow];
        let mut result = ArrayViewMut2::from_shape((oc, oh * ow), result).ok()?;
        if is_pointwise(&layer.window) {
            let image = ArrayView2::from_shape((ic, h * w), image).ok()?;
            general_mat_mul(1.0, &weights, &image, 0.0, &mut result);
            continue;
        }
        for start in (0..oh).step_by(rows) {
            let block = start..(start + rows).min(oh);
            let width = block.len() * ow;
            let columns = &mut columns[..taps * width];
            gather(&layer.window, image, [ic, h, w], block.clone(), ow, columns);
            let columns = ArrayView2::from_shape((taps, width), columns).ok()?;
            let mut target =
                result.slice_axis_mut(Axis(1), Slice::from(start * ow..block.end * ow));
            general_mat_mul(1.0, &weights, &columns, 0.0, &mut target);
        }
    }
    for (plane, &bias) in y.chunks_mut(oh * ow).zip(&layer.bias) {
        for v in plane {
            *v += bias;
        }
    }
    Some(y)
}

fn is_pointwise(window: &Window) -> bool {
    window.kernel == [1, 1]
        && window.strides == [1, 1]
        && window.pads_before == [0, 0]
        && window.pads_after == [0, 0]
}

/// Row `(c, i, j)` of the columns holds the cell under tap `(i, j)` of channel `c` for every window of the block.
fn gather(
    window: &Window,
    image: &[f32],
    [channels, h, w]: [usize; 3],
    block: Range<usize>,
    ow: usize,
    columns: &mut [f32],
) {
    let [kh, kw] = window.kernel;
    let width = block.len() * ow;
    columns.fill(0.0);
    for (row, target) in columns
        .chunks_mut(width)
        .enumerate()
        .take(channels * kh * kw)
    {
        let (c, i, j) = (row / (kh * kw), row / kw % kh, row % kw);
        let plane = &image[c * h * w..(c + 1) * h * w];
        for (oy, line) in block.clone().zip(target.chunks_mut(ow)) {
            if window.taps(0, h, oy).contains(&i) {
                let y = window.index(0, oy, i);
                gather_line(window, &plane[y * w..(y + 1) * w], j, line);
            }
        }
    }
}

fn gather_line(window: &Window, source: &[f32], tap: usize, line: &mut [f32]) {
    let [_, stride, dilation, before, _] = window.along(1);
    let offset = tap * dilation;
    // Window x reads source[x * stride + offset - before].
    let first = before.saturating_sub(offset).div_ceil(stride);
    let behind = (source.len() + before)
        .saturating_sub(offset)
        .div_ceil(stride)
        .min(line.len());
    if first >= behind {
        return;
    }
    let start = first * stride + offset - before;
    if stride == 1 {
        line[first..behind].copy_from_slice(&source[start..start + behind - first]);
    } else {
        let cells = source[start..].iter().step_by(stride);
        for (v, &cell) in line[first..behind].iter_mut().zip(cells) {
            *v = cell;
        }
    }
}
