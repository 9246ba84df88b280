//! Oblivious transfer: base OT, SoftSpoken extension, silent OT, and products of bits on top.
//!
//! | module | gives |
//! |---|---|
//! | [`base`] | random OT over Ristretto: the 128 transfers that everything grows from |
//! | [`cot`] | correlated OT with the sender's Δ and the receiver's choices: SoftSpoken |
//! | [`rcot`] | the interfaces that consumers are written against |
//! | [`derandomise`] | chosen choices from random ones |
//! | [`rot`], [`chosen`] | random OT by hashing, chosen OT on top |
//! | [`silent`] | random correlated OT with almost no communication: Ferret |
//! | [`ole`], [`triples`] | bit products, hashed and packed chunk by chunk |
//! | [`one_of_many`] | 1-of-2^m OT of short messages |
//! | [`ideal`] | the functionalities themselves, as in the proofs |
//! | `laws` (feature) | what every implementation must satisfy, as test macros |
//!
//! Notation: `M = K ⊕ x·Δ`. The sender holds the global offset Δ and a key `K` for each transfer, the receiver a choice bit x
//! and the MAC `M`. Δ's colour bit is 1, so where keys have colour 0 the colour of `M` is x.
//!
//! Semi-honest adversary. Cores are pure; only files called `drive.rs` and the consumers above them see a channel.

#![deny(unsafe_code)]

pub mod base;
pub mod chosen;
pub mod cot;
pub mod derandomise;
mod error;
pub mod ideal;
#[cfg(feature = "laws")]
pub mod laws;
pub mod ole;
pub mod one_of_many;
mod pprf;
pub mod rcot;
pub mod rot;
pub mod silent;
pub mod triples;
pub mod tweaks;

pub use error::{ApiMisuse, Error, PeerMisbehaved};
