//! Networks that the small ones learn from, and the last training on all data.

use serde::{Deserialize, Serialize};

use super::memo::Memo;
use super::way::POLISHING;
use super::{Options, Shrunk};
use crate::data::{Dataset, Split};
use crate::error::{Error, check_option};
use crate::network::{Network, Weights};
use crate::report::{Event, Listener};
use crate::rng::Rng;
use crate::train::{Control, Options as TrainOptions, Teacher, train};

/// Keeps the teachers' random choices apart from all others.
const STREAM: u64 = 0x5445_4143;

/// How small networks learn from large ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Teaching {
    /// Share of the teachers' answers in the loss.
    pub weight: f32,
    /// All networks' logits are divided by it.
    pub temperature: f32,
    /// Teachers: the network the steps began with and others of its form, trained from other weights.
    pub networks: usize,
}

impl Default for Teaching {
    fn default() -> Self {
        Self {
            weight: 0.7,
            temperature: 2.0,
            networks: 1,
        }
    }
}

impl Teaching {
    pub(super) fn check(self) -> Result<(), Error> {
        let count = self.networks;
        check_option("teachers", count as f64, count > 0, "1 or more")
    }

    const fn with(self, networks: Vec<Network>) -> Teacher {
        Teacher {
            networks,
            weight: self.weight,
            temperature: self.temperature,
        }
    }
}

/// Training behind the steps of a way, under the teachers of its start.
pub(super) fn retrain(
    options: &Options,
    start: &Network,
    split: &Split,
    memo: &Memo,
    listener: &mut Listener<'_>,
) -> Result<TrainOptions, Error> {
    let Some(teaching) = options.teaching else {
        return Ok(options.retrain.clone());
    };
    let training = TrainOptions {
        epochs: POLISHING * options.retrain.epochs,
        ..options.retrain.clone()
    };
    let mut networks = vec![start.clone()];
    for number in 1..teaching.networks {
        networks.push(memo.run("teacher", &(start, &training, number), || {
            listener.stage(format!("training teacher {}", number + 1), 0.1, 0.1)?;
            let mut other = renewed(start, training.seed, number);
            let validation = Some(&split.validation);
            train(&mut other, &split.train, validation, &training, &mut |e| {
                listener.epoch(e, training.epochs)
            })?;
            listener.check()?;
            Ok(other)
        })?);
    }
    Ok(TrainOptions {
        teacher: Some(teaching.with(networks)),
        ..options.retrain.clone()
    })
}

/// A network of that form with other random weights.
fn renewed(network: &Network, seed: u64, number: usize) -> Network {
    let mut rng = Rng::new(seed, STREAM + number as u64);
    let mut network = network.clone();
    for layer in &mut network.layers {
        if let Some(weights) = layer.weights_mut() {
            let (outputs, inputs) = weights.matrix.dim();
            *weights = Weights::random(outputs, inputs, &mut rng);
        }
    }
    network
}

/// Trains the network found on all training data, the validation part included: its form, its widths and the
/// number of epochs were decided before, so nothing is left to be judged. The measures stay those from before.
/// With `teaching`, the float network that the steps began with and others of its form are trained on all
/// data first, and the small one learns from them as well.
///
/// # Errors
/// Those of training, [`Error::Stopped`] on request.
pub fn refit(
    found: &mut Shrunk,
    data: &Dataset,
    retrain: &TrainOptions,
    teaching: Option<Teaching>,
    progress: &mut dyn FnMut(&Event) -> Control,
) -> Result<(), Error> {
    let mut listener = Listener::new(progress);
    let embedded = found
        .projection
        .as_ref()
        .map(|p| data.embedded(p))
        .transpose()?;
    let data = embedded.as_ref().unwrap_or(data);
    let count = teaching.map_or(0, |t| t.networks);
    let part = |i: usize| i as f64 / (count + 1) as f64;
    let mut teachers = vec![];
    for number in 0..count {
        let stage = format!("training teacher {} on all data", number + 1);
        listener.stage(stage, part(number), part(number + 1))?;
        let mut large = match number {
            0 => found.start.clone(),
            _ => renewed(&found.start, retrain.seed, number),
        };
        train(&mut large, data, None, retrain, &mut |e| {
            listener.epoch(e, retrain.epochs)
        })?;
        listener.check()?;
        teachers.push(large);
    }
    let options = TrainOptions {
        formats: Some(found.formats.clone()),
        teacher: teaching.map(|t| t.with(teachers)),
        ..retrain.clone()
    };
    listener.stage("training on all data".to_owned(), part(count), 1.0)?;
    let mut network = found.network.clone();
    train(&mut network, data, None, &options, &mut |e| {
        listener.epoch(e, options.epochs)
    })?;
    listener.check()?;
    found.network = found.formats.round_weights(&network);
    Ok(())
}
