//! A session's random correlated OTs in both directions, and what is made of them.

use privet_gmw::product;
use privet_net::Channel;
use privet_ot::silent::{self, Parameters, Receiver, Sender};
use privet_ot::triples::drive::TripleMaker;
use privet_ot::triples::{Maker, Triples};
use privet_prim::Delta;

use crate::error::RunError;

/// The parameter set that the planner counts with.
pub(crate) const PARAMETERS: Parameters = Parameters::Secret17;

enum Products {
    Client(product::Client),
    Server(product::Server),
}

/// Silent OT in both directions on one lane, each instance with its own Δ.
pub(crate) struct Correlated {
    maker: Maker<Sender, Receiver>,
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
            maker: Maker::new(sender, receiver),
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
