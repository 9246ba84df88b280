//! Quantised networks: the public graph, its secret parameters, the quantiser, the file and the oracle.
//!
//! * [`ir`]: what both parties know ([`ir::Graph`]) and what the server alone holds ([`ir::Params`]);
//! * [`quantise()`]: from a float graph and calibration data to integers. It folds constants in f64
//!   (`fold`), gives values their scales (`scales`), decides where truncations and rounding constants go (`defer`), makes nodes and
//!   integers (`build`), finds out what every tensor can hold (`interval` proves, `calibrate`
//!   observes, `ranges` keeps, `examine` compares), and rewrites (`rewrite`, `narrow`);
//! * [`oracle`]: what a quantised network computes, exactly; the ops' meaning is in [`crate::ops`];
//!   [`approx`]: what profile `approx` makes of truncations, and how often it differs;
//! * [`validate`]: checks of a graph of any origin; [`file`](mod@file): the `.pvq` file;
//! * [`input`]: real inputs to integers; [`summary`](mod@summary): ranges against overflow;
//! * `laws` (feature): vectors of every fixed-point rule, for backends.

pub mod approx;
pub mod error;
pub mod file;
pub mod input;
pub mod ir;
pub mod options;
pub mod oracle;
pub mod quantise;
pub mod summary;
pub mod validate;

#[cfg(any(test, feature = "laws"))]
pub mod laws;

mod build;
mod calibrate;
mod defer;
mod examine;
mod fold;
mod interval;
mod narrow;
mod ranges;
mod rewrite;
mod scales;
mod sparsity;

pub use approx::{Deviation, Deviations};
pub use calibrate::Rehearsal;
pub use error::{QuantError, Shortage};
pub use input::{InputError, range_of_bytes};
#[cfg(any(test, feature = "laws"))]
pub use laws::vectors;
pub use options::{Frac, LayerFracs, Narrow, Placement, QuantOptions, Weights};
pub use oracle::{EvalError, Evaluation, Oracle};
pub use quantise::{quantise, quantise_within};
pub use ranges::Ranges;
pub use scales::{Tied, tied};
pub use sparsity::Sparsity;
pub use summary::{TensorSummary, observed, summary};
pub use validate::{GraphError, Limits};
