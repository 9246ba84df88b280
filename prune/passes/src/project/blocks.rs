//! Samples that come block by block.

use ndarray::{ArrayRef2, Axis};

use crate::data::Dataset;
use crate::error::Error;

/// Rows of a block.
const ROWS: usize = 256;

/// Samples that can be gone through several times without being held at once.
pub trait Blocks {
    /// Values per sample.
    fn features(&self) -> usize;

    /// Goes through all samples once, some rows `[samples, features]` at a time.
    ///
    /// # Errors
    /// Those of the source, and the first that `take` returns.
    fn visit(
        &mut self,
        take: &mut dyn FnMut(&ArrayRef2<f32>) -> Result<(), Error>,
    ) -> Result<(), Error>;
}

/// The blocks of a data set in memory.
#[derive(Debug)]
pub struct InMemory<'a> {
    data: &'a Dataset,
}

impl<'a> InMemory<'a> {
    /// Blocks of this data set.
    #[must_use]
    pub const fn new(data: &'a Dataset) -> Self {
        Self { data }
    }
}

impl Blocks for InMemory<'_> {
    fn features(&self) -> usize {
        self.data.features()
    }

    fn visit(
        &mut self,
        take: &mut dyn FnMut(&ArrayRef2<f32>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let samples = self.data.samples();
        samples
            .axis_chunks_iter(Axis(0), ROWS)
            .try_for_each(|block| take(&block))
    }
}
