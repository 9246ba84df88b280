//! Plans on shares: material first, then the inference; or, where nothing is prepared, each layer's material before the layer.
//!
//! - Functionality: the client gets the plan's answer for its input, the server nothing.
//! - Secure against: semi-honest, either side: what travels is masked by r, a triple or a fresh share,
//!   each used once; linear products and triples as in `privet-gmw` and `privet-ot`.
//! - From: Delphi (eprint 2020/050) for the masks, CrypTFlow2 (eprint 2020/457) for products by OT, Cheetah (eprint 2022/207)
//!   for those under encryption. Differs: under `gc+ot` the garbled parts run online.
//! - Cost: that of the plan, byte for byte, offline and online.

mod ahead;
mod bits;
mod boolean;
mod bridge;
pub(crate) mod correlated;
mod encrypted;
pub(crate) mod fresh;
mod linear;
pub(crate) mod material;
pub(crate) mod supply;
mod words;

use std::time::Instant;

use privet_gmw::netlist::planes::Planes;
use privet_model::quant::ir::Model;
use privet_net::Channel;
use privet_plan::{BufferId, Domain, Plan, ShareStep, StepKind};

use super::{Executor, Outcome, Programs, Worker, merge};
use crate::error::RunError;
use crate::report::{LayerReport, Progress};
use crate::seat::AnySeat;
use supply::Supply;
use words::Words;

/// Which machine this is, and what it alone holds.
#[derive(Clone, Copy)]
pub(crate) enum Side<'a> {
    /// The client with its quantised input.
    Client(&'a [i64]),
    /// The server with its model.
    Server(&'a Model),
}

impl Side<'_> {
    /// Whether this is the server, which adds public constants.
    pub(crate) const fn is_server(self) -> bool {
        matches!(self, Self::Server(_))
    }
}

/// What a party holds of a buffer.
enum Held {
    Words(Words),
    Bits(Planes),
}

/// One inference on shares. Label buffers are those of the inner executor.
pub(crate) struct ShareExecutor<'p> {
    labels: Executor<'p>,
    side: Side<'p>,
    held: Vec<Option<Held>>,
    supply: Supply<'p>,
}

impl<'p> ShareExecutor<'p> {
    pub(crate) fn new(
        plan: &'p Plan,
        programs: &'p mut Programs,
        side: Side<'p>,
        inference: u64,
        supply: Supply<'p>,
    ) -> Result<Self, RunError> {
        let model = match side {
            Side::Client(_) => None,
            Side::Server(model) => Some(model),
        };
        Ok(Self {
            labels: Executor::new(plan, programs, model, inference)?,
            side,
            held: plan.buffers.iter().map(|_| None).collect(),
            supply,
        })
    }

    /// Runs all steps.
    pub(crate) fn run(
        &mut self,
        lanes: &mut [Channel],
        seats: &mut [AnySeat],
        progress: &mut dyn Progress,
    ) -> Result<Outcome, RunError> {
        let plan = self.labels.plan;
        let total = plan.cost.inference.work();
        let (mut done, mut layers, mut opened) = (0, Vec::<LayerReport>::new(), None);
        for step in &plan.steps {
            progress.layer(&step.layer, done, total);
            let started = Instant::now();
            let before = traffic(lanes);
            self.supply.provide(first(lanes)?, step)?;
            if let Some(bits) = self.step(lanes, seats, step)? {
                opened = Some(bits);
            }
            for channel in lanes.iter_mut() {
                channel.flush()?;
            }
            for id in &step.frees {
                if let Some(slot) = self.held.get_mut(id.0 as usize) {
                    *slot = None;
                }
                if let Some(slot) = self.labels.buffers.get_mut(id.0 as usize) {
                    *slot = None;
                }
            }
            done += step.cost.work();
            let layer = LayerReport {
                name: step.layer.clone(),
                ands: step.cost.work(),
                bytes: traffic(lanes) - before,
                seconds: started.elapsed().as_secs_f64(),
            };
            merge(&mut layers, layer);
        }
        progress.finished();
        Ok(Outcome { layers, opened })
    }

