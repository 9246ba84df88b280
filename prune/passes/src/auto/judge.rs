//! Whether a setting keeps the labels.
//!
//! Rounding moves logits by errors of normal distribution, of the same size near a decision as far from it, and those of different
//! layers add up by their squares. So one number tells what a setting does to the labels: the mean square of the error in the distance of
//! two logits. It is measured on far fewer samples than flips could be counted on, and does not favour settings that are lucky
//! with the labels of the samples at hand. How large it may be follows from the distances between the float network's logits.

use privet_model::graph::Graph;
use privet_model::quant::ir::Model;
use privet_model::quant::{Oracle, Rehearsal};
use rayon::prelude::*;

use super::refused;
use crate::error::Error;
use crate::report::Listener;

/// Samples evaluated at once; a decision falls between batches alone, whatever the number of threads.
const BATCH: usize = 16;
/// Samples on which rounding is measured while the search goes on.
const PROBES: usize = 64;
/// Logits next to the best one whose distances from it are measured.
const RIVALS: usize = 8;
/// So much of a sample may be expected to be lost where nothing may.
const NONE: f64 = 0.1;
/// Errors count up to so many standard deviations: that of a value beyond its ring is no rounding, and shows in the labels.
const FARTHEST: f64 = 6.0;

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
    wanted: usize,
    /// How far the wanted label's logit is above each other one; below it where negative.
    leads: Vec<f64>,
    /// The float network's label, and how far its logit is above those of the next ones.
    float: usize,
    rivals: Vec<(usize, f64)>,
}

impl<'a> Sample<'a> {
    fn new(input: &'a [f32], logits: &[f64], label: Option<usize>) -> Self {
        let at = |label: usize| logits.get(label).copied().unwrap_or(f64::NEG_INFINITY);
        let mut order: Vec<usize> = (0..logits.len()).collect();
        // Equal ones by their index, as the oracle has it.
        order.sort_by(|&a, &b| at(b).total_cmp(&at(a)).then(a.cmp(&b)));
        let float = order.first().copied().unwrap_or(0);
        let wanted = label.unwrap_or(float);
        let others = order.iter().skip(1).take(RIVALS);
        let leads = (0..logits.len()).filter(|&other| other != wanted);
        Self {
            input,
            wanted,
            leads: leads.map(|other| at(wanted) - at(other)).collect(),
            float,
            rivals: others
                .map(|&other| (other, at(float) - at(other)))
                .collect(),
        }
    }

    fn right(&self) -> bool {
        self.float == self.wanted
    }

    /// Mean square of what other logits add to the distances from the float network's label.
    fn error(&self, logits: &[f64]) -> f64 {
        let at = |label: usize| logits.get(label).copied().unwrap_or(0.0);
        let errors = (self.rivals.iter())
            .map(|&(other, distance)| (at(self.float) - at(other) - distance).powi(2));
        errors.sum::<f64>() / self.rivals.len().max(1) as f64
    }

    /// Probability that the label is found under errors of that standard deviation, at least: distances are taken for independent.
    fn found(&self, deviation: f64) -> f64 {
        self.leads
            .iter()
            .map(|lead| below(lead / deviation))
            .product()
    }
}

/// What the oracle finds on all samples.
pub(super) struct Judged {
    /// Share of the labels found.
    pub(super) accuracy: f64,
    /// Mean square of the errors.
    pub(super) error: f64,
}

/// All samples.
pub(super) struct Judge<'a> {
    samples: Vec<Sample<'a>>,
    tried: usize,
    /// How large the mean square of errors may be.
    limit: f64,
    /// The accuracy below which a loss is too much.
    floor: f64,
}

