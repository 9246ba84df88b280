//! `T_s`: floor(z / 2^s), read in the ring of the result.

use privet_ring::{Ring, floor_shift};

use super::rule::{self, OpError};
use crate::quant::ir::Tensor;

/// Same shape; fraction bits fall by `shift`.
pub(crate) fn check(shift: u32, inputs: &[&Tensor], output: &Tensor) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    rule::shape("result", &input.shape, &output.shape)?;
    let frac = input.frac_bits.checked_sub(shift).ok_or(OpError::Bounds {
        what: "shift beyond the fraction bits",
        got: shift.into(),
    })?;
    if shift >= input.ring.bits() {
        return Err(OpError::Bounds {
            what: "shift beyond the ring",
            got: shift.into(),
        });
    }
    rule::equal("fraction bits", frac, output.frac_bits)?;
    rule::work(&output.shape)
}

/// Arithmetic shift, then sign extension or reduction.
pub(crate) fn trunc(shift: u32, z: &[i64], ring: Ring) -> Vec<i64> {
    z.iter()
        .map(|&z| ring.wrap(floor_shift(z, shift)))
        .collect()
}
