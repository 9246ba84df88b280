//! The evaluator: active labels and tables in, active labels out.
//!
//! - Functionality: the active label of every output, and nothing else.
//! - Secure against: it receives only; a semi-honest garbler learns nothing from it.
//! - From: ZRE15 (eprint 2014/756). Differs: see [`crate::program`] for bits known to one party.
//! - Cost: [`Program::table_bytes`] received; 2 hashes for an AND.

use std::fmt;

use privet_prim::halfgate::Batch;
use privet_prim::kernels::Kernels;
use privet_prim::{Block, Lines, Tccr, Tweak};

use crate::outputs::collect;
use crate::{Cut, Error, Program};

/// Evaluates with one hash; its working memory serves every batch.
pub struct Evaluator {
    tccr: Tccr,
    slots: Lines,
}

impl Evaluator {
    /// An evaluator for the session with this hash secret, the garbler's.
    #[must_use]
    pub fn new(session_secret: Block) -> Self {
        Self {
            tccr: Tccr::new(session_secret),
            slots: Lines::new(),
        }
    }

    /// The same with a kernel of the caller's choice, for comparisons.
    #[must_use]
    pub const fn with_kernels(kernels: &'static Kernels, session_secret: Block) -> Self {
        Self {
            tccr: Tccr::with_kernels(kernels, session_secret),
            slots: Lines::new(),
        }
    }

    /// Evaluates `lanes` instances at once.
    ///
    /// `inputs` are the evaluator's blocks `[input bit][lane]` (see [`crate::program`]; those of
    /// class `Garbler` are not read), `outputs` receives the active labels `[output bit][lane]`,
    /// `tables` and `tweak_base` are the garbler's. Any bytes will do for `tables`: wrong ones give
    /// wrong labels.
    ///
    /// # Errors
    /// [`Error::Buffers`] for buffers of other lengths and for tweaks past 2^64.
    pub fn evaluate(
        &mut self,
        program: &Program,
        tweak_base: u64,
        lanes: usize,
        inputs: &[Block],
        outputs: &mut [Block],
        tables: &[u8],
    ) -> Result<(), Error> {
        program.check(lanes, inputs.len(), outputs.len(), tables.len())?;
        let steps = &program.evaluator.steps;
        self.slots.resize(steps.slots() * lanes);
        let tweak = Tweak(tweak_base);
        let batch = Batch {
            tweak,
            lanes,
            inputs,
            slots: &mut self.slots,
        };
        steps.evaluate(&self.tccr, &steps.whole(), batch, tables)?;
        collect(
            &program.evaluator,
            Block::ZERO,
            lanes,
            inputs,
            &self.slots,
            outputs,
        )
    }

    /// Begins to evaluate `cut.lanes()` instances part by part; otherwise as
    /// [`Evaluator::evaluate`]. The garbler's cut must be the same.
    ///
    /// # Errors
    /// [`Error::Buffers`] if `inputs` has another length.
    pub fn begin<'a>(
        &'a mut self,
        program: &'a Program,
        cut: &'a Cut,
        tweak_base: u64,
        inputs: &'a [Block],
    ) -> Result<Evaluation<'a>, Error> {
        Error::length(
            "blocks of inputs",
            program.inputs().saturating_mul(cut.lanes),
            inputs.len(),
        )?;
        self.slots
            .resize(program.evaluator.steps.slots() * cut.lanes);
        Ok(Evaluation {
            evaluator: self,
            program,
            cut,
            tweak: Tweak(tweak_base),
            inputs,
            done: 0,
        })
    }
}

impl fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Evaluator(secret)")
    }
}

/// A batch whose tables arrive part by part.
#[derive(Debug)]
pub struct Evaluation<'a> {
    evaluator: &'a mut Evaluator,
    program: &'a Program,
    cut: &'a Cut,
    tweak: Tweak,
    inputs: &'a [Block],
    done: usize,
}

impl Evaluation<'_> {
    /// Bytes of the next part; `None` after the last.
    #[must_use]
    pub fn next_bytes(&self) -> Option<usize> {
        let (_, part) = self.cut.parts.get(self.done)?;
        Some(16 * self.cut.lanes * part.ciphertexts())
    }

    /// Evaluates the next part from `tables`, which has [`Evaluation::next_bytes`].
    ///
    /// # Errors
    /// [`Error::Finished`] after the last part, [`Error::Buffers`] for another length.
    pub fn evaluate_next(&mut self, tables: &[u8]) -> Result<(), Error> {
        let (_, part) = self.cut.parts.get(self.done).ok_or(Error::Finished)?;
        let Evaluator { tccr, slots } = &mut *self.evaluator;
        let batch = Batch {
            tweak: self.tweak,
            lanes: self.cut.lanes,
            inputs: self.inputs,
            slots,
        };
        self.program
            .evaluator
            .steps
            .evaluate(tccr, part, batch, tables)?;
        self.done += 1;
        Ok(())
    }

    /// Writes the outputs' active labels `[output bit][lane]`.
    ///
    /// # Errors
    /// [`Error::Unfinished`] before the last part, [`Error::Buffers`] for another length.
    pub fn finish(self, outputs: &mut [Block]) -> Result<(), Error> {
        let left = self.cut.parts.len() - self.done;
        if left > 0 {
            return Err(Error::Unfinished { left });
        }
        let (lanes, slots) = (self.cut.lanes, &self.evaluator.slots);
        collect(
            &self.program.evaluator,
            Block::ZERO,
            lanes,
            self.inputs,
            slots,
            outputs,
        )
    }
}
