//! ReLU(z) = z where the sign bit is 0, else 0.

use super::rule::{self, OpError};
use crate::quant::ir::Tensor;

/// Same shape, ring and scale.
pub(crate) fn check(inputs: &[&Tensor], output: &Tensor) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    rule::shape("result", &input.shape, &output.shape)?;
    rule::same_type(input, output)?;
    rule::work(&output.shape)
}

/// By the sign of the representative.
pub(crate) fn relu(z: &[i64]) -> Vec<i64> {
    z.iter().map(|&z| z.max(0)).collect()
}
