//! Non-linear layers between linear ones on shares: by comparison, without a netlist.

use privet_model::quant::ir::*;
use privet_plan::{
    Backend, Choice, Comparison, LinkModel, Plan, PlanOptions, Reveal, ShareStep, StepKind,
};

use super::models::*;
use super::ops::{check_flights, check_inputs, inputs};
use super::rig::{Setting, run};

/// A convolution of one plane to two, then `between` on its accumulators, then a linear layer.
fn around(
    seed: u64,
    side: usize,
    between: impl Fn(&mut Build, TensorId, [usize; 2]) -> (TensorId, usize),
) -> Model {
    let mut s = Stream(seed);
    let mut b = Build::new(&[1, side, side], 9, 4);
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
    let acc = b.op(Op::Conv(conv), &[TensorId(0)], &[2, side, side], 17, 8, p);
    let (last, n) = between(&mut b, acc, [2, side]);
    let flat = b.op(Op::Reshape, &[last], &[n], 13, 4, None);
    let linear = Op::Linear(Linear {
        inputs: n,
        outputs: 5,
        weight_bits: 5,
        weight_frac: 3,
        sparsity: None,
    });
    let p = params(&mut s, n * 5, 5, 5, 20);
    let z = b.op(linear, &[flat], &[5], 20, 7, p);
    b.op(Op::Trunc { shift: 3 }, &[z], &[5], 17, 4, None);
    b.finish()
}

/// Every backend equals the oracle, and `ot` needs no netlist.
fn check(model: &Model, seed: u64) {
    for reveal in [Reveal::Logits, Reveal::Label] {
        let setting = Setting {
            reveal,
            ..Setting::default()
        };
        check_inputs(model, setting, &inputs(model, seed, 2));
        let options = PlanOptions {
            backend: Backend::Ot,
            reveal,
            ..PlanOptions::default()
        };
        let plan = Plan::new(model.graph.clone(), options, 1 << 30).unwrap();
        for step in &plan.steps {
            let netlist = matches!(
                step.kind,
                StepKind::Cells(_) | StepKind::Share(ShareStep::Bridge(_))
            );
            assert!(!netlist, "{}", step.layer);
        }
    }
}

#[test]
fn truncation_alone() {
    check(
        &around(1, 4, |b, acc, [c, side]| {
            let shape = [c, side, side];
            let t = b.op(Op::Trunc { shift: 4 }, &[acc], &shape, 13, 4, None);
            (t, c * side * side)
        }),
        1,
    );
}

#[test]
fn max_pools_before_and_behind_the_truncation() {
    for (kernel, stride, before, after) in [(2, 2, 0, 0), (3, 2, 0, 1), (3, 2, 1, 1), (2, 1, 0, 0)]
    {
        let out = (6 + before + after - kernel) / stride + 1;
        let pool = || {
            Op::MaxPool(Pool {
                window: window(kernel, stride, before, after),
            })
        };
        let shape = [2, out, out];
        let behind = around(2, 6, |b, acc, [c, side]| {
            let m = b.op(pool(), &[acc], &shape, 17, 8, None);
            let r = b.op(Op::Relu, &[m], &shape, 17, 8, None);
            let t = b.op(Op::Trunc { shift: 4 }, &[r], &shape, 13, 4, None);
            assert_eq!([c, side], [2, 6]);
            (t, 2 * out * out)
        });
        check(&behind, 2);
        let before = around(3, 6, |b, acc, [c, side]| {
            let t = b.op(
                Op::Trunc { shift: 4 },
                &[acc],
                &[c, side, side],
                13,
                4,
                None,
            );
            (b.op(pool(), &[t], &shape, 13, 4, None), 2 * out * out)
        });
        check(&before, 3);
    }
}

#[test]
fn limits_and_averages() {
    // From 0 on, which a ReLU takes over; from 0 to 0; and from elsewhere.
    for (lo, hi) in [(0, 96), (0, 0), (0, 4095), (-20, 96), (3, 50)] {
        let model = around(4, 4, |b, acc, [c, side]| {
            let shape = [c, side, side];
            let t = b.op(Op::Trunc { shift: 4 }, &[acc], &shape, 13, 4, None);
            let clip = Op::Clip { lo, hi };
            (b.op(clip, &[t], &shape, 13, 4, None), c * side * side)
        });
        check(&model, 4);
    }
    // Somebody else reads what lies before the limits.
    let model = around(6, 4, |b, acc, [c, side]| {
        let shape = [c, side, side];
        let t = b.op(Op::Trunc { shift: 4 }, &[acc], &shape, 13, 4, None);
        let clip = Op::Clip { lo: 0, hi: 96 };
        let limited = b.op(clip, &[t], &shape, 13, 4, None);
        (
            b.op(Op::Add, &[limited, t], &shape, 13, 4, None),
            c * side * side,
        )
    });
    check(&model, 6);
    for (kernel, stride, before, after, shift) in [
        (2, 2, 0, 0, 4),
        (3, 2, 1, 1, 4),
        (4, 4, 0, 0, 4),
        (3, 1, 0, 0, 4),
    ] {
        let out = (4 + before + after - kernel) / stride + 1;
        for count_padding in [false, true] {
            let average = Op::AvgPool {
                pool: Pool {
                    window: window(kernel, stride, before, after),
                },
                count_padding,
                shift,
            };
            let model = around(5, 4, |b, acc, _| {
                let shape = [2, out, out];
                let mean = b.op(average.clone(), &[acc], &shape, 13, 4, None);
                (mean, 2 * out * out)
            });
            check(&model, 5);
        }
    }
}

