//! Random OT from correlated OT by hashing.
//!
//! - Functionality: the sender gets pairs of random keys `(k0, k1)`; the receiver gets `k_x` for its choices x.
//! - Secure against: semi-honest, either side; 128 bits, H tweakable correlation robust with one key per transfer.
//! - From: [IKNP03] with the hash of [GKWY20] (eprint 2019/1168).
//! - Differs: index = domain and number of the transfer, under a key that the set-up's transcript fixes.
//! - Cost for n: no message beyond the correlated OTs; 2n hashes for the sender, n for the receiver.

use privet_net::Channel;
use privet_prim::Block;

use crate::cot;
use crate::error::{ApiMisuse, Error};
use crate::tweaks::{Domain, Hasher};

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

/// Sender of random OTs over a SoftSpoken extension.
pub struct Sender {
    cot: cot::Sender,
    hasher: Hasher,
}

impl Sender {
    /// Takes over an extension: its correlated OTs must not be used elsewhere any more.
    #[must_use]
    pub fn new(cot: cot::Sender) -> Self {
        let hasher = Hasher::new(cot.hash_key(), Domain::RandomOt);
        Self { cot, hasher }
    }

    /// `n` pairs of random keys.
    ///
    /// # Errors
    /// A failing channel; `n` above the limit of one call.
    pub fn extend(&mut self, ch: &mut Channel, n: usize) -> Result<Vec<[Block; 2]>, Error> {
        let keys = self.cot.extend(ch, n)?;
        Ok(sender_keys(&mut self.hasher, self.cot.delta(), keys)?)
    }
}

/// Receiver of random OTs over a SoftSpoken extension.
pub struct Receiver {
    cot: cot::Receiver,
    hasher: Hasher,
}

impl Receiver {
    /// Takes over an extension: its correlated OTs must not be used elsewhere any more.
    #[must_use]
    pub fn new(cot: cot::Receiver) -> Self {
        let hasher = Hasher::new(cot.hash_key(), Domain::RandomOt);
        Self { cot, hasher }
    }

    /// The key of each choice.
    ///
    /// # Errors
    /// A failing channel; more choices than the limit of one call.
    pub fn extend(&mut self, ch: &mut Channel, choices: &[bool]) -> Result<Vec<Block>, Error> {
        let macs = self.cot.extend(ch, choices)?;
        Ok(receiver_keys(&mut self.hasher, macs)?)
    }
}
