//! Where an inference takes its material from: made before its input was known, or in its course.

use privet_net::Channel;
use privet_plan::{ShareLinear, Step};
use zeroize::Zeroizing;

use super::bits::Bits;
use super::fresh::Fresh;
use super::material::{Material, Parts};
use super::words::Words;
use crate::error::RunError;

/// One inference's material.
pub(crate) struct Supply<'s> {
    source: Source<'s>,
    /// For bits: all that is left, or that of the step at hand.
    pub(super) bits: Bits,
}

enum Source<'s> {
    Made(Parts),
    Fresh(Box<Fresh<'s>>),
}

impl<'s> Supply<'s> {
    /// Made before.
    pub(crate) fn made(material: Material) -> Self {
        let (parts, bits) = material.into_parts();
        let source = Source::Made(parts);
        Self { source, bits }
    }

    /// Made as it is asked for.
    pub(crate) fn fresh(fresh: Fresh<'s>) -> Self {
        let bits = fresh.none();
        let source = Source::Fresh(Box::new(fresh));
        Self { source, bits }
    }

    /// Sees to the material for bits of a step.
    pub(super) fn provide(&mut self, channel: &mut Channel, step: &Step) -> Result<(), RunError> {
        match &mut self.source {
            Source::Fresh(fresh) if !step.demand.is_empty() => {
                self.bits = fresh.bits(channel, &step.demand)?;
            }
            Source::Fresh(_) | Source::Made(_) => {}
        }
        Ok(())
    }

    /// The client's mask, on its side; what is made online has none.
    pub(super) fn mask(&mut self) -> Result<Zeroizing<Vec<u64>>, RunError> {
        match &mut self.source {
            Source::Made(parts) => parts.mask(),
            Source::Fresh(_) => Err(RunError::Contradiction("a mask where nothing is prepared")),
        }
    }

    /// A party's share of the products of a layer with the client's share of what it reads: `input`, which is a mask where they were made
    /// before. The server's own is not looked at.
    pub(super) fn products(
        &mut self,
        channel: &mut Channel,
        linear: &ShareLinear,
        input: &Words,
    ) -> Result<Zeroizing<Vec<u64>>, RunError> {
        match &mut self.source {
            Source::Made(parts) => parts.shares(),
            Source::Fresh(fresh) => fresh.products(channel, linear, input),
        }
    }
}
