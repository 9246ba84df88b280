//! Truncation, changes of ring and division against the clear meaning.

use privet_gmw::trunc::local::trunc_local;
use privet_plan::cost::gmw::{Sign, Truncation};
use privet_ring::{Client, Ring, Server, Shares, floor_shift, open};

use super::pair::{Setting, check_cost, run, split, values};
use super::parties::everyone;

fn ring(bits: u32) -> Ring {
    Ring::new(bits).unwrap()
}

#[test]
fn truncation_rounds_down_for_every_sign() {
    for (bits, shift, out) in [
        (8, 3, 8),
        (8, 7, 64),
        (16, 12, 4),
        (16, 12, 3),
        (37, 12, 37),
        (37, 12, 25),
        (37, 13, 20),
        (64, 1, 64),
        (64, 63, 2),
        (64, 17, 47),
    ] {
        let values = values(ring(bits), shift, 200);
        let x = split(ring(bits), &values);
        let expected = values
            .iter()
            .map(|v| ring(out).wrap(floor_shift(*v, shift)));
        let expected: Vec<i64> = expected.collect();
        everyone(128, |parties| {
            let y = parties.trunc(&x, shift, ring(out));
            assert_eq!(open(&y.0, &y.1).unwrap(), expected, "{bits} {shift} {out}");
        });
    }
}

#[test]
fn rings_are_extended_with_the_sign_and_reduced_for_nothing() {
    for (bits, out) in [(2, 64), (8, 9), (25, 37), (63, 64), (37, 25), (16, 16)] {
        let values = values(ring(bits), 3, 100);
        let x = split(ring(bits), &values);
        let expected: Vec<i64> = values.iter().map(|v| ring(out).wrap(*v)).collect();
        everyone(1 << 15, |parties| {
            let y = parties.trunc(&x, 0, ring(out));
            assert_eq!(open(&y.0, &y.1).unwrap(), expected, "{bits} {out}");
        });
        let setting = Setting::default();
        let out = ring(out);
        let (c, s, moved) = run(setting, |p| p.resize(&x.0, out), |p| p.resize(&x.1, out));
        assert_eq!(open(&c, &s).unwrap(), expected);
        assert_eq!(moved.client + moved.server == 0, out.bits() <= bits);
    }
}

#[test]
fn a_known_sign_spares_the_comparison_of_the_wrap() {
    for (bits, shift, out) in [(16, 0, 32), (37, 12, 37), (37, 12, 25), (64, 5, 64)] {
        let values: Vec<i64> = values(ring(bits), shift, 150);
        let values: Vec<i64> = values.into_iter().filter(|v| *v >= 0).collect();
        let (c, s) = split(ring(bits), &values);
        let form = Truncation {
            sign: Sign::NonNegative,
            ..Truncation::floor(bits, shift, out)
        };
        let n = values.len() as u64;
        let setting = Setting::default();
        let (c, s, moved) = run(setting, |p| p.truncate(&c, form), |p| p.truncate(&s, form));
        let expected = values.iter().map(|v| ring(out).wrap(*v >> shift));
        assert_eq!(open(&c, &s).unwrap(), expected.collect::<Vec<_>>());
        let cost = form.cost(n, setting.shape).unwrap();
        check_cost(&moved, &cost);
        let any = Truncation::floor(bits, shift, out).cost(n, setting.shape);
        assert!(cost.bytes() < any.unwrap().bytes() || form.wrap_bits() == 0);
    }
}

/// What truncation by each party alone gives, beside the number and the low bits of the client's share.
fn local(
    bits: u32,
    shift: u32,
    (c, s): (&Shares<Client>, &Shares<Server>),
) -> Vec<(i64, i64, i64)> {
    let (own, theirs) = (trunc_local(c, shift), trunc_local(s, shift));
    let made = open(&own.unwrap(), &theirs.unwrap()).unwrap();
    let low = c.values().iter().map(|v| (v % (1 << shift)).cast_signed());
    let given = open(c, s).unwrap();
    assert_eq!(c.ring().bits(), bits);
    let each = given.into_iter().zip(low).zip(made);
    each.map(|((x, a), y)| (x, a, y)).collect()
}

/// The functionality for every pair of shares: the whole number that the client's low bits decide on, the exact one on average, never
/// more than a unit beside `floor(x / 2^f)`, and in the ring of the bits that are left.
#[test]
fn every_pair_of_shares_is_truncated_alone_within_one_unit() {
    let client: Vec<i64> = (0..1 << 16).map(|i| i >> 8).collect();
    let server: Vec<i64> = (0..1 << 16).map(|i| i & 255).collect();
    let pair = (
        Shares::private(ring(8), &client),
        Shares::private(ring(8), &server),
    );
    for shift in 1..=6 {
        let (left, half) = (ring(8 - shift), 1i64 << (shift - 1));
        let mut sums = [0i64; 256];
        for (x, a, y) in local(8, shift, (&pair.0, &pair.1)) {
            let ideal = (x + half - 1 - a) >> shift;
            assert_eq!(y, left.wrap(ideal), "{x} {a} {shift}");
            assert!((ideal - (x >> shift)).abs() <= 1);
            // Without its rounding constant the number lies between two neighbours, or is one.
            let plain = x - half;
            assert!(ideal == plain >> shift || ideal == (plain + 2 * half - 1) >> shift);
            sums[usize::try_from(x + 128).unwrap()] += ideal;
        }
        // Each number has 256 pairs, each remainder of the client's share equally many.
        for (x, sum) in (-128..128).zip(sums) {
            assert_eq!(sum << shift, 256 * (x - half), "{x} {shift}");
        }
    }
}

