//! The training loop.

use std::borrow::Cow;

use super::optimiser::State;
use super::{Control, Epoch, Options, Report, gradient};
use crate::data::Dataset;
use crate::error::Error;
use crate::network::{Mode, Network};
use crate::rng::Rng;

/// Trains `network` in place and keeps the parameters of the best validation accuracy (without a
/// validation part: the last ones). `progress` hears of every epoch.
///
/// # Errors
/// [`Error::Option`] for options out of range, [`Error::Shape`] or [`Error::Data`] if network and data
/// do not fit, [`Error::NotFinite`] if the loss diverges.
pub fn train(
    network: &mut Network,
    data: &Dataset,
    validation: Option<&Dataset>,
    options: &Options,
    progress: &mut dyn FnMut(&Epoch) -> Control,
) -> Result<Report, Error> {
    options.check()?;
    network.check(data)?;
    let mut run = Run::new(network, validation, options)?;
    while run.done < options.epochs && !run.is_stale() {
        let epoch = run.epoch(data)?;
        if progress(&epoch) == Control::Stop {
            break;
        }
    }
    *network = run.best;
    Ok(run.report)
}

/// A run between two epochs.
struct Run<'a> {
    options: &'a Options,
    validation: Option<&'a Dataset>,
    shapes: Vec<Vec<usize>>,
    network: Network,
    state: State,
    best: Network,
    done: usize,
    report: Report,
}

impl<'a> Run<'a> {
    fn new(
        network: &Network,
        validation: Option<&'a Dataset>,
        options: &'a Options,
    ) -> Result<Self, Error> {
        let mut network = network.clone();
        for layer in &mut network.layers {
            if let Some(w) = layer.weights_mut() {
                w.apply_mask();
            }
        }
        let mut run = Self {
            options,
            validation,
            shapes: network.shapes()?,
            state: State::new(&network),
            best: network.clone(),
            network,
            done: 0,
            report: Report {
                before: None,
                best: 0,
                after: None,
                epochs: vec![],
            },
        };
        run.report.before = run.validate()?;
        run.report.after = run.report.before;
        Ok(run)
    }

    fn mode(&self, training: bool) -> Mode<'a> {
        Mode {
            dropout: training.then_some([self.options.seed, 0]),
            range: self.options.range.filter(|_| training),
            formats: self.options.formats.as_ref().map(|f| f.values.as_slice()),
        }
    }

    /// The network that is evaluated: its weights rounded, if formats are given.
    fn effective(&self) -> Cow<'_, Network> {
        self.options
            .formats
            .as_ref()
            .map_or(Cow::Borrowed(&self.network), |f| {
                Cow::Owned(f.round_weights(&self.network))
            })
    }

    fn validate(&self) -> Result<Option<f64>, Error> {
        let mode = self.mode(false);
        self.validation
            .map(|v| self.effective().accuracy_in(v, &mode))
            .transpose()
    }

    fn is_stale(&self) -> bool {
        self.options
            .patience
            .is_some_and(|p| self.done >= self.report.best + p.max(1))
    }

    fn epoch(&mut self, data: &Dataset) -> Result<Epoch, Error> {
        let mut order: Vec<usize> = (0..data.len()).collect();
        Rng::new(self.options.seed, 0x4550_0000 + self.done as u64).shuffle(&mut order);
        let batches = order.len().div_ceil(self.options.batch) as u64;
        let steps = batches * self.options.epochs as u64;
        let mode = self.mode(true);
        let (mut loss, mut right) = (0.0, 0);
        for rows in order.chunks(self.options.batch) {
            let batch = data.select(rows);
            let step = self.state.steps;
            let result = gradient::batch(
                &self.effective(),
                &self.shapes,
                &batch.samples(),
                batch.labels(),
                &mode,
                step,
            )?;
            if !result.loss.is_finite() {
                return Err(Error::NotFinite {
                    what: "the loss".to_owned(),
                    place: format!(
                        "epoch {}, step {step}: a lower rate may help",
                        self.done + 1
                    ),
                });
            }
            let rate = self.options.rate * self.options.schedule.factor(step, steps);
            self.state
                .step(&mut self.network, &result.gradients, self.options, rate);
            loss += result.loss * rows.len() as f64;
            right += result.right;
        }
        self.done += 1;
        let epoch = Epoch {
            epoch: self.done,
            loss: loss / order.len() as f64,
            train_accuracy: right as f64 / order.len() as f64,
            validation_accuracy: self.validate()?,
        };
        if epoch.validation_accuracy.is_none() || epoch.validation_accuracy > self.report.after {
            self.best = self.network.clone();
            self.report.best = self.done;
            self.report.after = epoch.validation_accuracy;
        }
        self.report.epochs.push(epoch);
        Ok(epoch)
    }
}
