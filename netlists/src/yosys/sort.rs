//! Cells into gates: one depth-first walk from the outputs down.
#![expect(
    clippy::indexing_slicing,
    reason = "cell indices come from enumerating the very same list; operand counts are fixed per kind"
)]

use std::collections::HashMap;
use std::ops::Not;

use yosys_netlist_json::{BitVal, Cell, Module, SpecialBit};

use super::ports::Ports;
use super::{ImportError, source_line};
use crate::builder::{Bit, Builder};
use crate::netlist::Netlist;

/// Gates of Yosys' internal cell library: type, inputs, meaning.
type Make = fn(&mut Builder, &[Bit]) -> Bit;
const GATES: &[(&str, &[&str], Make)] = &[
    ("$_BUF_", &["A"], |_, x| x[0]),
    ("$_NOT_", &["A"], |_, x| x[0].not()),
    ("$_AND_", &["A", "B"], |b, x| b.and(x[0], x[1])),
    ("$_NAND_", &["A", "B"], |b, x| b.and(x[0], x[1]).not()),
    ("$_OR_", &["A", "B"], |b, x| b.or(x[0], x[1])),
    ("$_NOR_", &["A", "B"], |b, x| b.or(x[0], x[1]).not()),
    ("$_XOR_", &["A", "B"], |b, x| b.xor(x[0], x[1])),
    ("$_XNOR_", &["A", "B"], |b, x| b.xor(x[0], x[1]).not()),
    ("$_ANDNOT_", &["A", "B"], |b, x| b.and(x[0], x[1].not())),
    ("$_ORNOT_", &["A", "B"], |b, x| b.or(x[0], x[1].not())),
    ("$_MUX_", &["A", "B", "S"], |b, x| b.mux(x[2], x[1], x[0])),
    ("$_NMUX_", &["A", "B", "S"], |b, x| {
        b.mux(x[2], x[1], x[0]).not()
    }),
    ("$_AOI3_", &["A", "B", "C"], |b, x| {
        and_or(b, x[0], x[1], x[2]).not()
    }),
    ("$_OAI3_", &["A", "B", "C"], |b, x| {
        let either = b.or(x[0], x[1]);
        b.and(either, x[2]).not()
    }),
    ("$_AOI4_", &["A", "B", "C", "D"], |b, x| {
        let second = b.and(x[2], x[3]);
        and_or(b, x[0], x[1], second).not()
    }),
    ("$_OAI4_", &["A", "B", "C", "D"], |b, x| {
        let (first, second) = (b.or(x[0], x[1]), b.or(x[2], x[3]));
        b.and(first, second).not()
    }),
];

fn and_or(builder: &mut Builder, a: Bit, b: Bit, c: Bit) -> Bit {
    let both = builder.and(a, b);
    builder.or(both, c)
}

/// Cells that describe the source and compute nothing.
const SILENT: &[&str] = &["$scopeinfo"];

struct Gate {
    inputs: Vec<BitVal>,
    output: usize,
    make: Make,
}

/// Builds the netlist.
pub(super) fn build(module: &Module, ports: &Ports<'_>) -> Result<Netlist, ImportError> {
    let names = Names(module);
    if let Some(memory) = module.memories.keys().min() {
        return Err(storage("memory", memory.clone(), "memory", String::new()));
    }
    let gates = gates(module, &names)?;
    let mut drivers: HashMap<usize, usize> = HashMap::with_capacity(gates.len());
    for (index, gate) in gates.iter().enumerate() {
        if drivers.insert(gate.output, index).is_some() {
            return Err(names.many(gate.output));
        }
    }
    let mut walk = Walk {
        gates: &gates,
        drivers,
        values: HashMap::with_capacity(gates.len()),
        builder: Builder::new(),
        names,
    };
    for (name, bits) in &ports.inputs {
        walk.input(name, bits)?;
    }
    for (name, bits) in &ports.outputs {
        let values: Result<Vec<Bit>, ImportError> =
            bits.iter().map(|bit| walk.reach(bit)).collect();
        walk.builder.output(name, &values?);
    }
    Ok(walk.builder.finish()?)
}

fn gates(module: &Module, names: &Names<'_>) -> Result<Vec<Gate>, ImportError> {
    let mut cells: Vec<(&String, &Cell)> = module.cells.iter().collect();
    cells.sort_unstable_by_key(|(name, _)| name.as_str());
    let wanted = cells
        .iter()
        .filter(|(_, cell)| !SILENT.contains(&cell.cell_type.as_str()));
    wanted.map(|(name, cell)| gate(name, cell, names)).collect()
}

fn gate(name: &str, cell: &Cell, names: &Names<'_>) -> Result<Gate, ImportError> {
    let kind = cell.cell_type.as_str();
    let Some((_, inputs, make)) = GATES.iter().find(|(gate, ..)| *gate == kind) else {
        return Err(refuse(name, cell, names));
    };
    let one = |port: &'static str| match cell.connections.get(port).map(Vec::as_slice) {
        Some([bit]) => Ok(*bit),
        _ => Err(ImportError::Connection {
            name: name.to_owned(),
            cell: kind.to_owned(),
            port,
        }),
    };
    let BitVal::N(output) = one("Y")? else {
        let (name, cell) = (name.to_owned(), kind.to_owned());
        return Err(ImportError::Connection {
            name,
            cell,
            port: "Y",
        });
    };
    let inputs: Result<Vec<BitVal>, ImportError> = inputs.iter().map(|&port| one(port)).collect();
    Ok(Gate {
        inputs: inputs?,
        output,
        make: *make,
    })
}

