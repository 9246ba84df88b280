//! The client: asks, checks the plan, follows it, learns the answer.

mod clear;

use std::sync::Arc;
use std::time::Instant;

use privet_net::Session;
use privet_plan::{Backend, Caps, Choice, Comparison, LinkModel, Party, Plan, Rates, Reveal};
use serde::Serialize;

use crate::engine::{Engine, Mark};
use crate::error::RunError;
use crate::exec::shares::Side;
use crate::exec::shares::material::Owner;
use crate::handshake::{ClearAnswer, Hello, MAX_OFFER, Offer, PROTOCOL, Reply, Request, sanitise};
use crate::prepared::{Made, Shelf, Taken};
use crate::report::{Progress, Report};
use crate::store::Store;
pub use clear::{Clear, Difference};

/// What the client wants and what it refuses.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Name of the model; none: the server's only one.
    pub model: Option<String>,
    /// How the network is to be evaluated.
    pub backend: Choice,
    /// How shares are to be compared.
    pub comparison: Choice<Comparison>,
    /// What to learn.
    pub reveal: Reveal,
    /// Who garbles.
    pub garbler: Party,
    /// Products under encryption take the largest parameters; they do as well where the server asks for it.
    pub strict: bool,
    /// Nothing is prepared before the input is known: every layer's material is made when the layer is due. Stored material is not used.
    pub all_online: bool,
    /// What the plan may cost.
    pub caps: Caps,
    /// For the estimate of seconds that the cap is compared with.
    pub rates: Rates,
    /// Likewise.
    pub link: LinkModel,
    /// Ask for the clear result too; sends the input in the clear.
    pub insecure_verify: bool,
    /// The only plan that is accepted.
    pub plan_hash: Option<[u8; 32]>,
    /// Prepared material: used where it fits, and where [`Client::prepare`] puts more.
    pub store: Option<Arc<Store>>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            model: None,
            backend: Choice::Only(Backend::Gc),
            comparison: Choice::Auto,
            reveal: Reveal::Label,
            garbler: Party::Server,
            strict: false,
            all_online: false,
            caps: Caps::default(),
            rates: Rates::default(),
            link: LinkModel::LOOPBACK,
            insecure_verify: false,
            plan_hash: None,
            store: None,
        }
    }
}

/// What the client learnt of one input.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The label.
    pub label: u32,
    /// The best labels in order, where `top:K` was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top: Option<Vec<u32>>,
    /// The logits as integers, where they were granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logits: Option<Vec<i64>>,
    /// Fraction bits of the logits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frac_bits: Option<u32>,
    /// The clear result, where both sides allowed insecure verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clear: Option<Clear>,
}

/// An agreed session.
pub struct Client {
    session: Session,
    engine: Engine,
    plan: Plan,
    insecure_verify: bool,
    shelf: Option<Shelf>,
}

impl Client {
    /// Agrees on a plan with the server and prepares the session.
    ///
    /// # Errors
    /// The server refuses, its graph or plan is not acceptable, or the connection fails.
    pub fn start(mut session: Session, options: &ClientOptions) -> Result<Self, RunError> {
        let started = Instant::now();
        let (plan, model) = match agree(&mut session, options) {
            Ok(agreed) => agreed,
            Err(error) => {
                if !matches!(error, RunError::Net(_)) {
                    refuse(&mut session, &error.to_string());
                }
                return Err(error);
            }
        };
        let engine = Engine::set_up(&mut session, &plan, false, started)?;
        let shelf = Shelf::new(
            options.store.as_ref(),
            &session,
            Party::Client,
            model,
            &plan,
        );
        let mut client = Self {
            session,
            engine,
            plan,
            insecure_verify: options.insecure_verify,
            shelf,
        };
        if let Some(shelf) = &client.shelf
            && shelf.has_entries()?
        {
            client.settle()?;
        }
        Ok(client)
    }

    /// Compares what both parties hold of prepared material; false where one keeps none for this plan.
    fn settle(&mut self) -> Result<bool, RunError> {
        let Some(shelf) = &mut self.shelf else {
            return Ok(false);
        };
        // The message goes out with the holdings.
        self.session.lane(0)?.send_msg(&Request::Settle)?;
        shelf.settle_client(&mut self.session)
    }

