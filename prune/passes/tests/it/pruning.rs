//! Pruning and compaction.

use ndarray::Array2;
use privet_model::graph::Window;
use privet_passes::Split;
use privet_passes::compact::compact;
use privet_passes::digits::{self, SIDE};
use privet_passes::error::Error;
use privet_passes::network::{Layer, Network, Pool};
use privet_passes::prune::{Granularity, Options, Scope, prune, prune_resumable};
use privet_passes::report::Estimate;
use privet_passes::rng::Rng;
use privet_passes::train::{Control, Options as TrainOptions, train};

const MODEL: Estimate = Estimate { bits: 16 };

fn go(_: &privet_passes::report::Event) -> Control {
    Control::Continue
}

fn convolutional(seed: u64) -> Network {
    let mut rng = Rng::new(seed, 0);
    Network {
        name: "digits".to_owned(),
        input: vec![1, SIDE, SIDE],
        layers: vec![
            Layer::conv(
                1,
                6,
                Window {
                    strides: [2, 2],
                    ..Window::new([4, 4])
                },
                &mut rng,
            ),
            Layer::Relu,
            Layer::conv(6, 5, Window::new([2, 2]), &mut rng),
            Layer::Tanh,
            Layer::AvgPool(Pool::new([2, 2], [2, 2], [6, 6]).unwrap()),
            Layer::Reshape(vec![45]),
            Layer::linear(45, 20, &mut rng),
            Layer::Sigmoid,
            Layer::linear(20, 10, &mut rng),
        ],
    }
}

fn trained() -> (Network, Split) {
    let data = digits::dataset(1, 2_000).unwrap().split(0.2, 1).unwrap();
    let mut rng = Rng::new(5, 0);
    let mut network = Network {
        name: "digits".to_owned(),
        input: vec![SIDE * SIDE],
        layers: vec![
            Layer::linear(SIDE * SIDE, 24, &mut rng),
            Layer::Relu,
            Layer::linear(24, 10, &mut rng),
        ],
    };
    let options = TrainOptions {
        epochs: 10,
        batch: 32,
        rate: 3e-3,
        ..TrainOptions::default()
    };
    let report = train(
        &mut network,
        &data.train,
        Some(&data.validation),
        &options,
        &mut |_| Control::Continue,
    );
    assert!(report.unwrap().after.unwrap() > 0.9);
    (network, data)
}

fn samples(n: usize) -> Array2<f32> {
    let mut rng = Rng::new(3, 3);
    Array2::from_shape_simple_fn((n, SIDE * SIDE), || rng.uniform())
}

fn close(a: &Array2<f32>, b: &Array2<f32>) -> bool {
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4)
}

#[test]
fn compaction_keeps_the_function() {
    let x = samples(6);
    for seed in 0..8 {
        let mut network = convolutional(seed);
        let mut rng = Rng::new(seed, 9);
        for layer in &mut network.layers {
            let Some(w) = layer.weights_mut() else {
                continue;
            };
            w.bias.mapv_inplace(|_| rng.normal());
            let silent: Vec<usize> = (0..w.matrix.nrows())
                .filter(|_| rng.uniform() < 0.3)
                .collect();
            for row in silent {
                w.matrix.row_mut(row).fill(0.0);
            }
        }
        // A channel and a neuron that nobody reads.
        network.layers[6]
            .weights_mut()
            .unwrap()
            .matrix
            .slice_axis_mut(ndarray::Axis(1), (9..18).into())
            .fill(0.0);
        network.layers[8]
            .weights_mut()
            .unwrap()
            .matrix
            .column_mut(7)
            .fill(0.0);
        let (before, macs) = (network.logits(&x).unwrap(), network.macs().unwrap());
        let removed = compact(&mut network).unwrap();
        assert!(removed >= 2, "seed {seed}: {removed}");
        assert!(close(&network.logits(&x).unwrap(), &before), "seed {seed}");
        assert!(network.macs().unwrap() <= macs);
        assert_eq!(compact(&mut network).unwrap(), 0);
        assert_eq!(
            Network::from_graph(&network.to_graph().unwrap()).unwrap(),
            network
        );
    }
}

