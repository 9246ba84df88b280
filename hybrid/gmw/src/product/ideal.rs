//! The functionality itself: what the protocol is held to. The sender's operands travel in the clear, so **it hides nothing**.

use privet_net::Channel;
use privet_ot::Error;
use privet_prim::{Block, Prg};

use super::drive::Mode;
use super::schedule::Schedule;
use super::sender::length;

/// One end; both are made from the same seed.
pub struct End(Prg);

impl End {
    /// The end of the dealer with this seed.
    #[must_use]
    pub fn new(seed: Block) -> Self {
        Self(Prg::new(seed))
    }

    fn words(&mut self, n: usize, mask: u64) -> Vec<u64> {
        (0..n).map(|_| self.0.next_u64() & mask).collect()
    }

    /// The sender's share: uniform.
    ///
    /// # Errors
    /// Another number of operands than the schedule's, or a failing channel.
    pub fn send(
        &mut self,
        ch: &mut Channel,
        schedule: &Schedule<'_>,
        operands: &[u64],
    ) -> Result<Vec<u64>, Error> {
        length("operands of a product", schedule.operands(), operands.len())?;
        self.words(schedule.choosers(), u64::MAX);
        for operand in operands {
            ch.send(&operand.to_le_bytes())?;
        }
        ch.flush()?;
        Ok(self.words(schedule.geometry().outputs(), schedule.mask()))
    }

    /// The choosers, the given ones or uniform ones, and the receiver's share.
    ///
    /// # Errors
    /// Another number of choosers than the schedule's, or a failing channel.
    pub fn receive(
        &mut self,
        ch: &mut Channel,
        mode: Mode,
        schedule: &Schedule<'_>,
        choosers: Vec<u64>,
    ) -> Result<(Vec<u64>, Vec<u64>), Error> {
        length("choosers of a product", schedule.choosers(), choosers.len())?;
        let drawn = self.words(schedule.choosers(), u64::MAX);
        let choosers: Vec<u64> = match mode {
            Mode::Chosen => choosers,
            Mode::Random => drawn,
        };
        let choosers: Vec<u64> = choosers.iter().map(|c| schedule.extend(*c)).collect();
        let mut operands = vec![0; schedule.operands()];
        for operand in &mut operands {
            let mut bytes = [0; 8];
            ch.recv(&mut bytes)?;
            *operand = u64::from_le_bytes(bytes);
        }
        let mut share = self.words(schedule.geometry().outputs(), schedule.mask());
        share.iter_mut().for_each(|z| *z = z.wrapping_neg());
        let mut uses = Vec::new();
        for (index, chooser) in choosers.iter().enumerate() {
            schedule.uses(index, &mut uses);
            for at in &uses {
                if let (Some(z), Some(x)) = (share.get_mut(at.output), operands.get(at.partner)) {
                    *z = z.wrapping_add(x.wrapping_mul(*chooser));
                }
            }
        }
        share.iter_mut().for_each(|z| *z &= schedule.mask());
        Ok((choosers, share))
    }
}
