//! The receiver: its choosers, whose bits are the choices.

#![expect(
    clippy::indexing_slicing,
    reason = "outputs come from the geometry, choosers and MACs are cut by the schedule and were counted"
)]

use std::ops::Range;

use privet_ot::derandomise::msgs::Flips;
use privet_ot::tweaks::Hasher;
use privet_ot::{ApiMisuse, Error};
use privet_prim::Block;
use privet_ring::linear::Use;
use zeroize::{Zeroize, Zeroizing};

use super::masks::{Slot, expand};
use super::msgs::{Fields, Reader};
use super::schedule::{Piece, Schedule};
use super::sender::length;

/// The receiver's state while messages come.
pub struct Receiver<'a> {
    schedule: Schedule<'a>,
    choosers: Vec<u64>,
    share: Vec<u64>,
    reader: Reader,
    uses: Vec<Use>,
    scratch: Zeroizing<Vec<Block>>,
}

impl<'a> Receiver<'a> {
    /// Choosers of the caller's; bits from the schedule's width on do not count.
    ///
    /// # Errors
    /// Another number of choosers than the schedule's.
    pub fn new(schedule: Schedule<'a>, choosers: Vec<u64>) -> Result<Self, ApiMisuse> {
        length("choosers of a product", schedule.choosers(), choosers.len())?;
        Ok(Self::begin(schedule, choosers))
    }

    /// Random choosers, still to be drawn by the transfers.
    #[must_use]
    pub fn random(schedule: Schedule<'a>) -> Self {
        Self::begin(schedule, vec![0; schedule.choosers()])
    }

    fn begin(schedule: Schedule<'a>, choosers: Vec<u64>) -> Self {
        Self {
            schedule,
            choosers,
            share: vec![0; schedule.geometry().outputs()],
            reader: Reader::default(),
            uses: Vec::new(),
            scratch: Zeroizing::default(),
        }
    }

    /// Sets a batch's choosers to what its MACs' colours say.
    ///
    /// # Errors
    /// Another number of MACs than the batch has transfers.
    pub fn draw(&mut self, batch: &Range<usize>, macs: &[Block]) -> Result<(), ApiMisuse> {
        length(
            "MACs of a batch",
            self.schedule.transfers(batch),
            macs.len(),
        )?;
        let bits = macs.chunks_exact(self.schedule.bits() as usize);
        for (chooser, macs) in self.choosers[batch.clone()].iter_mut().zip(bits) {
            let word = macs
                .iter()
                .rev()
                .fold(0, |word, mac| word << 1 | u64::from(mac.colour()));
            *chooser = self.schedule.extend(word);
        }
        Ok(())
    }

    /// What turns a batch's random choices into the choosers' bits.
    ///
    /// # Errors
    /// Another number of MACs than the batch has transfers.
    pub fn flips(&self, batch: &Range<usize>, macs: &[Block]) -> Result<Flips, ApiMisuse> {
        length(
            "MACs of a batch",
            self.schedule.transfers(batch),
            macs.len(),
        )?;
        let bits = self.schedule.bits();
        let choices: Zeroizing<Vec<bool>> = Zeroizing::new(
            self.choosers[batch.clone()]
                .iter()
                .flat_map(|chooser| (0..bits).map(move |bit| chooser >> bit & 1 == 1))
                .collect(),
        );
        Flips::new(&choices, macs)
    }

    /// The transfers of the product.
    #[must_use]
    pub const fn schedule(&self) -> Schedule<'a> {
        self.schedule
    }

    /// Bytes of a piece's messages that have not come yet.
    #[must_use]
    pub fn needs(&self, piece: &Piece) -> usize {
        self.reader.needs(piece.bits)
    }

    /// Uses up the MACs of a piece and takes its messages in.
    ///
    /// # Errors
    /// Another number of MACs than transfers, messages of another length, or no hash index left.
    pub fn receive_piece(
        &mut self,
        piece: &Piece,
        hasher: &mut Hasher,
        macs: &mut [Block],
        bytes: &[u8],
    ) -> Result<(), Error> {
        length("MACs of a piece", piece.transfers, macs.len())?;
        hasher.hash_macs(macs)?;
        let mut reader = std::mem::take(&mut self.reader);
        let mut fields = reader.fields(piece.bits, bytes)?;
        let mut chooser = usize::MAX;
        for (index, hash) in macs.iter().enumerate() {
            let (next, bit) = self.schedule.place(piece.first + index);
            if next != chooser {
                self.schedule.uses(next, &mut self.uses);
                chooser = next;
            }
            let choice = self.choosers[chooser] >> bit & 1;
            match self.schedule.width(bit) {
                0..=16 => self.transfer::<u16>(bit, choice, *hash, &mut fields),
                17..=32 => self.transfer::<u32>(bit, choice, *hash, &mut fields),
                _ => self.transfer::<u64>(bit, choice, *hash, &mut fields),
            }
        }
        self.reader = reader;
        Ok(())
    }

    fn transfer<S: Slot>(
        &mut self,
        bit: u32,
        choice: u64,
        hash: Block,
        fields: &mut Fields<'_, '_>,
    ) {
        let width = self.schedule.width(bit);
        let choice = 0u64.wrapping_sub(choice);
        let sign = 0u64.wrapping_sub(self.schedule.negative(bit).into());
        let masks: &[S] = expand(hash, self.uses.len(), &mut self.scratch);
        for (at, mask) in self.uses.iter().zip(masks) {
            let value = mask.word().wrapping_add(fields.next(width) & choice);
            let part = ((value << bit) ^ sign).wrapping_sub(sign);
            let share = &mut self.share[at.output];
            *share = share.wrapping_add(part);
        }
    }

    /// Ends a batch.
    ///
    /// # Errors
    /// A padding bit is set.
    pub fn end_batch(&mut self) -> Result<(), Error> {
        Ok(self.reader.finish()?)
    }

    /// The choosers, as ring elements, and the receiver's share of every output.
    #[must_use]
    pub fn finish(mut self) -> (Vec<u64>, Vec<u64>) {
        let mask = self.schedule.mask();
        self.share.iter_mut().for_each(|z| *z &= mask);
        let schedule = self.schedule;
        self.choosers
            .iter_mut()
            .for_each(|c| *c = schedule.extend(*c));
        (
            std::mem::take(&mut self.choosers),
            std::mem::take(&mut self.share),
        )
    }
}

impl Drop for Receiver<'_> {
    fn drop(&mut self) {
        self.share.zeroize();
        self.choosers.zeroize();
    }
}
