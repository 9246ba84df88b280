//! The client's shares that are known before the input: those behind linear layers, and what follows from them.

use std::collections::HashMap;

use privet_plan::{BufferId, Domain, Plan, ShareStep, StepKind};
use privet_ring::Client;

use super::words::{Words, moved, sums, truncated};
use crate::error::RunError;

const UNKNOWN: RunError = RunError::Contradiction("a share is not known ahead");

/// The client's words by buffer, while a later step reads them.
#[derive(Default)]
pub(super) struct Ahead {
    held: HashMap<BufferId, Words>,
}

impl Ahead {
    pub(super) fn put(
        &mut self,
        plan: &Plan,
        id: BufferId,
        values: Vec<u64>,
    ) -> Result<(), RunError> {
        let planned = plan.buffers.get(id.0 as usize).ok_or(UNKNOWN)?;
        if planned.elements != values.len() {
            return Err(RunError::Contradiction("a share of another length"));
        }
        self.held.insert(id, Words::new(planned.bits, values));
        Ok(())
    }

    /// What a step that sends nothing makes of words that are known; other steps end what is known.
    pub(super) fn follow(&mut self, plan: &Plan, kind: &StepKind) -> Result<(), RunError> {
        let (values, out) = match kind {
            StepKind::Share(ShareStep::Sum { words, out }) => {
                let width = plan.buffers.get(out.0 as usize).ok_or(UNKNOWN)?.bits;
                (sums(words, width, |id| self.words(id)), *out)
            }
            // The constants are the server's to add.
            StepKind::Share(ShareStep::AddConst { input, out, .. }) => {
                (self.words(*input).map(|w| w.values.to_vec()), *out)
            }
            StepKind::Share(ShareStep::TruncLocal(step)) => {
                let words = self.words(step.from);
                (words.and_then(|w| truncated::<Client>(step, w)), step.out)
            }
            StepKind::Wire(wire) => {
                let planned = plan.buffers.get(wire.out.0 as usize).ok_or(UNKNOWN)?;
                if planned.domain != Domain::Arith {
                    return Ok(());
                }
                (moved(wire, false, |id| self.words(id)), wire.out)
            }
            StepKind::Share(_)
            | StepKind::Cells(_)
            | StepKind::Input { .. }
            | StepKind::Linear(_)
            | StepKind::Output { .. } => return Ok(()),
        };
        match values {
            Ok(values) => self.put(plan, out, values),
            // An operand is not known ahead, so neither is the result.
            Err(_) => Ok(()),
        }
    }

    /// Drops what no later step reads.
    pub(super) fn forget(&mut self, ids: &[BufferId]) {
        for id in ids {
            self.held.remove(id);
        }
    }

    pub(super) fn words(&self, id: BufferId) -> Result<&Words, RunError> {
        self.held.get(&id).ok_or(UNKNOWN)
    }
}
