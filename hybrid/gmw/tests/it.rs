//! Both parties against each other, over channels in memory.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that finds something else than expected shall panic"
)]

mod it {
    mod ahead;
    mod laws;
    mod max;
    mod netlist;
    mod pair;
    mod parties;
    mod relu;
    mod source;
    mod trunc;
}
