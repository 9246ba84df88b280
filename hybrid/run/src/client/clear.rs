//! The clear result beside the private one: for tests and the demo, where both sides allow it.

use privet_model::quant::ir::Profile;
use serde::Serialize;

use super::{Answer, ranking};
use crate::handshake::ClearAnswer;

/// The clear result beside the private one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Clear {
    /// The oracle's label.
    pub label: u32,
    /// The oracle's logits.
    pub logits: Vec<i64>,
    /// Everything that was opened equals the oracle's; none under a profile that does not promise it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<bool>,
    /// Under profile `approx`: how far what was opened is from the oracle's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

/// Opened values beside the oracle's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// How many logits were opened.
    pub logits: usize,
    /// Those that are not the oracle's.
    pub differing: usize,
    /// By how many units at most.
    pub greatest: u64,
    /// Whether the label is the oracle's.
    pub same_label: bool,
}

impl Clear {
    /// What was opened, compared as its profile asks.
    pub(super) fn beside(answer: &Answer, clear: ClearAnswer, profile: Profile) -> Self {
        let approximate = profile == Profile::Approx;
        Self {
            exact: (!approximate).then(|| equal(answer, &clear)),
            difference: approximate.then(|| Difference::of(answer, &clear)),
            label: clear.label,
            logits: clear.logits,
        }
    }
}

/// Whether everything that was opened is the oracle's.
fn equal(answer: &Answer, clear: &ClearAnswer) -> bool {
    let (logits, top) = (answer.logits.as_ref(), answer.top.as_ref());
    answer.label == clear.label
        && logits.is_none_or(|logits| *logits == clear.logits)
        && top.is_none_or(|top| *top == ranking(&clear.logits, top.len()))
}

impl Difference {
    fn of(answer: &Answer, clear: &ClearAnswer) -> Self {
        let opened = answer.logits.as_deref().unwrap_or_default();
        let units = opened
            .iter()
            .zip(&clear.logits)
            .map(|(a, b)| a.abs_diff(*b));
        let units: Vec<u64> = units.filter(|units| *units > 0).collect();
        Self {
            logits: opened.len(),
            differing: units.len(),
            greatest: units.into_iter().max().unwrap_or(0),
            same_label: answer.label == clear.label,
        }
    }
}
