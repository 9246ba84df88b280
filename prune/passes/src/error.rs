//! What can go wrong in a pass.

use std::path::PathBuf;

/// An error of a pass; each is one line and names the value at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layer does not accept the shape that reaches it.
    #[error("layer {layer}: expects {expected}, but {got:?} reaches it")]
    Shape {
        /// Which layer.
        layer: String,
        /// What it accepts.
        expected: String,
        /// The shape that reaches it.
        got: Vec<usize>,
    },
    /// Samples and labels do not fit together or to the network.
    #[error("data: {0}")]
    Data(String),
    /// A value is NaN or infinite.
    #[error("{what} is not finite (first at {place})")]
    NotFinite {
        /// What holds the value.
        what: String,
        /// Where it is.
        place: String,
    },
    /// An option is out of its range.
    #[error("option {name} is {value}: it must be {allowed}")]
    Option {
        /// Name of the option.
        name: &'static str,
        /// The value given.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// The graph has a part that the passes cannot train.
    #[error("node {node}: {reason}")]
    Unsupported {
        /// Name of the node.
        node: String,
        /// Why it is refused.
        reason: String,
    },
    /// The trained network cannot be quantised as asked.
    #[error("{0}")]
    Quantise(String),
    /// A file of samples or labels cannot be used.
    #[error("{0}")]
    Read(#[from] privet_model::readers::ReadError),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A checkpoint is damaged, or belongs to another run.
    #[error("checkpoint {path}: {reason}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The caller asked to stop.
    #[error("stopped on request ({stage})")]
    Stopped {
        /// What was being done.
        stage: String,
    },
}

impl From<ndarray::ShapeError> for Error {
    fn from(e: ndarray::ShapeError) -> Self {
        Self::Data(format!("arrays do not fit together: {e}"))
    }
}

/// Checks an option against its bounds.
pub(crate) fn check_option(
    name: &'static str,
    value: f64,
    ok: bool,
    allowed: &str,
) -> Result<(), Error> {
    if ok && value.is_finite() {
        return Ok(());
    }
    Err(Error::Option {
        name,
        value: value.to_string(),
        allowed: allowed.to_owned(),
    })
}
