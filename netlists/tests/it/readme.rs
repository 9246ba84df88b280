//! The table of the blocks in `README.md` is what the catalogue says.

use std::fmt::Write as _;

use privet_netlists::activation::{Function, Precision, Table};
use privet_netlists::cordic::{Cordic, Range};
use privet_netlists::{BlockSpec, catalogue};

const HEAD: &str = "\
# privet-netlists

Boolean netlists with few AND gates. Under garbling XOR and INV are free and an AND costs two ciphertexts; in GMW every
AND level costs a round trip. Each block exists as a generator for any width (`src/generate`), the standard widths of
many also as Verilog (`verilog`), from which Yosys makes the netlists committed in `data` (`scripts/netlists`). The
smaller one is used: ANDs first, then other gates, the committed one where they are equal. Every block is held to its
meaning on integers. The counts below are the generators'.

The table is written by `PRIVET_BLESS=1 cargo test --release -p privet-netlists` and checked by the same test without
the variable; the counts in `src/catalogue/budgets.txt` may shrink and not grow. Error: greatest distance from the real
function in units of the last place over every input (clamped to the block's domain where it has one); no entry means
exact. Literal CORDIC converges for |x| up to 1.118 (2.236 for sigmoid) only: clamped to that, its error over all of Q3.12
is in brackets (where the result fits). DeepSecure: non-XOR gates of the same function at 16 bits in arXiv 1705.08963, Table 2.

| block | ANDs | XORs | INVs | AND depth | error | DeepSecure |
|---|---:|---:|---:|---:|---:|---:|
";

/// Figures of arXiv 1705.08963, Table 2.
fn deep_secure(name: &str) -> &'static str {
    match name {
        "add16" | "cmp16" | "mux16" => "16",
        "relu16" => "15",
        "max16_n10" => "288",
        "mul16_s12_o16" | "mul16_s12_o16_drop8" => "212",
        "div16_f12" => "361",
        "tanh16_f12" | "tanh16_f12_fine" | "cordic_tanh16_f12_full" => "3900",
        "cordic_tanh16_f12_literal" => "3900",
        "sigmoid16_f12" | "sigmoid16_f12_fine" | "cordic_sigmoid16_f12_full" => "3932",
        "cordic_sigmoid16_f12_literal" => "3932",
        _ => "",
    }
}

fn table_error(function: Function, bits: u32, frac: u32, precision: Precision) -> f64 {
    let table = Table::with_precision(function, bits, frac, precision).unwrap();
    let unit = f64::from(1u32 << frac);
    let (lo, hi) = table.domain();
    // Beyond 16 the functions are constant to far below the last place.
    let reach = (1i64 << (bits - 1)).min(16 << frac);
    let error = |x: i64| {
        (table.apply(x.clamp(lo, hi)) as f64 - function.exact(x as f64 / unit) * unit).abs()
    };
    (-reach..reach).map(error).fold(0.0, f64::max)
}

fn error(spec: &BlockSpec) -> String {
    let table = |function, bits, frac, precision| {
        format!("{:.2}", table_error(function, bits, frac, precision))
    };
    if let BlockSpec::Sigmoid { bits, frac } = *spec {
        table(Function::Sigmoid, bits, frac, Precision::Few)
    } else if let BlockSpec::Tanh { bits, frac } = *spec {
        table(Function::Tanh, bits, frac, Precision::Few)
    } else if let BlockSpec::Fine {
        function,
        bits,
        frac,
    } = *spec
    {
        table(function, bits, frac, Precision::Fine)
    } else if let BlockSpec::Cordic(cordic) = spec {
        cordic_error(cordic)
    } else if let BlockSpec::Mul(mul) = spec
        && mul.drop > 0
    {
        format!("≤ {:.2}", mul.error_bound())
    } else {
        String::new()
    }
}

fn cordic_error(cordic: &Cordic) -> String {
    let (lo, hi) = cordic.domain();
    let error = |x: i64| (cordic.apply(x.clamp(lo, hi)) as f64 - cordic.exact(x)).abs();
    let half = 1i64 << (cordic.bits - 1);
    let inside = (lo..=hi).map(error).fold(0.0, f64::max);
    let fits = |x: &i64| cordic.exact(*x) < half as f64;
    let outside = (-half..half).filter(fits).map(error).fold(0.0, f64::max);
    match cordic.range {
        Range::Literal => format!("{inside:.2} ({outside:.0})"),
        Range::Full => format!("{inside:.2}"),
    }
}

#[test]
fn the_table_is_up_to_date() {
    let mut text = HEAD.to_owned();
    for spec in catalogue::standard() {
        let name = spec.name();
        let counts = spec.generate().unwrap().counts();
        writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} |",
            counts.ands,
            counts.xors,
            counts.invs,
            counts.and_depth,
            error(&spec),
            deep_secure(&name),
        )
        .unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    if std::env::var_os("PRIVET_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    let differs = text
        .lines()
        .zip(committed.lines())
        .find(|(new, old)| new != old);
    assert_eq!(differs, None, "README.md is not what the catalogue says");
    assert_eq!(text.lines().count(), committed.lines().count());
}
