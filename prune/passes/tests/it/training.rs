//! The training loop on the project's own digits.

use privet_passes::digits::{self, SIDE};
use privet_passes::error::Error;
use privet_passes::network::Layer;
use privet_passes::rng::Rng;
use privet_passes::train::{Control, Optimiser, Options, train, train_resumable};
use privet_passes::{Dataset, Network};

fn network() -> Network {
    let mut rng = Rng::new(5, 0);
    Network {
        name: "digits".to_owned(),
        input: vec![SIDE * SIDE],
        layers: vec![
            Layer::linear(SIDE * SIDE, 24, &mut rng),
            Layer::Relu,
            Layer::Dropout(0.1),
            Layer::linear(24, 10, &mut rng),
        ],
    }
}

fn data() -> (Dataset, Dataset) {
    (
        digits::dataset(1, 1_500).unwrap(),
        digits::dataset(2, 500).unwrap(),
    )
}

fn silent(_: &privet_passes::train::Tick) -> Control {
    Control::Continue
}

#[test]
fn both_optimisers_learn() {
    let (data, validation) = data();
    let sgd = Options {
        optimiser: Optimiser::Sgd { momentum: 0.9 },
        rate: 0.03,
        ..Options::default()
    };
    for options in [Options::default(), sgd] {
        let options = Options {
            epochs: 8,
            batch: 32,
            ..options
        };
        let mut network = network();
        let report = train(
            &mut network,
            &data,
            Some(&validation),
            &options,
            &mut silent,
        )
        .unwrap();
        assert!(report.before.unwrap() < 0.4, "{report:?}");
        assert!(report.after.unwrap() > 0.9, "{report:?}");
        assert_eq!(
            network.accuracy(&validation).unwrap(),
            report.after.unwrap()
        );
    }
}

#[test]
fn equal_seeds_give_equal_networks_for_any_number_of_threads() {
    let (data, validation) = data();
    let run = |seed, threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let options = Options {
            epochs: 2,
            seed,
            ..Options::default()
        };
        let mut network = network();
        pool.install(|| {
            train(
                &mut network,
                &data,
                Some(&validation),
                &options,
                &mut silent,
            )
        })
        .unwrap();
        network
    };
    assert_eq!(run(1, 1), run(1, 2));
    assert_ne!(run(1, 1), run(2, 1));
}

#[test]
fn the_best_epoch_is_kept_and_patience_ends_the_run() {
    let (data, validation) = data();
    // A rate this high makes accuracy jump about.
    let options = Options {
        epochs: 40,
        rate: 0.05,
        patience: Some(3),
        ..Options::default()
    };
    let mut network = network();
    let report = train(
        &mut network,
        &data,
        Some(&validation),
        &options,
        &mut silent,
    )
    .unwrap();
    assert!(report.epochs.len() < 40, "patience did not end the run");
    assert_eq!(report.epochs.len(), report.best + 3);
    let best = report
        .epochs
        .iter()
        .filter_map(|e| e.validation_accuracy)
        .fold(0.0, f64::max);
    assert_eq!(report.after, Some(best));
    assert_eq!(network.accuracy(&validation).unwrap(), best);
}

#[test]
fn masked_weights_stay_zero() {
    let (data, validation) = data();
    let mut network = network();
    let mut rng = Rng::new(8, 0);
    let weights = network.layers[0].weights_mut().unwrap();
    let mask = ndarray::Array2::from_shape_simple_fn(weights.matrix.dim(), || rng.uniform() < 0.3);
    weights.mask = Some(mask.clone());
    let options = Options {
        epochs: 6,
        rate: 1e-2,
        ..Options::default()
    };
    let report = train(
        &mut network,
        &data,
        Some(&validation),
        &options,
        &mut silent,
    )
    .unwrap();
    assert!(report.after.unwrap() > 0.8, "{report:?}");
    let matrix = &network.layers[0].weights().unwrap().matrix;
    assert!(matrix.iter().zip(&mask).all(|(w, m)| *m || *w == 0.0));
    assert!(network.macs().unwrap() < (SIDE * SIDE * 24 / 3 + 240) as u64);
}