impl<'a> Judge<'a> {
    /// Evaluates the float network, of whose accuracy so much may be lost.
    pub(super) fn new(graph: &Graph, samples: &Samples<'a>, max_drop: f64) -> Result<Self, Error> {
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
            let logits: Vec<f64> = logits.into_iter().map(f64::from).collect();
            let label = samples.labels.and_then(|l| l.get(index)).copied();
            Ok(Sample::new(input, &logits, label))
        };
        let samples = (judged.par_iter().enumerate()).map(one);
        Ok(Self::of(samples.collect::<Result<_, Error>>()?, max_drop))
    }

    fn of(samples: Vec<Sample<'a>>, max_drop: f64) -> Self {
        let mut judge = Self {
            samples,
            tried: 0,
            limit: 0.0,
            floor: 0.0,
        };
        judge.limit = judge.largest(max_drop);
        // A share that is exactly the floor is on its good side.
        judge.floor = judge.float_accuracy() - max_drop - 1e-9;
        judge
    }

    /// Share of the samples that the float network gets right.
    pub(super) fn float_accuracy(&self) -> f64 {
        self.share(self.samples.iter().filter(|s| s.right()).count())
    }

    /// The largest mean square of errors under which no more than the budget may be expected to be lost.
    pub(super) const fn limit(&self) -> f64 {
        self.limit
    }

    /// How many settings were judged.
    pub(super) fn tried(&self) -> usize {
        self.tried
    }

    /// Whether what was found on all samples is within the budget, by expectation and by the labels.
    pub(super) fn keeps(&self, judged: &Judged) -> bool {
        judged.error <= self.limit && judged.accuracy >= self.floor
    }

    /// The mean square of the errors that a setting's rounding makes, if it is not above `most`; rings do not count.
    pub(super) fn error(
        &mut self,
        model: &Model,
        most: f64,
        listener: &mut Listener<'_>,
    ) -> Result<Option<f64>, Error> {
        self.tried += 1;
        let rehearsal = Rehearsal::new(model).map_err(refused)?;
        let step = self.samples.len().div_ceil(PROBES).max(1);
        let probes: Vec<&Sample<'a>> = self.samples.iter().step_by(step).collect();
        let mut sum = 0.0;
        for batch in probes.chunks(BATCH) {
            listener.again()?;
            let errors = batch.par_iter().map(|sample| {
                let logits = rehearsal.logits(sample.input).map_err(refused)?;
                Ok(sample.error(&logits))
            });
            let errors: Vec<f64> = errors.collect::<Result<_, Error>>()?;
            sum += errors.iter().sum::<f64>();
            // What comes only adds to it.
            if sum > most * probes.len() as f64 {
                return Ok(None);
            }
        }
        Ok(Some(sum / probes.len() as f64))
    }

    /// The network as it is, on all samples; the label of one outside the input's range is not found.
    pub(super) fn exact(
        &mut self,
        model: &Model,
        listener: &mut Listener<'_>,
    ) -> Result<Judged, Error> {
        self.tried += 1;
        let oracle = Oracle::new(model).map_err(|e| Error::Quantise(e.to_string()))?;
        let graph = &model.graph;
        let unit = graph.tensor(graph.output).map_or(0, |t| t.frac_bits);
        let unit = (-f64::from(unit)).exp2();
        let most = FARTHEST.powi(2) * self.limit;
        let one = |sample: &Sample<'_>| {
            let Ok(input) = graph.quantise_input(sample.input) else {
                return Ok((false, most));
            };
            let found = oracle.evaluate(&input);
            let found = found.map_err(|e| Error::Quantise(e.to_string()))?;
            let logits: Vec<f64> = found.logits.iter().map(|&v| v as f64 * unit).collect();
            Ok((
                found.label == sample.wanted,
                sample.error(&logits).min(most),
            ))
        };
        let (mut right, mut sum) = (0, 0.0);
        for batch in self.samples.chunks(BATCH) {
            listener.again()?;
            let found: Vec<(bool, f64)> =
                batch.par_iter().map(one).collect::<Result<_, Error>>()?;
            right += found.iter().filter(|(found, _)| *found).count();
            sum += found.iter().map(|(_, error)| error).sum::<f64>();
        }
        Ok(Judged {
            accuracy: self.share(right),
            error: sum / self.samples.len() as f64,
        })
    }

    /// The largest mean square of errors for a budget.
    fn largest(&self, max_drop: f64) -> f64 {
        let budget = max_drop.max(NONE / self.samples.len() as f64);
        // Between 2^-40 and 2^40. Of equal logits half are lost to the least error.
        let (mut low, mut high) = (-40.0f64, 40.0f64);
        let least = self.expected(low.exp2()) - budget;
        for _ in 0..40 {
            let middle = low.midpoint(high);
            if self.expected(middle.exp2()) >= least {
                low = middle;
            } else {
                high = middle;
            }
        }
        low.exp2().powi(2)
    }

    /// The accuracy to be expected under errors of that standard deviation in the distance of logits.
    fn expected(&self, deviation: f64) -> f64 {
        let found = self.samples.iter().map(|s| s.found(deviation));
        found.sum::<f64>() / self.samples.len() as f64
    }

    fn share(&self, right: usize) -> f64 {
        right as f64 / self.samples.len() as f64
    }
}

