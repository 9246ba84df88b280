//! What can go wrong with a netlist.

/// Error of this crate. Files and bytes from outside give [`Error::Parse`] or [`Error::TooLarge`];
/// the rest says that a caller asked for something that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A netlist file is malformed.
    #[error("{format} netlist, {place} {position}: {reason}")]
    Parse {
        /// Name of the format.
        format: &'static str,
        /// Unit of `position`: "line" or "byte".
        place: &'static str,
        /// Where, counted from 1 for lines and from 0 for bytes.
        position: usize,
        /// What was found or is missing there.
        reason: String,
    },
    /// A size is above what this crate handles.
    #[error("{what}: {got} is above the limit {limit}")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// The size found.
        got: u64,
        /// The largest size accepted.
        limit: u64,
    },
    /// The caller's values do not fit the netlist's ports.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// What is counted.
        what: &'static str,
        /// What the netlist has.
        expected: usize,
        /// What the caller gave.
        got: usize,
    },
    /// Two ports of one direction have the same name, or a name is empty or too long.
    #[error("port name {name:?} is empty, too long or used twice")]
    PortName {
        /// The offending name.
        name: String,
    },
    /// A block was asked for with parameters it does not exist for.
    #[error("{block}: {reason}")]
    Parameter {
        /// The block.
        block: &'static str,
        /// Which parameter, and why not.
        reason: String,
    },
}
