//! Moves derandomisation's message over a channel.

use privet_net::Channel;
use privet_prim::Block;

use super::BATCH;
use super::msgs::Flips;
use crate::error::{ApiMisuse, Error};
use crate::rcot::{CotReceiver, CotSender, RcotReceiver, RcotSender};

/// Correlated OT with the receiver's choices, over random correlated OTs: the sender.
pub struct Sender<S>(pub S);

/// Correlated OT with the receiver's choices, over random correlated OTs: the receiver.
pub struct Receiver<R>(pub R);

impl<S: RcotSender> CotSender for Sender<S> {
    fn delta(&self) -> Block {
        self.0.delta()
    }

    fn send(&mut self, ch: &mut Channel, keys: &mut [Block]) -> Result<(), Error> {
        let delta = self.0.delta();
        for keys in keys.chunks_mut(BATCH) {
            self.0.random_keys(ch, keys)?;
            let bytes = ch.recv_slice(keys.len().div_ceil(8))?;
            Flips::decode(bytes, keys.len())?.apply(delta, keys)?;
        }
        Ok(())
    }
}

impl<R: RcotReceiver> CotReceiver for Receiver<R> {
    fn receive(
        &mut self,
        ch: &mut Channel,
        choices: &[bool],
        macs: &mut [Block],
    ) -> Result<(), Error> {
        let (expected, got) = (choices.len(), macs.len());
        if expected != got {
            return Err(ApiMisuse::Length {
                what: "MACs of a transfer",
                expected,
                got,
            }
            .into());
        }
        for (choices, macs) in choices.chunks(BATCH).zip(macs.chunks_mut(BATCH)) {
            self.0.random_macs(ch, macs)?;
            ch.send(Flips::new(choices, macs)?.encode())?;
        }
        ch.flush()?;
        Ok(())
    }
}