    /// How many inferences are prepared: both parties hold their halves, in this session's plan.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn prepared(&self) -> Result<usize, RunError> {
        self.shelf.as_ref().map_or(Ok(0), Shelf::ready)
    }

    /// Gets ready for [`Client::prepare`].
    ///
    /// # Errors
    /// A party keeps no material, the backend has none, or the connection fails.
    pub fn begin_preparing(&mut self) -> Result<(), RunError> {
        if !self.plan.options.backend.shares() {
            return Err(RunError::Incompatible(format!(
                "nothing can be prepared for --backend {}; ask for ot, gc+ot or hybrid",
                self.plan.options.backend
            )));
        }
        if self.plan.options.all_online {
            return Err(RunError::Incompatible(
                "this session's plan prepares nothing before an input is known".to_owned(),
            ));
        }
        if self.shelf.is_none() {
            return Err(RunError::Incompatible(
                "material is prepared only with an authenticated peer and a store".to_owned(),
            ));
        }
        if self.settle()? {
            return Ok(());
        }
        Err(RunError::Incompatible(
            "the server keeps no prepared material".to_owned(),
        ))
    }

    /// Makes and stores the material of one more inference, after [`Client::begin_preparing`].
    ///
    /// # Errors
    /// The server refuses, a store is full, or the connection fails.
    pub fn prepare(&mut self) -> Result<Made, RunError> {
        let shelf = self.shelf.as_ref().ok_or(RunError::Contradiction(
            "material is prepared without a store",
        ))?;
        self.session.lane(0)?.send_msg(&Request::Prepare)?;
        shelf.prepare(
            &mut self.session,
            &mut self.engine,
            &self.plan,
            Owner::Client,
        )
    }

    /// The plan that was agreed.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// One private inference on a real-valued (preprocessed) input.
    ///
    /// # Errors
    /// The input does not fit the network, or the run fails; after a failed run the session is over.
    pub fn infer(
        &mut self,
        input: &[f32],
        progress: &mut dyn Progress,
    ) -> Result<(Answer, Report), RunError> {
        let values = self
            .plan
            .graph
            .quantise_input(input)
            .map_err(|e| RunError::Input(e.to_string()))?;
        self.infer_integers(&values, progress)
    }

    /// One private inference on quantised input.
    ///
    /// # Errors
    /// As [`Self::infer`].
    pub fn infer_integers(
        &mut self,
        values: &[i64],
        progress: &mut dyn Progress,
    ) -> Result<(Answer, Report), RunError> {
        self.check_input(values)?;
        let (report, opened) = self.follow(Side::Client(values), progress)?;
        let opened = opened.ok_or(RunError::Contradiction("nothing was opened"))?;
        let mut answer = decode(&self.plan, &opened)?;
        if self.insecure_verify {
            answer.clear = Some(self.verify(values, &answer)?);
        }
        Ok((answer, report))
    }

    /// Follows the plan, with prepared material where there is any.
    fn follow(
        &mut self,
        side: Side<'_>,
        progress: &mut dyn Progress,
    ) -> Result<(Report, Option<Vec<bool>>), RunError> {
        let (session, plan) = (&mut self.session, &self.plan);
        if let Some(shelf) = &self.shelf
            && shelf.ready()? > 0
        {
            let began = Instant::now();
            let control = session.lane(0)?;
            control.send_msg(&Request::InferPrepared)?;
            control.flush()?;
            let mark = Mark::of(session);
            if let Some(Taken { material, offline }) = shelf.take(session, plan)? {
                let taking = mark.until(session, began);
                let engine = &mut self.engine;
                let (report, opened) =
                    engine.infer(session, plan, side, Some(material), progress)?;
                return Ok((report.with_prepared(offline, taking), opened));
            }
        }
        let control = session.lane(0)?;
        control.send_msg(&Request::Infer)?;
        control.flush()?;
        self.engine.infer(session, plan, side, None, progress)
    }

    /// Refuses an input that the network does not take, before the server hears of it.
    fn check_input(&self, values: &[i64]) -> Result<(), RunError> {
        let graph = &self.plan.graph;
        let tensor = graph
            .tensors
            .get(graph.input.0 as usize)
            .ok_or(RunError::Contradiction("the input does not exist"))?;
        let expected: usize = tensor.shape.iter().product();
        if values.len() != expected {
            return Err(RunError::Input(format!(
                "the input has {} values, the network takes {expected}",
                values.len()
            )));
        }
        if let Some(value) = values.iter().find(|v| !tensor.admits(**v)) {
            return Err(RunError::Input(format!(
                "the input value {value} does not fit {} bits{}",
                tensor.range.bits.min(tensor.ring.bits()),
                if tensor.range.non_negative {
                    " without a sign"
                } else {
                    ""
                }
            )));
        }
        Ok(())
    }

    /// Ends the session in order.
    ///
    /// # Errors
    /// The connection fails.
    pub fn finish(mut self) -> Result<(), RunError> {
        let control = self.session.lane(0)?;
        control.send_msg(&Request::Done)?;
        control.flush()?;
        Ok(())
    }

    fn verify(&mut self, values: &[i64], answer: &Answer) -> Result<Clear, RunError> {
        let control = self.session.lane(0)?;
        control.send_msg(&Request::InsecureVerify(values.to_vec()))?;
        let clear: ClearAnswer = control.recv_msg(MAX_OFFER)?;
        Ok(Clear::beside(answer, clear, self.plan.graph.profile))
    }
}

