//! Wrong calls are errors; wrong tables are wrong labels.

use privet_garble::{Error, Evaluator, InputClass, Program};
use privet_netlists::generate;
use privet_prim::{Block, Prg};

use crate::table::{Case, inputs};

fn case() -> Case {
    let netlist = generate::relu(8).unwrap();
    let bits = inputs(&netlist, 6, 1);
    Case::new(&netlist, &[InputClass::Mixed; 8], &bits, 1)
}

#[test]
fn classes_must_fit_the_netlist() {
    let netlist = generate::relu(8).unwrap();
    assert!(matches!(
        Program::compile(&netlist, &[InputClass::Mixed; 7]),
        Err(Error::Classes {
            expected: 8,
            got: 7
        })
    ));
}

#[test]
fn buffers_must_fit_the_program() {
    let mut case = case();
    let (_, tables) = case.garble().unwrap();
    assert!(matches!(
        case.evaluate(&tables[1..]),
        Err(Error::Buffers(_))
    ));
    assert!(matches!(case.evaluate(&[]), Err(Error::Buffers(_))));
    let mut garbler = case.garbler();
    let mut short = vec![Block::ZERO; 5];
    let mut all = tables;
    let program = &case.program;
    let result = garbler.garble(program, 0, 6, &case.zero, &mut short, &mut all);
    assert!(matches!(result, Err(Error::Buffers(_))));
    let mut out = vec![Block::ZERO; program.outputs() * 6];
    let result = garbler.garble(program, 0, usize::MAX, &case.zero, &mut out, &mut all);
    assert!(matches!(result, Err(Error::Buffers(_))));
    let result = garbler.garble(program, u64::MAX - 3, 6, &case.zero, &mut out, &mut all);
    assert!(matches!(result, Err(Error::Buffers(_))));
    case.zero.pop();
    assert!(matches!(case.garble(), Err(Error::Buffers(_))));
}

#[test]
fn parts_come_in_order_and_to_the_end() {
    let case = case();
    let cut = case.program.cut(6, 200);
    let mut evaluator = Evaluator::new(case.session);
    let evaluation = evaluator
        .begin(&case.program, &cut, case.tweak, &case.active)
        .unwrap();
    let left = cut.part_bytes().count();
    assert!(left > 1);
    let result = evaluation.finish(&mut []);
    assert!(matches!(result, Err(Error::Unfinished { left: parts }) if parts == left));
    assert!(
        evaluator
            .begin(&case.program, &cut, case.tweak, &case.active[1..])
            .is_err()
    );
    let mut garbler = case.garbler();
    let mut garbling = garbler
        .begin(&case.program, &cut, case.tweak, &case.zero)
        .unwrap();
    assert!(garbling.garble_next(&mut [0; 3]).is_err());
}

#[test]
fn any_bytes_serve_as_tables() {
    let case = case();
    let (zero, tables) = case.garble().unwrap();
    let mut prg = Prg::random();
    let mut noise = vec![0; tables.len()];
    prg.fill_bytes(&mut noise);
    for wrong in [vec![0; tables.len()], vec![0xff; tables.len()], noise] {
        let active = case.evaluate(&wrong).unwrap();
        let is_label = |(x, z): (&Block, &Block)| *x == *z || *x == *z ^ case.delta;
        assert!(active.iter().zip(&zero).any(|pair| !is_label(pair)));
    }
    for bit in 0..8 * tables.len() {
        let mut wrong = tables.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        case.evaluate(&wrong).unwrap();
    }
}

#[test]
fn a_wrong_tweak_or_session_opens_nothing() {
    let mut case = case();
    let (zero, tables) = case.garble().unwrap();
    let right = case.evaluate(&tables).unwrap();
    case.tweak += 1;
    let wrong = case.evaluate(&tables).unwrap();
    assert_ne!(right, wrong);
    case.tweak -= 1;
    case.session ^= Block::from(1u128 << 127);
    let wrong = case.evaluate(&tables).unwrap();
    let is_label = |(x, z): (&Block, &Block)| *x == *z || *x == *z ^ case.delta;
    assert!(wrong.iter().zip(&zero).any(|pair| !is_label(pair)));
}

#[test]
fn secrets_do_not_print() {
    let case = case();
    assert_eq!(format!("{:?}", case.garbler()), "Garbler(secret)");
    assert_eq!(
        format!("{:?}", Evaluator::new(case.session)),
        "Evaluator(secret)"
    );
}
