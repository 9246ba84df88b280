//! The catalogue: every block by name, with parameters, meaning and AND budget.
//!
//! A [`BlockSpec`] is a value that can be sent and hashed; both parties get the same netlist from
//! it. [`standard`] lists the blocks whose counts are committed and may not grow.

mod accuracy;
mod committed;
mod meaning;
mod name;
mod ports;
mod size;
mod standard;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

pub use accuracy::Accuracy;
pub use committed::committed_names;
pub use standard::{budget, by_name, standard};

use crate::activation::{Function, Precision};
use crate::cordic::Cordic;
use crate::error::Error;
use crate::eval::signed;
use crate::generate::{self, Div, DivConst, Dot, Mul, MulConst, Share, Sum};
use crate::netlist::Netlist;

/// A block with its parameters. Ports are signed unless said otherwise; `y` is the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are widths and counts, as each variant says"
)]
pub enum BlockSpec {
    /// `y = a + b mod 2^bits`.
    Add { bits: u32 },
    /// `y = a − b mod 2^bits`.
    Sub { bits: u32 },
    /// `y = −a mod 2^bits`.
    Neg { bits: u32 },
    /// `y = |a| mod 2^bits`.
    Abs { bits: u32 },
    /// `y = a < b`, one bit.
    Cmp { bits: u32 },
    /// `y = a < b`, unsigned, one bit.
    CmpUnsigned { bits: u32 },
    /// `y = (a = b)`, one bit.
    Eq { bits: u32 },
    /// `y = s ? a : b`, `s` one bit.
    Mux { bits: u32 },
    /// `y = max(a, 0)`.
    Relu { bits: u32 },
    /// `y = min(max(a, lo), hi)`.
    Clamp { bits: u32, lo: i64, hi: i64 },
    /// `y` = the greatest of `x0…`.
    Max { bits: u32, count: u32 },
    /// `y` = the least of `x0…`.
    Min { bits: u32, count: u32 },
    /// `y` = index of the greatest of `x0…`, the lowest among equals; unsigned.
    Argmax { bits: u32, count: u32 },
    /// `y0…` = indices of the `best` greatest of `x0…`, greatest first, lower index first among
    /// equals; unsigned.
    TopK { bits: u32, count: u32, best: u32 },
    /// The fixed-point rules' maximum over a window `x0…`, row by row:
    /// `max(a, b) = b + ReLU(a − b mod 2^bits)`.
    MaxPool { bits: u32, rows: u32, columns: u32 },
    /// The fixed-point rules' clipping of `x`: that maximum with `lo`, then
    /// `min(a, b) = a − ReLU(a − b mod 2^bits)` with `hi`.
    Clip { bits: u32, lo: i64, hi: i64 },
    /// A chunk of a dot product with accumulator ([`generate::dot`]); ports unsigned but `a0…`.
    Dot(Dot),
    /// A dot product of one chunk, without accumulator ([`generate::dot_standalone`]).
    DotStandalone(Dot),
    /// A chunk of a sum with accumulator ([`generate::sum`]).
    Sum(Sum),
    /// `y = floor((a + floor(D/2)) / D)` ([`generate::div_const`]).
    DivConst(DivConst),
    /// Average of a window `x0…` ([`generate::avg_pool`]).
    AvgPool { cells: u32, division: DivConst },
    /// `y = sigmoid(x)` by its table ([`crate::activation`]).
    Sigmoid { bits: u32, frac: u32 },
    /// `y = tanh(x)` by its table ([`crate::activation`]).
    Tanh { bits: u32, frac: u32 },
    /// `y = sigmoid(x)` or `tanh(x)` by the finer table ([`Precision::Fine`]).
    Fine {
        function: Function,
        bits: u32,
        frac: u32,
    },
    /// `y` = tanh, sigmoid or exp of `x` by CORDIC ([`crate::cordic`]).
    Cordic(Cordic),
    /// `y` = bits of the product `a·b` ([`generate::mul`]).
    Mul(Mul),
    /// `y = constant·a` ([`generate::mul_const`]).
    MulConst(MulConst),
    /// `y = floor(a·2^frac / b)` ([`generate::div`]).
    Div(Div),
    /// `y` = index of the greatest of `x0…`, unsigned, and `v` its value.
    ArgmaxValue { bits: u32, count: u32 },
    /// A chunk of a matrix-vector product ([`generate::mat_vec`]).
    MatVec { rows: u32, dot: Dot },
    /// From two shares to a fresh one through an activation ([`generate::share`]).
    Share(Share),
    /// [`BlockSpec::Add`] with few AND levels.
    AddShallow { bits: u32 },
    /// [`BlockSpec::Sub`] with few AND levels.
    SubShallow { bits: u32 },
    /// [`BlockSpec::Cmp`] with few AND levels.
    CmpShallow { bits: u32 },
    /// [`BlockSpec::Max`] with few AND levels.
    MaxShallow { bits: u32, count: u32 },
    /// [`BlockSpec::Argmax`] with few AND levels.
    ArgmaxShallow { bits: u32, count: u32 },
}

