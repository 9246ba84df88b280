//! Why a network was not quantised.

use std::fmt;

use super::ir::RangeOrigin;
use super::oracle::EvalError;
use super::{GraphError, InputError};

/// Why a network was not quantised.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QuantError {
    /// An option that makes no sense.
    #[error("option {option}: {what}")]
    Option {
        /// Which.
        option: &'static str,
        /// What is wrong.
        what: String,
    },
    /// A constant of the model is NaN or infinite.
    #[error("{tensor}: a constant is {value}")]
    NotFinite {
        /// Name of the layer that holds it.
        tensor: String,
        /// The constant.
        value: f64,
    },
    /// The weights of a layer need more bits than allowed.
    #[error(
        "layer {layer}: weights need {missing} more bit(s) than {limit} with {frac} fraction bits"
    )]
    Weights {
        /// The layer.
        layer: String,
        /// Bits that are missing.
        missing: u32,
        /// Bits that there are.
        limit: u32,
        /// Fraction bits of the weights.
        frac: u32,
    },
    /// A constant does not fit the ring.
    #[error("layer {layer}: constant {value} needs {missing} more bit(s) than the ring's {limit}")]
    Constant {
        /// The layer.
        layer: String,
        /// Its real value.
        value: f64,
        /// Bits that are missing.
        missing: u32,
        /// Bits that there are.
        limit: u32,
    },
    /// Values would overflow.
    #[error("values overflow: {}", list(.0))]
    Overflow(Vec<Shortage>),
    /// No scale fits.
    #[error("no number of fraction bits fits {bits} bits: {}", list(.shortages))]
    NoFrac {
        /// Width of a value.
        bits: u32,
        /// What overflows without any fraction bits.
        shortages: Vec<Shortage>,
    },
    /// An operation without an exact meaning in integers at this width.
    #[error("layer {layer}: {what}")]
    Unsupported {
        /// The layer.
        layer: String,
        /// What and what could be done.
        what: String,
    },
    /// The float graph was not made by a builder.
    #[error("layer {layer}: its constants or operands do not fit its shapes")]
    Inconsistent {
        /// The layer.
        layer: String,
    },
    /// A calibration input.
    #[error("calibration input {index}: {source}")]
    Calibration {
        /// Which.
        index: usize,
        /// What is wrong with it.
        source: InputError,
    },
    /// A value beyond 62 bits while calibrating.
    #[error("layer {layer}: its values exceed 62 bits; use fewer fraction bits")]
    Huge {
        /// The layer.
        layer: String,
    },
    /// The result is not a valid network.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The result cannot be evaluated.
    #[error(transparent)]
    Eval(#[from] EvalError),
}

/// A tensor whose values do not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// The layer that makes it.
    pub layer: String,
    /// Bits that are missing.
    pub missing: u32,
    /// Whether data show it, or it is only not proven that they fit.
    pub origin: RangeOrigin,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claim = match self.origin {
            RangeOrigin::Calibrated => "lacks",
            RangeOrigin::Proven => "may lack",
        };
        write!(f, "layer {} {claim} {} bit(s)", self.layer, self.missing)
    }
}

/// The first few, and a hint.
fn list(shortages: &[Shortage]) -> String {
    const SHOWN: usize = 4;
    let mut text = shortages
        .iter()
        .take(SHOWN)
        .map(Shortage::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    if shortages.len() > SHOWN {
        text.push_str(&format!(" and {} more", shortages.len() - SHOWN));
    }
    let worst = shortages.iter().map(|s| s.missing).max().unwrap_or(0);
    let seen = |s: &Shortage| s.origin == RangeOrigin::Calibrated;
    if shortages.iter().any(seen) {
        text.push_str(&format!(
            "; use {worst} fraction bit(s) less or wider values"
        ));
    } else {
        text.push_str("; give calibration data (ranges were only proven), or wider values");
    }
    text
}
