//! The sender of silent OT: one tree after the other.

#![expect(
    clippy::indexing_slicing,
    reason = "material is cut by the parameters it was made for"
)]

use privet_prim::{Aes128, Block, Delta};
use zeroize::Zeroize;

use super::rest::Rest;
use super::{Counters, Keys, Parameters, code, tree};
use crate::error::ApiMisuse;

/// What a tree of one iteration needs; shared by threads, changed by none.
pub struct Iteration {
    parameters: Parameters,
    delta: Delta,
    keys: Keys,
    roots: Aes128,
    number: u64,
    /// The LPN secret, then `depth` keys for each tree.
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
        delta: Delta,
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
        let roots = Aes128::new(Block::random());
        Ok(Self {
            parameters,
            delta,
            keys,
            roots,
            number,
            material,
        })
    }

    /// Makes tree `index`: its keys and the message to the receiver.
    ///
    /// # Errors
    /// A tree beyond the last, or a slice of the wrong length.
    pub fn make_tree(
        &self,
        index: usize,
        keys: &mut [Block],
        msg: &mut [u8],
    ) -> Result<(), ApiMisuse> {
        let set = self.parameters;
        check_tree(set, index, keys.len(), msg.len())?;
        let (secret, transfers) = self.material.split_at(set.secret());
        let number = self.number * set.trees() as u64 + index as u64;
        let root = self.roots.encrypt(Block::from_words(number, 0));
        let transfers = &transfers[index * set.depth()..(index + 1) * set.depth()];
        tree::make(
            (self.keys.trees, number),
            (root, self.delta.block()),
            transfers,
            keys,
            msg,
        );
        let row = (index * set.leaves()) as u64;
        code::encode(self.keys.code, self.number, row, secret, keys);
        Ok(())
    }
}

/// Bounds of one tree's work, the same for both parties.
pub(super) fn check_tree(
    set: Parameters,
    index: usize,
    leaves: usize,
    msg: usize,
) -> Result<(), ApiMisuse> {
    let length = |what, expected, got| {
        Err(ApiMisuse::Length {
            what,
            expected,
            got,
        })
    };
    if index >= set.trees() {
        let (limit, got) = (set.trees() as u64, index as u64);
        return Err(ApiMisuse::TooMany {
            what: "trees of an iteration",
            limit,
            got,
        });
    }
    if leaves != set.leaves() {
        return length("leaves of a tree", set.leaves(), leaves);
    }
    if msg != set.tree_bytes() {
        return length("message of a tree", set.tree_bytes(), msg);
    }
    Ok(())
}

/// The sender of silent OT.
pub struct Sender {
    pub(super) iteration: Iteration,
    pub(super) hash_key: Block,
    /// The next tree of this iteration that is given out.
    pub(super) next_tree: usize,
    /// The end of the last tree, not yet given out.
    pub(super) rest: Rest,
    pub(super) limit: Option<u64>,
    pub(super) counters: Counters,
}

impl Sender {
    /// Begins with `parameters.consumed()` random correlated keys under `delta`, used for nothing else.
    ///
    /// # Errors
    /// Another number of keys.
    pub fn new(
        parameters: Parameters,
        delta: Delta,
        hash_key: Block,
        keys: Vec<Block>,
    ) -> Result<Self, ApiMisuse> {
        let iteration = Iteration::new(parameters, delta, Keys::new(hash_key), 0, keys)?;
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

    /// The current iteration, for making its trees one by one, in benches and tests. Dangerous: these are the very transfers that
    /// are given out anyway, so using them repeats them.
    #[must_use]
    pub const fn danger_iteration(&self) -> &Iteration {
        &self.iteration
    }

    /// Goes on to the next iteration with the keys of this one's kept trees.
    pub(super) fn advance(&mut self, mut kept: Vec<Block>) -> Result<(), ApiMisuse> {
        let old = &self.iteration;
        kept.truncate(old.parameters.consumed());
        let delta = old.delta.duplicate();
        self.iteration = Iteration::new(old.parameters, delta, old.keys, old.number + 1, kept)?;
        self.next_tree = 0;
        self.counters.iterations += 1;
        Ok(())
    }

    /// Δ, which is secret.
    #[must_use]
    pub const fn delta(&self) -> Block {
        self.iteration.delta.block()
    }
}
