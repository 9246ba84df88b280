//! One party's state over a session, whatever the backend: seats at garbled circuits, random
//! correlated OTs, compiled netlists.

use std::time::Instant;

use privet_model::quant::ir::Model;
use privet_net::Session;
use privet_plan::{Party, Plan};

use crate::error::RunError;
use crate::exec::shares::correlated::Correlated;
use crate::exec::shares::fresh::Fresh;
use crate::exec::shares::material::{Material, Owner};
use crate::exec::shares::supply::Supply;
use crate::exec::shares::{ShareExecutor, Side};
use crate::exec::{Executor, Outcome, Programs, Worker};
use crate::process::Stopwatch;
use crate::report::{Phase, Progress, Report};
use crate::seat::{self, AnySeat};
use crate::weights::ModelWeights;

/// A party's state over a session.
pub(crate) struct Engine {
    seats: Vec<AnySeat>,
    /// Set up before the first material is made: stored material needs none.
    correlated: Option<Correlated>,
    is_server: bool,
    /// Evaluated weights, on the server's side.
    weights: Option<ModelWeights>,
    programs: Programs,
    inferences: u64,
    setup: Phase,
}

impl Engine {
    /// Prepares whatever the plan's backend needs once in a session. `began`: when the handshake did.
    pub(crate) fn set_up(
        session: &mut Session,
        plan: &Plan,
        is_server: bool,
        began: Instant,
    ) -> Result<Self, RunError> {
        let backend = plan.options.backend;
        let seats = if backend.boolean() {
            Vec::new()
        } else {
            let garbles = (plan.options.garbler == Party::Server) == is_server;
            seat::set_up(session, garbles, is_server)?
        };
        session.lane(0)?.set_phase("inference");
        Ok(Self {
            seats,
            correlated: None,
            is_server,
            weights: None,
            programs: Programs::default(),
            inferences: 0,
            setup: Mark::default().until(session, began),
        })
    }

    /// Keeps evaluated weights there.
    pub(crate) fn hold(&mut self, weights: ModelWeights) {
        self.weights = Some(weights);
    }

    /// Makes the material of one inference with the peer.
    pub(crate) fn prepare(
        &mut self,
        session: &mut Session,
        plan: &Plan,
        owner: Owner<'_>,
    ) -> Result<(Material, Phase), RunError> {
        if !plan.options.backend.shares() || plan.options.all_online {
            return Err(RunError::Contradiction(
                "material for a plan that needs none",
            ));
        }
        self.correlate(session)?;
        let (mark, began) = (Mark::of(session), Instant::now());
        let correlated = self.correlated.as_mut().ok_or(UNCORRELATED)?;
        let channel = session.lane(0)?;
        channel.set_phase("offline");
        let material = Material::prepare(plan, owner, correlated, self.weights.as_ref(), channel)?;
        channel.set_phase("inference");
        Ok((material, mark.until(session, began)))
    }

    /// Sets silent OT up, once in a session.
    fn correlate(&mut self, session: &mut Session) -> Result<(), RunError> {
        if self.correlated.is_none() {
            let (mark, began) = (Mark::of(session), Instant::now());
            let channel = session.lane(0)?;
            self.correlated = Some(Correlated::set_up(channel, self.is_server)?);
            channel.set_phase("inference");
            self.setup = self.setup.and(mark.until(session, began));
        }
        Ok(())
    }

    /// One inference; `material` that was prepared, where there is any, is used up.
    pub(crate) fn infer(
        &mut self,
        session: &mut Session,
        plan: &Plan,
        side: Side<'_>,
        material: Option<Material>,
        progress: &mut dyn Progress,
    ) -> Result<(Report, Option<Vec<bool>>), RunError> {
        let (watch, evaluated) = (Stopwatch::start(), self.evaluated());
        let mut offline = Phase::default();
        let material = match material {
            None if plan.options.all_online => {
                self.correlate(session)?;
                None
            }
            None if plan.options.backend.shares() => {
                let (made, phase) = self.prepare(session, plan, side.into())?;
                offline = phase;
                Some(made)
            }
            given => given,
        };
        for lane in session.lanes_mut() {
            lane.set_phase("inference");
        }
        let (mark, began) = (Mark::of(session), Instant::now());
        let inference = self.inferences;
        self.inferences += 1;
        let outcome = match material {
            Some(material) => {
                let (programs, supply) = (&mut self.programs, Supply::made(material));
                ShareExecutor::new(plan, programs, side, inference, supply)?.run(
                    session.lanes_mut(),
                    &mut self.seats,
                    progress,
                )?
            }
            None if plan.options.all_online => {
                self.fresh(session, plan, side, inference, progress)?
            }
            None => self.garbled(session, plan, side, inference, progress)?,
        };
        let Outcome { layers, opened } = outcome;
        let online = mark.until(session, began);
        let report = Report::new(layers, plan, self.setup, offline, online);
        let report = report.with_work(watch.seconds(), self.evaluated() - evaluated);
        Ok((report, opened))
    }

    /// Polynomials of weights that this session has evaluated.
    fn evaluated(&self) -> u64 {
        self.weights.as_ref().map_or(0, ModelWeights::evaluated)
    }

    /// One inference whose material is made in its course, behind [`Engine::correlate`].
    fn fresh(
        &mut self,
        session: &mut Session,
        plan: &Plan,
        side: Side<'_>,
        inference: u64,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, RunError> {
        let correlated = self.correlated.as_mut().ok_or(UNCORRELATED)?;
        let source = (correlated, self.weights.as_ref());
        let fresh = Fresh::begin(plan, side.into(), source, session.lane(0)?)?;
        let (programs, supply) = (&mut self.programs, Supply::fresh(fresh));
        let mut executor = ShareExecutor::new(plan, programs, side, inference, supply)?;
        executor.run(session.lanes_mut(), &mut self.seats, progress)
    }

    fn garbled(
        &mut self,
        session: &mut Session,
        plan: &Plan,
        side: Side<'_>,
        inference: u64,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, RunError> {
        let (model, input): (Option<&Model>, _) = match side {
            Side::Client(input) => (None, Some(input)),
            Side::Server(model) => (Some(model), None),
        };
        let mut executor = Executor::new(plan, &mut self.programs, model, inference)?;
        let pairs = session.lanes_mut().iter_mut().zip(&mut self.seats);
        let mut workers: Vec<Worker<'_, AnySeat>> = pairs
            .map(|(channel, seat)| Worker { channel, seat })
            .collect();
        executor.run(&mut workers, input, progress)
    }
}

const UNCORRELATED: RunError = RunError::Contradiction("a session without correlated transfers");

/// Counters of a session at some time.
#[derive(Default)]
pub(crate) struct Mark {
    bytes: u64,
    flights: u64,
}

impl Mark {
    pub(crate) fn of(session: &Session) -> Self {
        let stats = session.stats();
        let total = stats.total();
        Self {
            bytes: total.sent_bytes + total.received_bytes,
            flights: stats.flights(),
        }
    }

    pub(crate) fn until(&self, session: &Session, began: Instant) -> Phase {
        let now = Self::of(session);
        Phase {
            seconds: began.elapsed().as_secs_f64(),
            bytes: now.bytes.saturating_sub(self.bytes),
            flights: now.flights.saturating_sub(self.flights),
        }
    }
}
