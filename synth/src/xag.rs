//! A graph of XOR and AND nodes with free inversions: what the passes work on.
#![expect(
    clippy::indexing_slicing,
    reason = "literals are made by the graph they are given back to"
)]

use std::collections::HashMap;

use privet_netlists::{Bit, Builder, Error, Gate, Netlist, OutputBit, Port};

/// A node, possibly inverted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lit(u32);

impl Lit {
    /// The constant 0.
    pub const FALSE: Self = Self(0);

    /// The positive literal of a node.
    #[must_use]
    pub fn of(node: usize) -> Self {
        Self(u32::try_from(node << 1).unwrap_or(u32::MAX))
    }

    /// The node.
    #[must_use]
    pub fn node(self) -> usize {
        (self.0 >> 1) as usize
    }

    /// True if inverted.
    #[must_use]
    pub fn inverted(self) -> bool {
        self.0 & 1 == 1
    }

    /// The literal, inverted if `flip`.
    #[must_use]
    pub fn flip(self, flip: bool) -> Self {
        Self(self.0 ^ u32::from(flip))
    }
}

/// One node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Node {
    /// Node 0 only.
    False,
    /// An input bit.
    Input,
    /// Exclusive or of two positive literals.
    Xor(Lit, Lit),
    /// Conjunction.
    And(Lit, Lit),
}

impl Node {
    /// The operands.
    #[must_use]
    pub fn operands(self) -> Option<(Lit, Lit)> {
        match self {
            Self::Xor(a, b) | Self::And(a, b) => Some((a, b)),
            Self::False | Self::Input => None,
        }
    }
}

/// The graph: nodes in topological order, no two equal.
#[derive(Debug, Clone, Default)]
pub struct Xag {
    nodes: Vec<Node>,
    unique: HashMap<Node, usize>,
}

impl Xag {
    /// A graph with `inputs` input bits as nodes `1..=inputs`.
    #[must_use]
    pub fn new(inputs: usize) -> Self {
        let mut nodes = vec![Node::Input; inputs + 1];
        nodes[0] = Node::False;
        Self {
            nodes,
            unique: HashMap::new(),
        }
    }

    /// Adds a netlist whose input bits are the graph's; its output bits.
    pub fn add(&mut self, netlist: &Netlist) -> Vec<Lit> {
        let mut wires: Vec<Lit> = (1..=netlist.input_bits()).map(Lit::of).collect();
        for gate in netlist.gates() {
            let value = match *gate {
                Gate::Xor(a, b) => self.xor(wires[a as usize], wires[b as usize]),
                Gate::And(a, b) => self.and(wires[a as usize], wires[b as usize]),
                Gate::Inv(a) => wires[a as usize].flip(true),
            };
            wires.push(value);
        }
        let outputs = netlist.output_wires().iter().map(|output| match *output {
            OutputBit::Wire(wire) => wires[wire as usize],
            OutputBit::Const(value) => Lit::FALSE.flip(value),
        });
        outputs.collect()
    }

    /// The netlist of these output bits, with the ports of `like`.
    ///
    /// # Errors
    ///
    /// [`Error`] if the ports do not fit.
    pub fn netlist(&self, outputs: &[Lit], like: &Netlist) -> Result<Netlist, Error> {
        let mut builder = Builder::new();
        let mut bits = vec![Bit::FALSE];
        for port in like.inputs() {
            bits.extend(builder.input(&port.name, port.bits));
        }
        let at = |bits: &[Bit], lit: Lit| bits[lit.node()].flip(lit.inverted());
        for node in &self.nodes[bits.len()..] {
            let bit = match *node {
                Node::Xor(a, b) => {
                    let (a, b) = (at(&bits, a), at(&bits, b));
                    builder.xor(a, b)
                }
                Node::And(a, b) => {
                    let (a, b) = (at(&bits, a), at(&bits, b));
                    builder.and(a, b)
                }
                Node::False | Node::Input => Bit::FALSE,
            };
            bits.push(bit);
        }
        let mut rest = outputs.iter();
        for Port { name, bits: width } in like.outputs() {
            let word: Vec<Bit> = rest
                .by_ref()
                .take(*width as usize)
                .map(|&lit| at(&bits, lit))
                .collect();
            builder.output(name, &word);
        }
        builder.finish()
    }

    /// Exclusive or.
    pub fn xor(&mut self, a: Lit, b: Lit) -> Lit {
        let flip = a.inverted() != b.inverted();
        let (a, b) = (a.flip(a.inverted()), b.flip(b.inverted()));
        let (a, b) = (a.min(b), a.max(b));
        if a == b {
            return Lit::FALSE.flip(flip);
        }
        if a == Lit::FALSE {
            return b.flip(flip);
        }
        for (one, other) in [(a, b), (b, a)] {
            if let Node::Xor(p, q) = self.nodes[other.node()] {
                if p == one {
                    return q.flip(flip);
                }
                if q == one {
                    return p.flip(flip);
                }
            }
        }
        self.node(Node::Xor(a, b)).flip(flip)
    }

    /// Conjunction.
    pub fn and(&mut self, a: Lit, b: Lit) -> Lit {
        let (a, b) = (a.min(b), a.max(b));
        if a == Lit::FALSE || a == b.flip(true) {
            Lit::FALSE
        } else if a == Lit::FALSE.flip(true) || a == b {
            b
        } else {
            self.node(Node::And(a, b))
        }
    }

    fn node(&mut self, node: Node) -> Lit {
        let next = self.nodes.len();
        let id = *self.unique.entry(node).or_insert(next);
        if id == next {
            self.nodes.push(node);
        }
        Lit::of(id)
    }

    /// The nodes, in topological order.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Number of AND nodes some output depends on.
    #[must_use]
    pub fn live_ands(&self, outputs: &[Lit]) -> u64 {
        let live = self.live(outputs);
        let ands = self.nodes.iter().zip(live);
        ands.filter(|(node, live)| *live && matches!(node, Node::And(..)))
            .count() as u64
    }

    /// Which nodes some output depends on.
    #[must_use]
    pub fn live(&self, outputs: &[Lit]) -> Vec<bool> {
        let mut live = vec![false; self.nodes.len()];
        for lit in outputs {
            live[lit.node()] = true;
        }
        for id in (0..self.nodes.len()).rev() {
            if let (true, Some((a, b))) = (live[id], self.nodes[id].operands()) {
                live[a.node()] = true;
                live[b.node()] = true;
            }
        }
        live
    }

    /// The value of every node on 64 assignments at once.
    #[must_use]
    pub fn simulate(&self, inputs: &[u64]) -> Vec<u64> {
        let mut words: Vec<u64> = Vec::with_capacity(self.nodes.len());
        let mut rest = inputs.iter();
        for node in &self.nodes {
            let value = |words: &[u64], lit: Lit| words[lit.node()] ^ mask(lit.inverted());
            let word = match *node {
                Node::False => 0,
                Node::Input => rest.next().copied().unwrap_or(0),
                Node::Xor(a, b) => value(&words, a) ^ value(&words, b),
                Node::And(a, b) => value(&words, a) & value(&words, b),
            };
            words.push(word);
        }
        words
    }
}

/// All ones or zero.
pub(crate) fn mask(bit: bool) -> u64 {
    0u64.wrapping_sub(u64::from(bit))
}
