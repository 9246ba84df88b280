//! Kernels of homomorphic encryption, and its steps from end to end: microseconds on one thread.

use std::time::Instant;

use privet_he::kernels::{Kernel, active, available};
use privet_he::measure::{Products, Transform};
use privet_he::noise::NormClass;
use privet_he::{
    Ciphertext, Inputs, Keys, Parameters, Plain, Positions, PublicKey, Reply, Weights, noise,
};
use privet_prim::Prg;
use privet_ring::Ring;
use serde_json::{Value, json};

use crate::table::{Table, median};

/// How often a case is repeated.
const REPEATS: usize = 15;

/// The ring of the steps.
const BITS: u32 = 37;

/// Groups of rows, and inputs, of a block of products: 16 by 16.
const BLOCK: (usize, usize) = (4, 16);

/// What is asked of degree 4096 and primes of 50 bits, and about what vector units of eight lanes at 3 to 4 GHz allow: microseconds.
const MUST: [(&str, f64, f64); 3] = [
    ("forward", 6.0, 5.2),
    ("inverse", 6.0, 5.2),
    ("multiply_accumulate", 1.6, 0.57),
];

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// Seconds per case.
    pub seconds: f64,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Encryption.
    #[error(transparent)]
    He(#[from] privet_he::Error),
    /// The ring.
    #[error(transparent)]
    Ring(#[from] privet_ring::WidthError),
    /// The threads.
    #[error("a pool of one thread: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// Runs all cases: every kernel and set; the steps with the kernel in use.
///
/// # Errors
/// A case fails.
pub fn run(options: &Options) -> Result<Table, BenchError> {
    let mut table = Table::new("he");
    for kernel in available() {
        for parameters in Parameters::ALL {
            kernel_rows(&mut table, options, kernel, parameters);
        }
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for parameters in Parameters::ALL {
        pool.install(|| step_rows(&mut table, options, parameters))?;
    }
    Ok(table)
}

/// Median microseconds of one of `count` things that a call does.
#[expect(clippy::cast_precision_loss, reason = "counts of repetitions")]
fn time(options: &Options, count: usize, mut call: impl FnMut()) -> f64 {
    let begin = Instant::now();
    call();
    let once = begin.elapsed().as_secs_f64().max(1e-9);
    let mut calls = 1;
    while once * ((calls * REPEATS) as f64) < options.seconds && calls < 1 << 20 {
        calls *= 2;
    }
    let all: Vec<f64> = (0..REPEATS)
        .map(|_| {
            let begin = Instant::now();
            (0..calls).for_each(|_| call());
            begin.elapsed().as_secs_f64() * 1e6 / (calls * count) as f64
        })
        .collect();
    median(&all).unwrap_or(f64::NAN)
}

fn row(
    table: &mut Table,
    (case, kernel): (&str, &Kernel),
    parameters: Parameters,
    microseconds: f64,
) {
    let target = MUST
        .iter()
        .find(|(name, ..)| *name == case && parameters == Parameters::Pair50);
    let target = target.map(|(_, must, limit)| (*must, *limit));
    table.rows.push(json!({
        "case": case,
        "kernel": kernel.name(),
        "parameters": parameters.name(),
        "microseconds": microseconds,
        "must": target.map(|(must, _)| must),
        "limit": target.map(|(_, limit)| limit),
        "claimed_bits": parameters.claimed_bits(),
    }));
}

/// Transforms of one polynomial modulo one prime; products of one weight with both components of an input modulo one prime.
fn kernel_rows(
    table: &mut Table,
    options: &Options,
    kernel: &'static Kernel,
    parameters: Parameters,
) {
    let mut transform = Transform::new(kernel, parameters);
    let forward = time(options, 1, || transform.forward());
    let inverse = time(options, 1, || transform.inverse());
    let (groups, columns) = BLOCK;
    let mut products = Products::new(kernel, parameters, groups, columns);
    let count = products.count();
    let sums = time(options, count, || products.run());
    for (case, microseconds) in [
        ("forward", forward),
        ("inverse", inverse),
        ("multiply_accumulate", sums),
    ] {
        row(table, (case, kernel), parameters, microseconds);
    }
}

/// Steps per ciphertext or weight, all primes.
fn step_rows(
    table: &mut Table,
    options: &Options,
    parameters: Parameters,
) -> Result<(), BenchError> {
    const BATCH: usize = 8;
    let (ring, degree) = (Ring::new(BITS)?, parameters.degree());
    let free = Positions::all(degree);
    let values = vec![0; degree];
    let plains = vec![
        Plain {
            values: &values,
            free: &free,
        };
        BATCH
    ];
    let places = vec![&free; BATCH];
    let mut keys = Keys::generate(parameters, Prg::random());
    let key = PublicKey::parse(parameters, &keys.public_key())?;
    let (upload, _) = keys.encrypt(ring, &plains)?;
    let inputs = Ciphertext::parse(parameters, ring, &upload, &places)?;
    let inputs = Inputs::new(&inputs.iter().collect::<Vec<_>>())?;
    let weights = |_: usize, column: usize, out: &mut [i64]| {
        if let Some(first) = out.get_mut(column) {
            *first = 1000;
        }
    };
    let block = Weights::encode(parameters, (BATCH, BATCH), weights)?;
    let mut prg = Prg::random();
    let mut reply = || -> Result<Vec<u8>, privet_he::Error> {
        let mut products = privet_he::Products::new(parameters, 1, BATCH)?;
        products.accumulate(&block, &[&inputs])?;
        let masks = vec![0; degree];
        let answers = (0..BATCH).map(|row| {
            Ok(Reply {
                product: products.take(0, row)?,
                wanted: &free,
                masks: &masks,
            })
        });
        let answers = answers.collect::<Result<Vec<_>, privet_he::Error>>()?;
        key.reply(ring, &mut prg, answers)
    };
    let message = reply()?;
    let decrypt = time(options, BATCH, || {
        std::hint::black_box(keys.decrypt(ring, &message, &places).is_ok());
    });
    let answer = time(options, BATCH, || {
        std::hint::black_box(reply().is_ok());
    });
    let encrypt = time(options, BATCH, || {
        std::hint::black_box(keys.encrypt(ring, &plains).is_ok());
    });
    let parse = time(options, BATCH, || {
        std::hint::black_box(Ciphertext::parse(parameters, ring, &upload, &places).is_ok());
    });
    let encode = time(options, BATCH * BATCH, || {
        std::hint::black_box(Weights::encode(parameters, (BATCH, BATCH), weights).is_ok());
    });
    for (case, microseconds) in [
        ("encrypt", encrypt),
        ("parse", parse),
        ("encode_weight", encode),
        ("answer", answer),
        ("decrypt", decrypt),
    ] {
        row(table, (case, active()), parameters, microseconds);
        if let Some(Value::Object(row)) = table.rows.last_mut() {
            let hiding = noise::hiding_bits(parameters, ring, NormClass::Norm15);
            row.insert("ring_bits".to_owned(), json!(BITS));
            row.insert("hiding_bits".to_owned(), json!(hiding));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_and_step_has_its_row() {
        let table = run(&Options { seconds: 0.0 }).unwrap();
        let sets = Parameters::ALL.len();
        assert_eq!(table.rows.len(), sets * (3 * available().len() + 5));
        for row in &table.rows {
            assert!(row["microseconds"].as_f64().unwrap() > 0.0, "{row}");
            let named = row["case"] == "forward" && row["parameters"] == "pair50";
            assert!(!named || row["must"] == 6.0, "{row}");
        }
    }
}
