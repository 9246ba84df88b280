//! Fine-tuning under short formats.

use privet_passes::digits::{self, SIDE};
use privet_passes::error::Error;
use privet_passes::network::{Layer, Mode};
use privet_passes::report::Estimate;
use privet_passes::rng::Rng;
use privet_passes::train::qat::{Formats, Widths};
use privet_passes::train::{Control, Options as TrainOptions, train};
use privet_passes::widths::{Options, narrow};
use privet_passes::{Network, Split};

fn trained() -> (Network, Split) {
    let split = digits::dataset(1, 2_000).unwrap().split(0.2, 1).unwrap();
    let mut rng = Rng::new(5, 0);
    let mut network = Network {
        name: "digits".to_owned(),
        input: vec![SIDE * SIDE],
        layers: vec![
            Layer::linear(SIDE * SIDE, 24, &mut rng),
            Layer::Tanh,
            Layer::linear(24, 10, &mut rng),
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

#[test]
fn fine_tuning_beats_rounding() {
    let (network, split) = trained();
    let model = Estimate { bits: 16 };
    let widths = Widths {
        values: 8,
        weights: 3,
        margin: 0,
    };
    let formats = Formats::choose(&network, &split.train.samples(), &widths).unwrap();
    let mode = Mode {
        formats: Some(&formats.values),
        ..Mode::default()
    };
    let rounded = formats
        .round_weights(&network)
        .accuracy_in(&split.validation, &mode)
        .unwrap();
    let mut tuned = network;
    let options = Options {
        widths,
        retrain: TrainOptions {
            epochs: 8,
            rate: 1e-3,
            ..TrainOptions::default()
        },
    };
    let (formats, report) = narrow(&mut tuned, &split, &options, &model, &mut |_| {
        Control::Continue
    })
    .unwrap();
    assert!(
        report.after.accuracy > rounded + 0.005,
        "{rounded}: {report:?}"
    );
    assert!(
        report.after.accuracy > report.before.accuracy - 0.03,
        "{report:?}"
    );
    assert!(
        report.after.cost.ands * 8 < report.before.cost.ands,
        "{report:?}"
    );
    assert_eq!(formats.round_weights(&tuned), tuned);
    for layer in &tuned.layers {
        let Some(w) = layer.weights() else { continue };
        let mut values: Vec<f32> = vec![];
        for v in &w.matrix {
            let scaled = v * 2.0_f32.powi(12);
            assert_eq!(scaled, scaled.round());
            values.push(scaled);
        }
        values.sort_unstable_by(f32::total_cmp);
        values.dedup();
        assert!(values.len() <= 8, "{} values of 3 bits", values.len());
    }
}

#[test]
fn widths_that_cannot_hold_the_values_are_refused() {
    let (network, split) = trained();
    let samples = split.train.samples();
    for (values, weights) in [(1, 8), (8, 1), (25, 8), (8, 25), (2, 8)] {
        let widths = Widths {
            values,
            weights,
            margin: 0,
        };
        let e = Formats::choose(&network, &samples, &widths).unwrap_err();
        assert!(matches!(e, Error::Option { .. }), "{e}");
    }
    let formats = |margin| {
        Formats::choose(
            &network,
            &samples,
            &Widths {
                values: 16,
                weights: 8,
                margin,
            },
        )
        .unwrap()
    };
    assert_eq!(
        formats(0).value().unwrap().frac,
        formats(2).value().unwrap().frac + 2
    );
}
