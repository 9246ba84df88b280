//! The executor: follows a plan step by step, whoever garbles.
//!
//! Work within a step is cut into units by the plan; unit u runs on lane `u mod K` with the tweaks
//! that the plan gives it, so the transcript of a unit does not depend on the number of lanes.

mod cells;
mod linear;
mod output;
pub(crate) mod shares;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use privet_garble::{InputClass, Program};
use privet_model::quant::ir::{Model, Params};
use privet_net::Channel;
use privet_netlists::catalogue::BlockSpec;
use privet_plan::{BufferId, Party, Plan, StepKind};
use privet_prim::{Block, Lines};
use zeroize::Zeroizing;

use crate::error::RunError;
use crate::report::{LayerReport, Progress};
use crate::seat::{Compiled, Seat};

/// One lane's channel and the seat's state on it.
pub(crate) struct Worker<'a, S> {
    pub(crate) channel: &'a mut Channel,
    pub(crate) seat: &'a mut S,
}

/// Compiled netlists of a session, shared by its inferences.
#[derive(Default)]
pub(crate) struct Programs {
    compiled: HashMap<(BlockSpec, Vec<InputClass>), Arc<Compiled>>,
}

impl Programs {
    /// The program of a block whose ports have these classes.
    pub(crate) fn get(
        &mut self,
        block: &BlockSpec,
        ports: &[InputClass],
    ) -> Result<Arc<Compiled>, RunError> {
        let key = (*block, ports.to_vec());
        if let Some(program) = self.compiled.get(&key) {
            return Ok(Arc::clone(program));
        }
        let netlist = block
            .netlist()
            .map_err(|_| RunError::Contradiction("a planned netlist cannot be made"))?;
        let mut classes = Vec::new();
        for (port, class) in netlist.inputs().iter().zip(ports) {
            classes.extend(std::iter::repeat_n(*class, port.bits as usize));
        }
        let program = Arc::new(Compiled::new(Program::compile(&netlist, &classes)?));
        self.compiled.insert(key, Arc::clone(&program));
        Ok(program)
    }
}

/// What one inference needs besides the workers.
pub(crate) struct Executor<'p> {
    pub(crate) plan: &'p Plan,
    pub(crate) programs: &'p mut Programs,
    /// The weights, on the server's side.
    pub(crate) model: Option<&'p Model>,
    /// First tweak of this inference.
    pub(crate) tweak_base: u64,
    pub(crate) buffers: Vec<Option<Lines>>,
}

/// What an inference gives to a side: its layers, and on the client's side the opened bits.
pub(crate) struct Outcome {
    pub(crate) layers: Vec<LayerReport>,
    pub(crate) opened: Option<Vec<bool>>,
}

impl<'p> Executor<'p> {
    pub(crate) fn new(
        plan: &'p Plan,
        programs: &'p mut Programs,
        model: Option<&'p Model>,
        inference: u64,
    ) -> Result<Self, RunError> {
        let tweak_base = inference
            .checked_mul(plan.tweaks)
            .filter(|base| {
                base.checked_add(plan.tweaks)
                    .is_some_and(|end| end < crate::seat::MAX_TWEAK)
            })
            .ok_or_else(|| {
                RunError::Incompatible(
                    "the session has used up its hash indices; start a new session".to_owned(),
                )
            })?;
        let buffers = plan.buffers.iter().map(|_| None).collect();
        Ok(Self {
            plan,
            programs,
            model,
            tweak_base,
            buffers,
        })
    }

