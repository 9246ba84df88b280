//! Products of one party's numbers with the other's by correlated OT: matrices and convolutions over Z_2^l.
//!
//! - Functionality: for a public [`Geometry`](privet_ring::linear::Geometry) the sender brings operands, the receiver choosers
//!   of B bits; they get `s + r = Σ operand·chooser` mod 2^l for every output. In random mode the receiver's choosers are drawn
//!   by the functionality, uniform, and nothing but the masked operands travels.
//! - Secure against: semi-honest, either side; 128 bits: H tweakable correlation robust with one key per transfer, AES in
//!   counter mode as PRG under hashes.
//! - From: Gil99, with one transfer for all products of one chooser's bit as in CrypTFlow2 (eprint 2020/457), §5.1.1.
//! - Differs: either party's numbers may be the choosers, so a layer costs `B` transfers per weight or `l` per input; bit i is
//!   multiplied in `l − i` bits; the sender's half is minus its masks, so that one masked value travels per product and bit.
//! - Cost: B transfers per chooser; `products·Σ_{i<B}(l − i)` bits sender → receiver, and in chosen mode one bit per transfer
//!   receiver → sender, each padded to a byte per batch; two hashes per transfer for the sender, one for the receiver.
//!
//! ```text
//! transfer (c, i), product with operand x:   sender  m0 = H(K), m1 = H(K ⊕ Δ)    c = m0 − m1 + x  mod 2^(l−i)
//!                                            receiver  v = H(M) + b·c = m0 + b·x
//! shares of ±2^i·b·x:                        sender ∓2^i·m0, receiver ±2^i·v;  minus for the top bit of a signed chooser
//! ```
//!
//! Every transfer's messages are made and read alike whatever the numbers are: zeros are ordinary.

pub mod drive;
pub mod ideal;
pub mod layer;
pub mod msgs;
pub mod receiver;
pub mod schedule;
pub mod sender;

mod masks;

#[cfg(test)]
mod tests;

pub use layer::{Client, Inputs, Layer, Server};
pub use receiver::Receiver;
pub use schedule::{Choosers, Schedule};
pub use sender::Sender;
