//! Circuits written elsewhere: AES-128 against FIPS 197, SHA-256 against FIPS 180-4, arithmetic.

use privet_netlists::{Netlist, bristol, eval};

use crate::inputs::{Random, data};

fn load(name: &str) -> Option<Netlist> {
    let path = data("bristol")?.join(name);
    Some(bristol::read(&std::fs::read_to_string(path).unwrap()).unwrap())
}

/// The value's bits with the last bit of the last byte first: how these circuits number a
/// big-endian byte string.
fn to_bits(bytes: &[u8]) -> Vec<bool> {
    bytes
        .iter()
        .rev()
        .flat_map(|byte| (0..8).map(move |i| (byte >> i) & 1 == 1))
        .collect()
}

fn to_bytes(bits: &[bool]) -> Vec<u8> {
    let byte = |chunk: &[bool]| chunk.iter().rev().fold(0u8, |v, &b| (v << 1) | u8::from(b));
    let mut bytes: Vec<u8> = bits.chunks(8).map(byte).collect();
    bytes.reverse();
    bytes
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

#[test]
fn aes_128_is_that_of_fips_197() {
    let Some(aes) = load("aes_128.txt") else {
        return;
    };
    assert_eq!(aes.counts().ands, 6400);
    let cases = [
        // FIPS 197, appendix B.
        (
            "2b7e151628aed2a6abf7158809cf4f3c",
            "3243f6a8885a308d313198a2e0370734",
            "3925841d02dc09fbdc118597196a0b32",
        ),
        // FIPS 197, appendix C.1.
        (
            "000102030405060708090a0b0c0d0e0f",
            "00112233445566778899aabbccddeeff",
            "69c4e0d86a7b0430d8cdb78070b4c55a",
        ),
    ];
    for (key, plain, cipher) in cases {
        let mut input = to_bits(&hex(key));
        input.extend(to_bits(&hex(plain)));
        assert_eq!(to_bytes(&eval::bits(&aes, &input).unwrap()), hex(cipher));
    }
}

#[test]
fn sha_256_is_that_of_fips_180_4() {
    let Some(sha) = load("sha256.txt") else {
        return;
    };
    // FIPS 180-4, 5.3.3.
    let initial = hex("6a09e667 bb67ae85 3c6ef372 a54ff53a 510e527f 9b05688c 1f83d9ab 5be0cd19");
    let mut abc = b"abc\x80".to_vec();
    abc.resize(63, 0);
    abc.push(24);
    let mut empty = vec![0x80];
    empty.resize(64, 0);
    let cases = [
        (
            abc,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            empty,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
    ];
    for (block, digest) in cases {
        let mut input = to_bits(&block);
        input.extend(to_bits(&initial));
        assert_eq!(to_bytes(&eval::bits(&sha, &input).unwrap()), hex(digest));
    }
}

fn check(name: &str, meaning: fn(u64, u64) -> u64) {
    let Some(netlist) = load(name) else { return };
    let edges = [
        0,
        1,
        2,
        3,
        7,
        1 << 31,
        1 << 32,
        1 << 63,
        u64::MAX,
        u64::MAX - 1,
        i64::MAX as u64,
    ];
    let mut rows: Vec<[u64; 2]> = edges
        .iter()
        .flat_map(|&a| edges.iter().map(move |&b| [a, b]))
        .collect();
    let mut random = Random(7);
    rows.extend((0..500).map(|_| [random.next(), random.next() >> (random.next() & 63)]));
    if netlist.inputs().len() == 1 {
        let rows: Vec<[u64; 1]> = rows.iter().map(|row| [row[0]]).collect();
        for (row, got) in rows.iter().zip(eval::batch(&netlist, &rows).unwrap()) {
            assert_eq!(got, vec![meaning(row[0], 0)], "{name} {row:x?}");
        }
        return;
    }
    if name.contains("divide") {
        rows.retain(|row| row[1] != 0);
    }
    for (row, got) in rows.iter().zip(eval::batch(&netlist, &rows).unwrap()) {
        assert_eq!(got, vec![meaning(row[0], row[1])], "{name} {row:x?}");
    }
}

#[test]
fn sixty_four_bit_arithmetic_is_exact() {
    check("adder64.txt", u64::wrapping_add);
    check("sub64.txt", u64::wrapping_sub);
    check("mult64.txt", u64::wrapping_mul);
    check("neg64.txt", |a, _| a.wrapping_neg());
    check("zero_equal.txt", |a, _| u64::from(a == 0));
    check("udivide64.txt", |a, b| a / b);
    check("divide64.txt", |a, b| {
        (a as i64).wrapping_div(b as i64) as u64
    });
}
