//! Generated blocks against their meaning: exhaustive at small widths, edges and random values at
//! full width.

use privet_netlists::{Netlist, dot, eval, generate, meaning};

use crate::inputs::Random;

/// All values of the ports where they have at most 16 bits together, else edges and random values.
pub(crate) fn rows(netlist: &Netlist, samples: usize) -> Vec<Vec<u64>> {
    let widths: Vec<u32> = netlist.inputs().iter().map(|port| port.bits).collect();
    let total: u32 = widths.iter().sum();
    let split = |mut value: u64| -> Vec<u64> {
        let mut row = Vec::new();
        for &bits in &widths {
            row.push(value & eval::mask(bits));
            value >>= bits;
        }
        row
    };
    if total <= 16 {
        return (0..1u64 << total).map(split).collect();
    }
    let mut random = Random(total.into());
    let mut rows = Vec::new();
    for sample in 0..samples {
        let row = widths.iter().map(|&bits| {
            let any = random.next();
            let edge = match any % 9 {
                0 => 0,
                1 => u64::MAX,
                2 => 1 << (bits - 1),
                3 => (1 << (bits - 1)) - 1,
                4 => 1 << (any >> 58),
                5 => (1 << (any >> 58)) - 1,
                6 => (1u64 << (any >> 58)).wrapping_neg(),
                _ => random.next(),
            };
            (if sample % 2 == 0 { edge } else { random.next() }) & eval::mask(bits)
        });
        rows.push(row.collect());
    }
    rows
}

/// Holds a netlist to a meaning on unsigned port values.
pub(crate) fn check(name: &str, netlist: &Netlist, meaning: impl Fn(&[u64]) -> u64) {
    let rows = rows(netlist, 4096);
    let bits = netlist.outputs()[0].bits;
    for (row, got) in rows.iter().zip(eval::batch(netlist, &rows).unwrap()) {
        let expected = meaning(row) & eval::mask(bits);
        assert_eq!(got, vec![expected], "{name} on {row:x?}");
    }
}

const WIDTHS: [u32; 11] = [1, 2, 3, 4, 5, 7, 8, 16, 32, 37, 64];

#[test]
fn arithmetic_is_exact_and_within_budget() {
    for bits in WIDTHS {
        let s = |v: u64| eval::signed(v, bits);
        let n = u64::from(bits);
        let hold = |name: &str, netlist: Netlist, budget: u64, meaning: &dyn Fn(&[u64]) -> u64| {
            check(&format!("{name} {bits}"), &netlist, meaning);
            assert!(
                netlist.counts().ands <= budget,
                "{name} {bits}: {:?}",
                netlist.counts()
            );
        };
        hold("add", generate::add(bits).unwrap(), n - 1, &|r| {
            r[0].wrapping_add(r[1])
        });
        hold("sub", generate::sub(bits).unwrap(), n - 1, &|r| {
            r[0].wrapping_sub(r[1])
        });
        hold(
            "neg",
            generate::neg(bits).unwrap(),
            n.saturating_sub(2),
            &|r| r[0].wrapping_neg(),
        );
        hold("abs", generate::abs(bits).unwrap(), n - 1, &|r| {
            s(r[0]).unsigned_abs()
        });
        hold("cmp", generate::cmp(bits).unwrap(), n, &|r| {
            u64::from(s(r[0]) < s(r[1]))
        });
        hold("less", generate::cmp_unsigned(bits).unwrap(), n, &|r| {
            u64::from(r[0] < r[1])
        });
        hold("eq", generate::eq(bits).unwrap(), n - 1, &|r| {
            u64::from(r[0] == r[1])
        });
    }
}

#[test]
fn choice_is_exact_and_within_budget() {
    for bits in WIDTHS {
        let s = |v: u64| eval::signed(v, bits);
        let n = u64::from(bits);
        let mux = generate::mux(bits).unwrap();
        check("mux", &mux, |r| if r[0] == 1 { r[1] } else { r[2] });
        assert!(mux.counts().ands <= n);
        let relu = generate::relu(bits).unwrap();
        check("relu", &relu, |r| meaning::relu(s(r[0])) as u64);
        assert!(relu.counts().ands < n);
        for count in [1, 2, 3, 4, 5, 9, 10] {
            let signed = |r: &[u64]| -> Vec<i64> { r.iter().map(|&v| s(v)).collect() };
            let max = generate::max(bits, count).unwrap();
            check("max", &max, |r| *signed(r).iter().max().unwrap() as u64);
            assert!(max.counts().ands <= 2 * n * u64::from(count - 1));
            let min = generate::min(bits, count).unwrap();
            check("min", &min, |r| *signed(r).iter().min().unwrap() as u64);
            let argmax = generate::argmax(bits, count).unwrap();
            check("argmax", &argmax, |r| meaning::argmax(&signed(r)) as u64);
        }
    }
    assert!(generate::max(16, 10).unwrap().counts().ands <= 288);
    assert!(generate::argmax(16, 10).unwrap().counts().ands <= 279);
    assert!(generate::max_pool(16, 2, 2).unwrap().counts().ands <= 96);
}