/// The error for a cell that is not a gate.
fn refuse(name: &str, cell: &Cell, names: &Names<'_>) -> ImportError {
    let kind = cell.cell_type.as_str();
    let stem = kind
        .trim_start_matches('$')
        .trim_start_matches('_')
        .to_ascii_lowercase();
    let is = |prefixes: &[&str]| prefixes.iter().any(|prefix| stem.starts_with(prefix));
    let stored = || {
        let bits = cell
            .connections
            .get("Q")
            .or_else(|| cell.connections.get("RD_DATA"));
        match bits.and_then(|bits| bits.first()) {
            Some(BitVal::N(net)) => names.of(*net),
            Some(BitVal::S(_)) | None => name.to_owned(),
        }
    };
    let flip_flops = ["dff", "sdff", "adff", "aldff", "ff", "dlff"];
    if is(&["dlatch", "adlatch", "sr"]) {
        storage("latch", stored(), kind, source_line(cell))
    } else if is(&flip_flops) {
        storage("register", stored(), kind, source_line(cell))
    } else if is(&["mem"]) {
        storage("memory", stored(), kind, source_line(cell))
    } else {
        ImportError::Cell {
            name: name.to_owned(),
            cell: kind.to_owned(),
            source_line: source_line(cell),
        }
    }
}

fn storage(kind: &'static str, signal: String, cell: &str, source_line: String) -> ImportError {
    let hint = match kind {
        "latch" => "give the signal a value on every path",
        "register" => "unroll the clock",
        _ => "use wires or a table of constants",
    };
    ImportError::Storage {
        kind,
        signal,
        cell: cell.to_owned(),
        source_line,
        hint,
    }
}

/// Names of nets, for messages.
struct Names<'a>(&'a Module);

impl Names<'_> {
    /// The name in the source of net `net`, with its index in a vector; or "net 17".
    fn of(&self, net: usize) -> String {
        let mut found: Option<(usize, &str, String)> = None;
        for (name, entry) in &self.0.netnames {
            if let Some(index) = entry.bits.iter().position(|bit| *bit == BitVal::N(net)) {
                let shown = match entry.bits.len() {
                    1 => name.clone(),
                    _ => format!("{name}[{index}]"),
                };
                let better = match &found {
                    Some((hidden, other, _)) => {
                        (entry.hide_name, name.as_str()) < (*hidden, *other)
                    }
                    None => true,
                };
                if better {
                    found = Some((entry.hide_name, name, shown));
                }
            }
        }
        found.map_or_else(|| format!("net {net}"), |(.., shown)| shown)
    }

    fn many(&self, net: usize) -> ImportError {
        ImportError::ManyDrivers {
            signal: self.of(net),
        }
    }
}

enum State {
    Open,
    Done(Bit),
}

struct Walk<'a> {
    gates: &'a [Gate],
    /// The gate that drives a net.
    drivers: HashMap<usize, usize>,
    values: HashMap<usize, State>,
    builder: Builder,
    names: Names<'a>,
}

impl Walk<'_> {
    fn input(&mut self, name: &str, bits: &[BitVal]) -> Result<(), ImportError> {
        let width = u32::try_from(bits.len()).unwrap_or(u32::MAX);
        let values = self.builder.input(name, width);
        for (bit, value) in bits.iter().zip(values) {
            let BitVal::N(net) = *bit else {
                let reason = "has a constant bit, but is an input".to_owned();
                let port = name.to_owned();
                return Err(ImportError::Port { port, reason });
            };
            let taken = self.values.insert(net, State::Done(value)).is_some();
            if taken || self.drivers.contains_key(&net) {
                return Err(self.names.many(net));
            }
        }
        Ok(())
    }

    /// The value of a bit whose inputs are all known, or `None` for a net not reached yet.
    fn known(&self, bit: &BitVal) -> Result<Option<Bit>, ImportError> {
        match *bit {
            BitVal::S(SpecialBit::_0 | SpecialBit::X) => Ok(Some(Bit::FALSE)),
            BitVal::S(SpecialBit::_1) => Ok(Some(Bit::TRUE)),
            BitVal::S(SpecialBit::Z) => Err(ImportError::Undriven {
                signal: "a bit at high impedance (z)".to_owned(),
            }),
            BitVal::N(net) => match self.values.get(&net) {
                Some(State::Done(value)) => Ok(Some(*value)),
                Some(State::Open) => Err(ImportError::Loop {
                    signal: self.names.of(net),
                }),
                None => Ok(None),
            },
        }
    }

    /// The value of a bit; builds what it depends on first. The stack is on the heap: netlists are deep.
    fn reach(&mut self, bit: &BitVal) -> Result<Bit, ImportError> {
        if let Some(value) = self.known(bit)? {
            return Ok(value);
        }
        let mut stack: Vec<(usize, Vec<Bit>)> = Vec::new();
        let mut next = Some(*bit);
        loop {
            if let Some(BitVal::N(net)) = next.take() {
                let signal = || self.names.of(net);
                let driver = self.drivers.get(&net).copied();
                let gate = driver.ok_or_else(|| ImportError::Undriven { signal: signal() })?;
                self.values.insert(net, State::Open);
                stack.push((gate, Vec::new()));
            }
            let Some((index, mut operands)) = stack.pop() else {
                return Ok(Bit::FALSE);
            };
            let gate = &self.gates[index];
            while let Some(operand) = gate.inputs.get(operands.len()) {
                match self.known(operand)? {
                    Some(value) => operands.push(value),
                    None => {
                        next = Some(*operand);
                        break;
                    }
                }
            }
            if next.is_some() {
                stack.push((index, operands));
                continue;
            }
            let value = (gate.make)(&mut self.builder, &operands);
            self.values.insert(gate.output, State::Done(value));
            if stack.is_empty() {
                return Ok(value);
            }
        }
    }
}
