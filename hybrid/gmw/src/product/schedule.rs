//! Which transfers a product takes, in which order, and how they are cut.

use std::ops::Range;

use privet_ot::ApiMisuse;
use privet_ring::Ring;
use privet_ring::linear::{Geometry, Use};

/// Transfers of a batch: one flight each way, 16 bytes of keys each.
pub const BATCH: usize = 1 << 18;

/// Transfers worked on at a time.
const PIECE: usize = 2048;

/// Bits of messages worked on at a time, unless one transfer has more.
const PIECE_BITS: u64 = 1 << 19;

/// Whose numbers choose, bit by bit; the other party's are the operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choosers {
    /// The weights' bits: their owner is the receiver.
    Weights,
    /// The inputs' bits: their owner is the receiver.
    Inputs,
}

/// The transfers of one product. Public, equal for both parties.
#[derive(Debug, Clone, Copy)]
pub struct Schedule<'g> {
    geometry: &'g Geometry,
    ring: Ring,
    choosers: Choosers,
    bits: u32,
    signed: bool,
}

/// Some neighbouring transfers of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The first transfer, counted from the product's first.
    pub first: usize,
    /// Number of transfers.
    pub transfers: usize,
    /// Bits of their messages.
    pub bits: u64,
}

impl<'g> Schedule<'g> {
    /// Choosers of `bits` bits: two's complement if `signed`. Bits from the ring's width on do not count.
    ///
    /// # Errors
    /// A width of 0 or above 64, or a sign alone; more transfers than can be counted.
    pub fn new(
        geometry: &'g Geometry,
        ring: Ring,
        choosers: Choosers,
        bits: u32,
        signed: bool,
    ) -> Result<Self, ApiMisuse> {
        let least = if signed { 2 } else { 1 };
        if !(least..=64).contains(&bits) {
            return Err(ApiMisuse::Length {
                what: "bits of a chooser",
                expected: ring.bits() as usize,
                got: bits as usize,
            });
        }
        // At the ring's full width the sign's weight, −2^(l−1), is 2^(l−1).
        let signed = signed && bits < ring.bits();
        Ok(Self {
            geometry,
            ring,
            choosers,
            bits: bits.min(ring.bits()),
            signed,
        })
    }

    /// The geometry.
    #[must_use]
    pub const fn geometry(&self) -> &'g Geometry {
        self.geometry
    }

    /// The ring of operands and results.
    #[must_use]
    pub const fn ring(&self) -> Ring {
        self.ring
    }

    /// The low bits that a ring element has.
    #[must_use]
    pub const fn mask(&self) -> u64 {
        u64::MAX >> (u64::BITS - self.ring.bits())
    }

    /// Bits of a chooser: transfers for each.
    #[must_use]
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// Number of choosers.
    #[must_use]
    pub const fn choosers(&self) -> usize {
        match self.choosers {
            Choosers::Weights => self.geometry.weights(),
            Choosers::Inputs => self.geometry.inputs(),
        }
    }

    /// Number of operands.
    #[must_use]
    pub const fn operands(&self) -> usize {
        match self.choosers {
            Choosers::Weights => self.geometry.inputs(),
            Choosers::Inputs => self.geometry.weights(),
        }
    }

    /// The ring element of a chooser's bits: extended by its sign where it has one.
    #[must_use]
    pub const fn extend(&self, bits: u64) -> u64 {
        let unused = u64::BITS - self.bits;
        let value = if self.signed {
            ((bits << unused).cast_signed() >> unused).cast_unsigned()
        } else {
            bits << unused >> unused
        };
        value & self.mask()
    }

    /// Whether bit `bit` counts negatively.
    pub(super) const fn negative(&self, bit: u32) -> bool {
        self.signed && bit + 1 == self.bits
    }

    /// Bits of one message of bit `bit`.
    pub(super) const fn width(&self, bit: u32) -> u32 {
        self.ring.bits() - bit
    }

    /// The chooser and the bit of a transfer.
    pub(super) const fn place(&self, transfer: usize) -> (usize, u32) {
        let bits = self.bits as usize;
        let bit = transfer % bits;
        #[expect(clippy::cast_possible_truncation, reason = "below 64")]
        (transfer / bits, bit as u32)
    }

    pub(super) fn uses(&self, chooser: usize, uses: &mut Vec<Use>) {
        match self.choosers {
            Choosers::Weights => self.geometry.uses_of_weight(chooser, uses),
            Choosers::Inputs => self.geometry.uses_of_input(chooser, uses),
        }
    }

    fn products(&self, choosers: Range<usize>) -> u64 {
        match self.choosers {
            Choosers::Weights => self.geometry.products_of_weights(choosers),
            Choosers::Inputs => self.geometry.products_of_inputs(choosers),
        }
    }

    /// The batches, as ranges of choosers.
    pub fn batches(&self) -> impl Iterator<Item = Range<usize>> + use<'g> {
        let (all, step) = (self.choosers(), (BATCH / self.bits as usize).max(1));
        (0..all)
            .step_by(step)
            .map(move |first| first..(first + step).min(all))
    }

    /// Transfers of a batch.
    #[must_use]
    pub const fn transfers(&self, batch: &Range<usize>) -> usize {
        (batch.end - batch.start) * self.bits as usize
    }

    /// Cuts a batch so that its messages need little memory; where it is cut does not show on the wire.
    pub fn pieces(&self, batch: &Range<usize>) -> impl Iterator<Item = Piece> + use<'_, 'g> {
        let bits = self.bits as usize;
        let (mut next, end) = (batch.start * bits, batch.end * bits);
        std::iter::from_fn(move || {
            let mut piece = Piece {
                first: next,
                transfers: 0,
                bits: 0,
            };
            while next < end && piece.transfers < PIECE {
                let (chooser, bit) = self.place(next);
                let more = self.products(chooser..chooser + 1) * u64::from(self.width(bit));
                if piece.transfers > 0 && piece.bits + more > PIECE_BITS {
                    break;
                }
                piece.bits += more;
                piece.transfers += 1;
                next += 1;
            }
            (piece.transfers > 0).then_some(piece)
        })
    }
}
