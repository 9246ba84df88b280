//! Proof that two netlists compute the same.
//!
//! In turn: both are put into one structurally hashed graph (often they are one there); random
//! assignments look for a difference; few inputs are tried exhaustively; a SAT sweep merges
//! internal nodes from the inputs up. What exceeds the limits is compared on 2^24 random
//! assignments and on corners, and the method says so.
#![expect(
    clippy::indexing_slicing,
    reason = "literals index the graph they come from"
)]

mod sweep;

use std::fmt;
use std::time::Duration;

use privet_netlists::{Netlist, Port};

use crate::xag::{Lit, Xag, mask};

/// How the answer was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// One graph after structural hashing: a proof.
    Structural,
    /// Every assignment was tried: a proof.
    Exhaustive,
    /// SAT: a proof.
    Sat,
    /// Random assignments, and corners: no proof.
    Random {
        /// Base-2 logarithm of the number of assignments.
        log2: u32,
    },
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Structural => f.write_str("proved, structural hashing"),
            Self::Exhaustive => f.write_str("proved, every assignment"),
            Self::Sat => f.write_str("proved, SAT sweep"),
            Self::Random { log2 } => write!(f, "tested, 2^{log2} random assignments and corners"),
        }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// No difference.
    Equivalent(Method),
    /// The ports differ in number or width.
    OtherPorts,
    /// This assignment of the input bits tells them apart.
    Different(Vec<bool>),
}

/// What a comparison may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time for SAT.
    pub sat: Duration,
    /// Conflicts in one SAT question inside the sweep.
    pub conflicts: u64,
    /// Base-2 logarithm of the assignments where there is no proof.
    pub random_log2: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sat: Duration::from_secs(60),
            conflicts: 2000,
            random_log2: 24,
        }
    }
}

/// Input bits up to which every assignment is tried.
const EXHAUSTIVE: usize = 18;

/// Compares two netlists; port names do not matter.
#[must_use]
pub fn compare(one: &Netlist, other: &Netlist, limits: &Limits) -> Verdict {
    let widths = |ports: &[Port]| ports.iter().map(|port| port.bits).collect::<Vec<u32>>();
    if widths(one.inputs()) != widths(other.inputs())
        || widths(one.outputs()) != widths(other.outputs())
    {
        return Verdict::OtherPorts;
    }
    let inputs = one.input_bits();
    let mut graph = Xag::new(inputs);
    let pairs: Vec<(Lit, Lit)> = graph.add(one).into_iter().zip(graph.add(other)).collect();
    if pairs.iter().all(|(a, b)| a == b) {
        return Verdict::Equivalent(Method::Structural);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let few = (0..64).map(|round| random.assignments(inputs, round));
    if let Some(found) = first_difference(&graph, &pairs, few) {
        return Verdict::Different(found);
    }
    if inputs <= EXHAUSTIVE {
        let rounds = 1u64 << inputs.saturating_sub(6);
        let all = (0..rounds).map(|round| counted(inputs, round));
        return match first_difference(&graph, &pairs, all) {
            Some(found) => Verdict::Different(found),
            None => Verdict::Equivalent(Method::Exhaustive),
        };
    }
    match sweep::prove(&graph, &pairs, inputs, limits, &mut random) {
        sweep::Outcome::Equal => return Verdict::Equivalent(Method::Sat),
        sweep::Outcome::Different(found) => return Verdict::Different(found),
        sweep::Outcome::Unknown => {}
    }
    let log2 = limits.random_log2.max(12);
    let many = (0..1u64 << (log2 - 6)).map(|round| random.assignments(inputs, round));
    match first_difference(&graph, &pairs, many) {
        Some(found) => Verdict::Different(found),
        None => Verdict::Equivalent(Method::Random { log2 }),
    }
}

fn first_difference(
    graph: &Xag,
    pairs: &[(Lit, Lit)],
    rounds: impl Iterator<Item = Vec<u64>>,
) -> Option<Vec<bool>> {
    for inputs in rounds {
        let words = graph.simulate(&inputs);
        let value = |lit: Lit| words[lit.node()] ^ mask(lit.inverted());
        let differ = pairs
            .iter()
            .fold(0, |found, &(a, b)| found | (value(a) ^ value(b)));
        if differ != 0 {
            let lane = differ.trailing_zeros();
            return Some(inputs.iter().map(|word| word >> lane & 1 == 1).collect());
        }
    }
    None
}

/// The assignments `64·round..64·(round + 1)`, counted in binary over the inputs.
fn counted(inputs: usize, round: u64) -> Vec<u64> {
    const LOW: [u64; 6] = [
        0xaaaa_aaaa_aaaa_aaaa,
        0xcccc_cccc_cccc_cccc,
        0xf0f0_f0f0_f0f0_f0f0,
        0xff00_ff00_ff00_ff00,
        0xffff_0000_ffff_0000,
        0xffff_ffff_0000_0000,
    ];
    let word = |bit: usize| match LOW.get(bit) {
        Some(word) => *word,
        None => mask(round >> (bit - 6) & 1 == 1),
    };
    (0..inputs).map(word).collect()
}

/// SplitMix64: not for secrets.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 64 assignments: even, or in every fourth round mostly equal neighbours (long runs of sign
    /// bits, carries that go far), which contain all zeros and all ones.
    pub(crate) fn assignments(&mut self, inputs: usize, round: u64) -> Vec<u64> {
        let mut last = if round == 0 { 1 } else { self.next() };
        let mut bit = |random: &mut Self| match round % 4 {
            0 => {
                let turn = random.next() & random.next() & random.next() & !3;
                last ^= turn;
                last
            }
            _ => random.next(),
        };
        (0..inputs).map(|_| bit(self)).collect()
    }
}

#[cfg(test)]
mod tests;
