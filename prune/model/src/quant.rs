//! Quantised networks: the public graph, its secret parameters, the quantiser, the file and the oracle.

pub mod input;
pub mod ir;
pub mod oracle;
pub mod validate;

pub use input::InputError;
pub use oracle::{EvalError, Evaluation, Oracle};
pub use validate::{GraphError, Limits};
