//! Steps that only rename labels.

use privet_plan::{Source, WireStep, WireWords};
use privet_prim::Block;

use super::Executor;
use crate::error::RunError;
use crate::seat::Seat;

impl Executor<'_> {
    pub(crate) fn wire<S: Seat>(&mut self, seat: &S, step: &WireStep) -> Result<(), RunError> {
        let mut out = self.take_buffer(step.out)?;
        let width = self.word_bits(step.out)?.max(1);
        for (element, word) in out.chunks_exact_mut(width).enumerate() {
            let source = match &step.words {
                WireWords::Same(buffer) => Source::Word {
                    buffer: *buffer,
                    element: u32::try_from(element)
                        .map_err(|_| RunError::Contradiction("a buffer is too long"))?,
                },
                WireWords::Each(words) => *words
                    .get(element)
                    .ok_or(RunError::Contradiction("a wire step has too few words"))?,
            };
            match source {
                Source::Constant(value) => {
                    for (bit, label) in word.iter_mut().enumerate() {
                        *label = seat.constant((value >> bit.min(63)) & 1 == 1);
                    }
                }
                Source::Word { buffer, element } => {
                    let from = self.word(buffer, element)?;
                    for (bit, label) in (0u32..).zip(word.iter_mut()) {
                        let width = u32::try_from(from.len())
                            .map_err(|_| RunError::Contradiction("a word is too wide"))?;
                        *label = match step.bits.source(bit, width) {
                            None => seat.constant(false),
                            Some(at) => *from
                                .get(at as usize)
                                .ok_or(RunError::Contradiction("a word is too narrow"))?,
                        };
                    }
                }
            }
        }
        self.put_buffer(step.out, out);
        Ok(())
    }

    /// One word of a buffer.
    pub(crate) fn word(
        &self,
        buffer: privet_plan::BufferId,
        element: u32,
    ) -> Result<&[Block], RunError> {
        let bits = self.word_bits(buffer)?;
        let start = element as usize * bits;
        self.labels(buffer)?
            .get(start..start + bits)
            .ok_or(RunError::Contradiction("a word outside its buffer"))
    }
}
