//! From a trained network to the quantised one, and its accuracy by the oracle.

use privet_model::preprocess::Preprocess;
use privet_model::quant::ir::Model;
use privet_model::quant::{Frac, Oracle, QuantOptions, Weights, quantise};

use crate::data::Dataset;
use crate::error::Error;
use crate::network::Network;
use crate::train::qat::Formats;

/// Most samples that ranges are calibrated on.
const CALIBRATION: usize = 1_000;

/// What the quantiser is to be asked for, so that it rounds as training under these formats did.
#[must_use]
pub fn options(formats: &Formats) -> QuantOptions {
    let widest = formats.weights.iter().flatten().map(|f| f.bits).max();
    QuantOptions {
        bits: formats.value().map_or(16, |v| v.bits),
        frac: formats.value().map_or(Frac::Auto, |v| Frac::Bits(v.frac)),
        weights: widest.map_or(Weights::SameFrac, Weights::Fit),
        ..QuantOptions::default()
    }
}

/// The quantised network; ranges are calibrated on samples from all over the data, and where these are embedded,
/// the model carries the projection.
///
/// # Errors
/// [`Error::Quantise`] if values overflow, those of the conversion to a graph.
pub fn quantised(
    network: &Network,
    options: &QuantOptions,
    data: &Dataset,
) -> Result<Model, Error> {
    let mut graph = network.to_graph()?;
    if let Some(projection) = data.projection() {
        graph.preprocess = Some(Preprocess {
            projection: Some(projection.clone()),
            ..Preprocess::default()
        });
    }
    quantise(&graph, options, &calibration(data)).map_err(|e| Error::Quantise(e.to_string()))
}

/// The samples that ranges are calibrated on.
#[must_use]
pub fn calibration(data: &Dataset) -> Vec<Vec<f32>> {
    let chosen = data.spread(CALIBRATION);
    let rows = chosen.samples();
    rows.outer_iter().map(|row| row.to_vec()).collect()
}

/// Share of samples whose label the quantised network finds, by exact evaluation. A sample outside the
/// input's range counts as not found.
///
/// # Errors
/// [`Error::Quantise`] for a model that is not consistent, [`Error::Data`] without samples.
pub fn accuracy(model: &Model, data: &Dataset) -> Result<f64, Error> {
    let oracle = Oracle::new(model).map_err(|e| Error::Quantise(e.to_string()))?;
    if data.is_empty() {
        return Err(Error::Data("there is no sample".to_owned()));
    }
    let mut right = 0_u32;
    for (row, label) in data.samples().outer_iter().zip(data.labels()) {
        let Ok(input) = model.graph.quantise_input(&row.to_vec()) else {
            continue;
        };
        let found = oracle
            .evaluate(&input)
            .map_err(|e| Error::Quantise(e.to_string()))?;
        right += u32::from(found.label == *label);
    }
    Ok(f64::from(right) / data.len() as f64)
}
