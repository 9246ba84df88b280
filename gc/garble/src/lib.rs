//! Half-gates garbling of netlists, in batches, streamed.
//!
//! A [`Program`] is a netlist compiled for the classes of its inputs ([`InputClass`]: who knows the
//! bit). A [`Garbler`] and an [`Evaluator`] run many instances of a program side by side, one in each
//! lane; 16 lanes and multiples fill the widest kernel. They are pure: tables go to and come from
//! slices, at once or part by part ([`Cut`]), and memory does not grow with the circuit. [`labels`]
//! makes input blocks and decodes outputs. [`drive`] alone knows a channel: it streams any number of
//! instances of one program.

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
