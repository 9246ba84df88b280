//! The netlist: gates in topological order between named multi-bit ports.
#![expect(
    clippy::indexing_slicing,
    reason = "wire ids are below the wire count by construction"
)]

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// Largest number of gates of one netlist.
pub const MAX_GATES: usize = 1 << 28;
/// Largest number of input bits, and of output bits, of one netlist.
pub const MAX_PORT_BITS: usize = 1 << 20;
/// Longest port name in bytes.
pub const MAX_NAME: usize = 64;

/// A named bundle of bits, least significant first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Port {
    /// Name, unique among the inputs or among the outputs.
    pub name: String,
    /// Number of bits.
    pub bits: u32,
}

/// One gate. Operands are wire ids below the gate's own id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gate {
    /// Exclusive or of two different wires, the smaller id first.
    Xor(u32, u32),
    /// Conjunction of two different wires, the smaller id first.
    And(u32, u32),
    /// Negation.
    Inv(u32),
}

/// Where an output bit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputBit {
    /// A wire: an input bit or a gate.
    Wire(u32),
    /// The same value whatever the inputs are.
    Const(bool),
}

/// Gate counts of a netlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// AND gates.
    pub ands: u64,
    /// XOR gates.
    pub xors: u64,
    /// INV gates.
    pub invs: u64,
    /// Largest number of ANDs on a path from an input to an output.
    pub and_depth: u32,
}

/// A combinational Boolean circuit.
///
/// Wires `0..input_bits()` are the input bits in port order, least significant bit first; then one
/// wire per gate, in order. What holds for every value of this type, because only
/// [`Builder::finish`](crate::Builder::finish) makes one:
///
/// * a gate's operands come before it, are distinct, and the smaller comes first;
/// * no two gates are equal; no gate has a constant operand; no INV of an INV; every gate is live
///   (some output depends on it structurally);
/// * port names are unique per direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Netlist {
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    pub(crate) gates: Vec<Gate>,
    pub(crate) output_wires: Vec<OutputBit>,
}

impl Netlist {
    /// Gives the ports other names, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if a count differs, [`Error::PortName`] for a name that is empty, longer
    /// than [`MAX_NAME`] or used twice.
    pub fn with_port_names(mut self, inputs: &[&str], outputs: &[&str]) -> Result<Self, Error> {
        rename(&mut self.inputs, inputs, "input ports")?;
        rename(&mut self.outputs, outputs, "output ports")?;
        Ok(self)
    }

    /// Gives the netlist other ports over the same bits, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the bits of a direction differ in number, [`Error::PortName`] as
    /// [`Netlist::with_port_names`].
    pub fn with_ports(mut self, inputs: Vec<Port>, outputs: Vec<Port>) -> Result<Self, Error> {
        replace(&mut self.inputs, inputs, "input bits")?;
        replace(&mut self.outputs, outputs, "output bits")?;
        Ok(self)
    }

    /// Input ports, in order.
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// Output ports, in order.
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Gates in topological order; gate `g` drives wire `input_bits() + g`.
    #[must_use]
    pub fn gates(&self) -> &[Gate] {
        &self.gates
    }

    /// Source of every output bit, in port order, least significant bit first.
    #[must_use]
    pub fn output_wires(&self) -> &[OutputBit] {
        &self.output_wires
    }

    /// Number of input bits over all ports.
    #[must_use]
    pub fn input_bits(&self) -> usize {
        total_bits(&self.inputs)
    }

    /// Number of output bits over all ports.
    #[must_use]
    pub fn output_bits(&self) -> usize {
        self.output_wires.len()
    }

    /// Number of wires: input bits and gates.
    #[must_use]
    pub fn wire_count(&self) -> usize {
        self.input_bits() + self.gates.len()
    }

    /// Gate counts and AND depth.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            ands: 0,
            xors: 0,
            invs: 0,
            and_depth: 0,
        };
        let mut depth = vec![0u32; self.input_bits()];
        depth.reserve(self.gates.len());
        for gate in &self.gates {
            let level = match *gate {
                Gate::Xor(a, b) => {
                    counts.xors += 1;
                    depth[a as usize].max(depth[b as usize])
                }
                Gate::And(a, b) => {
                    counts.ands += 1;
                    depth[a as usize].max(depth[b as usize]) + 1
                }
                Gate::Inv(a) => {
                    counts.invs += 1;
                    depth[a as usize]
                }
            };
            depth.push(level);
        }
        for output in &self.output_wires {
            if let OutputBit::Wire(wire) = *output {
                counts.and_depth = counts.and_depth.max(depth[wire as usize]);
            }
        }
        counts
    }

    /// SHA-256 of the canonical encoding ([`compact::write`](crate::compact::write)): names and
    /// widths of the ports, gates in order, outputs.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(crate::compact::write(self)).into()
    }
}

/// Sum of the ports' widths.
pub(crate) fn total_bits(ports: &[Port]) -> usize {
    ports.iter().map(|port| port.bits as usize).sum()
}

/// Checks names and total width of the ports of one direction.
pub(crate) fn check_ports(ports: &[Port], what: &'static str) -> Result<(), Error> {
    let mut total = 0u64;
    let mut names: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
    names.sort_unstable();
    let twice = names
        .windows(2)
        .find(|pair| pair[0] == pair[1])
        .map(|pair| pair[0]);
    let bad = names
        .iter()
        .copied()
        .find(|name| name.is_empty() || name.len() > MAX_NAME);
    if let Some(name) = twice.or(bad) {
        return Err(Error::PortName {
            name: name.chars().take(MAX_NAME).collect(),
        });
    }
    for port in ports {
        total += u64::from(port.bits);
    }
    if total > MAX_PORT_BITS as u64 {
        return Err(Error::TooLarge {
            what,
            got: total,
            limit: MAX_PORT_BITS as u64,
        });
    }
    Ok(())
}

fn rename(ports: &mut [Port], names: &[&str], what: &'static str) -> Result<(), Error> {
    if ports.len() != names.len() {
        return Err(Error::Shape {
            what,
            expected: ports.len(),
            got: names.len(),
        });
    }
    for (port, name) in ports.iter_mut().zip(names) {
        port.name = (*name).to_owned();
    }
    check_ports(ports, what)
}

fn replace(ports: &mut Vec<Port>, others: Vec<Port>, what: &'static str) -> Result<(), Error> {
    check_ports(&others, what)?;
    let (expected, got) = (total_bits(ports), total_bits(&others));
    if expected != got {
        return Err(Error::Shape {
            what,
            expected,
            got,
        });
    }
    *ports = others;
    Ok(())
}
