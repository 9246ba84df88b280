//! From a common setting down, one layer's weights or values at a time.

use std::collections::BTreeMap;

use privet_model::quant::ir::Model;
use privet_model::quant::{LayerFracs, Narrow, QuantError, Ranges, Tied, tied};

use super::{FINER, Judge, Judged, Price, Task, refused};
use crate::error::Error;
use crate::report::Listener;

/// Fraction bits that one thing may lose at most in the first round.
const DEEPEST: u32 = 10;

/// What has fraction bits of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unit {
    /// The weights of a layer.
    Weights(String),
    /// Values of one scale.
    Values(Tied),
}

impl Unit {
    fn frac(&self, layers: &LayerFracs) -> u32 {
        let found = match self {
            Self::Weights(layer) => layers.weights.get(layer).copied(),
            Self::Values(tied) if tied.input => layers.input,
            Self::Values(tied) => {
                let first = tied.layers.first();
                first.and_then(|layer| layers.values.get(layer).copied())
            }
        };
        found.unwrap_or(0)
    }

    fn set(&self, layers: &mut LayerFracs, frac: u32) {
        match self {
            Self::Weights(layer) => {
                layers.weights.insert(layer.clone(), frac);
            }
            Self::Values(tied) => {
                if tied.input {
                    layers.input = Some(frac);
                }
                for layer in &tied.layers {
                    layers.values.insert(layer.clone(), frac);
                }
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Weights(layer) => format!("weights of {layer}"),
            Self::Values(tied) => match tied.layers.first() {
                Some(layer) => format!("values of {layer}"),
                None => "the input".to_owned(),
            },
        }
    }
}

/// Where the way stands.
#[derive(Debug, Clone)]
struct Place {
    layers: LayerFracs,
    price: Price,
    /// Mean square of the errors on the probes.
    error: f64,
}

/// A way down.
#[derive(Clone)]
pub(super) struct Descent<'a> {
    task: &'a Task<'a>,
    widths: [u32; 2],
    narrow: Narrow,
    ranges: Ranges,
    /// What may become coarser, the most expensive layers first, and the share of the whole price that is decided with it.
    units: Vec<(Unit, f64)>,
    place: Place,
}

impl<'a> Descent<'a> {
    /// A little above a common setting, of words of that width, and fraction bits.
    pub(super) fn new(task: &'a Task<'a>, widths: [u32; 2], ranges: Ranges) -> Result<Self, Error> {
        let [_, frac] = widths;
        let groups = tied(task.graph, frac).map_err(refused)?;
        let mut layers = LayerFracs::default();
        let mut units = vec![];
        for group in groups {
            let weights = group.layers.iter().cloned().map(Unit::Weights);
            let weights: Vec<Unit> = weights.collect();
            // Values first: weights have as many bits as their layer's result is to have.
            if !group.fixed {
                units.push(Unit::Values(group));
            }
            units.extend(weights);
        }
        for unit in &units {
            unit.set(&mut layers, frac + FINER);
        }
        let start = |narrow| {
            let model = task.by_layer(widths, (&layers, narrow), &ranges);
            let model = model.map_err(refused)?;
            Ok::<_, Error>(((task.planner)(&model)?, model, narrow))
        };
        let (some, other) = (start(Narrow::Calibrated)?, start(Narrow::CalibratedShares)?);
        let cheaper = other.0.seconds < some.0.seconds;
        let (price, model, narrow) = if cheaper { other } else { some };
        let units = by_price(units, &price, &model);
        let start = Place {
            layers,
            price,
            error: 0.0,
        };
        Ok(Self {
            task,
            widths,
            narrow,
            ranges,
            units,
            place: start,
        })
    }

    /// Each unit as coarse as its share of the errors lets it; what was spared is spent in a second round, a bit at a time.
    pub(super) fn go(
        &mut self,
        limit: f64,
        judge: &mut Judge<'_>,
        listener: &mut Listener<'_>,
        [from, to]: [f64; 2],
    ) -> Result<(), Error> {
        let model = self.model(&self.place.layers).map_err(refused)?;
        // Where even this is too coarse there is nothing to be spent.
        let Some(first) = judge.error(&model, limit, listener)? else {
            return Ok(());
        };
        self.place.error = first;
        let count = (2 * self.units.len()).max(1);
        for round in [0, 1] {
            for (number, (unit, share)) in self.units.clone().into_iter().enumerate() {
                let done = (round * self.units.len() + number) as f64 / count as f64;
                let at = from + (to - from) * done;
                // Errors are spent along the price, which makes the most of them: each bit costs about a unit's price, and quarters
                // the square of its error.
                let (deepest, most) = if round == 0 {
                    (DEEPEST, first + (limit - first) * share)
                } else {
                    (1, limit)
                };
                self.lower(&unit, (deepest, most), judge, listener, at)?;
            }
        }
        Ok(())
    }

