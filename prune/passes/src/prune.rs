//! Pruning: drops the weights, or whole neurons and channels, that matter least; trains on; repeats.
//!
//! [Han et al. 2015], as DeepSecure's second off-line step; the gradual schedule is [Zhu, Gupta 2017]'s.

mod mask;
mod saliency;
mod units;

use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::compact::compact;
use crate::data::Split;
use crate::error::{Error, check_option};
use crate::network::{Mode, Network};
use crate::report::{CostModel, Event, Listener, Measure, PassReport};
use crate::train::checkpoint::{self, Key};
use crate::train::{Control, Options as TrainOptions, Tick, train, train_resumable};

/// What is dropped at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Granularity {
    /// Single weights: the sparsity map becomes public.
    Weights,
    /// Neurons and channels: the network becomes smaller and stays dense.
    Units,
}

/// Among which weights the least important are sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// In each layer the same share.
    Layer,
    /// One threshold for the magnitudes of all layers.
    Global,
    /// One threshold for magnitudes relative to what is left of the layer [Lee et al. 2021, LAMP]:
    /// no layer is emptied while others are dense.
    Relative,
    /// One threshold for the estimated growth of the loss per multiplication saved. Shares then count
    /// multiplications: one weight of a convolution stands for many.
    Loss,
}

/// How to prune.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Share of the weights (of the units; of the multiplications, with [`Scope::Loss`]) that is dropped in
    /// the end, counted over the layers pruned.
    pub sparsity: f64,
    /// What is dropped at a time.
    pub granularity: Granularity,
    /// Among which the least important are sought.
    pub scope: Scope,
    /// In how many steps, with training behind each.
    pub steps: usize,
    /// Layers (by index) that stay as they are.
    pub keep: Vec<usize>,
    /// Most validation accuracy that may be lost: the last network within it is returned.
    pub max_drop: Option<f64>,
    /// Training behind each step.
    pub retrain: TrainOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sparsity: 0.9,
            granularity: Granularity::Weights,
            scope: Scope::Relative,
            steps: 5,
            keep: vec![],
            max_drop: None,
            retrain: TrainOptions {
                epochs: 4,
                ..TrainOptions::default()
            },
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), Error> {
        let s = self.sparsity;
        check_option("sparsity", s, (0.0..1.0).contains(&s), "in [0, 1)")?;
        check_option("steps", self.steps as f64, self.steps > 0, "1 or more")?;
        self.max_drop.map_or(Ok(()), |d| {
            check_option("max drop", d, d >= 0.0, "0 or more")
        })
    }

    /// Share that is dropped after step `step` of 1..=steps: most in the first steps.
    fn share(&self, step: usize) -> f64 {
        let left = 1.0 - step as f64 / self.steps as f64;
        self.sparsity * (1.0 - left.powi(3))
    }
}

/// What decides which weights go.
struct Guide {
    scope: Scope,
    saliency: Option<Vec<Option<Array2<f32>>>>,
    uses: Vec<usize>,
}

impl Guide {
    fn new(network: &Network, split: &Split, options: &Options) -> Result<Self, Error> {
        let formats = options.retrain.formats.as_ref();
        let mode = Mode {
            formats: formats.map(|f| f.values.as_slice()),
            ..Mode::default()
        };
        let rounded = formats.map(|f| f.round_weights(network));
        let evaluated = rounded.as_ref().unwrap_or(network);
        let saliency = match options.scope {
            Scope::Loss => Some(saliency::estimate(evaluated, &split.train, &mode)?),
            Scope::Layer | Scope::Global | Scope::Relative => None,
        };
        Ok(Self {
            scope: options.scope,
            saliency,
            uses: saliency::uses(network)?,
        })
    }

    fn saliency(&self, layer: usize) -> Option<&Array2<f32>> {
        self.saliency.as_ref()?.get(layer)?.as_ref()
    }

    /// What dropping one weight of the layer saves.
    fn saves(&self, layer: usize) -> f64 {
        match self.scope {
            Scope::Loss => self.uses.get(layer).map_or(1.0, |u| *u as f64),
            Scope::Layer | Scope::Global | Scope::Relative => 1.0,
        }
    }
}

/// Prunes `network` in place. Where the retraining has fixed-point formats, accuracy is under them.
///
/// # Errors
/// [`Error::Option`] for options out of range, those of training, [`Error::Stopped`] on request (the
/// network is then unchanged).
pub fn prune(
    network: &mut Network,
    split: &Split,
    options: &Options,
    model: &dyn CostModel,
    progress: &mut dyn FnMut(&Event) -> Control,
) -> Result<PassReport, Error> {
    run(network, split, options, model, None, progress)
}

