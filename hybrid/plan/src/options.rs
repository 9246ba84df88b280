//! What the parties agree on besides the graph, and what one of them refuses.

mod choice;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cost::LinkModel;
use crate::lattice::{BytePrice, NormClass};
pub use choice::{Choice, Comparison};

/// One of the two machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Party {
    /// Owner of the input; learns the answer.
    Client,
    /// Owner of the weights.
    Server,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

/// How the network is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Backend {
    /// Everything under garbled circuits.
    Gc,
    /// Linear layers by oblivious transfer, everything else by GMW on shares.
    Ot,
    /// Linear layers by oblivious transfer, everything else under garbled circuits.
    GcOt,
    /// Linear layers by homomorphic encryption, everything else by GMW on shares.
    Hybrid,
}

impl Backend {
    /// Every backend, the default first.
    pub const ALL: [Self; 4] = [Self::Gc, Self::Ot, Self::GcOt, Self::Hybrid];

    /// Whether linear layers work on additive shares.
    #[must_use]
    pub const fn shares(self) -> bool {
        match self {
            Self::Gc => false,
            Self::Ot | Self::GcOt | Self::Hybrid => true,
        }
    }
}

impl Backend {
    /// Whether what is not linear is computed on bits shared by exclusive or.
    #[must_use]
    pub const fn boolean(self) -> bool {
        match self {
            Self::Gc | Self::GcOt => false,
            Self::Ot | Self::Hybrid => true,
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gc => "gc",
            Self::Ot => "ot",
            Self::GcOt => "gc+ot",
            Self::Hybrid => "hybrid",
        })
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|backend| backend.to_string() == s)
            .ok_or_else(|| {
                format!("unknown backend '{s}': there are gc, ot, gc+ot, hybrid and auto")
            })
    }
}

/// What the client learns of the logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reveal {
    /// The index of the largest logit, lowest index first.
    Label,
    /// The indices of the K largest, best first, ties by lowest index.
    Top(u16),
    /// Every logit as an integer at the output's scale.
    Logits,
}

impl Reveal {
    /// Whether a server that grants `self` thereby grants `wish`.
    #[must_use]
    pub const fn grants(self, wish: Self) -> bool {
        match (self, wish) {
            (Self::Logits, _) | (_, Self::Label) => true,
            (Self::Top(granted), Self::Top(wanted)) => wanted <= granted,
            (Self::Label | Self::Top(_), _) => false,
        }
    }
}

impl fmt::Display for Reveal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label => f.write_str("label"),
            Self::Top(k) => write!(f, "top:{k}"),
            Self::Logits => f.write_str("logits"),
        }
    }
}

impl FromStr for Reveal {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "label" => Ok(Self::Label),
            "logits" => Ok(Self::Logits),
            _ => s
                .strip_prefix("top:")
                .and_then(|k| k.parse::<u16>().ok())
                .filter(|k| *k > 0)
                .map(Self::Top)
                .ok_or_else(|| format!("'{s}' is not label, top:K or logits")),
        }
    }
}

/// What both parties agree on besides the graph. Part of the plan's hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanOptions {
    /// How the network is evaluated.
    pub backend: Backend,
    /// Who garbles.
    pub garbler: Party,
    /// What the client learns.
    pub reveal: Reveal,
    /// Norm classes of the layers with weights, in the graph's order, for products under encryption; none: the widest that
    /// the weights' widths allow.
    pub norms: Vec<NormClass>,
    /// How comparisons on shares are made; where nothing is compared on shares, the default.
    pub comparison: Comparison,
    /// Products under encryption take the largest parameters whatever smaller ones would do: replies hide the weights better.
    /// Where nothing is encrypted, false.
    pub strict: bool,
    /// Nothing is prepared before the input is known: products are taken of the client's own shares in the course of the inference, and
    /// material is made for each layer when it is due. Where nothing could be prepared, false.
    pub all_online: bool,
    /// What bytes count against work where layers are cut into polynomials; where nothing is encrypted, the default.
    pub byte_price: BytePrice,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            backend: Backend::Gc,
            garbler: Party::Server,
            reveal: Reveal::Label,
            norms: Vec::new(),
            comparison: Comparison::default(),
            strict: false,
            all_online: false,
            byte_price: BytePrice::default(),
        }
    }
}

impl PlanOptions {
    /// The same for a link and under a backend, with each comparison that it may use and that is wished for.
    pub(crate) fn under(
        &self,
        (backend, comparison): (Backend, Choice<Comparison>),
        link: &LinkModel,
    ) -> impl Iterator<Item = Self> {
        let byte_price = BytePrice::of(link);
        let only = (!backend.boolean()).then(Comparison::default);
        let of = only.map_or(comparison, Choice::Only);
        of.comparisons().map(move |comparison| Self {
            backend,
            comparison,
            byte_price,
            ..self.clone()
        })
    }
}

/// What a party refuses to exceed, whatever the other one proposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Bytes of memory that following the plan may take.
    pub memory: u64,
    /// Application bytes per inference, both directions.
    pub bytes: u64,
    /// Estimated seconds per inference.
    pub seconds: u64,
}

impl Default for Caps {
    /// 4 GiB of memory, 256 GiB on the wire, two hours.
    fn default() -> Self {
        Self {
            memory: 4 << 30,
            bytes: 256 << 30,
            seconds: 7200,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reveal_round_trips_and_is_ordered() {
        for text in ["label", "top:1", "top:5", "logits"] {
            assert_eq!(text.parse::<Reveal>().unwrap().to_string(), text);
        }
        for text in ["", "top:0", "top:", "top:70000", "all"] {
            assert!(text.parse::<Reveal>().is_err(), "{text}");
        }
        assert!(Reveal::Logits.grants(Reveal::Top(9)));
        assert!(Reveal::Top(5).grants(Reveal::Top(5)) && !Reveal::Top(5).grants(Reveal::Top(6)));
        assert!(Reveal::Label.grants(Reveal::Label) && !Reveal::Label.grants(Reveal::Top(1)));
        assert!(!Reveal::Top(3).grants(Reveal::Logits));
    }
}
