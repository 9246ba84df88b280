//! Channels mirrored or not, and moved: `s_c*x + b_c` with secret signs and constants.

use privet_ring::Ring;

use super::rule::{self, OpError};
use crate::quant::ir::Tensor;

/// One operand, of the result's shape, ring and scale.
pub(crate) fn check(inputs: &[&Tensor], output: &Tensor) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    rule::shape("result", &input.shape, &output.shape)?;
    rule::same_type(input, output)?;
    rule::work(&output.shape)
}

/// Entries per channel: the extent of axis 0.
pub(crate) fn channels(output: &Tensor) -> Result<usize, OpError> {
    output.shape.first().copied().ok_or(OpError::Size)
}

/// Signs are 1 or -1.
pub(crate) fn check_signs(weights: &[i32]) -> Result<(), OpError> {
    if weights.iter().all(|w| [-1, 1].contains(w)) {
        return Ok(());
    }
    Err(OpError::Params("hold a sign that is neither 1 nor -1"))
}

/// The values, channel after channel.
pub(crate) fn reflect(signs: &[i32], shifts: &[i64], v: &[i64], ring: Ring) -> Vec<i64> {
    let plane = v.len().checked_div(signs.len()).unwrap_or(0).max(1);
    let channels = v.chunks(plane).zip(signs.iter().zip(shifts));
    channels
        .flat_map(|(v, (&s, &b))| {
            v.iter()
                .map(move |&v| ring.wrap(v.wrapping_mul(s.into()).wrapping_add(b)))
        })
        .collect()
}
