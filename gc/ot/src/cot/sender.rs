//! The sender of correlated OTs: brings Δ, gets keys.

#![expect(
    clippy::indexing_slicing,
    reason = "rows are cut by the checked length of the message"
)]

use privet_prim::{Block, Delta, Prg};

use super::Field;
use super::msgs::Corrections;
use super::receiver::check;
use super::rows::Rows;
use crate::base::msgs::{ReceiverPoints, SenderPoint};
use crate::error::ApiMisuse;
use crate::{base, pprf, tweaks};

/// The sender after its reply. It plays the receiver of the base OTs, its choices are the bits of ¬Δ.
pub struct AwaitCorrections {
    field: Field,
    delta: Delta,
    keys: Vec<Block>,
    hash_key: Block,
}

/// Bit `row` of Δ.
fn bit(delta: Block, row: usize) -> bool {
    u128::from(delta) >> row & 1 == 1
}

/// Tree t holds rows `t·k .. (t+1)·k`; its point is read from the top row down.
fn point(field: Field, delta: Block, tree: usize) -> impl Iterator<Item = bool> {
    let bits = field.bits();
    (tree * bits..(tree + 1) * bits)
        .rev()
        .map(move |row| bit(delta, row))
}

/// Answers the receiver's first message.
#[must_use]
pub fn reply(
    field: Field,
    delta: Delta,
    first: &SenderPoint,
    prg: &mut Prg,
) -> (ReceiverPoints, AwaitCorrections) {
    let offset = delta.block();
    let choices: Vec<bool> = (0..field.trees())
        .flat_map(|tree| point(field, offset, tree))
        .map(|bit| !bit)
        .collect();
    let (points, keys) = base::receiver::reply(first, &choices, prg);
    let hash_key = tweaks::hash_key(first, &points);
    (
        points,
        AwaitCorrections {
            field,
            delta,
            keys,
            hash_key,
        },
    )
}

impl AwaitCorrections {
    /// Rebuilds the trees without their leaves at Δ.
    #[must_use]
    pub fn finish(self, corrections: &Corrections) -> Sender {
        let bits = self.field.bits();
        let leaves = self
            .keys
            .chunks_exact(bits)
            .zip(corrections.levels.chunks_exact(bits))
            .enumerate()
            .map(|(tree, (keys, levels))| {
                let point: Vec<bool> = point(self.field, self.delta.block(), tree).collect();
                let nodes = pprf::puncture(&point, keys, levels);
                let prgs = nodes.into_iter().map(|leaf| Some(Prg::new(leaf)));
                [None].into_iter().chain(prgs.skip(1)).collect()
            })
            .collect();
        let rows = Rows::new(self.field, leaves);
        Sender {
            field: self.field,
            delta: self.delta,
            rows,
            hash_key: self.hash_key,
        }
    }
}

/// The sender, ready to extend.
pub struct Sender {
    field: Field,
    delta: Delta,
    rows: Rows,
    hash_key: Block,
}

impl Sender {
    /// Extends by `keys.len()` transfers, at most [`super::CHUNK`], with the receiver's message.
    ///
    /// # Errors
    /// A slice of the wrong length.
    pub fn extend_chunk(&mut self, keys: &mut [Block], msg: &[u8]) -> Result<(), ApiMisuse> {
        let n = keys.len();
        check(self.field, n, n, msg.len())?;
        let width = n.div_ceil(128);
        let (delta, bits) = (self.delta.block(), self.field.bits());
        self.rows.fill(width, |tree, _, rows| {
            let (sums, _) = msg[tree * 16 * width..(tree + 1) * 16 * width].as_chunks::<16>();
            for (index, row) in rows.chunks_exact_mut(width).enumerate() {
                // [Roy22] Fig. 8: w_j ⊕ Δ_j·(u ⊕ x) = v_j ⊕ Δ_j·x.
                let mask = Block::mask(bit(delta, tree * bits + index));
                for (cell, sum) in row.iter_mut().zip(sums) {
                    *cell ^= mask & Block::from_bytes(*sum);
                }
            }
        });
        self.rows.columns(width, keys)
    }

    /// Δ, which is secret.
    #[must_use]
    pub const fn delta(&self) -> Block {
        self.delta.block()
    }

    /// The field size agreed in the set-up.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.field
    }

    /// A key for hashing the transfers, equal on both sides and fresh for each set-up; not secret.
    #[must_use]
    pub const fn hash_key(&self) -> Block {
        self.hash_key
    }
}
