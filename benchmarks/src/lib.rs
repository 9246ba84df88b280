//! End-to-end and kernel benchmarks with machine-readable rows.
//!
//! A benchmark returns a [`Table`]: what was measured, where, at which commit, and one JSON object
//! per row. Rates are per second, sizes in bytes (application bytes at the channel), flights one-way.

#![forbid(unsafe_code)]

pub mod calibrate;
pub mod circuits;
pub mod deepsecure;
pub mod garble;
pub mod he;
pub mod imagenet;
pub mod machine;
pub mod nonlinear;
pub mod ot;
pub mod pair;
pub mod table;

pub use table::Table;
