//! Profile `drop-K`: products that omit columns, under garbled circuits alone.

use privet_model::quant::ir::*;
use privet_plan::{Backend, Caps, Choice, LinkModel, Party, Plan, PlanError, PlanOptions, Rates};

use super::models::*;
use super::ops::inputs;
use super::rig::{Setting, run};

/// A convolution with padding, a ReLU (so that the next layer's words have no sign), a wide and a narrow linear layer.
fn network(seed: u64, profile: Profile) -> Model {
    let mut s = Stream(seed);
    let mut b = Build::new(&[1, 4, 4], 9, 4);
    b.graph.profile = profile;
    let conv = Conv {
        in_channels: 1,
        out_channels: 2,
        groups: 1,
        window: window(3, 1, 1, 1),
        weight_bits: 6,
        weight_frac: 4,
        sparsity: None,
    };
    let p = params(&mut s, 2 * 9, 6, 2, 17);
    let acc = b.op(Op::Conv(conv), &[TensorId(0)], &[2, 4, 4], 17, 8, p);
    let r = b.op(Op::Relu, &[acc], &[2, 4, 4], 17, 8, None);
    let t = b.op(Op::Trunc { shift: 4 }, &[r], &[2, 4, 4], 13, 4, None);
    let flat = b.op(Op::Reshape, &[t], &[32], 13, 4, None);
    let mut layer = |b: &mut Build, from, [n, out]: [usize; 2], weight_bits| {
        let linear = Op::Linear(Linear {
            inputs: n,
            outputs: out,
            weight_bits,
            weight_frac: 3,
            sparsity: None,
        });
        let p = params(&mut s, n * out, weight_bits, out, 22);
        let z = b.op(linear, &[from], &[out], 22, 7, p);
        b.op(Op::Trunc { shift: 3 }, &[z], &[out], 15, 4, None)
    };
    let hidden = layer(&mut b, flat, [32, 5], 5);
    layer(&mut b, hidden, [5, 3], 2);
    b.finish()
}

fn plan(model: &Model, backend: Backend) -> Result<Plan, PlanError> {
    let options = PlanOptions {
        backend,
        ..PlanOptions::default()
    };
    Plan::new(model.graph.clone(), options, 1 << 30)
}

/// Garbled answers are the oracle's, which are not those of exact products; fewer gates.
#[test]
fn garbled_products_omit_what_the_oracle_omits() {
    let exact = network(5, Profile::Exact);
    let mut ands = plan(&exact, Backend::Gc).unwrap().cost.inference.ands;
    for columns in [1, 4, 8] {
        let model = network(5, Profile::Drop { columns });
        let given = inputs(&model, 6, 3);
        for garbler in [Party::Server, Party::Client] {
            for lanes in [1, 2] {
                let setting = Setting {
                    garbler,
                    lanes,
                    ..Setting::default()
                };
                let (answers, _) = run(&model, &given, setting).unwrap();
                for (input, (answer, _)) in given.iter().zip(&answers) {
                    let clear = model.evaluate(input).unwrap();
                    assert_eq!(answer.logits.as_ref(), Some(&clear.logits), "{columns}");
                }
            }
        }
        let differs = |input: &Vec<i64>| {
            let (rough, clear) = (model.evaluate(input), exact.evaluate(input));
            rough.unwrap().logits != clear.unwrap().logits
        };
        assert!(columns < 8 || given.iter().any(differs));
        let fewer = plan(&model, Backend::Gc).unwrap().cost.inference.ands;
        assert!(fewer < ands, "{columns}: {fewer} of {ands}");
        ands = fewer;
    }
}

#[test]
fn backends_on_shares_refuse_with_one_line() {
    let model = network(6, Profile::Drop { columns: 4 });
    for backend in [Backend::Ot, Backend::GcOt, Backend::Hybrid] {
        let refused = plan(&model, backend).unwrap_err().to_string();
        assert!(refused.contains("profile drop-4") && refused.contains("--backend gc"));
        assert!(refused.contains(&backend.to_string()) && !refused.contains('\n'));
    }
    // What may be chosen is chosen.
    let (caps, rates) = (Caps::default(), Rates::default());
    let options = PlanOptions::default();
    let (all, link) = (Backend::ALL, LinkModel::LOOPBACK);
    let plan = Plan::cheapest(
        &model.graph,
        &options,
        (&all, Choice::Auto),
        &caps,
        &rates,
        &link,
    )
    .unwrap();
    assert_eq!(plan.options.backend, Backend::Gc);
}
