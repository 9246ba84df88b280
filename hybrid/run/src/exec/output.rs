//! Opening the answer: one bit per wire travels, the client alone decodes.

use privet_plan::BufferId;

use super::{Executor, Worker};
use crate::error::RunError;
use crate::seat::Seat;

impl Executor<'_> {
    /// The opened bits on the client's side, nothing on the server's.
    pub(crate) fn output<S: Seat>(
        &mut self,
        worker: &mut Worker<'_, S>,
        from: BufferId,
    ) -> Result<Option<Vec<bool>>, RunError> {
        if self
            .plan
            .buffers
            .get(from.0 as usize)
            .is_some_and(|b| b.labels() == 0)
        {
            // One class only: there is nothing to open.
            return Ok(self.model.is_none().then(Vec::new));
        }
        let own: Vec<bool> = self
            .labels(from)?
            .iter()
            .map(|label| label.colour())
            .collect();
        let mut packed = vec![0u8; own.len().div_ceil(8)];
        if self.model.is_some() {
            for (byte, bits) in packed.iter_mut().zip(own.chunks(8)) {
                *byte = bits
                    .iter()
                    .enumerate()
                    .fold(0, |byte, (i, bit)| byte | (u8::from(*bit) << i));
            }
            worker.channel.send(&packed)?;
            worker.channel.flush()?;
            return Ok(None);
        }
        worker.channel.recv(&mut packed)?;
        // Zero label's colour XOR active label's colour is the value, whoever holds which.
        let opened = own
            .iter()
            .enumerate()
            .map(|(i, bit)| {
                bit ^ packed
                    .get(i / 8)
                    .is_some_and(|byte| (byte >> (i % 8)) & 1 == 1)
            })
            .collect();
        Ok(Some(opened))
    }
}
