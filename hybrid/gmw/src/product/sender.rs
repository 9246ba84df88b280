//! The sender: its operands, masked once for every bit of a chooser.

#![expect(
    clippy::indexing_slicing,
    reason = "partners and outputs come from the geometry, and lengths were checked against it"
)]

use privet_ot::ApiMisuse;
use privet_ot::tweaks::Hasher;
use privet_prim::Block;
use privet_ring::linear::Use;
use zeroize::{Zeroize, Zeroizing};

use super::masks::{Slot, expand};
use super::msgs::Writer;
use super::schedule::{Piece, Schedule};

/// The sender's state while its messages are made.
pub struct Sender<'a> {
    schedule: Schedule<'a>,
    operands: &'a [u64],
    /// All ones where the chooser's bit is turned by the sender's own.
    turns: Option<&'a [bool]>,
    share: Vec<u64>,
    writer: Writer,
    uses: Vec<Use>,
    scratch: [Zeroizing<Vec<Block>>; 3],
}

/// Checks one length.
pub(super) fn length(what: &'static str, expected: usize, got: usize) -> Result<(), ApiMisuse> {
    if expected == got {
        return Ok(());
    }
    Err(ApiMisuse::Length {
        what,
        expected,
        got,
    })
}

impl<'a> Sender<'a> {
    /// Operands are ring elements; bits above the ring's width do not count.
    ///
    /// # Errors
    /// Another number of operands than the schedule's.
    pub fn new(schedule: Schedule<'a>, operands: &'a [u64]) -> Result<Self, ApiMisuse> {
        length("operands of a product", schedule.operands(), operands.len())?;
        Ok(Self {
            schedule,
            operands,
            turns: None,
            share: vec![0; schedule.geometry().outputs()],
            writer: Writer::default(),
            uses: Vec::new(),
            scratch: Default::default(),
        })
    }

    /// The same for choosers of one bit that the parties share: `turns` are the sender's halves, by exclusive or.
    ///
    /// # Errors
    /// Choosers of more than one bit, or another number of halves.
    pub fn with_turns(
        schedule: Schedule<'a>,
        operands: &'a [u64],
        turns: &'a [bool],
    ) -> Result<Self, ApiMisuse> {
        length("bits of a shared chooser", 1, schedule.bits() as usize)?;
        length("shared choosers", schedule.choosers(), turns.len())?;
        let mut sender = Self::new(schedule, operands)?;
        // w·(b ⊕ t) = w·t + (1 − 2t)·w·b: the first part is the sender's alone.
        for (chooser, &turn) in turns.iter().enumerate() {
            schedule.uses(chooser, &mut sender.uses);
            let mask = 0u64.wrapping_sub(turn.into());
            for at in &sender.uses {
                let share = &mut sender.share[at.output];
                *share = share.wrapping_add(operands[at.partner] & mask);
            }
        }
        sender.turns = Some(turns);
        Ok(sender)
    }

    /// Uses up the keys of a piece and appends its messages to `out`.
    ///
    /// # Errors
    /// Another number of keys than the piece has transfers, or no hash index left.
    pub fn send_piece(
        &mut self,
        piece: &Piece,
        hasher: &mut Hasher,
        delta: Block,
        keys: &mut [Block],
        out: &mut Vec<u8>,
    ) -> Result<(), ApiMisuse> {
        length("keys of a piece", piece.transfers, keys.len())?;
        let mut ones = std::mem::take(&mut self.scratch[2]);
        ones.resize(keys.len(), Block::ZERO);
        hasher.hash_keys(delta, keys, &mut ones)?;
        let mut chooser = usize::MAX;
        for (index, hashes) in keys.iter().zip(ones.iter()).enumerate() {
            let (next, bit) = self.schedule.place(piece.first + index);
            if next != chooser {
                self.schedule.uses(next, &mut self.uses);
                chooser = next;
            }
            let turn = self.turns.is_some_and(|turns| turns[chooser]);
            match self.schedule.width(bit) {
                0..=16 => self.transfer::<u16>(bit, turn, hashes, out),
                17..=32 => self.transfer::<u32>(bit, turn, hashes, out),
                _ => self.transfer::<u64>(bit, turn, hashes, out),
            }
        }
        self.scratch[2] = ones;
        self.writer.settle(out);
        Ok(())
    }

    fn transfer<S: Slot>(
        &mut self,
        bit: u32,
        turn: bool,
        (zero, one): (&Block, &Block),
        out: &mut Vec<u8>,
    ) {
        let width = self.schedule.width(bit);
        let mask = u64::MAX >> (u64::BITS - width);
        // Adding after an exclusive or with all ones, and one more, is subtracting.
        let sign = 0u64.wrapping_sub((!self.schedule.negative(bit)).into());
        let turn = 0u64.wrapping_sub(turn.into());
        let [zeros, ones, _] = &mut self.scratch;
        let n = self.uses.len();
        let zeros: &[S] = expand(*zero, n, zeros);
        let ones: &[S] = expand(*one, n, ones);
        for ((at, zero), one) in self.uses.iter().zip(zeros).zip(ones) {
            let operand = (self.operands[at.partner] ^ turn).wrapping_sub(turn);
            let zero = zero.word();
            let masked = zero.wrapping_sub(one.word()).wrapping_add(operand) & mask;
            self.writer.push(masked, width, out);
            let part = ((zero << bit) ^ sign).wrapping_sub(sign);
            let share = &mut self.share[at.output];
            *share = share.wrapping_add(part);
        }
    }

    /// The transfers of the product.
    #[must_use]
    pub const fn schedule(&self) -> Schedule<'a> {
        self.schedule
    }

    /// Ends a batch: appends its last bits to `out`.
    pub fn end_batch(&mut self, out: &mut Vec<u8>) {
        self.writer.finish(out);
    }

    /// The sender's share of every output.
    #[must_use]
    pub fn finish(mut self) -> Vec<u64> {
        let mask = self.schedule.mask();
        self.share.iter_mut().for_each(|z| *z &= mask);
        std::mem::take(&mut self.share)
    }
}

impl Drop for Sender<'_> {
    fn drop(&mut self) {
        self.share.zeroize();
    }
}
