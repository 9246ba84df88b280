//! A linear layer between the client, who has the input, and the server, who has the weights.
//!
//! Both parties hold a sender and a receiver of correlated OTs; which of them a layer uses is public. Results are shares of
//! `W·x` mod 2^l; a bias, or `W` times a share of the server's own, is the server's to add.

use privet_net::Channel;
use privet_ot::rcot::{RcotReceiver, RcotSender};
use privet_ot::{ApiMisuse, Error};
use privet_prim::Prg;
use privet_ring::Ring;
use privet_ring::linear::Geometry;

use super::drive::{self, Mode};
use super::schedule::{Choosers, Schedule};
use super::{receiver, sender};

/// What the client brings into a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Inputs {
    /// Ring elements that are drawn in the course of the protocol: masks prepared ahead.
    Random,
    /// Its own ring elements.
    Chosen,
    /// Its own, known to be numbers of `bits` bits, two's complement if `signed`; 1 bit unsigned is a bit.
    Narrow {
        /// Their public width.
        bits: u32,
        /// Whether the highest bit counts negatively.
        signed: bool,
    },
}

/// One layer, as both parties know it.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'g> {
    /// Which weight meets which input.
    pub geometry: &'g Geometry,
    /// Ring of inputs and results.
    pub ring: Ring,
    /// Public width of the signed weights; the ring's width where they are any ring elements.
    pub weight_bits: u32,
    /// Whose bits choose.
    pub choosers: Choosers,
    /// What the client brings.
    pub inputs: Inputs,
}

impl<'g> Layer<'g> {
    /// The transfers that it takes.
    ///
    /// # Errors
    /// A width of no bit or above 64.
    pub fn schedule(&self) -> Result<Schedule<'g>, ApiMisuse> {
        let (bits, signed) = match (self.choosers, self.inputs) {
            (Choosers::Weights, _) => (self.weight_bits, true),
            (Choosers::Inputs, Inputs::Narrow { bits, signed }) => (bits, signed),
            (Choosers::Inputs, Inputs::Random | Inputs::Chosen) => (self.ring.bits(), false),
        };
        Schedule::new(self.geometry, self.ring, self.choosers, bits, signed)
    }

    /// Weights choose only as they are; inputs are drawn where they are random.
    const fn mode(&self) -> Mode {
        match (self.choosers, self.inputs) {
            (Choosers::Inputs, Inputs::Random) => Mode::Random,
            _ => Mode::Chosen,
        }
    }
}

fn fits(what: &'static str, fit: bool, bits: u32) -> Result<(), ApiMisuse> {
    if fit {
        return Ok(());
    }
    let limit = u64::from(bits);
    Err(ApiMisuse::TooMany {
        what,
        limit,
        got: limit + 1,
    })
}

/// The client's part over a pair of set-ups.
pub struct Client {
    sender: drive::Sender,
    receiver: drive::Receiver,
}

/// The server's part over a pair of set-ups.
pub struct Server {
    sender: drive::Sender,
    receiver: drive::Receiver,
}

impl Client {
    /// Only one for a pair of set-ups.
    #[must_use]
    pub fn new(sender: &impl RcotSender, receiver: &impl RcotReceiver) -> Self {
        Self {
            sender: drive::Sender::new(sender.hash_key()),
            receiver: drive::Receiver::new(receiver.hash_key()),
        }
    }

    /// A layer with random inputs: these, and the client's share.
    ///
    /// # Errors
    /// A layer whose inputs are not random; a failing channel, a misbehaving peer, material that has run out.
    pub fn prepare(
        &mut self,
        ch: &mut Channel,
        (sender, receiver): (&mut impl RcotSender, &mut impl RcotReceiver),
        layer: &Layer<'_>,
    ) -> Result<(Vec<u64>, Vec<u64>), Error> {
        fits(
            "layers whose inputs are given, where random ones are prepared",
            layer.inputs == Inputs::Random,
            0,
        )?;
        let schedule = layer.schedule()?;
        match layer.choosers {
            Choosers::Weights => {
                let mut prg = Prg::random();
                let draw = |_| prg.next_u64() & schedule.mask();
                let inputs: Vec<u64> = (0..layer.geometry.inputs()).map(draw).collect();
                let core = sender::Sender::new(schedule, &inputs)?;
                let mode = layer.mode();
                let share = (self.sender).multiply(ch, sender, mode, core)?;
                Ok((inputs, share))
            }
            Choosers::Inputs => {
                let core = receiver::Receiver::random(schedule);
                (self.receiver).multiply(ch, receiver, layer.mode(), core)
            }
        }
    }

