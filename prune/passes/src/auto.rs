//! The smallest widths, layer by layer, that keep the accuracy.
//!
//! It begins with the best common setting: the fewest fraction bits of all values and weights, and the narrowest words for them, that
//! keep the accuracy, as CrypTFlow2 [eprint 2020/1002, section 5] chooses them for a whole network. Then it begins anew a little finer
//! and makes each layer's weights and values as coarse as its share of the errors that may be made lets it, the most expensive layer
//! first; words and rings follow from the ranges seen. On the way the integer oracle tells by how much rounding moves logits; at the
//! end it judges the network that is written, rings and all, by its labels, and where these are not kept begins again with less to spend.

mod descent;
mod judge;
mod table;
mod uniform;

use privet_model::graph::Graph;
use privet_model::quant::ir::Model;
use privet_model::quant::{
    Frac, LayerFracs, Narrow, QuantError, QuantOptions, Ranges, quantise_within,
};
use rayon::prelude::*;
use serde::Serialize;

use crate::error::{Error, check_option};
use crate::report::{Event, Listener};
use crate::train::Control;
use descent::Descent;
pub use judge::Samples;
use judge::{Judge, Judged};
pub use table::{LayerWidths, layers};
use uniform::Uniform;

/// Samples that the ranges of a common setting are looked at on, while it is searched.
const SKETCH: usize = 8;
/// Bits that coarser values may need on top.
const SPARE: u32 = 4;
/// Fraction bits above the best common ones that layers begin with.
const FINER: u32 = 2;
/// Fraction bits above those with which ranges are seen.
const RANGES: u32 = 4;
/// Descents at most, each with less of the errors to spend than the one before, until the labels of all samples are kept.
const ATTEMPTS: usize = 6;
/// The share of the errors that the next one has to spend, at most.
const LESS: f64 = 0.75;
/// Inputs whose ranges are seen together.
const CHUNK: usize = 8;

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
    let mut judge = Judge::new(graph, samples, options.max_drop)?;
    let Uniform {
        widths: uniform,
        model: common,
        measure: before,
    } = uniform::find(&task, &mut judge, &mut listener)?;
    listener.stage("looking at ranges".to_owned(), 0.15, 0.2)?;
    let [_, frac] = uniform;
    let (_, fine) = uniform::finest(&task, [frac, frac + RANGES])?;
    let ranges = task.ranges(&fine)?;
    let start = Descent::new(&task, uniform, ranges)?;
    // The common setting serves where nothing beats it.
    let (mut model, mut after) = (common.clone(), before.clone());
    // What many settings were compared by looks a little better than it is.
    let mut limit = LESS * judge.limit();
    for attempt in 0..ATTEMPTS {
        let at = |done: f64| 0.2 + 0.8 * (attempt as f64 + done) / ATTEMPTS as f64;
        let mut descent = start.clone();
        descent.go(limit, &mut judge, &mut listener, [at(0.0), at(0.9)])?;
        listener.stage("judging the rings".to_owned(), at(0.9), at(1.0))?;
        let (found, judged) = descent.settle(&mut judge, &mut listener)?;
        if judge.keeps(&judged) {
            let measure = task.measure(&found, &judged)?;
            if measure.price.seconds < before.price.seconds {
                (model, after) = (found, measure);
            }
            break;
        }
        limit *= LESS.min(judge.limit() / judged.error);
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
    fn own(&self, widths: [u32; 2], layers: &LayerFracs, narrow: Narrow) -> QuantOptions {
        QuantOptions {
            layers: layers.clone(),
            narrow,
            ..self.common(widths)
        }
    }

    /// What a model holds on all calibration samples.
    fn ranges(&self, model: &Model) -> Result<Ranges, Error> {
        let seen = (self.samples.calibration.par_chunks(CHUNK))
            .map(|inputs| Ranges::seen(model, inputs))
            .collect::<Result<Vec<_>, _>>()
            .map_err(refused)?;
        let all = seen.into_iter().flatten();
        all.reduce(|all, more| all.join(&more))
            .ok_or_else(|| Error::Data("there are no samples to see ranges on".to_owned()))
    }

    /// A model with scales by layer. Coarser values may round to one bit more than finer ones have: words that are too narrow
    /// become wider, where the ranges do not decide anyway.
    fn by_layer(
        &self,
        [mut bits, frac]: [u32; 2],
        (layers, narrow): (&LayerFracs, Narrow),
        ranges: &Ranges,
    ) -> Result<Model, QuantError> {
        let most = bits + SPARE;
        loop {
            let options = self.own([bits, frac], layers, narrow);
            let error = match quantise_within(self.graph, &options, ranges) {
                Ok(model) => return Ok(model),
                Err(error) => error,
            };
            bits += uniform::missing(&error).max(1);
            if bits > most {
                return Err(error);
            }
        }
    }

    fn measure(&self, model: &Model, judged: &Judged) -> Result<Measure, Error> {
        Ok(Measure {
            accuracy: judged.accuracy,
            price: (self.planner)(model)?,
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err takes it")]
fn refused(e: QuantError) -> Error {
    Error::Quantise(e.to_string())
}
