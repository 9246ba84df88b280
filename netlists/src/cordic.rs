//! CORDIC in hyperbolic coordinates: tanh, sigmoid and exp, their exact integer meaning.
//!
//! Angles `α_i = atanh(2^−i)`, iterations i = 1, 2, 3, 4, 4, 5, … (4 and 13 twice: Walther, A unified
//! algorithm for elementary functions, AFIPS 1971), `σ_i` the sign of what is left of the angle:
//!
//! ```text
//! x ← x + σ·(y >> i)      y ← y + σ·(x >> i)      z ← z − σ·α_i
//! ```
//!
//! [`Range::Literal`] is that with no guard bits, 14 iterations at 12 fraction bits, as in DeepSecure
//! (arXiv 1705.08963): `tanh z = y / x`, `sigmoid z = (1 + tanh(z/2)) / 2`, `exp z = x + y`. It converges
//! for `|z| <= Σ α_i = 1.118` only (twice that for sigmoid): [`Cordic::domain`].
//!
//! [`Range::Full`] serves every input. It computes `2^−s` for `s = |z|·log2 e` (twice that for tanh) as
//! `2^−k · 2^−f` with a CORDIC in base 2 for the fraction f, on the single coordinate `u = x − y`, for
//! which an iteration is `u ← u − σ·(u >> i)`; from i = 2 on, which suffices for `|f − 1/2| <= 1/2`. Then
//! `tanh = (1 − u) / (1 + u)`, `sigmoid = 1 / (1 + u)`. Guard bits as [`Cordic::precision`] says.
//!
//! In both, the iterations with `i > precision / 2` are added at once to what the ones before left:
//! the products of two of them are below the last place.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::eval::{mask, signed};

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Curve {
    /// tanh x.
    Tanh,
    /// `1 / (1 + e^−x)`.
    Sigmoid,
    /// `e^x`.
    Exp,
}

/// Which inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Range {
    /// The iterations alone, without guard bits.
    Literal,
    /// Range extension and guard bits.
    Full,
}

/// A CORDIC block: input and output of `bits` bits with `frac` behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cordic {
    /// The function.
    pub curve: Curve,
    /// The range served.
    pub range: Range,
    /// Width of input and output.
    pub bits: u32,
    /// Fraction bits of input and output.
    pub frac: u32,
}

/// One iteration: the shift and the angle in units of the last place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Iteration {
    pub(crate) shift: u32,
    pub(crate) angle: i64,
}

/// What the iterations of a block have in common.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Iterations made one after the other.
    pub(crate) first: Vec<Iteration>,
    /// Iterations added at once.
    pub(crate) last: Vec<Iteration>,
    /// Greatest magnitude of the angle at the start.
    pub(crate) bound: i64,
    /// Start value of x or u.
    pub(crate) start: i64,
}

impl Cordic {
    /// Checks the widths.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] unless `frac` is in 6..=20, `frac + 3 <= bits <= 32` and the integer
    /// bits of a full-range block are at most 5.
    pub fn check(&self) -> Result<(), Error> {
        let whole = self.bits.saturating_sub(self.frac + 1);
        let fits = (6..=20).contains(&self.frac) && whole >= 2 && self.bits <= 32;
        if fits && (self.range == Range::Literal || whole <= 5) {
            return Ok(());
        }
        let reason = format!("{} fraction bits in {} bits", self.frac, self.bits);
        Err(Error::Parameter {
            block: "cordic",
            reason,
        })
    }

    /// Fraction bits carried inside.
    #[must_use]
    pub fn precision(&self) -> u32 {
        match (self.range, self.curve) {
            (Range::Literal, _) => self.frac,
            (Range::Full, Curve::Exp) => self.bits + 3,
            (Range::Full, _) => self.frac + 3,
        }
    }

    /// Least and greatest input for which the block means its function; what lies outside gives
    /// an unspecified result.
    #[must_use]
    pub fn domain(&self) -> (i64, i64) {
        let half = 1i64 << (self.bits - 1);
        match (self.range, self.curve) {
            (Range::Literal, _) => {
                let bound = self.plan().bound;
                (-bound, bound)
            }
            (Range::Full, Curve::Exp) => {
                let whole = f64::from(self.bits - 1 - self.frac);
                // Below the input whose power just fits, less one unit for what rounding adds.
                let top = whole * std::f64::consts::LN_2 * 2f64.powi(self.frac.cast_signed());
                (-half, nearest(top) - 2)
            }
            (Range::Full, _) => (-half, half - 1),
        }
    }

    /// The block's exact integer meaning on [`Cordic::domain`].
    #[must_use]
    pub fn apply(&self, x: i64) -> i64 {
        match self.range {
            Range::Literal => self.literal(x),
            Range::Full => self.full(x),
        }
    }

    /// The function's value in units of the last place, in floating point.
    #[must_use]
    pub fn exact(&self, x: i64) -> f64 {
        let unit = 2f64.powi(self.frac.cast_signed());
        let x = value(x) / unit;
        unit * match self.curve {
            Curve::Tanh => x.tanh(),
            Curve::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Curve::Exp => x.exp(),
        }
    }

