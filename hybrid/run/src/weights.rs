//! Evaluated weights that a server keeps between inferences, within a budget of memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use privet_he::Weights;
use privet_plan::Plan;

/// What a server's process may take unless told otherwise, in bytes.
pub const DEFAULT_BUDGET: u64 = 2 << 30;

/// Weights as products under encryption take them, for all sessions of a process.
///
/// Evaluating them takes longer than multiplying with them. What fits beside the plan's own memory is kept, first come; the rest is
/// evaluated again for each inference.
pub struct HeldWeights {
    budget: u64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    bytes: u64,
    blocks: HashMap<Key, Arc<Weights>>,
}

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

/// The weights of one model under one plan.
pub(crate) struct ModelWeights {
    held: Arc<HeldWeights>,
    model: [u8; 16],
    plan: [u8; 32],
    /// Bytes that the plan leaves of the budget.
    left: u64,
}

impl ModelWeights {
    pub(crate) fn new(held: &Arc<HeldWeights>, model: [u8; 16], plan: &Plan) -> Self {
        Self {
            held: Arc::clone(held),
            model,
            plan: plan.hash,
            left: held.budget.saturating_sub(plan.cost.memory),
        }
    }

    /// The weights of some output polynomials: kept ones, else those that `make` gives. `bytes`: what they take.
    pub(crate) fn get<E>(
        &self,
        node: usize,
        first: usize,
        bytes: u64,
        make: impl FnOnce() -> Result<Weights, E>,
    ) -> Result<Arc<Weights>, E> {
        let key = Key {
            model: self.model,
            plan: self.plan,
            node,
            first,
        };
        if let Some(found) = self.held.lock().blocks.get(&key) {
            return Ok(Arc::clone(found));
        }
        let made = Arc::new(make()?);
        let mut held = self.held.lock();
        let sum = held.bytes.saturating_add(bytes);
        if sum <= self.left && held.blocks.insert(key, Arc::clone(&made)).is_none() {
            held.bytes = sum;
        }
        Ok(made)
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
    fn what_fits_is_kept_and_made_once() {
        let weights = ModelWeights {
            held: Arc::new(HeldWeights::new(100)),
            model: [1; 16],
            plan: [2; 32],
            left: 100,
        };
        let mut made = 0;
        let mut ask = |node, bytes| {
            let make = || {
                made += 1;
                block()
            };
            drop(weights.get(node, 0, bytes, make).unwrap());
            (made, weights.held.bytes())
        };
        assert_eq!(ask(0, 60), (1, 60));
        assert_eq!(ask(0, 60), (1, 60));
        assert_eq!(ask(1, 60), (2, 60));
        assert_eq!(ask(1, 60), (3, 60));
        assert_eq!(ask(2, 40), (4, 100));
        assert_eq!(ask(2, 40), (4, 100));
    }
}
