//! How layers under encryption are cut into polynomials: for the server's link, by both parties alike.

use privet_model::quant::ir::*;
use privet_plan::{Backend, Lattice, LinkModel, Plan, Rates, Reveal, Step};

use super::models::*;
use super::ops::inputs;
use super::rig::{Setting, run};

/// Convolutions of many and of few channels, and a layer on all results.
fn network() -> Model {
    let mut s = Stream(31);
    let mut b = Build::new(&[64, 13, 13], 9, 4);
    let conv = |in_channels, out_channels, kernel| {
        Op::Conv(Conv {
            in_channels,
            out_channels,
            groups: 1,
            window: window(kernel, 1, kernel / 2, kernel / 2),
            weight_bits: 6,
            weight_frac: 4,
            sparsity: None,
        })
    };
    let p = params(&mut s, 16 * 64 * 9, 6, 16, 18);
    let acc = b.op(conv(64, 16, 3), &[TensorId(0)], &[16, 13, 13], 18, 8, p);
    let t = Op::Trunc { shift: 4 };
    let x = b.op(t.clone(), &[acc], &[16, 13, 13], 14, 4, None);
    let p = params(&mut s, 6 * 16, 6, 6, 24);
    let acc = b.op(conv(16, 6, 1), &[x], &[6, 13, 13], 24, 8, p);
    let x = b.op(t.clone(), &[acc], &[6, 13, 13], 20, 4, None);
    let flat = b.op(Op::Reshape, &[x], &[1014], 20, 4, None);
    let linear = Op::Linear(Linear {
        inputs: 1014,
        outputs: 5,
        weight_bits: 5,
        weight_frac: 4,
        sparsity: None,
    });
    let p = params(&mut s, 1014 * 5, 5, 5, 34);
    let z = b.op(linear, &[flat], &[5], 34, 8, p);
    b.op(t, &[z], &[5], 30, 4, None);
    b.finish()
}

fn lattices(plan: &Plan) -> Vec<Lattice> {
    let steps = plan.steps.iter().filter_map(Step::under_encryption);
    steps.map(|(_, lattice)| *lattice).collect()
}

/// The client makes the plan of the server's link, whatever its own; on a thin link bytes fall, on one machine work does; answers are the
/// oracle's and bytes the planned ones.
#[test]
fn the_link_decides_how_layers_are_cut() {
    let model = network();
    let inputs = &inputs(&model, 1, 1)[..1];
    let clear = model.evaluate(&inputs[0]).unwrap();
    let links = [
        LinkModel::LOOPBACK,
        LinkModel::shaped(40.0, 40.0),
        LinkModel::shaped(1.0, 1.0),
    ];
    let plans = links.map(|link| {
        let setting = Setting {
            backend: Backend::Hybrid,
            reveal: Reveal::Logits,
            link,
            ..Setting::default()
        };
        let (answers, plan) = run(&model, inputs, setting).unwrap();
        let (answer, report) = &answers[0];
        assert_eq!(answer.logits.as_ref(), Some(&clear.logits));
        assert_eq!(report.online.bytes, plan.cost.inference.bytes());
        assert_eq!(report.offline.bytes, plan.offline_bytes(0));
        plan
    });
    let of_layers = |plan: &Plan| {
        let mut sum = privet_plan::cost::StepCost::default();
        let layers = plan.steps.iter().filter(|s| s.under_encryption().is_some());
        layers.for_each(|step| sum.add(&step.offline));
        let work = Rates::default().offline(&sum, &LinkModel::LOOPBACK);
        (sum.bytes(), work)
    };
    let costs = plans.each_ref().map(of_layers);
    assert!(costs.is_sorted_by(|a, b| a.0 >= b.0), "{costs:?}");
    assert!(
        costs[0].0 > costs[2].0 && costs[0].1 < costs[2].1,
        "{costs:?}"
    );
    assert_ne!(lattices(&plans[0]), lattices(&plans[2]));
    assert_ne!(plans[0].hash, plans[2].hash);
}
