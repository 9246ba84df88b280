//! RLWE encryption of polynomials over `Z_2^l`, and products with a server's weights.
//!
//! The client owns the key ([`Keys`]); the server owns weights. Polynomials have `degree` coefficients and multiply modulo
//! `x^degree + 1`, coefficients modulo `2^l`. How a layer becomes polynomials is not this crate's business.
//!
//! | step | who | call | message |
//! |---|---|---|---|
//! | 1 | client | [`Keys::generate`], [`Keys::public_key`] | [`sizes::public_key`] bytes, once |
//! | 2 | server | [`PublicKey::parse`] | |
//! | 3 | client | [`Keys::encrypt`] a batch of polynomials; gets its masks `r` at free coefficients | [`sizes::upload`] bytes |
//! | 4 | server | [`Ciphertext::parse`], [`Inputs::new`] for each sum's inputs | |
//! | 5 | server | [`Weights::encode`] or [`Weights::constants`], [`Products::accumulate`]; for one use [`Products::accumulate_fresh`] | |
//! | 6 | server | [`Products::take`] and [`PublicKey::reply`] with masks | [`sizes::reply`] bytes |
//! | 7 | client | [`Keys::decrypt`]: wanted coefficients of product plus mask, modulo `2^l` | |
//!
//! A coefficient is *free* if the client may choose its value: the mask of a tensor in the offline phase. Padding, halos and tensors that
//! are encrypted a second time are not. Free coefficients take `l` bits less on the wire.
//!
//! Decryption is exact but for the probability of [`noise::failure_bits`]. All calls work on whole batches with the threads of rayon's
//! current pool; results do not depend on the number of threads. [`Backend`] is the same as a trait, with [`Ideal`] (plaintext posing as
//! ciphertext) as its meaning.
//!
//! Nothing here branches on, or indexes by, a secret.

#![deny(unsafe_code)]

mod backend;
mod basis;
mod client;
mod error;
pub mod kernels;
#[cfg(feature = "laws")]
pub mod laws;
mod lines;
pub mod measure;
mod modulus;
pub mod noise;
mod packing;
pub mod params;
mod positions;
mod products;
mod sample;
mod server;
pub mod sizes;
mod table;
mod weights;

pub use backend::{Backend, Ideal, Reply, Rlwe};
pub use client::{Keys, Plain};
pub use error::{ApiMisuse, Error, PeerMisbehaved};
pub use modulus::Modulus;
pub use params::Parameters;
pub use positions::Positions;
pub use products::{Product, Products};
pub use server::{Answer, Ciphertext, PublicKey};
pub use weights::{Inputs, MAX_WEIGHT, Weights};
