//! The garbler: zero-labels in, tables and zero-labels out.
//!
//! - Functionality: for each gate of each instance, the ciphertexts from which the evaluator gets
//!   the active label of the gate's value.
//! - Secure against: a semi-honest evaluator; computational, under the hash of `privet-prim`.
//! - From: ZRE15 (eprint 2014/756). Differs: see [`crate::program`] for bits known to one party.
//! - Cost: [`Program::table_bytes`], one message, garbler → evaluator; 4 hashes for an AND.

use std::fmt;

use privet_prim::halfgate::Batch;
use privet_prim::kernels::Kernels;
use privet_prim::{Block, Delta, Lines, Tccr, Tweak};

use crate::outputs::collect;
use crate::{Cut, Error, Program};

/// Garbles with one Δ and one hash; its working memory serves every batch.
pub struct Garbler {
    delta: Delta,
    tccr: Tccr,
    slots: Lines,
}

impl Garbler {
    /// A garbler for the session with this hash secret, which both parties know and which serves
    /// garbling only. Δ and secret are fresh for every session.
    #[must_use]
    pub fn new(delta: Delta, session_secret: Block) -> Self {
        Self {
            delta,
            tccr: Tccr::new(session_secret),
            slots: Lines::new(),
        }
    }

    /// The same with a kernel of the caller's choice, for comparisons.
    #[must_use]
    pub fn with_kernels(kernels: &'static Kernels, delta: Delta, session_secret: Block) -> Self {
        let tccr = Tccr::with_kernels(kernels, session_secret);
        Self {
            delta,
            tccr,
            slots: Lines::new(),
        }
    }

    /// The offset of the labels.
    #[must_use]
    pub const fn delta(&self) -> &Delta {
        &self.delta
    }

    /// Garbles `lanes` instances at once.
    ///
    /// `inputs` are the garbler's blocks `[input bit][lane]` (see [`crate::program`]), `outputs`
    /// receives the zero-labels `[output bit][lane]`, `tables` has [`Program::table_bytes`]. The
    /// tweaks `tweak_base .. tweak_base + lanes · tables_per_instance` must never be used again in
    /// this session.
    ///
    /// # Errors
    /// [`Error::Buffers`] for buffers of other lengths and for tweaks past 2^64.
    pub fn garble(
        &mut self,
        program: &Program,
        tweak_base: u64,
        lanes: usize,
        inputs: &[Block],
        outputs: &mut [Block],
        tables: &mut [u8],
    ) -> Result<(), Error> {
        program.check(lanes, inputs.len(), outputs.len(), tables.len())?;
        let steps = &program.garbler.steps;
        self.slots.resize(steps.slots() * lanes);
        let tweak = Tweak(tweak_base);
        let batch = Batch {
            tweak,
            lanes,
            inputs,
            slots: &mut self.slots,
        };
        steps.garble(&self.tccr, &self.delta, &steps.whole(), batch, tables)?;
        collect(
            &program.garbler,
            self.delta.block(),
            lanes,
            inputs,
            &self.slots,
            outputs,
        )
    }

    /// Begins to garble `cut.lanes()` instances part by part; otherwise as [`Garbler::garble`].
    ///
    /// # Errors
    /// [`Error::Buffers`] if `inputs` has another length.
    pub fn begin<'a>(
        &'a mut self,
        program: &'a Program,
        cut: &'a Cut,
        tweak_base: u64,
        inputs: &'a [Block],
    ) -> Result<Garbling<'a>, Error> {
        Error::length(
            "blocks of inputs",
            program.inputs().saturating_mul(cut.lanes),
            inputs.len(),
        )?;
        self.slots.resize(program.garbler.steps.slots() * cut.lanes);
        Ok(Garbling {
            garbler: self,
            program,
            cut,
            tweak: Tweak(tweak_base),
            inputs,
            done: 0,
        })
    }
}

impl fmt::Debug for Garbler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Garbler(secret)")
    }
}

/// A batch whose tables leave part by part.
#[derive(Debug)]
pub struct Garbling<'a> {
    garbler: &'a mut Garbler,
    program: &'a Program,
    cut: &'a Cut,
    tweak: Tweak,
    inputs: &'a [Block],
    done: usize,
}

impl Garbling<'_> {
    /// Bytes of the next part; `None` after the last.
    #[must_use]
    pub fn next_bytes(&self) -> Option<usize> {
        let (part, _) = self.cut.parts.get(self.done)?;
        Some(16 * self.cut.lanes * part.ciphertexts())
    }

    /// Garbles the next part into `tables`, which has [`Garbling::next_bytes`].
    ///
    /// # Errors
    /// [`Error::Finished`] after the last part, [`Error::Buffers`] for another length.
    pub fn garble_next(&mut self, tables: &mut [u8]) -> Result<(), Error> {
        let (part, _) = self.cut.parts.get(self.done).ok_or(Error::Finished)?;
        let Garbler { delta, tccr, slots } = &mut *self.garbler;
        let batch = Batch {
            tweak: self.tweak,
            lanes: self.cut.lanes,
            inputs: self.inputs,
            slots,
        };
        self.program
            .garbler
            .steps
            .garble(tccr, delta, part, batch, tables)?;
        self.done += 1;
        Ok(())
    }

    /// Writes the outputs' zero-labels `[output bit][lane]`.
    ///
    /// # Errors
    /// [`Error::Unfinished`] before the last part, [`Error::Buffers`] for another length.
    pub fn finish(self, outputs: &mut [Block]) -> Result<(), Error> {
        let left = self.cut.parts.len() - self.done;
        if left > 0 {
            return Err(Error::Unfinished { left });
        }
        let (lanes, slots) = (self.cut.lanes, &self.garbler.slots);
        let delta = self.garbler.delta.block();
        collect(
            &self.program.garbler,
            delta,
            lanes,
            self.inputs,
            slots,
            outputs,
        )
    }
}