    pub(crate) fn plan(&self) -> Plan {
        let precision = self.precision();
        let (lowest, base, half_angle) = match (self.range, self.curve) {
            (Range::Literal, Curve::Sigmoid) => (1, 1.0, 2.0),
            (Range::Literal, _) => (1, 1.0, 1.0),
            (Range::Full, _) => (2, std::f64::consts::LN_2, 1.0),
        };
        let unit = 2f64.powi(precision.cast_signed());
        let last_shift = if self.range == Range::Literal {
            precision + 1
        } else {
            precision
        };
        let mut iterations = Vec::new();
        let mut scale = 1.0;
        for shift in lowest..=last_shift {
            let step = 2f64.powi(-shift.cast_signed());
            let atanh = 0.5 * ((1.0 + step) / (1.0 - step)).ln();
            let angle = nearest(unit * half_angle * atanh / base);
            let twice = shift == 4 || shift == 13 && last_shift > 13;
            for _ in 0..=u32::from(twice) {
                iterations.push(Iteration { shift, angle });
                scale *= (1.0 - step * step).sqrt();
            }
        }
        let split = iterations.partition_point(|it| it.shift <= precision / 2);
        let last = iterations.split_off(split);
        let all: i64 = iterations.iter().chain(&last).map(|it| it.angle).sum();
        let (bound, start) = match self.range {
            Range::Literal => (all, nearest(unit / scale)),
            // Four units less keep u below 1 whatever is rounded.
            Range::Full => (
                1i64 << (precision - 1),
                nearest(unit * 0.5f64.sqrt() / scale) - 4,
            ),
        };
        Plan {
            first: iterations,
            last,
            bound,
            start,
        }
    }

    fn literal(&self, input: i64) -> i64 {
        let plan = self.plan();
        let (mut x, mut y, mut z) = (plan.start, 0i64, input);
        for it in &plan.first {
            let sign = if z < 0 { -1 } else { 1 };
            (x, y) = (x + sign * (y >> it.shift), y + sign * (x >> it.shift));
            z -= sign * it.angle;
        }
        let (before_x, before_y) = (x, y);
        for it in &plan.last {
            let sign = z < 0;
            x += flip(before_y >> it.shift, sign);
            y += flip(before_x >> it.shift, sign);
            z -= if sign { -it.angle } else { it.angle };
        }
        match self.curve {
            Curve::Tanh => (y << self.frac).div_euclid(x),
            Curve::Sigmoid => (1 << (self.frac - 1)) + (y << (self.frac - 1)).div_euclid(x),
            Curve::Exp => x + y,
        }
    }

    fn full(&self, input: i64) -> i64 {
        let precision = self.precision();
        let s = self.exponent(input);
        let u = self.power(s & mask(precision).cast_signed());
        let shift = u32::try_from(s >> precision).unwrap_or(63).min(63);
        let e = u >> shift;
        let one = 1i64 << precision;
        let negative = input < 0;
        match self.curve {
            Curve::Tanh => flip(((one - 1 - e) << self.frac) / (one + e), negative),
            Curve::Sigmoid => {
                let g = ((one - 1) << self.frac) / (one + e);
                if negative {
                    (1 << self.frac) - 1 - g
                } else {
                    g
                }
            }
            Curve::Exp => {
                // e^x = 2^whole · 2^−s.
                e >> (precision - (self.bits - 1))
            }
        }
    }

    /// s with `precision` fraction bits.
    fn exponent(&self, input: i64) -> i64 {
        let (constant, shift) = self.log2_e();
        match self.curve {
            Curve::Exp => {
                let whole = i64::from(self.bits - 1 - self.frac) << self.precision();
                whole - ((input * constant) >> shift)
            }
            Curve::Tanh | Curve::Sigmoid => {
                // |x| by ones' complement, half a unit added: 2y + 1 at one more place.
                let y = if input < 0 { -1 - input } else { input };
                ((2 * y + 1) * constant) >> shift
            }
        }
    }

    /// `log2 e` as an integer and the shift of the product with the input.
    pub(crate) fn log2_e(&self) -> (i64, u32) {
        let places = self.precision() + 1;
        let constant = nearest(std::f64::consts::LOG2_E * 2f64.powi(places.cast_signed()));
        let input_places = match self.curve {
            // Twice the input: its extra place and the factor cancel.
            Curve::Tanh | Curve::Exp => self.frac,
            Curve::Sigmoid => self.frac + 1,
        };
        (constant, input_places + places - self.precision())
    }

    /// `2^−f`.
    fn power(&self, fraction: i64) -> i64 {
        let plan = self.plan();
        let mut w = fraction - plan.bound;
        let mut u = plan.start;
        for it in &plan.first {
            let sign = if w < 0 { -1 } else { 1 };
            u -= sign * (u >> it.shift);
            w -= sign * it.angle;
        }
        let before = u;
        for it in &plan.last {
            u += flip(before >> it.shift, w >= 0);
            w -= if w < 0 { -it.angle } else { it.angle };
        }
        signed(u.cast_unsigned(), 63)
    }
}

/// The value or, flipped, its ones' complement: `−1 − v`.
fn flip(v: i64, flipped: bool) -> i64 {
    if flipped { -1 - v } else { v }
}

#[expect(clippy::cast_possible_truncation, reason = "values below 2^40")]
fn nearest(v: f64) -> i64 {
    (v + 0.5).floor() as i64
}

#[expect(clippy::cast_precision_loss, reason = "values below 2^40")]
fn value(v: i64) -> f64 {
    v as f64
}