/// Gates of all netlists that a process keeps for later, together: parameters may come from a peer.
const MAX_KEPT_GATES: usize = 1 << 23;

/// Most ANDs a block may have: parameters may come from a peer.
pub const MAX_ANDS: u64 = 1 << 24;

impl BlockSpec {
    /// The block's netlist, kept for the next caller while memory allows: the one that Yosys made from the Verilog source
    /// where it is committed and not larger, else the generator's.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] for parameters the block does not exist for, [`Error::TooLarge`] for
    /// a block of clearly more than [`MAX_ANDS`].
    pub fn netlist(&self) -> Result<Arc<Netlist>, Error> {
        static NETLISTS: Mutex<Option<HashMap<BlockSpec, Arc<Netlist>>>> = Mutex::new(None);
        let known = |map: &Option<HashMap<Self, Arc<Netlist>>>| {
            map.as_ref().and_then(|map| map.get(self)).map(Arc::clone)
        };
        if let Some(netlist) = known(&NETLISTS.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(netlist);
        }
        // Made outside of the lock: two threads may make the same one, and the first stays.
        let made = match self.committed()? {
            Some(netlist) => netlist,
            None => self.generate()?,
        };
        let made = Arc::new(made);
        let mut map = NETLISTS.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: usize = map
            .iter()
            .flat_map(HashMap::values)
            .map(|n| n.gates().len())
            .sum();
        if kept.saturating_add(made.gates().len()) > MAX_KEPT_GATES {
            // Whoever still uses one holds it; the others can be made again.
            *map = None;
        }
        Ok(Arc::clone(
            map.get_or_insert_default().entry(*self).or_insert(made),
        ))
    }

    /// The netlist as the generator makes it.
    ///
    /// # Errors
    ///
    /// As [`BlockSpec::netlist`].
    pub fn generate(&self) -> Result<Netlist, Error> {
        let got = self.rough_ands();
        if got > MAX_ANDS {
            return Err(Error::TooLarge {
                what: "ANDs of a block",
                got,
                limit: MAX_ANDS,
            });
        }
        match *self {
            Self::Add { bits } => generate::add(bits),
            Self::Sub { bits } => generate::sub(bits),
            Self::Neg { bits } => generate::neg(bits),
            Self::Abs { bits } => generate::abs(bits),
            Self::Cmp { bits } => generate::cmp(bits),
            Self::CmpUnsigned { bits } => generate::cmp_unsigned(bits),
            Self::Eq { bits } => generate::eq(bits),
            Self::Mux { bits } => generate::mux(bits),
            Self::Relu { bits } => generate::relu(bits),
            Self::Clamp { bits, lo, hi } => generate::clamp(bits, lo, hi),
            Self::Max { bits, count } => generate::max(bits, count),
            Self::Min { bits, count } => generate::min(bits, count),
            Self::Argmax { bits, count } => generate::argmax(bits, count),
            Self::TopK { bits, count, best } => generate::top_k(bits, count, best),
            Self::MaxPool {
                bits,
                rows,
                columns,
            } => generate::modular_max_pool(bits, rows, columns),
            Self::Clip { bits, lo, hi } => generate::modular_clip(bits, lo, hi),
            Self::Dot(spec) => generate::dot(spec),
            Self::DotStandalone(spec) => generate::dot_standalone(spec),
            Self::Sum(spec) => generate::sum(spec),
            Self::DivConst(spec) => generate::div_const(spec),
            Self::AvgPool { cells, division } => generate::avg_pool(cells, division),
            Self::Sigmoid { bits, frac } => generate::sigmoid(bits, frac),
            Self::Tanh { bits, frac } => generate::tanh(bits, frac),
            Self::Fine {
                function,
                bits,
                frac,
            } => generate::tabulated(function, bits, frac, Precision::Fine),
            Self::Cordic(spec) => generate::cordic(spec),
            Self::Mul(spec) => generate::mul(spec),
            Self::MulConst(spec) => generate::mul_const(spec),
            Self::Div(spec) => generate::div(spec),
            Self::ArgmaxValue { bits, count } => generate::argmax_value(bits, count),
            Self::MatVec { rows, dot } => generate::mat_vec(rows, dot),
            Self::Share(spec) => generate::share(spec),
            Self::AddShallow { bits } => generate::add_shallow(bits),
            Self::SubShallow { bits } => generate::sub_shallow(bits),
            Self::CmpShallow { bits } => generate::cmp_shallow(bits),
            Self::MaxShallow { bits, count } => generate::max_shallow(bits, count),
            Self::ArgmaxShallow { bits, count } => generate::argmax_shallow(bits, count),
        }
    }

    /// True where the block's result is specified; divisions and CORDIC are not
    /// everywhere.
    #[must_use]
    pub fn is_defined(&self, inputs: &[u64]) -> bool {
        match (*self, inputs) {
            (Self::Cordic(spec), &[x]) => {
                let (lo, hi) = spec.domain();
                (lo..=hi).contains(&signed(x, spec.bits))
            }
            (Self::Div(spec), &[a, b]) => {
                spec.is_defined(signed(a, spec.bits), signed(b, spec.bits))
            }
            _ => true,
        }
    }
}
