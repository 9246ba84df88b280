//! Whether a setting keeps the labels, on as few samples as decide it.

use privet_model::float;
use privet_model::graph::Graph;
use privet_model::quant::ir::Model;
use privet_model::quant::{Oracle, Rehearsal};
use rayon::prelude::*;

use super::refused;
use crate::error::Error;
use crate::report::Listener;

/// Samples judged at once; a decision falls between batches alone, whatever the number of threads.
const BATCH: usize = 16;
/// The rest counts as unchanged once so many samples in a row, or an eighth of all if that is more, kept the float network's label: the
/// narrowest decisions come first.
const QUIET: usize = 32;
/// The rest might repair so many.
const SLACK: usize = 2;

/// Inputs of the network, preprocessed and row-major.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a> {
    /// Those that ranges are seen on.
    pub calibration: &'a [Vec<f32>],
    /// Those that settings are judged on.
    pub judged: &'a [Vec<f32>],
    /// Their labels; otherwise the float network's are to be found.
    pub labels: Option<&'a [usize]>,
}

/// A sample and what is known of it.
struct Sample<'a> {
    input: &'a [f32],
    float: usize,
    wanted: usize,
    /// How far the float network's best logit is above its second.
    margin: f32,
}

impl Sample<'_> {
    fn wrong(&self, label: usize) -> usize {
        usize::from(label != self.wanted)
    }
}

/// All samples, the narrowest decisions first.
pub(super) struct Judge<'a> {
    samples: Vec<Sample<'a>>,
    /// Of each sample and those behind it, how many the float network gets wrong.
    float_wrong: Vec<usize>,
    tried: usize,
}

impl<'a> Judge<'a> {
    /// Evaluates the float network.
    pub(super) fn new(graph: &Graph, samples: &Samples<'a>) -> Result<Self, Error> {
        let judged = samples.judged;
        if judged.is_empty() || samples.labels.is_some_and(|l| l.len() != judged.len()) {
            let labels = samples.labels.map_or(judged.len(), <[usize]>::len);
            let what = format!("{} samples to judge by, {labels} labels", judged.len());
            return Err(Error::Data(what));
        }
        let one = |(index, input): (usize, &'a Vec<f32>)| {
            let logits = graph
                .evaluate(input)
                .map_err(|e| Error::Data(format!("sample {index}: {e}")))?;
            let float = float::argmax(&logits).unwrap_or(0);
            let best = logits.get(float).copied().unwrap_or(0.0);
            let others = logits.iter().enumerate().filter(|(i, _)| *i != float);
            let second = others.map(|(_, v)| *v).fold(f32::NEG_INFINITY, f32::max);
            let label = samples.labels.and_then(|l| l.get(index)).copied();
            Ok(Sample {
                input,
                float,
                wanted: label.unwrap_or(float),
                margin: best - second,
            })
        };
        let mut samples: Vec<Sample<'a>> = (judged.par_iter().enumerate())
            .map(one)
            .collect::<Result<_, Error>>()?;
        samples.sort_by(|a, b| a.margin.total_cmp(&b.margin));
        let mut float_wrong = vec![0; samples.len() + 1];
        let mut sum = 0;
        for (sample, slot) in samples.iter().zip(&mut float_wrong).rev() {
            sum += sample.wrong(sample.float);
            *slot = sum;
        }
        // The zip above ends with the last sample: the entry behind it stays 0.
        Ok(Self {
            samples,
            float_wrong,
            tried: 0,
        })
    }

    /// Share of the samples that the float network gets right.
    pub(super) fn float_accuracy(&self) -> f64 {
        self.share(self.float_wrong_from(0))
    }

    /// The accuracy below which a loss is too much.
    pub(super) fn floor(&self, max_drop: f64) -> f64 {
        // A share that is exactly the floor is on its good side.
        self.float_accuracy() - max_drop - 1e-9
    }

    /// How many settings were judged.
    pub(super) fn tried(&self) -> usize {
        self.tried
    }

    /// The accuracy without rings where it is at least `floor`, as soon as that is decided.
    pub(super) fn keeps(
        &mut self,
        model: &Model,
        floor: f64,
        listener: &mut Listener<'_>,
    ) -> Result<Option<f64>, Error> {
        let rehearsal = Rehearsal::new(model).map_err(refused)?;
        let label = |sample: &Sample<'_>| rehearsal.label(sample.input).map_err(refused);
        self.count(label, Some(floor), listener)
    }

    /// The accuracy of the network as it is, on all samples; one outside the input's range is not found.
    pub(super) fn exact(
        &mut self,
        model: &Model,
        listener: &mut Listener<'_>,
    ) -> Result<f64, Error> {
        let oracle = Oracle::new(model).map_err(|e| Error::Quantise(e.to_string()))?;
        let label = |sample: &Sample<'_>| {
            let Ok(input) = model.graph.quantise_input(sample.input) else {
                return Ok(usize::MAX);
            };
            let found = oracle.evaluate(&input);
            Ok(found.map_err(|e| Error::Quantise(e.to_string()))?.label)
        };
        Ok(self.count(label, None, listener)?.unwrap_or(0.0))
    }

    fn count(
        &mut self,
        label: impl Fn(&Sample<'_>) -> Result<usize, Error> + Sync,
        floor: Option<f64>,
        listener: &mut Listener<'_>,
    ) -> Result<Option<f64>, Error> {
        self.tried += 1;
        let (mut wrong, mut quiet, mut done) = (0, 0, 0);
        let enough = QUIET.max(self.samples.len() / 8);
        for batch in self.samples.chunks(BATCH) {
            listener.again()?;
            let labels: Vec<usize> = batch.par_iter().map(&label).collect::<Result<_, _>>()?;
            for (sample, label) in batch.iter().zip(labels) {
                wrong += sample.wrong(label);
                quiet = if label == sample.float { quiet + 1 } else { 0 };
            }
            done += batch.len();
            let Some(floor) = floor else {
                continue;
            };
            let expected = self.share(wrong + self.float_wrong_from(done));
            let slack = SLACK as f64 / self.samples.len() as f64;
            if done < self.samples.len() && expected + slack < floor {
                return Ok(None);
            }
            if quiet >= enough {
                return Ok(Some(expected).filter(|e| *e >= floor));
            }
        }
        let all = self.share(wrong);
        Ok(Some(all).filter(|all| floor.is_none_or(|floor| *all >= floor)))
    }

    fn float_wrong_from(&self, place: usize) -> usize {
        self.float_wrong.get(place).copied().unwrap_or(0)
    }

    fn share(&self, wrong: usize) -> f64 {
        1.0 - wrong as f64 / self.samples.len() as f64
    }
}
