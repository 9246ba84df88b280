//! Reader of the JSON netlists that Yosys writes (`write_json`), gate level and combinational.
//!
//! Yosys lists cells in no useful order: they are sorted once, from the outputs down, and handed to a
//! [`Builder`](crate::Builder), which merges equal gates, folds constants and makes inversions free.
//! What cannot be a netlist of this crate is an error that names the signal and its source line:
//! registers, latches, cells that no technology map removed, undriven signals, loops.

mod ports;
mod sort;
mod table;

use yosys_netlist_json::{Cell, Module, Netlist as Json};

use crate::error::Error;
use crate::netlist::Netlist;

pub use table::verilog;

/// Why a Yosys netlist could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The text is not a Yosys netlist.
    #[error("not a Yosys JSON netlist: {0}")]
    Json(#[from] serde_json::Error),
    /// The module asked for is not in the file, or none was asked for and there is not just one.
    #[error("{wanted}; the file has {found}")]
    Module {
        /// What was looked for.
        wanted: String,
        /// Names of the modules of the file.
        found: String,
    },
    /// The circuit remembers something.
    #[error("{kind} {signal:?} ({cell}{source_line}): a netlist has no memory, {hint}")]
    Storage {
        /// "latch", "register" or "memory".
        kind: &'static str,
        /// The signal that is stored.
        signal: String,
        /// Type of the Yosys cell.
        cell: String,
        /// Where in the source, as ", file:line.column-…", or empty.
        source_line: String,
        /// What to change.
        hint: &'static str,
    },
    /// A cell that is not a gate.
    #[error(
        "cell {name:?} of type {cell}{source_line} is not a gate: no technology map replaced it"
    )]
    Cell {
        /// Name of the cell.
        name: String,
        /// Its type.
        cell: String,
        /// Where in the source, as ", file:line.column-…", or empty.
        source_line: String,
    },
    /// A gate whose connections are not those of its type.
    #[error("cell {name:?} of type {cell}: connection {port} is missing or not one bit wide")]
    Connection {
        /// Name of the cell.
        name: String,
        /// Its type.
        cell: String,
        /// The connection.
        port: &'static str,
    },
    /// A signal that nothing drives.
    #[error("signal {signal:?} has no driver")]
    Undriven {
        /// Name of the signal.
        signal: String,
    },
    /// A bit that the source leaves undefined: outside of a vector, or never given a value.
    #[error("a bit that is read is undefined (x): outside of its vector, or never given a value")]
    Undefined,
    /// A signal that several things drive.
    #[error("signal {signal:?} has more than one driver")]
    ManyDrivers {
        /// Name of the signal.
        signal: String,
    },
    /// A signal that depends on itself.
    #[error("signal {signal:?} depends on itself: a combinational loop")]
    Loop {
        /// Name of the signal.
        signal: String,
    },
    /// A port that is neither an input nor an output, or does not hold the words it is said to hold.
    #[error("port {port:?} {reason}")]
    Port {
        /// Name of the port.
        port: String,
        /// What is wrong.
        reason: String,
    },
    /// The netlist itself is refused.
    #[error(transparent)]
    Netlist(#[from] Error),
}

/// A Verilog port that carries several words side by side: it becomes the ports `name0`, `name1`, …
/// of equal width, lowest bits first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Name of the Verilog port.
    pub port: String,
    /// Number of words in it.
    pub count: u32,
}

/// Reads the module `top` (or the only module) of a Yosys JSON netlist. Ports keep the order of the
/// source; those named in `words` are split.
///
/// ```
/// let json = r#"{"modules": {"both": {
///   "ports": {"x": {"direction": "input", "bits": [2, 3]}, "y": {"direction": "output", "bits": [4]}},
///   "cells": {"g": {"type": "$_AND_", "connections": {"A": [2], "B": [3], "Y": [4]}}}}}}"#;
/// let netlist = privet_netlists::yosys::read(json, None, &[])?;
/// assert_eq!(netlist.counts().ands, 1);
/// # Ok::<(), privet_netlists::yosys::ImportError>(())
/// ```
///
/// # Errors
///
/// [`ImportError`], see its variants.
pub fn read(json: &str, top: Option<&str>, words: &[Words]) -> Result<Netlist, ImportError> {
    let file = Json::from_slice(json.as_bytes())?;
    let (name, module) = choose(&file, top)?;
    let order = ports::order(json, name)?;
    let ports = ports::Ports::new(module, &order, words)?;
    sort::build(module, &ports)
}

fn choose<'a>(file: &'a Json, top: Option<&str>) -> Result<(&'a str, &'a Module), ImportError> {
    let mut names: Vec<&str> = file.modules.keys().map(String::as_str).collect();
    names.sort_unstable();
    let wanted = match (top, names.as_slice()) {
        (Some(name), _) => Some(name),
        (None, [only]) => Some(*only),
        (None, _) => None,
    };
    let found = wanted.and_then(|name| file.modules.get_key_value(name));
    match found {
        Some((name, module)) => Ok((name, module)),
        None => Err(ImportError::Module {
            wanted: match top {
                Some(name) => format!("no module {name:?}"),
                None => "expected exactly one module".to_owned(),
            },
            found: if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            },
        }),
    }
}

/// ", file:line.column" of a cell, or nothing.
fn source_line(cell: &Cell) -> String {
    let source = cell.attributes.get("src");
    match source.and_then(|value| value.to_string_if_string()) {
        Some(text) => format!(", {}", text.split('|').next().unwrap_or(text)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
