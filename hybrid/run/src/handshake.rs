//! What the parties agree on before anything secret moves.
//!
//! The client states its wishes ([`Hello`]); the server answers with the public graph, the options
//! that it grants and the hash of the plan ([`Offer`]); the client validates the graph, computes the
//! plan itself, compares the hash, checks its caps and answers ([`Reply`]). A hash over weights is
//! never sent: the model's identity on the wire is a random number of the server's.

use privet_model::quant::ir::Graph;
use privet_plan::{Choice, Comparison, PlanOptions, Reveal};
use serde::{Deserialize, Serialize};

/// Version of everything that two parties must share beyond the channel.
pub const PROTOCOL: u32 = 10;

/// Largest offer, bytes. A graph of a thousand layers with class names takes some 100 kB, the largest
/// projection 8 MiB.
pub const MAX_OFFER: usize = 16 << 20;

const _: () = assert!(MAX_OFFER >= (2 << 20) + 2 * privet_model::preprocess::MAX_FACTOR);

/// Largest of the other control messages, bytes.
pub const MAX_CONTROL: usize = 64 << 10;

/// Most inferences in one session.
pub const MAX_INPUTS: u64 = 1 << 20;

/// The client's wishes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Name of the model; none: the server's only one.
    pub model: Option<String>,
    /// How the client wants the network evaluated.
    pub backend: Choice,
    /// How the client wants shares compared.
    pub comparison: Choice<Comparison>,
    /// What the client wants to learn.
    pub reveal: Reveal,
    /// Who should garble.
    pub garbler: privet_plan::Party,
    /// Products under encryption shall take the largest parameters; the server may insist on them too.
    pub strict: bool,
    /// Nothing shall be prepared before the input is known.
    pub all_online: bool,
    /// The client will send its input in the clear to have the answer checked (both sides must allow it).
    pub insecure_verify: bool,
}

/// The server's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Offer {
    /// The network as both sides know it.
    Plan {
        /// Random identity of this model at this server; says nothing of the weights.
        model_id: [u8; 16],
        /// The public graph.
        graph: Box<Graph>,
        /// What is granted.
        options: PlanOptions,
        /// Hash of the plan that the server computed.
        plan_hash: [u8; 32],
    },
    /// No session: one line for the user.
    Refused(String),
}

/// The client's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The plan is the client's too.
    Accept,
    /// One line for the server's log.
    Refuse(String),
}

/// What the client asks for within an agreed session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Follow the plan once more.
    Infer,
    /// Compare what both hold of prepared material ([`crate::store::msgs`]).
    Settle,
    /// Make and store material for one more inference.
    Prepare,
    /// Follow the plan once more, with material that both have; where nothing is left that both
    /// can use, nothing happens.
    InferPrepared,
    /// Evaluate this input in the clear (only where both sides allow insecure verification).
    InsecureVerify(Vec<i64>),
    /// The session ends.
    Done,
}

/// The clear answer to [`Request::InsecureVerify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearAnswer {
    /// The oracle's logits.
    pub logits: Vec<i64>,
    /// Their label.
    pub label: u32,
}

/// A line from the peer, fit for a terminal: printable, bounded.
#[must_use]
pub fn sanitise(line: &str) -> String {
    let turns = |c: &char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    line.chars()
        .filter(|c| !c.is_control() && !turns(c))
        .take(300)
        .collect()
}
