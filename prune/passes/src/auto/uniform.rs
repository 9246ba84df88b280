//! The best common setting.

use privet_model::quant::ir::Model;
use privet_model::quant::{QuantError, Shortage};

use super::{Judge, Measure, Task, refused};
use crate::error::Error;
use crate::report::Listener;

/// Most fraction bits of values and weights that are tried.
const FINEST: u32 = 14;
/// Bits before the binary point that are tried at most.
const WHOLE: u32 = 24;

/// The best common setting.
pub(super) struct Uniform {
    /// Value and fraction bits: the fewest fraction bits that keep the accuracy, and the narrowest words that hold what was seen.
    pub(super) widths: [u32; 2],
    pub(super) model: Model,
    pub(super) measure: Measure,
}

/// Finds it: by rounding alone first, then with its rings.
pub(super) fn find(
    task: &Task<'_>,
    judge: &mut Judge<'_>,
    listener: &mut Listener<'_>,
) -> Result<Uniform, Error> {
    let (finest, model) = finest(task, [1, FINEST])?;
    listener.stage(format!("{finest} fraction bits for all layers"), 0.05, 0.06)?;
    let limit = judge.limit();
    if judge.error(&model, limit, listener)?.is_none() {
        return Err(none(task, finest));
    }
    let (mut low, mut high) = (1, finest);
    while low < high {
        let frac = low.midpoint(high);
        listener.stage(format!("{frac} fraction bits for all layers"), 0.06, 0.1)?;
        let kept = match words(task, frac) {
            Ok((_, model)) => judge.error(&model, limit, listener)?.is_some(),
            Err(_) => false,
        };
        if kept {
            high = frac;
        } else {
            low = frac + 1;
        }
    }
    for frac in high..=finest {
        listener.stage(format!("rings with {frac} fraction bits"), 0.1, 0.15)?;
        let (bits, model) = on(task, frac, task.samples.calibration).map_err(refused)?;
        let judged = judge.exact(&model, listener)?;
        if judge.keeps(&judged) {
            return Ok(Uniform {
                widths: [bits, frac],
                measure: task.measure(&model, &judged)?,
                model,
            });
        }
    }
    Err(none(task, finest))
}

/// The most fraction bits of such a range that there is a model of, and that: tables are not there for all.
pub(super) fn finest(task: &Task<'_>, [least, most]: [u32; 2]) -> Result<(u32, Model), Error> {
    let mut frac = most;
    loop {
        match words(task, frac) {
            Ok((_, model)) => return Ok((frac, model)),
            Err(e) if frac <= least => return Err(refused(e)),
            Err(_) => frac -= 1,
        }
    }
}

fn none(task: &Task<'_>, finest: u32) -> Error {
    Error::Option {
        name: "max drop",
        value: task.options.max_drop.to_string(),
        allowed: format!("larger: {finest} fraction bits for all layers lose more"),
    }
}

/// The narrowest words for so many fraction bits, by a few samples.
fn words(task: &Task<'_>, frac: u32) -> Result<(u32, Model), QuantError> {
    let all = task.samples.calibration;
    on(task, frac, all.get(..super::SKETCH).unwrap_or(all))
}

fn on(task: &Task<'_>, frac: u32, calibration: &[Vec<f32>]) -> Result<(u32, Model), QuantError> {
    let mut bits = (frac + 2).max(4);
    loop {
        let options = task.common([bits, frac]);
        let error = match privet_model::quant::quantise(task.graph, &options, calibration) {
            Ok(model) => return Ok((bits, model)),
            Err(e) => e,
        };
        bits += missing(&error).max(1);
        if bits > frac + WHOLE {
            return Err(error);
        }
    }
}

/// Bits that a network lacks for what was seen; what tables and constants lack is found by trying.
pub(super) fn missing(error: &QuantError) -> u32 {
    match error {
        QuantError::Overflow(shortages) => {
            let bits = |s: &Shortage| s.missing;
            shortages.iter().map(bits).max().unwrap_or(1)
        }
        QuantError::Weights { .. }
        | QuantError::Constant { .. }
        | QuantError::Unsupported { .. }
        | QuantError::Graph(_) => 1,
        QuantError::Option { .. }
        | QuantError::NotFinite { .. }
        | QuantError::NoFrac { .. }
        | QuantError::Inconsistent { .. }
        | QuantError::Calibration { .. }
        | QuantError::Huge { .. }
        | QuantError::Eval(_) => WHOLE + 1,
    }
}
