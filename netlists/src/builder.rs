//! Construction of netlists: hash-consing, constant folding, inversions for free.
#![expect(
    clippy::indexing_slicing,
    reason = "bits are made by the builder they are given back to; ids are below the node count"
)]

use std::collections::HashMap;

use crate::error::Error;
use crate::netlist::{Gate, MAX_GATES, Netlist, OutputBit, Port, check_ports, total_bits};

/// A bit inside a [`Builder`]: a node, possibly negated. It belongs to the builder that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bit(u32);

impl Bit {
    /// The constant 0.
    pub const FALSE: Self = Self(0);
    /// The constant 1.
    pub const TRUE: Self = Self(1);

    /// The constant of that value.
    #[must_use]
    pub fn constant(value: bool) -> Self {
        Self(u32::from(value))
    }

    /// The value, if the bit is constant.
    #[must_use]
    pub fn as_constant(self) -> Option<bool> {
        (self.0 < 2).then_some(self.0 == 1)
    }

    /// The bit, negated if `flip`.
    #[must_use]
    pub fn flip(self, flip: bool) -> Self {
        Self(self.0 ^ u32::from(flip))
    }

    /// True if the bit is a negated node.
    #[must_use]
    pub fn is_negated(self) -> bool {
        self.0 & 1 == 1
    }

    fn node(self) -> usize {
        (self.0 >> 1) as usize
    }

    fn positive(self) -> Self {
        Self(self.0 & !1)
    }
}

/// The negated bit; costs no gate until an AND or an output needs it.
impl std::ops::Not for Bit {
    type Output = Self;

    fn not(self) -> Self {
        Self(self.0 ^ 1)
    }
}

#[derive(Debug, Clone, Copy)]
enum Node {
    False,
    Input,
    /// Both operands positive.
    Xor(Bit, Bit),
    And(Bit, Bit),
}

/// Builds a [`Netlist`] bit by bit.
///
/// Equal gates are made once, constants fold, negation is a property of a bit. The netlist has
/// the live gates in the order of their making: whoever wants few wires alive at a time makes them
/// in that order.
///
/// ```
/// use privet_netlists::{Builder, eval};
/// let mut b = Builder::new();
/// let x = b.input("x", 2);
/// let both = b.and(x[0], x[1]);
/// b.output("all", &[both]);
/// let netlist = b.finish()?;
/// assert_eq!(netlist.counts().ands, 1);
/// assert_eq!(eval::integers(&netlist, &[3])?, vec![1]);
/// # Ok::<(), privet_netlists::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Builder {
    nodes: Vec<Node>,
    unique: HashMap<(bool, Bit, Bit), Bit>,
    inputs: Vec<(Port, Vec<Bit>)>,
    outputs: Vec<(Port, Vec<Bit>)>,
    overflow: bool,
}

impl Builder {
    /// A builder without ports.
    #[must_use]
    pub fn new() -> Self {
        Self {
            nodes: vec![Node::False],
            ..Self::default()
        }
    }

    /// Declares an input port and returns its bits, least significant first.
    pub fn input(&mut self, name: &str, bits: u32) -> Vec<Bit> {
        let wires: Vec<Bit> = (0..bits).map(|_| self.push(Node::Input)).collect();
        self.inputs.push((
            Port {
                name: name.to_owned(),
                bits,
            },
            wires.clone(),
        ));
        wires
    }

    /// Declares an output port with these bits, least significant first.
    pub fn output(&mut self, name: &str, bits: &[Bit]) {
        let width = u32::try_from(bits.len()).unwrap_or(u32::MAX);
        self.outputs.push((
            Port {
                name: name.to_owned(),
                bits: width,
            },
            bits.to_vec(),
        ));
    }

    /// Exclusive or.
    pub fn xor(&mut self, a: Bit, b: Bit) -> Bit {
        let flip = a.is_negated() != b.is_negated();
        let (a, b) = (
            a.positive().min(b.positive()),
            a.positive().max(b.positive()),
        );
        let folded = if a == b {
            Some(Bit::FALSE)
        } else if a == Bit::FALSE {
            Some(b)
        } else {
            self.cancel(a, b).or_else(|| self.cancel(b, a))
        };
        folded.unwrap_or_else(|| self.gate(false, a, b)).flip(flip)
    }

    /// Conjunction.
    pub fn and(&mut self, a: Bit, b: Bit) -> Bit {
        let (a, b) = (a.min(b), a.max(b));
        if a == Bit::FALSE || a == !b {
            Bit::FALSE
        } else if a == Bit::TRUE || a == b {
            b
        } else {
            self.gate(true, a, b)
        }
    }

    /// Disjunction: one AND.
    pub fn or(&mut self, a: Bit, b: Bit) -> Bit {
        !self.and(!a, !b)
    }

    /// `if s { one } else { zero }`: one AND.
    pub fn mux(&mut self, s: Bit, one: Bit, zero: Bit) -> Bit {
        let differ = self.xor(one, zero);
        let taken = self.and(s, differ);
        self.xor(zero, taken)
    }