#[test]
fn bad_options_and_data_are_refused() {
    let (data, _) = data();
    let mut n = network();
    for options in [
        Options {
            rate: f32::NAN,
            ..Options::default()
        },
        Options {
            batch: 0,
            ..Options::default()
        },
        Options {
            l1: -1.0,
            ..Options::default()
        },
        Options {
            optimiser: Optimiser::Sgd { momentum: 1.0 },
            ..Options::default()
        },
    ] {
        let e = train(&mut n, &data, None, &options, &mut silent).unwrap_err();
        assert!(matches!(e, Error::Option { .. }), "{e}");
    }
    n.input = vec![3];
    assert!(train(&mut n, &data, None, &Options::default(), &mut silent).is_err());
    let mut n = network();
    let diverging = Options {
        optimiser: Optimiser::Sgd { momentum: 0.9 },
        rate: 1e30,
        ..Options::default()
    };
    let e = train(&mut n, &data, None, &diverging, &mut silent).unwrap_err();
    assert!(matches!(e, Error::NotFinite { .. }), "{e}");
}

#[test]
fn an_interrupted_run_ends_as_an_uninterrupted_one() {
    let (data, validation) = data();
    let folder = std::env::temp_dir().join(format!("privet-passes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("run");
    let options = Options {
        epochs: 4,
        ..Options::default()
    };
    let mut whole = network();
    let report = train(&mut whole, &data, Some(&validation), &options, &mut silent).unwrap();
    let resume = |options: &Options, stop: [usize; 2]| {
        let mut n = network();
        let mut heard = vec![];
        let result = train_resumable(&mut n, &data, Some(&validation), options, &path, &mut |e| {
            heard.extend(e.finished.map(|e| e.epoch));
            if [e.epoch, e.batch] == stop {
                Control::Stop
            } else {
                Control::Continue
            }
        });
        (n, result, heard)
    };
    // In the middle of an epoch, at the end of one, then to the end.
    let never = [0, 0];
    assert_eq!(resume(&options, [1, 5]).2, [0; 0]);
    assert_eq!(resume(&options, [2, 24]).2, [1, 2]);
    let (resumed, second, heard) = resume(&options, never);
    assert_eq!(heard, [3, 4]);
    assert_eq!((resumed, second.unwrap()), (whole.clone(), report));
    // A finished run is not run again.
    let (again, _, heard) = resume(&options, never);
    assert_eq!((again, heard.len()), (whole, 0));
    // Another run's file and a damaged one are refused.
    let other = Options {
        seed: 9,
        ..options.clone()
    };
    let e = resume(&other, never).1.unwrap_err();
    assert!(e.to_string().contains("other settings"), "{e}");
    let good = std::fs::read(&path).unwrap();
    for (at, say) in [
        (0, "not a checkpoint"),
        (20, "other settings"),
        (200, "damaged"),
    ] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, bad).unwrap();
        let e = resume(&options, never).1.unwrap_err();
        assert!(e.to_string().contains(say), "{e}");
    }
    std::fs::write(&path, &good[..40]).unwrap();
    assert!(
        resume(&options, never)
            .1
            .unwrap_err()
            .to_string()
            .contains("truncated")
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn noise_and_a_running_mean_are_part_of_the_run() {
    let (data, validation) = data();
    let run = |noise, average| {
        let mut network = network();
        let options = Options {
            epochs: 4,
            rate: 3e-3,
            noise,
            average,
            ..Options::default()
        };
        train(&mut network, &data, None, &options, &mut silent).unwrap();
        network
    };
    let both = run(0.1, Some(0.95));
    assert_eq!(both, run(0.1, Some(0.95)));
    assert!(both.accuracy(&validation).unwrap() > 0.85);
    assert_ne!(both, run(0.1, None));
    assert_ne!(both, run(0.0, Some(0.95)));
    // A mean that forgets at once is the last network.
    assert_eq!(run(0.1, Some(0.0)), run(0.1, None));
    for (noise, average) in [(-1.0, None), (f32::NAN, None), (0.0, Some(1.0))] {
        let options = Options {
            noise,
            average,
            ..Options::default()
        };
        let mut network = network();
        assert!(matches!(
            train(&mut network, &data, None, &options, &mut silent),
            Err(Error::Option { .. })
        ));
    }
}
