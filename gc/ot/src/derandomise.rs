//! Correlated OT from random correlated OT by derandomisation.
//!
//! - Functionality: sender gets `K`, holds Δ; receiver gets `M = K ⊕ x·Δ` for its own `x`.
//! - Secure against: semi-honest, either side; perfect, in the random-COT hybrid model.
//! - From: Bea95. Differs: bits are packed 8 to a byte.
//! - Cost for n: 1 message of ⌈n/8⌉ bytes per batch of 32,768, receiver → sender; no hash.

pub mod drive;
pub mod msgs;

pub use drive::{Receiver, Sender};

/// Transfers of one message.
pub const BATCH: usize = 1 << 15;

/// Bytes of derandomising `n` transfers, all from the receiver.
#[must_use]
pub const fn cost_bytes(n: u64) -> u64 {
    n.div_ceil(8)
}
