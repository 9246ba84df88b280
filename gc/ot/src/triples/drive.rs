//! Bit triples over random correlated OTs in both directions.

use privet_net::Channel;
use privet_prim::Block;
use zeroize::Zeroizing;

use super::Triples;
use crate::error::Error;
use crate::ole::{receiver_strings, sender_pairs};
use crate::rcot::{ROUND, RcotReceiver, RcotSender};
use crate::tweaks::{Domain, Hasher};

/// Gives out one party's shares of triples.
pub trait TripleMaker {
    /// `64·words` triples with `W` products each.
    ///
    /// # Errors
    /// A failing channel, a misbehaving peer, or material that has run out.
    fn triples<const W: usize>(
        &mut self,
        ch: &mut Channel,
        words: usize,
    ) -> Result<Triples<W>, Error>;
}

/// Makes triples; owns random correlated OTs of both directions.
pub struct Maker<S, R> {
    sender: S,
    receiver: R,
    sent: Hasher,
    received: Hasher,
}

impl<S: RcotSender, R: RcotReceiver> Maker<S, R> {
    /// Takes over one source per direction: their transfers must not be hashed elsewhere in the same domain.
    #[must_use]
    pub fn new(sender: S, receiver: R) -> Self {
        let sent = Hasher::new(sender.hash_key(), Domain::Product);
        let received = Hasher::new(receiver.hash_key(), Domain::Product);
        Self {
            sender,
            receiver,
            sent,
            received,
        }
    }

    /// The sources, for other uses than triples.
    pub const fn sources(&mut self) -> (&mut S, &mut R) {
        (&mut self.sender, &mut self.receiver)
    }
}

impl<S: RcotSender, R: RcotReceiver> Maker<S, R> {
    /// `n` transfers of this party's sending direction, hashed and packed chunk by chunk.
    fn send<const W: usize>(
        &mut self,
        ch: &mut Channel,
        n: usize,
        zero: &mut [Vec<u64>; W],
        difference: &mut [Vec<u64>; W],
    ) -> Result<(), Error> {
        let (delta, chunk) = (self.sender.delta(), self.sender.chunk());
        let mut blocks = Zeroizing::new(vec![Block::ZERO; 2 * chunk.min(n)]);
        let (keys, ones) = blocks.split_at_mut(chunk.min(n));
        for from in (0..n).step_by(chunk) {
            let now = chunk.min(n - from);
            let ((keys, _), (ones, _)) = (keys.split_at_mut(now), ones.split_at_mut(now));
            self.sender.random_keys(ch, keys)?;
            sender_pairs(&mut self.sent, delta, keys, ones, zero, difference)?;
        }
        Ok(())
    }

    /// The same for the direction in which it receives.
    fn receive<const W: usize>(
        &mut self,
        ch: &mut Channel,
        n: usize,
        choice: &mut Vec<u64>,
        chosen: &mut [Vec<u64>; W],
    ) -> Result<(), Error> {
        let chunk = self.receiver.chunk();
        let mut macs = Zeroizing::new(vec![Block::ZERO; chunk.min(n)]);
        for from in (0..n).step_by(chunk) {
            let (macs, _) = macs.split_at_mut(chunk.min(n - from));
            self.receiver.random_macs(ch, macs)?;
            receiver_strings(&mut self.received, macs, choice, chosen)?;
        }
        Ok(())
    }
}

impl<S: RcotSender, R: RcotReceiver> TripleMaker for Maker<S, R> {
    fn triples<const W: usize>(
        &mut self,
        ch: &mut Channel,
        words: usize,
    ) -> Result<Triples<W>, Error> {
        const { assert!(W > 0 && W <= 64, "bits of one hash") };
        let empty = || std::array::from_fn(|_| Vec::with_capacity(words));
        let (mut zero, mut difference, mut chosen) = (empty(), empty(), empty());
        let mut choice = Vec::with_capacity(words);
        let mut left = 64 * words;
        while left > 0 {
            let n = left.min(ROUND * self.sender.chunk());
            if S::SPEAKS {
                self.send(ch, n, &mut zero, &mut difference)?;
                self.receive(ch, n, &mut choice, &mut chosen)?;
            } else {
                self.receive(ch, n, &mut choice, &mut chosen)?;
                self.send(ch, n, &mut zero, &mut difference)?;
            }
            left -= n;
        }
        Ok(Triples::join(&zero, difference, choice, chosen))
    }
}
