//! Operations that only move elements: Concat, Reshape, Transpose, Pad.

#![expect(
    clippy::indexing_slicing,
    reason = "loops over buffers whose lengths the shape rules have fixed"
)]

use super::rule::{self, OpError};
use crate::quant::ir::Tensor;

/// Operands of one ring, scale and shape but for `axis`, where their extents add up.
pub(crate) fn check_concat(
    axis: usize,
    inputs: &[&Tensor],
    output: &Tensor,
) -> Result<u64, OpError> {
    let first = inputs.first().ok_or(OpError::Operands {
        expected: "1 or more",
        got: 0,
    })?;
    let mut expected = first.shape.clone();
    let mut joined = 0usize;
    for input in inputs {
        rule::same_type(input, output)?;
        let extent = *input.shape.get(axis).ok_or(OpError::Bounds {
            what: "axis",
            got: i64::try_from(axis).unwrap_or(i64::MAX),
        })?;
        joined = joined.checked_add(extent).ok_or(OpError::Size)?;
        let mut aligned = input.shape.clone();
        aligned[axis] = *first.shape.get(axis).unwrap_or(&0);
        rule::shape("operand", &first.shape, &aligned)?;
    }
    expected[axis] = joined;
    rule::shape("result", &expected, &output.shape)?;
    rule::work(&output.shape)
}

/// As many elements, same ring and scale.
pub(crate) fn check_reshape(inputs: &[&Tensor], output: &Tensor) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    rule::same_type(input, output)?;
    let elements = rule::product(&input.shape)?;
    rule::equal(
        "number of elements",
        elements,
        rule::product(&output.shape)?,
    )?;
    rule::work(&output.shape)
}

/// `perm` is a permutation of the axes and determines the result's shape.
pub(crate) fn check_transpose(
    perm: &[usize],
    inputs: &[&Tensor],
    output: &Tensor,
) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    rule::same_type(input, output)?;
    let mut seen = vec![false; input.shape.len()];
    let mut expected = Vec::with_capacity(input.shape.len());
    for &axis in perm {
        match seen.get_mut(axis) {
            Some(used) if !*used => *used = true,
            _ => {
                return Err(OpError::Bounds {
                    what: "axis of the permutation",
                    got: i64::try_from(axis).unwrap_or(i64::MAX),
                });
            }
        }
        expected.push(input.shape[axis]);
    }
    rule::equal("axes of the permutation", input.shape.len(), perm.len())?;
    rule::shape("result", &expected, &output.shape)?;
    rule::work(&output.shape)
}

/// Each axis grows by its padding; the constant lies in the ring.
pub(crate) fn check_pad(
    before: &[usize],
    after: &[usize],
    value: i64,
    inputs: &[&Tensor],
    output: &Tensor,
) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    rule::same_type(input, output)?;
    rule::equal(
        "axes of the padding before",
        input.shape.len(),
        before.len(),
    )?;
    rule::equal("axes of the padding after", input.shape.len(), after.len())?;
    let grown =
        |((&extent, &b), &a): ((&usize, &usize), &usize)| extent.checked_add(b)?.checked_add(a);
    let expected = (input.shape.iter().zip(before).zip(after))
        .map(grown)
        .collect::<Option<Vec<usize>>>()
        .ok_or(OpError::Size)?;
    rule::shape("result", &expected, &output.shape)?;
    if !output.ring.contains(value) {
        return Err(OpError::Bounds {
            what: "padding value",
            got: value,
        });
    }
    rule::work(&output.shape)
}

/// Block by block: everything inside `axis` is contiguous.
pub(crate) fn concat(axis: usize, inputs: &[&Tensor], values: &[&[i64]]) -> Vec<i64> {
    let outer: usize = inputs[0].shape[..axis].iter().product();
    let mut joined = Vec::new();
    for block in 0..outer {
        for (input, values) in inputs.iter().zip(values) {
            let len: usize = input.shape[axis..].iter().product();
            joined.extend_from_slice(&values[block * len..][..len]);
        }
    }
    joined
}

/// Element by element in the result's order.
pub(crate) fn transpose(perm: &[usize], input: &Tensor, x: &[i64], output: &Tensor) -> Vec<i64> {
    let strides = strides(&input.shape);
    let steps: Vec<usize> = perm.iter().map(|&axis| strides[axis]).collect();
    let mut result = Vec::with_capacity(x.len());
    for_each_index(&output.shape, |index| {
        let at: usize = index.iter().zip(&steps).map(|(i, s)| i * s).sum();
        result.push(x[at]);
    });
    result
}

/// Fills with the constant, then copies the operand in.
pub(crate) fn pad(
    before: &[usize],
    value: i64,
    input: &Tensor,
    x: &[i64],
    output: &Tensor,
) -> Vec<i64> {
    let strides = strides(&output.shape);
    let mut result = vec![value; output.shape.iter().product()];
    let mut values = x.iter();
    for_each_index(&input.shape, |index| {
        let at: usize = (index.iter().zip(before).zip(&strides))
            .map(|((i, b), s)| (i + b) * s)
            .sum();
        if let Some(&v) = values.next() {
            result[at] = v;
        }
    });
    result
}

/// Distance between neighbours along each axis, row-major.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Calls `each` with every index of `shape` in row-major order.
fn for_each_index(shape: &[usize], mut each: impl FnMut(&[usize])) {
    if shape.contains(&0) {
        return;
    }
    let mut index = vec![0; shape.len()];
    loop {
        each(&index);
        let mut axis = shape.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}