#[test]
fn constants_before_padding_stay() {
    let mut rng = Rng::new(2, 0);
    let padded = Window {
        pads_before: [1, 1],
        pads_after: [1, 1],
        ..Window::new([3, 3])
    };
    let mut network = Network {
        name: "padded".to_owned(),
        input: vec![1, SIDE, SIDE],
        layers: vec![
            Layer::conv(1, 3, padded.clone(), &mut rng),
            Layer::Tanh,
            Layer::conv(3, 1, padded, &mut rng),
        ],
    };
    let w = network.layers[0].weights_mut().unwrap();
    w.matrix.row_mut(1).fill(0.0);
    w.bias[1] = 0.7;
    assert_eq!(compact(&mut network).unwrap(), 0);
    network.layers[0].weights_mut().unwrap().bias[1] = 0.0;
    assert_eq!(compact(&mut network).unwrap(), 1);
}

#[test]
fn a_network_that_is_all_zero_keeps_a_unit_a_layer() {
    let mut network = convolutional(1);
    for layer in &mut network.layers {
        if let Some(w) = layer.weights_mut() {
            w.matrix.fill(0.0);
        }
    }
    let before = network.logits(&samples(2)).unwrap();
    compact(&mut network).unwrap();
    assert_eq!(network.logits(&samples(2)).unwrap(), before);
    assert_eq!(network.shapes().unwrap()[1][0], 1);
    assert_eq!(network.macs().unwrap(), 0);
}

#[test]
fn every_scope_reaches_its_sparsity() {
    let (network, split) = trained();
    let total = network.macs().unwrap() as f64;
    for scope in [Scope::Layer, Scope::Global, Scope::Relative, Scope::Loss] {
        let options = Options {
            sparsity: 0.8,
            scope,
            steps: 3,
            retrain: TrainOptions {
                epochs: 5,
                rate: 3e-3,
                ..TrainOptions::default()
            },
            ..Options::default()
        };
        let mut pruned = network.clone();
        let report = prune(&mut pruned, &split, &options, &MODEL, &mut go).unwrap();
        assert!(
            (pruned.macs().unwrap() as f64 / total - 0.2).abs() < 0.01,
            "{scope:?}"
        );
        assert!(
            report.after.accuracy > report.before.accuracy - 0.04,
            "{scope:?}: {report:?}"
        );
        assert_eq!(report.after.cost.macs, pruned.macs().unwrap());
        assert!(report.after.cost.ands * 4 < report.before.cost.ands);
        for (i, layer) in pruned.layers.iter().enumerate() {
            let Some(w) = layer.weights() else { continue };
            let share = w.alive() as f64 / w.matrix.len() as f64;
            if scope == Scope::Layer {
                assert!((share - 0.2).abs() < 0.01, "layer {i}: {share}");
            }
        }
    }
}

#[test]
fn units_go_as_a_whole() {
    let (network, split) = trained();
    let options = Options {
        sparsity: 0.5,
        granularity: Granularity::Units,
        steps: 2,
        retrain: TrainOptions {
            epochs: 3,
            ..TrainOptions::default()
        },
        ..Options::default()
    };
    let mut pruned = network;
    let report = prune(&mut pruned, &split, &options, &MODEL, &mut go).unwrap();
    let hidden = pruned.shapes().unwrap()[1][0];
    assert!((10..=12).contains(&hidden), "{hidden} of 24 neurons");
    assert!(
        report.after.accuracy > report.before.accuracy - 0.04,
        "{report:?}"
    );
    // Channels of convolutions as well.
    let mut pruned = convolutional(4);
    let options = Options {
        max_drop: None,
        ..options
    };
    prune(
        &mut pruned,
        &Split {
            train: split.train.take(200),
            ..split
        },
        &options,
        &MODEL,
        &mut go,
    )
    .unwrap();
    assert!(pruned.macs().unwrap() < convolutional(4).macs().unwrap() * 2 / 3);
}

