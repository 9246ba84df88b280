//! A session's random correlated OTs in both directions, and what is made of them.

use privet_gmw::product;
use privet_net::Channel;
use privet_ot::Error;
use privet_ot::rcot::{RcotReceiver, RcotSender};
use privet_ot::silent::{self, Parameters, Receiver, Sender};
use privet_ot::triples::drive::TripleMaker;
use privet_ot::triples::{Maker, Triples};
use privet_plan::cost::silent::CHUNK;
use privet_prim::{Block, Delta};

use crate::error::RunError;

/// The parameter set that the planner counts with.
pub(crate) const PARAMETERS: Parameters = Parameters::Secret17;

/// Random correlated OTs that are asked for in larger chunks than fit a cache best.
struct Wide<T>(T);

impl RcotSender for Wide<Sender> {
    const SPEAKS: bool = Sender::SPEAKS;

    fn delta(&self) -> Block {
        RcotSender::delta(&self.0)
    }

    fn chunk(&self) -> usize {
        CHUNK
    }

    fn hash_key(&self) -> Block {
        self.0.hash_key()
    }

    fn random_keys(&mut self, ch: &mut Channel, keys: &mut [Block]) -> Result<(), Error> {
        self.0.random_keys(ch, keys)
    }
}

impl RcotReceiver for Wide<Receiver> {
    fn chunk(&self) -> usize {
        CHUNK
    }

    fn hash_key(&self) -> Block {
        self.0.hash_key()
    }

    fn random_macs(&mut self, ch: &mut Channel, macs: &mut [Block]) -> Result<(), Error> {
        self.0.random_macs(ch, macs)
    }
}

enum Products {
    Client(product::Client),
    Server(product::Server),
}

/// Silent OT in both directions on one lane, each instance with its own Δ.
pub(crate) struct Correlated {
    maker: Maker<Wide<Sender>, Wide<Receiver>>,
    products: Products,
}

impl Correlated {
    /// Sets both directions up; the client sends first.
    pub(crate) fn set_up(channel: &mut Channel, is_server: bool) -> Result<Self, RunError> {
        channel.set_phase("set-up");
        let delta = Delta::random();
        let (sender, receiver) = if is_server {
            silent::setup_second(channel, delta, PARAMETERS)?
        } else {
            silent::setup_first(channel, delta, PARAMETERS)?
        };
        channel.flush()?;
        let products = if is_server {
            Products::Server(product::Server::new(&sender, &receiver))
        } else {
            Products::Client(product::Client::new(&sender, &receiver))
        };
        Ok(Self {
            maker: Maker::new(Wide(sender), Wide(receiver)),
            products,
        })
    }

    pub(crate) fn triples(
        &mut self,
        channel: &mut Channel,
        words: usize,
    ) -> Result<Triples<1>, RunError> {
        Ok(self.maker.triples(channel, words)?)
    }

    /// The client's share of W·r.
    pub(crate) fn with_inputs(
        &mut self,
        channel: &mut Channel,
        layer: &product::Layer<'_>,
        inputs: &[u64],
    ) -> Result<Vec<u64>, RunError> {
        match &mut self.products {
            Products::Client(client) => {
                Ok(client.multiply(channel, self.maker.sources(), layer, inputs)?)
            }
            Products::Server(_) => Err(RunError::Contradiction("masks on the wrong side")),
        }
    }

    /// The server's share of W·r.
    pub(crate) fn with_weights(
        &mut self,
        channel: &mut Channel,
        layer: &product::Layer<'_>,
        weights: &[i64],
    ) -> Result<Vec<u64>, RunError> {
        match &mut self.products {
            Products::Server(server) => {
                Ok(server.multiply(channel, self.maker.sources(), layer, weights)?)
            }
            Products::Client(_) => Err(RunError::Contradiction("weights on the wrong side")),
        }
    }
}
