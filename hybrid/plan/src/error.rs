//! Why a plan cannot be made or may not be followed.

/// Why a plan cannot be made or may not be followed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The backend cannot run an operation.
    #[error("layer '{layer}': {what}; {hint}")]
    Unsupported {
        /// The layer's name.
        layer: String,
        /// What it asks for.
        what: String,
        /// What could be done.
        hint: String,
    },
    /// The graph is not consistent.
    #[error("layer '{layer}': {what}")]
    Graph {
        /// The layer's name.
        layer: String,
        /// What is wrong.
        what: String,
    },
    /// A netlist cannot be made.
    #[error("layer '{layer}': netlist {block}: {source}")]
    Netlist {
        /// The layer's name.
        layer: String,
        /// Name of the block.
        block: String,
        /// The cause.
        source: privet_netlists::Error,
    },
    /// The plan needs more than the party allows.
    #[error(
        "the plan needs {needs} {what}, the cap is {cap}; raise it with {flag} to accept this plan"
    )]
    AboveCap {
        /// What is capped.
        what: &'static str,
        /// What the plan needs, with unit.
        needs: String,
        /// The cap, with unit.
        cap: String,
        /// The option that sets it.
        flag: &'static str,
    },
    /// A choice of options that makes no sense.
    #[error("{0}")]
    Options(String),
}
