//! CORDIC blocks: netlist against meaning on every input of the domain; error as stated.

use privet_netlists::cordic::{Cordic, Curve, Range};
use privet_netlists::{eval, generate};

fn greatest_error(spec: Cordic) -> f64 {
    let (lo, hi) = spec.domain();
    (lo..=hi)
        .map(|x| (spec.apply(x) as f64 - spec.exact(x)).abs())
        .fold(0.0, f64::max)
}

#[test]
fn every_input_of_the_domain_follows_the_meaning() {
    let cases = [
        (Curve::Tanh, Range::Literal, 16, 12, 10.5, 342),
        (Curve::Sigmoid, Range::Literal, 16, 12, 5.8, 348),
        (Curve::Exp, Range::Literal, 16, 12, 15.6, 201),
        (Curve::Tanh, Range::Full, 16, 12, 1.45, 566),
        (Curve::Sigmoid, Range::Full, 16, 12, 1.3, 551),
        (Curve::Exp, Range::Full, 16, 12, 2.0, 609),
        (Curve::Tanh, Range::Full, 16, 10, 2.0, 900),
        (Curve::Sigmoid, Range::Full, 14, 11, 2.0, 900),
        (Curve::Exp, Range::Full, 14, 10, 2.0, 900),
        (Curve::Tanh, Range::Literal, 12, 8, 12.0, 552),
    ];
    let mut within = true;
    for (curve, range, bits, frac, error, budget) in cases {
        let spec = Cordic {
            curve,
            range,
            bits,
            frac,
        };
        let netlist = generate::cordic(spec).unwrap();
        let (lo, hi) = spec.domain();
        let got_error = greatest_error(spec);
        println!(
            "{spec:?} {lo}..={hi}: {got_error:.3} ulp, {:?}",
            netlist.counts()
        );
        let rows: Vec<[u64; 1]> = (lo..=hi).map(|x| [eval::unsigned(x, bits)]).collect();
        for ((x, row), got) in (lo..=hi)
            .zip(&rows)
            .zip(eval::batch(&netlist, &rows).unwrap())
        {
            assert_eq!(
                eval::signed(got[0], bits),
                spec.apply(x),
                "{spec:?} {x} {row:?}"
            );
        }
        within &= got_error <= error && netlist.counts().ands <= budget;
    }
    assert!(within, "an error or a count is above its bound");
}
