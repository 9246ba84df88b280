//! SAT sweeping: the graph is rebuilt from the inputs up; a node that looks like an earlier one on all
//! simulated assignments is asked of the solver, and merged if it is one.
#![expect(
    clippy::indexing_slicing,
    reason = "literals and variables index the graph they come from"
)]

use std::collections::HashMap;
use std::time::Instant;

use batsat::{Callbacks, Solver, SolverInterface, SolverOpts, Var, lbool};

use crate::equivalence::{Limits, Random};
use crate::xag::{Lit, Node, Xag, mask};

/// What a sweep finds.
pub(super) enum Outcome {
    Equal,
    Different(Vec<bool>),
    Unknown,
}

/// Words of 64 simulated assignments for each node.
const WORDS: usize = 16;

/// Stops a question after a number of learnt clauses.
struct Budget {
    learnt: u64,
    limit: u64,
    deadline: Instant,
}

impl Callbacks for Budget {
    fn on_new_clause(&mut self, _: &[batsat::Lit], _: batsat::ClauseKind) {
        self.learnt += 1;
    }

    fn stop(&self) -> bool {
        self.learnt > self.limit || Instant::now() > self.deadline
    }
}

struct Sweep {
    graph: Xag,
    solver: Solver<Budget>,
    variables: Vec<Var>,
    words: Vec<[u64; WORDS]>,
    classes: HashMap<[u64; WORDS], Vec<usize>>,
    /// Assignments that told a node from its candidate.
    found: Vec<Vec<bool>>,
    inputs: usize,
}

/// Proves the pairs equal, node by node, then pair by pair.
pub(super) fn prove(
    graph: &Xag,
    pairs: &[(Lit, Lit)],
    inputs: usize,
    limits: &Limits,
    random: &mut Random,
) -> Outcome {
    let deadline = Instant::now() + limits.sat;
    let budget = Budget {
        learnt: 0,
        limit: limits.conflicts,
        deadline,
    };
    let mut sweep = Sweep::new(inputs, budget, random);
    let outputs: Vec<Lit> = pairs.iter().flat_map(|&(a, b)| [a, b]).collect();
    let live = graph.live(&outputs);
    let mut map: Vec<Lit> = (0..=inputs).map(Lit::of).collect();
    for (id, node) in graph.nodes().iter().enumerate().skip(inputs + 1) {
        let at = |lit: Lit| map[lit.node()].flip(lit.inverted());
        let mapped = match *node {
            _ if !live[id] => Lit::FALSE,
            Node::Xor(a, b) => sweep.graph.xor(at(a), at(b)),
            Node::And(a, b) => sweep.graph.and(at(a), at(b)),
            Node::False | Node::Input => Lit::FALSE,
        };
        if Instant::now() > deadline {
            return Outcome::Unknown;
        }
        map.push(sweep.merge(mapped));
    }
    sweep.solver.cb_mut().limit = u64::MAX;
    for &(a, b) in pairs {
        let a = map[a.node()].flip(a.inverted());
        let b = map[b.node()].flip(b.inverted());
        if a == b {
            continue;
        }
        match sweep.equal(a, b) {
            Some(true) => {}
            Some(false) => return Outcome::Different(sweep.found.pop().unwrap_or_default()),
            None => return Outcome::Unknown,
        }
    }
    Outcome::Equal
}

impl Sweep {
    fn new(inputs: usize, budget: Budget, random: &mut Random) -> Self {
        let mut sweep = Self {
            graph: Xag::new(inputs),
            solver: Solver::new(SolverOpts::default(), budget),
            variables: Vec::new(),
            words: vec![[0; WORDS]; inputs + 1],
            classes: HashMap::new(),
            found: Vec::new(),
            inputs,
        };
        for round in 0..WORDS {
            let words = random.assignments(inputs, round as u64);
            for (node, word) in words.into_iter().enumerate() {
                sweep.words[node + 1][round] = word;
            }
        }
        for node in 0..=inputs {
            let variable = sweep.solver.new_var_default();
            sweep.variables.push(variable);
            sweep.enter(node);
        }
        sweep.clause(&[Lit::FALSE.flip(true)]);
        sweep
    }

