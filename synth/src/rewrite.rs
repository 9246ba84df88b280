//! Passes over the graph: cut rewriting for few ANDs, balancing for small AND depth.
//!
//! Rewriting follows the method of E. Testa, M. Soeken, L. Amarù, G. De Micheli, "Reducing the
//! multiplicative complexity in logic networks for cryptography and security applications" (DAC
//! 2019), with four leaves and a table of optimal circuits instead of six and affine classification.
#![expect(
    clippy::indexing_slicing,
    reason = "nodes index the graph they come from; cuts have at most four leaves"
)]

use crate::optimal::{self, Circuit, VARIABLES};
use crate::xag::{Lit, Node, Xag};

/// Cuts kept for a node.
const CUTS: usize = 16;

/// At most four nodes, ascending, and the truth table over them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cut {
    leaves: Vec<usize>,
    table: u16,
}

/// A node's new definition.
struct Replacement {
    leaves: Vec<usize>,
    circuit: Circuit,
}

/// One pass of cut rewriting: each AND whose cone, as far as only it uses it, has more ANDs than an
/// optimal circuit over the leaves of some cut is replaced by that circuit. The number of ANDs never
/// grows.
#[must_use]
pub fn rewrite(graph: &Xag, outputs: &[Lit]) -> (Xag, Vec<Lit>) {
    let mut pass = Pass::new(graph, outputs);
    for id in 0..graph.nodes().len() {
        pass.visit(id);
    }
    let made = pass.rebuild(outputs);
    if made.0.live_ands(&made.1) < graph.live_ands(outputs) {
        made
    } else {
        (graph.clone(), outputs.to_vec())
    }
}

struct Pass<'a> {
    graph: &'a Xag,
    /// Uses by live nodes and outputs.
    uses: Vec<u32>,
    cuts: Vec<Vec<Cut>>,
    replaced: Vec<Option<Replacement>>,
}

impl<'a> Pass<'a> {
    fn new(graph: &'a Xag, outputs: &[Lit]) -> Self {
        let count = graph.nodes().len();
        let mut uses = vec![0; count];
        let live = graph.live(outputs);
        for (node, live) in graph.nodes().iter().zip(live) {
            if let (true, Some((a, b))) = (live, node.operands()) {
                uses[a.node()] += 1;
                uses[b.node()] += 1;
            }
        }
        for lit in outputs {
            uses[lit.node()] += 1;
        }
        Self {
            graph,
            uses,
            cuts: Vec::with_capacity(count),
            replaced: (0..count).map(|_| None).collect(),
        }
    }

    fn visit(&mut self, id: usize) {
        let itself = Cut {
            leaves: vec![id],
            table: VARIABLES[0],
        };
        let node = self.graph.nodes()[id];
        let mut cuts = match node {
            Node::Xor(a, b) | Node::And(a, b) if self.uses[id] > 0 => self.merge(node, a, b),
            Node::False => vec![Cut {
                leaves: Vec::new(),
                table: 0,
            }],
            Node::Input | Node::Xor(..) | Node::And(..) => Vec::new(),
        };
        if matches!(node, Node::And(..)) && self.improve(id, &cuts) {
            cuts.clear();
        }
        if node != Node::False {
            cuts.push(itself);
        }
        self.cuts.push(cuts);
    }

    /// All unions of a cut of `a` and one of `b` with at most four leaves, small ones first.
    fn merge(&self, node: Node, a: Lit, b: Lit) -> Vec<Cut> {
        let mut cuts: Vec<Cut> = Vec::new();
        for one in &self.cuts[a.node()] {
            for other in &self.cuts[b.node()] {
                let mut leaves = one.leaves.clone();
                leaves.extend(&other.leaves);
                leaves.sort_unstable();
                leaves.dedup();
                if leaves.len() > 4 || cuts.iter().any(|cut| cut.leaves == leaves) {
                    continue;
                }
                let value = |cut: &Cut, lit: Lit| {
                    let table = spread(cut, &leaves);
                    if lit.inverted() { !table } else { table }
                };
                let (x, y) = (value(one, a), value(other, b));
                let table = if matches!(node, Node::And(..)) {
                    x & y
                } else {
                    x ^ y
                };
                cuts.push(Cut { leaves, table });
            }
        }
        cuts.sort_by_key(|cut| cut.leaves.len());
        cuts.truncate(CUTS);
        cuts
    }

