//! Catalogue-like and random netlists under every class of inputs.

use privet_garble::{InputClass, Program};
use privet_netlists::{Bit, Builder, Netlist, generate};
use privet_prim::{Block, Prg};

use crate::table::{Case, check, clear, inputs};

const CLASSES: [InputClass; 4] = [
    InputClass::Mixed,
    InputClass::Garbler,
    InputClass::Evaluator,
    InputClass::Public,
];

/// A netlist of random gates; all wires without a reader are outputs, and some constants.
fn random_netlist(prg: &mut Prg, inputs: u32, gates: usize) -> Netlist {
    let mut builder = Builder::new();
    let mut wires = builder.input("x", inputs);
    let pick = |prg: &mut Prg, wires: &[Bit]| {
        let bits = prg.next_u64();
        let span = wires.len().min(if bits & 2 == 0 { 12 } else { usize::MAX });
        let at = usize::try_from(bits >> 8).unwrap() % span;
        wires[wires.len() - 1 - at].flip(bits & 1 == 1)
    };
    for _ in 0..gates {
        let (a, b) = (pick(prg, &wires), pick(prg, &wires));
        let c = if prg.next_u64() & 1 == 0 {
            builder.and(a, b)
        } else {
            builder.xor(a, b)
        };
        wires.push(c);
    }
    let mut outputs: Vec<Bit> = wires.iter().rev().take(20).copied().collect();
    outputs.extend([
        Bit::constant(false),
        Bit::constant(true),
        wires[0],
        !wires[0],
    ]);
    builder.output("y", &outputs);
    builder.finish().unwrap()
}

#[test]
fn two_bit_gates_under_every_pair_of_classes() {
    for class_a in CLASSES {
        for class_b in CLASSES {
            for flips in 0..4 {
                let mut builder = Builder::new();
                let x = builder.input("x", 2);
                let (a, b) = (x[0].flip(flips & 1 == 1), x[1].flip(flips & 2 == 2));
                let (and, xor) = (builder.and(a, b), builder.xor(a, b));
                let again = builder.and(and, !xor);
                let more = builder.and(!xor, b);
                let sum = builder.xor(again, more);
                builder.output("y", &[and, !and, xor, !xor, again, more, sum, a, !b]);
                let netlist = builder.finish().unwrap();
                check(&netlist, &[class_a, class_b], 5, flips);
            }
        }
    }
}

#[test]
fn random_netlists_under_random_classes() {
    let mut prg = Prg::new(Block::from(1u128));
    for seed in 0..150 {
        let inputs = 2 + u32::try_from(prg.next_u64() % 9).unwrap();
        let netlist = random_netlist(&mut prg, inputs, 60);
        let classes: Vec<InputClass> = (0..inputs)
            .map(|_| CLASSES[usize::try_from(prg.next_u64() % 4).unwrap()])
            .collect();
        let lanes = [1, 2, 3, 4, 7, 8, 15, 16, 17, 32, 33][(seed % 11) as usize];
        check(&netlist, &classes, lanes, seed);
    }
}

#[test]
fn blocks_of_a_network_under_every_class_of_each_port() {
    let netlists = [
        generate::add(8).unwrap(),
        generate::sub(16).unwrap(),
        generate::cmp(16).unwrap(),
        generate::mux(8).unwrap(),
        generate::relu(16).unwrap(),
        generate::max(8, 3).unwrap(),
        generate::argmax(6, 5).unwrap(),
    ];
    for (seed, netlist) in (0..).zip(&netlists) {
        let ports = netlist.inputs();
        for choice in 0..1usize << (2 * ports.len().min(3)) {
            let classes: Vec<InputClass> = (0..)
                .zip(ports)
                .flat_map(|(at, port)| {
                    vec![CLASSES[choice >> (2 * (at % 3)) & 3]; port.bits as usize]
                })
                .collect();
            check(netlist, &classes, 17, seed * 100 + choice as u64);
        }
    }
}

#[test]
fn constants_and_no_lanes() {
    let mut builder = Builder::new();
    builder.input("x", 1);
    builder.output("y", &[Bit::TRUE, Bit::FALSE]);
    let netlist = builder.finish().unwrap();
    for class in CLASSES {
        check(&netlist, &[class], 3, 0);
        let case = Case::new(&netlist, &[class], &[Vec::new()], 0);
        assert!(case.run().tables.is_empty());
    }
}

