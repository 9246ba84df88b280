//! Boolean netlists with few AND gates: representation, formats, generators and catalogue.
//!
//! Under garbling XOR and INV cost nothing on the wire and an AND costs two ciphertexts, so every
//! block here is built to have few ANDs. The pieces:
//!
//! * [`Netlist`]: topological, structurally hashed, gates XOR / AND / INV, named multi-bit ports;
//!   it can only be made by a [`Builder`], so its invariants hold by construction;
//! * [`generate`]: the blocks at any width; [`dot`] is the arithmetic around the dot product;
//! * [`activation`]: tables of sigmoid and tanh; [`meaning`]: what the blocks compute, without gates;
//! * [`catalogue`]: every block by name, with meaning and AND budget;
//! * [`eval`]: bit-sliced evaluation, 64 instances at a time, and evaluation on integers per port;
//! * [`bristol`] and [`compact`]: the text format of the field and a small binary one;
//! * [`yosys`]: reader of the JSON netlists that Yosys writes.

#![forbid(unsafe_code)]

pub mod activation;
pub mod bristol;
pub mod builder;
pub mod catalogue;
pub mod columns;
pub mod compact;
pub mod cordic;
pub mod dot;
pub mod error;
pub mod eval;
pub mod generate;
pub mod meaning;
pub mod netlist;
mod word;
pub mod yosys;

pub use builder::{Bit, Builder};
pub use catalogue::BlockSpec;
pub use columns::Columns;
pub use error::Error;
pub use netlist::{Counts, Gate, Netlist, OutputBit, Port};