    /// Replaces the node by the best circuit over one of its cuts, if that saves ANDs.
    fn improve(&mut self, id: usize, cuts: &[Cut]) -> bool {
        let mut best: Option<(u32, &Cut, Circuit)> = None;
        for cut in cuts {
            let circuit = optimal::circuit(cut.table);
            let freed = self.release(id, &cut.leaves);
            self.acquire(id, &cut.leaves);
            let needed = u32::try_from(circuit.ands).unwrap_or(u32::MAX);
            let gain = freed.saturating_sub(needed);
            if gain > best.as_ref().map_or(0, |(gain, ..)| *gain) {
                best = Some((gain, cut, circuit));
            }
        }
        let Some((_, cut, circuit)) = best else {
            return false;
        };
        self.release(id, &cut.leaves);
        for &leaf in &cut.leaves {
            self.uses[leaf] += 1;
        }
        let leaves = cut.leaves.clone();
        self.replaced[id] = Some(Replacement { leaves, circuit });
        true
    }

    /// Takes back the uses a node makes of others, down to the leaves; the ANDs that nobody uses then,
    /// the node included.
    fn release(&mut self, id: usize, leaves: &[usize]) -> u32 {
        let mut freed = 0;
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            freed += u32::from(matches!(self.graph.nodes()[id], Node::And(..)));
            let Some((a, b)) = self.graph.nodes()[id].operands() else {
                continue;
            };
            for operand in [a.node(), b.node()] {
                self.uses[operand] = self.uses[operand].saturating_sub(1);
                let inner = self.replaced[operand].is_none() && !leaves.contains(&operand);
                if self.uses[operand] == 0 && inner {
                    stack.push(operand);
                }
            }
        }
        freed
    }

    /// Undoes [`Self::release`].
    fn acquire(&mut self, id: usize, leaves: &[usize]) {
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            let Some((a, b)) = self.graph.nodes()[id].operands() else {
                continue;
            };
            for operand in [a.node(), b.node()] {
                let inner = self.replaced[operand].is_none() && !leaves.contains(&operand);
                if self.uses[operand] == 0 && inner {
                    stack.push(operand);
                }
                self.uses[operand] += 1;
            }
        }
    }

    fn rebuild(&self, outputs: &[Lit]) -> (Xag, Vec<Lit>) {
        let live = self.live(outputs);
        let inputs = self
            .graph
            .nodes()
            .iter()
            .filter(|node| **node == Node::Input)
            .count();
        let mut made = Xag::new(inputs);
        let mut map: Vec<Lit> = Vec::with_capacity(live.len());
        for (id, node) in self.graph.nodes().iter().enumerate() {
            let at = |lit: Lit| map[lit.node()].flip(lit.inverted());
            let lit = match (*node, &self.replaced[id]) {
                (Node::False | Node::Input, _) => Lit::of(id),
                _ if !live[id] => Lit::FALSE,
                (_, Some(new)) => {
                    let leaves: Vec<Lit> = new.leaves.iter().map(|&leaf| map[leaf]).collect();
                    build(&mut made, &new.circuit, &leaves)
                }
                (Node::Xor(a, b), None) => made.xor(at(a), at(b)),
                (Node::And(a, b), None) => made.and(at(a), at(b)),
            };
            map.push(lit);
        }
        let outputs = outputs
            .iter()
            .map(|lit| map[lit.node()].flip(lit.inverted()));
        (made, outputs.collect())
    }

    fn live(&self, outputs: &[Lit]) -> Vec<bool> {
        let mut live = vec![false; self.graph.nodes().len()];
        for lit in outputs {
            live[lit.node()] = true;
        }
        for id in (0..live.len()).rev() {
            match (
                live[id],
                &self.replaced[id],
                self.graph.nodes()[id].operands(),
            ) {
                (true, Some(new), _) => new.leaves.iter().for_each(|&leaf| live[leaf] = true),
                (true, None, Some((a, b))) => {
                    live[a.node()] = true;
                    live[b.node()] = true;
                }
                _ => {}
            }
        }
        live
    }
}

