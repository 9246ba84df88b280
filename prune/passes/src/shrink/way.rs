//! One way down: units, weights, bits, weights again.

use serde::{Deserialize, Serialize};

use super::memo::Memo;
use super::{AFTER_PRUNING, Options, weight};
use crate::data::Split;
use crate::error::Error;
use crate::network::Network;
use crate::prune::{self, Granularity, Scope};
use crate::report::{CostModel, Listener, Measure, PassReport};
use crate::train::qat::{Formats, Widths};
use crate::train::{Options as TrainOptions, train};
use crate::widths;

/// What a step keeps of the multiplications at first; it becomes gentler when that is too much.
const FIRST_RATIO: f64 = 0.5;
const LAST_RATIO: f64 = 0.85;
/// The last training is so many times as long as that behind a step.
pub(super) const POLISHING: usize = 4;

/// A network on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Candidate {
    pub(super) network: Network,
    pub(super) formats: Option<Formats>,
    pub(super) measure: Measure,
}

/// One way, its data and its steps so far.
pub(super) struct Way<'a> {
    pub(super) name: &'static str,
    pub(super) split: &'a Split,
    pub(super) options: &'a Options,
    pub(super) model: &'a dyn CostModel,
    pub(super) memo: &'a Memo,
    /// Training behind each step.
    pub(super) retrain: TrainOptions,
    /// Accuracy before anything.
    pub(super) floor: f64,
    /// Cost below which nothing more need go.
    pub(super) goal: u64,
    /// Part of the whole search's progress.
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) steps: Vec<PassReport>,
}

