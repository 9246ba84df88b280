//! Bit transpose with SSE2, which every x86-64 has: 16 rows by 128 columns at a time.
#![expect(
    clippy::indexing_slicing,
    reason = "arrays of 16 rows and of 128 columns"
)]

use std::arch::x86_64::*;

use crate::Block;

pub(in crate::kernels) fn transpose(rows: &[&[u8]; 128], out: &mut [Block]) {
    let mut tile = [Block::ZERO; 128];
    for (at, columns) in out.chunks_mut(128).enumerate() {
        let words: &mut [u16] = bytemuck::cast_slice_mut(&mut tile);
        for (group, rows) in rows.chunks_exact(16).enumerate() {
            let mut square = [zero(); 16];
            for (vector, row) in square.iter_mut().zip(rows) {
                *vector = load(row, 16 * at);
            }
            let square = transpose_bytes(square);
            for (byte, vector) in square.iter().enumerate() {
                column_bits(*vector, &mut words[64 * byte..64 * byte + 64], group);
            }
        }
        columns.copy_from_slice(&tile[..columns.len()]);
    }
}

fn zero() -> __m128i {
    // SAFETY: SSE2 is part of x86-64.
    unsafe { _mm_setzero_si128() }
}

/// 16 bytes of a row from `at` on, zeros after its end.
fn load(row: &[u8], at: usize) -> __m128i {
    let bytes = row.get(at..).unwrap_or_default();
    let mut padded = [0; 16];
    let bytes = match bytes.first_chunk() {
        Some(all) => all,
        None => {
            padded[..bytes.len()].copy_from_slice(bytes);
            &padded
        }
    };
    bytemuck::cast(*bytes)
}

/// Byte `c` of vector `r` becomes byte `r` of vector `c`: four times the perfect shuffle.
fn transpose_bytes(mut x: [__m128i; 16]) -> [__m128i; 16] {
    for _ in 0..4 {
        let mut y = x;
        for i in 0..8 {
            // SAFETY: SSE2 is part of x86-64.
            unsafe {
                y[2 * i] = _mm_unpacklo_epi8(x[i], x[i + 8]);
                y[2 * i + 1] = _mm_unpackhi_epi8(x[i], x[i + 8]);
            }
        }
        x = y;
    }
    x
}

/// Bit `j` of the 16 bytes becomes word `group` of column `j`; a column has 8 words.
fn column_bits(mut bytes: __m128i, columns: &mut [u16], group: usize) {
    for j in (0..8).rev() {
        // SAFETY: SSE2 is part of x86-64.
        unsafe {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "16 bits"
            )]
            let bits = _mm_movemask_epi8(bytes) as u16;
            columns[8 * j + group] = bits;
            bytes = _mm_add_epi8(bytes, bytes);
        }
    }
}
