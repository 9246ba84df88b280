//! Circuits written elsewhere, garbled to known answers.

use std::path::PathBuf;

use privet_garble::InputClass;
use privet_netlists::{Netlist, bristol};

use crate::table::{Case, check};

/// A Bristol circuit from the data folder, or `None`, said in a line, where there is none.
fn circuit(name: &str) -> Option<Netlist> {
    let folder = std::env::var_os("PRIVET_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = folder.join("bristol").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: no circuit at {}", path.display());
        return None;
    };
    Some(bristol::read(&text).unwrap())
}

/// The bits of a hexadecimal string as the circuit's files count them: the last digit's least
/// significant bit first.
fn bits(hex: &str) -> Vec<bool> {
    hex.chars()
        .rev()
        .flat_map(|digit| (0..4).map(move |i| digit.to_digit(16).unwrap() >> i & 1 == 1))
        .collect()
}

const FIPS_197: [[&str; 3]; 2] = [
    [
        "000102030405060708090a0b0c0d0e0f",
        "00112233445566778899aabbccddeeff",
        "69c4e0d86a7b0430d8cdb78070b4c55a",
    ],
    [
        "2b7e151628aed2a6abf7158809cf4f3c",
        "3243f6a8885a308d313198a2e0370734",
        "3925841d02dc09fbdc118597196a0b32",
    ],
];

#[test]
fn aes_128_of_fips_197() {
    let Some(netlist) = circuit("aes_128.txt") else {
        return;
    };
    assert_eq!(netlist.counts().ands, 6400);
    let owners = [
        InputClass::Mixed,
        InputClass::Garbler,
        InputClass::Evaluator,
    ];
    for key_class in owners {
        for text_class in [InputClass::Mixed, InputClass::Evaluator] {
            for [key, plain, cipher] in FIPS_197 {
                let instance = [bits(key), bits(plain)].concat();
                let rows: Vec<Vec<bool>> = instance.iter().map(|bit| vec![*bit; 3]).collect();
                let classes = [vec![key_class; 128], vec![text_class; 128]].concat();
                let case = Case::new(&netlist, &classes, &rows, 8);
                let opened = case.open(&case.run());
                for lane in 0..3 {
                    let got: Vec<bool> = opened.iter().map(|row| row[lane]).collect();
                    assert_eq!(got, bits(cipher), "{key_class:?} {text_class:?}");
                }
            }
        }
    }
}

/// FIPS 180-4, 5.3.3: the initial hash value.
const SHA_256_INITIAL: &str = "6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19";

/// One padded block and its digest: the empty message, and "abc".
const FIPS_180_4: [[&str; 3]; 2] = [
    [
        "80",
        "00",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ],
    [
        "61626380",
        "18",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ],
];

#[test]
fn sha_256_of_fips_180_4() {
    let Some(netlist) = circuit("sha256.txt") else {
        return;
    };
    assert_eq!(netlist.counts().ands, 22_573);
    for [head, tail, digest] in FIPS_180_4 {
        let zeros = "0".repeat(128 - head.len() - tail.len());
        let block = format!("{head}{zeros}{tail}");
        let instance = [bits(&block), bits(SHA_256_INITIAL)].concat();
        let rows: Vec<Vec<bool>> = instance.iter().map(|bit| vec![*bit; 2]).collect();
        for class in [InputClass::Mixed, InputClass::Evaluator] {
            let classes = [vec![class; 512], vec![InputClass::Mixed; 256]].concat();
            let case = Case::new(&netlist, &classes, &rows, 5);
            let opened = case.open(&case.run());
            for lane in 0..2 {
                let got: Vec<bool> = opened.iter().map(|row| row[lane]).collect();
                assert_eq!(got, bits(digest), "{head} {class:?}");
            }
        }
    }
}

#[test]
fn arithmetic_of_other_hands() {
    for name in [
        "adder64.txt",
        "sub64.txt",
        "neg64.txt",
        "mult64.txt",
        "divide64.txt",
        "udivide64.txt",
        "zero_equal.txt",
    ] {
        let Some(netlist) = circuit(name) else { return };
        let mixed = vec![InputClass::Mixed; netlist.input_bits()];
        check(&netlist, &mixed, 20, 11);
        let half = netlist.input_bits() / 2;
        let mut known = mixed;
        known[..half].fill(InputClass::Garbler);
        check(&netlist, &known, 20, 12);
    }
}
