//! From a common setting down, one layer's weights or values at a time.

use std::collections::BTreeMap;

use privet_model::quant::ir::Model;
use privet_model::quant::{LayerFracs, Tied, tied};

use super::{Judge, Measure, Price, Task, refused};
use crate::error::Error;
use crate::report::Listener;

/// Fraction bits that one thing may lose at most in the first round.
const DEEPEST: u32 = 8;

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

/// A way down.
pub(super) struct Descent<'a> {
    task: &'a Task<'a>,
    widths: [u32; 2],
    layers: LayerFracs,
    /// What may become coarser, the most expensive layers first, and the share of the whole price that is decided with it.
    units: Vec<(Unit, f64)>,
    price: Price,
}

impl<'a> Descent<'a> {
    /// At a common setting: words of that width, and fraction bits.
    pub(super) fn new(task: &'a Task<'a>, widths: [u32; 2]) -> Result<Self, Error> {
        let [_, frac] = widths;
        let groups = tied(task.graph, frac).map_err(refused)?;
        let mut layers = LayerFracs::default();
        let mut units = vec![];
        for group in groups {
            for layer in &group.layers {
                units.push(Unit::Weights(layer.clone()));
            }
            if !group.fixed {
                units.push(Unit::Values(group));
            }
        }
        units.iter().for_each(|unit| unit.set(&mut layers, frac));
        let model = task.sketch(widths, &layers).map_err(refused)?;
        let price = (task.planner)(&model)?;
        let units = by_price(units, &price, &model);
        Ok(Self {
            task,
            widths,
            layers,
            units,
            price,
        })
    }

    /// Each unit as coarse as a budget of accuracy lets expect; what was spared is spent in a second round, a bit at a time.
    pub(super) fn go(
        &mut self,
        max_drop: f64,
        judge: &mut Judge<'_>,
        listener: &mut Listener<'_>,
        [from, to]: [f64; 2],
    ) -> Result<(), Error> {
        let count = (2 * self.units.len()).max(1);
        let mut reached = judge.floor(max_drop);
        for (number, (unit, share)) in self.units.clone().into_iter().enumerate() {
            let at = from + (to - from) * number as f64 / count as f64;
            // The budget is spent along the price; who exceeds it may not lose more.
            let floor = judge.floor(max_drop * share).min(reached);
            if let Some(accuracy) = self.lower(&unit, DEEPEST, floor, judge, listener, at)? {
                reached = accuracy - 1e-9;
            }
        }
        let floor = judge.floor(max_drop);
        for (number, (unit, _)) in self.units.clone().into_iter().enumerate() {
            let at = from + (to - from) * (0.5 + number as f64 / count as f64);
            self.lower(&unit, 1, floor, judge, listener, at)?;
        }
        Ok(())
    }

    /// The network with the rings that all calibration samples need, and its measure.
    pub(super) fn settle(
        &self,
        judge: &mut Judge<'_>,
        listener: &mut Listener<'_>,
    ) -> Result<(Model, Measure), Error> {
        let calibration = self.task.samples.calibration;
        let model = self.task.by_layer(self.widths, &self.layers, calibration);
        let model = model.map_err(refused)?;
        let measure = self.task.measure(&model, judge, listener)?;
        Ok((model, measure))
    }

    /// Bisects between `deepest` bits fewer and what there is; the accuracy where anything was gained.
    fn lower(
        &mut self,
        unit: &Unit,
        deepest: u32,
        floor: f64,
        judge: &mut Judge<'_>,
        listener: &mut Listener<'_>,
        at: f64,
    ) -> Result<Option<f64>, Error> {
        let now = unit.frac(&self.layers);
        let (mut low, mut high, mut found) = (now.saturating_sub(deepest), now, None);
        while low < high {
            let frac = low.midpoint(high);
            listener.stage(format!("{}: {frac} fraction bits", unit.name()), at, at)?;
            let mut layers = self.layers.clone();
            unit.set(&mut layers, frac);
            match self.judge(&layers, floor, judge, listener)? {
                Some((price, accuracy)) => {
                    (high, found) = (frac, Some((layers, price, accuracy)));
                }
                None => low = frac + 1,
            }
        }
        let Some((layers, price, accuracy)) = found else {
            return Ok(None);
        };
        (self.layers, self.price) = (layers, price);
        Ok(Some(accuracy))
    }

    /// Price and accuracy of a setting that is not dearer and keeps the labels.
    fn judge(
        &self,
        layers: &LayerFracs,
        floor: f64,
        judge: &mut Judge<'_>,
        listener: &mut Listener<'_>,
    ) -> Result<Option<(Price, f64)>, Error> {
        // What does not fit any more is no setting.
        let Ok(model) = self.task.sketch(self.widths, layers) else {
            return Ok(None);
        };
        let price = (self.task.planner)(&model)?;
        if price.seconds > self.price.seconds || price.bytes > self.price.bytes {
            return Ok(None);
        }
        let accuracy = judge.keeps(&model, floor, listener)?;
        Ok(accuracy.map(|accuracy| (price, accuracy)))
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
