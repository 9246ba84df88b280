//! Every standard block: meaning, budget, names.

use privet_netlists::{BlockSpec, Error, catalogue, eval, generate};

use crate::blocks::rows;

#[test]
fn every_standard_block_has_its_meaning_and_keeps_its_budget() {
    let mut counts = String::new();
    for spec in catalogue::standard() {
        let name = spec.name();
        let netlist = spec.netlist().unwrap();
        let rows = rows(&netlist, 512);
        for (row, got) in rows.iter().zip(eval::batch(&netlist, &rows).unwrap()) {
            let meaning = spec.meaning(row).unwrap();
            assert!(
                got == meaning || !spec.is_defined(row),
                "{name} on {row:x?}: {got:x?}"
            );
        }
        counts += &format!("{name} {}\n", netlist.counts().ands);
    }
    if std::env::var_os("PRIVET_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/catalogue/budgets.txt");
        std::fs::write(path, &counts).unwrap();
        return;
    }
    for line in counts.lines() {
        let (name, ands) = line.split_once(' ').unwrap();
        let spec = catalogue::by_name(name).unwrap();
        let budget = catalogue::budget(&spec).unwrap_or_else(|| panic!("{name} has no budget"));
        assert!(
            ands.parse::<u64>().unwrap() <= budget,
            "{name}: {ands} ANDs, budget {budget}"
        );
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
