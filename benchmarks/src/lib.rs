//! End-to-end and kernel benchmarks with machine-readable rows.

#![forbid(unsafe_code)]