#[test]
fn equal_values_give_the_lowest_index() {
    let netlist = generate::argmax(4, 10).unwrap();
    let mut random = Random(4);
    let rows: Vec<Vec<u64>> = (0..4096)
        .map(|_| (0..10).map(|_| random.next() % 3).collect())
        .collect();
    for (row, got) in rows.iter().zip(eval::batch(&netlist, &rows).unwrap()) {
        let top = row.iter().max().unwrap();
        assert_eq!(
            Some(got[0]),
            (0u64..).zip(row).find(|(_, v)| *v == top).map(|(i, _)| i)
        );
    }
}

#[test]
fn clamp_is_exact() {
    for bits in [1, 2, 3, 4, 5, 6] {
        let half = 1i64 << (bits - 1);
        for lo in -half..half {
            for hi in lo..half {
                let netlist = generate::clamp(bits, lo, hi).unwrap();
                check("clamp", &netlist, |r| {
                    eval::signed(r[0], bits).clamp(lo, hi) as u64
                });
            }
        }
    }
    for (lo, hi) in [
        (-16384, 16383),
        (0, 24576),
        (-8, 7),
        (-32768, 32767),
        (-100, 20000),
    ] {
        let netlist = generate::clamp(16, lo, hi).unwrap();
        check("clamp", &netlist, |r| {
            eval::signed(r[0], 16).clamp(lo, hi) as u64
        });
        assert!(
            netlist.counts().ands <= 46,
            "{lo} {hi} {:?}",
            netlist.counts()
        );
    }
    assert!(generate::clamp(16, -16384, 16383).unwrap().counts().ands <= 15);
    assert!(
        generate::clamp(64, i64::MIN, i64::MAX)
            .unwrap()
            .counts()
            .ands
            == 0
    );
    assert!(generate::clamp(8, -129, 0).is_err());
    assert!(generate::clamp(8, 1, 0).is_err());
}

#[test]
fn division_by_a_constant_is_exact() {
    for in_bits in [1, 2, 5, 9, 12] {
        for divisor in (1..=130).chain([169, 225, 1 << 9, 3 << 9, 12345, 1 << 32]) {
            let spec = generate::DivConst {
                in_bits,
                out_bits: in_bits + 1,
                divisor,
            };
            let netlist = generate::div_const(spec).unwrap();
            let name = format!("{in_bits} / {divisor}");
            check(&name, &netlist, |r| {
                meaning::div_const(eval::signed(r[0], in_bits), divisor) as u64
            });
        }
    }
    for in_bits in [16, 28, 37, 64] {
        for divisor in [
            1,
            2,
            3,
            4,
            5,
            7,
            9,
            25,
            49,
            169,
            4 << 12,
            169 << 12,
            u64::from(u32::MAX),
        ] {
            for out_bits in [8, 16, 64] {
                let spec = generate::DivConst {
                    in_bits,
                    out_bits,
                    divisor,
                };
                let netlist = generate::div_const(spec).unwrap();
                let name = format!("{in_bits} / {divisor}");
                check(&name, &netlist, |r| {
                    meaning::div_const(eval::signed(r[0], in_bits), divisor) as u64
                });
            }
        }
    }
    let spec = |divisor| generate::DivConst {
        in_bits: 16,
        out_bits: 16,
        divisor,
    };
    assert!(generate::div_const(spec(0)).is_err());
    assert!(generate::div_const(spec(u64::MAX)).is_err());
}

#[test]
fn average_pool_is_exact() {
    for cells in [1, 2, 4, 9, 49] {
        let spec = generate::DivConst {
            in_bits: 16,
            out_bits: 16,
            divisor: cells.into(),
        };
        let netlist = generate::avg_pool(cells, spec).unwrap();
        check("avg_pool", &netlist, |r| {
            let sum: i64 = r.iter().map(|&v| eval::signed(v, 16)).sum();
            meaning::div_const(sum, cells.into()) as u64
        });
    }
}

