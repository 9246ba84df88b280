//! The server: offers a plan, follows it as often as the client asks.

use std::sync::Arc;
use std::time::Instant;

use privet_model::quant::ir::Model;
use privet_net::Session;
use privet_plan::{Backend, Caps, LinkModel, NormClass, Party, Plan, PlanOptions, Rates, Reveal};

use crate::engine::{Engine, Mark};
use crate::error::RunError;
use crate::exec::shares::Side;
use crate::exec::shares::material::Owner;
use crate::handshake::{
    ClearAnswer, Hello, MAX_CONTROL, MAX_INPUTS, Offer, PROTOCOL, Reply, Request, sanitise,
};
use crate::prepared::{Shelf, Taken};
use crate::report::{Progress, Report};
use crate::store::{Store, drive};
use crate::weights::{HeldWeights, ModelWeights};

/// What the server grants.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The backends that a client may ask for.
    pub backends: Vec<Backend>,
    /// The link, for choosing the cheapest backend where the client leaves it open.
    pub link: LinkModel,
    /// The most that a client may learn.
    pub reveal: Reveal,
    /// Answer clients that ask for the clear result (they send their input in the clear).
    pub insecure_verify: bool,
    /// Let a client garble. A client that garbles something else than the plan says can learn bits
    /// of weights from what it opens; one that evaluates cannot.
    pub client_may_garble: bool,
    /// Products under encryption take the largest parameters, whether a client asks for them or not.
    pub strict: bool,
    /// What a plan may cost; seconds are not looked at.
    pub caps: Caps,
    /// Where prepared material is kept for clients that ask for it.
    pub store: Option<Arc<Store>>,
    /// Evaluated weights, kept for later inferences and shared by sessions.
    pub weights: Arc<HeldWeights>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            backends: Backend::ALL.to_vec(),
            link: LinkModel::LOOPBACK,
            reveal: Reveal::Label,
            insecure_verify: false,
            client_may_garble: false,
            strict: false,
            caps: Caps::default(),
            store: None,
            weights: Arc::default(),
        }
    }
}

/// A model as it is served: with its random identity on the wire.
#[derive(Debug)]
pub struct Offered {
    /// The network.
    pub model: Model,
    /// Random; says nothing of the weights.
    pub id: [u8; 16],
}

/// What a session amounted to.
#[derive(Debug, Clone, Default)]
pub struct Served {
    /// Reports of the inferences, in order.
    pub reports: Vec<Report>,
    /// Inferences that were prepared for later.
    pub prepared: u64,
}

/// Serves one session to its end.
///
/// # Errors
/// The client asks for what is not granted, misbehaves, or the connection fails.
pub fn serve(
    mut session: Session,
    models: &[Offered],
    options: &ServerOptions,
    progress: &mut dyn Progress,
) -> Result<Served, RunError> {
    let outcome = run(&mut session, models, options, progress);
    if let Err(error) = &outcome
        // A refusal has been told already, and an abort could overtake it. What is wrong with the
        // store names files of this machine.
        && !matches!(
            error,
            RunError::Net(_) | RunError::Incompatible(_) | RunError::Store(_)
        )
    {
        session.abort(&sanitise(&error.to_string()));
    }
    outcome
}

fn run(
    session: &mut Session,
    models: &[Offered],
    options: &ServerOptions,
    progress: &mut dyn Progress,
) -> Result<Served, RunError> {
    let started = Instant::now();
    let (plan, offered, verify) = agree(session, models, options)?;
    let mut engine = Engine::set_up(session, &plan, true, started)?;
    engine.hold(ModelWeights::new(&options.weights, offered.id, &plan));
    let store = options.store.as_ref();
    let shelf = Shelf::new(store, session, Party::Server, offered.id, &plan);
    // A request carries at most one input, ten bytes an integer.
    let elements: usize = plan.buffers.first().map_or(0, |b| b.elements);
    let largest = MAX_CONTROL.max(if verify { 64 + 10 * elements } else { 0 });
    let mut serving = Serving {
        session,
        engine,
        plan: &plan,
        model: &offered.model,
        shelf,
        served: Served::default(),
        inferences: 0,
    };
    loop {
        match serving.session.lane(0)?.recv_msg(largest)? {
            Request::Done => return Ok(serving.served),
            Request::Infer => serving.infer(progress)?,
            Request::Settle => serving.settle()?,
            Request::Prepare => serving.prepare()?,
            Request::InferPrepared => serving.infer_prepared(progress)?,
            Request::InsecureVerify(values) => {
                if !verify {
                    return Err(RunError::PeerMisbehaved(
                        "it asked for a clear result that was not agreed on".to_owned(),
                    ));
                }
                serving.evaluate(&values)?;
            }
        }
    }
}

/// An agreed session.
struct Serving<'s> {
    session: &'s mut Session,
    engine: Engine,
    plan: &'s Plan,
    model: &'s Model,
    shelf: Option<Shelf>,
    served: Served,
    /// Inferences and preparations so far.
    inferences: u64,
}

