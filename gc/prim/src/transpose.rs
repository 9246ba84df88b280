//! Transpose of bit matrices with 128 rows, for OT extension.

use crate::kernels::{Kernels, active};
use crate::{Block, Error};

/// Transposes a matrix of 128 rows and `out.len()` columns: bit `i` of `out[j]` is bit `j` of
/// `rows[i]` (bit `j` is bit `j mod 8` of byte `j / 8`).
///
/// # Errors
/// [`Error::Length`] if there are not 128 rows or a row has fewer than `⌈out.len() / 8⌉` bytes.
pub fn transpose_128<R: AsRef<[u8]>>(rows: &[R], out: &mut [Block]) -> Result<(), Error> {
    transpose_with(active(), rows, out)
}

pub(crate) fn transpose_with<R: AsRef<[u8]>>(
    kernels: &Kernels,
    rows: &[R],
    out: &mut [Block],
) -> Result<(), Error> {
    Error::check("rows of a matrix to transpose", 128, rows.len())?;
    let bytes = out.len().div_ceil(8);
    let mut views = [&[] as &[u8]; 128];
    for (view, row) in views.iter_mut().zip(rows) {
        let row = row.as_ref();
        *view = row.get(..bytes).ok_or(Error::Length {
            what: "bytes of a row to transpose",
            expected: bytes,
            got: row.len(),
        })?;
    }
    (kernels.transpose)(&views, out);
    Ok(())
}

/// Bit `position` of up to 64 blocks, the first one's lowest: a row of the transpose. Positions count modulo 64, within the low word.
#[must_use]
pub fn bit_plane(blocks: &[Block], position: u32) -> u64 {
    plane_with(active(), blocks, position)
}

fn plane_with(kernels: &Kernels, blocks: &[Block], position: u32) -> u64 {
    let position = position % 64;
    if let Ok(blocks) = blocks.try_into() {
        return (kernels.plane)(blocks, position);
    }
    let bits = (0..64).zip(blocks);
    bits.fold(0, |word, (i, block)| {
        word | (block.low() >> position & 1) << i
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Prg;
    use crate::kernels::available;

    #[test]
    fn every_kernel_moves_every_bit() {
        let mut prg = Prg::random();
        for n in (0..40).chain([127, 128, 129, 256, 509, 512, 1024, 2056]) {
            // Rows longer than needed, at odd addresses.
            let store: Vec<Vec<u8>> = (0..128)
                .map(|_| {
                    let mut row = vec![0; n / 8 + 3];
                    prg.fill_bytes(&mut row);
                    row
                })
                .collect();
            let rows: Vec<&[u8]> = store.iter().map(|row| &row[1..]).collect();
            for kernels in available() {
                let mut out = vec![Block::ONES; n];
                transpose_with(kernels, &rows, &mut out).unwrap();
                for (j, block) in out.iter().enumerate() {
                    let expected = (0..128).fold(0u128, |sum, i| {
                        sum | u128::from(rows[i][j / 8] >> (j % 8) & 1) << i
                    });
                    assert_eq!(u128::from(*block), expected, "{} {n} {j}", kernels.name());
                }
            }
        }
    }

    #[test]
    fn every_kernel_takes_the_bits_of_a_position() {
        for n in [0, 1, 5, 63, 64, 65] {
            let blocks: Vec<Block> = (0..n).map(|_| Block::random()).collect();
            for (kernels, position) in available()
                .iter()
                .flat_map(|kernels| (0..130).map(move |position| (kernels, position)))
            {
                let expected = blocks
                    .iter()
                    .take(64)
                    .enumerate()
                    .fold(0, |sum, (i, block)| {
                        let [low, ..] = bytemuck::cast::<Block, [u64; 2]>(*block).map(u64::from_le);
                        sum | (low >> (position % 64) & 1) << i
                    });
                let got = plane_with(kernels, &blocks, position);
                assert_eq!(got, expected, "{} {n} {position}", kernels.name());
            }
        }
    }

    #[test]
    fn wrong_shapes_are_errors() {
        let mut out = [Block::ZERO; 9];
        assert!(matches!(
            transpose_128(&[[0u8; 2]; 127], &mut out),
            Err(Error::Length {
                expected: 128,
                got: 127,
                ..
            })
        ));
        assert!(matches!(
            transpose_128(&[[0u8; 1]; 128], &mut out),
            Err(Error::Length {
                expected: 2,
                got: 1,
                ..
            })
        ));
    }
}
