//! Maximum over windows: max(a, b) = b + ReLU(a - b mod 2^L), right while |a - b| < 2^(L-1).
//!
//! Within a window: row by row, the cells left to right in adjacent pairs (left cell a, right cell
//! b; an odd last one is carried to the next round) until one is left; then the rows' results
//! likewise, top to bottom. Cells in the padding are absent.

use privet_ring::Ring;

use super::rule::{self, OpError};
use crate::graph::Rounding;
use crate::quant::ir::{Pool, Tensor};

/// `[C, H, W]` to `[C, H', W']`, same ring and scale, at least one cell in each window.
pub(crate) fn check(op: &Pool, inputs: &[&Tensor], output: &Tensor) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    rule::same_type(input, output)?;
    check_geometry(op, input, output)
}

/// The shape rule that all pools share.
pub(crate) fn check_geometry(op: &Pool, input: &Tensor, output: &Tensor) -> Result<u64, OpError> {
    let [channels, height, width] = rule::image("operand", input)?;
    let [out_channels, oh, ow] = rule::image("result", output)?;
    rule::equal("channels", channels, out_channels)?;
    let window = &op.window;
    let extents = |rounding| {
        window
            .output([height, width], rounding)
            .map_err(OpError::Window)
    };
    let (floor, ceil) = (extents(Rounding::Floor)?, extents(Rounding::Ceil)?);
    let fits = |axis: usize, got: usize| [floor, ceil].iter().any(|e| e.get(axis) == Some(&got));
    if !fits(0, oh) || !fits(1, ow) {
        return Err(OpError::Shape {
            what: "result",
            expected: format!("{floor:?} (or {ceil:?}) positions"),
            got: output.shape.clone(),
        });
    }
    let work = rule::work(&[channels, oh, ow, window.kernel[0], window.kernel[1]])?;
    for (axis, cells, positions) in [(0, height, oh), (1, width, ow)] {
        if let Some(empty) = (0..positions).find(|&p| window.taps(axis, cells, p).is_empty()) {
            return Err(OpError::Bounds {
                what: "window without any cell, position",
                got: i64::try_from(empty).unwrap_or(i64::MAX),
            });
        }
    }
    Ok(work)
}

/// Each window by pairs.
pub(crate) fn max_pool(op: &Pool, input: &Tensor, x: &[i64], output: &Tensor) -> Vec<i64> {
    windows(op, input, x, output, |rows, _, _| {
        let best = rows
            .iter()
            .map(|row| tournament(row, output.ring))
            .collect::<Vec<_>>();
        tournament(&best, output.ring)
    })
}

/// Calls `each` for every window, channel by channel, with the rows of present cells and the
/// window's position.
pub(crate) fn windows(
    op: &Pool,
    input: &Tensor,
    x: &[i64],
    output: &Tensor,
    mut each: impl FnMut(&[Vec<i64>], usize, usize) -> i64,
) -> Vec<i64> {
    let (Ok([_, height, width]), Ok([_, oh, ow])) =
        (rule::image("operand", input), rule::image("result", output))
    else {
        return Vec::new();
    };
    let columns: Vec<Vec<usize>> = (0..ow)
        .map(|p| op.window.cells(1, p, width).collect())
        .collect();
    let mut result = Vec::with_capacity(rule::product(&output.shape).unwrap_or(0));
    for plane in x.chunks_exact((height * width).max(1)) {
        for oy in 0..oh {
            for (ox, columns) in columns.iter().enumerate() {
                let rows: Vec<Vec<i64>> = op
                    .window
                    .cells(0, oy, height)
                    .map(|y| {
                        let at = |&c: &usize| plane.get(y * width + c).copied();
                        columns.iter().filter_map(at).collect()
                    })
                    .collect();
                result.push(each(&rows, oy, ox));
            }
        }
    }
    result
}

/// Adjacent pairs, an odd last one carried, until one is left.
fn tournament(cells: &[i64], ring: Ring) -> i64 {
    let mut round = cells.to_vec();
    while round.len() > 1 {
        round = round
            .chunks(2)
            .map(|pair| match *pair {
                [a, b] => max(a, b, ring),
                [a] => a,
                _ => 0,
            })
            .collect();
    }
    round.first().copied().unwrap_or(0)
}

/// `b + ReLU(a - b)` modulo the ring.
pub(crate) fn max(a: i64, b: i64, ring: Ring) -> i64 {
    ring.wrap(b.wrapping_add(ring.wrap(a.wrapping_sub(b)).max(0)))
}