/// Probability that a normal variable is below `x` standard deviations.
fn below(x: f64) -> f64 {
    if x < 0.0 { beyond(-x) } else { 1.0 - beyond(x) }
}

/// Probability that a normal variable exceeds `x` standard deviations, `x` not negative: Abramowitz and Stegun 26.2.17, error below 1e-7.
fn beyond(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x);
    let coefficients = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let sum = coefficients.iter().rev().fold(0.0, |sum, c| t * (c + sum));
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    (density * sum).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_of_the_normal_distribution() {
        for (x, want) in [
            (0.0, 0.5),
            (1.0, 0.158_655_254),
            (2.0, 0.022_750_132),
            (3.0, 0.001_349_898),
            (40.0, 0.0),
            (f64::INFINITY, 0.0),
        ] {
            assert!((beyond(x) - want).abs() < 1e-7, "{x}: {}", beyond(x));
        }
    }

    /// Two labels, at these distances from the wanted one.
    fn judge(leads: &[f64], max_drop: f64) -> Judge<'static> {
        let one = |&lead: &f64| Sample::new(&[], &[lead, 0.0], Some(0));
        Judge::of(leads.iter().map(one).collect(), max_drop)
    }

    #[test]
    fn errors_lose_narrow_labels_and_win_some_back() {
        let judge = judge(&[1.0, 9.0, -2.0], 0.0);
        assert_eq!(judge.float_accuracy(), 2.0 / 3.0);
        assert!((judge.expected(1e-9) - 2.0 / 3.0).abs() < 1e-12);
        let want = (2.0 - 0.158_655_254 + 0.022_750_132) / 3.0;
        assert!((judge.expected(1.0) - want).abs() < 1e-6);
    }

    #[test]
    fn every_rival_may_win() {
        let sample = Sample::new(&[], &[2.0, 1.0, 1.0, -30.0], None);
        assert_eq!((sample.float, sample.wanted), (0, 0));
        let one = 1.0 - 0.158_655_254;
        assert!((sample.found(1.0) - one * one).abs() < 1e-6);
        assert_eq!(sample.error(&[2.0, 1.0, 1.0, -30.0]), 0.0);
        // The common part of errors does not count.
        assert_eq!(sample.error(&[5.0, 4.0, 4.0, -27.0]), 0.0);
        assert!((sample.error(&[2.0, 2.0, 1.0, -33.0]) - 10.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn limits_grow_with_the_budget_and_with_the_distances() {
        let near = [0.5, 1.0, 1.5, 2.0];
        let far = near.map(|lead| 4.0 * lead);
        let [none, some, more] = [0.0, 0.05, 0.1].map(|drop| judge(&near, drop).limit());
        assert!(
            0.0 < none && none < some && some < more,
            "{none} {some} {more}"
        );
        let scaled = judge(&far, 0.05).limit();
        assert!((scaled / some - 16.0).abs() < 1e-3, "{scaled} {some}");
        let judge = judge(&near, 0.05);
        let of = |accuracy, error| judge.keeps(&Judged { accuracy, error });
        assert!(of(1.0, some) && of(0.95, some));
        assert!(!of(0.94, some) && !of(1.0, 1.01 * some));
    }
}
