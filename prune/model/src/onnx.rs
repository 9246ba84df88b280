//! ONNX: import of trained networks, and export of float graphs.
//!
//! Import reads opset 7 and later, folds constants, infers every shape and expresses the network in the closed
//! set of [`crate::graph::Op`]. What it cannot express it lists at once, node by node. Files are not trusted:
//! sizes are bounded before anything is allocated, and no file makes it panic.
//!
//! Three keys of a model's `metadata_props` are read: `privet.preprocess` (TOML, JSON or the short form of
//! [`crate::preprocess::Preprocess`]), `privet.projection` (the text of [`crate::preprocess::Projection`]: the model's
//! input is then an embedding of the sample) and `privet.classes` (one name per line).

mod advice;
mod array;
mod attributes;
mod constants;
mod elementwise;
mod ending;
mod export;
mod import;
mod linear;
mod metadata;
mod proto;
mod scan;
mod shaping;
mod window;

pub use export::export;
pub use import::{import, import_with_shape, load};

use crate::graph::GraphError;
use crate::readers::ReadError;

/// Oldest operator set that is read.
pub const MIN_OPSET: i64 = 7;
/// Key of the preprocessing in `metadata_props`.
pub const PREPROCESS_KEY: &str = "privet.preprocess";
/// Key of the projection in `metadata_props`.
pub const PROJECTION_KEY: &str = "privet.projection";
/// Key of the classes' names in `metadata_props`.
pub const CLASSES_KEY: &str = "privet.classes";

/// A node that cannot be expressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// Name of the node, or of its first result if it has none.
    pub node: String,
    /// Its operator.
    pub op: String,
    /// Why not.
    pub why: String,
    /// What could be done.
    pub hint: String,
}

impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", self.node, self.op, self.why)?;
        if !self.hint.is_empty() {
            write!(f, "; {}", self.hint)?;
        }
        Ok(())
    }
}

/// A model that cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The bytes are not an ONNX model, or a damaged one.
    #[error("{name}: not a complete ONNX model: {what}")]
    Malformed {
        /// Name of the model.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// Some operations are not supported; all of them are listed.
    #[error("{name}: {} not supported:{}", plural(nodes.len()), lines(nodes))]
    Unsupported {
        /// Name of the model.
        name: String,
        /// The nodes, in the model's order.
        nodes: Vec<Unsupported>,
    },
    /// The model as a whole is not of a form that is supported.
    #[error("{name}: {what}; {hint}")]
    Model {
        /// Name of the model.
        name: String,
        /// What is wrong.
        what: String,
        /// What could be done.
        hint: String,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

fn plural(count: usize) -> String {
    if count == 1 {
        "1 operation is".to_owned()
    } else {
        format!("{count} operations are")
    }
}

fn lines(nodes: &[Unsupported]) -> String {
    nodes.iter().map(|node| format!("\n  {node}")).collect()
}

/// Why a node is refused; the importer adds which.
#[derive(Debug)]
struct Refusal {
    why: String,
    hint: String,
}

impl Refusal {
    fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            hint: hint.into(),
        }
    }
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self::new(why, "")
    }
}

impl From<&str> for Refusal {
    fn from(why: &str) -> Self {
        Self::new(why, "")
    }
}

impl From<GraphError> for Refusal {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::Shape { what, .. } => Self::new(what, ""),
            GraphError::Operand { .. } | GraphError::Bounds { .. } => {
                Self::new(error.to_string(), "")
            }
        }
    }
}

#[cfg(test)]
mod tests;
