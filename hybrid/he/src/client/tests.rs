//! What only the key can see: errors against their bounds, and what a reply shows of the weights.

use privet_prim::{Block, Prg};
use privet_ring::Ring;

use super::*;
use crate::backend::Reply;
use crate::noise::{self, NormClass};
use crate::server::{Ciphertext, PublicKey};
use crate::{Inputs, Product, Products, Weights};

fn prg(seed: u64) -> Prg {
    Prg::new(Block::from(u128::from(seed)))
}

fn ring(bits: u32) -> Ring {
    Ring::new(bits).unwrap()
}

/// `first + second·secret` of evaluated components: coefficients by prime.
fn phase(keys: &Keys, parts: [&[SecretLines]; 2]) -> Vec<Residues> {
    let degree = keys.basis.parameters.degree();
    let mut all = vec![Residues::default(); degree];
    for (index, prime) in keys.basis.primes.iter().enumerate() {
        let q = prime.table.modulus;
        let mut lines = SecretLines::zeroed(degree);
        let (first, second) = (parts[0][index].words(), parts[1][index].words());
        let secret = keys.secret[index].words();
        for (i, word) in lines.words_mut().iter_mut().enumerate() {
            *word = q.add(first[i], q.mul(second[i], secret[i]));
        }
        (active().inverse)(&prime.table, lines.lines_mut());
        for (residues, word) in all.iter_mut().zip(lines.words()) {
            residues[index] = *word;
        }
    }
    all
}

/// The error of a phase that should say `m`.
fn error(keys: &Keys, ring: Ring, phase: &Residues, m: u64) -> i128 {
    let encoded = keys.basis.encode(ring, m);
    let mut rest = Residues::default();
    for (i, q) in keys.basis.moduli().enumerate() {
        rest[i] = q.sub(phase[i], encoded[i]);
    }
    keys.basis.integer(&rest)
}

/// One product of one ciphertext with the constant `weight`.
fn times(ciphertext: &Ciphertext, weight: i64) -> Product {
    let parameters = ciphertext.basis.parameters;
    let weights = Weights::constants(parameters, (1, 1), |_, _| weight).unwrap();
    let mut products = Products::new(parameters, 1, 1).unwrap();
    let inputs = Inputs::new(&[ciphertext]).unwrap();
    products.accumulate(&weights, &[&inputs]).unwrap();
    products.take(0, 0).unwrap()
}

/// Encrypts free coefficients only.
fn free_inputs(keys: &mut Keys, ring: Ring, count: usize) -> (Vec<Ciphertext>, Vec<Vec<u64>>) {
    let parameters = keys.basis.parameters;
    let free = Positions::all(parameters.degree());
    let values = vec![0; parameters.degree()];
    let plain = Plain {
        values: &values,
        free: &free,
    };
    let (message, chosen) = keys.encrypt(ring, &vec![plain; count]).unwrap();
    let places = vec![&free; count];
    let parsed = Ciphertext::parse(parameters, ring, &message, &places).unwrap();
    (parsed, chosen)
}

/// χ² of values over 16 equal parts of `[0, 2^bits)`: 15 degrees of freedom, above 64 once in 10^7.
fn chi(values: impl Iterator<Item = u64>, bits: u32) -> f64 {
    let mut bins = [0u32; 16];
    for value in values {
        let bin = usize::try_from(value >> (bits - 4)).unwrap();
        bins[bin] += 1;
    }
    let expected = f64::from(bins.iter().sum::<u32>()) / 16.0;
    bins.iter()
        .map(|n| (f64::from(*n) - expected).powi(2) / expected)
        .sum()
}

#[test]
fn a_fresh_ciphertext_has_one_small_error() {
    for parameters in Parameters::ALL {
        for bits in [Parameters::MIN_RING, 37, parameters.max_ring()] {
            let ring = ring(bits);
            let mut keys = Keys::generate(parameters, prg(1));
            let (inputs, chosen) = free_inputs(&mut keys, ring, 1);
            let product = times(&inputs[0], 1).into_parts();
            let phase = phase(&keys, [&product[0], &product[1]]);
            let mut square = 0.0;
            for (phase, value) in phase.iter().zip(&chosen[0]) {
                let error = error(&keys, ring, phase, *value);
                assert!(
                    error.abs() <= i128::from(crate::params::ERROR_COINS),
                    "{error}"
                );
                square += (error as f64).powi(2);
            }
            let variance = square / parameters.degree() as f64;
            assert!((variance / 10.5 - 1.0).abs() < 0.15, "{variance}");
        }
    }
}

