//! Sigmoid and tanh: netlist against meaning on every input, error and budget.

use privet_netlists::activation::{Function, Precision, Table};
use privet_netlists::{eval, generate, meaning};

/// Greatest error in units of the last place over every 16-bit input, clamped to the domain.
fn greatest_error(table: &Table, frac: u32, function: Function) -> f64 {
    let unit = f64::from(1u32 << frac);
    let (lo, hi) = table.domain();
    let exact = |x: f64| match function {
        Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Function::Tanh => x.tanh(),
    };
    let error = |x: i64| {
        let got = table.apply(x.clamp(lo, hi)) as f64;
        (got - exact(x as f64 / unit) * unit).abs()
    };
    (-32768..32768).map(error).fold(0.0, f64::max)
}

#[test]
fn sixteen_bits_are_within_error_and_budget() {
    let cases = [
        (Function::Sigmoid, 12, 1.59, 97),
        (Function::Sigmoid, 11, 1.20, 95),
        (Function::Sigmoid, 10, 1.09, 86),
        (Function::Tanh, 12, 1.82, 110),
        (Function::Tanh, 11, 1.07, 103),
        (Function::Tanh, 10, 1.01, 95),
    ];
    for (function, frac, error, budget) in cases {
        let table = Table::new(function, 16, frac).unwrap();
        let got = greatest_error(&table, frac, function);
        let netlist = match function {
            Function::Sigmoid => generate::sigmoid(16, frac).unwrap(),
            Function::Tanh => generate::tanh(16, frac).unwrap(),
        };
        println!("{function:?} {frac}: {got:.3} ulp, {:?}", netlist.counts());
        assert!(got <= error, "{function:?} {frac}: {got}");
        assert!(
            netlist.counts().ands <= budget,
            "{function:?} {frac}: {:?}",
            netlist.counts()
        );
        let rows: Vec<[u64; 1]> = (0..65536).map(|x| [x]).collect();
        for (row, got) in rows.iter().zip(eval::batch(&netlist, &rows).unwrap()) {
            let expected = table.apply(eval::signed(row[0], 16));
            assert_eq!(
                eval::signed(got[0], 16),
                expected,
                "{function:?} {frac} {row:?}"
            );
        }
    }
}

#[test]
fn the_fine_tables_are_finer() {
    let cases = [
        (Function::Sigmoid, 12, 1.1, 130),
        (Function::Sigmoid, 11, 1.1, 115),
        (Function::Sigmoid, 10, 1.1, 105),
        (Function::Tanh, 12, 1.39, 191),
        (Function::Tanh, 11, 1.1, 180),
        (Function::Tanh, 10, 1.1, 170),
    ];
    for (function, frac, error, budget) in cases {
        let table = Table::with_precision(function, 16, frac, Precision::Fine).unwrap();
        let got = greatest_error(&table, frac, function);
        let netlist = generate::tabulated(function, 16, frac, Precision::Fine).unwrap();
        println!(
            "{function:?} {frac} fine: {got:.3} ulp, {:?}",
            netlist.counts()
        );
        assert!(got <= error, "{function:?} {frac}: {got}");
        assert!(
            netlist.counts().ands <= budget,
            "{function:?} {frac}: {:?}",
            netlist.counts()
        );
        let rows: Vec<[u64; 1]> = (0..65536).map(|x| [x]).collect();
        for (row, got) in rows.iter().zip(eval::batch(&netlist, &rows).unwrap()) {
            let expected = table.apply(eval::signed(row[0], 16));
            assert_eq!(
                eval::signed(got[0], 16),
                expected,
                "{function:?} {frac} {row:?}"
            );
        }
    }
}

#[test]
fn other_widths_follow_their_meaning() {
    for function in [Function::Sigmoid, Function::Tanh] {
        for (bits, frac) in [
            (3, 2),
            (4, 3),
            (8, 4),
            (8, 5),
            (8, 7),
            (12, 9),
            (32, 12),
            (20, 14),
        ] {
            let netlist = match function {
                Function::Sigmoid => generate::sigmoid(bits, frac).unwrap(),
                Function::Tanh => generate::tanh(bits, frac).unwrap(),
            };
            crate::blocks::check(function.name(), &netlist, |r| {
                let x = eval::signed(r[0], bits);
                let y = match function {
                    Function::Sigmoid => meaning::sigmoid(x, bits, frac),
                    Function::Tanh => meaning::tanh(x, bits, frac),
                };
                y.unwrap() as u64
            });
            let table = Table::new(function, bits, frac).unwrap();
            let unit = f64::from(1u32 << frac);
            let (lo, hi) = table.domain();
            let error =
                |x: i64| (table.apply(x) as f64 - function.exact(x as f64 / unit) * unit).abs();
            let worst = (lo..=hi).map(error).fold(0.0, f64::max);
            // Curvature alone costs 2^frac/16^2/16 of tanh's 0.77.
            let bound = 1.1 + unit * 0.0002;
            assert!(worst <= bound, "{function:?} {bits} {frac}: {worst}");
        }
    }
    for (bits, frac) in [(16, 1), (16, 17), (12, 12), (65, 12)] {
        assert!(Table::new(Function::Tanh, bits, frac).is_err());
    }
}

#[test]
fn the_floating_point_reference_is_exact_enough() {
    for i in -4000..4000 {
        let x = f64::from(i) / 250.0;
        assert!((Function::Tanh.exact(x) - x.tanh()).abs() < 1e-12);
        assert!((Function::Sigmoid.exact(x) - 1.0 / (1.0 + (-x).exp())).abs() < 1e-12);
    }
}
