//! Element-wise sums modulo the ring: of tensors, or of a tensor and secret constants.

use privet_ring::Ring;

use super::rule::{self, OpError};
use crate::quant::ir::Tensor;

/// Two or more operands of one shape, ring and scale, which are the result's.
pub(crate) fn check(inputs: &[&Tensor], output: &Tensor) -> Result<u64, OpError> {
    if inputs.len() < 2 {
        return Err(OpError::Operands {
            expected: "2 or more",
            got: inputs.len(),
        });
    }
    for input in inputs {
        rule::shape("operand", &output.shape, &input.shape)?;
        rule::same_type(input, output)?;
    }
    let elements = rule::product(&output.shape)?;
    rule::work(&[elements, inputs.len()])
}

/// One operand; the constants have one entry per element.
pub(crate) fn check_const(inputs: &[&Tensor], output: &Tensor) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    rule::shape("result", &input.shape, &output.shape)?;
    rule::same_type(input, output)?;
    rule::work(&output.shape)
}

/// The sum of all operands.
pub(crate) fn add(values: &[&[i64]], ring: Ring) -> Vec<i64> {
    let Some((first, others)) = values.split_first() else {
        return Vec::new();
    };
    let mut sum = first.to_vec();
    for other in others {
        for (s, &v) in sum.iter_mut().zip(*other) {
            *s = s.wrapping_add(v);
        }
    }
    for s in &mut sum {
        *s = ring.wrap(*s);
    }
    sum
}
