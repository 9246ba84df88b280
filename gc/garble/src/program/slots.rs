//! From nodes to slots: a slot is given back after the last step that reads it, and the slot last
//! given back is the first to be used again, so that few blocks are alive and most are in cache.
#![expect(
    clippy::indexing_slicing,
    reason = "a node's number is below the number of nodes"
)]

use privet_prim::halfgate::{Op, Step, Steps, Wire};

use super::{Output, Side};
use crate::Error;

/// No node: a block of zeros.
pub(super) const NONE: u32 = u32::MAX;

/// One party's steps before slots are known. Node `n` is input `n`, then step `n - inputs`.
pub(super) struct Draft {
    inputs: usize,
    steps: Vec<DraftStep>,
}

struct DraftStep {
    op: Op,
    /// Node and flip of each operand.
    a: (u32, bool),
    b: (u32, bool),
}

impl Draft {
    pub(super) const fn new(inputs: usize) -> Self {
        Self {
            inputs,
            steps: Vec::new(),
        }
    }

    /// Appends a step; gives its node.
    pub(super) fn push(&mut self, op: Op, a: (u32, bool), b: (u32, bool)) -> u32 {
        self.steps.push(DraftStep { op, a, b });
        // At most 2^30 wires: fits.
        u32::try_from(self.inputs + self.steps.len() - 1).unwrap_or(NONE)
    }

    /// Gives each node a slot. `outputs` are nodes ([`NONE`]: zero) and flips.
    pub(super) fn allocate(self, outputs: Vec<(u32, bool)>) -> Result<Side, Error> {
        let last_use = self.last_uses(&outputs);
        let mut wires: Vec<Wire> = (0..).map(Wire::input).take(self.inputs).collect();
        let (mut free, mut slots) = (Vec::new(), 0);
        let mut slot_of = vec![0u32; self.steps.len()];
        let mut steps = Vec::with_capacity(self.steps.len());
        for (at, step) in self.steps.iter().enumerate() {
            let (a, b) = (step.a.0 as usize, step.b.0 as usize);
            let operands = [a, b];
            let distinct = if a == b {
                &operands[..1]
            } else {
                &operands[..]
            };
            for node in distinct {
                if *node >= self.inputs && last_use[*node] == at {
                    free.push(slot_of[*node - self.inputs]);
                }
            }
            let out = free.pop().unwrap_or_else(|| {
                slots += 1;
                slots - 1
            });
            slot_of[at] = out;
            if last_use[self.inputs + at] == 0 {
                free.push(out);
            }
            let (flip_a, flip_b) = (step.a.1, step.b.1);
            steps.push(Step {
                op: step.op,
                flip_a,
                flip_b,
                a: wires[a],
                b: wires[b],
                out,
            });
            wires.push(Wire::slot(out));
        }
        let outputs = outputs.into_iter().map(|(node, flip)| Output {
            wire: wires.get(node as usize).copied(),
            flip,
        });
        let outputs = outputs.collect();
        Ok(Side {
            steps: Steps::new(steps, self.inputs, slots as usize)?,
            outputs,
        })
    }

    /// The last step that reads each node: 0 if none (step 0 reads inputs only), the number of
    /// steps if it is an output.
    fn last_uses(&self, outputs: &[(u32, bool)]) -> Vec<usize> {
        let mut last_use = vec![0; self.inputs + self.steps.len()];
        for (at, step) in self.steps.iter().enumerate() {
            last_use[step.a.0 as usize] = at;
            last_use[step.b.0 as usize] = at;
        }
        for (node, _) in outputs {
            if let Some(last) = last_use.get_mut(*node as usize) {
                *last = self.steps.len();
            }
        }
        last_use
    }
}
