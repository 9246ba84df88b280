//! Half-gates garbling of netlists, in batches, streamed.
//!
//! A [`Program`] is a netlist compiled for the classes of its inputs ([`InputClass`]: who knows the
//! bit). A [`Garbler`] and an [`Evaluator`] run many instances of a program side by side, one in each
//! lane; 16 lanes and multiples fill the widest kernel. They are pure: tables go to and come from
//! slices, at once or part by part ([`Cut`]), and memory does not grow with the circuit. [`labels`]
//! makes input blocks and decodes outputs. [`drive`] alone knows a channel: it streams any number of
//! instances of one program.
//!
//! # Speed
//!
//! Million AND a second, one thread, re-keyed hash, tables through a buffer of 64 KiB; the kernel alone
//! (and its limit, argued in [`privet_prim::halfgate`]) garbles 125 to 140 and evaluates 165 to 185:
//!
//! | | garble | evaluate |
//! |---|---|---|
//! | AES-128, 16 to 64 lanes | 119 to 122 | 152 to 164 |
//! | dot product of 16 terms of 16 bits, 16 to 64 lanes | 122 to 125 | 160 to 173 |
//! | either, 8 lanes | 56 | 80 |
//!
//! What a netlist adds to its ANDs is four to five XORs for each, a twentieth of the time, mostly hidden
//! behind the ciphers. The widest kernel works on 16 lanes; with fewer it does the work of 16.

#![forbid(unsafe_code)]

pub mod drive;
mod error;
mod evaluator;
mod garbler;
pub mod labels;
mod outputs;
pub mod program;

pub use error::Error;
pub use evaluator::{Evaluation, Evaluator};
pub use garbler::{Garbler, Garbling};
pub use program::{Cut, InputClass, Program};
