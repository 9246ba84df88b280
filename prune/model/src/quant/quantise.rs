//! The quantiser: float graph to integers, with ranges.

use super::build::{Spec, build};
use super::calibrate;
use super::error::QuantError;
use super::examine::{Examination, examine};
use super::fold::Folded;
use super::input::quantise_value;
use super::interval::{self, Interval, Needs};
use super::ir::{Model, Profile, Range, RangeOrigin};
use super::narrow;
use super::options::{Frac, Narrow, Placement, QuantOptions};
use super::ranges::Ranges;
use super::rewrite;
use super::scales;
use super::validate::Limits;
use crate::graph::Graph;

/// Fraction bits with which ranges are first looked at when they are to be chosen.
const TRIAL_FRAC: u32 = 12;

/// Turns a trained network into integers.
///
/// Each calibration input is preprocessed and row-major. Without any, only what can be proven from
/// the weights' magnitudes counts, which is rarely enough.
///
/// # Errors
/// Constants that are NaN, infinite or too large; values that overflow, by layer and missing bits;
/// options that make no sense; calibration inputs of the wrong length.
pub fn quantise(
    graph: &Graph,
    options: &QuantOptions,
    calibration: &[Vec<f32>],
) -> Result<Model, QuantError> {
    quantise_on(graph, options, Data::Inputs(calibration))
}

/// The same, where it is known what the network holds on the calibration data.
///
/// # Errors
/// As [`quantise()`]; ranges of another network.
pub fn quantise_within(
    graph: &Graph,
    options: &QuantOptions,
    ranges: &Ranges,
) -> Result<Model, QuantError> {
    quantise_on(graph, options, Data::Ranges(ranges))
}

fn quantise_on(graph: &Graph, options: &QuantOptions, data: Data<'_>) -> Result<Model, QuantError> {
    // What rounds to zero as a weight, at the finest scale there may be.
    let finest = match options.frac {
        Frac::Bits(frac) => frac,
        Frac::Auto => options.bits,
    };
    let job = |least| {
        Ok::<_, QuantError>(Job {
            folded: Folded::new(graph, least)?,
            options,
            data,
        })
    };
    let first = job(Some(scales::finest(finest)))?;
    first.check_options()?;
    let model = match (first.model(), options.frac) {
        (Ok(model), Frac::Auto) if first.folded.reflects => match job(None)?.model() {
            // Their constants are quotients, which may be large.
            Ok(scaling) if frac_bits(&scaling) > frac_bits(&model) => scaling,
            Ok(_) | Err(_) => model,
        },
        (Ok(model), _) => model,
        (Err(e), _) if first.folded.reflects && e.depends_on_frac() => job(None)?.model()?,
        (Err(e), _) => return Err(e),
    };
    model.validate(&Limits::default())?;
    Ok(model)
}

fn frac_bits(model: &Model) -> Option<u32> {
    model.graph.tensor(model.graph.input).map(|t| t.frac_bits)
}

/// What is known of a model's values.
struct Found {
    proven: Needs,
    seen: Option<Needs>,
    what: Examination,
}

impl Found {
    /// The seen intervals where there are any.
    fn needs(&mut self) -> &mut Needs {
        self.seen.as_mut().unwrap_or(&mut self.proven)
    }
}

/// What ranges are calibrated by.
#[derive(Clone, Copy)]
enum Data<'a> {
    Inputs(&'a [Vec<f32>]),
    Ranges(&'a Ranges),
}

impl Data<'_> {
    fn seen(self, model: &Model) -> Result<Option<Needs>, QuantError> {
        match self {
            Self::Inputs(inputs) => calibrate::seen(model, inputs),
            Self::Ranges(ranges) => ranges.needs(model).map(Some),
        }
    }
}

struct Job<'a> {
    folded: Folded<'a>,
    options: &'a QuantOptions,
    data: Data<'a>,
}

