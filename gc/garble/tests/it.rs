//! Garbling against evaluation in the clear.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "it/known_answers.rs"]
mod known_answers;
#[path = "it/layout.rs"]
mod layout;
#[path = "it/leaks.rs"]
mod leaks;
#[path = "it/netlists.rs"]
mod netlists;
#[path = "it/stream.rs"]
mod stream;
#[path = "it/table.rs"]
mod table;
#[path = "it/wrong.rs"]
mod wrong;
