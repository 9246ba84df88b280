//! Changes of scale and of ring: Shl(k) and Resize.

use privet_ring::Ring;

use super::rule::{self, OpError};
use crate::quant::ir::Tensor;

/// Same shape and ring; fraction bits rise by `k`.
pub(crate) fn check_shl(k: u32, inputs: &[&Tensor], output: &Tensor) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    rule::shape("result", &input.shape, &output.shape)?;
    rule::equal("ring", input.ring.bits(), output.ring.bits())?;
    if k >= output.ring.bits() {
        return Err(OpError::Bounds {
            what: "shift beyond the ring",
            got: k.into(),
        });
    }
    let frac = input.frac_bits.checked_add(k).ok_or(OpError::Size)?;
    rule::equal("fraction bits", frac, output.frac_bits)?;
    rule::work(&output.shape)
}

/// Same shape and scale, another ring.
pub(crate) fn check_resize(inputs: &[&Tensor], output: &Tensor) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    rule::shape("result", &input.shape, &output.shape)?;
    rule::equal("fraction bits", input.frac_bits, output.frac_bits)?;
    rule::work(&output.shape)
}

/// `v * 2^k` modulo the ring.
pub(crate) fn shl(k: u32, v: &[i64], ring: Ring) -> Vec<i64> {
    v.iter()
        .map(|&v| ring.wrap(v.checked_shl(k).unwrap_or(0)))
        .collect()
}

/// Sign extension, or reduction to the signed representative.
pub(crate) fn resize(v: &[i64], ring: Ring) -> Vec<i64> {
    v.iter().map(|&v| ring.wrap(v)).collect()
}
