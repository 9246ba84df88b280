//! From leaf streams to rows, from rows to blocks: the part both parties share.

#![expect(
    clippy::indexing_slicing,
    reason = "row and leaf numbers are bounded by the field size"
)]

use privet_prim::{Block, Prg, transpose_128};
use zeroize::Zeroize;

use super::{CHUNK, Field};
use crate::error::ApiMisuse;

/// Blocks of 128 columns in a chunk.
const MAX_WIDTH: usize = CHUNK / 128;

/// The leaf streams of all trees and scratch space for one chunk.
pub(super) struct Rows {
    field: Field,
    /// `leaves[tree][leaf]`; `None` for the leaf that this party misses.
    leaves: Vec<Vec<Option<Prg>>>,
    /// The streams of one tree, one row of `width` blocks each.
    streams: Vec<Block>,
    /// 128 rows of `width` blocks.
    matrix: Vec<Block>,
}

impl Rows {
    pub(super) fn new(field: Field, leaves: Vec<Vec<Option<Prg>>>) -> Self {
        Self {
            field,
            leaves,
            streams: vec![Block::ZERO; MAX_WIDTH << field.bits()],
            matrix: vec![Block::ZERO; MAX_WIDTH * 128],
        }
    }

    /// Makes the rows of the next `128·width` columns. `each_tree(tree, sum, rows)` sees for every tree the sum of all its
    /// streams and its `k` rows, which it may change.
    pub(super) fn fill(
        &mut self,
        width: usize,
        mut each_tree: impl FnMut(usize, &[Block], &mut [Block]),
    ) {
        if width == 0 {
            return;
        }
        let bits = self.field.bits();
        let rows = self.matrix.chunks_exact_mut(bits * width);
        for (tree, (leaves, rows)) in self.leaves.iter_mut().zip(rows).enumerate() {
            let streams = &mut self.streams[..width << bits];
            for (leaf, stream) in leaves.iter_mut().zip(streams.chunks_exact_mut(width)) {
                match leaf {
                    Some(prg) => prg.fill_blocks(stream),
                    None => stream.fill(Block::ZERO),
                }
            }
            rows.fill(Block::ZERO);
            fold(streams, rows, width);
            each_tree(tree, &streams[..width], rows);
        }
    }

    /// The columns of the matrix as blocks: bit `r` of `out[c]` is column `c` of row `r`.
    pub(super) fn columns(&self, width: usize, out: &mut [Block]) -> Result<(), ApiMisuse> {
        let mut rows = [&[] as &[u8]; 128];
        // No column: 128 empty rows.
        for (row, cells) in rows.iter_mut().zip(self.matrix.chunks_exact(width.max(1))) {
            *row = bytemuck::cast_slice(cells);
        }
        transpose_128(&rows, out).map_err(|_| ApiMisuse::Length {
            what: "columns of an extension",
            expected: 128 * width,
            got: out.len(),
        })
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.streams.zeroize();
        self.matrix.zeroize();
    }
}

/// Row j := sum of the streams whose index has bit j; stream 0 := sum of all. Index bits are folded from the top.
fn fold(streams: &mut [Block], rows: &mut [Block], width: usize) {
    for (bit, row) in rows.chunks_exact_mut(width).enumerate().rev() {
        let (low, high) = streams.split_at_mut(width << bit);
        let high = &high[..width << bit];
        for stream in high.chunks_exact(width) {
            xor_into(row, stream);
        }
        xor_into(low, high);
    }
}

pub(super) fn xor_into(to: &mut [Block], from: &[Block]) {
    for (t, f) in to.iter_mut().zip(from) {
        *t ^= *f;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fold_sums_by_index_bit() {
        let mut prg = Prg::new(Block::from(3));
        for bits in [1usize, 2, 4, 8] {
            let width = 3;
            let mut streams = vec![Block::ZERO; width << bits];
            prg.fill_blocks(&mut streams);
            let (mut want, mut sum) = (vec![Block::ZERO; width * bits], vec![Block::ZERO; width]);
            for (index, stream) in streams.chunks_exact(width).enumerate() {
                xor_into(&mut sum, stream);
                for bit in (0..bits).filter(|bit| index >> bit & 1 == 1) {
                    xor_into(&mut want[bit * width..(bit + 1) * width], stream);
                }
            }
            let mut rows = vec![Block::ZERO; width * bits];
            fold(&mut streams, &mut rows, width);
            assert_eq!(rows, want);
            assert_eq!(streams[..width], sum);
        }
    }
}
