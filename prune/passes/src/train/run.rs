//! The training loop.

use std::borrow::Cow;
use std::path::Path;

use ndarray::{CowArray, Ix2};
use serde::{Deserialize, Serialize};

use super::checkpoint::{self, Key};
use super::optimiser::State;
use super::{Control, Epoch, Options, Report, Tick, gradient};
use crate::data::Dataset;
use crate::error::Error;
use crate::network::{Mode, Network};
use crate::rng::Rng;

/// Trains `network` in place and keeps the parameters of the best validation accuracy (without a
/// validation part: the last ones). `progress` hears of every batch and may stop behind each.
///
/// # Errors
/// [`Error::Option`] for options out of range, [`Error::Shape`] or [`Error::Data`] if network and data
/// do not fit, [`Error::NotFinite`] if the loss diverges.
pub fn train(
    network: &mut Network,
    data: &Dataset,
    validation: Option<&Dataset>,
    options: &Options,
    progress: &mut dyn FnMut(&Tick) -> Control,
) -> Result<Report, Error> {
    Run::new(network, data, validation, options)?.finish(network, None, progress)
}

/// As [`train`]; the run is written to `path` after every epoch and where it is stopped, and continues from
/// there if the file exists. The result is the same as of a run that was never interrupted.
///
/// # Errors
/// As [`train`]; [`Error::Checkpoint`] if the file is damaged or belongs to another run.
pub fn train_resumable(
    network: &mut Network,
    data: &Dataset,
    validation: Option<&Dataset>,
    options: &Options,
    path: &Path,
    progress: &mut dyn FnMut(&Tick) -> Control,
) -> Result<Report, Error> {
    let key = Key::new(&(&*network, options), &[Some(data), validation])?;
    let mut run = Run::new(network, data, validation, options)?;
    if let Some(saved) = checkpoint::load::<Progress>(path, key)? {
        if !saved.state.fits(network) {
            let reason = "its network has another form".to_owned();
            return Err(Error::Checkpoint {
                path: path.to_owned(),
                reason,
            });
        }
        run.at = saved;
    }
    run.finish(network, Some((path, key)), progress)
}

/// A run between two batches.
struct Run<'a> {
    options: &'a Options,
    data: &'a Dataset,
    validation: Option<&'a Dataset>,
    shapes: Vec<Vec<usize>>,
    at: Progress,
}

/// What changes from batch to batch.
#[derive(Serialize, Deserialize)]
struct Progress {
    network: Network,
    /// The running mean, if one is wanted.
    mean: Option<Network>,
    state: State,
    best: Network,
    /// Whole epochs done.
    done: usize,
    /// What was done of the next.
    part: Part,
    report: Report,
}

/// An epoch that is not finished.
#[derive(Default, Serialize, Deserialize)]
struct Part {
    batches: usize,
    loss: f64,
    right: usize,
}

impl<'a> Run<'a> {
    fn new(
        network: &Network,
        data: &'a Dataset,
        validation: Option<&'a Dataset>,
        options: &'a Options,
    ) -> Result<Self, Error> {
        options.check()?;
        network.check(data)?;
        if let Some(teacher) = &options.teacher {
            teacher.check(network)?;
        }
        let mut network = network.clone();
        for layer in &mut network.layers {
            if let Some(w) = layer.weights_mut() {
                w.apply_mask();
            }
        }
        let report = Report {
            before: None,
            best: 0,
            after: None,
            epochs: vec![],
        };
        let mut run = Self {
            options,
            data,
            validation,
            shapes: network.shapes()?,
            at: Progress {
                state: State::new(&network),
                best: network.clone(),
                mean: options.average.map(|_| network.clone()),
                network,
                done: 0,
                part: Part::default(),
                report,
            },
        };
        run.at.report.before = run.validate()?;
        run.at.report.after = run.at.report.before;
        Ok(run)
    }

    fn finish(
        mut self,
        network: &mut Network,
        checkpoint: Option<(&Path, Key)>,
        progress: &mut dyn FnMut(&Tick) -> Control,
    ) -> Result<Report, Error> {
        while self.at.done < self.options.epochs && !self.is_stale() {
            let going = self.epoch(progress)?;
            if let Some((path, key)) = checkpoint {
                checkpoint::save(path, key, &self.at)?;
            }
            if going == Control::Stop {
                break;
            }
        }
        *network = self.at.best;
        Ok(self.at.report)
    }