impl Serving<'_> {
    fn count(&mut self) -> Result<(), RunError> {
        if self.inferences >= MAX_INPUTS {
            return Err(RunError::PeerMisbehaved(format!(
                "it asked for more than {MAX_INPUTS} inputs"
            )));
        }
        self.inferences += 1;
        Ok(())
    }

    fn infer(&mut self, progress: &mut dyn Progress) -> Result<(), RunError> {
        self.count()?;
        let side = Side::Server(self.model);
        let (report, _) = self
            .engine
            .infer(self.session, self.plan, side, None, progress)?;
        self.served.reports.push(report);
        Ok(())
    }

    fn settle(&mut self) -> Result<(), RunError> {
        match &mut self.shelf {
            Some(shelf) => shelf.settle_server(self.session),
            None => drive::decline(self.session.lane(0)?),
        }
    }

    fn prepare(&mut self) -> Result<(), RunError> {
        self.count()?;
        let shelf = self.shelf.as_ref().ok_or_else(no_store)?;
        let owner = Owner::Server(self.model);
        shelf.prepare(self.session, &mut self.engine, self.plan, owner)?;
        self.served.prepared += 1;
        Ok(())
    }

    fn infer_prepared(&mut self, progress: &mut dyn Progress) -> Result<(), RunError> {
        self.count()?;
        let shelf = self.shelf.as_ref().ok_or_else(no_store)?;
        let (mark, began) = (Mark::of(self.session), Instant::now());
        let Some(Taken { material, offline }) = shelf.take(self.session, self.plan)? else {
            return Ok(());
        };
        let taking = mark.until(self.session, began);
        let side = Side::Server(self.model);
        let (report, _) =
            self.engine
                .infer(self.session, self.plan, side, Some(material), progress)?;
        let report = report.with_prepared(offline, taking);
        self.served.reports.push(report);
        Ok(())
    }

    fn evaluate(&mut self, values: &[i64]) -> Result<(), RunError> {
        let clear = self
            .model
            .evaluate(values)
            .map_err(|e| RunError::Input(e.to_string()))?;
        let control = self.session.lane(0)?;
        control.send_msg(&ClearAnswer {
            label: u32::try_from(clear.label).unwrap_or(u32::MAX),
            logits: clear.logits,
        })?;
        Ok(control.flush()?)
    }
}

fn no_store() -> RunError {
    RunError::PeerMisbehaved("it asked for prepared material where none is kept".to_owned())
}

fn agree<'m>(
    session: &mut Session,
    models: &'m [Offered],
    options: &ServerOptions,
) -> Result<(Plan, &'m Offered, bool), RunError> {
    let control = session.lane(0)?;
    control.set_phase("handshake");
    let hello: Hello = control.recv_msg(MAX_CONTROL)?;
    let chosen = choose(&hello, models, options).and_then(|(offered, wish)| {
        let plan = plan_for(offered, &hello, &wish, options)?;
        Ok((offered, plan.options.clone(), plan))
    });
    let (offered, granted, plan) = match chosen {
        Ok(choice) => choice,
        Err(reason) => {
            control.send_msg(&Offer::Refused(reason.clone()))?;
            control.flush()?;
            return Err(RunError::Incompatible(format!(
                "refused the client: {reason}"
            )));
        }
    };
    control.send_msg(&Offer::Plan {
        model_id: offered.id,
        graph: Box::new(offered.model.graph.clone()),
        options: granted,
        plan_hash: plan.hash,
    })?;
    match control.recv_msg(MAX_CONTROL)? {
        Reply::Accept => Ok((plan, offered, hello.insecure_verify)),
        Reply::Refuse(reason) => Err(RunError::Incompatible(format!(
            "the client refused the plan: {}",
            sanitise(&reason)
        ))),
    }
}

/// The plan of a client's wishes, within the server's own caps: the cheapest where several backends do.
fn plan_for(
    offered: &Offered,
    hello: &Hello,
    wish: &PlanOptions,
    options: &ServerOptions,
) -> Result<Plan, String> {
    let backend = hello.backend;
    let granted: Vec<Backend> = backend
        .backends()
        .filter(|backend| options.backends.contains(backend))
        .collect();
    if granted.is_empty() {
        let names: Vec<String> = options.backends.iter().map(Backend::to_string).collect();
        return Err(format!(
            "backend {backend} is not granted (this server runs {}); it needs serve --backend {backend}",
            names.join(", ")
        ));
    }
    let caps = Caps {
        seconds: u64::MAX,
        ..options.caps
    };
    Plan::cheapest(
        &offered.model.graph,
        wish,
        (&granted, hello.comparison),
        &caps,
        &Rates::default(),
        &options.link,
    )
    .map_err(|e| e.to_string())
}

fn choose<'m>(
    hello: &Hello,
    models: &'m [Offered],
    options: &ServerOptions,
) -> Result<(&'m Offered, PlanOptions), String> {
    if hello.protocol != PROTOCOL {
        return Err(format!(
            "the client speaks protocol {}, this server {PROTOCOL}; use the same version on both",
            hello.protocol
        ));
    }
    let names = || {
        models
            .iter()
            .map(|m| m.model.graph.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let offered = match &hello.model {
        Some(name) => models
            .iter()
            .find(|m| m.model.graph.name == *name)
            .ok_or_else(|| format!("no model '{}' here; there is {}", sanitise(name), names()))?,
        None => match models {
            [only] => only,
            _ => {
                return Err(format!(
                    "name one of the models with --model-name: {}",
                    names()
                ));
            }
        },
    };
    if !options.reveal.grants(hello.reveal) {
        return Err(format!(
            "{} is not granted (this server opens {}); it needs serve --reveal {}",
            hello.reveal, options.reveal, hello.reveal
        ));
    }
    if hello.insecure_verify && !options.insecure_verify {
        return Err(
            "insecure verification is not granted; it needs serve --insecure-verify".to_owned(),
        );
    }
    if hello.garbler == Party::Client && !options.client_may_garble {
        return Err(
            "a garbling client is not granted; it needs serve --client-may-garble".to_owned(),
        );
    }
    let granted = PlanOptions {
        reveal: hello.reveal,
        garbler: hello.garbler,
        norms: NormClass::of_model(&offered.model),
        strict: hello.strict || options.strict,
        all_online: hello.all_online,
        ..PlanOptions::default()
    };
    Ok((offered, granted))
}
