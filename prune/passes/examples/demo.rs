//! Makes the embedded demo: draws digits, trains a small network on them, writes `src/demo/`.
//!
//! `cargo run --release -p privet-passes --example demo [FOLDER]`
//!
//! The same machine kind writes the same bytes again.

#![forbid(unsafe_code)]

use std::error::Error;
use std::path::Path;

use privet_model::graph::{Graph, Window};
use privet_model::preprocess::Preprocess;
use privet_passes::digits::{self, Drawing, SIDE};
use privet_passes::network::{Layer, Network, RangePenalty};
use privet_passes::rng::Rng;
use privet_passes::train::{Control, Options, train};

/// Seeds of four disjoint sets of drawings.
const TRAIN: u64 = 1;
const VALIDATION: u64 = 2;
const TEST: u64 = 3;
const EMBEDDED: u64 = 4;
/// Drawings in the demo, as many of each digit.
const EMBEDDED_COUNT: u64 = 40;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args()
        .nth(1)
        .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/demo").to_owned());
    let folder = Path::new(&folder);
    let network = trained()?;
    std::fs::create_dir_all(folder)?;
    let graph = described(&network)?;
    std::fs::write(
        folder.join("digits.onnx"),
        privet_model::onnx::export(&graph),
    )?;
    let drawings: Vec<Drawing> = (0..EMBEDDED_COUNT)
        .map(|i| digits::draw(EMBEDDED, i))
        .collect();
    let pixels: Vec<u8> = drawings
        .iter()
        .flat_map(|d| d.pixels.iter().copied())
        .collect();
    let labels: Vec<u8> = drawings.iter().map(|d| d.digit).collect();
    std::fs::write(
        folder.join("digits.idx"),
        idx(&[drawings.len(), SIDE, SIDE], &pixels)?,
    )?;
    std::fs::write(
        folder.join("digits-labels.idx"),
        idx(&[drawings.len()], &labels)?,
    )?;
    let embedded = digits::dataset(EMBEDDED, drawings.len())?;
    println!(
        "embedded drawings: {:.2} % right",
        100.0 * network.accuracy(&embedded)?
    );
    Ok(())
}

/// Trains the demo's network and prints how it does.
fn trained() -> Result<Network, Box<dyn Error>> {
    let data = digits::dataset(TRAIN, 20_000)?;
    let validation = digits::dataset(VALIDATION, 2_000)?;
    let mut network = untrained();
    let options = Options {
        epochs: 15,
        // Pre-activations then need few integer bits.
        range: Some(RangePenalty {
            limit: 6.0,
            weight: 0.01,
        }),
        weight_decay: 0.02,
        ..Options::default()
    };
    train(
        &mut network,
        &data,
        Some(&validation),
        &options,
        &mut |tick| {
            let Some(e) = tick.finished else {
                return Control::Continue;
            };
            let accuracy = e.validation_accuracy.unwrap_or(0.0);
            println!(
                "epoch {:2}: loss {:.4}, validation {:.2} %",
                e.epoch,
                e.loss,
                100.0 * accuracy
            );
            Control::Continue
        },
    )?;
    let test = digits::dataset(TEST, 4_000)?;
    println!("{} multiplications", network.macs()?);
    println!(
        "held-out drawings: {:.2} % right",
        100.0 * network.accuracy(&test)?
    );
    Ok(network)
}

/// Convolution 5x5 of stride 2 into 4 channels, 32 hidden neurons, 10 classes.
fn untrained() -> Network {
    let mut rng = Rng::new(7, 0);
    let window = Window {
        strides: [2, 2],
        pads_before: [2, 2],
        pads_after: [1, 1],
        ..Window::new([5, 5])
    };
    let channels = 4;
    let cells = channels * (SIDE / 2) * (SIDE / 2);
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

/// The network with what a reader of the file needs to know.
fn described(network: &Network) -> Result<Graph, Box<dyn Error>> {
    let mut graph = network.to_graph()?;
    graph.preprocess = Some(Preprocess {
        divide: 255.0,
        ..Preprocess::default()
    });
    let names = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    graph.classes = Some(names.map(str::to_owned).to_vec());
    Ok(graph)
}

/// An IDX file of bytes: magic with the number of axes, extents, values.
fn idx(shape: &[usize], values: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut file = vec![0, 0, 0x08, u8::try_from(shape.len())?];
    for extent in shape {
        file.extend(u32::try_from(*extent)?.to_be_bytes());
    }
    file.extend_from_slice(values);
    Ok(file)
}