#[test]
fn a_budget_stops_the_pruning() {
    let (network, split) = trained();
    let options = Options {
        sparsity: 0.999,
        steps: 3,
        max_drop: Some(0.02),
        retrain: TrainOptions {
            epochs: 1,
            ..TrainOptions::default()
        },
        ..Options::default()
    };
    let mut pruned = network.clone();
    let report = prune(&mut pruned, &split, &options, &MODEL, &mut go).unwrap();
    assert!(
        report.after.accuracy >= report.before.accuracy - 0.02,
        "{report:?}"
    );
    assert!(pruned.macs().unwrap() > network.macs().unwrap() / 500);
    // On request nothing changes.
    let mut same = network.clone();
    let e = prune(&mut same, &split, &options, &MODEL, &mut |_| Control::Stop).unwrap_err();
    assert!(matches!(e, Error::Stopped { .. }), "{e}");
    assert_eq!(same, network);
    for sparsity in [1.0, -0.1, f64::NAN] {
        let bad = Options {
            sparsity,
            ..options.clone()
        };
        assert!(prune(&mut same, &split, &bad, &MODEL, &mut go).is_err());
    }
}

#[test]
fn a_stopped_pass_goes_on_where_it_was() {
    let (network, split) = trained();
    let path = std::env::temp_dir().join(format!("privet-prune-{}", std::process::id()));
    let options = Options {
        sparsity: 0.7,
        steps: 3,
        retrain: TrainOptions {
            epochs: 2,
            ..TrainOptions::default()
        },
        ..Options::default()
    };
    let mut whole = network.clone();
    let mut all = 0;
    let report = prune(&mut whole, &split, &options, &MODEL, &mut |_| {
        all += 1;
        Control::Continue
    })
    .unwrap();
    // Stopped in the first step and in the last.
    let (mut resumed, mut heard) = (network.clone(), 0);
    for stop in [all / 5, all / 2, usize::MAX] {
        let mut now = 0;
        let outcome = prune_resumable(&mut resumed, &split, &options, &MODEL, &path, &mut |_| {
            now += 1;
            if now == stop {
                Control::Stop
            } else {
                Control::Continue
            }
        });
        heard += now;
        match outcome {
            Err(Error::Stopped { .. }) => assert_eq!(resumed, network),
            outcome => assert_eq!(outcome.unwrap(), report),
        }
    }
    assert_eq!(resumed, whole);
    // Nothing was trained twice; a stage begun again is told again.
    assert!((all..all + 5).contains(&heard), "{heard} of {all}");
    let other = Options {
        sparsity: 0.6,
        ..options
    };
    let mut same = network;
    let e = prune_resumable(&mut same, &split, &other, &MODEL, &path, &mut go).unwrap_err();
    assert!(e.to_string().contains("other settings"), "{e}");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn the_loss_guides_to_what_costs_most() {
    // The weights of the convolutions are used 49 and 36 times each.
    let (_, split) = trained();
    let mut network = convolutional(4);
    let retrain = TrainOptions {
        epochs: 3,
        rate: 3e-3,
        ..TrainOptions::default()
    };
    train(&mut network, &split.train, None, &retrain, &mut |_| {
        Control::Continue
    })
    .unwrap();
    let before = network.macs().unwrap();
    let run = |scope| {
        let options = Options {
            sparsity: 0.5,
            scope,
            steps: 1,
            retrain: retrain.clone(),
            ..Options::default()
        };
        let mut pruned = network.clone();
        let report = prune(&mut pruned, &split, &options, &MODEL, &mut go).unwrap();
        (pruned.macs().unwrap(), report.after.accuracy)
    };
    let (by_loss, accuracy) = run(Scope::Loss);
    let (by_magnitude, _) = run(Scope::Relative);
    assert!(
        by_loss * 100 < before * 51 && by_loss * 100 > before * 49,
        "{by_loss} of {before}"
    );
    assert!(by_loss < by_magnitude, "{by_loss} against {by_magnitude}");
    assert!(
        accuracy > network.accuracy(&split.validation).unwrap() - 0.1,
        "{accuracy}"
    );
}
