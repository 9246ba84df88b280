//! How far blocks that approximate a real function are from it.

use crate::activation::{Function, Precision, Table};
use crate::catalogue::BlockSpec;
use crate::cordic::{Cordic, Range};

/// The greatest distance from the real function, in units of the last place, measured over every
/// input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accuracy {
    /// Over all inputs, clamped to the block's domain where it has one.
    pub error: f64,
    /// Over all inputs of the width without clamping, for a block that converges in a part of
    /// them only (literal CORDIC), where the function's value fits the width.
    pub beyond_domain: Option<f64>,
}

impl BlockSpec {
    /// Measures a piecewise-linear or CORDIC block over every input; `None` for exact blocks.
    #[must_use]
    pub fn accuracy(&self) -> Option<Accuracy> {
        let table = |function, bits, frac, precision| {
            let error = table_error(function, bits, frac, precision)?;
            Some(Accuracy {
                error,
                beyond_domain: None,
            })
        };
        if let Self::Sigmoid { bits, frac } = *self {
            table(Function::Sigmoid, bits, frac, Precision::Few)
        } else if let Self::Tanh { bits, frac } = *self {
            table(Function::Tanh, bits, frac, Precision::Few)
        } else if let Self::Fine {
            function,
            bits,
            frac,
        } = *self
        {
            table(function, bits, frac, Precision::Fine)
        } else if let Self::Cordic(cordic) = self {
            Some(cordic_error(cordic))
        } else {
            None
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "values of at most 32 bits")]
fn table_error(function: Function, bits: u32, frac: u32, precision: Precision) -> Option<f64> {
    let table = Table::with_precision(function, bits, frac, precision).ok()?;
    let unit = f64::from(1u32.checked_shl(frac)?);
    let (lo, hi) = table.domain();
    // Beyond 16 the functions are constant to far below the last place.
    let reach = (1i64 << (bits - 1)).min(16 << frac);
    let error = |x: i64| {
        let exact = function.exact(x as f64 / unit) * unit;
        (table.apply(x.clamp(lo, hi)) as f64 - exact).abs()
    };
    Some((-reach..reach).map(error).fold(0.0, f64::max))
}

#[expect(clippy::cast_precision_loss, reason = "values of at most 32 bits")]
fn cordic_error(cordic: &Cordic) -> Accuracy {
    let (lo, hi) = cordic.domain();
    let error = |x: i64| (cordic.apply(x.clamp(lo, hi)) as f64 - cordic.exact(x)).abs();
    let half = 1i64 << (cordic.bits - 1);
    let fits = |x: &i64| cordic.exact(*x) < half as f64;
    let beyond = || (-half..half).filter(fits).map(error).fold(0.0, f64::max);
    Accuracy {
        error: (lo..=hi).map(error).fold(0.0, f64::max),
        beyond_domain: (cordic.range == Range::Literal).then(beyond),
    }
}
