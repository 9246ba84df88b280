//! Moves correlated OT's messages over a channel.

use privet_net::Channel;
use privet_prim::{Block, Delta, Prg};

use super::msgs::{CORRECTION_BYTES, Corrections};
use super::{CHUNK, Field, MAX_TRANSFERS, Receiver, Sender, receiver, sender};
use crate::base::msgs::{POINT_BYTES, ReceiverPoints, SenderPoint};
use crate::error::{ApiMisuse, Error};

fn bounded(n: usize) -> Result<usize, ApiMisuse> {
    if n > MAX_TRANSFERS {
        let (limit, got) = (MAX_TRANSFERS as u64, n as u64);
        return Err(ApiMisuse::TooMany {
            what: "transfers in a call",
            limit,
            got,
        });
    }
    Ok(n)
}

impl Sender {
    /// Sets up with fields of 2 bits. `delta` is this party's own.
    ///
    /// # Errors
    /// A failing channel, an invalid message of the peer.
    pub fn setup(ch: &mut Channel, delta: Delta) -> Result<Self, Error> {
        Self::setup_with(ch, delta, Field::default())
    }

    /// Sets up with fields of a size that both parties agreed on.
    ///
    /// # Errors
    /// As [`Sender::setup`].
    pub fn setup_with(ch: &mut Channel, delta: Delta, field: Field) -> Result<Self, Error> {
        let mut bytes = [0; POINT_BYTES];
        ch.recv(&mut bytes)?;
        let first = SenderPoint::decode(&bytes)?;
        let prg = &mut Prg::new(Block::random());
        let (points, await_corrections) = sender::reply(field, delta, &first, prg);
        ch.send(&points.encode())?;
        let mut bytes = [0; CORRECTION_BYTES];
        ch.recv(&mut bytes)?;
        Ok(await_corrections.finish(&Corrections::decode(&bytes)?))
    }

    /// Extends by `n` transfers: the keys `K`.
    ///
    /// # Errors
    /// A failing channel; `n` above [`MAX_TRANSFERS`].
    pub fn extend(&mut self, ch: &mut Channel, n: usize) -> Result<Vec<Block>, Error> {
        let mut keys = vec![Block::ZERO; bounded(n)?];
        self.extend_into(ch, &mut keys)?;
        Ok(keys)
    }

    /// Extends by `keys.len()` transfers.
    ///
    /// # Errors
    /// A failing channel.
    pub fn extend_into(&mut self, ch: &mut Channel, keys: &mut [Block]) -> Result<(), Error> {
        for keys in keys.chunks_mut(CHUNK) {
            let msg = ch.recv_slice(self.field().extend_bytes(keys.len()))?;
            self.extend_chunk(keys, msg)?;
        }
        Ok(())
    }
}

impl Receiver {
    /// Sets up with fields of 2 bits.
    ///
    /// # Errors
    /// A failing channel or an invalid message of the peer.
    pub fn setup(ch: &mut Channel) -> Result<Self, Error> {
        Self::setup_with(ch, Field::default())
    }

    /// Sets up with fields of a size that both parties agreed on.
    ///
    /// # Errors
    /// As [`Receiver::setup`].
    pub fn setup_with(ch: &mut Channel, field: Field) -> Result<Self, Error> {
        let prg = &mut Prg::new(Block::random());
        let (first, await_points) = receiver::start(field, prg);
        ch.send(&first.encode())?;
        let mut bytes = [0; 128 * POINT_BYTES];
        ch.recv(&mut bytes)?;
        let (corrections, receiver) =
            await_points.finish(&ReceiverPoints::decode(&bytes, 128)?, prg)?;
        ch.send(&corrections.encode())?;
        ch.flush()?;
        Ok(receiver)
    }

    /// Extends by one transfer per choice: the MACs `M = K ⊕ x·Δ`.
    ///
    /// # Errors
    /// A failing channel; more choices than [`MAX_TRANSFERS`].
    pub fn extend(&mut self, ch: &mut Channel, choices: &[bool]) -> Result<Vec<Block>, Error> {
        let mut macs = vec![Block::ZERO; bounded(choices.len())?];
        self.extend_into(ch, choices, &mut macs)?;
        Ok(macs)
    }

    /// Extends by one transfer per choice.
    ///
    /// # Errors
    /// A failing channel, or slices of different lengths.
    pub fn extend_into(
        &mut self,
        ch: &mut Channel,
        choices: &[bool],
        macs: &mut [Block],
    ) -> Result<(), Error> {
        let (expected, got) = (choices.len(), macs.len());
        if expected != got {
            return Err(ApiMisuse::Length {
                what: "MACs of an extension",
                expected,
                got,
            }
            .into());
        }
        for (choices, macs) in choices.chunks(CHUNK).zip(macs.chunks_mut(CHUNK)) {
            let msg = ch.frame_mut(self.field().extend_bytes(choices.len()))?;
            self.extend_chunk(choices, macs, msg)?;
        }
        ch.flush()?;
        Ok(())
    }
}