#[test]
fn free_values_are_uniform() {
    let ring = ring(37);
    let mut keys = Keys::generate(Parameters::Pair50, prg(2));
    let (_, chosen) = free_inputs(&mut keys, ring, 4);
    let all = || chosen.iter().flatten().copied();
    assert!(chi(all(), 37) < 64.0, "high bits");
    assert!(chi(all().map(|x| x & 15), 4) < 64.0, "low bits");
}

#[test]
fn measured_noise_stays_below_the_bound_for_every_pack() {
    let (columns, taps) = (4, 9);
    for (parameters, packed) in Parameters::ALL
        .into_iter()
        .flat_map(|set| [1, 4, 16, 64].map(|packed| (set, packed)))
    {
        let (ring, degree) = (ring(37), parameters.degree());
        let mut keys = Keys::generate(parameters, prg(3));
        let (inputs, chosen) = free_inputs(&mut keys, ring, columns);
        let mut draw = prg(4 + packed as u64);
        let polynomials: Vec<Vec<(usize, i64)>> = (0..columns)
            .map(|_| {
                let place = |i: usize| i * (degree / (packed * taps));
                (0..packed * taps)
                    .map(|i| (place(i), (draw.next_u64() % 4096).cast_signed() - 2048))
                    .collect()
            })
            .collect();
        let weights = Weights::encode(parameters, (1, columns), |_, column, out| {
            for (place, weight) in &polynomials[column] {
                out[*place] = *weight;
            }
        })
        .unwrap();
        let mut products = Products::new(parameters, 1, 1).unwrap();
        let inputs = Inputs::new(&inputs.iter().collect::<Vec<_>>()).unwrap();
        products.accumulate(&weights, &[&inputs]).unwrap();
        let product = products.take(0, 0).unwrap().into_parts();
        let phase = phase(&keys, [&product[0], &product[1]]);
        let (mut square, mut largest) = (0.0, 0.0f64);
        for place in 0..degree {
            let mut sum = 0u64;
            for (polynomial, values) in polynomials.iter().zip(&chosen) {
                for (shift, weight) in polynomial {
                    let value = values[(place + degree - shift) % degree];
                    let term = value.wrapping_mul(weight.cast_unsigned());
                    sum = if *shift <= place {
                        sum.wrapping_add(term)
                    } else {
                        sum.wrapping_sub(term)
                    };
                }
            }
            let error = error(&keys, ring, &phase[place], sum & ring.mask()) as f64;
            square += error.powi(2);
            largest = largest.max(error.abs());
        }
        let norm: u128 = polynomials
            .iter()
            .flatten()
            .map(|(_, w)| u128::from(w.unsigned_abs()).pow(2))
            .sum();
        let measured = (square / degree as f64).sqrt();
        // The law itself, then the bound that follows for the public class.
        let law = (10.5 + 1.0 / 12.0) * norm as f64;
        let ratio = measured / law.sqrt();
        assert!((ratio - 1.0).abs() < 0.1, "{packed} packed: {ratio}");
        let class = NormClass::of(norm).unwrap();
        let bound = noise::error_deviation(parameters, class);
        assert!(measured < bound, "{packed} packed: {measured} {bound}");
        assert!(largest < 9.1 * bound, "{packed} packed: {largest} {bound}");
    }
}

/// The two components of a reply of which everything is wanted.
fn components(parameters: Parameters, ring: Ring, reply: &[u8]) -> [Vec<u64>; 2] {
    let mut reader = Reader::new(reply);
    let mut take = |bits| -> Vec<u64> {
        let all = (0..parameters.degree()).map(|_| reader.take(bits));
        all.collect()
    };
    let second = take(ring.bits() + HIGH_BITS);
    [take(ring.bits() + LOW_BITS), second]
}

fn reply_to(key: &PublicKey, ring: Ring, product: Product, seed: u64) -> Vec<u8> {
    let degree = key.parameters().degree();
    let answer = Reply {
        product,
        wanted: &Positions::all(degree),
        masks: &vec![0; degree],
    };
    key.reply(ring, &mut prg(seed), vec![answer]).unwrap()
}

