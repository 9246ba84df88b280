//! Repeated labels must leak nothing: AND(x, x), AND(x, ¬x), equal instances, labels of zero.

use std::collections::HashSet;

use privet_garble::InputClass;
use privet_netlists::{Builder, Netlist};
use privet_prim::{Aes128, Block, Prg};

use crate::table::Case;

/// `a ∧ b`, or `a ∧ ¬b`.
fn and_gate(flip: bool) -> Netlist {
    let mut builder = Builder::new();
    let x = builder.input("x", 2);
    let and = builder.and(x[0], x[1].flip(flip));
    builder.output("y", &[and]);
    builder.finish().unwrap()
}

/// A batch in which both inputs are one wire: `x ∧ x`, or `x ∧ ¬x`.
fn same_wire(flip: bool, class: InputClass, bits: &[bool], seed: u64) -> Case {
    let rows = [bits.to_vec(), bits.to_vec()];
    let mut case = Case::new(&and_gate(flip), &[class; 2], &rows, seed);
    let n = case.lanes;
    case.zero.copy_within(..n, n);
    case.active.copy_within(..n, n);
    case
}

fn blocks(tables: &[u8]) -> Vec<Block> {
    tables
        .chunks_exact(16)
        .map(|c| Block::from_bytes(c.try_into().unwrap()))
        .collect()
}

#[test]
fn and_of_a_wire_with_itself_is_right() {
    let bits: Vec<bool> = (0..37).map(|i| i % 3 == 1).collect();
    for class in [
        InputClass::Mixed,
        InputClass::Evaluator,
        InputClass::Garbler,
    ] {
        for flip in [false, true] {
            let case = same_wire(flip, class, &bits, 4);
            let opened = case.open(&case.run());
            let expected: Vec<bool> = bits.iter().map(|bit| *bit & !flip).collect();
            assert_eq!(opened[0], expected, "{class:?} {flip}");
        }
    }
}

/// What an evaluator tries: is a sum of two ciphertexts, or of one, with active labels, Δ?
fn finds_delta(case: &Case, tables: &[Block], outputs: &[Block]) -> bool {
    let mut known: Vec<Block> = case.active.clone();
    known.extend(outputs);
    known.push(Block::ZERO);
    let mut sums = vec![];
    for (i, s) in tables.iter().enumerate() {
        sums.push(*s);
        sums.extend(tables[..i].iter().map(|t| *s ^ *t));
    }
    let known: HashSet<u128> = known.into_iter().map(u128::from).collect();
    let delta = case.delta;
    sums.iter()
        .any(|sum| known.contains(&u128::from(*sum ^ delta)))
}

/// The same gate with one tweak for both halves, to see that the attack is one.
fn garble_with_shared_tweak(case: &Case, flip: bool) -> Vec<Block> {
    let mut tables = vec![Block::ZERO; 2 * case.lanes];
    for lane in 0..case.lanes {
        let tweak = case.tweak + 2 * lane as u64;
        let aes = Aes128::new(case.session ^ Block::from_words(tweak, 0));
        let hash = |x: Block| aes.encrypt(x) ^ x;
        let a = case.zero[lane];
        let b = case.zero[case.lanes + lane] ^ case.delta.select(flip);
        let pair = |x: Block| hash(x) ^ hash(x ^ case.delta);
        tables[lane] = pair(a) ^ case.delta.select(b.colour());
        tables[case.lanes + lane] = pair(b) ^ a;
    }
    tables
}

#[test]
fn the_attack_on_a_shared_tweak_fails_here_and_works_there() {
    for flip in [false, true] {
        for bit in [false, true] {
            let mut broken = 0;
            for seed in 0..20 {
                let case = same_wire(flip, InputClass::Mixed, &[bit; 8], seed);
                let outcome = case.run();
                assert!(!finds_delta(
                    &case,
                    &blocks(&outcome.tables),
                    &outcome.active
                ));
                let shared = garble_with_shared_tweak(&case, flip);
                broken += usize::from(finds_delta(&case, &shared, &[]));
            }
            assert_eq!(broken, 20, "with a shared tweak Δ falls out");
        }
    }
}

#[test]
fn equal_instances_have_unrelated_tables() {
    for class in [
        InputClass::Mixed,
        InputClass::Garbler,
        InputClass::Evaluator,
    ] {
        for other in [InputClass::Mixed, InputClass::Evaluator] {
            let netlist = and_gate(false);
            let rows = [vec![true; 24], vec![false; 24]];
            let mut case = Case::new(&netlist, &[class, other], &rows, 5);
            for buffer in [&mut case.zero, &mut case.active] {
                for row in buffer.chunks_mut(24) {
                    let first = row[0];
                    row.fill(first);
                }
            }
            let outcome = case.run();
            let tables = blocks(&outcome.tables);
            let distinct: HashSet<u128> = tables.iter().map(|t| u128::from(*t)).collect();
            assert_eq!(distinct.len(), tables.len());
            assert!(
                !finds_delta(&case, &tables, &outcome.active),
                "{class:?} {other:?}"
            );
        }
    }
}

/// Ones of each bit of what the evaluator sees over many fresh garblings with the active labels
/// held fixed: every bit must be a fair coin, for each value of the wire.
#[test]
fn tables_look_alike_for_both_values() {
    const TRIALS: u64 = 4096;
    for (class, flip) in [
        (InputClass::Mixed, false),
        (InputClass::Mixed, true),
        (InputClass::Evaluator, false),
    ] {
        for bit in [false, true] {
            let mut ones = vec![0u64; 256];
            let mut prg = Prg::random();
            let mut case = same_wire(flip, class, &[bit; 16], 6);
            let active = case.active[0];
            for _ in 0..TRIALS / 16 {
                (case.delta, case.session) = (prg.next_block().with_colour(true), prg.next_block());
                case.active.fill(active.with_colour(bit));
                case.zero
                    .fill(active.with_colour(bit) ^ case.delta.select(bit));
                let (_, tables) = case.garble().unwrap();
                for (at, byte) in tables.iter().enumerate() {
                    for k in 0..8 {
                        // Lanes are trials; ciphertext and bit are the coin.
                        let coin = at / 256 * 128 + at % 16 * 8 + k;
                        ones[coin] += u64::from(byte >> k & 1);
                    }
                }
            }
            let coins = 128 * case.program.tables_per_instance();
            for (coin, count) in ones.iter().take(coins).enumerate() {
                // Seven standard deviations of 32.
                assert!(
                    count.abs_diff(TRIALS / 2) < 224,
                    "{class:?} {bit} coin {coin}: {count}"
                );
            }
        }
    }
}

/// Nothing that reaches the evaluator depends on a garbler's bit but through the tables, and these
/// differ in every ciphertext for fresh sessions.
#[test]
fn a_garbler_bit_shows_in_no_active_label() {
    let netlist = and_gate(false);
    for bit in [false, true] {
        let rows = [vec![bit; 16], vec![true; 16]];
        let case = Case::new(
            &netlist,
            &[InputClass::Garbler, InputClass::Mixed],
            &rows,
            7,
        );
        let outcome = case.run();
        assert_eq!(case.open(&outcome)[0], vec![bit; 16]);
        // The evaluator's rubbish in place of a label was not read.
        let mut other = case.active.clone();
        other[..16].fill(Block::ZERO);
        let again = Case {
            active: other,
            ..case
        }
        .evaluate(&outcome.tables)
        .unwrap();
        assert_eq!(again, outcome.active);
    }
}
