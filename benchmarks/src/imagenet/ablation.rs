//! What a design is worth: the same inferences with one part of it taken away or replaced. All give the same answers.

use std::fmt;
use std::str::FromStr;

use privet_plan::{Backend, Comparison};

/// A part of the design.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ablation {
    /// Weights that are evaluated once for all inferences, or again for each.
    NttCache,
    /// Shares compared by private products of bits, or by 1-of-16 transfers for digits of four.
    Comparison,
}

/// Evaluated weights of a network of any size.
const ALL_WEIGHTS: u64 = 1 << 40;

impl Ablation {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::NttCache, Self::Comparison];

    /// Whether a backend has that part.
    #[must_use]
    pub fn concerns(self, backend: Backend) -> bool {
        match self {
            Self::NttCache => backend == Backend::Hybrid,
            Self::Comparison => backend.boolean(),
        }
    }

    /// The ways that are compared, the default first.
    pub(super) fn variants(self) -> [Variant; 2] {
        match self {
            Self::NttCache => [Variant::Kept, Variant::Recomputed],
            Self::Comparison => Comparison::ALL.map(Variant::Compared),
        }
    }
}

impl fmt::Display for Ablation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NttCache => "ntt-cache",
            Self::Comparison => "comparison",
        })
    }
}

impl FromStr for Ablation {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|ablation| ablation.to_string() == s)
            .ok_or_else(|| format!("unknown ablation '{s}': there are ntt-cache and comparison"))
    }
}

/// One way of an ablation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// Evaluated weights are kept as far as the budget goes.
    Kept,
    /// None are.
    Recomputed,
    /// Shares are compared like this.
    Compared(Comparison),
}

impl Variant {
    pub(super) const fn ablation(self) -> Ablation {
        match self {
            Self::Kept | Self::Recomputed => Ablation::NttCache,
            Self::Compared(_) => Ablation::Comparison,
        }
    }

    /// The server's budget of memory, where it is `given`.
    pub(super) const fn budget(self, given: Option<u64>) -> Option<u64> {
        match (self, given) {
            (Self::Kept, None) => Some(ALL_WEIGHTS),
            (Self::Recomputed, _) => Some(0),
            (Self::Kept | Self::Compared(_), given) => given,
        }
    }

    /// Inferences of a session before those that are measured: weights are kept from the second on.
    pub(super) const fn warming(self) -> usize {
        match self {
            Self::Kept | Self::Recomputed => 2,
            Self::Compared(_) => 0,
        }
    }

    /// Options of the client.
    pub(super) fn wishes(self) -> Vec<String> {
        match self {
            Self::Kept | Self::Recomputed => Vec::new(),
            Self::Compared(comparison) => vec!["--comparison".to_owned(), comparison.to_string()],
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.write_str("kept"),
            Self::Recomputed => f.write_str("recomputed"),
            Self::Compared(comparison) => comparison.fmt(f),
        }
    }
}
