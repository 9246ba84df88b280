//! The program as a user meets it: two processes, right and wrong input, a peer that dies.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that finds something else than expected shall panic"
)]

mod cli {
    mod approx;
    mod auto;
    mod commands;
    mod death;
    mod deepsecure;
    mod imagenet;
    mod modes;
    mod networks;
    mod prepared;
    mod projection;
    mod rig;
    mod stopping;
    mod synthetic;
    mod training;
    mod wrong;
    mod wrong_training;
}
