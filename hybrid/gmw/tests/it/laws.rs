//! Signs, selection, bits as numbers and ReLU: the ideal functionality and both parties obey one law.

use privet_ring::{Ring, floor_shift, open, open_bits};

use super::pair::{split, values};
use super::parties::everyone;

#[test]
fn signs_select_and_become_numbers() {
    for (bits, other) in [(2, 64), (8, 9), (37, 16), (64, 37)] {
        let (ring, wide) = (Ring::new(bits).unwrap(), Ring::new(other).unwrap());
        let numbers = values(ring, 3, 130);
        let chosen = values(wide, 5, 130);
        let (x, y) = (split(ring, &numbers), split(wide, &chosen));
        let signs: Vec<bool> = numbers.iter().map(|v| *v >= 0).collect();
        let kept = signs.iter().zip(&chosen);
        let kept: Vec<i64> = kept.map(|(b, v)| i64::from(*b).wrapping_mul(*v)).collect();
        let ones: Vec<i64> = signs.iter().map(|b| i64::from(*b)).collect();
        everyone(64, |parties| {
            let got = parties.drelu(&x);
            assert_eq!(open_bits(&got.0, &got.1).unwrap(), signs, "{bits}");
            let selected = parties.mux(&got, &y);
            assert_eq!(open(&selected.0, &selected.1).unwrap(), kept, "{bits}");
            let counted = parties.b2a(&got, wide);
            assert_eq!(open(&counted.0, &counted.1).unwrap(), ones, "{bits}");
        });
    }
}

#[test]
fn the_server_mirrors_numbers() {
    for bits in [2, 8, 25, 64] {
        let ring = Ring::new(bits).unwrap();
        let numbers = values(ring, 7, 200);
        let x = split(ring, &numbers);
        let flips = [0xdead_beef_0123_4567, 0, u64::MAX, 0b1010_1100];
        let expected = numbers.iter().enumerate();
        let expected = expected.map(|(i, v)| match flips[i / 64] >> (i % 64) & 1 {
            1 => ring.wrap(v.wrapping_neg()),
            _ => *v,
        });
        let expected: Vec<i64> = expected.collect();
        everyone(64, |parties| {
            let y = parties.mirror(&x, &flips);
            assert_eq!(open(&y.0, &y.1).unwrap(), expected, "{bits}");
        });
    }
}

#[test]
fn relu_drops_bits_and_negative_numbers() {
    for (bits, shift, out) in [
        (8, 3, 8),
        (16, 12, 16),
        (37, 12, 25),
        (64, 0, 64),
        (37, 5, 60),
    ] {
        let (ring, target) = (Ring::new(bits).unwrap(), Ring::new(out).unwrap());
        let numbers = values(ring, shift, 130);
        let x = split(ring, &numbers);
        let expected = numbers
            .iter()
            .map(|v| target.wrap(floor_shift((*v).max(0), shift)));
        let expected: Vec<i64> = expected.collect();
        everyone(128, |parties| {
            let y = parties.relu_trunc(&x, shift, target);
            assert_eq!(open(&y.0, &y.1).unwrap(), expected, "{bits} {shift} {out}");
        });
    }
}
