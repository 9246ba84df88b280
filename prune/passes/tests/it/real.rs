//! Short runs on real data, where it is present.

use std::path::PathBuf;

use privet_model::preprocess::Preprocess;
use privet_passes::fixed;
use privet_passes::network::Layer;
use privet_passes::project::{self, Method, Size};
use privet_passes::prune;
use privet_passes::report::Estimate;
use privet_passes::rng::Rng;
use privet_passes::train::qat::Widths;
use privet_passes::train::{Control, Options as TrainOptions, train};
use privet_passes::widths;
use privet_passes::{Dataset, Network};

fn folder(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PRIVET_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let folder = root.join(name);
    if !folder.is_dir() {
        println!("skipped: no data in {}", folder.display());
        return None;
    }
    Some(folder)
}

/// Projection, pruning and short widths in a row on spoken letters.
#[test]
fn isolet_shrinks() {
    let Some(folder) = folder("isolet") else {
        return;
    };
    let divide = Preprocess {
        divide: 10_000.0,
        ..Preprocess::default()
    };
    let read = |part: &str| {
        let samples = folder.join(format!("isolet-{part}-features-i16e4.idx.gz"));
        let labels = folder.join(format!("isolet-{part}-labels.idx.gz"));
        Dataset::load(&samples, &labels, Some(&divide), &[617]).unwrap()
    };
    let split = read("train").split(0.15, 1).unwrap();
    assert_eq!((split.train.features(), split.train.classes()), (617, 26));
    let mut rng = Rng::new(3, 0);
    let mut network = Network {
        name: "isolet".to_owned(),
        input: vec![617],
        layers: vec![
            Layer::linear(617, 50, &mut rng),
            Layer::Tanh,
            Layer::linear(50, 26, &mut rng),
        ],
    };
    let model = Estimate { bits: 16 };
    let short = |epochs| TrainOptions {
        epochs,
        rate: 2e-3,
        weight_decay: 0.02,
        ..TrainOptions::default()
    };
    let mut silent = |_: &_| Control::Continue;
    train(
        &mut network,
        &split.train,
        Some(&split.validation),
        &short(8),
        &mut silent,
    )
    .unwrap();
    let start = network.accuracy(&split.validation).unwrap();
    assert!(start > 0.93, "{start}");
    let options = project::Options {
        method: Method::Random { powers: 1, seed: 1 },
        size: Size::Rank(150),
        retrain: short(4),
    };
    let projected = project::project(&network, &split, &options, &model, &mut |_| {
        Control::Continue
    })
    .unwrap();
    let embedded = privet_passes::Split {
        train: split.train.embedded(&projected.projection).unwrap(),
        validation: split.validation.embedded(&projected.projection).unwrap(),
    };
    let mut network = projected.network;
    let options = prune::Options {
        sparsity: 0.5,
        steps: 2,
        retrain: short(3),
        ..prune::Options::default()
    };
    prune::prune(&mut network, &embedded, &options, &model, &mut |_| {
        Control::Continue
    })
    .unwrap();
    let options = widths::Options {
        widths: Widths {
            values: 14,
            weights: 5,
            margin: 0,
        },
        retrain: short(3),
    };
    let (formats, report) = widths::narrow(&mut network, &embedded, &options, &model, &mut |_| {
        Control::Continue
    })
    .unwrap();
    assert!(report.after.accuracy > start - 0.02, "{start}: {report:?}");
    assert!(network.macs().unwrap() * 6 < 617 * 50 + 50 * 26);
    // The oracle says the same as the simulation, but for the tables of tanh.
    let sample = embedded.validation.take(200);
    let exact = fixed::quantised(&network, &fixed::options(&formats), &embedded.train).unwrap();
    let found = fixed::accuracy(&exact, &sample).unwrap();
    let simulated = network.accuracy(&sample).unwrap();
    assert!(
        (found - simulated).abs() < 0.03,
        "{found} against {simulated}"
    );
}

#[test]
fn mnist_trains() {
    let Some(folder) = folder("mnist") else {
        return;
    };
    let data = Dataset::load(
        &folder.join("t10k-images-idx3-ubyte.gz"),
        &folder.join("t10k-labels-idx1-ubyte.gz"),
        None,
        &[1, 28, 28],
    )
    .unwrap();
    let split = data.split(0.2, 1).unwrap();
    assert_eq!((split.train.len(), split.train.features()), (8_000, 784));
    let mut rng = Rng::new(3, 0);
    let mut network = Network {
        name: "mnist".to_owned(),
        input: vec![1, 28, 28],
        layers: vec![
            Layer::Reshape(vec![784]),
            Layer::linear(784, 40, &mut rng),
            Layer::Relu,
            Layer::linear(40, 10, &mut rng),
        ],
    };
    let options = TrainOptions {
        epochs: 3,
        rate: 2e-3,
        ..TrainOptions::default()
    };
    let report = train(
        &mut network,
        &split.train,
        Some(&split.validation),
        &options,
        &mut |_| Control::Continue,
    )
    .unwrap();
    assert!(report.after.unwrap() > 0.92, "{report:?}");
}

#[test]
fn wrong_files_are_one_clear_line() {
    let Some(folder) = folder("mnist") else {
        return;
    };
    let (images, labels) = (
        folder.join("t10k-images-idx3-ubyte.gz"),
        folder.join("t10k-labels-idx1-ubyte.gz"),
    );
    let absent = folder.join("absent");
    for (samples, labels, input) in [
        (&absent, &labels, 784),
        (&images, &absent, 784),
        (&labels, &labels, 784),
        (&images, &labels, 783),
        (&images, &folder.join("train-labels-idx1-ubyte.gz"), 784),
    ] {
        let e = Dataset::load(samples, labels, None, &[input])
            .unwrap_err()
            .to_string();
        assert!(!e.is_empty() && !e.contains('\n'), "{e}");
    }
}