fn dot_spec(terms: u32, a_bits: u32, w_bits: u32, ring_bits: u32) -> generate::Dot {
    generate::Dot {
        terms,
        a_bits,
        w_bits,
        ring_bits,
        drop: 0,
    }
}

#[test]
fn dot_chunks_are_exact() {
    let shapes = [
        (1, 1, 1, 1, 0),
        (1, 2, 3, 4, 0),
        (1, 2, 3, 4, 1),
        (2, 3, 2, 5, 0),
        (2, 3, 2, 5, 2),
        (3, 4, 8, 6, 0),
        (5, 8, 3, 12, 0),
        (5, 8, 3, 12, 7),
        (8, 16, 16, 28, 0),
        (8, 16, 13, 28, 0),
        (8, 16, 13, 28, 8),
        (3, 25, 14, 37, 0),
        (3, 25, 14, 37, 24),
        (2, 16, 16, 63, 0),
        (2, 1, 64, 63, 0),
    ];
    for (terms, a_bits, w_bits, ring_bits, drop) in shapes {
        let m = terms as usize;
        let spec = generate::Dot {
            drop,
            ..dot_spec(terms, a_bits, w_bits, ring_bits)
        };
        let meaning = |acc, r: &[u64]| {
            let a: Vec<i64> = r[..m].iter().map(|&v| eval::signed(v, a_bits)).collect();
            meaning::dot(acc, &a, &r[m..2 * m], spec)
        };
        let with = generate::dot(spec).unwrap();
        check("dot", &with, |r| meaning(r[2 * m], r));
        let without = generate::dot_standalone(spec).unwrap();
        check("dot alone", &without, |r| meaning(0, r));
        assert!(without.counts().ands <= with.counts().ands);
    }
}

/// A product with columns omitted is the exact one at double scale less what [`dot::omitted`] says, whose mean over all activations is the
/// compensation; omitting saves gates.
#[test]
fn what_products_omit_is_counted() {
    let (a_bits, w_bits, ring_bits) = (8, 5, 20);
    let mut ands = u64::MAX;
    for drop in 0..a_bits {
        let spec = generate::Dot {
            drop,
            ..dot_spec(1, a_bits, w_bits, ring_bits)
        };
        let netlist = generate::dot(spec).unwrap();
        assert!(netlist.counts().ands <= ands, "{drop}");
        ands = netlist.counts().ands;
        let compensation = dot::compensation(w_bits, drop);
        for w in -16i64..16 {
            let mut sum = 0;
            for a in -128i64..128 {
                let correction = dot::correction(&[w], a_bits, w_bits, ring_bits);
                let first = dot::first(5, correction, a, ring_bits);
                let digits = [dot::digits(w, w_bits)];
                let got = meaning::dot(first, &[a], &digits, spec);
                let omitted = dot::omitted(a, w, w_bits, drop);
                sum += omitted;
                let expected = (2 * (w * a + 5) - omitted as i64) as u64;
                assert_eq!(got, expected & eval::mask(ring_bits + 1), "{drop} {w} {a}");
                assert!(omitted <= 2 * compensation + 1);
            }
            assert_eq!(sum / 256, compensation, "{drop} {w}");
        }
    }
    for (a_bits, drop) in [(8, 8), (32, 25), (1, 1)] {
        let spec = generate::Dot {
            drop,
            ..dot_spec(1, a_bits, 5, 20)
        };
        assert!(generate::dot(spec).is_err());
    }
}

