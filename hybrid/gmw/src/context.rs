//! A party at work: its channel, its material, its choices of shape and batch.

use std::collections::VecDeque;

use privet_net::Channel;
use privet_plan::compare::Shape;
use privet_plan::cost::gmw::{Demand, OpCost, SIDE_BY_SIDE};
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

    /// With batches of so many elements, rounded up to a multiple of 64: memory grows with it, delays shrink. [`SIDE_BY_SIDE`] of them
    /// are under way at once.
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

    /// Makes sure of the material of batches, begins each, runs them side by side, and ends each: in the order in which they came, if
    /// all take as many flights.
    ///
    /// Of [`SIDE_BY_SIDE`] batches each sends its message, then the first one takes the peer's and sends its next one at once, then
    /// the second one: while one waits, others are on the link or under work, and all of them together wait as often as one. A
    /// batch that is done makes room for the next one.
    ///
    /// Neither party waits for ever: a party that waits to send takes what arrives aside, and no more arrives than a message of each
    /// batch and the next one of those whose message the peer has, whatever the sizes; see [`Channel`].
    pub(crate) fn side_by_side<B, C: Flights>(
        &mut self,
        cost: &OpCost,
        batches: impl IntoIterator<Item = B>,
        begin: impl Fn(B, &mut Material<P>, &mut Prg) -> Result<C, Error>,
        mut end: impl FnMut(C) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.source.ready(self.ch, &cost.demand)?;
        let mut batches = batches.into_iter();
        let mut under_way = VecDeque::with_capacity(SIDE_BY_SIDE);
        let mut out = Zeroizing::new(Vec::new());
        loop {
            while under_way.len() < SIDE_BY_SIDE
                && let Some(batch) = batches.next()
            {
                let mut core = begin(batch, self.source.material(), &mut self.prg)?;
                if core.done() {
                    end(core)?;
                } else {
                    let expected = flight(self.ch, &mut core, &mut out)?;
                    under_way.push_back((core, expected));
                }
            }
            let Some((mut core, expected)) = under_way.pop_front() else {
                return Ok(());
            };
            core.receive(self.ch.recv_slice(expected)?)?;
            self.ch.progress();
            if core.done() {
                end(core)?;
            } else {
                let expected = flight(self.ch, &mut core, &mut out)?;
                under_way.push_back((core, expected));
            }
        }
    }

    /// Runs one protocol that takes no material to its end.
    pub(crate) fn run<C: Flights>(&mut self, core: C) -> Result<Option<C>, Error> {
        let mut done = None;
        let end = |core| {
            done = Some(core);
            Ok(())
        };
        self.side_by_side(&OpCost::default(), [core], |core, _, _| Ok(core), end)?;
        Ok(done)
    }
}

/// Sends a protocol's next message; the bytes of the peer's.
fn flight(
    ch: &mut Channel,
    core: &mut impl Flights,
    out: &mut Zeroizing<Vec<u8>>,
) -> Result<usize, Error> {
    out.clear();
    let expected = core.send(out)?;
    ch.send(out)?;
    ch.flush()?;
    Ok(expected)
}
