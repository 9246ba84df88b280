//! Widths by layer: small where labels do not depend on them, wide where they do.

use privet_model::graph::{Builder, Graph, Linear, Op};
use privet_model::quant::ir::Model;
use privet_model::quant::{Oracle, QuantOptions};
use privet_passes::Error;
use privet_passes::auto::{Found, Options, Price, Samples, layers, search};
use privet_passes::rng::Rng;
use privet_passes::train::Control;

/// Two layers of halves and quarters, and a last one whose two filters differ by 1/64 of the values.
fn network() -> Graph {
    let mut builder = Builder::new("fine-end", "input", &[4]).unwrap();
    let mut at = builder.input();
    for (number, weights) in [
        vec![
            0.5, -0.5, 1.0, 0.0, 0.5, 1.0, 0.0, -0.5, -1.0, 0.5, 0.5, 0.5, 0.0, 1.0, -0.5, 1.0,
        ],
        vec![
            1.0, 0.5, 0.0, 0.5, 0.0, 1.0, 0.5, -0.5, 0.5, 0.0, 1.0, 0.0, 0.5, -0.5, 0.0, 1.0,
        ],
    ]
    .into_iter()
    .enumerate()
    {
        let linear = Linear {
            inputs: 4,
            outputs: 4,
            weights,
            bias: vec![0.5, 0.0, 0.5, 0.0],
        };
        at = builder
            .push(&format!("coarse{number}"), Op::Linear(linear), &[at])
            .unwrap();
        at = builder
            .push(&format!("relu{number}"), Op::Relu, &[at])
            .unwrap();
    }
    let unit = 1.0 / 64.0;
    let last = Linear {
        inputs: 4,
        outputs: 2,
        weights: vec![
            1.0,
            -1.0,
            0.5,
            1.0,
            1.0 + unit,
            -1.0 + unit,
            0.5 - unit,
            1.0 - unit,
        ],
        bias: vec![0.0, unit / 8.0],
    };
    let logits = builder.push("fine", Op::Linear(last), &[at]).unwrap();
    builder.finish(logits).unwrap()
}

/// Multiples of a quarter between -2 and 2.
fn inputs(seed: u64, count: usize) -> Vec<Vec<f32>> {
    let mut rng = Rng::new(seed, 0);
    let mut one = || (0..4).map(|_| rng.below(17) as f32 / 4.0 - 2.0).collect();
    (0..count).map(|_| one()).collect()
}

/// A price that grows with every ring.
fn rings(model: &Model) -> Result<Price, Error> {
    let tensors = model.graph.tensors.iter();
    let bits = |t: &privet_model::quant::ir::Tensor| {
        t.elements().unwrap() as u64 * u64::from(t.ring.bits())
    };
    let bytes: u64 = tensors.map(bits).sum();
    Ok(Price {
        seconds: bytes as f64,
        bytes,
        ots: 0,
        gates: 0,
        layers: model
            .graph
            .nodes
            .iter()
            .map(|n| (n.name.clone(), 1.0))
            .collect(),
    })
}

fn found(labels: Option<&[usize]>, max_drop: f64) -> Result<Found, Error> {
    let (calibration, judged) = (inputs(1, 150), inputs(2, 150));
    let samples = Samples {
        calibration: &calibration,
        judged: &judged,
        labels,
    };
    let options = Options {
        max_drop,
        margin: 1,
        quant: QuantOptions::default(),
    };
    search(&network(), &samples, &options, &rings, &mut |_| {
        Control::Continue
    })
}

fn share(model: &Model, wanted: &[usize]) -> f64 {
    let oracle = Oracle::new(model).unwrap();
    let inputs = inputs(2, 150);
    let right = inputs.iter().zip(wanted).filter(|(input, label)| {
        let integers = model.graph.quantise_input(input).unwrap();
        oracle.evaluate(&integers).unwrap().label == **label
    });
    right.count() as f64 / 150.0
}

fn float_labels() -> Vec<usize> {
    let graph = network();
    let label = |input: &Vec<f32>| {
        let logits = graph.evaluate(input).unwrap();
        privet_model::float::argmax(&logits).unwrap()
    };
    inputs(2, 150).iter().map(label).collect()
}

#[test]
fn one_layer_stays_wide_and_the_others_do_not() {
    let found = found(None, 0.0).unwrap();
    let labels = float_labels();
    let ones = labels.iter().filter(|l| **l == 1).count();
    assert!((20..130).contains(&ones), "both labels come up: {ones}");
    assert_eq!((found.float_accuracy, found.after.accuracy), (1.0, 1.0));
    assert_eq!(share(&found.model, &labels), 1.0);
    let widths = layers(&found.model.graph);
    let fracs: Vec<u32> = widths.iter().map(|w| w.weight_frac).collect();
    assert!(fracs[0] < 3 && fracs[1] < 3 && fracs[2] >= 5, "{widths:?}");
    let rings: Vec<u32> = widths.iter().map(|w| w.ring_bits).collect();
    assert!(rings[0] + 3 < rings[2], "{widths:?}");
    assert!(
        10 * found.after.price.bytes < 8 * found.before.price.bytes,
        "{:?} {:?}",
        found.before,
        found.after
    );
    // The common setting is what the wide layer needs.
    let [bits, frac] = found.uniform;
    assert!(frac >= 5 && bits > frac, "{:?}", found.uniform);
    let common = layers(&found.common.graph);
    assert!(common.iter().all(|w| w.weight_frac == frac), "{common:?}");
    assert_eq!(share(&found.common, &labels), 1.0);
}

#[test]
fn a_search_finds_the_same_again() {
    let [once, again] = [(), ()].map(|()| found(None, 0.0).unwrap());
    assert!(once.model == again.model && once.common == again.common);
    assert_eq!((once.after, once.tried), (again.after, again.tried));
}

#[test]
fn a_budget_buys_smaller_widths_within_it() {
    let mut labels = float_labels();
    // Where the labels are wrong, the float network is not right either.
    labels.iter_mut().take(15).for_each(|l| *l = 1 - *l);
    let exact = found(Some(&labels), 0.0).unwrap();
    let loose = found(Some(&labels), 0.2).unwrap();
    assert_eq!(exact.float_accuracy, 0.9);
    for (found, floor) in [(&exact, 0.9), (&loose, 0.7)] {
        assert!(found.after.accuracy > floor - 1e-6, "{:?}", found.after);
        assert_eq!(share(&found.model, &labels), found.after.accuracy);
    }
    assert!(loose.after.price.bytes < exact.after.price.bytes);
}

#[test]
fn wrong_options_and_a_stop_are_errors() {
    assert!(matches!(
        found(None, -0.1),
        Err(Error::Option {
            name: "max drop",
            ..
        })
    ));
    assert!(matches!(found(Some(&[0, 1]), 0.1), Err(Error::Data(_))));
    let data = inputs(1, 40);
    let options = Options {
        max_drop: 0.1,
        margin: 1,
        quant: QuantOptions::default(),
    };
    let samples = |judged| Samples {
        calibration: &data,
        judged,
        labels: None,
    };
    let none = search(&network(), &samples(&[]), &options, &rings, &mut |_| {
        Control::Continue
    });
    assert!(matches!(none, Err(Error::Data(_))));
    for after in [0, 3, 40] {
        let mut left = after;
        let stopped = search(&network(), &samples(&data), &options, &rings, &mut |_| {
            left -= 1;
            if left < 0 {
                Control::Stop
            } else {
                Control::Continue
            }
        });
        assert!(matches!(stopped, Err(Error::Stopped { .. })), "{after}");
    }
}
