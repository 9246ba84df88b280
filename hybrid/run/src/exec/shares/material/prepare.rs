//! Makes material with the peer.
//!
//! Masks first, then bits, then products under encryption of all layers, then what follows the plan's order: products by transfers,
//! and material that is turned to the client's shares, which these products decide.

use std::collections::{HashMap, VecDeque};

use privet_gmw::product::{Choosers, Inputs, Layer};
use privet_net::Channel;
use privet_plan::{BufferId, Plan, Products, ShareLinear, ShareStep, StepKind, share};
use privet_ring::Ring;
use zeroize::Zeroizing;

use super::super::ahead::Ahead;
use super::super::bits::{Fixing, joined};
use super::super::correlated::Correlated;
use super::super::encrypted;
use super::super::words::{Words, low};
use super::{Material, OUT_OF_STEP, Owner, Part};
use crate::error::RunError;
use crate::weights::ModelWeights;

/// The client's masks by buffer; the server's are empty.
pub(in super::super) type Masks = HashMap<BufferId, Words>;

impl Material {
    /// Makes the material with the peer, step by step.
    pub(crate) fn prepare(
        plan: &Plan,
        side: Owner<'_>,
        correlated: &mut Correlated,
        weights: Option<&ModelWeights>,
        channel: &mut Channel,
    ) -> Result<Self, RunError> {
        let mut masks = masks(plan, side)?;
        // All of it at once: each request costs a latency.
        let mut bits = correlated.bits(channel, &plan.demand)?;
        let encrypted = encrypted::prepare(plan, side, (&mut *channel, weights), &mut masks)?;
        let mut encrypted = encrypted.into_iter();
        let mut ahead = Ahead::default();
        let mut shares = HashMap::new();
        for step in &plan.steps {
            match &step.kind {
                StepKind::Share(ShareStep::Linear(linear)) => {
                    let mask = masks.get(&linear.input).ok_or(OUT_OF_STEP)?;
                    let share = match &linear.products {
                        Products::Encrypted(_) => encrypted.next().ok_or(OUT_OF_STEP)?,
                        Products::Transfers { inputs_choose } => {
                            let by = (linear, *inputs_choose);
                            products((plan, side), (correlated, channel), by, mask)?
                        }
                    };
                    if let Owner::Client = side {
                        ahead.put(plan, linear.out, share.to_vec())?;
                    }
                    shares.insert(linear.out, share);
                }
                StepKind::Share(ShareStep::ReluTrunc(relu)) if relu.shape.fixed() => {
                    let parts = relu.parts.iter().map(|(from, _)| from);
                    let words = match side {
                        Owner::Client => {
                            let words = parts.map(|from| ahead.words(*from));
                            Fixing::Own(joined(relu, &words.collect::<Result<Vec<_>, _>>()?)?)
                        }
                        Owner::Server(_) => {
                            let planned = parts.map(|from| plan.buffers.get(from.0 as usize));
                            let elements = planned.map(|buffer| buffer.map(|b| b.elements));
                            Fixing::Theirs(elements.sum::<Option<usize>>().ok_or(OUT_OF_STEP)?)
                        }
                    };
                    bits.fix(channel, relu, words)?;
                }
                kind @ (StepKind::Share(_)
                | StepKind::Cells(_)
                | StepKind::Input { .. }
                | StepKind::Linear(_)
                | StepKind::Wire(_)
                | StepKind::Output { .. }) => {
                    if let Owner::Client = side {
                        ahead.follow(plan, kind)?;
                    }
                }
            }
            ahead.forget(&step.frees);
            channel.progress();
        }
        channel.flush()?;
        Ok(Self {
            parts: parts(plan, masks, shares)?,
            bits,
        })
    }
}

/// Masks of all tensors that linear layers read: uniform at the client; encryption may draw some of it again.
pub(in super::super) fn masks(plan: &Plan, side: Owner<'_>) -> Result<Masks, RunError> {
    let mut masks = Masks::new();
    for step in &plan.steps {
        if let StepKind::Share(ShareStep::Mask { out, .. }) = &step.kind {
            let planned = plan.buffers.get(out.0 as usize).ok_or(OUT_OF_STEP)?;
            let len = match side {
                Owner::Client => planned.elements,
                Owner::Server(_) => 0,
            };
            masks.insert(*out, Words::random(planned.bits, len));
        }
    }
    Ok(masks)
}

/// Masks and shares in the plan's order.
fn parts(
    plan: &Plan,
    mut masks: Masks,
    mut shares: HashMap<BufferId, Zeroizing<Vec<u64>>>,
) -> Result<VecDeque<Part>, RunError> {
    let mut parts = VecDeque::new();
    for step in &plan.steps {
        match &step.kind {
            StepKind::Share(ShareStep::Mask { out, .. }) => {
                let mut mask = masks.remove(out).ok_or(OUT_OF_STEP)?;
                parts.push_back(Part::Mask(Zeroizing::new(std::mem::take(&mut mask.values))));
            }
            StepKind::Share(ShareStep::Linear(linear)) => {
                let share = shares.remove(&linear.out).ok_or(OUT_OF_STEP)?;
                parts.push_back(Part::Shares(share));
            }
            StepKind::Share(_)
            | StepKind::Cells(_)
            | StepKind::Input { .. }
            | StepKind::Linear(_)
            | StepKind::Wire(_)
            | StepKind::Output { .. } => {}
        }
    }
    Ok(parts)
}

/// A party's share of W·r by transfers; the bits of r choose, or those of the weights. `mask`: r, on the client's side.
pub(in super::super) fn products(
    (plan, side): (&Plan, Owner<'_>),
    (correlated, channel): (&mut Correlated, &mut Channel),
    (step, inputs_choose): (&ShareLinear, bool),
    mask: &Words,
) -> Result<Zeroizing<Vec<u64>>, RunError> {
    let node = plan.graph.nodes.get(step.node).ok_or(OUT_OF_STEP)?;
    let out = plan.buffers.get(step.out.0 as usize).ok_or(OUT_OF_STEP)?;
    let geometry = share::geometry(&plan.graph, node)?;
    let ring = Ring::new(out.bits)
        .map_err(|_| RunError::Contradiction("a layer in a ring that does not exist"))?;
    let layer = Layer {
        geometry: &geometry,
        ring,
        weight_bits: step.weight_bits,
        choosers: if inputs_choose {
            Choosers::Inputs
        } else {
            Choosers::Weights
        },
        inputs: Inputs::Chosen,
    };
    match side {
        Owner::Client => {
            // One mask for all readers: each takes it modulo its own ring.
            let reduced = mask.values.iter().map(|value| value & low(out.bits));
            let reduced: Zeroizing<Vec<u64>> = Zeroizing::new(reduced.collect());
            let share = correlated.with_inputs(channel, &layer, &reduced)?;
            Ok(Zeroizing::new(share))
        }
        Owner::Server(model) => {
            let params = model.params.get(step.node).and_then(Option::as_ref);
            let params = params.ok_or(RunError::Contradiction("a layer has no parameters"))?;
            let weights = params.weights.iter().map(|w| i64::from(*w));
            let weights: Zeroizing<Vec<i64>> = Zeroizing::new(weights.collect());
            let share = correlated.with_weights(channel, &layer, &weights)?;
            Ok(Zeroizing::new(share))
        }
    }
}