/// The cut's table over a larger set of leaves.
fn spread(cut: &Cut, leaves: &[usize]) -> u16 {
    let place = |leaf: &usize| leaves.iter().position(|other| other == leaf).unwrap_or(0);
    let places: Vec<usize> = cut.leaves.iter().map(place).collect();
    let mut table = 0;
    for row in 0..16usize {
        let index = places
            .iter()
            .enumerate()
            .map(|(i, &at)| (row >> at & 1) << i);
        table |= (cut.table >> index.sum::<usize>() & 1) << row;
    }
    table
}

/// The circuit over these leaves.
fn build(graph: &mut Xag, circuit: &Circuit, leaves: &[Lit]) -> Lit {
    let mut terms = leaves.to_vec();
    terms.resize(4, Lit::FALSE);
    for &(a, b) in circuit.products.iter().take(circuit.ands) {
        let (a, b) = (total(graph, &terms, a), total(graph, &terms, b));
        let product = graph.and(a, b);
        terms.push(product);
    }
    total(graph, &terms, circuit.output)
}

fn total(graph: &mut Xag, terms: &[Lit], sum: optimal::Sum) -> Lit {
    let mut lit = Lit::FALSE.flip(sum >> 7 == 1);
    for (i, &term) in terms.iter().enumerate() {
        if sum >> i & 1 == 1 {
            lit = graph.xor(lit, term);
        }
    }
    lit
}

/// Rebuilds each tree of ANDs that nothing else uses with its latest operands nearest the root: the AND
/// depth never grows, nor does the number of ANDs.
#[must_use]
pub fn balance(graph: &Xag, outputs: &[Lit]) -> (Xag, Vec<Lit>) {
    let pass = Pass::new(graph, outputs);
    let live = graph.live(outputs);
    let inputs = graph
        .nodes()
        .iter()
        .filter(|node| **node == Node::Input)
        .count();
    let mut made = Xag::new(inputs);
    let mut levels: Vec<u32> = vec![0; inputs + 1];
    let mut map: Vec<Lit> = Vec::with_capacity(live.len());
    for (id, node) in graph.nodes().iter().enumerate() {
        let lit = match *node {
            Node::False | Node::Input => Lit::of(id),
            Node::Xor(..) | Node::And(..) if !live[id] => Lit::FALSE,
            Node::Xor(a, b) => {
                let (a, b) = (
                    map[a.node()].flip(a.inverted()),
                    map[b.node()].flip(b.inverted()),
                );
                made.xor(a, b)
            }
            Node::And(..) => {
                let mut factors: Vec<Lit> = factors(graph, &pass.uses, id)
                    .into_iter()
                    .map(|lit| map[lit.node()].flip(lit.inverted()))
                    .collect();
                while factors.len() > 1 {
                    factors.sort_by_key(|lit| std::cmp::Reverse(levels[lit.node()]));
                    let (Some(a), Some(b)) = (factors.pop(), factors.pop()) else {
                        break;
                    };
                    factors.push(made.and(a, b));
                    level(&made, &mut levels);
                }
                factors.pop().unwrap_or(Lit::FALSE)
            }
        };
        level(&made, &mut levels);
        map.push(lit);
    }
    let outputs = outputs
        .iter()
        .map(|lit| map[lit.node()].flip(lit.inverted()));
    (made, outputs.collect())
}

/// Levels of the nodes made since.
fn level(graph: &Xag, levels: &mut Vec<u32>) {
    for node in &graph.nodes()[levels.len()..] {
        let of = |lit: Lit| levels[lit.node()];
        levels.push(match *node {
            Node::Xor(a, b) => of(a).max(of(b)),
            Node::And(a, b) => of(a).max(of(b)) + 1,
            Node::False | Node::Input => 0,
        });
    }
}

/// The operands of the AND tree below a node that only the tree uses.
fn factors(graph: &Xag, uses: &[u32], root: usize) -> Vec<Lit> {
    let mut found = Vec::new();
    let mut stack = vec![Lit::of(root)];
    while let Some(lit) = stack.pop() {
        match graph.nodes()[lit.node()] {
            Node::And(a, b) if lit.node() == root || (!lit.inverted() && uses[lit.node()] == 1) => {
                stack.extend([a, b]);
            }
            Node::False | Node::Input | Node::Xor(..) | Node::And(..) => found.push(lit),
        }
    }
    found
}
