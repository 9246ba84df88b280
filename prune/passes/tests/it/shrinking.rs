//! The whole chain.

use privet_passes::digits::{self, SIDE};
use privet_passes::error::Error;
use privet_passes::fixed;
use privet_passes::network::Layer;
use privet_passes::report::Estimate;
use privet_passes::rng::Rng;
use privet_passes::shrink::{Options, Shrunk, Teaching, refit, shrink};
use privet_passes::train::{Control, Options as TrainOptions, train};
use privet_passes::{Dataset, Network, Split};

const MODEL: Estimate = Estimate { bits: 16 };

fn trained() -> (Network, Split) {
    let split = digits::dataset(1, 2_000).unwrap().split(0.25, 1).unwrap();
    let mut rng = Rng::new(5, 0);
    let mut network = Network {
        name: "digits".to_owned(),
        input: vec![SIDE * SIDE],
        layers: vec![
            Layer::linear(SIDE * SIDE, 32, &mut rng),
            Layer::Relu,
            Layer::linear(32, 10, &mut rng),
        ],
    };
    let options = TrainOptions {
        epochs: 10,
        batch: 32,
        rate: 3e-3,
        ..TrainOptions::default()
    };
    train(
        &mut network,
        &split.train,
        Some(&split.validation),
        &options,
        &mut |_| Control::Continue,
    )
    .unwrap();
    (network, split)
}

fn options() -> Options {
    Options {
        max_drop: 0.02,
        value_bits: vec![16, 12],
        weight_bits: vec![8, 5, 3],
        retrain: TrainOptions {
            epochs: 2,
            rate: 3e-3,
            ..TrainOptions::default()
        },
        ..Options::default()
    }
}

#[test]
fn the_chain_keeps_its_budget_and_resumes() {
    let (network, split) = trained();
    let folder = std::env::temp_dir().join(format!("privet-shrink-{}", std::process::id()));
    let options = Options {
        folder: Some(folder.clone()),
        ..options()
    };
    // Interrupted in the middle.
    let mut epochs = 0;
    let stopped = shrink(&network, &split, &options, &MODEL, &mut |e| {
        epochs += usize::from(e.epoch.is_some());
        if epochs == 20 {
            Control::Stop
        } else {
            Control::Continue
        }
    });
    assert!(matches!(stopped, Err(Error::Stopped { .. })), "{stopped:?}");
    let run = || {
        let (mut epochs, mut last) = (0, 0.0);
        let found = shrink(&network, &split, &options, &MODEL, &mut |e| {
            epochs += usize::from(e.epoch.is_some());
            assert!((0.0..=1.0).contains(&e.done), "{e:?}");
            last = e.done;
            Control::Continue
        })
        .unwrap();
        (found, epochs)
    };
    let (mut found, resumed) = run();
    // Nothing is trained twice.
    let (again, none) = run();
    assert_eq!((again, none), (found.clone(), 0));
    let fresh = Options {
        folder: None,
        ..options.clone()
    };
    let mut all = 0;
    let uninterrupted: Shrunk = shrink(&network, &split, &fresh, &MODEL, &mut |e| {
        all += usize::from(e.epoch.is_some());
        Control::Continue
    })
    .unwrap();
    assert!(resumed < all, "{resumed} of {all} epochs");
    assert_eq!(uninterrupted.after.cost.macs, found.after.cost.macs);
    std::fs::remove_dir_all(&folder).unwrap();

    assert!(
        found.after.accuracy >= found.before.accuracy - 0.02,
        "{found:?}"
    );
    assert!(
        found.after.cost.ands * 20 < found.before.cost.ands,
        "{:?}",
        found.after
    );
    let embedded = |data: &Dataset| match &found.projection {
        Some(projection) => data.embedded(projection).unwrap(),
        None => data.clone(),
    };
    let (train_part, validation) = (embedded(&split.train), embedded(&split.validation));
    assert_eq!(found.projection.as_ref(), train_part.projection());
    // What the quantiser makes of it is what was measured.
    let exact =
        fixed::quantised(&found.network, &fixed::options(&found.formats), &train_part).unwrap();
    let accuracy = fixed::accuracy(&exact, &validation).unwrap();
    assert!(
        (accuracy - found.after.accuracy).abs() < 0.005,
        "{accuracy}: {:?}",
        found.after
    );

    // Trained on everything, form and widths stay.
    let (macs, all) = (
        found.network.macs().unwrap(),
        digits::dataset(1, 2_000).unwrap(),
    );
    let retrain = TrainOptions {
        epochs: 2,
        ..TrainOptions::default()
    };
    let teaching = Some(Teaching {
        networks: 2,
        ..Teaching::default()
    });
    refit(&mut found, &all, &retrain, teaching, &mut |_| {
        Control::Continue
    })
    .unwrap();
    assert_eq!(found.formats.round_weights(&found.network), found.network);
    assert!(found.network.macs().unwrap() <= macs + macs / 10);
    fixed::quantised(&found.network, &fixed::options(&found.formats), &train_part).unwrap();
}

#[test]
fn what_cannot_be_is_said() {
    let (network, split) = trained();
    let bad = Options {
        max_drop: -1.0,
        ..options()
    };
    assert!(matches!(
        shrink(&network, &split, &bad, &MODEL, &mut |_| Control::Continue),
        Err(Error::Option { .. })
    ));
    // One bit short of every value: no width serves.
    let bad = Options {
        value_bits: vec![3],
        projection: None,
        units: false,
        weights: false,
        ..options()
    };
    let e = shrink(&network, &split, &bad, &MODEL, &mut |_| Control::Continue).unwrap_err();
    assert!(e.to_string().contains("none of these networks"), "{e}");
}
