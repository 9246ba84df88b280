//! Sigmoid and tanh by piecewise linear interpolation: tables, exact integer meaning, domain.
//!
//! With f fraction bits, `m` bits of magnitude and p = 6 index bits, for an input x in
//! `[−2^m, 2^m)` (the domain; a clamp before the block is a separate op):
//!
//! ```text
//! y = x < 0 ? −1 − x : x                        ones' complement costs nothing
//! i = y >> (m − p),   τ = (low m − p bits of y) >> drop
//! v = offset[i] + Σ_r ((±τ) << r) >> cut  − (x < 0 ? 2^(guard − cut − 1) : 0)
//! g = v >> (guard − cut)
//! out = x < 0 ? top − g : g                      top = −1 for tanh, 2^f − 1 for sigmoid
//! ```
//!
//! where `−τ` is τ with its bits flipped, the signs are the ±1 digits of the piece's slope, and the
//! offset absorbs every constant this leaves. Half a unit less on the negative side makes up for
//! half of what ones' complement shifts. The low bits of each row that `cut` removes cost nothing
//! visible: guard bits remain below the result. The offset is the one with the smallest greatest
//! error over the piece, found by trying; slopes are tried around the secant's.

mod fit;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::eval::{mask, signed};

/// Most fraction bits: beyond them 64 pieces are what limits the error.
pub const MAX_FRAC: u32 = 16;

/// A tabulated function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Function {
    /// `1 / (1 + e^−x)`.
    Sigmoid,
    /// `tanh x`.
    Tanh,
}

/// Which of the two tables of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Precision {
    /// Few ANDs: 64 pieces, errors below 1.82 units of the last place at 16 bits.
    Few,
    /// Errors of about one unit of the last place; 128 pieces for tanh.
    Fine,
}

/// What a table is made from.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    function: Function,
    bits: u32,
    frac: u32,
    precision: Precision,
}

/// How the slope products are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Number of ±1 digits of a slope.
    pub(crate) digits: u32,
    /// Low bits of the position inside a piece that are not used.
    pub(crate) drop: u32,
    /// Binary places of a slope times `2^drop`.
    pub(crate) guard: u32,
    /// Low bits of each row that are not used; less than `guard`.
    pub(crate) cut: u32,
}

/// One piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Digit bits of the slope: bit r is 1 where digit r is −1.
    pub(crate) digits: u64,
    /// What is added to the rows.
    pub(crate) offset: i64,
}

/// A function at given widths: input and output have `bits` bits, `frac` of them behind the point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub(crate) function: Function,
    pub(crate) bits: u32,
    pub(crate) frac: u32,
    /// Bits of the magnitude y.
    pub(crate) magnitude: u32,
    /// Bits of the piece's index.
    pub(crate) index: u32,
    pub(crate) layout: Layout,
    pub(crate) pieces: Vec<Piece>,
}

impl Table {
    /// The table with few ANDs, made once per process and widths.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] unless `frac` is in 2..=16 and below `bits`, and `bits` at most 64.
    pub fn new(function: Function, bits: u32, frac: u32) -> Result<Arc<Self>, Error> {
        Self::with_precision(function, bits, frac, Precision::Few)
    }

    /// The table of a precision, made once per process and widths.
    ///
    /// # Errors
    ///
    /// As [`Table::new`].
    pub fn with_precision(
        function: Function,
        bits: u32,
        frac: u32,
        precision: Precision,
    ) -> Result<Arc<Self>, Error> {
        static TABLES: Mutex<BTreeMap<Key, Arc<Table>>> = Mutex::new(BTreeMap::new());
        if !(2..=MAX_FRAC).contains(&frac) || frac >= bits || bits > 64 {
            let reason = format!("{frac} fraction bits in {bits} bits");
            return Err(Error::Parameter {
                block: function.name(),
                reason,
            });
        }
        let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        let table = tables
            .entry(Key {
                function,
                bits,
                frac,
                precision,
            })
            .or_insert_with(|| Arc::new(fit::table(function, bits, frac, precision)));
        Ok(Arc::clone(table))
    }