    fn step(
        &mut self,
        lanes: &mut [Channel],
        seats: &mut [AnySeat],
        step: &privet_plan::Step,
    ) -> Result<Option<Vec<bool>>, RunError> {
        let tweak = self.labels.tweak_base + step.tweak_base;
        match &step.kind {
            StepKind::Share(share) => self.share(lanes, seats, share, tweak)?,
            StepKind::Wire(wire) => match self.domain(wire.out)? {
                Domain::Arith => self.move_words(wire)?,
                Domain::Bool => self.move_bits(wire)?,
                Domain::Labels => {
                    let seat = seats.first().ok_or(NO_SEAT)?;
                    self.labels.wire(seat, wire)?;
                }
            },
            StepKind::Cells(cells) => match self.domain(cells.out)? {
                Domain::Bool => self.boolean_cells(first(lanes)?, cells)?,
                Domain::Labels => {
                    let mut workers = workers(lanes, seats);
                    self.labels.cells(&mut workers, cells, tweak)?;
                }
                Domain::Arith => return Err(MIXED),
            },
            StepKind::Output { from, reveal: _ } => {
                return match self.domain(*from)? {
                    Domain::Bool => self.open_bits(first(lanes)?, *from),
                    Domain::Labels => {
                        let mut workers = workers(lanes, seats);
                        self.labels.output(super::first(&mut workers)?, *from)
                    }
                    Domain::Arith => self.open_words(first(lanes)?, *from),
                };
            }
            StepKind::Input { .. } | StepKind::Linear(_) => return Err(MIXED),
        }
        Ok(None)
    }

    fn share(
        &mut self,
        lanes: &mut [Channel],
        seats: &mut [AnySeat],
        step: &ShareStep,
        tweak: u64,
    ) -> Result<(), RunError> {
        match step {
            ShareStep::Input { out } => self.enter_input(*out),
            ShareStep::Mask { input, out } => self.mask(first(lanes)?, *input, *out),
            ShareStep::Linear(linear) => self.linear(first(lanes)?, linear),
            ShareStep::Sum { words, out } => self.sum(words, *out),
            ShareStep::AddConst { node, input, out } => self.add_const(*node, *input, *out),
            ShareStep::Reflect { node, from, out } => {
                self.reflect(first(lanes)?, *node, (*from, *out))
            }
            ShareStep::TruncLocal(step) => self.trunc_local(step),
            ShareStep::ReluTrunc(step) => self.relu_trunc(first(lanes)?, step),
            ShareStep::Compared(step) => self.compared(first(lanes)?, step),
            ShareStep::Bridge(bridge) => match self.between(bridge)? {
                Domain::Bool => self.boolean_bridge(first(lanes)?, bridge),
                Domain::Labels | Domain::Arith => self.bridge(lanes, seats, bridge, tweak),
            },
        }
    }

    /// The domain in which a bridge's netlist is evaluated.
    fn between(&self, bridge: &privet_plan::Bridge) -> Result<Domain, RunError> {
        if self.labels.plan.options.backend.boolean() {
            return Ok(Domain::Bool);
        }
        // Both ends exist; the executor checks them as it takes them.
        self.domain(bridge.from)?;
        self.domain(bridge.out)?;
        Ok(Domain::Labels)
    }

    fn buffer(&self, id: BufferId) -> Result<privet_plan::Buffer, RunError> {
        let planned = self.labels.plan.buffers.get(id.0 as usize).copied();
        planned.ok_or(RunError::Contradiction("a buffer does not exist"))
    }

    fn domain(&self, id: BufferId) -> Result<Domain, RunError> {
        Ok(self.buffer(id)?.domain)
    }

    fn words(&self, id: BufferId) -> Result<&Words, RunError> {
        linear::held(&self.held, id)
    }

    fn bits(&self, id: BufferId) -> Result<&Planes, RunError> {
        match self.held.get(id.0 as usize) {
            Some(Some(Held::Bits(bits))) => Ok(bits),
            _ => Err(UNFILLED),
        }
    }

    fn put(&mut self, id: BufferId, held: Held) -> Result<(), RunError> {
        let slot = self.held.get_mut(id.0 as usize);
        *slot.ok_or(RunError::Contradiction("a buffer does not exist"))? = Some(held);
        Ok(())
    }
}

const UNFILLED: RunError = RunError::Contradiction("a buffer is read before it is filled");
const NO_SEAT: RunError = RunError::Contradiction("labels without a garbled circuit");
const MIXED: RunError = RunError::Contradiction("a step in a domain that it does not work in");

pub(crate) fn first(lanes: &mut [Channel]) -> Result<&mut Channel, RunError> {
    lanes
        .first_mut()
        .ok_or(RunError::Contradiction("a session without lanes"))
}

fn workers<'a>(lanes: &'a mut [Channel], seats: &'a mut [AnySeat]) -> Vec<Worker<'a, AnySeat>> {
    let pairs = lanes.iter_mut().zip(seats);
    pairs
        .map(|(channel, seat)| Worker { channel, seat })
        .collect()
}

pub(crate) fn traffic(lanes: &[Channel]) -> u64 {
    let totals = lanes.iter().map(|lane| lane.stats().total());
    totals.map(|t| t.sent_bytes + t.received_bytes).sum()
}
