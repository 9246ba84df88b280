//! The ideal functionalities: what every protocol of this crate is held to.
//!
//! Both ends hold the same dealer's stream and nothing travels. They are for tests and for costs of what is built on top:
//! **the receiver's end knows Δ**, so they protect nothing.

pub mod products;

use privet_net::Channel;
use privet_prim::{Block, Delta, Prg};

use crate::error::{ApiMisuse, Error};
use crate::rcot::{CotReceiver, CotSender, RcotReceiver, RcotSender};

/// Which stream of the dealer's seed is for what.
const KEYS: u64 = 1;
const CHOICES: u64 = 2;
const HASH: u64 = 3;

/// The sender's end.
pub struct Sender {
    delta: Delta,
    keys: Prg,
    hash_key: Block,
}

/// The receiver's end.
pub struct Receiver {
    delta: Delta,
    keys: Prg,
    choices: Prg,
    hash_key: Block,
}

/// Both ends of one dealer.
#[must_use]
pub fn deal(seed: Block, delta: Delta) -> (Sender, Receiver) {
    let hash_key = Prg::with_stream(seed, HASH).next_block();
    let keys = || Prg::with_stream(seed, KEYS);
    let sender = Sender {
        delta: delta.duplicate(),
        keys: keys(),
        hash_key,
    };
    let choices = Prg::with_stream(seed, CHOICES);
    (
        sender,
        Receiver {
            delta,
            keys: keys(),
            choices,
            hash_key,
        },
    )
}

impl CotSender for Sender {
    fn delta(&self) -> Block {
        self.delta.block()
    }

    fn send(&mut self, _: &mut Channel, keys: &mut [Block]) -> Result<(), Error> {
        self.keys.fill_blocks(keys);
        Ok(())
    }
}

impl CotReceiver for Receiver {
    fn receive(
        &mut self,
        _: &mut Channel,
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
        self.keys.fill_blocks(macs);
        for (mac, &choice) in macs.iter_mut().zip(choices) {
            *mac ^= self.delta.block().select(choice);
        }
        Ok(())
    }
}

impl RcotSender for Sender {
    const SPEAKS: bool = true;

    fn delta(&self) -> Block {
        self.delta.block()
    }

    fn hash_key(&self) -> Block {
        self.hash_key
    }

    fn random_keys(&mut self, _: &mut Channel, keys: &mut [Block]) -> Result<(), Error> {
        self.keys.fill_blocks(keys);
        keys.iter_mut()
            .for_each(|key| *key = key.with_colour(false));
        Ok(())
    }
}

impl RcotReceiver for Receiver {
    fn hash_key(&self) -> Block {
        self.hash_key
    }

    fn random_macs(&mut self, _: &mut Channel, macs: &mut [Block]) -> Result<(), Error> {
        self.keys.fill_blocks(macs);
        for mac in macs {
            let choice = self.choices.next_u64() & 1 == 1;
            *mac = mac.with_colour(false) ^ self.delta.block().select(choice);
        }
        Ok(())
    }
}
