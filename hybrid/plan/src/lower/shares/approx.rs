//! Profile `approx`: truncations that each party does alone, and what stands behind them on the bits that are left.

use privet_model::quant::ir::Node;

use super::super::Lowering;
use super::activation::Activation;
use crate::error::PlanError;
use crate::share::{ReluTrunc, ShareStep, TruncLocal, Work};
use crate::step::BufferId;

impl Lowering<'_> {
    /// Whether an activation's truncation may be within one unit.
    pub(super) fn approximates(&self, act: &Activation) -> bool {
        let node = act
            .truncates
            .and_then(|at| self.shares.approximated.get(at));
        node == Some(&true)
    }

    /// An activation of shares in a ring of so many bits, with a truncation that sends nothing.
    pub(super) fn approximate(
        &mut self,
        index: usize,
        node: &Node,
        act: Activation,
        (from, ring_bits): (BufferId, u32),
    ) -> Result<(), PlanError> {
        let elements = self.elements(&node.name, act.result)?;
        let left = ring_bits - act.shift;
        let local = self.new_words(elements, left)?;
        let step = TruncLocal {
            from,
            ring_bits,
            shift: act.shift,
            out: local,
        };
        self.push_share(&node.name, ShareStep::TruncLocal(step))?;
        self.follow_ahead(&[from], local);
        let own = self.tensor(&node.name, act.result)?.ring.bits();
        if !act.relu && left >= own {
            // Readers in a wider ring extend it there.
            self.settle(act, index, local);
            return Ok(());
        }
        let out = self.new_words(elements, self.width(&node.name, act.result)?)?;
        if !act.relu {
            self.compared(&node.name, Work::Trunc { shift: 0 }, (local, left), out)?;
            self.settle(act, index, out);
            return Ok(());
        }
        let step = ReluTrunc {
            parts: vec![(local, out)],
            ring_bits: left,
            shift: 0,
            shape: self.relu_shape(local),
        };
        self.compared_relu(node, step)?;
        let out = self.limited(node, act, out)?;
        self.settle(act, index, out);
        Ok(())
    }
}
