//! A session's random correlated OTs in both directions, and what is made of them.

use privet_gmw::product;
use privet_gmw::source::Live;
use privet_net::Channel;
use privet_ot::silent::{Parameters, Receiver, Sender};
use privet_plan::cost::gmw::Demand;
use privet_ring::{Client, Server};

use super::bits::Bits;
use crate::error::RunError;

/// The parameter set that the planner counts with.
pub const PARAMETERS: Parameters = Parameters::Secret17;

/// Silent OT in both directions on one lane, each instance with its own Δ.
pub(crate) enum Correlated {
    Client(Box<Live<Client, Sender, Receiver>>, product::Client),
    Server(Box<Live<Server, Sender, Receiver>>, product::Server),
}

impl Correlated {
    /// Sets both directions up; the peer does too.
    pub(crate) fn set_up(channel: &mut Channel, is_server: bool) -> Result<Self, RunError> {
        channel.set_phase("set-up");
        let made = if is_server {
            let mut live = Live::setup(channel, PARAMETERS)?;
            let (sender, receiver) = live.sources();
            let products = product::Server::new(&*sender, &*receiver);
            Self::Server(Box::new(live), products)
        } else {
            let mut live = Live::setup(channel, PARAMETERS)?;
            let (sender, receiver) = live.sources();
            let products = product::Client::new(&*sender, &*receiver);
            Self::Client(Box::new(live), products)
        };
        channel.flush()?;
        Ok(made)
    }

    /// Material for bits.
    pub(crate) fn bits(
        &mut self,
        channel: &mut Channel,
        demand: &Demand,
    ) -> Result<Bits, RunError> {
        Ok(match self {
            Self::Client(live, _) => Bits::client(live.prepare(channel, demand)?),
            Self::Server(live, _) => Bits::server(live.prepare(channel, demand)?),
        })
    }

    /// The client's share of W·r.
    pub(crate) fn with_inputs(
        &mut self,
        channel: &mut Channel,
        layer: &product::Layer<'_>,
        inputs: &[u64],
    ) -> Result<Vec<u64>, RunError> {
        match self {
            Self::Client(live, client) => {
                Ok(client.multiply(channel, live.sources(), layer, inputs)?)
            }
            Self::Server(..) => Err(RunError::Contradiction("masks on the wrong side")),
        }
    }

    /// The server's share of W·r.
    pub(crate) fn with_weights(
        &mut self,
        channel: &mut Channel,
        layer: &product::Layer<'_>,
        weights: &[i64],
    ) -> Result<Vec<u64>, RunError> {
        match self {
            Self::Server(live, server) => {
                Ok(server.multiply(channel, live.sources(), layer, weights)?)
            }
            Self::Client(..) => Err(RunError::Contradiction("weights on the wrong side")),
        }
    }
}