/// Chunks, correction and sum netlist together give `Σ w·a + bias mod 2^L`.
#[test]
fn chunks_make_a_dot_product() {
    for (a_bits, w_bits, ring_bits) in [(16, 16, 28), (8, 3, 20), (16, 13, 28), (25, 14, 37)] {
        let chunk = generate::dot(dot_spec(4, a_bits, w_bits, ring_bits)).unwrap();
        let sum_spec = generate::Sum {
            terms: 4,
            a_bits,
            acc_bits: ring_bits + 1,
        };
        let sum_chunk = generate::sum(sum_spec).unwrap();
        let sub = generate::sub(ring_bits + 1).unwrap();
        let mut random = Random(u64::from(a_bits + w_bits));
        for trial in 0..200 {
            let mut draw = |bits: u32| match (trial, random.next()) {
                (0, _) => -1i64 << (bits - 1),
                (1, _) => (1i64 << (bits - 1)) - 1,
                (_, any) => eval::signed(any, bits),
            };
            let a: Vec<i64> = (0..12).map(|_| draw(a_bits)).collect();
            let w: Vec<i64> = (0..12).map(|_| draw(w_bits)).collect();
            let bias = draw(ring_bits);
            let (mut acc, mut total) = (0, 0);
            for a in a.chunks(4) {
                let mut row: Vec<u64> = a.iter().map(|&v| eval::unsigned(v, a_bits)).collect();
                row.push(total);
                total = eval::integers(&sum_chunk, &row).unwrap()[0];
            }
            let sum: i64 = a.iter().sum();
            assert_eq!(total, eval::unsigned(sum, ring_bits + 1));
            let correction = dot::correction(&w, a_bits, w_bits, ring_bits);
            let constant = (bias as u64).wrapping_mul(2).wrapping_add(correction);
            acc += eval::integers(&sub, &[constant, total]).unwrap()[0];
            assert_eq!(acc, dot::first(bias, correction, sum, ring_bits));
            for (a, w) in a.chunks(4).zip(w.chunks(4)) {
                let mut row: Vec<u64> = a.iter().map(|&v| eval::unsigned(v, a_bits)).collect();
                row.extend(w.iter().map(|&v| dot::digits(v, w_bits)));
                row.push(acc);
                acc = eval::integers(&chunk, &row).unwrap()[0];
            }
            let exact: i128 = a
                .iter()
                .zip(&w)
                .map(|(&a, &w)| i128::from(a) * i128::from(w))
                .sum();
            let expected = meaning::wrap(exact + i128::from(bias), ring_bits);
            assert_eq!(eval::signed(acc >> 1, ring_bits), expected);
            assert_eq!(acc & 1, 0);
        }
    }
}

#[test]
fn dot_is_within_budget() {
    for terms in [8, 16, 32] {
        let spec = dot_spec(terms, 16, 16, 28);
        let counts = generate::dot(spec).unwrap().counts();
        println!(
            "dot {terms}: {counts:?} {}",
            counts.ands as f64 / f64::from(terms)
        );
        assert!(counts.ands <= 250 * u64::from(terms));
        assert!(counts.invs <= 29);
        let counts = generate::dot_standalone(spec).unwrap().counts();
        println!(
            "standalone {terms}: {counts:?} {}",
            counts.ands as f64 / f64::from(terms)
        );
        assert!(counts.ands <= 247 * u64::from(terms));
    }
}

#[test]
fn products_are_exact() {
    use generate::{Mul, mul};
    let product = |r: &[u64], bits| {
        i128::from(eval::signed(r[0], bits)) * i128::from(eval::signed(r[1], bits))
    };
    let mut specs = Vec::new();
    for bits in [2, 3, 5, 8, 16, 32, 37, 64] {
        specs.push(Mul::low(bits));
        specs.push(Mul::fixed(bits, bits / 2 + 1));
        if bits <= 32 {
            specs.push(Mul::full(bits));
        }
    }
    specs.push(Mul::fixed(16, 12));
    for spec in specs {
        let netlist = mul(spec).unwrap();
        let name = format!("{spec:?} {:?}", netlist.counts());
        check(&name, &netlist, |r| {
            meaning::wrap(product(r, spec.bits) >> spec.shift, 64) as u64
        });
    }
    let ands = |spec| mul(spec).unwrap().counts().ands;
    assert!(ands(Mul::low(16)) <= 151, "{}", ands(Mul::low(16)));
    assert!(
        ands(Mul::fixed(16, 12)) <= 277,
        "{}",
        ands(Mul::fixed(16, 12))
    );
}

