//! 128-bit blocks, AES kernels, PRG, tweakable hash and bit transpose.
//!
//! | what | for |
//! |---|---|
//! | [`Block`] | labels, keys, hash values |
//! | [`Delta`] | the global offset of free-XOR and of correlated OT |
//! | [`Aes128`] | AES under a fixed key |
//! | [`Prg`] | seed to stream |
//! | [`Tccr`], [`Tweak`] | the hash of garbling and of OT, re-keyed for every use |
//! | [`transpose_128`], [`bit_plane`] | bit matrices of OT extension, bits of many blocks |
//! | [`halfgate`] | garbling and evaluating many instances side by side |
//! | [`Lines`] | a buffer of blocks at cache-line boundaries |
//! | [`kernels`] | which implementation runs; `PRIVET_KERNELS` forces one |
//!
//! Nothing here branches on, or indexes by, a secret.

mod aes128;
mod block;
mod delta;
mod error;
pub mod halfgate;
pub mod kernels;
mod lines;
mod prg;
mod tccr;
mod transpose;

pub use aes128::Aes128;
pub use block::Block;
pub use delta::Delta;
pub use error::Error;
pub use lines::Lines;
pub use prg::Prg;
pub use tccr::{Tccr, Tweak};
pub use transpose::{bit_plane, transpose_128};

/// Computational security in bits: every parameter is chosen for at least this.
pub const COMP_SEC: u32 = 128;

/// Statistical security in bits: of every hiding that is not computational.
pub const STAT_SEC: u32 = 40;
