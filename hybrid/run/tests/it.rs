//! Private inference end to end, in memory: every operation, both garblers, against the oracle.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that finds something else than expected shall panic"
)]

/// Counts for those tests that run in a process of their own.
#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

mod it {
    mod allocation;
    mod approx;
    mod compared;
    mod costs;
    mod dropped;
    mod hostile;
    mod models;
    mod modes;
    mod online;
    mod ops;
    mod packed;
    mod random;
    mod real;
    mod relay;
    mod rig;
    mod shares;
    mod store;
    mod structures;
    mod tampered;
    mod terms;
    mod vectors;
}