/// Ciphertexts per instance of `a ∧ b` for classes in the order of `CLASSES`.
#[test]
fn an_and_costs_what_the_table_says() {
    let mut builder = Builder::new();
    let x = builder.input("x", 2);
    let and = builder.and(x[0], x[1]);
    builder.output("y", &[and]);
    let netlist = builder.finish().unwrap();
    let costs = [[2, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]];
    for (a, row) in CLASSES.iter().zip(costs) {
        for (b, cost) in CLASSES.iter().zip(row) {
            let program = Program::compile(&netlist, &[*a, *b]).unwrap();
            assert_eq!(program.tables_per_instance(), cost, "{a:?} {b:?}");
            assert_eq!(program.table_bytes(16), 256 * cost);
        }
    }
}

#[test]
fn a_mixed_netlist_costs_32_bytes_an_and() {
    let netlist = generate::argmax(16, 10).unwrap();
    let classes = vec![InputClass::Mixed; netlist.input_bits()];
    let program = Program::compile(&netlist, &classes).unwrap();
    assert_eq!(program.table_bytes(1) as u64, 32 * netlist.counts().ands);
}

#[test]
fn parts_give_the_same_as_the_whole() {
    let netlist = generate::max(8, 4).unwrap();
    let classes = [vec![InputClass::Mixed; 24], vec![InputClass::Evaluator; 8]].concat();
    let bits = inputs(&netlist, 19, 3);
    let case = Case::new(&netlist, &classes, &bits, 3);
    let whole = case.run();
    for max in [0, 16 * 19, 32 * 19, 5000, usize::MAX] {
        let cut = case.program.cut(19, max);
        let mut tables = Vec::new();
        let mut garbler = case.garbler();
        let mut garbling = garbler
            .begin(&case.program, &cut, case.tweak, &case.zero)
            .unwrap();
        while let Some(bytes) = garbling.next_bytes() {
            assert!(bytes <= max.max(32 * 19));
            let mut part = vec![0; bytes];
            garbling.garble_next(&mut part).unwrap();
            tables.push(part);
        }
        assert!(garbling.garble_next(&mut []).is_err());
        let mut zero = vec![Block::ZERO; whole.zero.len()];
        garbling.finish(&mut zero).unwrap();
        assert_eq!(tables.concat(), whole.tables);
        assert_eq!(zero, whole.zero);
        assert_eq!(
            cut.part_bytes().collect::<Vec<_>>(),
            tables.iter().map(Vec::len).collect::<Vec<_>>()
        );
        let mut evaluator = privet_garble::Evaluator::new(case.session);
        let mut evaluation = evaluator
            .begin(&case.program, &cut, case.tweak, &case.active)
            .unwrap();
        for part in &tables {
            assert_eq!(evaluation.next_bytes(), Some(part.len()));
            evaluation.evaluate_next(part).unwrap();
        }
        let mut active = vec![Block::ZERO; whole.zero.len()];
        evaluation.finish(&mut active).unwrap();
        assert_eq!(active, whole.active);
    }
    assert_eq!(case.open(&whole), clear(&netlist, &bits));
}

#[test]
fn slots_are_few_where_few_wires_are_alive() {
    let netlist = generate::add(64).unwrap();
    let classes = vec![InputClass::Mixed; 128];
    let program = Program::compile(&netlist, &classes).unwrap();
    // 64 sums and a carry's worth of others.
    assert!(program.slots().0 <= 70, "{:?}", program.slots());
}

#[test]
fn outputs_feed_the_next_program() {
    // max(max(a, b), c) in two programs of different tweaks, b known to the garbler.
    let netlist = generate::max(8, 2).unwrap();
    let first = [vec![InputClass::Mixed; 8], vec![InputClass::Garbler; 8]].concat();
    let bits = inputs(&netlist, 16, 9);
    let one = Case::new(&netlist, &first, &bits, 9);
    let out = one.run();
    let classes = [
        one.program.output_classes().to_vec(),
        vec![InputClass::Mixed; 8],
    ]
    .concat();
    let middle = one.open(&out);
    let more = inputs(&netlist, 16, 10);
    let second = [middle, more[8..].to_vec()].concat();
    let mut two = Case::new(&netlist, &classes, &second, 10);
    (two.delta, two.session) = (one.delta, one.session);
    two.tweak = one.tweak + 16 * one.program.tables_per_instance() as u64;
    let mut prg = Prg::random();
    let mut fresh = vec![Block::ZERO; 8 * 16];
    prg.fill_blocks(&mut fresh);
    two.zero = [out.zero.clone(), fresh.clone()].concat();
    let label = |(zero, bit): (&Block, &bool)| *zero ^ one.delta.select(*bit);
    let active: Vec<Block> = fresh
        .iter()
        .zip(second[8..].iter().flatten())
        .map(label)
        .collect();
    two.active = [out.active, active].concat();
    assert_eq!(two.open(&two.run()), clear(&netlist, &second));
}
