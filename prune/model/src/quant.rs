//! Quantised networks: the public graph, its secret parameters, the quantiser, the file and the oracle.

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
mod rewrite;

pub use error::{QuantError, Shortage};
pub use input::{InputError, range_of_bytes};
#[cfg(any(test, feature = "laws"))]
pub use laws::vectors;
pub use options::{Frac, Narrow, Placement, QuantOptions, Weights};
pub use oracle::{EvalError, Evaluation, Oracle};
pub use quantise::quantise;
pub use summary::{TensorSummary, observed, summary};
pub use validate::{GraphError, Limits};
