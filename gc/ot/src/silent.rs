//! Random correlated OT with almost no communication: Ferret with correlated half-trees.
//!
//! - Functionality: the sender, who holds Δ, gets keys `K` of colour 0; the receiver gets `M = K ⊕ x·Δ`, x the colour of M.
//! - Secure against: semi-honest, either side; regular LPN with a 10-local code (bits: [`Parameters::claimed_bits`]), AES as an
//!   ideal cipher re-keyed for each tree and level.
//! - From: Ferret (eprint 2020/924), Fig. 7, single-point OT by correlated trees of Half-Tree (eprint 2022/1431), Fig. 3 and 4.
//! - Differs: started from SoftSpoken without an LPN pre-stage; the error's place is read off the random choices, so an iteration is
//!   one stream from the sender and no round; trees are consumed one by one, nothing is stored but the LPN secret.
//! - Cost: set-up of [`crate::cot`] with `2^k + depth·trees` transfers; then 16·depth bytes per tree of `2^depth` transfers.
//!
//! One iteration turns the secret (`2^k` transfers) and `depth` transfers per tree into `trees·2^depth` transfers: leaf i of a tree
//! plus ten entries of the secret, chosen by the public code. The last trees of an iteration are the next one's secret.
//!
//! ```text
//! sender, tree:   K_leaf  with ⊕ K_leaf = Δ            receiver:  all K_leaf but K_α;  leaf α := ⊕ others = K_α ⊕ Δ
//! code:           K = K_leaf ⊕ A·K_secret                          M = M_leaf ⊕ A·M_secret
//! ```

pub mod drive;
pub mod receiver;
pub mod sender;

mod code;
mod kernels;
mod parameters;
mod rest;
mod tree;

#[cfg(test)]
mod estimate;

pub use drive::{setup_first, setup_second};
pub use parameters::Parameters;
pub use receiver::Receiver;
pub use sender::Sender;

use privet_prim::Block;
use sha2::{Digest, Sha256};

/// What an instance has made and given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Transfers made, without those that an iteration keeps for the next.
    pub made: u64,
    /// Transfers given out.
    pub used: u64,
    /// Iterations begun.
    pub iterations: u64,
}

/// Public keys of one instance: of the code, and of the trees.
#[derive(Clone, Copy)]
pub(crate) struct Keys {
    code: Block,
    trees: Block,
}

impl Keys {
    fn new(hash_key: Block) -> Self {
        let derive = |what: &[u8]| {
            let digest = Sha256::new()
                .chain_update(what)
                .chain_update(hash_key.to_bytes())
                .finalize();
            let mut key = [0u8; 16];
            key.iter_mut().zip(digest).for_each(|(k, d)| *k = d);
            Block::from_bytes(key)
        };
        Self {
            code: derive(b"privet silent OT code v1"),
            trees: derive(b"privet silent OT trees v1"),
        }
    }
}
