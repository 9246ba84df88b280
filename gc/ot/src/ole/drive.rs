//! Bit OLEs over any random correlated OT.

use privet_net::Channel;
use privet_prim::Block;
use zeroize::Zeroizing;

use super::{ReceiverBits, SenderBits, receiver_strings, sender_pairs};
use crate::error::Error;
use crate::rcot::{RcotReceiver, RcotSender};
use crate::tweaks::{Domain, Hasher};

/// Gives out the sender's halves.
pub trait OleSender {
    /// `64·words` OLEs.
    ///
    /// # Errors
    /// A failing channel, a misbehaving peer, or material that has run out.
    fn sender_bits(&mut self, ch: &mut Channel, words: usize) -> Result<SenderBits, Error>;
}

/// Gives out the receiver's halves.
pub trait OleReceiver {
    /// `64·words` OLEs.
    ///
    /// # Errors
    /// A failing channel, a misbehaving peer, or material that has run out.
    fn receiver_bits(&mut self, ch: &mut Channel, words: usize) -> Result<ReceiverBits, Error>;
}

/// Sender of bit OLEs; owns its random correlated OTs.
pub struct Sender<S> {
    rcot: S,
    hasher: Hasher,
}

impl<S: RcotSender> Sender<S> {
    /// Takes over a source: its transfers must not be hashed elsewhere in the same domain.
    #[must_use]
    pub fn new(rcot: S) -> Self {
        let hasher = Hasher::new(rcot.hash_key(), Domain::Product);
        Self { rcot, hasher }
    }
}

impl<S: RcotSender> OleSender for Sender<S> {
    fn sender_bits(&mut self, ch: &mut Channel, words: usize) -> Result<SenderBits, Error> {
        let delta = self.rcot.delta();
        let chunk = self.rcot.chunk();
        let mut keys = Zeroizing::new(vec![Block::ZERO; chunk]);
        let mut ones = Zeroizing::new(vec![Block::ZERO; chunk]);
        let mut zero = [Vec::with_capacity(words)];
        let mut difference = [Vec::with_capacity(words)];
        let mut left = 64 * words;
        while left > 0 {
            let (keys, _) = keys.split_at_mut(left.min(chunk));
            let (ones, _) = ones.split_at_mut(keys.len());
            self.rcot.random_keys(ch, keys)?;
            sender_pairs(
                &mut self.hasher,
                delta,
                keys,
                ones,
                &mut zero,
                &mut difference,
            )?;
            left -= keys.len();
        }
        let ([a], [c]) = (difference, zero);
        Ok(SenderBits { a, c })
    }
}

/// Receiver of bit OLEs; owns its random correlated OTs.
pub struct Receiver<R> {
    rcot: R,
    hasher: Hasher,
}

impl<R: RcotReceiver> Receiver<R> {
    /// Takes over a source: its transfers must not be hashed elsewhere in the same domain.
    #[must_use]
    pub fn new(rcot: R) -> Self {
        let hasher = Hasher::new(rcot.hash_key(), Domain::Product);
        Self { rcot, hasher }
    }
}

impl<R: RcotReceiver> OleReceiver for Receiver<R> {
    fn receiver_bits(&mut self, ch: &mut Channel, words: usize) -> Result<ReceiverBits, Error> {
        let chunk = self.rcot.chunk();
        let mut macs = Zeroizing::new(vec![Block::ZERO; chunk]);
        let mut b = Vec::with_capacity(words);
        let mut chosen = [Vec::with_capacity(words)];
        let mut left = 64 * words;
        while left > 0 {
            let (macs, _) = macs.split_at_mut(left.min(chunk));
            self.rcot.random_macs(ch, macs)?;
            receiver_strings(&mut self.hasher, macs, &mut b, &mut chosen)?;
            left -= macs.len();
        }
        let [d] = chosen;
        Ok(ReceiverBits { b, d })
    }
}
