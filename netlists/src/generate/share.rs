//! Bridges between additive shares modulo 2^L and garbled bits: two shares in, an activation, a
//! fresh share out.

use serde::{Deserialize, Serialize};

use crate::builder::{Bit, Builder};
use crate::error::Error;
use crate::generate::{width, within};
use crate::netlist::Netlist;

/// `y = T(act(x0 + x1 mod 2^ring_bits)) − r mod 2^out_bits`: with the mask `r` the garbler's fresh
/// share, `y` is the evaluator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Share {
    /// Width L of the ring of the two input shares.
    pub ring_bits: u32,
    /// Bits dropped by the truncation `T`, floor.
    pub shift: u32,
    /// Width of the ring of the output shares.
    pub out_bits: u32,
    /// ReLU before the truncation, else nothing.
    pub relu: bool,
    /// Few AND levels instead of the fewest ANDs.
    pub shallow: bool,
}

/// Inputs `x0`, `x1` of `ring_bits`, `r` of `out_bits`; output `y` as [`Share`] says.
///
/// # Errors
///
/// [`Error::Parameter`] for widths outside 1..=64 or unless `shift` is below `ring_bits`.
pub fn share(spec: Share) -> Result<Netlist, Error> {
    width("share", spec.ring_bits)?;
    width("share", spec.out_bits)?;
    within(
        "share",
        "shift",
        spec.shift.into(),
        0..=u64::from(spec.ring_bits - 1),
    )?;
    let mut builder = Builder::new();
    let x0 = builder.input("x0", spec.ring_bits);
    let x1 = builder.input("x1", spec.ring_bits);
    let r = builder.input("r", spec.out_bits);
    let z = if spec.shallow {
        builder.add_shallow(&x0, &x1, Bit::FALSE)
    } else {
        builder.add(&x0, &x1, Bit::FALSE)
    };
    let mut value = z.get(spec.shift as usize..).unwrap_or_default().to_vec();
    if spec.relu {
        value = builder.relu(&value);
    }
    let value = Builder::resize(&value, spec.out_bits);
    let y = if spec.shallow {
        builder.sub_shallow(&value, &r)
    } else {
        builder.sub(&value, &r)
    };
    builder.output("y", &y);
    builder.finish()
}
