//! What a plan takes within one unit.

use privet_model::quant::ir::Profile;
use serde::Serialize;

use super::Plan;
use crate::share::ShareStep;
use crate::step::StepKind;

/// How much of an inference is within one unit instead of exact: profile `approx`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Approximations {
    /// Truncations that each party does alone.
    pub truncations: usize,
    /// Values that they give, all together.
    pub values: u64,
}

impl Plan {
    /// What is within one unit; none where the profile promises more.
    #[must_use]
    pub fn approximations(&self) -> Option<Approximations> {
        if self.graph.profile != Profile::Approx {
            return None;
        }
        let mut all = Approximations::default();
        for step in &self.steps {
            if let StepKind::Share(ShareStep::TruncLocal(step)) = &step.kind {
                let out = self.buffers.get(step.out.0 as usize);
                all.truncations += 1;
                all.values += out.map_or(0, |buffer| buffer.elements as u64);
            }
        }
        Some(all)
    }
}