#[test]
fn the_second_component_of_a_reply_says_nothing_of_the_weights() {
    let (parameters, ring) = (Parameters::Pair50, ring(37));
    let bits = ring.bits() + HIGH_BITS;
    let mut keys = Keys::generate(parameters, prg(5));
    let key = PublicKey::parse(parameters, &keys.public_key()).unwrap();
    let (inputs, _) = free_inputs(&mut keys, ring, 1);
    // What the client knows: its own second component times the weight, rescaled. Without re-randomisation this is the reply's.
    let known = |weight: i64| -> Vec<u64> {
        let mut parts = times(&inputs[0], weight).into_parts();
        for (prime, lines) in keys.basis.primes.iter().zip(&mut parts[1]) {
            (active().inverse)(&prime.table, lines.lines_mut());
        }
        let at = |place: usize| {
            let mut residues = Residues::default();
            for (residue, lines) in residues.iter_mut().zip(&parts[1]) {
                *residue = lines.words()[place];
            }
            round(keys.basis.fraction(&residues), bits)
        };
        (0..parameters.degree()).map(at).collect()
    };
    for (weight, seed) in [(0, 10), (1, 11), (1, 12), (-3000, 13)] {
        let reply = reply_to(&key, ring, times(&inputs[0], weight), seed);
        let [_, second] = components(parameters, ring, &reply);
        assert!(chi(second.iter().copied(), bits) < 64.0, "{weight}");
        for guess in [0, 1, -3000] {
            let rest = second
                .iter()
                .zip(known(guess))
                .map(|(x, y)| x.wrapping_sub(y) & mask(bits));
            assert!(chi(rest, bits) < 64.0, "{weight} against {guess}");
        }
    }
}

#[test]
fn what_a_reply_adds_has_the_width_of_the_flood() {
    for parameters in Parameters::ALL {
        let ring = ring(37);
        let mut keys = Keys::generate(parameters, prg(6));
        let key = PublicKey::parse(parameters, &keys.public_key()).unwrap();
        let (inputs, _) = free_inputs(&mut keys, ring, 1);
        let reply = reply_to(&key, ring, times(&inputs[0], 0), 14);
        let [first, second] = components(parameters, ring, &reply);
        let high = ring.bits() + HIGH_BITS;
        let signed = |x: u64| (x << (64 - high)).cast_signed() >> (64 - high);
        let mut products = keys.basis.evaluate(active(), |i| signed(second[i]));
        for (index, prime) in keys.basis.primes.iter().enumerate() {
            let q = prime.table.modulus;
            let secret = keys.secret[index].words();
            for (x, s) in products[index].words_mut().iter_mut().zip(secret) {
                *x = q.mul(*x, *s);
            }
            (active().inverse)(&prime.table, products[index].lines_mut());
        }
        let mut square = 0.0;
        for (place, first) in first.iter().enumerate() {
            let mut residues = Residues::default();
            for (residue, lines) in residues.iter_mut().zip(&products) {
                *residue = lines.words()[place];
            }
            let low = keys.basis.integer(&residues).to_le_bytes();
            let product = u64::from_le_bytes(low[..8].try_into().unwrap());
            let sum = signed((first << (HIGH_BITS - LOW_BITS)).wrapping_add(product));
            assert!(sum.abs() < 1 << (HIGH_BITS - 1), "{sum}");
            square += (sum as f64).powi(2);
        }
        // In units of Q/2^(l + 10): flood 64·√(8/12), roundings 64/√12 and √(2/3·degree/12).
        let degree = parameters.degree() as f64;
        let expected = 4096.0 * 8.0 / 12.0 + 4096.0 / 12.0 + degree * 2.0 / 3.0 / 12.0;
        let ratio = square / degree / expected;
        assert!((ratio - 1.0).abs() < 0.1, "{}: {ratio}", parameters.name());
    }
}

#[test]
fn coefficients_that_nobody_wants_are_not_in_the_reply() {
    let (parameters, ring) = (Parameters::Pair50, ring(37));
    let degree = parameters.degree();
    let mut keys = Keys::generate(parameters, prg(7));
    let key = PublicKey::parse(parameters, &keys.public_key()).unwrap();
    let wanted = Positions::new(degree, vec![3, 70, 4000]).unwrap();
    let (mut inputs, _) = free_inputs(&mut keys, ring, 1);
    let reply = |input: &Ciphertext| {
        let answer = Reply {
            product: times(input, 1),
            wanted: &wanted,
            masks: &[1, 2, 3],
        };
        key.reply(ring, &mut prg(15), vec![answer]).unwrap()
    };
    let before = reply(&inputs[0]);
    assert_eq!(before.len(), (degree * 47 + 3 * 41usize).div_ceil(8));
    let one = keys.basis.encode(ring, 1);
    let mut change = |place: usize| {
        let parts = &mut inputs[0].parts[0];
        for ((prime, lines), one) in keys.basis.primes.iter().zip(parts).zip(one) {
            (active().inverse)(&prime.table, lines);
            let word = &mut words_mut(lines)[place];
            *word = prime.table.modulus.add(*word, one);
            (active().forward)(&prime.table, lines);
        }
        reply(&inputs[0])
    };
    // Every other coefficient of the first component leaves the bytes as they are; a wanted one does not.
    for place in [0, 2, 4, 69, 4095] {
        assert!(change(place) == before, "{place}");
    }
    for place in [3, 70, 4000] {
        assert!(change(place) != before, "{place}");
    }
}

