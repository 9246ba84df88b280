//! The blocks at any width, made to have few ANDs.
//!
//! Every function returns a whole netlist with named ports; the ports, the meaning and the budget
//! of each block stand in the [catalogue](crate::catalogue). Errors are [`Error::Parameter`] for
//! widths or counts a block does not exist for.

mod activation;
mod arithmetic;
mod cordic;
mod divide;
mod dot;
mod modular;
mod multiply;
mod quotient;
mod rank;
mod select;
mod shallow;
mod share;

pub use activation::{sigmoid, tabulated, tanh};
pub use arithmetic::{abs, add, cmp, cmp_unsigned, eq, neg, sub};
pub use cordic::cordic;
pub use divide::{DivConst, MAX_DIVISOR, avg_pool, div_const};
pub use dot::{Dot, MAX_DROP, Sum, dot, dot_standalone, mat_vec, sum};
pub use modular::{modular_clip, modular_max_pool};
pub use multiply::{Mul, MulConst, mul, mul_const};
pub use quotient::{Div, div};
pub use rank::top_k;
pub use select::{argmax, argmax_value, clamp, index_bits, max, max_pool, min, mux, relu};
pub use shallow::{add_shallow, argmax_shallow, cmp_shallow, max_shallow, sub_shallow};
pub use share::{Share, share};

use crate::error::Error;

/// Widest word of a block.
pub const MAX_BITS: u32 = 64;

/// Checks that a parameter is within its range.
pub(crate) fn within(
    block: &'static str,
    what: &str,
    value: u64,
    range: std::ops::RangeInclusive<u64>,
) -> Result<(), Error> {
    if range.contains(&value) {
        return Ok(());
    }
    let (low, high) = (range.start(), range.end());
    Err(Error::Parameter {
        block,
        reason: format!("{what} is {value}, not in {low}..={high}"),
    })
}

/// Checks the width of a word.
pub(crate) fn width(block: &'static str, bits: u32) -> Result<(), Error> {
    within(block, "width", u64::from(bits), 1..=u64::from(MAX_BITS))
}
