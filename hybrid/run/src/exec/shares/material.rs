//! What an inference uses up: masks, shares of products, triples. Made before the input is known.

pub(super) mod prepare;
#[cfg(test)]
mod simulated;

use std::collections::VecDeque;

use privet_plan::{BufferId, Party, Plan, ShareStep, StepKind};
use zeroize::Zeroizing;

use super::Side;
use super::bits::Bits;
use crate::error::RunError;

/// One party's material for one inference of one plan. Used once: moved into the inference.
///
/// It depends on the plan and on what both parties drew, not on any input; on the client's side it
/// holds masks, on the server's none.
pub struct Material {
    parts: VecDeque<Part>,
    bits: Bits,
}

/// One step's part.
enum Part {
    Mask(Zeroizing<Vec<u64>>),
    Shares(Zeroizing<Vec<u64>>),
}

/// A step's part as the plan describes it: what it is, and its words.
#[derive(Clone, Copy)]
enum Form {
    Mask(usize),
    Shares(usize),
}

/// Parts that are taken in the plan's order.
pub(crate) struct Parts(VecDeque<Part>);

const OUT_OF_STEP: RunError = RunError::Contradiction("material of another step");

impl Parts {
    pub(super) fn mask(&mut self) -> Result<Zeroizing<Vec<u64>>, RunError> {
        match self.0.pop_front() {
            Some(Part::Mask(mask)) => Ok(mask),
            _ => Err(OUT_OF_STEP),
        }
    }

    pub(super) fn shares(&mut self) -> Result<Zeroizing<Vec<u64>>, RunError> {
        match self.0.pop_front() {
            Some(Part::Shares(shares)) => Ok(shares),
            _ => Err(OUT_OF_STEP),
        }
    }
}

impl Material {
    pub(crate) fn into_parts(self) -> (Parts, Bits) {
        (Parts(self.parts), self.bits)
    }

    /// Bytes that the material of this plan has at a party.
    #[must_use]
    pub fn bytes(plan: &Plan, party: Party) -> usize {
        let words = forms(plan, party).into_iter().map(|form| match form {
            Form::Mask(words) | Form::Shares(words) => words,
        });
        8 * words.sum::<usize>() + Bits::bytes(&plan.demand, party)
    }

    /// All words in the plan's order, little-endian, then the material for bits.
    #[must_use]
    pub fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        let bits = self.bits.into_bytes();
        let words = |part: &Part| match part {
            Part::Mask(words) | Part::Shares(words) => words.len(),
        };
        let words: usize = self.parts.iter().map(words).sum();
        // At its full size from the start: a buffer that grows leaves copies behind that nobody erases.
        let mut bytes = Zeroizing::new(Vec::with_capacity(8 * words + bits.len()));
        for part in self.parts {
            let (Part::Mask(words) | Part::Shares(words)) = part;
            for word in words.iter() {
                bytes.extend_from_slice(&word.to_le_bytes());
            }
        }
        bytes.extend_from_slice(&bits);
        bytes
    }

    /// Back from bytes that [`Material::into_bytes`] gave for the same plan and party.
    ///
    /// # Errors
    /// Another number of bytes than the plan's.
    pub fn from_bytes(plan: &Plan, party: Party, bytes: &[u8]) -> Result<Self, RunError> {
        let expected = Self::bytes(plan, party);
        if bytes.len() != expected {
            return Err(RunError::Input(format!(
                "prepared material has {} bytes, this plan's has {expected}",
                bytes.len()
            )));
        }
        let own = expected - Bits::bytes(&plan.demand, party);
        let (words, bits) = bytes.split_at(own);
        let mut words = words
            .as_chunks::<8>()
            .0
            .iter()
            .map(|word| u64::from_le_bytes(*word));
        let mut take = |count: usize| Zeroizing::new(words.by_ref().take(count).collect());
        let parts = forms(plan, party).into_iter().map(|form| match form {
            Form::Mask(count) => Part::Mask(take(count)),
            Form::Shares(count) => Part::Shares(take(count)),
        });
        Ok(Self {
            parts: parts.collect(),
            bits: Bits::from_bytes(&plan.demand, party, bits)?,
        })
    }
}

/// Who prepares.
#[derive(Clone, Copy)]
pub(crate) enum Owner<'a> {
    /// The client draws masks.
    Client,
    /// The server brings weights.
    Server(&'a privet_model::quant::ir::Model),
}