#[test]
fn hostile_messages_are_refused_or_change_the_result() {
    let (parameters, ring) = (Parameters::Pair50, ring(37));
    let degree = parameters.degree();
    let mut keys = Keys::generate(parameters, prg(8));
    let free = Positions::new(degree, vec![5, 9]).unwrap();
    let values = vec![1; degree];
    let plain = Plain {
        values: &values,
        free: &free,
    };
    let (message, _) = keys.encrypt(ring, &[plain]).unwrap();
    let parse = |bytes: &[u8]| Ciphertext::parse(parameters, ring, bytes, &[&free]).map(|_| ());
    assert!(parse(&message).is_ok());
    for cut in [0, 1, 15, 16, message.len() - 1] {
        let got = parse(&message[..cut]).unwrap_err();
        assert!(matches!(
            got,
            Error::PeerMisbehaved(PeerMisbehaved::Length { .. })
        ));
    }
    // 50 ones are no residue.
    let mut ones = message;
    ones[16..32].fill(0xff);
    let got = parse(&ones).unwrap_err();
    let first = matches!(
        got,
        Error::PeerMisbehaved(PeerMisbehaved::Residue {
            polynomial: 0,
            coefficient: 0,
            ..
        })
    );
    assert!(first, "{got}");
    let key = keys.public_key();
    let mut ones = key.clone();
    ones[100..120].fill(0xff);
    assert!(PublicKey::parse(parameters, &key).is_ok());
    assert!(PublicKey::parse(parameters, &ones).is_err());
    assert!(PublicKey::parse(Parameters::Strict, &key).is_err());
    // Every flipped bit of a reply is an error or another value.
    let key = PublicKey::parse(parameters, &key).unwrap();
    let (inputs, _) = free_inputs(&mut keys, ring, 1);
    let wanted = Positions::new(degree, vec![7]).unwrap();
    let answer = Reply {
        product: times(&inputs[0], 1),
        wanted: &wanted,
        masks: &[0],
    };
    let reply = key.reply(ring, &mut prg(16), vec![answer]).unwrap();
    let right = keys.decrypt(ring, &reply, &[&wanted]).unwrap();
    let (mut other, mut refused) = (0, 0);
    for byte in (reply.len() - 6..reply.len()).chain([0, 1000]) {
        for bit in 0..8 {
            let mut flipped = reply.clone();
            flipped[byte] ^= 1 << bit;
            match keys.decrypt(ring, &flipped, &[&wanted]) {
                Ok(values) => other += usize::from(values != right),
                Err(_) => refused += 1,
            }
        }
    }
    // 24064 bytes of the second component, then 41 bits and 7 to spare.
    assert_eq!(refused, 7);
    assert!(other >= 36, "{other}");
    assert!(keys.decrypt(ring, &reply, &[&wanted, &wanted]).is_err());
}

#[test]
fn misuse_is_refused() {
    let parameters = Parameters::Pair50;
    let mut keys = Keys::generate(parameters, prg(9));
    let free = Positions::all(4096);
    let plain = |values| Plain {
        values,
        free: &free,
    };
    let values = vec![0; 4096];
    assert!(keys.encrypt(ring(41), &[plain(&values)]).is_err());
    assert!(keys.encrypt(ring(22), &[plain(&values)]).is_err());
    assert!(keys.encrypt(ring(37), &[plain(&values[1..])]).is_err());
    assert!(
        keys.decrypt(ring(37), &[], &[&Positions::all(8192)])
            .is_err()
    );
    assert!(Weights::constants(parameters, (1, 1), |_, _| i64::MIN).is_err());
    assert!(Weights::constants(parameters, (0, 1), |_, _| 1).is_err());
    assert!(Weights::constants(parameters, (1, 4097), |_, _| 1).is_err());
    let (inputs, _) = free_inputs(&mut keys, ring(37), 2);
    let inputs = Inputs::new(&inputs.iter().collect::<Vec<_>>()).unwrap();
    let weights = Weights::constants(parameters, (1, 1), |_, _| 1).unwrap();
    let mut products = Products::new(parameters, 1, 1).unwrap();
    assert!(products.accumulate(&weights, &[&inputs]).is_err());
    assert!(products.accumulate(&weights, &[]).is_err());
    assert!(products.take(1, 0).is_err() && products.take(0, 1).is_err());
    let strict = Weights::constants(Parameters::Strict, (1, 2), |_, _| 1).unwrap();
    assert!(products.accumulate(&strict, &[&inputs]).is_err());
}
