//! Trains DeepSecure's networks B1 to B4 on real data, shrinks them, and says what was gained.
//!
//! `cargo run --release -p privet-passes --example deepsecure -- b3 [--final]`
//!
//! Data come from `PRIVET_DATA` (else `../shared/data` beside the repository). All decisions are taken on a
//! validation part of the training data; only `--final` opens the test files, once, at the end.

#![forbid(unsafe_code)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use privet_model::graph::Window;
use privet_model::preprocess::Preprocess;
use privet_passes::network::{Layer, Network};
use privet_passes::project::Basis;
use privet_passes::report::{CostModel, Estimate, Measure};
use privet_passes::rng::Rng;
use privet_passes::shrink::{Options as ShrinkOptions, refit, shrink};
use privet_passes::train::{Control, Options, train};
use privet_passes::{Dataset, Split, fixed};

/// A benchmark: its network, data and training.
struct Bench {
    network: Network,
    folder: &'static str,
    train: [&'static str; 2],
    test: [&'static str; 2],
    preprocess: Preprocess,
    options: Options,
    /// The training data that decisions are taken on.
    held_back: HeldBack,
}

/// How training and validation part are told apart.
enum HeldBack {
    /// A random share.
    Share(f32),
    /// The last samples: other speakers, as in the test.
    Tail(usize),
}

impl HeldBack {
    fn split(&self, data: &Dataset) -> Result<Split, Box<dyn Error>> {
        Ok(match self {
            Self::Share(share) => data.split(*share, 1)?,
            Self::Tail(count) => data.split_tail(*count)?,
        })
    }
}

fn bench(name: &str) -> Option<Bench> {
    let mut rng = Rng::new(1, 0);
    let divide = |divide| Preprocess {
        divide,
        ..Preprocess::default()
    };
    let options = Options {
        epochs: 15,
        batch: 128,
        weight_decay: 0.02,
        ..Options::default()
    };
    let network = |input: &[usize], layers| Network {
        name: name.to_owned(),
        input: input.to_vec(),
        layers,
    };
    let mnist = |network| Bench {
        network,
        folder: "mnist",
        train: ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"],
        test: ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"],
        preprocess: divide(255.0),
        options: options.clone(),
        held_back: HeldBack::Share(0.1),
    };
    let window = Window {
        strides: [2, 2],
        pads_before: [1, 1],
        ..Window::new([5, 5])
    };
    Some(match name {
        "b1" => mnist(network(
            &[1, 28, 28],
            vec![
                Layer::conv(1, 5, window, &mut rng),
                Layer::Relu,
                Layer::Reshape(vec![5 * 13 * 13]),
                Layer::linear(5 * 13 * 13, 100, &mut rng),
                Layer::Relu,
                Layer::linear(100, 10, &mut rng),
            ],
        )),
        "b2" => mnist(network(
            &[784],
            vec![
                Layer::linear(784, 300, &mut rng),
                Layer::Sigmoid,
                Layer::linear(300, 100, &mut rng),
                Layer::Sigmoid,
                Layer::linear(100, 10, &mut rng),
            ],
        )),
        "b3" => Bench {
            network: network(
                &[617],
                vec![
                    Layer::linear(617, 50, &mut rng),
                    Layer::Tanh,
                    Layer::linear(50, 26, &mut rng),
                ],
            ),
            folder: "isolet",
            train: [
                "isolet-train-features-i16e4.idx.gz",
                "isolet-train-labels.idx.gz",
            ],
            test: [
                "isolet-test-features-i16e4.idx.gz",
                "isolet-test-labels.idx.gz",
            ],
            preprocess: divide(10_000.0),
            options: Options {
                batch: 32,
                epochs: 20,
                ..options
            },
            held_back: HeldBack::Tail(1558),
        },
        "b4" => Bench {
            network: network(
                &[5625],
                vec![
                    Layer::linear(5625, 2000, &mut rng),
                    Layer::Tanh,
                    Layer::linear(2000, 500, &mut rng),
                    Layer::Tanh,
                    Layer::linear(500, 19, &mut rng),
                ],
            ),
            folder: "dsa",
            train: ["dsa-train3040-i16q12.idx.gz", "dsa-train3040-labels.idx.gz"],
            test: ["dsa-test456-i16q12.idx.gz", "dsa-test456-labels.idx.gz"],
            preprocess: divide(4096.0),
            options: Options {
                batch: 64,
                epochs: 8,
                rate: 3e-4,
                ..options
            },
            held_back: HeldBack::Share(0.2),
        },
        _ => return None,
    })
}

fn load(bench: &Bench, [samples, labels]: [&str; 2]) -> Result<Dataset, Box<dyn Error>> {
    let root = std::env::var_os("PRIVET_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let folder: &Path = &root.join(bench.folder);
    let input = &bench.network.input;
    Ok(Dataset::load(
        &folder.join(samples),
        &folder.join(labels),
        Some(&bench.preprocess),
        input,
    )?)
}

fn line(what: &str, m: &Measure) {
    println!(
        "{what:34} {:6.2} % {:>10} MACs {:>12} ANDs (estimate)",
        100.0 * m.accuracy,
        m.cost.macs,
        m.cost.ands
    );
}

fn embedded(basis: Option<&Basis>, data: &Dataset) -> Result<Dataset, Box<dyn Error>> {
    Ok(basis.map_or_else(|| Ok(data.clone()), |b| b.embed_all(data))?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments
        .iter()
        .find(|a| !a.starts_with("--"))
        .map_or("b3", String::as_str);
    let Some(bench) = bench(name) else {
        return Err(format!("{name} is not b1, b2, b3 or b4").into());
    };
    let started = Instant::now();
    let all = load(&bench, bench.train)?;
    let split = bench.held_back.split(&all)?;
    let mut network = bench.network.clone();
    train(
        &mut network,
        &split.train,
        Some(&split.validation),
        &bench.options,
        &mut |e| {
            eprint!("\repoch {} of {}   ", e.epoch, bench.options.epochs);
            Control::Continue
        },
    )?;
    eprintln!("\rtrained in {:.0} s    ", started.elapsed().as_secs_f64());
    let model = Estimate { bits: 16 };
    let started = Instant::now();
    let options = ShrinkOptions {
        retrain: Options {
            epochs: 5,
            ..bench.options.clone()
        },
        folder: std::env::var_os("PRIVET_STEPS").map(PathBuf::from),
        ..ShrinkOptions::default()
    };
    let mut found = shrink(&network, &split, &options, &model, &mut |e| {
        eprint!("\r{:3.0} %  {:40}", 100.0 * e.done, e.stage);
        Control::Continue
    })?;
    eprintln!(
        "\rshrunk in {:.0} s{:40}",
        started.elapsed().as_secs_f64(),
        ""
    );
    line("before", &found.before);
    for step in &found.steps {
        line(&step.pass, &step.after);
    }
    line("after", &found.after);
    let ratio = found.before.cost.ands as f64 / found.after.cost.ands.max(1) as f64;
    println!("{ratio:.1}-fold; widths {:?}", found.formats.value());
    // Form and widths are decided: both networks now see all training data.
    let tell = &mut |_: &_| Control::Continue;
    let mut whole = bench.network.clone();
    train(&mut whole, &all, None, &bench.options, tell)?;
    let retrain = Options {
        epochs: 20,
        ..options.retrain
    };
    refit(&mut found, &all, &retrain, &mut |_| Control::Continue)?;
    if arguments.iter().any(|a| a == "--final") {
        let test = load(&bench, bench.test)?;
        let small = embedded(found.basis.as_ref(), &test)?;
        let calibration = embedded(found.basis.as_ref(), &split.train)?;
        let model_file = fixed::quantised(
            &found.network,
            &fixed::options(&found.formats),
            &calibration,
        )?;
        println!(
            "test: {:.2} % before, {:.2} % after, float; {:.2} % after, quantised",
            100.0 * whole.accuracy(&test)?,
            100.0 * found.network.accuracy(&small)?,
            100.0 * fixed::accuracy(&model_file, &small)?,
        );
        println!("{:?}", model.cost(&found.network, Some(&found.formats))?);
    }
    Ok(())
}
