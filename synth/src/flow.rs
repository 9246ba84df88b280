//! Named flows: passes in order, each reporting what it gained.

use privet_netlists::{Counts, Error, Netlist};

use crate::rewrite::{balance, rewrite};
use crate::xag::{Lit, Xag};

/// What a netlist is optimised for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Few ANDs: garbling.
    FewAnds,
    /// Small AND depth without more ANDs: protocols with a round for each level.
    SmallDepth,
}

impl Flow {
    /// All flows.
    pub const ALL: [Self; 2] = [Self::FewAnds, Self::SmallDepth];

    /// The name on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FewAnds => "few-ands",
            Self::SmallDepth => "small-depth",
        }
    }

    /// The flow of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flow| flow.name() == name)
    }
}

/// What one pass did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// Name of the pass.
    pub pass: &'static str,
    /// Counts before it.
    pub before: Counts,
    /// Counts after it.
    pub after: Counts,
}

/// Passes at most this often.
const ROUNDS: usize = 20;

/// Runs a flow. The result computes the same; [`compare`](crate::equivalence::compare) proves it.
///
/// # Errors
///
/// [`Error`] if the netlist is above the library's limits.
pub fn run(netlist: &Netlist, flow: Flow) -> Result<(Netlist, Vec<Step>), Error> {
    let mut state = State {
        netlist: netlist.clone(),
        steps: Vec::new(),
    };
    state.pass("hash and fold", |graph, outputs| {
        (graph.clone(), outputs.to_vec())
    })?;
    for _ in 0..ROUNDS {
        if !state.pass("rewrite cuts", rewrite)? {
            break;
        }
    }
    if flow == Flow::SmallDepth {
        for _ in 0..ROUNDS {
            if !state.pass("balance", balance)? {
                break;
            }
        }
    }
    Ok((state.netlist, state.steps))
}

struct State {
    netlist: Netlist,
    steps: Vec<Step>,
}

impl State {
    /// Runs a pass; keeps what it made unless that is worse; true if it is better.
    fn pass(
        &mut self,
        pass: &'static str,
        run: impl Fn(&Xag, &[Lit]) -> (Xag, Vec<Lit>),
    ) -> Result<bool, Error> {
        let before = self.netlist.counts();
        let mut graph = Xag::new(self.netlist.input_bits());
        let outputs = graph.add(&self.netlist);
        let (graph, outputs) = run(&graph, &outputs);
        let made = graph.netlist(&outputs, &self.netlist)?;
        let cost = |counts: &Counts| (counts.ands, counts.and_depth);
        let after = made.counts();
        let better = cost(&after) < cost(&before);
        if cost(&after) <= cost(&before) {
            self.netlist = made;
            self.steps.push(Step {
                pass,
                before,
                after,
            });
        }
        Ok(better)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::equivalence::{Limits, Verdict, compare};
    use privet_netlists::{Bit, Builder, generate};

    /// A ripple adder whose full adders cost three ANDs, and a wide conjunction as a chain.
    fn wasteful(bits: u32) -> Netlist {
        let mut b = Builder::new();
        let (x, y) = (b.input("x", bits), b.input("y", bits));
        let (mut carry, mut all) = (Bit::FALSE, Bit::TRUE);
        let mut sum = Vec::new();
        for i in 0..bits as usize {
            let differ = b.xor(x[i], y[i]);
            sum.push(b.xor(differ, carry));
            let both = b.and(x[i], y[i]);
            let (left, right) = (b.and(x[i], carry), b.and(y[i], carry));
            let either = b.or(left, right);
            carry = b.or(both, either);
            all = b.and(all, !differ);
        }
        sum.push(all);
        b.output("s", &sum);
        b.finish().unwrap()
    }

    #[test]
    fn an_adder_comes_down_to_one_and_a_bit() {
        let raw = wasteful(16);
        let (made, steps) = run(&raw, Flow::FewAnds).unwrap();
        assert_eq!(made.counts().ands, 15 + 15, "{steps:?}");
        assert!(matches!(
            compare(&raw, &made, &Limits::default()),
            Verdict::Equivalent(_)
        ));
        assert!(steps.windows(2).all(|pair| pair[0].after == pair[1].before));
    }

    #[test]
    fn balancing_makes_the_conjunction_flat() {
        let mut b = Builder::new();
        let x = b.input("x", 32);
        let all = x.iter().fold(Bit::TRUE, |all, &bit| b.and(all, bit));
        b.output("y", &[all]);
        let raw = b.finish().unwrap();
        let (made, _) = run(&raw, Flow::SmallDepth).unwrap();
        assert_eq!((made.counts().ands, made.counts().and_depth), (31, 5));
        assert!(matches!(
            compare(&raw, &made, &Limits::default()),
            Verdict::Equivalent(_)
        ));
    }

    #[test]
    fn good_blocks_stay_good_and_right() {
        for raw in [
            generate::argmax(8, 5).unwrap(),
            generate::clamp(12, -100, 77).unwrap(),
            generate::eq(16).unwrap(),
            generate::sigmoid(16, 10).unwrap(),
        ] {
            for flow in Flow::ALL {
                let (made, _) = run(&raw, flow).unwrap();
                assert!(made.counts().ands <= raw.counts().ands);
                assert!(matches!(
                    compare(&raw, &made, &Limits::default()),
                    Verdict::Equivalent(_)
                ));
            }
        }
    }
}
