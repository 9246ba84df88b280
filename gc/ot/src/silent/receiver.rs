//! The receiver of silent OT: one tree after the other.

#![expect(
    clippy::indexing_slicing,
    reason = "material is cut by the parameters it was made for"
)]

use privet_prim::Block;
use zeroize::Zeroize;

use super::rest::Rest;
use super::sender::check_tree;
use super::{Counters, Keys, Parameters, code, tree};
use crate::error::ApiMisuse;

/// What a tree of one iteration needs; shared by threads, changed by none.
pub struct Iteration {
    parameters: Parameters,
    keys: Keys,
    number: u64,
    /// The LPN secret, then `depth` MACs for each tree.
    material: Vec<Block>,
}

impl Drop for Iteration {
    fn drop(&mut self) {
        self.material.zeroize();
    }
}

impl Iteration {
    pub(super) fn new(
        parameters: Parameters,
        keys: Keys,
        number: u64,
        material: Vec<Block>,
    ) -> Result<Self, ApiMisuse> {
        let (expected, got) = (parameters.consumed(), material.len());
        if expected != got {
            return Err(ApiMisuse::Length {
                what: "material of an iteration",
                expected,
                got,
            });
        }
        Ok(Self {
            parameters,
            keys,
            number,
            material,
        })
    }

    /// Rebuilds tree `index` from the sender's message: its MACs.
    ///
    /// # Errors
    /// A tree beyond the last, or a slice of the wrong length.
    pub fn open_tree(&self, index: usize, msg: &[u8], macs: &mut [Block]) -> Result<(), ApiMisuse> {
        let set = self.parameters;
        check_tree(set, index, macs.len(), msg.len())?;
        let (secret, transfers) = self.material.split_at(set.secret());
        let number = self.number * set.trees() as u64 + index as u64;
        let transfers = &transfers[index * set.depth()..(index + 1) * set.depth()];
        tree::puncture((self.keys.trees, number), transfers, msg, macs);
        let row = (index * set.leaves()) as u64;
        code::encode(self.keys.code, self.number, row, secret, macs);
        Ok(())
    }
}

/// The receiver of silent OT.
pub struct Receiver {
    pub(super) iteration: Iteration,
    pub(super) hash_key: Block,
    /// The next tree of this iteration that is given out.
    pub(super) next_tree: usize,
    /// The end of the last tree, not yet given out.
    pub(super) rest: Rest,
    pub(super) limit: Option<u64>,
    pub(super) counters: Counters,
}

impl Receiver {
    /// Begins with `parameters.consumed()` random correlated MACs, used for nothing else.
    ///
    /// # Errors
    /// Another number of MACs.
    pub fn new(
        parameters: Parameters,
        hash_key: Block,
        macs: Vec<Block>,
    ) -> Result<Self, ApiMisuse> {
        let iteration = Iteration::new(parameters, Keys::new(hash_key), 0, macs)?;
        let counters = Counters {
            iterations: 1,
            ..Counters::default()
        };
        Ok(Self {
            iteration,
            hash_key,
            next_tree: 0,
            rest: Rest::default(),
            limit: None,
            counters,
        })
    }

    /// Lets at most `limit` further transfers be given out; `None`: makes more whenever needed.
    pub fn set_limit(&mut self, limit: Option<u64>) {
        self.limit = limit.map(|more| self.counters.used.saturating_add(more));
    }

    /// The parameter set in use.
    #[must_use]
    pub const fn parameters(&self) -> Parameters {
        self.iteration.parameters
    }

    /// What was made and used.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// The current iteration, for opening its trees one by one, in benches and tests. Dangerous: these are the very transfers that
    /// are given out anyway, so using them repeats them.
    #[must_use]
    pub const fn danger_iteration(&self) -> &Iteration {
        &self.iteration
    }

    /// Goes on to the next iteration with the MACs of this one's kept trees.
    pub(super) fn advance(&mut self, mut kept: Vec<Block>) -> Result<(), ApiMisuse> {
        let old = &self.iteration;
        kept.truncate(old.parameters.consumed());
        self.iteration = Iteration::new(old.parameters, old.keys, old.number + 1, kept)?;
        self.next_tree = 0;
        self.counters.iterations += 1;
        Ok(())
    }
}
