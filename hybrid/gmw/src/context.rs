//! A party at work: its channel, its material, its choices of shape and batch.

use privet_net::Channel;
use privet_plan::compare::Shape;
use privet_plan::cost::gmw::{Demand, OpCost};
use privet_prim::Prg;
use privet_ring::Party;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::flights::Flights;
use crate::material::Material;
use crate::source::Source;

/// Elements of one batch unless the plan says otherwise: a multiple of 64.
pub const CHUNK: usize = 1 << 15;

/// Party `P` with a channel and a source of material. Both parties call the same operations on the same sizes in the same order,
/// with the same shape and chunk.
pub struct Context<'a, P: Party> {
    ch: &'a mut Channel,
    source: &'a mut dyn Source<P>,
    prg: Prg,
    shape: Shape,
    chunk: usize,
}

impl<'a, P: Party> Context<'a, P> {
    /// With the default shape and chunk.
    #[must_use]
    pub fn new(ch: &'a mut Channel, source: &'a mut dyn Source<P>) -> Self {
        Self {
            ch,
            source,
            prg: Prg::random(),
            shape: Shape::FEW_TRANSFERS,
            chunk: CHUNK,
        }
    }

    /// With another comparison.
    #[must_use]
    pub const fn with_shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    /// With batches of so many elements, rounded up to a multiple of 64: memory grows with it, delays shrink.
    #[must_use]
    pub const fn with_chunk(mut self, chunk: usize) -> Self {
        let chunk = if chunk == 0 { 64 } else { chunk };
        self.chunk = chunk.div_ceil(64).saturating_mul(64);
        self
    }

    /// The channel, between operations.
    pub const fn channel(&mut self) -> &mut Channel {
        self.ch
    }

    /// Makes sure of the material for an operation.
    ///
    /// # Errors
    /// There is too little and no more can be made.
    pub fn ready(&mut self, demand: &Demand) -> Result<(), Error> {
        self.source.ready(self.ch, demand)
    }

    /// How comparisons are made.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Elements of a batch.
    #[must_use]
    pub const fn chunk(&self) -> usize {
        self.chunk
    }

    /// Makes sure of the material, and gives access to it and to randomness.
    pub(crate) fn start(&mut self, cost: &OpCost) -> Result<(&mut Material<P>, &mut Prg), Error> {
        self.source.ready(self.ch, &cost.demand)?;
        Ok((self.source.material(), &mut self.prg))
    }

    /// Runs a protocol to its end.
    pub(crate) fn run(&mut self, core: &mut dyn Flights) -> Result<(), Error> {
        let mut out = Zeroizing::new(Vec::new());
        while !core.done() {
            out.clear();
            let expected = core.send(&mut out)?;
            self.ch.send(&out)?;
            self.ch.flush()?;
            core.receive(self.ch.recv_slice(expected)?)?;
            self.ch.progress();
        }
        Ok(())
    }
}