impl Way<'_> {
    /// The cheapest network on this way that keeps the budget; none if not even the widest formats do.
    pub(super) fn go(
        &mut self,
        network: &Network,
        listener: &mut Listener<'_>,
    ) -> Result<Option<Candidate>, Error> {
        let measure = Measure::of(network, &self.split.validation, None, self.model)?;
        let mut at = Candidate {
            network: network.clone(),
            formats: None,
            measure,
        };
        if self.options.units {
            at = self.tighten(at, Granularity::Units, AFTER_PRUNING, [0.0, 0.2], listener)?;
        }
        if self.options.weights {
            at = self.tighten(
                at,
                Granularity::Weights,
                AFTER_PRUNING,
                [0.2, 0.5],
                listener,
            )?;
        }
        let Some(mut at) = self.narrow(&at, listener)? else {
            return Ok(None);
        };
        if self.options.weights {
            at = self.tighten(at, Granularity::Weights, 1.0, [0.75, 0.9], listener)?;
        }
        Ok(Some(self.polish(at, listener)?))
    }

    /// Trains the network found for longer and rounds its weights for good.
    fn polish(&mut self, at: Candidate, listener: &mut Listener<'_>) -> Result<Candidate, Error> {
        let Some(formats) = at.formats.clone() else {
            return Ok(at);
        };
        let retrain = TrainOptions {
            formats: Some(formats.clone()),
            epochs: POLISHING * self.retrain.epochs,
            ..self.retrain.clone()
        };
        let [from, to] = [self.place(0.9), self.place(1.0)];
        let name = format!("{}-polish", self.name);
        let polished: Candidate = self.memo.run(&name, &(&at, &retrain), || {
            listener.stage("training to the end".to_owned(), from, to)?;
            let mut network = at.network.clone();
            let validation = Some(&self.split.validation);
            train(
                &mut network,
                &self.split.train,
                validation,
                &retrain,
                &mut |e| listener.epoch(e, retrain.epochs),
            )?;
            listener.check()?;
            let network = formats.round_weights(&network);
            let validation = &self.split.validation;
            let measure = Measure::of(&network, validation, Some(&formats), self.model)?;
            Ok(Candidate {
                network,
                formats: Some(formats.clone()),
                measure,
            })
        })?;
        self.steps.push(PassReport {
            pass: "training to the end".to_owned(),
            before: at.measure,
            after: polished.measure,
        });
        Ok(polished)
    }

    /// The share of the budget that a stage may use up, as an accuracy.
    fn wanted(&self, share: f64) -> f64 {
        self.floor - share * self.options.max_drop
    }

    fn place(&self, part: f64) -> f64 {
        self.from + (self.to - self.from) * part
    }

    /// Drops half of what is left while the accuracy holds, then gentler shares.
    fn tighten(
        &mut self,
        start: Candidate,
        granularity: Granularity,
        share: f64,
        [from, to]: [f64; 2],
        listener: &mut Listener<'_>,
    ) -> Result<Candidate, Error> {
        let mut at = start;
        let mut ratio = FIRST_RATIO;
        let mut tries = 0;
        while ratio <= LAST_RATIO && weight(&at.measure.cost) > self.goal {
            let part = 1.0 - 0.8_f64.powi(tries);
            tries += 1;
            let here = self.place(from + (to - from) * part);
            let (next, report) = self.drop(&at, granularity, ratio, here, listener)?;
            let good = next.measure.accuracy >= self.wanted(share)
                && weight(&next.measure.cost) < weight(&at.measure.cost);
            if good {
                self.steps.push(report);
                at = next;
            } else {
                ratio = ratio.sqrt();
            }
        }
        Ok(at)
    }

    fn drop(
        &self,
        at: &Candidate,
        granularity: Granularity,
        ratio: f64,
        here: f64,
        listener: &mut Listener<'_>,
    ) -> Result<(Candidate, PassReport), Error> {
        let sparsity = match granularity {
            Granularity::Units => 1.0 - ratio,
            // Shares count what was dropped before as well.
            Granularity::Weights => 1.0 - ratio * alive(&at.network)?,
        };
        let options = prune::Options {
            sparsity,
            granularity,
            scope: Scope::Loss,
            steps: 1,
            keep: vec![],
            max_drop: None,
            retrain: TrainOptions {
                formats: at.formats.clone(),
                ..self.retrain.clone()
            },
        };
        let name = format!("{}-prune", self.name);
        self.memo.run(&name, &(at, &options), || {
            let mut network = at.network.clone();
            let report = prune::prune(&mut network, self.split, &options, self.model, &mut |e| {
                listener.nested(e, here, here)
            })?;
            let measure = report.after;
            Ok((
                Candidate {
                    network,
                    formats: at.formats.clone(),
                    measure,
                },
                report,
            ))
        })
    }

    /// Narrower and narrower weights, then values, while the accuracy holds; the cheapest that keeps it.
    fn narrow(
        &mut self,
        at: &Candidate,
        listener: &mut Listener<'_>,
    ) -> Result<Option<Candidate>, Error> {
        let mut best: Option<Candidate> = None;
        let Some(widest) = self.options.value_bits.first().copied() else {
            return Ok(None);
        };
        let mut chosen = None;
        let mut failures = 0;
        for weights in self.options.weight_bits.clone() {
            match self.try_widths(at, [widest, weights], best.as_ref(), 0.6, listener)? {
                Some(found) => {
                    (chosen, best, failures) = (Some(weights), Some(found), 0);
                }
                None => failures += 1,
            }
            // One failure may be chance.
            if best.is_some() && failures == 2 {
                break;
            }
        }
        let Some(weights) = chosen else {
            return Ok(None);
        };
        for values in self.options.value_bits.clone().into_iter().skip(1) {
            match self.try_widths(at, [values, weights], best.as_ref(), 0.7, listener)? {
                Some(found) => best = Some(found),
                None => break,
            }
        }
        Ok(best)
    }

    fn try_widths(
        &mut self,
        at: &Candidate,
        [values, weights]: [u32; 2],
        best: Option<&Candidate>,
        part: f64,
        listener: &mut Listener<'_>,
    ) -> Result<Option<Candidate>, Error> {
        let options = widths::Options {
            widths: Widths {
                values,
                weights,
                margin: 1,
            },
            retrain: self.retrain.clone(),
        };
        let name = format!("{}-narrow", self.name);
        let here = self.place(part);
        let found: Option<(Candidate, PassReport)> =
            self.memo.run(&name, &(at, &options), || {
                let mut network = at.network.clone();
                let tell = &mut |e: &_| listener.nested(e, here, here);
                match widths::narrow(&mut network, self.split, &options, self.model, tell) {
                    Ok((formats, report)) => {
                        let measure = report.after;
                        Ok(Some((
                            Candidate {
                                network,
                                formats: Some(formats),
                                measure,
                            },
                            report,
                        )))
                    }
                    // The values do not fit that width.
                    Err(Error::Option { .. }) => Ok(None),
                    Err(e) => Err(e),
                }
            })?;
        let Some((candidate, report)) = found else {
            return Ok(None);
        };
        let cheaper =
            best.is_none_or(|b| weight(&candidate.measure.cost) < weight(&b.measure.cost));
        if candidate.measure.accuracy < self.wanted(1.0) || !cheaper {
            return Ok(None);
        }
        self.steps.push(report);
        Ok(Some(candidate))
    }
}

/// Share of the multiplications whose weight is not zero.
fn alive(network: &Network) -> Result<f64, Error> {
    let mut dense = network.clone();
    for layer in &mut dense.layers {
        if let Some(w) = layer.weights_mut() {
            w.matrix.fill(1.0);
        }
    }
    let all = dense.macs()?;
    Ok(if all == 0 {
        0.0
    } else {
        network.macs()? as f64 / all as f64
    })
}
