//! Every standard block: meaning, budget, names.

use privet_netlists::{BlockSpec, Counts, Error, catalogue, eval, generate};

use crate::blocks::rows;

/// Writes the generators' counts where asked to, else holds them to the written ones.
#[test]
fn no_generated_block_grows() {
    let bless = std::env::var_os("PRIVET_BLESS").is_some();
    let mut text = String::new();
    for spec in catalogue::standard() {
        let name = spec.name();
        let counts = spec.generate().unwrap().counts();
        text += &format!("{name} {} {}\n", counts.ands, counts.xors + counts.invs);
        if !bless {
            let budget = catalogue::budget(&spec).unwrap_or_else(|| panic!("{name}: no budget"));
            assert!(counts.ands <= budget, "{name}: {counts:?}, budget {budget}");
        }
    }
    if bless {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/catalogue/budgets.txt");
        std::fs::write(path, &text).unwrap();
    }
}

#[test]
fn every_standard_block_has_its_meaning_and_its_ports() {
    for spec in catalogue::standard() {
        let name = spec.name();
        let (used, made) = (spec.netlist().unwrap(), spec.generate().unwrap());
        let rows = rows(&used, 512);
        for (row, got) in rows.iter().zip(eval::batch(&used, &rows).unwrap()) {
            let meaning = spec.meaning(row).unwrap();
            assert!(
                got == meaning || !spec.is_defined(row),
                "{name} on {row:x?}: {got:x?}"
            );
        }
        for netlist in [&*used, &made] {
            let ports = (netlist.inputs().to_vec(), netlist.outputs().to_vec());
            assert_eq!(spec.ports(), ports, "{name}");
        }
    }
}

#[test]
fn names_are_unique_and_found_again() {
    let blocks = catalogue::standard();
    let mut names: Vec<String> = blocks.iter().map(BlockSpec::name).collect();
    for (spec, name) in blocks.iter().zip(&names) {
        assert_eq!(catalogue::by_name(name), Some(*spec));
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), blocks.len());
}

#[test]
fn the_floors_of_the_literature_hold() {
    let floors = [
        ("add16", 15),
        ("sub16", 15),
        ("cmp16", 16),
        ("mux16", 16),
        ("relu16", 15),
        ("max16_n10", 288),
        ("argmax16_n10", 279),
        ("maxpool16_2x2", 93),
        ("dot_m8_a16_w16_l28", 8 * 250),
        ("dot1_m8_a16_w16_l28", 8 * 247),
        ("mul16_s12_o16", 277),
        ("mul16_s0_o16", 151),
        ("mul16_s12_o16_drop8", 218),
        ("div16_f12", 255),
        ("tanh16_f12", 119),
        ("sigmoid16_f12", 97),
    ];
    for (name, floor) in floors {
        let spec = catalogue::by_name(name).unwrap_or_else(|| panic!("{name} is not standard"));
        let counts = spec.netlist().unwrap().counts();
        assert!(counts.ands <= floor, "{name}: {counts:?}");
        assert!(catalogue::budget(&spec).unwrap() <= floor, "{name}");
    }
}

#[test]
fn a_block_of_absurd_size_is_refused_before_it_is_made() {
    for spec in [
        BlockSpec::TopK {
            bits: 52,
            count: 4096,
            best: 4096,
        },
        BlockSpec::Dot(generate::Dot {
            terms: u32::MAX,
            a_bits: 64,
            w_bits: 64,
            ring_bits: 63,
            drop: 0,
        }),
        BlockSpec::Max {
            bits: u32::MAX,
            count: u32::MAX,
        },
        BlockSpec::MaxPool {
            bits: 64,
            rows: u32::MAX,
            columns: u32::MAX,
        },
    ] {
        assert!(
            matches!(spec.netlist(), Err(Error::TooLarge { .. })),
            "{spec:?}"
        );
    }
    assert!(matches!(
        BlockSpec::Add { bits: 65 }.netlist(),
        Err(Error::Parameter { .. })
    ));
}

#[test]
fn a_meaning_wants_one_value_a_port() {
    for spec in catalogue::standard() {
        let ports = spec.netlist().unwrap().inputs().len();
        assert!(spec.meaning(&vec![0; ports]).is_ok());
        assert!(matches!(
            spec.meaning(&vec![0; ports + 1]),
            Err(Error::Shape { .. })
        ));
        assert!(matches!(
            spec.meaning(&vec![0; ports - 1]),
            Err(Error::Shape { .. })
        ));
    }
}

/// What Yosys made from the Verilog sources and what the generators make compute the same.
#[test]
fn committed_netlists_equal_generated_ones() {
    for name in catalogue::committed_names() {
        let spec = catalogue::by_name(name).unwrap_or_else(|| panic!("{name} is not standard"));
        let Some(committed) = spec.committed().unwrap() else {
            println!("{name}: the generator's is smaller");
            continue;
        };
        let made = spec.generate().unwrap();
        let (one, other) = (committed.counts(), made.counts());
        println!("{name}: committed {one:?}, generated {other:?}");
        let size = |counts: Counts| (counts.ands, counts.xors + counts.invs);
        assert!(size(one) <= size(other), "{name}");
        let mut random = crate::inputs::Random(9);
        for trial in 0..64 {
            let words: Vec<u64> = (0..made.input_bits())
                .map(|bit| match trial {
                    0 if bit < 64 => 1 << bit,
                    1 => 0,
                    2 => u64::MAX,
                    _ => random.next(),
                })
                .collect();
            let expected = eval::lanes(&made, &words).unwrap();
            assert_eq!(eval::lanes(&committed, &words).unwrap(), expected, "{name}");
        }
    }
}