/// As [`prune`]; finished steps are written to `path`, the training behind the current one beside it
/// (`.training`), and a pass that was stopped goes on from there. The result is the same as of one that never was.
///
/// # Errors
/// As [`prune`]; [`Error::Checkpoint`] if a file is damaged or belongs to another pass.
pub fn prune_resumable(
    network: &mut Network,
    split: &Split,
    options: &Options,
    model: &dyn CostModel,
    path: &Path,
    progress: &mut dyn FnMut(&Event) -> Control,
) -> Result<PassReport, Error> {
    run(network, split, options, model, Some(path), progress)
}

/// A pass between two steps.
#[derive(Serialize, Deserialize)]
struct State {
    current: Network,
    /// Share that is gone.
    dropped: f64,
    /// The last network within the budget, and its share.
    best: Option<(Network, f64)>,
    /// Steps done.
    steps: usize,
    /// The budget is used up.
    ended: bool,
}

fn run(
    network: &mut Network,
    split: &Split,
    options: &Options,
    model: &dyn CostModel,
    path: Option<&Path>,
    progress: &mut dyn FnMut(&Event) -> Control,
) -> Result<PassReport, Error> {
    options.check()?;
    let formats = options.retrain.formats.as_ref();
    let mut listener = Listener::new(progress);
    let before = Measure::of(network, &split.validation, formats, model)?;
    let mut state = State {
        current: network.clone(),
        dropped: 0.0,
        best: None,
        steps: 0,
        ended: false,
    };
    let place = path
        .map(|path| {
            let parts = [Some(&split.train), Some(&split.validation)];
            Key::new(&(&*network, options), &parts).map(|key| (path, key))
        })
        .transpose()?;
    if let Some((path, key)) = place
        && let Some(saved) = checkpoint::load(path, key)?
    {
        state = saved;
    }
    while state.steps < options.steps && !state.ended {
        state.step(split, options, before.accuracy, path, &mut listener)?;
        if let Some((path, key)) = place {
            checkpoint::save(path, key, &state)?;
            // The step stands in the checkpoint; a leftover harms nobody.
            drop(std::fs::remove_file(beside(path)));
        }
    }
    let reached = state.best.as_ref().map_or(0.0, |(_, share)| *share);
    if let Some((found, _)) = state.best {
        *network = found;
    }
    let what = match options.granularity {
        Granularity::Weights => "weights",
        Granularity::Units => "units",
    };
    Ok(PassReport {
        pass: format!("prune {:.1} % of the {what}", 100.0 * reached),
        before,
        after: Measure::of(network, &split.validation, formats, model)?,
    })
}

/// Where the training behind a step is kept.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".training");
    PathBuf::from(name)
}

impl State {
    /// The next step: drops, trains on, judges.
    fn step(
        &mut self,
        split: &Split,
        options: &Options,
        accuracy_before: f64,
        path: Option<&Path>,
        listener: &mut Listener<'_>,
    ) -> Result<(), Error> {
        let step = self.steps + 1;
        let share = options.share(step);
        let at = |s: usize| s as f64 / options.steps as f64;
        let stage = format!("{:.1} % dropped", 100.0 * share);
        listener.stage(stage, at(step - 1), at(step))?;
        let mut current = self.current.clone();
        let guide = Guide::new(&current, split, options)?;
        match options.granularity {
            Granularity::Weights => mask::drop(&mut current, share, &guide, &options.keep),
            Granularity::Units => {
                // The share of what the last step left.
                let part = (share - self.dropped) / (1.0 - self.dropped);
                units::drop(&mut current, part, &guide, &options.keep);
                compact(&mut current)?;
            }
        }
        let retrain = TrainOptions {
            seed: options.retrain.seed + step as u64,
            ..options.retrain.clone()
        };
        let validation = Some(&split.validation);
        let mut tell = |tick: &Tick| listener.epoch(tick, retrain.epochs);
        match path {
            Some(path) => {
                let path = beside(path);
                train_resumable(
                    &mut current,
                    &split.train,
                    validation,
                    &retrain,
                    &path,
                    &mut tell,
                )?;
            }
            None => {
                train(&mut current, &split.train, validation, &retrain, &mut tell)?;
            }
        }
        listener.check()?;
        let formats = options.retrain.formats.as_ref();
        let accuracy = Measure::accuracy(&current, &split.validation, formats)?;
        self.steps = step;
        self.dropped = share;
        if options
            .max_drop
            .is_some_and(|d| accuracy < accuracy_before - d)
        {
            self.ended = true;
        } else {
            self.best = Some((current.clone(), share));
        }
        self.current = current;
        Ok(())
    }
}