    /// A layer with inputs of the client's: its share.
    ///
    /// # Errors
    /// A layer whose inputs are random; another number of inputs; a failing channel, a misbehaving peer, material that has
    /// run out.
    pub fn multiply(
        &mut self,
        ch: &mut Channel,
        (sender, receiver): (&mut impl RcotSender, &mut impl RcotReceiver),
        layer: &Layer<'_>,
        inputs: &[u64],
    ) -> Result<Vec<u64>, Error> {
        fits(
            "layers whose inputs are random, where some are given",
            layer.inputs != Inputs::Random,
            0,
        )?;
        let schedule = layer.schedule()?;
        match layer.choosers {
            Choosers::Weights => {
                let core = sender::Sender::new(schedule, inputs)?;
                (self.sender).multiply(ch, sender, layer.mode(), core)
            }
            Choosers::Inputs => {
                let core = receiver::Receiver::new(schedule, inputs.to_vec())?;
                let (_, share) = (self.receiver).multiply(ch, receiver, layer.mode(), core)?;
                Ok(share)
            }
        }
    }
}

impl Server {
    /// Only one for a pair of set-ups.
    #[must_use]
    pub fn new(sender: &impl RcotSender, receiver: &impl RcotReceiver) -> Self {
        Self {
            sender: drive::Sender::new(sender.hash_key()),
            receiver: drive::Receiver::new(receiver.hash_key()),
        }
    }

    /// The server's share of a layer, whatever the client brings.
    ///
    /// # Errors
    /// A weight outside its stated width, another number of weights; a failing channel, a misbehaving peer, material that has
    /// run out.
    pub fn multiply(
        &mut self,
        ch: &mut Channel,
        (sender, receiver): (&mut impl RcotSender, &mut impl RcotReceiver),
        layer: &Layer<'_>,
        weights: &[i64],
    ) -> Result<Vec<u64>, Error> {
        self.run(ch, (sender, receiver), layer, weights, None)
    }

    /// The same where the inputs are bits that both parties hold by exclusive or: `turns` are the server's.
    ///
    /// # Errors
    /// As [`Server::multiply`]; inputs that are no bits, or do not choose; another number of bits.
    pub fn multiply_shared_bits(
        &mut self,
        ch: &mut Channel,
        (sender, receiver): (&mut impl RcotSender, &mut impl RcotReceiver),
        layer: &Layer<'_>,
        weights: &[i64],
        turns: &[bool],
    ) -> Result<Vec<u64>, Error> {
        let choosing = layer.choosers == Choosers::Inputs;
        fits(
            "layers whose weights choose, where input bits are shared",
            choosing,
            0,
        )?;
        self.run(ch, (sender, receiver), layer, weights, Some(turns))
    }

    fn run(
        &mut self,
        ch: &mut Channel,
        (sender, receiver): (&mut impl RcotSender, &mut impl RcotReceiver),
        layer: &Layer<'_>,
        weights: &[i64],
        turns: Option<&[bool]>,
    ) -> Result<Vec<u64>, Error> {
        let schedule = layer.schedule()?;
        let width = layer.weight_bits.min(layer.ring.bits());
        // All weights are looked at, whichever does not fit.
        let spare = u64::BITS - width;
        let outside = weights
            .iter()
            .fold(0, |or, &w| or | (w ^ (w << spare >> spare)));
        fits(
            "bits of a weight",
            outside == 0 || width == layer.ring.bits(),
            width,
        )?;
        let weights = weights.iter().map(|w| w.cast_unsigned()).collect();
        match layer.choosers {
            Choosers::Weights => {
                let core = receiver::Receiver::new(schedule, weights)?;
                let (_, share) = (self.receiver).multiply(ch, receiver, layer.mode(), core)?;
                Ok(share)
            }
            Choosers::Inputs => {
                let weights = zeroize::Zeroizing::new(weights);
                let core = match turns {
                    None => sender::Sender::new(schedule, &weights)?,
                    Some(turns) => sender::Sender::with_turns(schedule, &weights, turns)?,
                };
                (self.sender).multiply(ch, sender, layer.mode(), core)
            }
        }
    }
}
