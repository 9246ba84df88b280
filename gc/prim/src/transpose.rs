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