/// A quotient that its own ring does not hold wraps there before it is extended.
#[test]
fn averages_wrap_in_their_own_ring() {
    let model = around(6, 4, |b, acc, _| {
        let average = Op::AvgPool {
            pool: Pool {
                window: window(2, 2, 0, 0),
            },
            count_padding: false,
            shift: 2,
        };
        let shape = [2, 2, 2];
        let mean = b.op(average, &[acc], &shape, 9, 6, None);
        let raised = b.op(Op::Resize, &[mean], &shape, 13, 6, None);
        let t = b.op(Op::Trunc { shift: 2 }, &[raised], &shape, 13, 4, None);
        (t, 8)
    });
    check(&model, 6);
}

/// Values that are narrowed, widened and joined without a netlist.
#[test]
fn rings_change_between_layers() {
    let model = around(7, 4, |b, acc, [c, side]| {
        let shape = [c, side, side];
        let narrow = b.op(Op::Resize, &[acc], &shape, 11, 8, None);
        let wide = b.op(Op::Resize, &[narrow], &shape, 17, 8, None);
        let sum = b.op(Op::Add, &[wide, acc], &shape, 17, 8, None);
        let t = b.op(Op::Trunc { shift: 4 }, &[sum], &shape, 13, 4, None);
        let r = b.op(Op::Relu, &[t], &shape, 13, 4, None);
        let joined = [2 * c, side, side];
        let joined = b.op(Op::Concat { axis: 0 }, &[r, t], &joined, 13, 4, None);
        (joined, 2 * c * side * side)
    });
    check(&model, 7);
}

/// A layer, ReLU, truncation, a layer: numbers enough that words of 64 are full.
fn wide() -> Model {
    around(7, 16, |b, acc, [c, side]| {
        let shape = [c, side, side];
        let r = b.op(Op::Relu, &[acc], &shape, 17, 8, None);
        let t = b.op(Op::Trunc { shift: 4 }, &[r], &shape, 13, 4, None);
        (t, c * side * side)
    })
}

/// What a client asks for is done whatever the link, with the same answers, the plan that states it, and its bytes.
#[test]
fn clients_may_ask_for_a_comparison() {
    let model = wide();
    let inputs = &inputs(&model, 8, 1)[..2];
    for backend in [Backend::Ot, Backend::Hybrid] {
        for link in [LinkModel::LOOPBACK, LinkModel::shaped(1.0, 1.0)] {
            for comparison in Comparison::ALL {
                let setting = Setting {
                    backend,
                    comparison: Choice::Only(comparison),
                    link,
                    ..Setting::default()
                };
                let (answers, plan) = run(&model, inputs, setting).unwrap();
                assert_eq!(plan.options.comparison, comparison);
                for (input, (answer, report)) in inputs.iter().zip(&answers) {
                    let clear = model.evaluate(input).unwrap();
                    assert_eq!(answer.logits.as_ref(), Some(&clear.logits));
                    assert_eq!(report.online.bytes, plan.cost.inference.bytes());
                    check_flights(&plan, report);
                }
            }
        }
    }
    // Nothing is compared on shares: the wish means nothing.
    let setting = Setting {
        backend: Backend::GcOt,
        comparison: Choice::Only(Comparison::FewBits),
        ..Setting::default()
    };
    let (_, plan) = run(&model, inputs, setting).unwrap();
    assert_eq!(plan.options.comparison, Comparison::default());
}

/// The server plans for its link, the client follows: few bits on a slow one, few transfers on one machine, the same answers, and the
/// planned bytes to the byte.
#[test]
fn the_link_decides_how_comparisons_are_made() {
    let model = wide();
    let slow = LinkModel::shaped(1.0, 1.0);
    for backend in [Backend::Ot, Backend::Hybrid] {
        let plans = [LinkModel::LOOPBACK, slow].map(|link| {
            let setting = Setting {
                backend,
                reveal: Reveal::Logits,
                link,
                ..Setting::default()
            };
            run(&model, &inputs(&model, 1, 1)[..1], setting).unwrap().1
        });
        let chosen = plans.each_ref().map(|plan| plan.options.comparison);
        assert_eq!(chosen, [Comparison::FewTransfers, Comparison::FewBits]);
        let bytes = plans.each_ref().map(|plan| plan.cost.inference.bytes());
        let ots = plans
            .each_ref()
            .map(|plan| plan.cost.offline.client_silent + plan.cost.offline.server_silent);
        assert!(bytes[0] > bytes[1] && ots[0] < ots[1] && plans[0].hash != plans[1].hash);
    }
    let setting = Setting {
        reveal: Reveal::Logits,
        link: slow,
        ..Setting::default()
    };
    check_inputs(&model, setting, &inputs(&model, 4, 2)[..2]);
}
