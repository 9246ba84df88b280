//! Work on secret shares: GMW over netlists, comparison and what is built on it, products by oblivious transfer.
//!
//! A [`Context`] is one party at work: a channel, a [`Source`] of prepared material, a planned comparison and a batch size. What it
//! computes on [`Shares`](privet_ring::Shares) and [`BitShares`](privet_ring::BitShares) equals the fixed-point oracle bit for bit.
//!
//! | module | gives |
//! |---|---|
//! | [`source`], [`material`] | triples, bit products, transfers and tables, made on demand or ahead |
//! | [`ahead`] | material turned to numbers of the client's that are known before the input |
//! | [`compare`], [`relu`], [`select`] | millionaires' comparison in planned shapes, signs, ReLU with truncation, MUX, B2A |
//! | [`mirror`] | numbers with signs that the server knows |
//! | [`trunc`], [`divide`] | truncation, change of ring and division, exact for every sign; [`trunc::local`] within one unit |
//! | [`max`], [`pool`], [`argmax`] | maxima, limits, pools, the index of the greatest number |
//! | [`netlist`] | any netlist under GMW, level by level |
//! | [`product`] | products by correlated OT |
//!
//! Semi-honest adversary. Cores are pure: [`Context`] alone moves their messages.

#![forbid(unsafe_code)]

pub mod ahead;
mod and;
pub mod argmax;
pub mod compare;
pub mod context;
mod convert;
pub mod divide;
mod error;
mod flights;
#[cfg(test)]
mod hostile;
#[cfg(any(test, feature = "laws"))]
pub mod ideal;
pub mod material;
pub mod max;
pub mod mirror;
pub mod netlist;
pub mod pool;
pub mod product;
pub mod relu;
pub mod select;
pub mod source;
mod transfer;
pub mod trunc;
mod wire;

pub use context::Context;
pub use error::{ApiMisuse, Error, PeerMisbehaved};
pub use material::Material;
pub use source::{Counters, Demand, Live, Source, Stored};