    /// Runs all steps. `input`: the client's integers, on the client's side.
    pub(crate) fn run<S: Seat>(
        &mut self,
        workers: &mut [Worker<'_, S>],
        input: Option<&[i64]>,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, RunError> {
        let total = self.plan.cost.inference.non_xor();
        let (mut done, mut layers, mut opened) = (0, Vec::<LayerReport>::new(), None);
        for step in &self.plan.steps {
            progress.layer(&step.layer, done, total);
            let started = Instant::now();
            let before = traffic(workers);
            let tweak = self.tweak_base + step.tweak_base;
            match &step.kind {
                StepKind::Input { out } => self.input(first(workers)?, *out, input)?,
                StepKind::Linear(linear) => self.linear(workers, linear, tweak)?,
                StepKind::Cells(cells) => self.cells(workers, cells, tweak)?,
                StepKind::Wire(wire) => self.wire(first(workers)?.seat, wire)?,
                StepKind::Output { from, reveal: _ } => {
                    opened = self.output(first(workers)?, *from)?;
                }
                StepKind::Share(_) => {
                    return Err(RunError::Contradiction("shares in a plan without them"));
                }
            }
            for worker in workers.iter_mut() {
                worker.channel.flush()?;
            }
            for id in &step.frees {
                if let Some(buffer) = self.buffers.get_mut(id.0 as usize) {
                    *buffer = None;
                }
            }
            done += step.cost.non_xor();
            let layer = LayerReport {
                name: step.layer.clone(),
                ands: step.cost.non_xor(),
                bytes: traffic(workers) - before,
                seconds: started.elapsed().as_secs_f64(),
            };
            merge(&mut layers, layer);
        }
        progress.finished();
        Ok(Outcome { layers, opened })
    }

    /// The labels of a buffer that an earlier step filled.
    pub(crate) fn labels(&self, id: BufferId) -> Result<&[Block], RunError> {
        self.buffers
            .get(id.0 as usize)
            .and_then(Option::as_deref)
            .ok_or(RunError::Contradiction(
                "a buffer is read before it is filled",
            ))
    }

    /// Width of a buffer's words.
    pub(crate) fn word_bits(&self, id: BufferId) -> Result<usize, RunError> {
        self.plan
            .buffers
            .get(id.0 as usize)
            .map(|b| b.bits as usize)
            .ok_or(RunError::Contradiction("a buffer does not exist"))
    }

    /// Takes the buffer for writing, zeroed when it was not filled yet.
    pub(crate) fn take_buffer(&mut self, id: BufferId) -> Result<Lines, RunError> {
        let planned = self
            .plan
            .buffers
            .get(id.0 as usize)
            .ok_or(RunError::Contradiction("a buffer does not exist"))?;
        let slot = self
            .buffers
            .get_mut(id.0 as usize)
            .ok_or(RunError::Contradiction("a buffer does not exist"))?;
        Ok(slot
            .take()
            .unwrap_or_else(|| Lines::zeroed(planned.labels())))
    }

    /// Puts a filled buffer back.
    pub(crate) fn put_buffer(&mut self, id: BufferId, labels: Lines) {
        if let Some(slot) = self.buffers.get_mut(id.0 as usize) {
            *slot = Some(labels);
        }
    }

    /// The secret integers of a node, on the server's side.
    pub(crate) fn params(&self, node: usize) -> Result<Option<&'p Params>, RunError> {
        let Some(model) = self.model else {
            return Ok(None);
        };
        match model.params.get(node) {
            Some(Some(params)) => Ok(Some(params)),
            _ => Err(RunError::Contradiction("a layer has no parameters")),
        }
    }

    /// Class of the server's secret bits.
    pub(crate) fn secret_class(&self) -> InputClass {
        match self.plan.options.garbler {
            Party::Server => InputClass::Garbler,
            Party::Client => InputClass::Evaluator,
        }
    }

    fn input<S: Seat>(
        &mut self,
        worker: &mut Worker<'_, S>,
        out: BufferId,
        input: Option<&[i64]>,
    ) -> Result<(), RunError> {
        let bits = self.word_bits(out)?;
        let mut labels = self.take_buffer(out)?;
        let choices: Option<Zeroizing<Vec<bool>>> = input.map(|values| {
            let bits = values
                .iter()
                .flat_map(|v| (0..bits).map(move |b| (v >> b) & 1 == 1));
            Zeroizing::new(bits.collect())
        });
        if choices.as_ref().is_some_and(|c| c.len() != labels.len()) {
            return Err(RunError::Contradiction(
                "the input has another length than the plan says",
            ));
        }
        worker.seat.client_bits(
            worker.channel,
            choices.as_ref().map(|c| c.as_slice()),
            &mut labels,
        )?;
        self.put_buffer(out, labels);
        Ok(())
    }
}

fn first<'w, 'a, S>(workers: &'w mut [Worker<'a, S>]) -> Result<&'w mut Worker<'a, S>, RunError> {
    workers
        .first_mut()
        .ok_or(RunError::Contradiction("a session without lanes"))
}

fn traffic<S>(workers: &[Worker<'_, S>]) -> u64 {
    workers
        .iter()
        .map(|w| w.channel.stats().total())
        .map(|t| t.sent_bytes + t.received_bytes)
        .sum()
}

fn merge(layers: &mut Vec<LayerReport>, next: LayerReport) {
    match layers.last_mut() {
        Some(last) if last.name == next.name => {
            last.ands += next.ands;
            last.bytes += next.bytes;
            last.seconds += next.seconds;
        }
        _ => layers.push(next),
    }
}

/// Runs `work(unit index, worker)` for every unit on its lane and hands the results over in order.
pub(crate) fn on_lanes<S: Seat, T: Send>(
    workers: &mut [Worker<'_, S>],
    units: usize,
    work: impl Fn(usize, &mut Worker<'_, S>) -> Result<T, RunError> + Sync,
    mut each: impl FnMut(usize, T) -> Result<(), RunError>,
) -> Result<(), RunError> {
    let lanes = workers.len();
    if lanes <= 1 || units <= 1 {
        let worker = first(workers)?;
        for unit in 0..units {
            each(unit, work(unit, worker)?)?;
        }
        return Ok(());
    }
    let results: Vec<Result<Vec<(usize, T)>, RunError>> = std::thread::scope(|scope| {
        let work = &work;
        let handles: Vec<_> = workers
            .iter_mut()
            .enumerate()
            .map(|(lane, worker)| {
                scope.spawn(move || {
                    let mut done = Vec::new();
                    for unit in (lane..units).step_by(lanes) {
                        done.push((unit, work(unit, worker)?));
                    }
                    worker.channel.flush()?;
                    Ok(done)
                })
            })
            .collect();
        handles
            .into_iter()
            .map(|h| {
                h.join()
                    .unwrap_or(Err(RunError::Contradiction("a worker thread died")))
            })
            .collect()
    });
    for result in results {
        for (unit, value) in result? {
            each(unit, value)?;
        }
    }
    Ok(())
}
