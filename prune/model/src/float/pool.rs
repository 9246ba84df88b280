//! Pooling; cells outside the input are absent.

#![expect(
    clippy::indexing_slicing,
    reason = "extents are checked when the graph is built and again at entry"
)]

use crate::graph::{Pool, Rounding};

/// Greatest cell of each window.
pub(super) fn max(pool: &Pool, x: &[f32], shape: &[usize]) -> Option<Vec<f32>> {
    windows(pool, x, shape, f32::NEG_INFINITY, f32::max, |best, _| best)
}

/// Mean of each window's present cells.
pub(super) fn average(pool: &Pool, x: &[f32], shape: &[usize]) -> Option<Vec<f32>> {
    windows(pool, x, shape, 0.0, |s, v| s + v, |sum, cells| sum / cells)
}

fn windows(
    pool: &Pool,
    x: &[f32],
    shape: &[usize],
    start: f32,
    fold: impl Fn(f32, f32) -> f32,
    finish: impl Fn(f32, f32) -> f32,
) -> Option<Vec<f32>> {
    let &[channels, h, w] = shape else {
        return None;
    };
    let ([oh, ow], window) = (pool.output, &pool.window);
    if x.len() != channels * h * w || window.output([h, w], Rounding::Ceil).is_err() {
        return None;
    }
    let mut y = Vec::with_capacity(channels * oh * ow);
    for plane in x.chunks(h * w) {
        for oy in 0..oh {
            let rows = window.taps(0, h, oy);
            for ox in 0..ow {
                let columns = window.taps(1, w, ox);
                let mut value = start;
                for i in rows.clone() {
                    let line = window.index(0, oy, i) * w;
                    for j in columns.clone() {
                        value = fold(value, plane[line + window.index(1, ox, j)]);
                    }
                }
                let cells = rows.len() * columns.len();
                y.push(finish(value, cells as f32));
            }
        }
    }
    Some(y)
}