impl<'a> From<Side<'a>> for Owner<'a> {
    fn from(side: Side<'a>) -> Self {
        match side {
            Side::Client(_) => Self::Client,
            Side::Server(model) => Self::Server(model),
        }
    }
}

/// The parts of a plan's material at a party.
fn forms(plan: &Plan, party: Party) -> Vec<Form> {
    let elements = |id: &BufferId| plan.buffers.get(id.0 as usize).map_or(0, |b| b.elements);
    let masks = |id: &BufferId| match party {
        Party::Client => elements(id),
        Party::Server => 0,
    };
    plan.steps
        .iter()
        .filter_map(|step| match &step.kind {
            StepKind::Share(ShareStep::Mask { out, .. }) => Some(Form::Mask(masks(out))),
            StepKind::Share(ShareStep::Linear(linear)) => Some(Form::Shares(elements(&linear.out))),
            StepKind::Share(
                ShareStep::Input { .. }
                | ShareStep::Sum { .. }
                | ShareStep::AddConst { .. }
                | ShareStep::Reflect { .. }
                | ShareStep::Bridge(_)
                | ShareStep::TruncLocal(_)
                | ShareStep::ReluTrunc(_)
                | ShareStep::Compared(_),
            )
            | StepKind::Cells(_)
            | StepKind::Input { .. }
            | StepKind::Linear(_)
            | StepKind::Wire(_)
            | StepKind::Output { .. } => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use privet_model::quant::ir::Model;
    use privet_net::Session;
    use privet_plan::{Backend, PlanOptions, Reveal};

    use super::*;
    use crate::engine::Engine;
    use crate::report::Silent;

    fn plan(model: &Model, backend: Backend) -> Plan {
        let options = PlanOptions {
            backend,
            reveal: Reveal::Logits,
            ..PlanOptions::default()
        };
        Plan::new(model.graph.clone(), options, 1 << 30).unwrap()
    }

    /// Material that went through bytes serves an inference of another session.
    #[test]
    fn material_outlives_its_session() {
        let vectors = privet_model::quant::vectors();
        let with_weights = |model: &Model| {
            let mut nodes = model.graph.nodes.iter();
            nodes.any(|node| node.op.weight_bits().is_some())
        };
        let vector = vectors.iter().find(|v| with_weights(&v.model)).unwrap();
        let (model, case) = (&vector.model, &vector.cases[0]);
        for backend in [Backend::Ot, Backend::GcOt, Backend::Hybrid] {
            let plan = plan(model, backend);
            let party = |is_server: bool, session: &mut Session, stored: Option<Vec<u8>>| {
                let (side, party) = match is_server {
                    true => (Side::Server(model), Party::Server),
                    false => (Side::Client(&case.input), Party::Client),
                };
                let began = std::time::Instant::now();
                let mut engine = Engine::set_up(session, &plan, is_server, began).unwrap();
                let Some(bytes) = stored else {
                    let (made, phase) = engine.prepare(session, &plan, side.into()).unwrap();
                    assert_eq!(phase.bytes, plan.offline_bytes(0));
                    let bytes = made.into_bytes().to_vec();
                    assert_eq!(bytes.len(), Material::bytes(&plan, party));
                    return (Some(bytes), None);
                };
                assert!(Material::from_bytes(&plan, party, &bytes[1..]).is_err());
                let longer = [&bytes[..], &[0]].concat();
                assert!(Material::from_bytes(&plan, party, &longer).is_err());
                let material = Material::from_bytes(&plan, party, &bytes).unwrap();
                let (report, opened) = engine
                    .infer(session, &plan, side, Some(material), &mut Silent)
                    .unwrap();
                assert_eq!(report.offline.bytes, 0);
                assert_eq!(report.online.bytes, plan.cost.inference.bytes());
                (None, opened)
            };
            let both = |client: Option<Vec<u8>>, server: Option<Vec<u8>>| {
                let (mut ours, mut theirs) = Session::pair(1);
                std::thread::scope(|scope| {
                    let other = scope.spawn(|| party(true, &mut theirs, server));
                    let own = party(false, &mut ours, client);
                    (own, other.join().unwrap())
                })
            };
            let ((client, _), (server, _)) = both(None, None);
            assert_ne!(client, server);
            let ((_, opened), (_, nothing)) = both(client, server);
            assert!(nothing.is_none());
            let answer = crate::client::decode(&plan, &opened.unwrap()).unwrap();
            assert_eq!(answer.logits.as_ref(), Some(&case.logits), "{backend}");
        }
    }
}
