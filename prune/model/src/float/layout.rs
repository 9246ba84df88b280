//! Ops that only move elements.

#![expect(
    clippy::indexing_slicing,
    reason = "extents are checked when the graph is built and again at entry"
)]

/// Joins along an axis.
pub(super) fn concat(operands: &[(Vec<f32>, &[usize])], axis: usize) -> Option<Vec<f32>> {
    let (_, first) = operands.first()?;
    let outer: usize = first.get(..axis)?.iter().product();
    let total = operands.iter().map(|(x, _)| x.len()).sum();
    let mut y = Vec::with_capacity(total);
    for i in 0..outer {
        for (x, shape) in operands {
            let run: usize = shape.get(axis..)?.iter().product();
            y.extend_from_slice(x.get(i * run..(i + 1) * run)?);
        }
    }
    Some(y)
}

/// Row-major strides.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

/// Steps a row-major multi-index; false after the last.
fn advance(index: &mut [usize], shape: &[usize]) -> bool {
    for (i, &extent) in index.iter_mut().zip(shape).rev() {
        *i += 1;
        if *i < extent {
            return true;
        }
        *i = 0;
    }
    false
}

/// Permutes axes: output axis i is input axis `perm[i]`.
pub(crate) fn transpose<T: Copy>(x: &[T], shape: &[usize], perm: &[usize]) -> Option<Vec<T>> {
    let source = strides(shape);
    let (mut extents, mut steps) = (vec![], vec![]);
    for &p in perm {
        extents.push(*shape.get(p)?);
        steps.push(*source.get(p)?);
    }
    let mut y = Vec::with_capacity(x.len());
    let mut index = vec![0; extents.len()];
    loop {
        let at: usize = index.iter().zip(&steps).map(|(i, s)| i * s).sum();
        y.push(*x.get(at)?);
        if !advance(&mut index, &extents) {
            return Some(y);
        }
    }
}

/// Surrounds with a constant.
pub(super) fn pad(
    x: &[f32],
    shape: &[usize],
    before: &[usize],
    output: &[usize],
    value: f32,
) -> Option<Vec<f32>> {
    let mut y = vec![value; output.iter().product()];
    let steps = strides(output);
    let (&width, outer) = shape.split_last()?;
    let mut index = vec![0; outer.len()];
    for line in x.chunks(width) {
        let at: usize = index
            .iter()
            .chain(&[0])
            .zip(before)
            .zip(&steps)
            .map(|((i, b), s)| (i + b) * s)
            .sum();
        y.get_mut(at..at + width)?.copy_from_slice(line);
        advance(&mut index, outer);
    }
    Some(y)
}
