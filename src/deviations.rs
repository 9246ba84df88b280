//! What is measured, in the clear, of networks of profile `approx`: no report calls their answers exact.

use privet_model::quant::ir::{Model, Profile};
use privet_model::quant::{Deviations, EvalError, Evaluation, Oracle, QuantError};

/// Where a file's record has what was measured of a network of profile `approx`.
pub(crate) const DEVIATIONS: &str = "deviations";

/// Inputs on which it is measured, at most.
const MEASURED: usize = 100;

/// How often truncations within one unit differ, in the clear with random shares: of networks of profile `approx`.
pub(crate) struct Measuring {
    found: Option<Deviations>,
    prg: privet_prim::Prg,
}

impl Measuring {
    /// Of no input yet.
    pub(crate) fn of(model: &Model) -> Self {
        let approximate = model.graph.profile == Profile::Approx;
        Self {
            found: approximate.then(|| Deviations::new(&model.graph)),
            prg: privet_prim::Prg::random(),
        }
    }

    /// One more input; nothing for other profiles.
    pub(crate) fn add(
        &mut self,
        oracle: &Oracle<'_>,
        input: &[i64],
        exact: &Evaluation,
    ) -> Result<(), EvalError> {
        let (found, prg) = (&mut self.found, &mut self.prg);
        let mut draw = || prg.next_u64();
        found
            .as_mut()
            .map_or(Ok(()), |found| found.add(oracle, input, exact, &mut draw))
    }

    /// None for other profiles.
    pub(crate) const fn found(&self) -> Option<&Deviations> {
        self.found.as_ref()
    }
}

/// What is measured on the first of some inputs.
pub(crate) fn deviations(
    model: &Model,
    inputs: &[Vec<f32>],
) -> Result<Option<Deviations>, QuantError> {
    if model.graph.profile != Profile::Approx {
        return Ok(None);
    }
    let mut prg = privet_prim::Prg::random();
    let inputs = inputs.get(..MEASURED).unwrap_or(inputs);
    Deviations::measure(model, inputs, &mut || prg.next_u64()).map(Some)
}

/// What was measured, in a line.
pub(crate) fn told(found: &Deviations) -> String {
    let (Some(share), [values, _]) = (found.share(), found.total()) else {
        return format!(
            "profile approx: {} truncations are within one unit each; without inputs it was not measured how often they differ",
            found.truncations.len()
        );
    };
    format!(
        "profile approx, measured in the clear with random shares on {} inputs: {:.1} % of {} truncated values are one unit off; \
         {} of {} logits differ, by {} units at most; {} labels are the exact ones",
        found.inputs,
        100.0 * share,
        crate::table::count(values),
        found.logits_differing,
        found.logits,
        found.greatest,
        found.same_labels
    )
}
