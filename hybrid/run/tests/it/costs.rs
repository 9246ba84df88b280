//! What a plan says is what the channel counts.

use privet_model::quant::Sparsity;
use privet_model::quant::ir::{Model, Op};
use privet_plan::{Party, Reveal};

use super::models::{Stream, linear};
use super::rig::{Setting, run};

#[test]
fn predicted_bytes_are_the_measured_ones() {
    let model = linear(37, 45, 12, 7, 5, 1);
    let input = Stream(2).words(37, 12);
    for lanes in [1, 2] {
        for reveal in [Reveal::Label, Reveal::Logits] {
            let setting = Setting {
                reveal,
                garbler: Party::Server,
                lanes,
                ..Setting::default()
            };
            let (answers, plan) = run(&model, &[input.clone(), input.clone()], setting).unwrap();
            for (_, report) in &answers {
                assert_eq!(report.bytes, plan.cost.inference.bytes());
            }
        }
    }
}

/// The layer of `model` with only those weights, and a map of them.
fn thinned(mut model: Model, live: impl Fn(usize) -> bool) -> Model {
    let pairs = model.graph.nodes.iter_mut().zip(&mut model.params);
    for (node, params) in pairs {
        if let (Op::Linear(op), Some(params)) = (&mut node.op, params) {
            let weights = params.weights.iter_mut().enumerate();
            for (_, w) in weights.filter(|(i, _)| !live(*i)) {
                *w = 0;
            }
            op.sparsity = Sparsity::from_live((0..params.weights.len()).map(&live));
        }
    }
    model
}

#[test]
fn absent_weights_cost_nothing() {
    let dense = linear(48, 6, 12, 7, 5, 1);
    let input = Stream(2).words(48, 12);
    let bytes = |model: &Model| {
        let setting = Setting {
            reveal: Reveal::Logits,
            ..Setting::default()
        };
        let (answers, plan) = run(model, std::slice::from_ref(&input), setting).unwrap();
        let (answer, report) = &answers[0];
        assert_eq!(report.bytes, plan.cost.inference.bytes());
        let clear = model.evaluate(&input).unwrap();
        assert_eq!(answer.label as usize, clear.label);
        assert_eq!(answer.logits.as_ref(), Some(&clear.logits));
        report.bytes
    };
    let whole = bytes(&dense);
    // A third of each filter, at other places in each: more than half of the products' cost is gone.
    let third = thinned(dense.clone(), |i| (i + i / 48) % 3 == 0);
    assert!(2 * bytes(&third) < whole + whole / 8);
    // One weight less is no reason for sums of one's own.
    let almost = thinned(dense.clone(), |i| i != 5);
    assert_eq!(bytes(&almost), whole);
    // The same inputs are dead in every filter: as a layer of half the inputs.
    let half = thinned(dense.clone(), |i| i % 2 == 0);
    let narrow = linear(24, 6, 12, 7, 5, 1);
    let input = Stream(3).words(24, 12);
    let (_, plan) = run(&narrow, std::slice::from_ref(&input), Setting::default()).unwrap();
    let inputs = 24 * 12 * 16;
    assert!(bytes(&half) <= plan.cost.inference.bytes() + 4 * inputs);
    // Constants alone.
    let none = thinned(dense, |_| false);
    assert!(bytes(&none) < whole / 8);
}