#[test]
fn wide_rings_are_truncated_alone_without_rare_errors() {
    for (bits, shift) in [(37, 12), (37, 1), (37, 35), (64, 12), (64, 62), (4, 2)] {
        let numbers = values(ring(bits), shift, 500);
        let (c, s) = split(ring(bits), &numbers);
        let left = ring(bits - shift);
        for (x, a, y) in local(bits, shift, (&c, &s)) {
            let ideal = i128::from(x) + (1 << (shift - 1)) - 1 - i128::from(a);
            assert_eq!(y, left.wrap_wide(ideal >> shift), "{bits} {shift} {x}");
            let beside = left.wrap(y.wrapping_sub(floor_shift(x, shift)));
            assert!((-1..=1).contains(&beside), "{bits} {shift} {x} {y}");
        }
    }
    // Something has to be dropped, and a sign and a bit to be left.
    for shift in [0, 15, 16, 64, u32::MAX] {
        assert!(trunc_local(&Shares::<Client>::zeros(ring(16), 3), shift).is_err());
    }
}

#[test]
fn division_rounds_down_for_every_sign() {
    for (bits, divisor, out) in [
        (8, 3, 8),
        (8, 255, 8),
        (8, 300, 8),
        (16, 2, 16),
        (16, 1 << 12, 4),
        (16, 9 << 4, 16),
        (37, 169 << 12, 37),
        (37, 196, 20),
        (37, 1 << 32, 5),
        (64, 7, 64),
        (64, (1 << 32) - 1, 64),
    ] {
        let mut values = values(ring(bits), 3, 120);
        let d = i64::try_from(divisor).unwrap();
        let near = [d - 1, d, d + 1, -d, -d - 1, 1 - d, d / 2, -d / 2, d / 2 - d];
        values.extend(near.iter().filter(|v| ring(bits).contains(**v)));
        let x = split(ring(bits), &values);
        for add in [0, divisor / 2, divisor - 1] {
            let expected = values.iter().map(|v| {
                let sum = i128::from(*v) + i128::from(add);
                ring(out).wrap_wide(sum.div_euclid(i128::from(divisor)))
            });
            let expected: Vec<i64> = expected.collect();
            everyone(64, |parties| {
                let y = parties.div(&x, divisor, add, ring(out));
                let got = open(&y.0, &y.1).unwrap();
                assert_eq!(got, expected, "{bits} {divisor} {add} {out}");
            });
        }
    }
}

/// All pairs of shares of the smallest ring.
#[test]
fn every_pair_of_shares_of_eight_bits() {
    let client: Vec<i64> = (0..1 << 16).map(|i| i >> 8).collect();
    let server: Vec<i64> = (0..1 << 16).map(|i| i & 255).collect();
    let c = Shares::private(ring(8), &client);
    let s = Shares::private(ring(8), &server);
    let sums = client.iter().zip(&server).map(|(a, b)| ring(8).wrap(a + b));
    let sums: Vec<i64> = sums.collect();
    let setting = Setting::default();
    for shift in 0..8 {
        let out = ring(9);
        let (c, s, _) = run(
            setting,
            |p| p.trunc(&c, shift, out),
            |p| p.trunc(&s, shift, out),
        );
        let expected: Vec<i64> = sums.iter().map(|x| x >> shift).collect();
        assert_eq!(open(&c, &s).unwrap(), expected, "{shift}");
    }
    for (divisor, add) in [
        (2, 0),
        (3, 1),
        (6, 3),
        (7, 0),
        (100, 50),
        (128, 64),
        (255, 7),
        (301, 9),
    ] {
        let out = ring(8);
        let (c, s, _) = run(
            setting,
            |p| p.div(&c, divisor, add, out),
            |p| p.div(&s, divisor, add, out),
        );
        let (d, h) = (i64::try_from(divisor).unwrap(), i64::try_from(add).unwrap());
        let expected = sums.iter().map(|x| out.wrap((x + h).div_euclid(d)));
        assert_eq!(
            open(&c, &s).unwrap(),
            expected.collect::<Vec<_>>(),
            "{divisor}"
        );
    }
}

#[test]
fn what_does_not_exist_is_refused() {
    let x = Shares::zeros(ring(16), 3);
    let y = Shares::zeros(ring(16), 3);
    let ask = |shift, divisor, add| {
        let out = ring(16);
        let (c, s, moved) = run(
            Setting::default(),
            |p| {
                Ok((
                    p.trunc(&x, shift, out).is_err(),
                    p.div(&x, divisor, add, out).is_err(),
                ))
            },
            |p| {
                Ok((
                    p.trunc(&y, shift, out).is_err(),
                    p.div(&y, divisor, add, out).is_err(),
                ))
            },
        );
        assert_eq!((c, s), ((true, true), (true, true)));
        assert_eq!(moved.client, 0);
    };
    ask(16, 0, 0);
    ask(17, 1, 0);
    ask(64, 3, 3);
    ask(u32::MAX, (1 << 32) + 1, 0);
    ask(16, u64::MAX, u64::MAX - 1);
}
