//! Netlists from a user's own Verilog.
//!
//! * [`yosys`]: finds and drives Yosys, with the technology maps of `netlists/verilog`;
//! * [`flow`]: named flows over an imported netlist, each pass reporting what it gained;
//! * [`rewrite`]: cut rewriting with [`optimal`], a table of small functions with fewest ANDs;
//! * [`equivalence`]: proof that two netlists compute the same;
//! * [`xag`]: the graph the passes work on.

#![forbid(unsafe_code)]

pub mod equivalence;
pub mod flow;
pub mod optimal;
pub mod rewrite;
pub mod xag;
pub mod yosys;
