//! What a run tells: progress while it goes, a table and JSON when it is done.

use serde::Serialize;

use privet_plan::cost::StepCost;

/// Receives news of a running inference.
pub trait Progress: Send {
    /// A layer begins; `done` of `total` non-XOR gates lie behind.
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
    /// Non-XOR gates.
    pub ands: u64,
    /// Application bytes of this inference, both directions.
    pub bytes: u64,
    /// Seconds from the input's quantisation to the answer.
    pub seconds: f64,
    /// Bytes of the session's set-up (handshake, base OT), shared by all its inputs.
    pub setup_bytes: u64,
    /// Seconds of the session's set-up.
    pub setup_seconds: f64,
    /// What the run's security rests on.
    pub assumptions: Vec<Assumption>,
}

impl Report {
    pub(crate) fn new(layers: Vec<LayerReport>, cost: &StepCost, seconds: f64) -> Self {
        let bytes = layers.iter().map(|layer| layer.bytes).sum();
        Self {
            layers,
            ands: cost.non_xor(),
            bytes,
            seconds,
            setup_bytes: 0,
            setup_seconds: 0.0,
            assumptions: assumptions(),
        }
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

/// What garbled inference rests on, term by term.
#[must_use]
pub fn assumptions() -> Vec<Assumption> {
    vec![
        Assumption {
            name: "semi-honest adversary: both sides follow the protocol",
            bits: f64::INFINITY,
            origin: "model",
        },
        Assumption {
            name: "circular correlation robustness of AES-128 with a key per use, offset of 127 bits",
            bits: 127.0,
            origin: "ideal cipher, eprint 2019/1168",
        },
        Assumption {
            name: "discrete logarithm in Ristretto (base OT)",
            bits: 126.0,
            origin: "generic group, order 2^252",
        },
        Assumption {
            name: "AES-128 as pseudo-random generator (OT extension)",
            bits: 128.0,
            origin: "eprint 2022/192",
        },
        Assumption {
            name: "SHA-256 as random oracle (base OT)",
            bits: 128.0,
            origin: "collision bound",
        },
        Assumption {
            name: "TLS 1.3 channel",
            bits: 128.0,
            origin: "RFC 8446",
        },
    ]
}
