//! The receiver of correlated OTs: brings choices, gets MACs.

#![expect(
    clippy::indexing_slicing,
    reason = "128 columns per block of choices, checked on entry"
)]

use privet_prim::{Block, Prg};

use super::msgs::Corrections;
use super::rows::{Rows, xor_into};
use super::{CHUNK, Field};
use crate::base::msgs::{ReceiverPoints, SenderPoint};
use crate::error::{ApiMisuse, Error};
use crate::{base, pprf, tweaks};

/// The receiver after its first message. It plays the sender of the base OTs.
pub struct AwaitPoints {
    field: Field,
    first: SenderPoint,
    base: base::sender::AwaitPoints,
}

/// Begins the set-up.
pub fn start(field: Field, prg: &mut Prg) -> (SenderPoint, AwaitPoints) {
    let (first, base) = base::sender::start(prg);
    (first.clone(), AwaitPoints { field, first, base })
}

impl AwaitPoints {
    /// Makes the trees.
    ///
    /// # Errors
    /// None for a reply of 128 points, which is what [`ReceiverPoints::decode`] was asked for.
    pub fn finish(
        self,
        reply: &ReceiverPoints,
        prg: &mut Prg,
    ) -> Result<(Corrections, Receiver), Error> {
        let expected = 128;
        let got = reply.points.len();
        if got != expected {
            return Err(ApiMisuse::Length {
                what: "base OTs",
                expected,
                got,
            }
            .into());
        }
        let hash_key = tweaks::hash_key(&self.first, reply);
        let keys = self.base.finish(reply);
        let mut roots = vec![Block::ZERO; self.field.trees()];
        prg.fill_blocks(&mut roots);
        let mut levels = Vec::with_capacity(128);
        let mut leaves = Vec::with_capacity(self.field.trees());
        for (root, keys) in roots.iter().zip(keys.chunks_exact(self.field.bits())) {
            let (tree, corrections) = pprf::expand(*root, keys);
            levels.extend(corrections);
            leaves.push(tree.into_iter().map(|leaf| Some(Prg::new(leaf))).collect());
        }
        let rows = Rows::new(self.field, leaves);
        Ok((
            Corrections { levels },
            Receiver {
                field: self.field,
                rows,
                hash_key,
            },
        ))
    }
}

/// The receiver, ready to extend.
pub struct Receiver {
    field: Field,
    rows: Rows,
    hash_key: Block,
}

impl Receiver {
    /// Extends by `choices.len()` transfers, at most [`CHUNK`]: writes the MACs and the message to the sender, which has
    /// [`Field::extend_bytes`] bytes.
    ///
    /// # Errors
    /// A slice of the wrong length.
    pub fn extend_chunk(
        &mut self,
        choices: &[bool],
        macs: &mut [Block],
        msg: &mut [u8],
    ) -> Result<(), ApiMisuse> {
        let n = choices.len();
        check(self.field, n, macs.len(), msg.len())?;
        let width = n.div_ceil(128);
        let mut packed = [Block::ZERO; CHUNK / 128];
        for (word, bits) in packed.iter_mut().zip(choices.chunks(128)) {
            *word = pack(bits);
        }
        let packed = &packed[..width];
        let row_bytes = 16 * width;
        self.rows.fill(width, |tree, sum, _| {
            // [Roy22] Fig. 8: the correction u ⊕ x of this tree.
            let mut row = [Block::ZERO; CHUNK / 128];
            let row = &mut row[..width];
            row.copy_from_slice(sum);
            xor_into(row, packed);
            let bytes: &[u8] = bytemuck::cast_slice(row);
            msg[tree * row_bytes..(tree + 1) * row_bytes].copy_from_slice(bytes);
        });
        self.rows.columns(width, macs)
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

/// Up to 128 bits as a block, first bit lowest.
fn pack(bits: &[bool]) -> Block {
    Block::from(
        bits.iter()
            .rev()
            .fold(0u128, |word, &bit| word << 1 | u128::from(bit)),
    )
}

pub(super) fn check(field: Field, n: usize, out: usize, msg: usize) -> Result<(), ApiMisuse> {
    let length = |what, expected, got| {
        Err(ApiMisuse::Length {
            what,
            expected,
            got,
        })
    };
    if n > CHUNK {
        return Err(ApiMisuse::TooMany {
            what: "transfers in a chunk",
            limit: CHUNK as u64,
            got: n as u64,
        });
    }
    if out != n {
        return length("output of an extension", n, out);
    }
    if msg != field.extend_bytes(n) {
        return length("message of an extension", field.extend_bytes(n), msg);
    }
    Ok(())
}
