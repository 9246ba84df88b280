//! The specification.

use super::{Kernel, LANES, Panel, ROWS, Weights};

pub(super) fn kernel() -> Kernel {
    Kernel {
        name: "portable",
        aliases: &[],
        bits: u64::BITS,
        form: |_| {},
        tile,
        dot,
    }
}

fn tile(weights: &[Weights], x: &[Panel], z: &mut [Panel; ROWS]) {
    for (weights, x) in weights.iter().zip(x) {
        for (z, w) in z.iter_mut().zip(weights) {
            for (z, x) in z.iter_mut().zip(x) {
                *z = z.wrapping_add(w.cast_unsigned().wrapping_mul(*x));
            }
        }
    }
}

pub(super) fn dot(weights: &[i32], x: &[u64]) -> u64 {
    weights.iter().zip(x).fold(0, |sum: u64, (&w, x)| {
        sum.wrapping_add(i64::from(w).cast_unsigned().wrapping_mul(*x))
    })
}

const _: () = assert!(LANES.is_multiple_of(16) && ROWS.is_multiple_of(3));
