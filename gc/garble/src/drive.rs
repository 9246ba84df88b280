//! Many instances of one program over a channel, batch after batch.
//!
//! - Functionality: the garbler's `store` gets the zero-labels of every instance's outputs, the
//!   evaluator's the active labels.
//! - Secure against: a semi-honest party on either side; as [`crate::program`] argues.
//! - From: ZRE15 (eprint 2014/756).
//! - Cost: [`Program::table_bytes`] of all instances, garbler → evaluator, one flight; largest volume
//!   in flight: what the channel buffers. Memory: the blocks of one batch.
//!
//! Input labels, where they do not follow from the class alone, go their own way before: by
//! correlated OT, or as [`labels::active_labels`](crate::labels::active_labels).

use std::ops::Range;

use privet_net::Channel;
use privet_prim::{Block, Lines};

use crate::{Cut, Error, Evaluator, Garbler, Program};

/// Bytes of tables made in one go: they stay in the second-level cache between garbling and sending.
const PART: usize = 64 << 10;

/// What both parties agree on before a stream.
#[derive(Clone, Copy, Debug)]
pub struct Stream<'a> {
    /// What every instance runs.
    pub program: &'a Program,
    /// First tweak; `instances · tables_per_instance` tweaks are used up.
    pub tweak_base: u64,
    /// How many instances.
    pub instances: usize,
    /// Instances side by side, 1 to 4096; multiples of 16 are fastest, 16 to 64 fit the caches.
    pub lanes: usize,
}

/// The instances of a batch and their first tweak.
struct Batch {
    instances: Range<usize>,
    tweak: u64,
}

impl Stream<'_> {
    fn batches(&self) -> impl Iterator<Item = Batch> {
        let lanes = self.lanes.max(1);
        let per_instance = self.program.tables_per_instance() as u64;
        (0..self.instances).step_by(lanes).map(move |first| Batch {
            instances: first..self.instances.min(first.saturating_add(lanes)),
            tweak: self.tweak_base.wrapping_add(first as u64 * per_instance),
        })
    }

    /// The whole range of tweaks and the lanes must be such that no batch can fail half-way.
    fn check(&self) -> Result<(), Error> {
        let count = self.instances as u128 * self.program.tables_per_instance() as u128;
        if u128::from(self.tweak_base) + count > u128::from(u64::MAX) {
            return Err(privet_prim::Error::TweakRange {
                base: self.tweak_base,
                count,
            }
            .into());
        }
        Error::length(
            "lanes of a stream, 1 to 4096",
            self.lanes.clamp(1, 4096),
            self.lanes,
        )
    }
}

/// Buffers of a party's batches.
struct Buffers {
    inputs: Lines,
    outputs: Lines,
    cut: Cut,
}

impl Buffers {
    fn new(stream: &Stream<'_>) -> Self {
        let cut = stream.program.cut(stream.lanes, PART);
        Self {
            inputs: Lines::new(),
            outputs: Lines::new(),
            cut,
        }
    }

    /// Fits the buffers to a batch; the last one may have fewer lanes.
    fn fit(&mut self, program: &Program, lanes: usize) {
        if self.cut.lanes() != lanes {
            self.cut = program.cut(lanes, PART);
        }
        self.inputs.resize(program.inputs() * lanes);
        self.outputs.resize(program.outputs() * lanes);
    }
}

/// Garbles all instances of a stream and sends their tables.
///
/// `load` writes the garbler's input blocks of a range of instances, `[input bit][instance]`; `store`
/// gets their outputs' zero-labels in the same form. The last frame is flushed.
///
/// # Errors
/// [`Error::Net`] of the channel, [`Error::Buffers`] for tweaks past 2^64 or lanes out of range, and
/// whatever `load` and `store` return.
pub fn garble_stream(
    channel: &mut Channel,
    garbler: &mut Garbler,
    stream: &Stream<'_>,
    mut load: impl FnMut(Range<usize>, &mut [Block]) -> Result<(), Error>,
    mut store: impl FnMut(Range<usize>, &[Block]) -> Result<(), Error>,
) -> Result<(), Error> {
    stream.check()?;
    let mut buffers = Buffers::new(stream);
    for Batch { instances, tweak } in stream.batches() {
        buffers.fit(stream.program, instances.len());
        load(instances.clone(), &mut buffers.inputs)?;
        let mut garbling = garbler.begin(stream.program, &buffers.cut, tweak, &buffers.inputs)?;
        while let Some(bytes) = garbling.next_bytes() {
            garbling.garble_next(channel.frame_mut(bytes)?)?;
        }
        garbling.finish(&mut buffers.outputs)?;
        store(instances, &buffers.outputs)?;
    }
    channel.flush()?;
    Ok(())
}

/// Receives the tables of a stream and evaluates all instances.
///
/// `load` writes the evaluator's input blocks of a range of instances, `[input bit][instance]`;
/// `store` gets their outputs' active labels in the same form.
///
/// # Errors
/// As [`garble_stream`].
pub fn evaluate_stream(
    channel: &mut Channel,
    evaluator: &mut Evaluator,
    stream: &Stream<'_>,
    mut load: impl FnMut(Range<usize>, &mut [Block]) -> Result<(), Error>,
    mut store: impl FnMut(Range<usize>, &[Block]) -> Result<(), Error>,
) -> Result<(), Error> {
    stream.check()?;
    let mut buffers = Buffers::new(stream);
    for Batch { instances, tweak } in stream.batches() {
        buffers.fit(stream.program, instances.len());
        load(instances.clone(), &mut buffers.inputs)?;
        let (cut, inputs) = (&buffers.cut, &buffers.inputs);
        let mut evaluation = evaluator.begin(stream.program, cut, tweak, inputs)?;
        while let Some(bytes) = evaluation.next_bytes() {
            evaluation.evaluate_next(channel.recv_slice(bytes)?)?;
        }
        evaluation.finish(&mut buffers.outputs)?;
        store(instances, &buffers.outputs)?;
    }
    Ok(())
}