/// The `k` largest, best first, ties by lowest index.
fn ranking(logits: &[i64], k: usize) -> Vec<u32> {
    let mut order: Vec<(i64, u32)> = logits.iter().copied().zip(0..).collect();
    order.sort_by_key(|(value, index)| (std::cmp::Reverse(*value), *index));
    order.into_iter().take(k).map(|(_, index)| index).collect()
}

fn agree(session: &mut Session, options: &ClientOptions) -> Result<(Plan, [u8; 16]), RunError> {
    let control = session.lane(0)?;
    control.set_phase("handshake");
    control.send_msg(&Hello {
        protocol: PROTOCOL,
        model: options.model.clone(),
        backend: options.backend,
        comparison: options.comparison,
        reveal: options.reveal,
        garbler: options.garbler,
        strict: options.strict,
        all_online: options.all_online,
        insecure_verify: options.insecure_verify,
    })?;
    let (model, graph, granted, hash) = match control.recv_msg(MAX_OFFER)? {
        Offer::Refused(reason) => {
            return Err(RunError::Incompatible(format!(
                "the server refused: {}",
                sanitise(&reason)
            )));
        }
        Offer::Plan {
            model_id,
            graph,
            options,
            plan_hash,
        } => (model_id, graph, options, plan_hash),
    };
    let as_wished = granted.reveal == options.reveal
        && granted.garbler == options.garbler
        && granted.all_online == (options.all_online && granted.backend.shares())
        && (granted.strict || !options.strict || granted.backend != Backend::Hybrid)
        && options.backend.allows(granted.backend)
        && (!granted.backend.boolean() || options.comparison.allows(granted.comparison));
    if !as_wished {
        return Err(RunError::PeerMisbehaved(
            "it granted other options than were asked for".to_owned(),
        ));
    }
    graph
        .validate(&privet_model::quant::Limits::default())
        .map_err(|e| RunError::Graph(sanitise(&e.to_string())))?;
    let plan = Plan::new(*graph, granted, options.caps.memory)?;
    if plan.hash != hash {
        return Err(RunError::Incompatible(
            "the two sides compute different plans for this network; use the same version on both"
                .to_owned(),
        ));
    }
    if options.plan_hash.is_some_and(|pinned| pinned != plan.hash) {
        return Err(RunError::Incompatible(format!(
            "the server's plan is {}, another than the pinned one",
            plan.hash_text()
        )));
    }
    plan.check(&options.caps, &options.rates, &options.link)?;
    let control = session.lane(0)?;
    control.send_msg(&Reply::Accept)?;
    control.flush()?;
    Ok((plan, model))
}

/// Tells the server why there will be no session; the client's own error matters more.
fn refuse(session: &mut Session, reason: &str) {
    if let Ok(control) = session.lane(0) {
        let sent = control.send_msg(&Reply::Refuse(sanitise(reason)));
        drop(sent.and_then(|()| control.flush()));
    }
}

/// From opened bits to the answer.
pub(crate) fn decode(plan: &Plan, opened: &[bool]) -> Result<Answer, RunError> {
    let tensor = plan
        .graph
        .tensors
        .get(plan.graph.output.0 as usize)
        .ok_or(RunError::Contradiction("the output does not exist"))?;
    let unsigned = |bits: &[bool]| {
        bits.iter()
            .rev()
            .fold(0u32, |v, b| (v << 1) | u32::from(*b))
    };
    let mut answer = Answer {
        label: 0,
        top: None,
        logits: None,
        frac_bits: None,
        clear: None,
    };
    match plan.options.reveal {
        Reveal::Label => answer.label = unsigned(opened),
        Reveal::Top(k) => {
            let width = opened.len() / usize::from(k).max(1);
            let top: Vec<u32> = opened.chunks(width.max(1)).map(unsigned).collect();
            answer.label = top.first().copied().unwrap_or(0);
            answer.top = Some(top);
        }
        Reveal::Logits => {
            let width = tensor.ring.bits() as usize;
            let logits: Vec<i64> = opened
                .chunks(width)
                .map(|bits| {
                    let word = bits
                        .iter()
                        .rev()
                        .fold(0i64, |v, b| (v << 1) | i64::from(*b));
                    tensor.ring.wrap(word)
                })
                .collect();
            answer.label = ranking(&logits, 1).first().copied().unwrap_or(0);
            answer.logits = Some(logits);
            answer.frac_bits = Some(tensor.frac_bits);
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::ranking;

    #[test]
    fn ties_go_to_the_lowest_index() {
        assert_eq!(ranking(&[3, 7, 7, -1, 7], 4), [1, 2, 4, 0]);
    }
}
