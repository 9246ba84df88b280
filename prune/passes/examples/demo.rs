//! Makes the embedded demo: draws digits, trains a small network on them, writes `src/demo/`.
//!
//! `cargo run --release -p privet-passes --example demo`

#![forbid(unsafe_code)]

use std::error::Error;

use ndarray::Array2;
use privet_model::graph::Window;
use privet_passes::digits::{self, SIDE};
use privet_passes::network::{Layer, Network, RangePenalty};
use privet_passes::rng::Rng;
use privet_passes::train::{Control, Options, train};

const TRAIN_SEED: u64 = 1;
const VALIDATION_SEED: u64 = 2;
const TEST_SEED: u64 = 3;

fn network() -> Network {
    let mut rng = Rng::new(7, 0);
    let window = Window {
        strides: [2, 2],
        pads_before: [2, 2],
        pads_after: [1, 1],
        ..Window::new([5, 5])
    };
    let channels = 4;
    let cells = channels * SIDE / 2 * SIDE / 2;
    Network {
        name: "digits".to_owned(),
        input: vec![1, SIDE, SIDE],
        layers: vec![
            Layer::conv(1, channels, window, &mut rng),
            Layer::Relu,
            Layer::Reshape(vec![cells]),
            Layer::linear(cells, 32, &mut rng),
            Layer::Relu,
            Layer::linear(32, 10, &mut rng),
        ],
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let data = digits::dataset(TRAIN_SEED, 20_000)?;
    let validation = digits::dataset(VALIDATION_SEED, 2_000)?;
    let test = digits::dataset(TEST_SEED, 4_000)?;
    let mut network = network();
    println!("{} multiplications", network.macs()?);
    let options = Options {
        epochs: 20,
        range: Some(RangePenalty {
            limit: 6.0,
            weight: 0.01,
        }),
        weight_decay: 0.02,
        ..Options::default()
    };
    train(&mut network, &data, Some(&validation), &options, &mut |e| {
        println!("{e:?}");
        Control::Continue
    })?;
    println!("test accuracy {:.2} %", 100.0 * network.accuracy(&test)?);
    let _: Array2<f32> = network.logits(&test.take(1).samples())?;
    for i in 0..20 {
        let d = digits::draw(TEST_SEED, i);
        for row in d.pixels.chunks(SIDE) {
            let line: String = row
                .iter()
                .map(|p| [" ", ".", ":", "o", "#", "@"][usize::from(*p) * 6 / 256].repeat(2))
                .collect();
            println!("{line}|");
        }
    }
    Ok(())
}
