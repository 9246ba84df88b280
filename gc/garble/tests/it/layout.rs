//! The documented layout and tweaks, recomputed from AES alone.

use privet_garble::InputClass;
use privet_netlists::Builder;
use privet_prim::{Aes128, Block};

use crate::table::Case;

/// `y = (a ∧ ¬b) ∧ g` for `g` known to the garbler: two ciphertexts, then one.
#[test]
fn tables_are_where_and_what_the_text_says() {
    let mut builder = Builder::new();
    let x = builder.input("x", 3);
    let first = builder.and(x[0], !x[1]);
    let second = builder.and(first, x[2]);
    builder.output("y", &[second]);
    let netlist = builder.finish().unwrap();
    let classes = [InputClass::Mixed, InputClass::Mixed, InputClass::Garbler];
    const LANES: usize = 21;
    let row = |n: usize| (0..LANES).map(|lane| lane % n == 0).collect::<Vec<bool>>();
    let case = Case::new(&netlist, &classes, &[row(2), row(3), row(5)], 31);
    let (zero, tables) = case.garble().unwrap();
    let delta = case.delta;
    for (lane, output) in zero.iter().enumerate() {
        let ciphertext = |c: usize| {
            let at = 16 * (c * LANES + lane);
            Block::from_bytes(tables[at..at + 16].try_into().unwrap())
        };
        let hash = |x: Block, c: usize| {
            let tweak = case.tweak + (lane * 3 + c) as u64;
            Aes128::new(case.session ^ Block::from_words(tweak, 0)).encrypt(x.sigma()) ^ x.sigma()
        };
        let input = |i: usize| case.zero[i * LANES + lane];
        // The netlist may order an AND's operands as it likes; here they keep their order.
        let (a, b, g) = (input(0), input(1) ^ delta, input(2));
        let (a0, a1, b0, b1) = (
            hash(a, 0),
            hash(a ^ delta, 0),
            hash(b, 1),
            hash(b ^ delta, 1),
        );
        let t_g = a0 ^ a1 ^ delta.select(b.colour());
        let t_e = b0 ^ b1 ^ a;
        assert_eq!(ciphertext(0), t_g);
        assert_eq!(ciphertext(1), t_e);
        let w = a0 ^ t_g.select(a.colour()) ^ b0 ^ (t_e ^ a).select(b.colour());
        let t = hash(w, 2) ^ hash(w ^ delta, 2) ^ g;
        assert_eq!(ciphertext(2), t);
        assert_eq!(*output, hash(w, 2) ^ t.select(w.colour()));
    }
}

/// A peer's frames decide where the tables begin.
#[test]
fn tables_may_stand_at_any_address() {
    let mut builder = Builder::new();
    let x = builder.input("x", 3);
    let first = builder.and(x[0], !x[1]);
    let second = builder.and(first, x[2]);
    builder.output("y", &[second]);
    let netlist = builder.finish().unwrap();
    let classes = [InputClass::Mixed, InputClass::Mixed, InputClass::Evaluator];
    for lanes in [1, 3, 16, 37] {
        let row = |n: usize| (0..lanes).map(|lane| lane % n == 0).collect::<Vec<bool>>();
        let case = Case::new(&netlist, &classes, &[row(2), row(3), row(5)], 7);
        let outcome = case.run();
        for offset in [1, 8, 15] {
            let mut buffer = vec![0; offset + outcome.tables.len()];
            let mut zero = vec![Block::ZERO; lanes];
            let place = &mut buffer[offset..];
            let mut garbler = case.garbler();
            garbler
                .garble(
                    &case.program,
                    case.tweak,
                    lanes,
                    &case.zero,
                    &mut zero,
                    place,
                )
                .unwrap();
            assert_eq!(*place, outcome.tables[..]);
            assert_eq!(case.evaluate(place).unwrap(), outcome.active);
        }
    }
}
