//! Whether a setting keeps the labels.

use privet_model::graph::Graph;
use privet_model::quant::ir::Model;
use privet_model::quant::{Oracle, Rehearsal};
use rayon::prelude::*;

use super::refused;
use crate::error::Error;
use crate::report::Listener;

/// Samples evaluated at once; a decision falls between batches alone, whatever the number of threads.
const BATCH: usize = 16;
/// Samples on which rounding is measured.
const PROBES: usize = 64;
/// What is measured may be so much too large before all probes are done.
const EARLY: f64 = 0.7;

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
    /// How far the float network's best logit is above its second where that is right, else above that of the true label.
    gap: f64,
    /// How far it is above its second.
    margin: f64,
}

impl Sample<'_> {
    fn right(&self) -> bool {
        self.float == self.wanted
    }
}

/// All samples.
pub(super) struct Judge<'a> {
    samples: Vec<Sample<'a>>,
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
            let logits: Vec<f64> = logits.into_iter().map(f64::from).collect();
            let label = samples.labels.and_then(|l| l.get(index)).copied();
            Ok(sample(input, &logits, label))
        };
        let samples = (judged.par_iter().enumerate()).map(one);
        Ok(Self {
            samples: samples.collect::<Result<_, Error>>()?,
            tried: 0,
        })
    }

    /// Share of the samples that the float network gets right.
    pub(super) fn float_accuracy(&self) -> f64 {
        self.share(self.samples.iter().filter(|s| s.right()).count())
    }

    /// The accuracy below which a loss is too much.
    pub(super) fn floor(&self, max_drop: f64) -> f64 {
        // A share that is exactly the floor is on its good side.
        self.float_accuracy() - max_drop - 1e-9
    }

    /// What may be expected to be lost under a budget: half a sample is none.
    pub(super) fn budget(&self, max_drop: f64) -> f64 {
        max_drop.max(0.5 / self.samples.len() as f64)
    }

    /// How many settings were judged.
    pub(super) fn tried(&self) -> usize {
        self.tried
    }

    /// The accuracy that a setting's rounding lets expect, where that is at least `floor`.
    ///
    /// Of many settings that are judged by the labels of the same samples, those look good that are lucky with them. So the labels do not
    /// decide here: rounding is measured by what it does to the distance between logits, as an error of normal distribution, and
    /// the distances of all samples tell how many labels such an error loses and wins.
    pub(super) fn keeps(
        &mut self,
        model: &Model,
        floor: f64,
        listener: &mut Listener<'_>,
    ) -> Result<Option<f64>, Error> {
        self.tried += 1;
        let rehearsal = Rehearsal::new(model).map_err(refused)?;
        let step = self.samples.len().div_ceil(PROBES).max(1);
        let probes: Vec<&Sample<'a>> = self.samples.iter().step_by(step).collect();
        let (mut squares, mut done) = (0.0, 0);
        for batch in probes.chunks(BATCH) {
            listener.again()?;
            let errors = batch.par_iter().map(|sample| {
                let logits = rehearsal.logits(sample.input).map_err(refused)?;
                Ok(above_others(&logits, sample.float) - sample.margin)
            });
            let errors: Vec<f64> = errors.collect::<Result<_, Error>>()?;
            squares += errors.iter().map(|e| e * e).sum::<f64>();
            done += batch.len();
            let deviation = (squares / done as f64).sqrt();
            if self.expected(EARLY * deviation) < floor {
                return Ok(None);
            }
        }
        let expected = self.expected((squares / done.max(1) as f64).sqrt());
        Ok(Some(expected).filter(|e| *e >= floor))
    }

    /// The accuracy of the network as it is, on all samples; one outside the input's range is not found.
    pub(super) fn exact(
        &mut self,
        model: &Model,
        listener: &mut Listener<'_>,
    ) -> Result<f64, Error> {
        self.tried += 1;
        let oracle = Oracle::new(model).map_err(|e| Error::Quantise(e.to_string()))?;
        let found = |sample: &Sample<'_>| {
            let Ok(input) = model.graph.quantise_input(sample.input) else {
                return Ok(false);
            };
            let found = oracle.evaluate(&input);
            Ok(found.map_err(|e| Error::Quantise(e.to_string()))?.label == sample.wanted)
        };
        let mut right = 0;
        for batch in self.samples.chunks(BATCH) {
            listener.again()?;
            let found: Vec<bool> = batch.par_iter().map(found).collect::<Result<_, Error>>()?;
            right += found.into_iter().filter(|f| *f).count();
        }
        Ok(self.share(right))
    }

    /// The accuracy under an error of that standard deviation in the distance of logits.
    fn expected(&self, deviation: f64) -> f64 {
        if deviation <= 0.0 {
            return self.float_accuracy();
        }
        let lost = self.samples.iter().map(|sample| {
            let flips = beyond(sample.gap / deviation);
            if sample.right() { flips } else { -flips }
        });
        self.float_accuracy() - lost.sum::<f64>() / self.samples.len() as f64
    }

    fn share(&self, right: usize) -> f64 {
        right as f64 / self.samples.len() as f64
    }
}

fn sample<'a>(input: &'a [f32], logits: &[f64], label: Option<usize>) -> Sample<'a> {
    let best = logits
        .iter()
        .enumerate()
        .reduce(|best, next| if next.1 > best.1 { next } else { best });
    let float = best.map_or(0, |(label, _)| label);
    let wanted = label.unwrap_or(float);
    let margin = above_others(logits, float);
    let at = |label: usize| logits.get(label).copied().unwrap_or(f64::NEG_INFINITY);
    let gap = if float == wanted {
        margin
    } else {
        at(float) - at(wanted)
    };
    Sample {
        input,
        float,
        wanted,
        gap,
        margin,
    }
}

/// How far a logit is above all others.
fn above_others(logits: &[f64], label: usize) -> f64 {
    let own = logits.get(label).copied().unwrap_or(f64::NEG_INFINITY);
    let others = logits
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != label);
    let best = others.map(|(_, v)| *v).reduce(f64::max);
    // A network of one class has no other label.
    best.map_or(1.0, |best| own - best)
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

    #[test]
    fn errors_lose_narrow_labels_and_win_some_back() {
        let samples = [
            (vec![1.0, 0.0], Some(0)),
            (vec![0.0, 9.0], Some(1)),
            (vec![2.0, 4.0], Some(0)),
        ];
        let samples = samples
            .iter()
            .map(|(logits, label)| sample(&[], logits, *label));
        let judge = Judge {
            samples: samples.collect(),
            tried: 0,
        };
        assert_eq!(judge.float_accuracy(), 2.0 / 3.0);
        assert!((judge.expected(0.0) - 2.0 / 3.0).abs() < 1e-12);
        let want = (2.0 - 0.158_655_254 + 0.022_750_132) / 3.0;
        assert!((judge.expected(1.0) - want).abs() < 1e-6);
    }
}