impl Job<'_> {
    fn model(&self) -> Result<Model, QuantError> {
        match self.options.frac {
            Frac::Bits(frac) => self.at(frac),
            Frac::Auto => self.search(),
        }
    }

    fn check_options(&self) -> Result<(), QuantError> {
        let fail = |option, what: String| Err(QuantError::Option { option, what });
        let bits = self.options.bits;
        if !(2..=62).contains(&bits) {
            return fail("bits", format!("{bits} is outside 2..=62"));
        }
        if self.options.publish_sparsity {
            let why = match self.options.profile {
                Profile::Exact => None,
                Profile::Drop { .. } => Some("has no zero products to leave out"),
                Profile::Approx => Some("garbles nothing, and only garbled layers leave zeros out"),
            };
            if let Some(why) = why {
                let what = format!("profile {} {why}", self.options.profile);
                return fail("publish-sparsity", what);
            }
        }
        if self.options.profile == Profile::Approx && self.options.placement == Placement::Late {
            let what = "profile approx drops bits directly behind each layer: early".to_owned();
            return fail("truncate", what);
        }
        if self.options.frac == Frac::Auto && !self.options.layers.is_empty() {
            let what = "single layers need stated fraction bits of the network".to_owned();
            return fail("layers", what);
        }
        if let Frac::Bits(frac) = self.options.frac
            && frac >= bits
        {
            let what = format!("{frac} leaves no bit of {bits} for the sign");
            return fail("frac", what);
        }
        Ok(())
    }

    /// The largest number of fraction bits that fits.
    fn search(&self) -> Result<Model, QuantError> {
        let most = self.options.bits.saturating_sub(2);
        let mut frac = self.estimate(most)?.min(most);
        loop {
            match self.at(frac) {
                Ok(model) => return Ok(model),
                Err(QuantError::Overflow(shortages)) if frac == 0 => {
                    return Err(QuantError::NoFrac {
                        bits: self.options.bits,
                        shortages,
                    });
                }
                Err(e) if frac == 0 || !e.depends_on_frac() => return Err(e),
                Err(_) => frac -= 1,
            }
        }
    }

    /// What a trial says fits at best, or `most` where no trial is possible.
    fn estimate(&self, most: u32) -> Result<u32, QuantError> {
        let trial = Spec {
            options: self.options,
            frac: TRIAL_FRAC.min(most),
        };
        if matches!(self.data, Data::Inputs([])) {
            return Ok(most);
        }
        let model = match build(&self.folded, &trial) {
            Ok(model) => model,
            Err(e) if e.depends_on_frac() => return Ok(most),
            Err(e) => return Err(e),
        };
        let Some(seen) = self.data.seen(&model)? else {
            return Ok(most);
        };
        // A value's bits before the binary point do not depend on the scale, but rounding may move
        // it a little at another one. An input beyond the width is refused, it cannot overflow: it
        // needs no margin.
        let input = model.graph.input.0 as usize;
        let tensors = model.graph.tensors.iter().zip(&seen.tensors).enumerate();
        let whole = tensors.map(|(id, (tensor, seen))| {
            let margin = if id == input {
                0
            } else {
                self.options.margin()
            };
            let little_less = |v: i128| v - v / 64;
            let bits = interval::bits_of(little_less(seen.lo), little_less(seen.hi));
            (bits + margin).saturating_sub(tensor.frac_bits)
        });
        Ok(self.options.bits.saturating_sub(whole.max().unwrap_or(0)))
    }

    /// The network with that many fraction bits.
    fn at(&self, frac: u32) -> Result<Model, QuantError> {
        let spec = Spec {
            options: self.options,
            frac,
        };
        let margin = self.options.margin();
        let mut model = build(&self.folded, &spec)?;
        let seen = self.data.seen(&model)?;
        let seen = seen.map(|seen| seen.moved(&model.graph));
        let mut found = self.examine(&model, seen)?;
        if !found.what.shortages.is_empty() {
            return Err(QuantError::Overflow(found.what.shortages));
        }
        if !found.what.widen.is_empty() {
            let rings = std::mem::take(&mut found.what.widen);
            rewrite::widen_pools(&mut model, found.needs(), &rings)?;
            found = self.examine(&model, found.seen)?;
        }
        if self.options.placement == Placement::Late
            && rewrite::relu_behind_max_pool(&mut model, found.needs(), margin)
        {
            found = self.examine(&model, found.seen)?;
        }
        for (tensor, range) in model.graph.tensors.iter_mut().zip(found.what.ranges) {
            tensor.range = range;
        }
        self.state_input_range(&mut model);
        let seen = found.seen.filter(|_| {
            matches!(
                self.options.narrow,
                Narrow::Calibrated | Narrow::CalibratedShares
            )
        });
        if self.options.narrow != Narrow::Off {
            // A ring that was asked for stays, and rough products have one at double scale.
            let trust = narrow::Trust {
                proven: &found.proven,
                seen: seen.as_ref(),
                margin,
                accumulators: seen.is_some()
                    && self.options.ring.is_none()
                    && self.options.profile.dropped() == 0,
                shared: self.options.narrow == Narrow::CalibratedShares,
            };
            narrow::narrow(&mut model, &trust);
        }
        Ok(model)
    }

    /// What is proven beside what was seen, and what follows.
    fn examine(&self, model: &Model, seen: Option<Needs>) -> Result<Found, QuantError> {
        let proven = interval::proven(model, self.input_interval(model)?);
        let what = examine(model, &proven, seen.as_ref(), self.options.margin());
        Ok(Found { proven, seen, what })
    }

    fn input_interval(&self, model: &Model) -> Result<Interval, QuantError> {
        let Some(tensor) = model.graph.tensor(model.graph.input) else {
            return Ok(Interval::ZERO);
        };
        let Some([lo, hi]) = self.options.input_range else {
            return Ok(Interval::ring(tensor));
        };
        let integer = |v: f32| quantise_value(f64::from(v), tensor.frac_bits);
        match (integer(lo), integer(hi)) {
            (Some(lo), Some(hi)) if lo <= hi => Ok(Interval {
                lo: lo.into(),
                hi: hi.into(),
            }),
            _ => Err(QuantError::Option {
                option: "input range",
                what: format!("[{lo}, {hi}] is empty or too large"),
            }),
        }
    }

    /// A stated range of the input is enforced on every input, so it is proven.
    fn state_input_range(&self, model: &mut Model) {
        let Ok(interval) = self.input_interval(model) else {
            return;
        };
        let input = model.graph.input.0 as usize;
        if self.options.input_range.is_some()
            && let Some(tensor) = model.graph.tensors.get_mut(input)
        {
            tensor.range = Range {
                bits: interval.bits(),
                non_negative: interval.lo >= 0,
                origin: RangeOrigin::Proven,
            };
        }
    }
}

impl QuantError {
    /// Fewer fraction bits might do.
    const fn depends_on_frac(&self) -> bool {
        matches!(
            self,
            Self::Overflow(_)
                | Self::Weights { .. }
                | Self::Constant { .. }
                | Self::Unsupported { .. }
                | Self::Huge { .. }
        )
    }
}
