//! Correlated OT as interfaces: with choices of the receiver's, and random.
//!
//! Whatever gives correlated OTs (an extension, silent OT, the ideal functionality) implements these; what consumes them
//! is written against these. Both parties must ask for the same numbers in the same order.

use privet_net::Channel;
use privet_prim::{Block, Prg};

use crate::cot;
use crate::error::Error;

/// Chunks of one direction before the other has its turn, where both are made on one thread: a direction works on a secret that fills
/// the second-level cache, and each change of direction fetches it anew. Part of the protocol: both parties take turns alike.
pub const ROUND: usize = 16;

/// Sender of correlated OTs: knows Δ, gets keys `K`.
pub trait CotSender {
    /// Δ, with colour bit 1.
    fn delta(&self) -> Block;

    /// Fills `keys`.
    ///
    /// # Errors
    /// A failing channel, a misbehaving peer, or material that has run out.
    fn send(&mut self, ch: &mut Channel, keys: &mut [Block]) -> Result<(), Error>;
}

/// Receiver of correlated OTs: brings choices x, gets `M = K ⊕ x·Δ`.
pub trait CotReceiver {
    /// Fills `macs`, one per choice.
    ///
    /// # Errors
    /// A failing channel, a misbehaving peer, slices of different lengths, or material that has run out.
    fn receive(
        &mut self,
        ch: &mut Channel,
        choices: &[bool],
        macs: &mut [Block],
    ) -> Result<(), Error>;
}

/// Sender of random correlated OTs. The colour bit of every key is 0.
pub trait RcotSender {
    /// Whether this role sends and the other one receives; the other way round if not. Who makes both directions on one
    /// channel runs the speaking roles first, so that nobody waits for a party that waits.
    const SPEAKS: bool;

    /// Δ, with colour bit 1.
    fn delta(&self) -> Block;

    /// How many transfers are best asked for at a time.
    fn chunk(&self) -> usize {
        2048
    }

    /// A key for hashing these transfers, equal on both sides; not secret.
    fn hash_key(&self) -> Block;

    /// Fills `keys` with the next keys.
    ///
    /// # Errors
    /// A failing channel, a misbehaving peer, or material that has run out.
    fn random_keys(&mut self, ch: &mut Channel, keys: &mut [Block]) -> Result<(), Error>;
}

/// Receiver of random correlated OTs. The colour bit of a MAC is the choice, drawn by the functionality.
pub trait RcotReceiver {
    /// How many transfers are best asked for at a time.
    fn chunk(&self) -> usize {
        2048
    }

    /// A key for hashing these transfers, equal on both sides; not secret.
    fn hash_key(&self) -> Block;

    /// Fills `macs` with the next MACs.
    ///
    /// # Errors
    /// A failing channel, a misbehaving peer, or material that has run out.
    fn random_macs(&mut self, ch: &mut Channel, macs: &mut [Block]) -> Result<(), Error>;
}

impl CotSender for cot::Sender {
    fn delta(&self) -> Block {
        Self::delta(self)
    }

    fn send(&mut self, ch: &mut Channel, keys: &mut [Block]) -> Result<(), Error> {
        self.extend_into(ch, keys)
    }
}

impl CotReceiver for cot::Receiver {
    fn receive(
        &mut self,
        ch: &mut Channel,
        choices: &[bool],
        macs: &mut [Block],
    ) -> Result<(), Error> {
        self.extend_into(ch, choices, macs)
    }
}

/// Random correlated OTs straight from an extension: the sender.
pub struct ExtensionSender(pub cot::Sender);

/// Random correlated OTs straight from an extension: the receiver.
pub struct ExtensionReceiver {
    cot: cot::Receiver,
    prg: Prg,
}

impl ExtensionReceiver {
    /// Draws choices from the operating system's randomness.
    #[must_use]
    pub fn new(cot: cot::Receiver) -> Self {
        Self {
            cot,
            prg: Prg::random(),
        }
    }
}

impl RcotSender for ExtensionSender {
    const SPEAKS: bool = false;

    fn delta(&self) -> Block {
        self.0.delta()
    }

    fn hash_key(&self) -> Block {
        self.0.hash_key()
    }

    fn random_keys(&mut self, ch: &mut Channel, keys: &mut [Block]) -> Result<(), Error> {
        self.0.extend_into(ch, keys)?;
        // Δ has colour 1: with K's colour cleared, the colour of M = K ⊕ x·Δ is x.
        keys.iter_mut()
            .for_each(|key| *key = key.with_colour(false));
        Ok(())
    }
}

impl RcotReceiver for ExtensionReceiver {
    fn hash_key(&self) -> Block {
        self.cot.hash_key()
    }

    fn random_macs(&mut self, ch: &mut Channel, macs: &mut [Block]) -> Result<(), Error> {
        let mut choices = [false; cot::CHUNK];
        for macs in macs.chunks_mut(cot::CHUNK) {
            let (choices, _) = choices.split_at_mut(macs.len());
            for bits in choices.chunks_mut(64) {
                let word = self.prg.next_u64();
                bits.iter_mut()
                    .enumerate()
                    .for_each(|(i, bit)| *bit = word >> i & 1 == 1);
            }
            self.cot.extend_into(ch, choices, macs)?;
            for (mac, &choice) in macs.iter_mut().zip(choices.iter()) {
                *mac = mac.with_colour(choice);
            }
        }
        Ok(())
    }
}
