//! Signs, selection and ReLU with truncation against the clear meaning.

use privet_net::{Options, Session};
use privet_plan::compare::{Leaves, Shape};
use privet_plan::cost::gmw::{self as cost, OpCost, SIDE_BY_SIDE};
use privet_ring::{Ring, floor_shift, open, open_bits};

use super::pair::{Setting, check_cost, run, run_over, split, values};

const WIDTHS: [u32; 6] = [8, 9, 16, 32, 37, 64];

#[test]
fn signs_in_every_shape_and_width() {
    for shape in Shape::all() {
        for bits in WIDTHS {
            let ring = Ring::new(bits).unwrap();
            let values = values(ring, 3, 131);
            let (c, s) = split(ring, &values);
            let setting = Setting {
                shape,
                ..Setting::default()
            };
            let (c, s, moved) = run(setting, |p| p.drelu(&c), |p| p.drelu(&s));
            let expected: Vec<bool> = values.iter().map(|v| *v >= 0).collect();
            assert_eq!(open_bits(&c, &s).unwrap(), expected, "{shape:?} {bits}");
            let cost = cost::drelu(131, bits, shape).unwrap();
            check_cost(&moved, &cost);
            assert_eq!(moved.flights, u64::from(cost.flights().count()));
        }
    }
}

#[test]
fn relu_with_truncation_is_exact_in_every_shape() {
    for shape in Shape::all() {
        for (bits, shift, out) in [
            (8, 3, 8),
            (8, 6, 64),
            (16, 12, 16),
            (37, 12, 37),
            (37, 12, 25),
            (37, 12, 20),
            (37, 13, 30),
            (37, 1, 37),
            (64, 17, 64),
            (64, 62, 2),
            (16, 0, 16),
            (16, 0, 24),
        ] {
            let (ring, out_ring) = (Ring::new(bits).unwrap(), Ring::new(out).unwrap());
            let values = values(ring, shift, 200);
            let (c, s) = split(ring, &values);
            let setting = Setting { shape, chunk: 128 };
            let (c, s, moved) = run(
                setting,
                |p| p.relu_trunc(&c, shift, out_ring),
                |p| p.relu_trunc(&s, shift, out_ring),
            );
            let expected: Vec<i64> = values
                .iter()
                .map(|v| out_ring.wrap(floor_shift((*v).max(0), shift)))
                .collect();
            assert_eq!(
                open(&c, &s).unwrap(),
                expected,
                "{shape:?} {bits} {shift} {out}"
            );
            let cost = OpCost::chunked(200, 128, |n| cost::relu_trunc(n, bits, shift, out, shape));
            let cost = cost.unwrap();
            check_cost(&moved, &cost);
            assert_eq!(moved.flights, u64::from(cost.flights().count()));
        }
    }
}

/// All pairs of shares of the smallest ring, for every number of dropped bits.
#[test]
fn every_pair_of_shares_of_eight_bits() {
    let ring = Ring::new(8).unwrap();
    let client: Vec<i64> = (0..1 << 16).map(|i| i >> 8).collect();
    let server: Vec<i64> = (0..1 << 16).map(|i| i & 255).collect();
    let c = privet_ring::Shares::private(ring, &client);
    let s = privet_ring::Shares::private(ring, &server);
    for shift in 0..=6 {
        let (c, s, _) = run(
            Setting::default(),
            |p| p.relu_trunc(&c, shift, ring),
            |p| p.relu_trunc(&s, shift, ring),
        );
        let got = open(&c, &s).unwrap();
        for ((a, b), got) in client.iter().zip(&server).zip(got) {
            let x = ring.wrap(a + b);
            assert_eq!(got, x.max(0) >> shift, "{a} {b} {shift}");
        }
    }
}

#[test]
fn selection_and_bits_as_numbers() {
    for bits in WIDTHS {
        let ring = Ring::new(bits).unwrap();
        let values = values(ring, 2, 129);
        let (c, s) = split(ring, &values);
        let shape = Shape::FEW_BITS;
        let setting = Setting { shape, chunk: 64 };
        let (c, s, moved) = run(
            setting,
            |p| {
                let b = p.drelu(&c)?;
                Ok((p.mux(&b, &c)?, p.b2a(&b, ring)?))
            },
            |p| {
                let b = p.drelu(&s)?;
                Ok((p.mux(&b, &s)?, p.b2a(&b, ring)?))
            },
        );
        let expected: Vec<i64> = values.iter().map(|v| (*v).max(0)).collect();
        assert_eq!(open(&c.0, &s.0).unwrap(), expected);
        let expected: Vec<i64> = values.iter().map(|v| ring.wrap((*v >= 0).into())).collect();
        assert_eq!(open(&c.1, &s.1).unwrap(), expected);
        let cost = OpCost::chunked(129, 64, |n| {
            let mut cost = cost::drelu(n, bits, shape)?;
            cost.then(&cost::mux(n, bits), 1);
            cost.then(&cost::b2a(n, bits), 1);
            Ok::<_, privet_plan::compare::ShapeError>(cost)
        });
        check_cost(&moved, &cost.unwrap());
    }
}

/// More batches than are under way at once, whose messages overflow what the channel takes unread, in both directions: nobody waits for
/// ever, and all of a group wait as often as one.
#[test]
fn batches_side_by_side_neither_hang_nor_wait_more_often() {
    let (ring, chunk) = (Ring::new(37).unwrap(), 1 << 14);
    let values = values(ring, 12, 9 * chunk + 100);
    let (c, s) = split(ring, &values);
    for leaves in [Leaves::SharedAnd, Leaves::Transfer { digit_bits: 4 }] {
        let shape = Shape {
            leaves,
            ..Shape::FEW_TRANSFERS
        };
        let options = Options {
            window: 1 << 20,
            ..Options::default()
        };
        let sessions = Session::pair_with(&options).unwrap();
        let (c, s, moved) = run_over(
            sessions,
            Setting { shape, chunk },
            |p| p.relu_trunc(&c, 12, ring),
            |p| p.relu_trunc(&s, 12, ring),
        );
        let expected = values.iter().map(|v| floor_shift((*v).max(0), 12));
        assert!(open(&c, &s).unwrap().into_iter().eq(expected));
        let one = cost::relu_trunc(1, 37, 12, 37, shape).unwrap();
        assert_eq!(moved.flights, u64::from(2 * one.flights().count()));
        let cost = OpCost::chunked(values.len() as u64, chunk as u64, |n| {
            cost::relu_trunc(n, 37, 12, 37, shape)
        });
        let cost = cost.unwrap();
        let under_way = cost.client_bytes.min(cost.server_bytes) * SIDE_BY_SIDE as u64 / 10;
        assert!(leaves != Leaves::SharedAnd || under_way > 2 * options.window);
        check_cost(&moved, &cost);
    }
}
