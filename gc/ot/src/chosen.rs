//! Chosen OT: the sender's own messages, the receiver's own choices.
//!
//! - Functionality: the sender brings pairs `(m0, m1)` of blocks, the receiver choices x and gets `m_x`.
//! - Secure against: semi-honest, either side; perfect, in the random-OT hybrid.
//! - From: Bea95; the choices are the random OT's own, so nothing is derandomised.
//! - Cost for n: n random OTs and 1 message of 32·n bytes, sender → receiver.

pub mod drive;
pub mod msgs;
