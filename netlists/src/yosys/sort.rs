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

/// Builds the netlist: gates in an order in which they could run while the input ports arrive one after
/// the other, so that a circuit that takes its inputs in turn keeps few wires alive.
pub(super) fn build(module: &Module, ports: &Ports<'_>) -> Result<Netlist, ImportError> {
    let names = Names(module);
    if let Some(memory) = module.memories.keys().min() {
        return Err(storage("memory", memory.clone(), "memory", String::new()));
    }
    let gates = gates(module, &names)?;
    let mut builder = Builder::new();
    let (values, mut walk) = declare(&mut builder, ports, &gates, names)?;
    for bit in ports.outputs.iter().flat_map(|(_, bits)| bits.iter()) {
        walk.reach(bit)?;
    }
    let mut values = values;
    // Stable: gates of one port stay in topological order, and no gate comes before its operands' ports.
    walk.order.sort_by_key(|&(port, _)| port);
    for &(_, index) in &walk.order {
        let gate = &gates[index];
        let operands: Vec<Bit> = gate.inputs.iter().map(|bit| value(bit, &values)).collect();
        let output = (gate.make)(&mut builder, &operands);
        values.insert(gate.output, output);
    }
    for (name, bits) in &ports.outputs {
        let word: Vec<Bit> = bits.iter().map(|bit| value(bit, &values)).collect();
        builder.output(name, &word);
    }
    Ok(builder.finish()?)
}

/// Declares the inputs; the values of their nets, and a walk that knows them.
fn declare<'a>(
    builder: &mut Builder,
    ports: &Ports<'_>,
    gates: &'a [Gate],
    names: Names<'a>,
) -> Result<(HashMap<usize, Bit>, Walk<'a>), ImportError> {
    let mut walk = Walk {
        gates,
        drivers: HashMap::with_capacity(gates.len()),
        marks: HashMap::with_capacity(gates.len()),
        order: Vec::with_capacity(gates.len()),
        names,
    };
    let mut values = HashMap::new();
    for (index, gate) in gates.iter().enumerate() {
        if walk.drivers.insert(gate.output, index).is_some() {
            return Err(walk.names.many(gate.output));
        }
    }
    for (index, (name, bits)) in ports.inputs.iter().enumerate() {
        let width = u32::try_from(bits.len()).unwrap_or(u32::MAX);
        for (bit, value) in bits.iter().zip(builder.input(name, width)) {
            let BitVal::N(net) = *bit else {
                let reason = "has a constant bit, but is an input".to_owned();
                let port = name.clone();
                return Err(ImportError::Port { port, reason });
            };
            let taken = walk.marks.insert(net, Mark::Done(index)).is_some();
            if taken || walk.drivers.contains_key(&net) {
                return Err(walk.names.many(net));
            }
            values.insert(net, value);
        }
    }
    Ok((values, walk))
}

/// The value of a bit that was reached before: nets all have one.
fn value(bit: &BitVal, values: &HashMap<usize, Bit>) -> Bit {
    match bit {
        BitVal::N(net) => values.get(net).copied().unwrap_or(Bit::FALSE),
        BitVal::S(special) => Bit::constant(*special == SpecialBit::_1),
    }
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

enum Mark {
    /// Its driver waits for its operands.
    Open,
    /// Known once this input port is.
    Done(usize),
}

/// Depth-first walk over the gates.
struct Walk<'a> {
    gates: &'a [Gate],
    /// The gate that drives a net.
    drivers: HashMap<usize, usize>,
    marks: HashMap<usize, Mark>,
    /// Gates reached, operands first, each with the last input port it depends on.
    order: Vec<(usize, usize)>,
    names: Names<'a>,
}

impl Walk<'_> {
    /// The last input port a bit depends on, or `None` for a net not reached yet.
    fn known(&self, bit: &BitVal) -> Result<Option<usize>, ImportError> {
        match *bit {
            BitVal::S(SpecialBit::_0 | SpecialBit::_1) => Ok(Some(0)),
            BitVal::S(SpecialBit::X) => Err(ImportError::Undefined),
            BitVal::S(SpecialBit::Z) => Err(ImportError::Undriven {
                signal: "a bit at high impedance (z)".to_owned(),
            }),
            BitVal::N(net) => match self.marks.get(&net) {
                Some(Mark::Done(port)) => Ok(Some(*port)),
                Some(Mark::Open) => Err(ImportError::Loop {
                    signal: self.names.of(net),
                }),
                None => Ok(None),
            },
        }
    }

    /// Puts the gates a bit depends on into the order. The stack is on the heap: netlists are deep.
    fn reach(&mut self, bit: &BitVal) -> Result<(), ImportError> {
        if self.known(bit)?.is_some() {
            return Ok(());
        }
        // A gate, the number of its operands that are known, and the last port of those.
        let mut stack: Vec<(usize, usize, usize)> = Vec::new();
        let mut next = Some(*bit);
        loop {
            if let Some(BitVal::N(net)) = next.take() {
                let driver = self.drivers.get(&net).copied();
                let gate = driver.ok_or_else(|| ImportError::Undriven {
                    signal: self.names.of(net),
                })?;
                self.marks.insert(net, Mark::Open);
                stack.push((gate, 0, 0));
            }
            let Some((index, mut ready, mut last)) = stack.pop() else {
                return Ok(());
            };
            let gate = &self.gates[index];
            while let Some(operand) = gate.inputs.get(ready) {
                let Some(port) = self.known(operand)? else {
                    next = Some(*operand);
                    break;
                };
                ready += 1;
                last = last.max(port);
            }
            if next.is_some() {
                stack.push((index, ready, last));
            } else {
                self.order.push((last, index));
                self.marks.insert(gate.output, Mark::Done(last));
            }
        }
    }
}