    /// Finishes: drops dead gates, numbers wires, places INV gates just before their first use.
    ///
    /// # Errors
    ///
    /// [`Error::PortName`] for unusable names, [`Error::TooLarge`] above the crate's limits.
    pub fn finish(self) -> Result<Netlist, Error> {
        let inputs: Vec<Port> = self.inputs.iter().map(|(port, _)| port.clone()).collect();
        let outputs: Vec<Port> = self.outputs.iter().map(|(port, _)| port.clone()).collect();
        check_ports(&inputs, "input bits")?;
        check_ports(&outputs, "output bits")?;
        if self.overflow || self.nodes.len() > MAX_GATES {
            let (got, limit) = (self.nodes.len() as u64, MAX_GATES as u64);
            return Err(Error::TooLarge {
                what: "gates",
                got,
                limit,
            });
        }
        let mut emit = Emit::new(self.nodes.len(), total_bits(&inputs));
        for (wire, bit) in self.inputs.iter().flat_map(|(_, bits)| bits).enumerate() {
            emit.wires[bit.node()] = u32::try_from(wire).ok();
        }
        let live = self.live();
        for (node, alive) in self
            .nodes
            .iter()
            .zip(live)
            .enumerate()
            .map(|(i, (n, l))| ((i, n), l))
        {
            if !alive {
                continue;
            }
            match *node.1 {
                Node::False | Node::Input => {}
                Node::Xor(a, b) => emit.gate(node.0, Gate::Xor, a, b),
                Node::And(a, b) => emit.gate(node.0, Gate::And, a, b),
            }
        }
        let output_wires = self
            .outputs
            .iter()
            .flat_map(|(_, bits)| bits)
            .map(|bit| match bit.as_constant() {
                Some(value) => OutputBit::Const(value),
                None => OutputBit::Wire(emit.wire(*bit)),
            })
            .collect();
        Ok(Netlist {
            inputs,
            outputs,
            gates: emit.gates,
            output_wires,
        })
    }

    /// `a ^ b` where `b` is itself `a ^ c`: `c`.
    fn cancel(&self, a: Bit, b: Bit) -> Option<Bit> {
        match self.nodes[b.node()] {
            Node::Xor(p, q) if p == a => Some(q),
            Node::Xor(p, q) if q == a => Some(p),
            Node::False | Node::Input | Node::Xor(..) | Node::And(..) => None,
        }
    }

    fn gate(&mut self, and: bool, a: Bit, b: Bit) -> Bit {
        if let Some(bit) = self.unique.get(&(and, a, b)) {
            return *bit;
        }
        let bit = self.push(if and {
            Node::And(a, b)
        } else {
            Node::Xor(a, b)
        });
        self.unique.insert((and, a, b), bit);
        bit
    }

    fn push(&mut self, node: Node) -> Bit {
        match u32::try_from(self.nodes.len()) {
            Ok(id) if id < u32::MAX / 2 => {
                self.nodes.push(node);
                Bit(id << 1)
            }
            _ => {
                self.overflow = true;
                Bit::FALSE
            }
        }
    }

    fn live(&self) -> Vec<bool> {
        let mut live = vec![false; self.nodes.len()];
        for bit in self.outputs.iter().flat_map(|(_, bits)| bits) {
            live[bit.node()] = true;
        }
        for (id, node) in self.nodes.iter().enumerate().rev() {
            match *node {
                Node::Xor(a, b) | Node::And(a, b) if live[id] => {
                    live[a.node()] = true;
                    live[b.node()] = true;
                }
                Node::False | Node::Input | Node::Xor(..) | Node::And(..) => {}
            }
        }
        live
    }
}

/// Wire numbering while a netlist is written out.
struct Emit {
    /// Wire of each node's positive value.
    wires: Vec<Option<u32>>,
    /// Wire of each node's negation, once it exists.
    negated: Vec<Option<u32>>,
    gates: Vec<Gate>,
    input_bits: usize,
}

impl Emit {
    fn new(nodes: usize, input_bits: usize) -> Self {
        Self {
            wires: vec![None; nodes],
            negated: vec![None; nodes],
            gates: Vec::new(),
            input_bits,
        }
    }

    /// Appends a gate; the limits checked in `finish` keep the id within 32 bits.
    fn push(&mut self, gate: Gate) -> u32 {
        let wire = u32::try_from(self.input_bits + self.gates.len()).unwrap_or(u32::MAX);
        self.gates.push(gate);
        wire
    }

    fn wire(&mut self, bit: Bit) -> u32 {
        let positive = self.wires[bit.node()].unwrap_or(u32::MAX);
        if !bit.is_negated() {
            return positive;
        }
        if let Some(wire) = self.negated[bit.node()] {
            return wire;
        }
        let wire = self.push(Gate::Inv(positive));
        self.negated[bit.node()] = Some(wire);
        wire
    }

    fn gate(&mut self, node: usize, make: fn(u32, u32) -> Gate, a: Bit, b: Bit) {
        // The operand with the smaller wire goes first, so that reading a written netlist back
        // gives the same numbering.
        let first_a = self.wires[a.node()] <= self.wires[b.node()];
        let (a, b) = if first_a { (a, b) } else { (b, a) };
        let (a, b) = (self.wire(a), self.wire(b));
        let wire = self.push(make(a.min(b), a.max(b)));
        self.wires[node] = Some(wire);
    }
}
