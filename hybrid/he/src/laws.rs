//! The laws of [`Backend`], for every implementation: one macro line each.

#![expect(clippy::panic, reason = "laws end a test")]

use privet_prim::{Block, Prg};
use privet_ring::Ring;

use crate::backend::{Backend, Reply};
use crate::client::Plain;
use crate::error::Error;
use crate::params::Parameters;
use crate::positions::Positions;

/// A small layer.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The set.
    pub parameters: Parameters,
    /// Bits of the ring.
    pub bits: u32,
    /// Input sets that share the weights.
    pub tiles: usize,
    /// Outputs.
    pub rows: usize,
    /// Inputs of each.
    pub columns: usize,
    /// Nonzero coefficients of a weight; none: constants.
    pub taps: Option<usize>,
}

/// What both parties of a run hold afterwards, and what was sent.
pub struct Run {
    /// Free coefficients by ciphertext.
    pub free: Vec<Positions>,
    /// Client's inputs by ciphertext, its own values filled in.
    pub inputs: Vec<Vec<u64>>,
    /// Server's weights by row, column: place and weight.
    pub weights: Vec<Vec<Vec<(usize, i64)>>>,
    /// Server's masks by answer.
    pub masks: Vec<Vec<u64>>,
    /// Client's results by answer.
    pub results: Vec<Vec<u64>>,
    /// Wanted coefficients by answer.
    pub wanted: Vec<Positions>,
    /// The three messages.
    pub messages: [Vec<u8>; 3],
}

/// Numbers for tests, neither constant nor periodic.
#[must_use]
pub fn numbers(seed: u64, count: usize) -> Vec<u64> {
    let mut prg = Prg::new(Block::from(u128::from(seed)));
    (0..count).map(|_| prg.next_u64()).collect()
}

/// Positions of about one in `every` coefficients.
#[must_use]
pub fn some(degree: usize, every: u64, seed: u64) -> Positions {
    let drawn = numbers(seed, degree);
    let list = (0..).zip(drawn).filter(|(_, x)| x % every == 0);
    Positions::new(degree, list.map(|(i, _)| i).collect())
        .unwrap_or_else(|_| Positions::none(degree))
}

fn weights(case: Case, degree: usize) -> Vec<Vec<Vec<(usize, i64)>>> {
    let one = |row: usize, column: usize| {
        let drawn = numbers((1000 * row + column) as u64, 2 * case.taps.unwrap_or(1));
        let pairs = drawn.chunks_exact(2).map(|pair| match pair {
            [place, value] => {
                let place = usize::try_from(place % degree as u64).unwrap_or_default();
                let place = if case.taps.is_none() { 0 } else { place };
                (place, (value % 8192).cast_signed() - 4096)
            }
            _ => (0, 0),
        });
        pairs.collect()
    };
    let row = |row| (0..case.columns).map(|column| one(row, column)).collect();
    (0..case.rows).map(row).collect()
}

/// Both parties of a small layer in one thread.
///
/// # Errors
/// The backend's first.
///
/// # Panics
/// When a message has another length than promised: this is for tests.
#[expect(clippy::indexing_slicing, reason = "for tests; sizes are the case's")]
pub fn run<B: Backend>(backend: &B, case: Case) -> Result<Run, Error> {
    let (set, degree) = (case.parameters, case.parameters.degree());
    let ring = Ring::new(case.bits).unwrap_or_else(|e| panic!("{e}"));
    let count = case.tiles * case.columns;
    let free: Vec<Positions> = (0..count as u64)
        .map(|i| match i % 3 {
            0 => Positions::all(degree),
            1 => some(degree, 2, i),
            _ => Positions::none(degree),
        })
        .collect();
    let mut inputs: Vec<Vec<u64>> = (0..count as u64)
        .map(|i| {
            numbers(90 + i, degree)
                .iter()
                .map(|x| x & ring.mask())
                .collect()
        })
        .collect();
    let mut keys = backend.generate(set, Prg::new(Block::from(5)));
    let key_message = backend.public_key(&mut keys);
    assert_eq!(key_message.len(), backend.public_key_bytes(set));
    let key = backend.receive_key(set, &key_message)?;
    let plains: Vec<Plain<'_>> = inputs
        .iter()
        .zip(&free)
        .map(|(values, free)| Plain { values, free })
        .collect();
    let (upload, chosen) = backend.encrypt(&mut keys, ring, &plains)?;
    let places: Vec<&Positions> = free.iter().collect();
    assert_eq!(upload.len(), backend.upload_bytes(set, ring, &places));
    for ((input, free), chosen) in inputs.iter_mut().zip(&free).zip(&chosen) {
        assert_eq!(chosen.len(), free.len());
        for (place, value) in free.iter().zip(chosen) {
            assert!(*value <= ring.mask());
            input[place] = *value;
        }
    }
    let received = backend.receive(set, ring, &upload, &places)?;
    let weights = weights(case, degree);
    let mut products = backend.products(set, case.tiles, case.rows)?;
    // In two parts of the columns, so that sums are added to sums.
    let split = case.columns.div_ceil(2);
    for columns in [0..split, split..case.columns] {
        if columns.is_empty() {
            continue;
        }
        let size = (case.rows, columns.len());
        let of = |row: usize, column: usize| &weights[row][columns.start + column];
        let block = if case.taps.is_none() {
            backend.constants(set, size, &|row, column| of(row, column)[0].1)?
        } else {
            backend.weights(set, size, &|row, column, out| {
                for (place, weight) in of(row, column) {
                    out[*place] += weight;
                }
            })?
        };
        let inputs = (0..case.tiles).map(|tile| {
            let own = columns
                .clone()
                .map(|column| &received[tile * case.columns + column]);
            backend.inputs(&own.collect::<Vec<_>>())
        });
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        backend.accumulate(&mut products, &block, &inputs.iter().collect::<Vec<_>>())?;
    }
    let answers = case.tiles * case.rows;
    let wanted: Vec<Positions> = (0..answers as u64)
        .map(|i| some(degree, 1 + i, i))
        .collect();
    let masks: Vec<Vec<u64>> = (0..)
        .zip(&wanted)
        .map(|(i, wanted)| {
            let drawn = numbers(500 + i, wanted.len());
            drawn.iter().map(|x| x & ring.mask()).collect()
        })
        .collect();
    let mut replies = Vec::new();
    for (place, (wanted, masks)) in wanted.iter().zip(&masks).enumerate() {
        replies.push(Reply {
            product: backend.take(&mut products, place / case.rows, place % case.rows)?,
            wanted,
            masks,
        });
    }
    let reply = backend.reply(&key, ring, &mut Prg::new(Block::from(6)), replies)?;
    let places: Vec<&Positions> = wanted.iter().collect();
    assert_eq!(reply.len(), backend.reply_bytes(set, ring, &places));
    let results = backend.decrypt(&keys, ring, &reply, &places)?;
    Ok(Run {
        free,
        inputs,
        weights,
        masks,
        results,
        wanted,
        messages: [key_message, upload, reply],
    })
}

