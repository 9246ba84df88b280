//! Loss and gradient of a batch.

use ndarray::{Array2, ArrayRef2};
use rayon::prelude::*;

use super::Teacher;
use crate::error::Error;
use crate::network::{Gradient, Mode, Network, argmax};

/// Shards per batch. Fixed: the order of additions must not depend on the machine's threads.
const SHARDS: usize = 4;

/// A batch's loss and gradient.
pub(super) struct BatchResult {
    pub(super) gradients: Vec<Option<Gradient>>,
    /// Mean cross entropy and penalties.
    pub(super) loss: f64,
    /// Samples whose largest logit was the label's.
    pub(super) right: usize,
}

/// Mean cross entropy of softmax(logits) and its gradient, both divided by `batch`.
///
/// # Errors
/// [`Error::Data`] if a label has no logit.
pub fn loss(
    logits: &ArrayRef2<f32>,
    labels: &[usize],
    batch: usize,
) -> Result<(f64, Array2<f32>), Error> {
    let mut gradient = logits.to_owned();
    let mut sum = 0.0;
    let scale = 1.0 / batch.max(1) as f32;
    for (mut row, label) in gradient.outer_iter_mut().zip(labels) {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.mapv_inplace(|v| v - top);
        let total: f32 = row.iter().map(|v| v.exp()).sum();
        let Some(logit) = row.get(*label) else {
            return Err(Error::Data(format!("label {label} has no output")));
        };
        sum += f64::from(total.ln() - logit);
        row.mapv_inplace(|v| v.exp() / total);
        if let Some(p) = row.get_mut(*label) {
            *p -= 1.0;
        }
        row.mapv_inplace(|v| v * scale);
    }
    Ok((sum / batch.max(1) as f64, gradient))
}

/// The mean of the teachers' softened answers.
fn wanted(teacher: &Teacher, samples: &ArrayRef2<f32>) -> Result<Array2<f32>, Error> {
    let share = 1.0 / teacher.networks.len().max(1) as f32;
    let mut mean: Option<Array2<f32>> = None;
    for network in &teacher.networks {
        let answers = soft(&network.logits(samples)?, teacher.temperature) * share;
        mean = Some(match mean {
            Some(mean) => mean + answers,
            None => answers,
        });
    }
    mean.ok_or_else(|| Error::Data("there is no teacher".to_owned()))
}

/// Cross entropy between a network's softened answers and a target and its gradient, times the squared
/// temperature and divided by `batch`.
fn distance(
    logits: &ArrayRef2<f32>,
    target: &ArrayRef2<f32>,
    temperature: f32,
    batch: usize,
) -> (f64, Array2<f32>) {
    let scale = temperature / batch.max(1) as f32;
    let own = soft(logits, temperature);
    let entropy: f64 = own
        .iter()
        .zip(target)
        .map(|(own, target)| -f64::from(*target) * f64::from(own.max(f32::MIN_POSITIVE)).ln())
        .sum();
    (
        entropy * f64::from(scale * temperature),
        (own - target) * scale,
    )
}

/// softmax(logits / temperature), row by row.
fn soft(logits: &ArrayRef2<f32>, temperature: f32) -> Array2<f32> {
    let mut soft = logits.to_owned();
    for mut row in soft.outer_iter_mut() {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.mapv_inplace(|v| ((v - top) / temperature).exp());
        let total = row.sum();
        row.mapv_inplace(|v| v / total);
    }
    soft
}

/// Loss and gradient of one batch; `step` numbers the batches of the whole run.
pub(super) fn batch(
    network: &Network,
    shapes: &[Vec<usize>],
    samples: &ArrayRef2<f32>,
    labels: &[usize],
    mode: &Mode<'_>,
    teacher: Option<&Teacher>,
    step: u64,
) -> Result<BatchResult, Error> {
    let size = labels.len();
    let shard = size.div_ceil(SHARDS).max(1);
    let parts: Vec<_> = samples
        .axis_chunks_iter(ndarray::Axis(0), shard)
        .zip(labels.chunks(shard))
        .enumerate()
        .collect();
    let results: Vec<Result<BatchResult, Error>> = parts
        .into_par_iter()
        .map(|(i, (samples, labels))| {
            let dropout = mode
                .dropout
                .map(|[seed, _]| [seed, step * SHARDS as u64 + i as u64]);
            let mode = Mode { dropout, ..*mode };
            let tape = network.forward(shapes, samples.to_owned(), &mode)?;
            let logits = tape.logits();
            let right = logits
                .outer_iter()
                .zip(labels)
                .filter(|(row, label)| argmax(row.iter().copied()) == **label)
                .count();
            let (mut loss, mut dy) = loss(&logits, labels, size)?;
            if let Some(teacher) = teacher {
                let wanted = wanted(teacher, &samples)?;
                let (soft, soft_dy) = distance(&logits, &wanted, teacher.temperature, size);
                let share = teacher.weight;
                loss = f64::from(1.0 - share) * loss + f64::from(share) * soft;
                dy = dy * (1.0 - share) + soft_dy * share;
            }
            let (gradients, penalty) = network.backward(shapes, &tape, dy, &mode, size)?;
            Ok(BatchResult {
                gradients,
                loss: loss + penalty,
                right,
            })
        })
        .collect();
    let mut total: Option<BatchResult> = None;
    for result in results {
        let result = result?;
        match &mut total {
            None => total = Some(result),
            Some(total) => total.add(&result),
        }
    }
    total.ok_or_else(|| Error::Data("a batch is empty".to_owned()))
}

impl BatchResult {
    fn add(&mut self, other: &Self) {
        for (a, b) in self.gradients.iter_mut().zip(&other.gradients) {
            if let (Some(a), Some(b)) = (a, b) {
                a.add(b);
            }
        }
        self.loss += other.loss;
        self.right += other.right;
    }
}

/// Loss and gradients of one batch at a time, without training.
#[derive(Debug, Clone)]
pub struct Probe {
    shapes: Vec<Vec<usize>>,
    teacher: Option<Teacher>,
}

impl Probe {
    /// For networks of this one's form.
    ///
    /// # Errors
    /// [`Error::Shape`] if a layer does not fit.
    pub fn new(network: &Network) -> Result<Self, Error> {
        Ok(Self {
            shapes: network.shapes()?,
            teacher: None,
        })
    }

    /// With a second target.
    #[must_use]
    pub fn with_teacher(self, teacher: Teacher) -> Self {
        Self {
            teacher: Some(teacher),
            ..self
        }
    }

    /// Mean cross entropy and penalties, as in training.
    ///
    /// # Errors
    /// As training.
    pub fn loss(
        &self,
        network: &Network,
        samples: &ArrayRef2<f32>,
        labels: &[usize],
        mode: &Mode<'_>,
    ) -> Result<f64, Error> {
        Ok(batch(
            network,
            &self.shapes,
            samples,
            labels,
            mode,
            self.teacher.as_ref(),
            0,
        )?
        .loss)
    }

    /// The parameters' gradients, one entry per layer.
    ///
    /// # Errors
    /// As training.
    pub fn gradients(
        &self,
        network: &Network,
        samples: &ArrayRef2<f32>,
        labels: &[usize],
        mode: &Mode<'_>,
    ) -> Result<Vec<Option<Gradient>>, Error> {
        Ok(batch(
            network,
            &self.shapes,
            samples,
            labels,
            mode,
            self.teacher.as_ref(),
            0,
        )?
        .gradients)
    }
}
