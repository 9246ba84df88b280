//! What a run tells: progress while it goes, a table and JSON when it is done.

use serde::Serialize;

use privet_plan::lattice::Hiding;
use privet_plan::{Approximations, Backend, Plan};

use crate::exec::shares::correlated::PARAMETERS;

/// Receives news of a running inference.
pub trait Progress: Send {
    /// A layer begins; `done` of `total` gates (garbled, or ANDs of shared bits) lie behind.
    fn layer(&mut self, name: &str, done: u64, total: u64);
    /// The inference is complete.
    fn finished(&mut self) {}
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn layer(&mut self, _: &str, _: u64, _: u64) {}
}

/// One layer of a finished inference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerReport {
    /// The layer's name.
    pub name: String,
    /// Non-XOR gates.
    pub ands: u64,
    /// Application bytes, both directions.
    pub bytes: u64,
    /// Wall-clock seconds on this side.
    pub seconds: f64,
}

/// What a phase took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Phase {
    /// Wall-clock seconds on this side.
    pub seconds: f64,
    /// Application bytes, both directions.
    pub bytes: u64,
    /// One-way delays that were waited out: the longest chain of messages that wait for each other.
    pub flights: u64,
}

impl Phase {
    /// Both phases, one after the other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            seconds: self.seconds + other.seconds,
            bytes: self.bytes + other.bytes,
            flights: self.flights + other.flights,
        }
    }
}

/// A term of the security claim.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assumption {
    /// What is assumed.
    pub name: &'static str,
    /// Claimed bits.
    pub bits: f64,
    /// Where the claim comes from.
    pub origin: &'static str,
}

/// One finished inference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Layers in order.
    pub layers: Vec<LayerReport>,
    /// Non-XOR gates that were garbled, or ANDs of shared bits.
    pub ands: u64,
    /// Application bytes of this inference, both directions, material included.
    pub bytes: u64,
    /// Seconds of this inference, material included.
    pub seconds: f64,
    /// The part that needs no input: making material, in this session or an earlier one. Nothing
    /// where the backend has none.
    pub offline: Phase,
    /// The material was prepared in an earlier session: `offline` is what that took then.
    pub prepared: bool,
    /// Nothing was prepared: material was made layer by layer, once the input was known, and is part of `online`.
    pub all_online: bool,
    /// The part that waits for the input.
    pub online: Phase,
    /// User and system seconds of this whole process during the inference, its material included unless that was prepared earlier;
    /// in hundredths, `None` where the system does not tell.
    pub cpu_seconds: Option<f64>,
    /// Polynomials of weights that this party evaluated for it: those that it had not kept.
    pub evaluated_weights: u64,
    /// Bytes of the session's set-up (handshake, base OT), shared by all its inputs.
    pub setup_bytes: u64,
    /// Seconds of the session's set-up.
    pub setup_seconds: f64,
    /// How well replies under encryption hide the weights, and how surely they are right; none where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hiding: Option<Hiding>,
    /// What was within one unit instead of exact; none where everything is exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approximations: Option<Approximations>,
    /// What the run's security rests on.
    pub assumptions: Vec<Assumption>,
}

impl Report {
    pub(crate) fn new(
        layers: Vec<LayerReport>,
        plan: &Plan,
        setup: Phase,
        offline: Phase,
        online: Phase,
    ) -> Self {
        let total = offline.and(online);
        Self {
            layers,
            ands: plan.cost.inference.work(),
            bytes: total.bytes,
            seconds: total.seconds,
            offline,
            prepared: false,
            all_online: plan.options.all_online,
            online,
            cpu_seconds: None,
            evaluated_weights: 0,
            setup_bytes: setup.bytes,
            setup_seconds: setup.seconds,
            hiding: plan.hiding(),
            approximations: plan.approximations(),
            assumptions: assumptions(plan.options.backend),
        }
    }

    /// The same with what this process did for it.
    pub(crate) fn with_work(mut self, cpu_seconds: Option<f64>, evaluated_weights: u64) -> Self {
        self.cpu_seconds = cpu_seconds;
        self.evaluated_weights = evaluated_weights;
        self
    }

    /// The report of an inference whose material was prepared earlier and taken out of the store
    /// online.
    pub(crate) fn with_prepared(mut self, offline: Phase, taking: Phase) -> Self {
        self.offline = offline;
        self.online = taking.and(self.online);
        self.prepared = true;
        let total = self.offline.and(self.online);
        (self.bytes, self.seconds) = (total.bytes, total.seconds);
        self
    }

    /// The weakest computational claim.
    #[must_use]
    pub fn claimed_bits(&self) -> f64 {
        self.assumptions
            .iter()
            .map(|a| a.bits)
            .fold(f64::INFINITY, f64::min)
    }
}

/// What an inference under a backend rests on, term by term.
#[must_use]
pub fn assumptions(backend: Backend) -> Vec<Assumption> {
    let (garbled, shared) = match backend {
        Backend::Gc => (true, false),
        Backend::Ot | Backend::Hybrid => (false, true),
        Backend::GcOt => (true, true),
    };
    let term = |name, bits, origin| Assumption { name, bits, origin };
    let mut terms = vec![term(
        "semi-honest adversary: both sides follow the protocol",
        f64::INFINITY,
        "model",
    )];
    if garbled {
        terms.push(term(
            "circular correlation robustness of AES-128 with a key per use, offset of 127 bits",
            127.0,
            "ideal cipher, eprint 2019/1168",
        ));
    }
    if shared {
        terms.push(term(
            "regular LPN, dimension 2^17, 960 blocks of 2^11, a 10-local code (silent OT)",
            PARAMETERS.claimed_bits(),
            "lowest of the estimates that a test recomputes; here BJMM",
        ));
        terms.push(term(
            "tweakable correlation robustness of AES-128 with a key per use, offset of 127 bits \
             (hashed OTs)",
            127.0,
            "ideal cipher, eprint 2019/074",
        ));
        terms.push(term(
            "masks, fresh shares and triples used once",
            f64::INFINITY,
            "uniform in the whole ring",
        ));
    }
    if backend == Backend::Hybrid {
        terms.push(term(
            "RLWE with ternary secrets and errors of deviation 3.24 (products under encryption)",
            128.0,
            "modulus below the caps of eprint 2024/463 and of the HE standard of 2018",
        ));
    }
    terms.extend([
        term(
            "discrete logarithm in Ristretto (base OT)",
            126.0,
            "generic group, order 2^252",
        ),
        term(
            "AES-128 as pseudo-random generator (OT extension)",
            128.0,
            "eprint 2022/192",
        ),
        term(
            "SHA-256 as random oracle (base OT)",
            128.0,
            "collision bound",
        ),
        term("TLS 1.3 channel", 128.0, "RFC 8446"),
    ]);
    terms
}
