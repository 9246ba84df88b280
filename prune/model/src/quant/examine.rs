//! Do all values fit? Ranges of every tensor, and which pools need a wider ring.

use std::collections::BTreeMap;

use super::error::Shortage;
use super::interval::{self, Interval, Needs};
use super::ir::{Model, Node, Range, RangeOrigin, Tensor};

/// What was found.
#[derive(Debug)]
pub(super) struct Examination {
    /// Per tensor, for those that fit.
    pub(super) ranges: Vec<Range>,
    /// Tensors that do not fit.
    pub(super) shortages: Vec<Shortage>,
    /// Pools (by their place among all pools) and the ring that they need.
    pub(super) widen: BTreeMap<usize, u32>,
}

/// Compares what is proven, or else what was seen plus `margin` bits, with the rings.
pub(super) fn examine(
    model: &Model,
    proven: &Needs,
    seen: Option<&Needs>,
    margin: u32,
) -> Examination {
    let graph = &model.graph;
    let mut makers: Vec<Option<&Node>> = vec![None; graph.tensors.len()];
    for node in &graph.nodes {
        if let Some(slot) = makers.get_mut(node.output.0 as usize) {
            *slot = Some(node);
        }
    }
    let mut ranges = Vec::with_capacity(graph.tensors.len());
    let mut shortages = Vec::new();
    for (index, (tensor, maker)) in graph.tensors.iter().zip(makers).enumerate() {
        let Some(&proven) = proven.tensors.get(index) else {
            continue;
        };
        let seen = seen.and_then(|s| s.tensors.get(index).copied());
        match fit(tensor, proven, seen, margin) {
            Ok(range) => ranges.push(range),
            Err((missing, origin)) => {
                ranges.push(tensor.range);
                shortages.push(Shortage {
                    layer: maker.map_or_else(|| tensor.name.clone(), |n| n.name.clone()),
                    missing,
                    origin,
                });
            }
        }
    }
    Examination {
        ranges,
        shortages: by_layer(shortages),
        widen: widen(model, proven, seen, margin),
    }
}

/// The range of a tensor, or how many bits are missing and how that is known.
fn fit(
    tensor: &Tensor,
    proven: Interval,
    seen: Option<Interval>,
    margin: u32,
) -> Result<Range, (u32, RangeOrigin)> {
    let ring = tensor.ring.bits();
    let sure = proven.bits();
    let non_negative = proven.lo >= 0;
    let widest = seen.map(|s| (s.bits(), s.bits().saturating_add(margin)));
    let (bits, origin) = match widest {
        // Of the input nothing is proven but what its ring can hold: data may show that it must
        // hold more.
        Some((bits, _)) if bits > ring => (bits, RangeOrigin::Calibrated),
        Some((_, bits)) if bits < sure => (bits, RangeOrigin::Calibrated),
        _ => (sure, RangeOrigin::Proven),
    };
    if bits > ring {
        let origin = match seen {
            Some(_) => RangeOrigin::Calibrated,
            None => RangeOrigin::Proven,
        };
        return Err((bits - ring, origin));
    }
    Ok(Range {
        bits,
        non_negative,
        origin,
    })
}

/// One entry per layer, the greatest of its shortages.
fn by_layer(all: Vec<Shortage>) -> Vec<Shortage> {
    let mut merged: Vec<Shortage> = Vec::new();
    for shortage in all {
        match merged.iter_mut().find(|m| m.layer == shortage.layer) {
            Some(same) => same.missing = same.missing.max(shortage.missing),
            None => merged.push(shortage),
        }
    }
    merged
}

/// Rings for those pools whose sums or differences exceed their operand's.
fn widen(model: &Model, proven: &Needs, seen: Option<&Needs>, margin: u32) -> BTreeMap<usize, u32> {
    let graph = &model.graph;
    let mut widen = BTreeMap::new();
    for (place, index) in interval::pools(graph).into_iter().enumerate() {
        let operand = graph.nodes.get(index).and_then(|n| n.inputs.first());
        let tensor = operand.and_then(|&id| graph.tensor(id));
        let (Some(tensor), Some(sure)) = (tensor, proven.inner.get(place)) else {
            continue;
        };
        let widest = seen.and_then(|s| s.inner.get(place));
        let bits = widest.map_or(sure.bits(), |s| sure.bits().min(s.bits() + margin));
        if bits > tensor.ring.bits() {
            widen.insert(place, bits);
        }
    }
    widen
}
