//! Short weights and values: fine-tuning under the rounding that the quantiser will do.
//!
//! Bits are what garbling pays for: a product with an 8-bit weight costs half of one with 16 bits.

use serde::{Deserialize, Serialize};

use crate::data::Split;
use crate::error::Error;
use crate::network::Network;
use crate::report::{CostModel, Event, Listener, Measure, PassReport};
use crate::train::qat::{Formats, Widths};
use crate::train::{Control, Options as TrainOptions, train};

/// Samples that scales are chosen on.
const CALIBRATION: usize = 2_000;

/// How to narrow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The widths wanted.
    pub widths: Widths,
    /// Training under them; its own formats are replaced.
    pub retrain: TrainOptions,
}

/// Trains `network` on under narrow formats and leaves it with rounded weights: the quantiser, asked for
/// these widths and the scale of the values, rounds nothing more.
///
/// # Errors
/// [`Error::Option`] for widths that do not serve, those of training, [`Error::Stopped`] on request (the
/// network is then unchanged).
pub fn narrow(
    network: &mut Network,
    split: &Split,
    options: &Options,
    model: &dyn CostModel,
    progress: &mut dyn FnMut(&Event) -> Control,
) -> Result<(Formats, PassReport), Error> {
    network.check(&split.train)?;
    let mut listener = Listener::new(progress);
    let Widths {
        values, weights, ..
    } = options.widths;
    let stage = format!("{weights}-bit weights, {values}-bit values");
    listener.stage(stage.clone(), 0.0, 1.0)?;
    let before = Measure::of(network, &split.validation, None, model)?;
    let samples = split.train.spread(CALIBRATION);
    let formats = Formats::choose(network, &samples.samples(), &options.widths)?;
    let retrain = TrainOptions {
        formats: Some(formats.clone()),
        ..options.retrain.clone()
    };
    let mut trained = network.clone();
    train(
        &mut trained,
        &split.train,
        Some(&split.validation),
        &retrain,
        &mut |e| listener.epoch(e, retrain.epochs),
    )?;
    listener.check()?;
    *network = formats.round_weights(&trained);
    let after = Measure::of(network, &split.validation, Some(&formats), model)?;
    Ok((
        formats,
        PassReport {
            pass: stage,
            before,
            after,
        },
    ))
}
