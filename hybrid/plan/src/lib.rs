//! Lowering of quantised networks to protocol steps, and their cost.
//!
//! A [`Plan`] is a pure function of the public graph and the agreed [`PlanOptions`]: both parties
//! compute it, compare its hash and follow it. It names buffers of wire labels, the steps that fill
//! them, the tweak range of each step and the exact bytes that each step moves. It depends on no
//! protocol crate; that its costs are the measured ones is proved by the tests of `privet-run`.

#![forbid(unsafe_code)]

pub mod compare;
pub mod cost;
pub mod error;
pub mod lattice;
pub mod lower;
pub mod options;
pub mod plan;
pub mod share;
pub mod step;
pub mod tournament;

pub use cost::{Cost, LinkModel, Rates, RatesError, Seconds};
pub use error::PlanError;
pub use lattice::{Lattice, LatticeSet, NormClass};
pub use lower::{LANES, dot_ports, sum_ports};
pub use options::{Backend, Caps, Choice, Comparison, Party, PlanOptions, Reveal};
pub use plan::{Approximations, Plan};
pub use share::{Bridge, Compared, Products, ReluTrunc, ShareLinear, ShareStep, TruncLocal, Work};
pub use step::{
    BitMap, Buffer, BufferId, CellStep, Domain, LinearGroup, LinearStep, Port, Row, Source, Step,
    StepKind, Sums, TapSet, WireStep, WireWords, units,
};
