//! Encryption, product and decryption as Microsoft SEAL computes them: `scripts/he-vectors` made the file.

use super::*;
use crate::server::Ciphertext;
use crate::{Inputs, Products, Weights};
use serde_json::Value;

/// The generator of the vectors' inputs.
struct Words(u64);

impl Words {
    fn some<T>(&mut self, count: usize, form: impl Fn(u64) -> T) -> Vec<T> {
        let mut next = || {
            self.0 = self.0.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
            self.0 ^ (self.0 >> 29)
        };
        (0..count).map(|_| form(next())).collect()
    }
}

fn matches(words: &[u64], expected: &Value) -> bool {
    let modulus = (1u128 << 61) - 1;
    let checksum = words.iter().fold(0, |sum, word| {
        (sum * 1_000_003 + u128::from(*word)) % modulus
    });
    let places = [0, 1, 2, 17, words.len() - 1];
    let at: Vec<u64> = places.iter().map(|i| words[*i]).collect();
    let listed = expected["at"].as_array().unwrap();
    u128::from(expected["checksum"].as_u64().unwrap()) == checksum
        && listed.iter().map(|x| x.as_u64().unwrap()).eq(at)
}

/// Evaluated components to coefficients, by component and prime.
fn coefficients(basis: &Basis, parts: [Vec<SecretLines>; 2]) -> Vec<SecretLines> {
    let mut all = Vec::new();
    for part in parts {
        for (mut lines, prime) in part.into_iter().zip(&basis.primes) {
            (active().inverse)(&prime.table, lines.lines_mut());
            all.push(lines);
        }
    }
    all
}

fn check(parameters: Parameters, ring: Ring, vector: &Value) {
    let (basis, degree) = (parameters.basis(), parameters.degree());
    let mut words = Words(vector["seed"].as_u64().unwrap());
    let s = words.some(degree, |w| (w % 3).cast_signed() - 1);
    let e = words.some(degree, |w| (w % 43).cast_signed() - 21);
    let a: Vec<Vec<u64>> = basis
        .moduli()
        .map(|q| words.some(degree, |w| w % q.value()))
        .collect();
    let m = words.some(degree, |w| w & ring.mask());
    let w = words.some(degree, |w| (w % 8192).cast_signed() - 4096);

    let secret = basis.evaluate(active(), |i| s[i]);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for (index, prime) in basis.primes.iter().enumerate() {
        let q = prime.table.modulus;
        let mut part = zeroed(degree);
        words_mut(&mut part).copy_from_slice(&a[index]);
        (active().forward)(&prime.table, &mut part);
        let mut sum = zeroed(degree);
        for (i, word) in words_mut(&mut sum).iter_mut().enumerate() {
            *word = q.add(q.signed(e[i]), basis.encode(ring, m[i])[index]);
        }
        (active().forward)(&prime.table, &mut sum);
        let factors = words_mut(&mut part).iter().zip(secret[index].words());
        for (word, (a, s)) in words_mut(&mut sum).iter_mut().zip(factors) {
            *word = q.sub(*word, q.mul(*a, *s));
        }
        first.push(sum);
        second.push(part);
    }
    let ciphertext = Ciphertext {
        basis,
        parts: [first, second],
    };
    let inputs = Inputs::new(&[&ciphertext]).unwrap();
    let one = Weights::constants(parameters, (1, 1), |_, _| 1).unwrap();
    let by_w = Weights::encode(parameters, (1, 1), |_, _, out| out.copy_from_slice(&w)).unwrap();
    for (weights, name) in [(one, "ciphertext"), (by_w, "product")] {
        let mut products = Products::new(parameters, 1, 1).unwrap();
        products.accumulate(&weights, &[&inputs]).unwrap();
        let parts = coefficients(basis, products.take(0, 0).unwrap().into_parts());
        let expected = vector[name].as_array().unwrap();
        assert_eq!(parts.len(), expected.len());
        for (part, expected) in parts.iter().zip(expected) {
            assert!(
                matches(part.words(), expected),
                "{name} {}",
                parameters.name()
            );
        }
    }
    let mut products = Products::new(parameters, 1, 1).unwrap();
    let by_w = Weights::encode(parameters, (1, 1), |_, _, out| out.copy_from_slice(&w)).unwrap();
    products.accumulate(&by_w, &[&inputs]).unwrap();
    let mut parts = products.take(0, 0).unwrap().into_parts();
    for (index, prime) in basis.primes.iter().enumerate() {
        let q = prime.table.modulus;
        let [first, second] = &mut parts;
        let factors = second[index].words().iter().zip(secret[index].words());
        for (word, (c, s)) in first[index].words_mut().iter_mut().zip(factors) {
            *word = q.add(*word, q.mul(*c, *s));
        }
    }
    let phases = coefficients(basis, parts);
    let decrypted: Vec<u64> = (0..degree)
        .map(|i| {
            let mut residues = Residues::default();
            for (residue, phase) in residues.iter_mut().zip(&phases).take(basis.primes.len()) {
                *residue = phase.words()[i];
            }
            round(basis.fraction(&residues), ring.bits()) & ring.mask()
        })
        .collect();
    assert!(
        matches(&decrypted, &vector["decrypted"]),
        "{}",
        parameters.name()
    );
}

#[test]
fn seal_computes_the_same() {
    let text = include_str!("../../tests/vectors/seal.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), Parameters::ALL.len());
    for vector in vectors {
        let name = vector["parameters"].as_str().unwrap();
        let mut sets = Parameters::ALL.into_iter();
        let parameters = sets.find(|set| set.name() == name).unwrap();
        let bits = u32::try_from(vector["bits"].as_u64().unwrap()).unwrap();
        check(parameters, Ring::new(bits).unwrap(), vector);
    }
}
