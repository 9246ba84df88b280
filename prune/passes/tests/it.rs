//! Integration tests of the passes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod it {
    mod auto;
    mod demo;
    mod gradients;
    mod graph;
    mod projection;
    mod pruning;
    mod real;
    mod shrinking;
    mod training;
    mod widths;
}