    /// The network with the rings that it needs, and what it finds.
    pub(super) fn settle(
        &self,
        judge: &mut Judge<'_>,
        listener: &mut Listener<'_>,
    ) -> Result<(Model, Judged), Error> {
        let near = self.model(&self.place.layers).map_err(refused)?;
        let ranges = self.task.ranges(&near)?;
        let layers = (&self.place.layers, self.narrow);
        let model = self.task.by_layer(self.widths, layers, &ranges);
        let model = model.map_err(refused)?;
        let judged = judge.exact(&model, listener)?;
        Ok((model, judged))
    }

    /// As coarse as the errors let the unit be, where that is cheapest.
    fn lower(
        &mut self,
        unit: &Unit,
        (deepest, most): (u32, f64),
        judge: &mut Judge<'_>,
        listener: &mut Listener<'_>,
        at: f64,
    ) -> Result<(), Error> {
        let here = self.place.clone();
        // Who has spent more may not lose more.
        let most = most.max(here.error);
        let now = unit.frac(&here.layers);
        let with = |frac| {
            let mut layers = here.layers.clone();
            unit.set(&mut layers, frac);
            layers
        };
        // One with fewer bits may be dearer, where a value grows over a power of two.
        let mut best: Option<Place> = None;
        let (mut low, mut high) = (now.saturating_sub(deepest), now);
        while low < high {
            let frac = low.midpoint(high);
            listener.stage(format!("{}: {frac} fraction bits", unit.name()), at, at)?;
            let layers = with(frac);
            // What does not fit any more is no setting.
            let kept = match self.model(&layers) {
                Ok(model) => judge.error(&model, most, listener)?.map(|e| (model, e)),
                Err(_) => None,
            };
            let Some((model, error)) = kept else {
                low = frac + 1;
                continue;
            };
            high = frac;
            let price = (self.task.planner)(&model)?;
            let bar = best.as_ref().map_or(&here.price, |best| &best.price);
            if price.seconds < bar.seconds && price.bytes <= bar.bytes {
                best = Some(Place {
                    layers,
                    price,
                    error,
                });
            }
        }
        if let Some(best) = best {
            self.place = best;
        }
        Ok(())
    }

    /// With rings that are nearly right.
    fn model(&self, layers: &LayerFracs) -> Result<Model, QuantError> {
        (self.task).by_layer(self.widths, (layers, self.narrow), &self.ranges)
    }
}

/// The units in the order of their layers' prices, each with the share of the whole price that it and those before it make up. What
/// stands behind a layer with weights, up to the next one, counts as its.
fn by_price(units: Vec<Unit>, price: &Price, model: &Model) -> Vec<(Unit, f64)> {
    let nodes = model.graph.nodes.iter();
    let weighted = nodes.filter(|n| n.op.weight_bits().is_some());
    let weighted: Vec<&str> = weighted.map(|n| n.name.as_str()).collect();
    let mut prices: BTreeMap<&str, f64> = BTreeMap::new();
    let mut owner = None;
    for (layer, seconds) in &price.layers {
        if weighted.contains(&layer.as_str()) {
            owner = Some(layer.as_str());
        }
        if let Some(owner) = owner {
            *prices.entry(owner).or_default() += seconds;
        }
    }
    let of = |layer: &str| prices.get(layer).copied().unwrap_or(0.0);
    let worth = |unit: &Unit| match unit {
        Unit::Weights(layer) => of(layer),
        // The input as the first layer, that reads it.
        Unit::Values(tied) => {
            let first = tied.input.then(|| weighted.first().copied()).flatten();
            let all = tied.layers.iter().map(String::as_str).chain(first);
            all.map(of).fold(0.0, f64::max)
        }
    };
    let mut units: Vec<(Unit, f64)> = units
        .into_iter()
        .map(|u| (worth(&u), u))
        .map(|(w, u)| (u, w))
        .collect();
    units.sort_by(|a, b| b.1.total_cmp(&a.1));
    let all: f64 = units.iter().map(|u| u.1).sum();
    let mut sum = 0.0;
    for (_, share) in &mut units {
        sum += *share;
        *share = if all > 0.0 { (sum / all).min(1.0) } else { 1.0 };
    }
    units
}
