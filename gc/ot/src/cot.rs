//! Correlated OT with the sender's Δ and the receiver's choices: the SoftSpoken extension.
//!
//! - Functionality: the sender brings Δ and gets keys `K`; the receiver brings choices `x` and gets MACs `M = K ⊕ x·Δ`.
//! - Secure against: semi-honest, either side; AES in counter mode as PRG, base OTs of [`crate::base`].
//! - From: Roy22 SoftSpokenOT (CRYPTO 2022, eprint 2022/192), Fig. 8 with the repetition code, no consistency check.
//! - Differs: Δ is chosen by the sender (it is the vector of puncture points); n is padded to a multiple of 128.
//! - Cost: set-up 32 + 4096 + 4096 bytes in 3 flights; n transfers 16·⌈n/128⌉·128/k bytes in 1 flight, receiver → sender.
//!
//! With small fields of `2^k` elements there are `128/k` trees of `2^k` leaves. For one tree with leaves `G(x)` of n bits the
//! receiver has `u = ⊕ G(x)` and `v_j = ⊕ x_j·G(x)`; the sender, who misses leaf `x = Δ`, has `w_j = ⊕ (x ⊕ Δ)_j·G(x) = v_j ⊕ Δ_j·u`.
//! The receiver sends `u ⊕ choices`; adding it where `Δ_j = 1` turns `u` into the choices. Row j of all trees together,
//! transposed, are the keys and MACs. A larger k sends less and computes more.
//!
//! As the colour bit of Δ is 1 and keys are not cleared, the colour of a MAC alone says nothing of the choice.

pub mod drive;
pub mod msgs;
pub mod receiver;
pub mod sender;

mod rows;

pub use receiver::Receiver;
pub use sender::Sender;

/// Transfers handled at a time: the rows of one chunk stay in the second-level cache.
pub const CHUNK: usize = 4096;

/// Most transfers in one call.
pub const MAX_TRANSFERS: usize = 1 << 32;

/// Size of the small fields: bytes on the wire against work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Field {
    /// 2 bits: 8 bytes and 2 AES calls per transfer; the fastest on any link above 5 Gbit/s.
    #[default]
    Bits2,
    /// 4 bits: 4 bytes and 4 AES calls per transfer.
    Bits4,
    /// 8 bits: 2 bytes and 32 AES calls per transfer.
    Bits8,
}

impl Field {
    /// Every size.
    pub const ALL: [Self; 3] = [Self::Bits2, Self::Bits4, Self::Bits8];

    /// Bits of a field element: the depth of a tree.
    #[must_use]
    pub const fn bits(self) -> usize {
        match self {
            Self::Bits2 => 2,
            Self::Bits4 => 4,
            Self::Bits8 => 8,
        }
    }

    /// Number of trees.
    #[must_use]
    pub const fn trees(self) -> usize {
        128 / self.bits()
    }

    /// Bytes of the message that extends by `n` transfers.
    #[must_use]
    pub const fn extend_bytes(self, n: usize) -> usize {
        n.div_ceil(128) * 16 * self.trees()
    }
}

/// Bytes on the wire, by who sends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bytes {
    /// From the sender of the transfers.
    pub sender: u64,
    /// From their receiver.
    pub receiver: u64,
}

/// Bytes of the set-up, for every field size.
#[must_use]
pub const fn setup_bytes() -> Bytes {
    let (from_base_sender, from_base_receiver) = crate::base::cost_bytes(128);
    Bytes {
        sender: from_base_receiver,
        receiver: from_base_sender + msgs::CORRECTION_BYTES as u64,
    }
}

/// Bytes of extending by `n` transfers.
#[must_use]
pub const fn extend_bytes(field: Field, n: usize) -> Bytes {
    Bytes {
        sender: 0,
        receiver: field.extend_bytes(n) as u64,
    }
}

#[cfg(test)]
mod tests;
