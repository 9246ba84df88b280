//! Moves silent OT's messages over one channel or over all lanes of a session.

use std::thread;

use privet_net::Channel;
use privet_prim::{Block, Delta};

use super::{Parameters, Receiver, Sender};
use crate::cot::{self, Field};
use crate::error::{ApiMisuse, Error};
use crate::rcot::{ExtensionReceiver, ExtensionSender, RcotReceiver, RcotSender};

/// Trees whose messages may wait in an unsent frame.
const FLUSH: usize = 32;

/// Small fields of the extension that the first iteration is made from.
const BOOTSTRAP: Field = Field::Bits4;

/// One instance per direction, for the party that is first the sender: its peer calls [`setup_second`].
///
/// # Errors
/// A failing channel or a misbehaving peer.
pub fn setup_first(
    ch: &mut Channel,
    delta: Delta,
    set: Parameters,
) -> Result<(Sender, Receiver), Error> {
    let sender = Sender::setup(ch, delta, set)?;
    Ok((sender, Receiver::setup(ch, set)?))
}

/// One instance per direction, for the party that is first the receiver: its peer calls [`setup_first`].
///
/// # Errors
/// A failing channel or a misbehaving peer.
pub fn setup_second(
    ch: &mut Channel,
    delta: Delta,
    set: Parameters,
) -> Result<(Sender, Receiver), Error> {
    let receiver = Receiver::setup(ch, set)?;
    Ok((Sender::setup(ch, delta, set)?, receiver))
}

/// Bytes of the set-up of one instance.
#[must_use]
pub const fn setup_bytes(set: Parameters) -> cot::Bytes {
    let (setup, extend) = (
        cot::setup_bytes(),
        cot::extend_bytes(BOOTSTRAP, set.consumed()),
    );
    cot::Bytes {
        sender: setup.sender + extend.sender,
        receiver: setup.receiver + extend.receiver,
    }
}

/// Spreads trees over lanes: lane `i mod lanes` takes tree `first + i`. One thread per lane.
fn over_lanes(
    lanes: &mut [Channel],
    leaves: usize,
    out: &mut [Block],
    work: impl Fn(&mut Channel, usize, &mut [Block]) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let count = lanes.len();
    if let [lane] = lanes {
        for (index, out) in out.chunks_exact_mut(leaves).enumerate() {
            work(lane, index, out)?;
        }
        return Ok(());
    }
    let mut shares: Vec<Vec<(usize, &mut [Block])>> = (0..count).map(|_| Vec::new()).collect();
    for (index, out) in out.chunks_exact_mut(leaves).enumerate() {
        if let Some(share) = shares.get_mut(index % count) {
            share.push((index, out));
        }
    }
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = lanes
            .iter_mut()
            .zip(shares)
            .map(|(lane, share)| {
                scope.spawn(move || {
                    for (index, out) in share {
                        work(lane, index, out)?;
                    }
                    Ok(lane.flush()?)
                })
            })
            .collect();
        let mut result = Ok(());
        for thread in threads {
            let ended = thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result = result.and(ended);
        }
        result
    })
}

/// What both parties share: cutting a request into trees, keeping the last ones of an iteration.
macro_rules! fill {
    ($self:ident, $lanes:ident, $out:ident, $trees:ident) => {{
        let set = $self.parameters();
        let asked = $out.len() as u64;
        if let Some(limit) = $self.limit {
            let left = limit.saturating_sub($self.counters.used);
            if asked > left {
                let what = "random correlated transfers";
                return Err(ApiMisuse::Exhausted { what, asked, left }.into());
            }
        }
        if $lanes.is_empty() {
            return Err(ApiMisuse::Length {
                what: "lanes",
                expected: 1,
                got: 0,
            }
            .into());
        }
        let ready = $self.rest.give($out);
        let (_, mut out) = $out.split_at_mut(ready);
        while !out.is_empty() {
            if $self.next_tree == set.given_trees() {
                let mut kept = vec![Block::ZERO; set.kept_trees() * set.leaves()];
                $self.$trees($lanes, &mut kept)?;
                $self.advance(kept)?;
            }
            let left = set.given_trees() - $self.next_tree;
            let whole = (out.len() / set.leaves()).min(left);
            if whole == 0 {
                let mut rest = std::mem::take(&mut $self.rest);
                $self.$trees($lanes, rest.renew(set.leaves()))?;
                rest.give(out);
                $self.rest = rest;
                $self.counters.made += set.leaves() as u64;
                break;
            }
            let (now, later) = out.split_at_mut(whole * set.leaves());
            $self.$trees($lanes, now)?;
            $self.counters.made += now.len() as u64;
            out = later;
        }
        $self.counters.used += asked;
        Ok(())
    }};
}

