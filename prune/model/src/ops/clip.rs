//! Clip(lo, hi): by max, then min(a, b) = a - ReLU(a - b), modulo the ring.

use privet_ring::Ring;

use super::max_pool::max;
use super::rule::{self, OpError};
use crate::quant::ir::Tensor;

/// Same shape, ring and scale; `lo <= hi`, both in the ring.
pub(crate) fn check(lo: i64, hi: i64, inputs: &[&Tensor], output: &Tensor) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    rule::shape("result", &input.shape, &output.shape)?;
    rule::same_type(input, output)?;
    for (what, got) in [("lower bound", lo), ("upper bound", hi)] {
        if !output.ring.contains(got) || lo > hi {
            return Err(OpError::Bounds { what, got });
        }
    }
    rule::work(&output.shape)
}

/// `min(max(z, lo), hi)`; wraps where a difference does not fit the ring.
pub(crate) fn clip(lo: i64, hi: i64, z: &[i64], ring: Ring) -> Vec<i64> {
    z.iter()
        .map(|&z| {
            let raised = max(z, lo, ring);
            ring.wrap(raised.wrapping_sub(ring.wrap(raised.wrapping_sub(hi)).max(0)))
        })
        .collect()
}
