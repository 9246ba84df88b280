//! Words of 64 transfers as planes: slot by slot the bits of a message, one transfer to a bit.
//!
//! Every function does the same work whatever the bits are. Slices shorter than a shape's planes are left as they are.

#![expect(
    clippy::indexing_slicing,
    reason = "indices follow from the shape alone, and arrays hold the largest one"
)]

use privet_plan::cost::gmw::TableShape;

/// Slots of the largest shape.
const SLOTS: usize = 32;

/// Calls `$name::<K, W>` for a shape.
macro_rules! by_shape {
    ($shape:ident, $name:ident ( $($arg:expr),* )) => {
        match ($shape.choice_bits, $shape.message_bits) {
            (1, 1) => $name::<1, 1>($($arg),*),
            (2, 1) => $name::<2, 1>($($arg),*),
            (3, 1) => $name::<3, 1>($($arg),*),
            (4, 1) => $name::<4, 1>($($arg),*),
            (5, 1) => $name::<5, 1>($($arg),*),
            (1, _) => $name::<1, 2>($($arg),*),
            (2, _) => $name::<2, 2>($($arg),*),
            (3, _) => $name::<3, 2>($($arg),*),
            (4, _) => $name::<4, 2>($($arg),*),
            _ => $name::<5, 2>($($arg),*),
        }
    };
}

/// Moves slot j to slot `j ⊕ flip`.
pub(crate) fn permute(shape: TableShape, flips: &[u64], table: &mut [u64]) {
    by_shape!(shape, permute_with(flips, table));
}

/// Adds to slot v, with the server's shares, `v > digit` and, where messages have two bits, `v = digit`.
pub(super) fn answer(shape: TableShape, digit: &[u64], shares: [u64; 2], table: &mut [u64]) {
    by_shape!(shape, answer_with(digit, shares, table));
}

/// The message in the slot chosen.
pub(crate) fn chosen(shape: TableShape, choice: &[u64], table: &[u64]) -> [u64; 2] {
    by_shape!(shape, chosen_with(choice, table))
}

fn permute_with<const K: usize, const W: usize>(flips: &[u64], table: &mut [u64]) {
    let (Some(flips), Some(table)) = (flips.first_chunk::<K>(), table.get_mut(..W << K)) else {
        return;
    };
    for (i, flip) in flips.iter().enumerate() {
        let distance = W << i;
        for pair in table.chunks_exact_mut(2 * distance) {
            let (low, high) = pair.split_at_mut(distance);
            for (a, b) in low.iter_mut().zip(high) {
                let exchange = (*a ^ *b) & flip;
                *a ^= exchange;
                *b ^= exchange;
            }
        }
    }
}

fn answer_with<const K: usize, const W: usize>(
    digit: &[u64],
    [greater_share, equal_share]: [u64; 2],
    table: &mut [u64],
) {
    let (Some(digit), Some(table)) = (digit.first_chunk::<K>(), table.get_mut(..W << K)) else {
        return;
    };
    // Of the numbers with the prefix j: whether they are above the digit's prefix, or equal to it.
    let (mut greater, mut equal) = ([greater_share; SLOTS], [u64::MAX; SLOTS]);
    for (level, bit) in digit.iter().rev().enumerate() {
        for j in (0..1 << level).rev() {
            let below = equal[j] & !bit;
            let same = equal[j] ^ below;
            (equal[2 * j], equal[2 * j + 1]) = (below, same);
            (greater[2 * j], greater[2 * j + 1]) = (greater[j], greater[j] ^ below);
        }
    }
    for (v, slot) in table.chunks_exact_mut(W).enumerate() {
        slot[0] ^= greater[v];
        if W == 2 {
            slot[W - 1] ^= equal[v] ^ equal_share;
        }
    }
}

fn chosen_with<const K: usize, const W: usize>(choice: &[u64], table: &[u64]) -> [u64; 2] {
    let (Some(choice), Some(table)) = (choice.first_chunk::<K>(), table.get(..W << K)) else {
        return [0; 2];
    };
    let mut slots = [0u64; 2 * SLOTS];
    slots[..W << K].copy_from_slice(table);
    for (i, choice) in choice.iter().enumerate() {
        for j in 0..W << (K - 1 - i) {
            // Message bits stay in their places, slots pair up.
            let at = 2 * (j - j % W) + j % W;
            slots[j] = slots[at] ^ (slots[at] ^ slots[at + W]) & choice;
        }
    }
    [slots[0], if W == 2 { slots[1] } else { 0 }]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All digits and flips of a shape, one to a bit, in as many words as that takes.
    fn check(shape: TableShape) {
        let (k, w) = (shape.choice_bits, shape.message_bits as usize);
        let radix = 1u64 << k;
        let cases: Vec<(u64, u64)> = (0..radix * radix).map(|i| (i / radix, i % radix)).collect();
        for cases in cases.chunks(64) {
            let planes = |of: fn(&(u64, u64)) -> u64| {
                let plane = |bit: u32| {
                    let bits = cases.iter().enumerate();
                    bits.fold(0, |sum, (i, case)| sum | (of(case) >> bit & 1) << i)
                };
                (0..k).map(plane).collect::<Vec<u64>>()
            };
            let (digits, flips) = (planes(|c| c.0), planes(|c| c.1));
            let shares = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];
            let mut table = vec![0; w << k];
            answer(shape, &digits, shares, &mut table);
            permute(shape, &flips, &mut table);
            for slot in 0..radix {
                let choice: Vec<u64> = (0..k).map(|b| 0u64.wrapping_sub(slot >> b & 1)).collect();
                let got = chosen(shape, &choice, &table);
                for (i, (digit, flip)) in cases.iter().enumerate() {
                    let value = slot ^ flip;
                    let bit = |word: u64| word >> i & 1;
                    let greater = u64::from(value > *digit);
                    assert_eq!(bit(got[0] ^ shares[0]), greater, "{shape:?} {digit} {flip}");
                    if w == 2 {
                        assert_eq!(bit(got[1] ^ shares[1]), u64::from(value == *digit));
                    }
                }
            }
        }
    }

    #[test]
    fn tables_hold_answers_under_any_flip() {
        for choice_bits in 1..=5 {
            for message_bits in 1..=2 {
                check(TableShape {
                    choice_bits,
                    message_bits,
                });
            }
        }
    }
}