impl Sender {
    /// Sets up: base OTs, the extension, the first iteration's material.
    ///
    /// # Errors
    /// A failing channel or a misbehaving peer.
    pub fn setup(ch: &mut Channel, delta: Delta, set: Parameters) -> Result<Self, Error> {
        let cot = cot::Sender::setup_with(ch, delta.duplicate(), BOOTSTRAP)?;
        let hash_key = cot.hash_key();
        let mut keys = vec![Block::ZERO; set.consumed()];
        ExtensionSender(cot).random_keys(ch, &mut keys)?;
        Ok(Self::new(set, delta, hash_key, keys)?)
    }

    /// Fills `keys` over all lanes at once, a thread for each. Both parties must give the same number of lanes and keys.
    ///
    /// # Errors
    /// A failing channel; the limit is reached; no lane.
    pub fn random_keys_over(
        &mut self,
        lanes: &mut [Channel],
        keys: &mut [Block],
    ) -> Result<(), Error> {
        fill!(self, lanes, keys, trees)
    }

    fn trees(&mut self, lanes: &mut [Channel], keys: &mut [Block]) -> Result<(), Error> {
        let (set, first) = (self.parameters(), self.next_tree);
        let (iteration, count) = (&self.iteration, lanes.len());
        over_lanes(lanes, set.leaves(), keys, |lane, index, keys| {
            let msg = lane.frame_mut(set.tree_bytes())?;
            iteration.make_tree(first + index, keys, msg)?;
            if (first + index) / count % FLUSH == FLUSH - 1 {
                lane.flush()?;
            }
            Ok(())
        })?;
        self.next_tree += keys.len() / set.leaves();
        Ok(())
    }
}

impl Receiver {
    /// Sets up: base OTs, the extension, the first iteration's material.
    ///
    /// # Errors
    /// A failing channel or a misbehaving peer.
    pub fn setup(ch: &mut Channel, set: Parameters) -> Result<Self, Error> {
        let cot = cot::Receiver::setup_with(ch, BOOTSTRAP)?;
        let hash_key = cot.hash_key();
        let mut macs = vec![Block::ZERO; set.consumed()];
        ExtensionReceiver::new(cot).random_macs(ch, &mut macs)?;
        Ok(Self::new(set, hash_key, macs)?)
    }

    /// Fills `macs` over all lanes at once, a thread for each. Both parties must give the same number of lanes and MACs.
    ///
    /// # Errors
    /// A failing channel; the limit is reached; no lane.
    pub fn random_macs_over(
        &mut self,
        lanes: &mut [Channel],
        macs: &mut [Block],
    ) -> Result<(), Error> {
        fill!(self, lanes, macs, trees)
    }

    fn trees(&mut self, lanes: &mut [Channel], macs: &mut [Block]) -> Result<(), Error> {
        let (set, first) = (self.parameters(), self.next_tree);
        let iteration = &self.iteration;
        over_lanes(lanes, set.leaves(), macs, |lane, index, macs| {
            let msg = lane.recv_slice(set.tree_bytes())?;
            Ok(iteration.open_tree(first + index, msg, macs)?)
        })?;
        self.next_tree += macs.len() / set.leaves();
        Ok(())
    }
}

impl RcotSender for Sender {
    const SPEAKS: bool = true;

    fn chunk(&self) -> usize {
        self.parameters().leaves()
    }

    fn delta(&self) -> Block {
        Self::delta(self)
    }

    fn hash_key(&self) -> Block {
        self.hash_key
    }

    /// Messages leave in groups of trees, with whatever is sent next, or when this party next receives.
    fn random_keys(&mut self, ch: &mut Channel, keys: &mut [Block]) -> Result<(), Error> {
        self.random_keys_over(std::slice::from_mut(ch), keys)
    }
}

impl RcotReceiver for Receiver {
    fn chunk(&self) -> usize {
        self.parameters().leaves()
    }

    fn hash_key(&self) -> Block {
        self.hash_key
    }

    fn random_macs(&mut self, ch: &mut Channel, macs: &mut [Block]) -> Result<(), Error> {
        self.random_macs_over(std::slice::from_mut(ch), macs)
    }
}
