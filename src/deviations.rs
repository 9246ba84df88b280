//! What is measured, in the clear, of networks of profile `approx`: no report calls their answers exact.

use std::fmt::Display;
use std::path::PathBuf;

use privet_model::quant::ir::{Model, Profile};
use privet_model::quant::{Deviations, EvalError, Evaluation, Oracle, QuantError};

use crate::failure::Failure;
use crate::models::{prepare, samples};

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

    /// Of the samples of some files, all or those listed; nothing for other profiles.
    pub(crate) fn on(model: &Model, files: &[PathBuf], listed: &[usize]) -> Result<Self, Failure> {
        let mut measuring = Self::of(model);
        if measuring.found.is_none() {
            return Ok(measuring);
        }
        let graph = &model.graph;
        let oracle = Oracle::new(model).map_err(|e| Failure::file(&graph.name, e))?;
        let shape = graph.tensor(graph.input).map_or(&[][..], |t| &t.shape);
        for path in files {
            let wrong = |error: &dyn Display| Failure::file(path.display(), error);
            let file = samples(path)?;
            let all: Vec<usize> = (0..file.len()).collect();
            for &index in if listed.is_empty() { &all } else { listed } {
                let input = prepare(&file, index, &graph.preprocess, shape)?;
                let integers = graph.quantise_input(&input).map_err(|e| wrong(&e))?;
                let exact = oracle.evaluate(&integers).map_err(|e| wrong(&e))?;
                let added = measuring.add(&oracle, &integers, &exact);
                added.map_err(|e| wrong(&e))?;
            }
        }
        Ok(measuring)
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
         {} of {} logits differ, by {} unit(s) at most; {} labels are the exact ones",
        found.inputs,
        100.0 * share,
        crate::table::count(values),
        found.logits_differing,
        found.logits,
        found.greatest,
        found.same_labels
    )
}
