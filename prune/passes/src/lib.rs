//! Passes over networks before they run: training, projection, pruning.
//!
//! Everything here happens once, in the clear, on the owner's machine. A [`Network`] is a chain of
//! layers whose parameters can be trained; it is made from a model's float graph and goes back to
//! one. Every pass is deterministic from its seed.

#![forbid(unsafe_code)]

pub mod auto;
pub mod compact;
pub mod data;
pub mod digits;
pub mod error;
pub mod fixed;
pub mod network;
pub mod project;
pub mod prune;
pub mod report;
pub mod rng;
pub mod shrink;
pub mod train;
pub mod widths;

pub use data::{Dataset, Split};
pub use error::Error;
pub use network::Network;
