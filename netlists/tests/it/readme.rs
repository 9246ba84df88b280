//! The table of the blocks in `README.md` is what the catalogue says.

use std::fmt::Write as _;

use privet_netlists::catalogue::Accuracy;
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

fn error(spec: &BlockSpec) -> String {
    match (spec.accuracy(), spec) {
        (
            Some(Accuracy {
                error,
                beyond_domain: Some(beyond),
            }),
            _,
        ) => format!("{error:.2} ({beyond:.0})"),
        (
            Some(Accuracy {
                error,
                beyond_domain: None,
            }),
            _,
        ) => format!("{error:.2}"),
        (None, BlockSpec::Mul(mul)) if mul.drop > 0 => format!("≤ {:.2}", mul.error_bound()),
        _ => String::new(),
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