    /// The function's integer meaning. Outside of [`Table::domain`] the input is taken modulo the
    /// domain's size, as the netlist does.
    #[must_use]
    pub fn apply(&self, x: i64) -> i64 {
        let x = signed(x.cast_unsigned(), self.magnitude + 1);
        let y = if x < 0 { -1 - x } else { x };
        let top = match self.function {
            Function::Sigmoid => (1 << self.frac) - 1,
            Function::Tanh => -1,
        };
        let g = self.magnitude_value(y, x < 0);
        if x < 0 { top - g } else { g }
    }

    /// Least and greatest input for which the block means the function.
    #[must_use]
    pub fn domain(&self) -> (i64, i64) {
        (-1i64 << self.magnitude, (1i64 << self.magnitude) - 1)
    }

    /// True if every number of `bits` bits is in the domain: no clamp is needed before the block.
    #[must_use]
    pub fn covers_all(&self) -> bool {
        self.magnitude + 1 == self.bits
    }

    /// Bits of the position inside a piece that enter the product.
    pub(crate) fn position_bits(&self) -> u32 {
        (self.magnitude - self.index).saturating_sub(self.layout.drop)
    }

    fn magnitude_value(&self, y: i64, negative: bool) -> i64 {
        let position = self.magnitude - self.index;
        let index = usize::try_from(y >> position).unwrap_or(0);
        let piece = self.pieces.get(index).copied().unwrap_or(Piece {
            digits: 0,
            offset: 0,
        });
        let tau = (y & mask(position).cast_signed()) >> self.layout.drop;
        let rows = self.layout.rows(piece.digits, tau, self.position_bits());
        let v = piece.offset + rows - if negative { self.layout.half() } else { 0 };
        v >> self.layout.places()
    }
}

impl Layout {
    /// `Σ_r ((τ, its `bits` bits flipped where digit r is −1) << r) >> cut`.
    fn rows(self, digits: u64, tau: i64, bits: u32) -> i64 {
        let row = |r: u32| {
            let flipped = mask(bits).cast_signed() - tau;
            ((if digits >> r & 1 == 1 { flipped } else { tau }) << r) >> self.cut
        };
        (0..self.digits).map(row).sum()
    }

    /// Binary places below the result.
    pub(crate) fn places(self) -> u32 {
        self.guard - self.cut
    }

    /// Half a unit of the result.
    pub(crate) fn half(self) -> i64 {
        1 << (self.places() - 1)
    }
}

impl Function {
    /// Name of the block.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
        }
    }

    /// The function in floating point, from additions, multiplications and divisions alone: the
    /// same bits on every machine.
    #[must_use]
    pub fn exact(self, x: f64) -> f64 {
        match self {
            Self::Sigmoid if x < 0.0 => 1.0 - self.exact(-x),
            Self::Sigmoid => 1.0 / (1.0 + exp_minus(x)),
            Self::Tanh if x < 0.0 => -self.exact(-x),
            Self::Tanh => {
                let e = exp_minus(2.0 * x);
                (1.0 - e) / (1.0 + e)
            }
        }
    }

    /// Input from which on the function is constant for a table's purposes: `2^domain_bits`. At 4,
    /// tanh is 2^−10.5 below 1.
    pub(crate) fn domain_bits(self, frac: u32, precision: Precision) -> u32 {
        match (self, precision) {
            (Self::Tanh, Precision::Fine) if frac > 11 => 3,
            (Self::Tanh, _) => 2,
            (Self::Sigmoid, _) => 3,
        }
    }
}

/// `e^−x` for `x >= 0`: `(e^(−x/2^10))^(2^10)`, the inner one by its series.
fn exp_minus(x: f64) -> f64 {
    let small = -x.min(64.0) / 1024.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..=16 {
        term = term * small / f64::from(n);
        sum += term;
    }
    for _ in 0..10 {
        sum *= sum;
    }
    sum
}
