//! What this machine does per second, for the estimates of `privet plan`: both parties on it, over TLS on loopback.
//!
//! Each kind of work is done by the code that an inference does it with, in a share that takes a fraction of a second: layers under
//! encryption, by transfers and under garbled circuits as networks of one layer, material and work on shares by their own protocols.
//! Kinds that come together only are told apart by probes of different proportions (module `fit`). The quickest of some repetitions counts:
//! what else the machine does only ever makes it slower.

mod bits;
mod fit;
mod layers;
mod network;
mod pair;

use std::time::Instant;

use privet_plan::Rates;
use privet_ring::Ring;
use privet_ring::linear::{Conv, Geometry};

pub use pair::Pair;

/// How often a probe is repeated.
const REPEATS: usize = 3;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// An inference.
    #[error(transparent)]
    Run(#[from] privet_run::RunError),
    /// A plan.
    #[error(transparent)]
    Plan(#[from] privet_plan::PlanError),
    /// Work on shares.
    #[error(transparent)]
    Gmw(#[from] privet_gmw::Error),
    /// Transfers.
    #[error(transparent)]
    Ot(#[from] privet_ot::Error),
    /// The channel.
    #[error(transparent)]
    Net(#[from] privet_net::Error),
    /// The threads.
    #[error("a pool of threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// A probe that the program itself got wrong.
    #[error("a probe: {0}")]
    Probe(String),
}

/// Measures all rates with so many threads a party; `tell` hears of what is being done and which share of it is.
///
/// # Errors
/// A probe fails.
pub fn run(threads: usize, tell: &mut dyn FnMut(&str, f64)) -> Result<Rates, CalibrateError> {
    let pair = Pair::new(threads)?;
    tell("messages", 0.0);
    let flights = bits::flights(&pair)?;
    tell("transfers", 0.02);
    let cots = bits::extension(&pair)?;
    let material = bits::material(&pair)?;
    tell("work on shares", 0.25);
    let (ands, bytes) = bits::shares(&pair, flights)?;
    let mut rates = Rates {
        cots,
        silent: material.bits,
        numbers: material.numbers,
        tables: material.tables,
        directions: material.directions,
        flights,
        ands,
        bytes,
        ..Rates::default()
    };
    tell("products in the clear", 0.4);
    rates.clear = clear(&pair)?;
    tell("layers on shares", 0.42);
    [rates.ands, rates.bytes] = layers::shares(&pair, &rates)?;
    tell("garbled circuits", 0.52);
    rates.gates = layers::gates(&pair, &rates)?;
    tell("products by transfers", 0.6);
    rates.fields = layers::fields(&pair, &rates)?;
    tell("products under encryption", 0.7);
    let encryption = layers::encryption(&pair, &rates)?;
    [
        rates.encrypted,
        rates.evaluated,
        rates.products,
        rates.answered,
    ] = encryption;
    rates
        .check()
        .map_err(|error| CalibrateError::Probe(error.to_string()))?;
    Ok(rates)
}

/// The least of the seconds that some repetitions take.
fn least(mut once: impl FnMut() -> Result<f64, CalibrateError>) -> Result<f64, CalibrateError> {
    let mut least = f64::INFINITY;
    for _ in 0..REPEATS {
        least = least.min(once()?);
    }
    Ok(least)
}

/// Products of a convolution in the clear.
#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn clear(pair: &Pair) -> Result<f64, CalibrateError> {
    let probe = |error: &dyn std::fmt::Display| CalibrateError::Probe(error.to_string());
    let geometry = Geometry::convolution(&Conv {
        in_channels: 64,
        out_channels: 128,
        groups: 1,
        image: [27; 2],
        kernel: [3; 2],
        strides: [1; 2],
        dilations: [1; 2],
        pads_before: [1; 2],
        pads_after: [1; 2],
    })
    .map_err(|e| probe(&e))?;
    let ring = Ring::new(37).map_err(|e| probe(&e))?;
    let words: Vec<u64> = (0..geometry.inputs() as u64)
        .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .collect();
    let weights = network::weights(geometry.weights(), 12);
    let seconds = least(|| {
        let began = Instant::now();
        let product = pair.server(|| geometry.multiply(ring, &weights, &words));
        std::hint::black_box(product.map_err(|e| probe(&e))?);
        Ok(began.elapsed().as_secs_f64())
    })?;
    Ok(geometry.products() as f64 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rate_is_measured() {
        let mut stages = Vec::new();
        let rates = run(1, &mut |stage, done| stages.push((stage.to_owned(), done))).unwrap();
        rates.check().unwrap();
        let guessed = Rates::default().named();
        for ((name, measured), (_, guessed)) in rates.named().into_iter().zip(guessed) {
            assert!(measured.to_bits() != guessed.to_bits(), "{name}");
        }
        assert!(stages.windows(2).all(|pair| pair[0].1 < pair[1].1));
    }
}