/// Law: every result is the coefficient of the sum of products plus its mask.
///
/// # Panics
/// When it does not hold.
#[expect(clippy::indexing_slicing, reason = "for tests; sizes are the case's")]
pub fn products_are_exact<B: Backend>(backend: &B, case: Case) {
    let run = run(backend, case).unwrap_or_else(|e| panic!("{case:?}: {e}"));
    let (degree, ring) = (case.parameters.degree(), Ring::new(case.bits));
    let ring = ring.unwrap_or_else(|e| panic!("{e}"));
    for (answer, (results, masks)) in run.results.iter().zip(&run.masks).enumerate() {
        let (tile, row) = (answer / case.rows, answer % case.rows);
        let mut sums = vec![0u64; degree];
        for (column, taps) in run.weights[row].iter().enumerate() {
            let input = &run.inputs[tile * case.columns + column];
            for (shift, weight) in taps {
                for (place, value) in input.iter().enumerate() {
                    let term = value.wrapping_mul(weight.cast_unsigned());
                    let to = (place + shift) % degree;
                    sums[to] = if place + shift < degree {
                        sums[to].wrapping_add(term)
                    } else {
                        sums[to].wrapping_sub(term)
                    };
                }
            }
        }
        assert_eq!(results.len(), run.wanted[answer].len());
        for ((place, result), mask) in run.wanted[answer].iter().zip(results).zip(masks) {
            let expected = sums[place].wrapping_add(*mask) & ring.mask();
            assert_eq!(*result, expected, "{case:?} answer {answer} at {place}");
        }
    }
}

/// Law: messages of any other length, and set spare bits, are refused.
///
/// # Panics
/// When it does not hold.
pub fn lengths_are_checked<B: Backend>(backend: &B, case: Case) {
    let run = run(backend, case).unwrap_or_else(|e| panic!("{case:?}: {e}"));
    let ring = Ring::new(case.bits).unwrap_or_else(|e| panic!("{e}"));
    let keys = backend.generate(case.parameters, Prg::new(Block::from(5)));
    let free: Vec<&Positions> = run.free.iter().collect();
    let wanted: Vec<&Positions> = run.wanted.iter().collect();
    let [key, upload, reply] = &run.messages;
    for change in [-9i64, -8, -1, 1, 8, 9] {
        let resized = |message: &[u8]| {
            let mut bytes = message.to_vec();
            let len = (bytes.len() as i64 + change).max(0);
            bytes.resize(usize::try_from(len).unwrap_or_default(), 0);
            bytes
        };
        if resized(key).len() != key.len() {
            let refused = backend.receive_key(case.parameters, &resized(key)).is_err();
            assert!(refused, "public key by {change}");
        }
        let refused = backend.decrypt(&keys, ring, &resized(reply), &wanted);
        assert!(refused.is_err(), "reply by {change}");
        let refused = backend.receive(case.parameters, ring, &resized(upload), &free);
        assert!(refused.is_err(), "upload by {change}");
    }
}

/// The laws as tests of their own, in a module of the given name.
#[macro_export]
macro_rules! he_backend_laws {
    ($name:ident, $backend:expr) => {
        mod $name {
            use super::*;
            use privet_he::{Parameters, laws};

            fn case(parameters: Parameters, bits: u32) -> laws::Case {
                laws::Case {
                    parameters,
                    bits,
                    tiles: 2,
                    rows: 6,
                    columns: 3,
                    taps: Some(5),
                }
            }

            #[test]
            fn products_are_exact() {
                for parameters in Parameters::ALL {
                    for bits in [Parameters::MIN_RING, 37, parameters.max_ring()] {
                        laws::products_are_exact(&$backend, case(parameters, bits));
                    }
                }
            }

            #[test]
            fn constants_are_polynomials_too() {
                for parameters in Parameters::ALL {
                    let mut case = case(parameters, 37);
                    case.taps = None;
                    laws::products_are_exact(&$backend, case);
                }
            }

            #[test]
            fn one_of_each_is_enough() {
                let mut case = case(Parameters::Pair50, 37);
                (case.tiles, case.rows, case.columns) = (1, 1, 1);
                laws::products_are_exact(&$backend, case);
            }

            #[test]
            fn lengths_are_checked() {
                laws::lengths_are_checked(&$backend, case(Parameters::Pair50, 37));
            }
        }
    };
}
