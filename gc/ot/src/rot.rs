//! Random OT from correlated OT by hashing.
//!
//! - Functionality: the sender gets pairs of random keys `(k0, k1)`; the receiver gets `k_x` for its choices x.
//! - Secure against: semi-honest, either side; 128 bits, H tweakable correlation robust with one key per transfer.
//! - From: IKNP03 with the hash of GKWY20 (eprint 2019/1168).
//! - Differs: index = domain and number of the transfer, under a key that the set-up's transcript fixes.
//! - Cost for n: no message beyond the correlated OTs; 2n hashes for the sender, n for the receiver.

pub mod drive;

pub use drive::{Receiver, Sender};

use privet_prim::Block;

use crate::error::ApiMisuse;
use crate::tweaks::Hasher;

/// The pairs of keys for the sender's correlated OTs, which are used up.
///
/// # Errors
/// The hasher has no index left.
pub fn sender_keys(
    hasher: &mut Hasher,
    delta: Block,
    mut keys: Vec<Block>,
) -> Result<Vec<[Block; 2]>, ApiMisuse> {
    let mut ones = vec![Block::ZERO; keys.len()];
    hasher.hash_keys(delta, &mut keys, &mut ones)?;
    Ok(keys
        .into_iter()
        .zip(ones)
        .map(|(zero, one)| [zero, one])
        .collect())
}

/// The chosen keys for the receiver's correlated OTs, which are used up.
///
/// # Errors
/// The hasher has no index left.
pub fn receiver_keys(hasher: &mut Hasher, mut macs: Vec<Block>) -> Result<Vec<Block>, ApiMisuse> {
    hasher.hash_macs(&mut macs)?;
    Ok(macs)
}
