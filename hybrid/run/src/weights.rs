//! Evaluated weights that a server keeps between inferences, within a budget of memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use privet_he::Weights;
use privet_plan::Plan;

/// What a server's process may take unless told otherwise, in bytes.
pub const DEFAULT_BUDGET: u64 = 2 << 30;

/// Weights as products under encryption take them, for all sessions of a process.
///
/// Evaluating them takes longer than multiplying with them, yet keeping them costs memory and the time to fill it: only what a second
/// inference asks for is kept, as far as it fits beside the plan's own memory, first come. The rest is evaluated for each inference.
pub struct HeldWeights {
    budget: u64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    bytes: u64,
    /// None: asked for once.
    blocks: HashMap<Key, Option<Arc<Weights>>>,
}

/// What is counted for a block that was asked for once.
const NOTE: u64 = 128;

/// Model, plan, graph node, first output polynomial.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    model: [u8; 16],
    plan: [u8; 32],
    node: usize,
    first: usize,
}

impl std::fmt::Debug for HeldWeights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HeldWeights(budget {})", self.budget)
    }
}

impl Default for HeldWeights {
    fn default() -> Self {
        Self::new(DEFAULT_BUDGET)
    }
}

impl HeldWeights {
    /// Keeps nothing yet. `budget`: bytes that an inference and what is kept may take together.
    #[must_use]
    pub fn new(budget: u64) -> Self {
        Self {
            budget,
            held: Mutex::default(),
        }
    }

    /// Bytes that are kept.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The weights of one model under one plan, for one session.
pub(crate) struct ModelWeights {
    held: Arc<HeldWeights>,
    model: [u8; 16],
    plan: [u8; 32],
    /// Bytes that the plan leaves of the budget.
    left: u64,
    /// Polynomials that were evaluated.
    evaluated: AtomicU64,
}

/// What a block of weights amounts to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Bytes in memory.
    pub(crate) bytes: u64,
    /// Polynomials that making it evaluates.
    pub(crate) evaluated: u64,
}

impl ModelWeights {
    pub(crate) fn new(held: &Arc<HeldWeights>, model: [u8; 16], plan: &Plan) -> Self {
        Self {
            held: Arc::clone(held),
            model,
            plan: plan.hash,
            left: held.budget.saturating_sub(plan.cost.memory),
            evaluated: AtomicU64::new(0),
        }
    }

    /// Polynomials that this session has evaluated so far.
    pub(crate) fn evaluated(&self) -> u64 {
        self.evaluated.load(Ordering::Relaxed)
    }

    /// The weights of some output polynomials, where they are kept or are to be from now on: then `make` gives them. None: they are to be
    /// evaluated in passing.
    pub(crate) fn get<E>(
        &self,
        node: usize,
        first: usize,
        size: Size,
        make: impl FnOnce() -> Result<Weights, E>,
    ) -> Result<Option<Arc<Weights>>, E> {
        let key = Key {
            model: self.model,
            plan: self.plan,
            node,
            first,
        };
        let again = match self.held.lock().blocks.get(&key) {
            Some(Some(found)) => return Ok(Some(Arc::clone(found))),
            Some(None) => true,
            None => false,
        };
        self.evaluated.fetch_add(size.evaluated, Ordering::Relaxed);
        let made = if again && self.fits(size.bytes) {
            Some(Arc::new(make()?))
        } else {
            None
        };
        let more = made.as_ref().map_or(NOTE, |_| size.bytes);
        let mut held = self.held.lock();
        let sum = held.bytes.saturating_add(more);
        let grows = match held.blocks.get(&key) {
            Some(Some(_)) => false,
            Some(None) => made.is_some(),
            None => true,
        };
        if grows && sum <= self.left {
            held.bytes = sum;
            held.blocks.insert(key, made.clone());
        }
        Ok(made)
    }

    fn fits(&self, bytes: u64) -> bool {
        self.held.bytes().saturating_add(bytes) <= self.left
    }
}

#[cfg(test)]
mod tests {
    use privet_he::{Error, Parameters};

    use super::*;

    fn block() -> Result<Weights, Error> {
        Weights::constants(Parameters::Pair50, (1, 1), |_, _| 1)
    }

    #[test]
    fn what_is_asked_for_again_and_fits_is_kept() {
        let weights = ModelWeights {
            held: Arc::new(HeldWeights::new(1000)),
            model: [1; 16],
            plan: [2; 32],
            left: 1000,
            evaluated: AtomicU64::new(0),
        };
        let mut asked = 0;
        // Given out, evaluated so far, kept.
        let mut ask = |node, bytes| {
            asked += 1;
            let size = Size {
                bytes,
                evaluated: 10,
            };
            let given = weights.get(node, 0, size, block).unwrap().is_some();
            (given, weights.evaluated(), weights.held.bytes())
        };
        assert_eq!(ask(0, 600), (false, 10, NOTE));
        assert_eq!(ask(0, 600), (true, 20, NOTE + 600));
        assert_eq!(ask(0, 600), (true, 20, NOTE + 600));
        // Does not fit.
        assert_eq!(ask(1, 600), (false, 30, 2 * NOTE + 600));
        assert_eq!(ask(1, 600), (false, 40, 2 * NOTE + 600));
        assert_eq!(ask(2, 10), (false, 50, 3 * NOTE + 600));
        assert_eq!(ask(2, 10), (true, 60, 994));
        // Not even a note of it does.
        assert_eq!(ask(3, 1), (false, 70, 994));
        assert_eq!(ask(3, 1), (false, 80, 994));
    }
}