#[test]
fn truncated_products_keep_their_error_bound() {
    use generate::{Mul, mul};
    for (bits, frac, drop) in [(8, 6, 4), (8, 4, 4), (16, 12, 8), (16, 12, 4), (16, 10, 7)] {
        let spec = Mul {
            drop,
            ..Mul::fixed(bits, frac)
        };
        let netlist = mul(spec).unwrap();
        let rows = rows(&netlist, 20000);
        let mut worst = 0f64;
        for (row, got) in rows.iter().zip(eval::batch(&netlist, &rows).unwrap()) {
            let (a, b) = (eval::signed(row[0], bits), eval::signed(row[1], bits));
            let exact = (a * b) as f64 / 2f64.powi(frac as i32);
            assert_eq!(
                got[0],
                eval::unsigned(meaning::mul(a, b, spec), bits),
                "{spec:?} {a} {b}"
            );
            if exact.abs() + spec.error_bound() < 2f64.powi(bits as i32 - 1) {
                worst = worst.max((eval::signed(got[0], bits) as f64 - exact).abs());
            }
            assert!(
                a != 0 && b != 0 || got[0] == 0 || spec.error_bound() >= 1.0,
                "{spec:?} {a} {b}"
            );
        }
        println!(
            "{spec:?}: {worst} of {}, {:?}",
            spec.error_bound(),
            netlist.counts()
        );
        assert!(worst <= spec.error_bound(), "{spec:?}: {worst}");
    }
    let spec = Mul {
        drop: 8,
        ..Mul::fixed(16, 12)
    };
    assert!(mul(spec).unwrap().counts().ands <= 218);
}

#[test]
fn products_with_constants_are_exact() {
    for constant in (-70..70).chain([i64::MAX, i64::MIN, 0x5555, -12345]) {
        for (bits, out_bits) in [(1, 3), (6, 12), (6, 4), (9, 20), (64, 64)] {
            let spec = generate::MulConst {
                bits,
                out_bits,
                constant,
            };
            let netlist = generate::mul_const(spec).unwrap();
            check("mul_const", &netlist, |r| {
                (eval::signed(r[0], bits) as u64).wrapping_mul(constant as u64)
            });
        }
    }
}

#[test]
fn quotients_are_exact() {
    use generate::{Div, div};
    for (bits, frac) in [
        (2, 0),
        (2, 1),
        (3, 0),
        (3, 1),
        (5, 2),
        (8, 0),
        (8, 5),
        (8, 7),
        (16, 12),
    ] {
        let spec = Div { bits, frac };
        let netlist = div(spec).unwrap();
        println!("{spec:?} {:?}", netlist.counts());
        let mut defined = 0;
        let rows = rows(&netlist, 20000);
        for (row, got) in rows.iter().zip(eval::batch(&netlist, &rows).unwrap()) {
            let (a, b) = (eval::signed(row[0], bits), eval::signed(row[1], bits));
            if spec.is_defined(a, b) {
                defined += 1;
                let scaled = a << frac;
                let expected = scaled.div_euclid(b) - i64::from(b < 0 && scaled.rem_euclid(b) != 0);
                assert_eq!(eval::signed(got[0], bits), expected, "{spec:?} {a} / {b}");
            }
        }
        assert!(defined * 8 > rows.len(), "{spec:?}: {defined}");
    }
    assert!(div(Div { bits: 16, frac: 12 }).unwrap().counts().ands <= 255);
}

/// Depth variants compute the same in few AND levels.
#[test]
fn shallow_blocks_are_exact_and_shallow() {
    for bits in WIDTHS {
        let s = |v: u64| eval::signed(v, bits);
        let log = 32 - (bits - 1).leading_zeros();
        let add = generate::add_shallow(bits).unwrap();
        check("add", &add, |r| r[0].wrapping_add(r[1]));
        assert!(
            add.counts().and_depth <= 1 + log,
            "{bits}: {:?}",
            add.counts()
        );
        let sub = generate::sub_shallow(bits).unwrap();
        check("sub", &sub, |r| r[0].wrapping_sub(r[1]));
        assert!(
            sub.counts().and_depth <= 1 + log,
            "{bits}: {:?}",
            sub.counts()
        );
        let cmp = generate::cmp_shallow(bits).unwrap();
        check("cmp", &cmp, |r| u64::from(s(r[0]) < s(r[1])));
        assert!(
            cmp.counts().and_depth <= 1 + log,
            "{bits}: {:?}",
            cmp.counts()
        );
        for count in [1, 2, 3, 5, 10] {
            let signed = |r: &[u64]| -> Vec<i64> { r.iter().map(|&v| s(v)).collect() };
            let max = generate::max_shallow(bits, count).unwrap();
            check("max", &max, |r| *signed(r).iter().max().unwrap() as u64);
            let argmax = generate::argmax_shallow(bits, count).unwrap();
            check("argmax", &argmax, |r| meaning::argmax(&signed(r)) as u64);
        }
    }
}
