//! The smallest widths, layer by layer, that keep the accuracy.
//!
//! It begins with the best common setting: the fewest fraction bits of all values and weights, and the narrowest words for them, that
//! keep the accuracy, as CrypTFlow2 [eprint 2020/1002, section 5] chooses them for a whole network. Then each layer's weights and
//! values get fewer, the most expensive layer first, while rounding lets expect that the labels stay; words and rings follow from the
//! ranges seen. On the way the integer oracle tells by how much rounding moves logits, at the end it judges the network that is
//! written, rings and all, by its labels.

mod descent;
mod judge;
mod table;
mod uniform;

use privet_model::graph::Graph;
use privet_model::quant::ir::Model;
use privet_model::quant::{Frac, LayerFracs, Narrow, QuantError, QuantOptions, quantise};
use serde::Serialize;

use crate::error::{Error, check_option};
use crate::report::{Event, Listener};
use crate::train::Control;
use descent::Descent;
use judge::Judge;
pub use judge::Samples;
pub use table::{LayerWidths, layers};
use uniform::Uniform;

/// Samples that ranges are looked at while the search goes on.
const SKETCH: usize = 8;
/// Bits that coarser values may need on top.
const SPARE: u32 = 4;

/// What is expected and what the labels show differ where rounding is coarse: shares of the budget that the search may expect to
/// lose, one after the other until the labels show no more than the budget.
const SHARES: [f64; 5] = [1.0, 0.5, 0.25, 0.1, 0.0];

/// How to search.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Most accuracy that may be lost against the float network (0.002: a fifth of a percent point).
    pub max_drop: f64,
    /// Spare bits above the ranges seen.
    pub margin: u32,
    /// What the quantiser is asked for besides; widths and scales are replaced.
    pub quant: QuantOptions,
}

/// What an inference costs, as a planner says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Price {
    /// Estimated seconds, offline and online.
    pub seconds: f64,
    /// Bytes between the parties.
    pub bytes: u64,
    /// Oblivious transfers.
    pub ots: u64,
    /// Non-XOR gates or ANDs of shared bits.
    pub gates: u64,
    /// Estimated seconds by layer, in order.
    #[serde(skip)]
    pub layers: Vec<(String, f64)>,
}

/// Accuracy and price of a quantised network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measure {
    /// Share of the samples whose label it finds, by exact evaluation.
    pub accuracy: f64,
    /// What one inference costs.
    pub price: Price,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Share of the samples whose label the float network finds.
    pub float_accuracy: f64,
    /// Value and fraction bits of the best common setting.
    pub uniform: [u32; 2],
    /// The network under it.
    pub common: Model,
    /// Its measure.
    pub before: Measure,
    /// The network with widths by layer.
    pub model: Model,
    /// Its measure.
    pub after: Measure,
    /// How many settings were judged.
    pub tried: usize,
}

/// Tells what a quantised network costs.
pub type Planner<'a> = dyn Fn(&Model) -> Result<Price, Error> + 'a;

/// Searches the smallest widths.
///
/// # Errors
/// [`Error::Option`] for options out of range or if no common setting keeps the accuracy, [`Error::Quantise`] for what cannot be
/// quantised at all, those of the planner, [`Error::Stopped`] on request.
pub fn search(
    graph: &Graph,
    samples: &Samples<'_>,
    options: &Options,
    planner: &Planner<'_>,
    progress: &mut dyn FnMut(&Event) -> Control,
) -> Result<Found, Error> {
    check_option(
        "max drop",
        options.max_drop,
        options.max_drop >= 0.0,
        "0 or more",
    )?;
    let mut listener = Listener::new(progress);
    listener.stage("evaluating the float network".to_owned(), 0.0, 0.05)?;
    let task = Task {
        graph,
        samples,
        options,
        planner,
    };
    let mut judge = Judge::new(graph, samples)?;
    let Uniform {
        widths: uniform,
        model: common,
        measure: before,
    } = uniform::find(&task, &mut judge, &mut listener)?;
    let [bits, frac] = uniform;
    // The common setting serves where nothing beats it.
    let floor = judge.floor(options.max_drop);
    let (mut model, mut after) = (common.clone(), before.clone());
    // A common scale one finer leaves other layers more room; for tables there may be none.
    let starts = [frac, frac + 1];
    for (number, start) in starts.into_iter().enumerate() {
        for (attempt, share) in SHARES.into_iter().enumerate() {
            let whole = (starts.len() * SHARES.len()) as f64;
            let part =
                |p: f64| 0.15 + 0.85 * ((number * SHARES.len() + attempt) as f64 + p) / whole;
            let mut descent = match Descent::new(&task, [bits + start - frac, start]) {
                Ok(descent) => descent,
                Err(Error::Quantise(_)) if number > 0 => break,
                Err(e) => return Err(e),
            };
            let budget = share * judge.budget(options.max_drop);
            descent.go(budget, &mut judge, &mut listener, [part(0.0), part(0.9)])?;
            listener.stage("judging the rings".to_owned(), part(0.9), part(1.0))?;
            let (found, measure) = descent.settle(&mut judge, &mut listener)?;
            if measure.accuracy < floor {
                continue;
            }
            if measure.price.seconds < after.price.seconds {
                (model, after) = (found, measure);
            }
            break;
        }
    }
    Ok(Found {
        float_accuracy: judge.float_accuracy(),
        uniform,
        common,
        before,
        model,
        after,
        tried: judge.tried(),
    })
}

/// What the search is about.
struct Task<'a> {
    graph: &'a Graph,
    samples: &'a Samples<'a>,
    options: &'a Options,
    planner: &'a Planner<'a>,
}

impl Task<'_> {
    /// The options of a common setting, words as wide everywhere.
    fn common(&self, [bits, frac]: [u32; 2]) -> QuantOptions {
        QuantOptions {
            bits,
            frac: Frac::Bits(frac),
            margin: Some(self.options.margin),
            layers: LayerFracs::default(),
            narrow: Narrow::Proven,
            ..self.options.quant.clone()
        }
    }

    /// The options of scales by layer, words and rings as wide as values seen.
    fn own(&self, widths: [u32; 2], layers: &LayerFracs) -> QuantOptions {
        QuantOptions {
            layers: layers.clone(),
            narrow: Narrow::Calibrated,
            ..self.common(widths)
        }
    }

    /// A model whose rings are only roughly right.
    fn sketch(&self, widths: [u32; 2], layers: &LayerFracs) -> Result<Model, QuantError> {
        let all = self.samples.calibration;
        self.by_layer(widths, layers, all.get(..SKETCH).unwrap_or(all))
    }

    /// A model with scales by layer. Coarser values may round to one bit more than finer ones have: words that are too narrow
    /// become wider, where the ranges do not decide anyway.
    fn by_layer(
        &self,
        [mut bits, frac]: [u32; 2],
        layers: &LayerFracs,
        calibration: &[Vec<f32>],
    ) -> Result<Model, QuantError> {
        let most = bits + SPARE;
        loop {
            let error = match quantise(self.graph, &self.own([bits, frac], layers), calibration) {
                Ok(model) => return Ok(model),
                Err(error) => error,
            };
            bits += uniform::missing(&error).max(1);
            if bits > most {
                return Err(error);
            }
        }
    }

    fn measure(
        &self,
        model: &Model,
        judge: &mut Judge<'_>,
        listener: &mut Listener<'_>,
    ) -> Result<Measure, Error> {
        Ok(Measure {
            accuracy: judge.exact(model, listener)?,
            price: (self.planner)(model)?,
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err takes it")]
fn refused(e: QuantError) -> Error {
    Error::Quantise(e.to_string())
}