    fn mode(&self, training: bool) -> Mode<'a> {
        Mode {
            dropout: training.then_some([self.options.seed, 0]),
            range: self.options.range.filter(|_| training),
            formats: self.options.formats.as_ref().map(|f| f.values.as_slice()),
        }
    }

    /// The network that is evaluated: its weights rounded, if formats are given.
    fn effective<'n>(&self, network: &'n Network) -> Cow<'n, Network> {
        let formats = self.options.formats.as_ref();
        formats.map_or(Cow::Borrowed(network), |f| {
            Cow::Owned(f.round_weights(network))
        })
    }

    /// The network that is kept and judged.
    fn result(&self) -> &Network {
        self.at.mean.as_ref().unwrap_or(&self.at.network)
    }

    fn validate(&self) -> Result<Option<f64>, Error> {
        let mode = self.mode(false);
        self.validation
            .map(|v| self.effective(self.result()).accuracy_in(v, &mode))
            .transpose()
    }

    fn is_stale(&self) -> bool {
        self.options
            .patience
            .is_some_and(|p| self.at.done >= self.at.report.best + p.max(1))
    }

    /// A batch's samples with noise, if it is wanted.
    fn disturbed<'b>(&self, batch: &'b Dataset, step: u64) -> CowArray<'b, f32, Ix2> {
        let deviation = self.options.noise;
        if deviation == 0.0 {
            return batch.samples().into();
        }
        let mut rng = Rng::new(self.options.seed ^ 0x4e4f_4953, step);
        let mut samples = batch.samples().to_owned();
        samples.mapv_inplace(|v| v + deviation * rng.normal());
        samples.into()
    }

    /// Moves the running mean; in the first steps it forgets faster, so that the start does not linger.
    fn average(&mut self, step: u64) {
        let (Some(wanted), Some(mean)) = (self.options.average, &mut self.at.mean) else {
            return;
        };
        let keep = wanted.min((step as f32 + 1.0) / (step as f32 + 10.0));
        for (mean, now) in mean.layers.iter_mut().zip(&self.at.network.layers) {
            if let (Some(mean), Some(now)) = (mean.weights_mut(), now.weights()) {
                mean.matrix
                    .zip_mut_with(&now.matrix, |m, w| *m += (1.0 - keep) * (w - *m));
                mean.bias
                    .zip_mut_with(&now.bias, |m, w| *m += (1.0 - keep) * (w - *m));
            }
        }
    }

    /// What is left of the current epoch, or of it until `progress` says stop.
    fn epoch(&mut self, progress: &mut dyn FnMut(&Tick) -> Control) -> Result<Control, Error> {
        let mut order: Vec<usize> = (0..self.data.len()).collect();
        Rng::new(self.options.seed, 0x4550_0000 + self.at.done as u64).shuffle(&mut order);
        let batches = order.len().div_ceil(self.options.batch);
        let steps = (batches * self.options.epochs) as u64;
        let mut tick = Tick {
            epoch: self.at.done + 1,
            batch: self.at.part.batches,
            batches,
            finished: None,
        };
        for rows in order.chunks(self.options.batch).skip(tick.batch) {
            self.batch(rows, steps)?;
            tick.batch = self.at.part.batches;
            if tick.batch < batches && progress(&tick) == Control::Stop {
                return Ok(Control::Stop);
            }
        }
        let part = std::mem::take(&mut self.at.part);
        self.at.done += 1;
        let epoch = Epoch {
            epoch: self.at.done,
            loss: part.loss / order.len() as f64,
            train_accuracy: part.right as f64 / order.len() as f64,
            validation_accuracy: self.validate()?,
        };
        if epoch.validation_accuracy.is_none() || epoch.validation_accuracy > self.at.report.after {
            self.at.best = self.result().clone();
            self.at.report.best = self.at.done;
            self.at.report.after = epoch.validation_accuracy;
        }
        self.at.report.epochs.push(epoch);
        tick.finished = Some(epoch);
        Ok(progress(&tick))
    }

    /// One step on the samples of these rows; the rate falls over so many `steps`.
    fn batch(&mut self, rows: &[usize], steps: u64) -> Result<(), Error> {
        let batch = self.data.select(rows);
        let step = self.at.state.steps;
        let samples = self.disturbed(&batch, step);
        let result = gradient::batch(
            &self.effective(&self.at.network),
            &self.shapes,
            &samples,
            batch.labels(),
            &self.mode(true),
            self.options.teacher.as_ref(),
            step,
        )?;
        if !result.loss.is_finite() {
            return Err(Error::NotFinite {
                what: "the loss".to_owned(),
                place: format!(
                    "epoch {}, step {step}: a lower rate may help",
                    self.at.done + 1
                ),
            });
        }
        let rate = self.options.rate * self.options.schedule.factor(step, steps);
        self.at
            .state
            .step(&mut self.at.network, &result.gradients, self.options, rate);
        self.average(step);
        let part = &mut self.at.part;
        part.batches += 1;
        part.loss += result.loss * rows.len() as f64;
        part.right += result.right;
        Ok(())
    }
}
