//! Work on secret shares: GMW over netlists, comparison and what is built on it, products by oblivious transfer.

#![forbid(unsafe_code)]

pub mod product;
