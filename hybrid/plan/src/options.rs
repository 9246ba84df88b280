//! What the parties agree on besides the graph, and what one of them refuses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::compare::Shape;
use crate::lattice::NormClass;

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

/// A backend by name, or the one that the cost model finds cheapest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Choice {
    /// The cheapest of those that are allowed.
    Auto,
    /// This one.
    Only(Backend),
}

impl Choice {
    /// The backends that it stands for.
    pub fn backends(self) -> impl Iterator<Item = Backend> {
        Backend::ALL.into_iter().filter(move |backend| match self {
            Self::Auto => true,
            Self::Only(only) => only == *backend,
        })
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Only(backend) => backend.fmt(f),
        }
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        if s == "auto" {
            return Ok(Self::Auto);
        }
        s.parse().map(Self::Only)
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

/// How signs and carries are compared on shares: which shape the layers' comparisons take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Comparison {
    /// [`Shape::FEW_TRANSFERS`]: half as many silent transfers.
    #[default]
    FewTransfers,
    /// [`Shape::FEW_BITS`]: a quarter fewer bits online.
    FewBits,
}

impl Comparison {
    /// Both; on a tie the first is taken.
    pub const ALL: [Self; 2] = [Self::FewTransfers, Self::FewBits];

    /// Leaves, tree and triples, the client's number known online.
    #[must_use]
    pub const fn shape(self) -> Shape {
        match self {
            Self::FewTransfers => Shape::FEW_TRANSFERS,
            Self::FewBits => Shape::FEW_BITS,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FewTransfers => "few transfers",
            Self::FewBits => "few bits",
        })
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
        }
    }
}

impl PlanOptions {
    /// The same under a backend, with each comparison that it may use.
    pub(crate) fn under(&self, backend: Backend) -> impl Iterator<Item = Self> {
        let count = if backend.boolean() {
            Comparison::ALL.len()
        } else {
            1
        };
        Comparison::ALL
            .into_iter()
            .take(count)
            .map(move |comparison| Self {
                backend,
                comparison,
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
    fn backends_have_names() {
        for text in ["gc", "ot", "gc+ot", "hybrid", "auto"] {
            assert_eq!(text.parse::<Choice>().unwrap().to_string(), text);
        }
        assert!("auto".parse::<Backend>().is_err() && "GC".parse::<Choice>().is_err());
        assert_eq!(Choice::Auto.backends().count(), Backend::ALL.len());
        let only: Vec<Backend> = Choice::Only(Backend::Ot).backends().collect();
        assert_eq!(only, [Backend::Ot]);
    }

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
