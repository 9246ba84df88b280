//! Random OTs over a SoftSpoken extension and its channel.

use privet_net::Channel;
use privet_prim::Block;

use super::{receiver_keys, sender_keys};
use crate::cot;
use crate::error::Error;
use crate::tweaks::{Domain, Hasher};

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
