//! Moves a product's messages over a channel.

use privet_net::Channel;
use privet_ot::Error;
use privet_ot::derandomise::msgs::Flips;
use privet_ot::rcot::{RcotReceiver, RcotSender};
use privet_ot::tweaks::{Domain, Hasher};
use privet_prim::Block;
use zeroize::Zeroizing;

use super::{receiver, sender};

/// The sending role over one set-up of correlated OTs. Only one may exist for a set-up: it counts the hashes.
pub struct Sender {
    hasher: Hasher,
}

/// The receiving role over one set-up of correlated OTs. Only one may exist for a set-up: it counts the hashes.
pub struct Receiver {
    hasher: Hasher,
}

/// Whether the choosers are the receiver's own or drawn by the transfers. Both parties know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The receiver's own: one bit per transfer goes to the sender first.
    Chosen,
    /// Uniform: nothing goes to the sender.
    Random,
}

impl Sender {
    /// For the set-up whose transfers are hashed under this key.
    #[must_use]
    pub fn new(hash_key: Block) -> Self {
        Self {
            hasher: Hasher::new(hash_key, Domain::RingProduct),
        }
    }

    /// The sender's share of every output.
    ///
    /// # Errors
    /// A failing channel, a misbehaving peer, material that has run out.
    pub fn multiply<S: RcotSender>(
        &mut self,
        ch: &mut Channel,
        rcot: &mut S,
        mode: Mode,
        mut core: sender::Sender<'_>,
    ) -> Result<Vec<u64>, Error> {
        let (delta, schedule) = (rcot.delta(), core.schedule());
        let (mut keys, mut out) = (Zeroizing::new(Vec::new()), Vec::new());
        for batch in schedule.batches() {
            let transfers = schedule.transfers(&batch);
            keys.resize(transfers, Block::ZERO);
            rcot.random_keys(ch, &mut keys)?;
            if mode == Mode::Chosen {
                let bytes = ch.recv_slice(transfers.div_ceil(8))?;
                Flips::decode(bytes, transfers)?.apply(delta, &mut keys)?;
            }
            let mut rest = keys.as_mut_slice();
            for piece in schedule.pieces(&batch) {
                let (now, later) = rest.split_at_mut(piece.transfers);
                rest = later;
                core.send_piece(&piece, &mut self.hasher, delta, now, &mut out)?;
                ch.send(&out)?;
                out.clear();
            }
            core.end_batch(&mut out);
            ch.send(&out)?;
            out.clear();
        }
        ch.flush()?;
        Ok(core.finish())
    }
}

impl Receiver {
    /// For the set-up whose transfers are hashed under this key.
    #[must_use]
    pub fn new(hash_key: Block) -> Self {
        Self {
            hasher: Hasher::new(hash_key, Domain::RingProduct),
        }
    }

    /// The choosers and the receiver's share of every output.
    ///
    /// # Errors
    /// A failing channel, a misbehaving peer, material that has run out.
    pub fn multiply<R: RcotReceiver>(
        &mut self,
        ch: &mut Channel,
        rcot: &mut R,
        mode: Mode,
        mut core: receiver::Receiver<'_>,
    ) -> Result<(Vec<u64>, Vec<u64>), Error> {
        let (mut macs, schedule) = (Zeroizing::new(Vec::new()), core.schedule());
        for batch in schedule.batches() {
            macs.resize(schedule.transfers(&batch), Block::ZERO);
            rcot.random_macs(ch, &mut macs)?;
            match mode {
                Mode::Random => core.draw(&batch, &macs)?,
                Mode::Chosen => ch.send(core.flips(&batch, &macs)?.encode())?,
            }
            let mut rest = macs.as_mut_slice();
            for piece in schedule.pieces(&batch) {
                let (now, later) = rest.split_at_mut(piece.transfers);
                rest = later;
                let bytes = ch.recv_slice(core.needs(&piece))?;
                core.receive_piece(&piece, &mut self.hasher, now, bytes)?;
            }
            core.end_batch()?;
        }
        Ok(core.finish())
    }
}
