//! Training by stochastic gradient descent.
//!
//! A batch is cut into a fixed number of shards whose gradients are added in a fixed order, so the
//! result depends on the seed and the kind of machine, never on the number of threads.

pub mod checkpoint;
mod gradient;
mod optimiser;
pub mod qat;
mod run;

use serde::{Deserialize, Serialize};

pub use crate::network::RangePenalty;
pub use gradient::{Probe, loss};
pub use optimiser::{Optimiser, Schedule};
pub use run::{train, train_resumable};

use crate::error::{Error, check_option};
use crate::network::Network;

/// How to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Most passes over the training part.
    pub epochs: usize,
    /// Samples per step.
    pub batch: usize,
    /// The update rule.
    pub optimiser: Optimiser,
    /// Learning rate at the start.
    pub rate: f32,
    /// How the rate falls.
    pub schedule: Schedule,
    /// Share of every weight that a step of rate 1 takes away (decoupled).
    pub weight_decay: f32,
    /// Factor of the sum of absolute weights in the loss.
    pub l1: f32,
    /// Keeps pre-activations inside a range.
    pub range: Option<RangePenalty>,
    /// Stop after so many epochs without a better validation accuracy.
    pub patience: Option<usize>,
    /// Fixes every random choice.
    pub seed: u64,
    /// Fixed-point formats to train under.
    pub formats: Option<qat::Formats>,
    /// Networks to learn from as well.
    pub teacher: Option<Teacher>,
    /// Deviation of the normal noise that is added to every input value in training.
    pub noise: f32,
    /// The parameters kept are a running mean with this share of the old at every step [Polyak, Juditsky 1992].
    pub average: Option<f32>,
}

/// Larger networks whose answers, softened, are a second target [Hinton et al. 2015]: the mean of several
/// is a better one than any of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Teacher {
    /// Each takes the same samples and has as many outputs; at least one.
    pub networks: Vec<Network>,
    /// Share of their answers in the loss, the labels have the rest.
    pub weight: f32,
    /// All networks' logits are divided by it.
    pub temperature: f32,
}

impl Teacher {
    fn check(&self, student: &Network) -> Result<(), Error> {
        let share = (0.0..=1.0).contains(&self.weight);
        check_option(
            "teacher's weight",
            f64::from(self.weight),
            share,
            "in [0, 1]",
        )?;
        let t = self.temperature;
        check_option("temperature", f64::from(t), t > 0.0, "above 0")?;
        let form = |n: &Network| Ok::<_, Error>((n.input.iter().product::<usize>(), n.outputs()?));
        let count = self.networks.len();
        check_option("teachers", count as f64, count > 0, "1 or more")?;
        let own = form(student)?;
        for teacher in &self.networks {
            if form(teacher)? != own {
                return Err(Error::Data(
                    "the teacher has other inputs or outputs".to_owned(),
                ));
            }
        }
        Ok(())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            epochs: 20,
            batch: 64,
            optimiser: Optimiser::adam(),
            rate: 1e-3,
            schedule: Schedule::Cosine,
            weight_decay: 0.0,
            l1: 0.0,
            range: None,
            patience: None,
            seed: 1,
            formats: None,
            teacher: None,
            noise: 0.0,
            average: None,
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), Error> {
        let at_least_0 = |name, v: f32| check_option(name, f64::from(v), v >= 0.0, "0 or more");
        check_option("batch", self.batch as f64, self.batch > 0, "1 or more")?;
        check_option("rate", f64::from(self.rate), self.rate > 0.0, "above 0")?;
        at_least_0("weight decay", self.weight_decay)?;
        at_least_0("l1", self.l1)?;
        at_least_0("noise", self.noise)?;
        if let Some(a) = self.average {
            let ok = (0.0..1.0).contains(&a);
            check_option("average", f64::from(a), ok, "0 or more and below 1")?;
        }
        if let Some(range) = self.range {
            at_least_0("range limit", range.limit)?;
            at_least_0("range weight", range.weight)?;
        }
        self.optimiser.check()
    }
}

/// What one pass over the training part brought.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean cross entropy and penalties.
    pub loss: f64,
    /// Accuracy on the training batches as they came.
    pub train_accuracy: f64,
    /// Accuracy on the validation part, if there is one.
    pub validation_accuracy: Option<f64>,
}

/// How far training is; told behind every batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Batches of it that are done.
    pub batch: usize,
    /// Batches of an epoch.
    pub batches: usize,
    /// What the epoch brought, behind its last batch.
    pub finished: Option<Epoch>,
}

impl Tick {
    /// Epochs done, with the current one's share.
    #[must_use]
    pub fn done(&self) -> f64 {
        (self.epoch - 1) as f64 + self.batch as f64 / self.batches.max(1) as f64
    }
}

/// What training brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Validation accuracy before the first step, if there is a validation part.
    pub before: Option<f64>,
    /// Epoch whose parameters were kept (0: those before the first step).
    pub best: usize,
    /// Validation accuracy of the kept parameters.
    pub after: Option<f64>,
    /// Every epoch.
    pub epochs: Vec<Epoch>,
}

/// What a caller answers to progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Stop here; what is found so far is kept.
    Stop,
}
