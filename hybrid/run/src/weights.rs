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

    /// The weights of some output polynomials: kept ones, else those that `make` gives.
    pub(crate) fn get<E>(
        &self,
        node: usize,
        first: usize,
        size: Size,
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
        self.evaluated.fetch_add(size.evaluated, Ordering::Relaxed);
        let mut held = self.held.lock();
        let sum = held.bytes.saturating_add(size.bytes);
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
            evaluated: AtomicU64::new(0),
        };
        let mut made = 0;
        let mut ask = |node, bytes| {
            let make = || {
                made += 1;
                block()
            };
            let size = Size {
                bytes,
                evaluated: 10,
            };
            drop(weights.get(node, 0, size, make).unwrap());
            assert_eq!(weights.evaluated(), 10 * made);
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
