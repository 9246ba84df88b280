//! The arithmetic around the dot product netlist ([`generate::dot`](crate::generate::dot)).
//!
//! Take a weight `w` of W bits and let `T = w + 2^(W-1)`, an unsigned number with bits `t_i`. With
//! the digits `s_i = 2·t_i − 1 ∈ {−1, +1}`: `Σ 2^i·s_i = 2T − 2^W + 1 = 2w + 1`. So at double scale
//!
//! ```text
//! 2·w·a = Σ_i 2^i·(s_i·a) − a
//! ```
//!
//! and a row `s_i·a` is `a` with its bits flipped where the digit is negative (an XOR, free), plus 1
//! in that case. The ones of all rows, the constants by which sign bits become ordinary bits and the
//! bias depend on the weights alone: their owner adds them up in the clear ([`correction`]) and feeds
//! them as the first accumulator. The sum of the activations is taken once per input vector.
//!
//! ```text
//! first = 2·bias + correction(weights) − Σ_j a_j        mod 2^(L+1)
//! last  = first + Σ (rows of every chunk)  =  2·(Σ_j w_j·a_j + bias)
//! ```

use crate::eval;

/// The digit bits of a weight: bit `i` is 1 where digit `i` is −1. `w` is taken modulo `2^w_bits`,
/// `w_bits` from 1 to 64.
#[must_use]
pub fn digits(w: i64, w_bits: u32) -> u64 {
    let sign = 1u64.checked_shl(w_bits.wrapping_sub(1)).unwrap_or(0);
    !(w.cast_unsigned() ^ sign) & eval::mask(w_bits)
}

/// What the owner of the weights adds to twice the bias, modulo `2^(ring_bits + 1)`: for each
/// weight, the ones of its negative rows and `−2^(a_bits−1)` for each row.
#[must_use]
pub fn correction(weights: &[i64], a_bits: u32, w_bits: u32, ring_bits: u32) -> u64 {
    let rows =
        eval::mask(w_bits).wrapping_mul(1u64.checked_shl(a_bits.wrapping_sub(1)).unwrap_or(0));
    let one = |&w: &i64| digits(w, w_bits).wrapping_sub(rows);
    weights.iter().map(one).fold(0u64, u64::wrapping_add) & eval::mask(ring_bits + 1)
}

/// What a product misses in total at double scale where columns below `drop` are omitted: of each row its lowest `drop − i` bits.
#[must_use]
pub fn omitted(a: i64, w: i64, w_bits: u32, drop: u32) -> u64 {
    let digits = digits(w, w_bits);
    let rows = (0..drop.min(w_bits)).map(|i| {
        let row = if digits >> i & 1 == 1 { !a } else { a };
        (row.cast_unsigned() & eval::mask(drop - i)) << i
    });
    rows.fold(0, u64::wrapping_add)
}

/// The mean of [`omitted`] over all activations, rounded down: what the weights' owner adds for each product, public.
#[must_use]
pub fn compensation(w_bits: u32, drop: u32) -> u64 {
    // Half of Σ (2^drop − 2^i).
    let rows = drop.min(w_bits);
    (u64::from(rows) << drop).saturating_sub(eval::mask(rows)) / 2
}

/// The first accumulator: `2·bias + correction(weights) − sum` modulo `2^(ring_bits + 1)`, where
/// `sum` is the sum of the activations.
#[must_use]
pub fn first(bias: i64, correction: u64, sum: i64, ring_bits: u32) -> u64 {
    let twice = bias.cast_unsigned().wrapping_mul(2);
    let value = twice
        .wrapping_add(correction)
        .wrapping_sub(sum.cast_unsigned());
    value & eval::mask(ring_bits + 1)
}