    /// A literal equal to `lit`: an earlier one if the solver finds it.
    fn merge(&mut self, lit: Lit) -> Lit {
        let node = lit.node();
        if node < self.variables.len() {
            return lit;
        }
        self.define(node);
        let candidates = self
            .classes
            .get(&self.key(node).0)
            .cloned()
            .unwrap_or_default();
        for candidate in candidates.into_iter().take(4) {
            let flip = self.key(node).1 != self.key(candidate).1;
            let earlier = Lit::of(candidate).flip(flip);
            if self.equal(Lit::of(node), earlier) == Some(true) {
                self.clause(&[Lit::of(node), earlier.flip(true)]);
                self.clause(&[Lit::of(node).flip(true), earlier]);
                return earlier.flip(lit.inverted());
            }
        }
        if self.found.len() >= 64 {
            self.refine();
        }
        self.enter(node);
        lit
    }

    /// Signature up to inversion, and whether it was inverted.
    fn key(&self, node: usize) -> ([u64; WORDS], bool) {
        let words = self.words[node];
        let flip = words[0] & 1 == 1;
        (words.map(|word| word ^ mask(flip)), flip)
    }

    fn enter(&mut self, node: usize) {
        let key = self.key(node).0;
        self.classes.entry(key).or_default().push(node);
    }

    /// Variable, clauses and simulation of a new node.
    fn define(&mut self, node: usize) {
        let variable = self.solver.new_var_default();
        self.variables.push(variable);
        let y = Lit::of(node);
        let words = |sweep: &Self, lit: Lit| {
            sweep.words[lit.node()].map(|word| word ^ mask(lit.inverted()))
        };
        let mut value = [0; WORDS];
        match self.graph.nodes()[node] {
            Node::Xor(a, b) => {
                for (a, b, y) in [
                    (a, b, y.flip(true)),
                    (a, b.flip(true), y),
                    (a.flip(true), b, y),
                    (a.flip(true), b.flip(true), y.flip(true)),
                ] {
                    self.clause(&[a, b, y]);
                }
                let (a, b) = (words(self, a), words(self, b));
                (0..WORDS).for_each(|k| value[k] = a[k] ^ b[k]);
            }
            Node::And(a, b) => {
                self.clause(&[a, y.flip(true)]);
                self.clause(&[b, y.flip(true)]);
                self.clause(&[a.flip(true), b.flip(true), y]);
                let (a, b) = (words(self, a), words(self, b));
                (0..WORDS).for_each(|k| value[k] = a[k] & b[k]);
            }
            Node::False | Node::Input => {}
        }
        self.words.push(value);
    }

    fn literal(&self, lit: Lit) -> batsat::Lit {
        batsat::Lit::new(self.variables[lit.node()], !lit.inverted())
    }

    fn clause(&mut self, lits: &[Lit]) {
        let mut clause: Vec<batsat::Lit> = lits.iter().map(|&lit| self.literal(lit)).collect();
        self.solver.add_clause_reuse(&mut clause);
    }

    /// True or false if the solver knows within its budget; a difference is kept in `found`.
    fn equal(&mut self, a: Lit, b: Lit) -> Option<bool> {
        for (a, b) in [(a, b.flip(true)), (a.flip(true), b)] {
            self.solver.cb_mut().learnt = 0;
            let assumptions = [self.literal(a), self.literal(b)];
            let answer = self.solver.solve_limited(&assumptions);
            if answer == lbool::TRUE {
                let inputs = 1..=self.inputs;
                let value =
                    |node: usize| self.solver.value_var(self.variables[node]) == lbool::TRUE;
                self.found.push(inputs.map(value).collect());
                return Some(false);
            }
            if answer != lbool::FALSE {
                return None;
            }
        }
        Some(true)
    }

    /// Replaces the oldest simulated word by the assignments found, and sorts the nodes anew.
    fn refine(&mut self) {
        let mut inputs = vec![0u64; self.inputs];
        for (lane, assignment) in self.found.drain(..).take(64).enumerate() {
            for (word, bit) in inputs.iter_mut().zip(assignment) {
                *word |= u64::from(bit) << lane;
            }
        }
        let values = self.graph.simulate(&inputs);
        for (words, value) in self.words.iter_mut().zip(values) {
            words.rotate_left(1);
            words[WORDS - 1] = value;
        }
        let entered: Vec<usize> = self.classes.drain().flat_map(|(_, nodes)| nodes).collect();
        let mut entered = entered;
        entered.sort_unstable();
        entered.into_iter().for_each(|node| self.enter(node));
    }
}
