//! Every operation privately, equal to the oracle bit for bit.

use privet_model::quant::ir::*;
use privet_netlists::catalogue::BlockSpec;
use privet_plan::{Party, Plan, Reveal};
use privet_run::Report;

use super::models::*;
use super::rig::{Setting, backends, run};

/// Edge and random inputs of a model.
pub(crate) fn inputs(model: &Model, seed: u64, random: usize) -> Vec<Vec<i64>> {
    let tensor = &model.graph.tensors[model.graph.input.0 as usize];
    let (n, ring) = (tensor.shape.iter().product::<usize>(), tensor.ring);
    let edges = [0, 1, -1, ring.min(), ring.max(), ring.min() + 1];
    let mut all = vec![vec![ring.min(); n], vec![ring.max(); n]];
    all.push((0..n).map(|i| edges[i % edges.len()]).collect());
    let mut s = Stream(seed);
    all.extend((0..random).map(|_| s.words(n, ring.bits())));
    all
}

fn check(model: &Model, setting: Setting, seed: u64, random: usize) {
    let inputs = inputs(model, seed, random);
    check_inputs(model, setting, &inputs);
}

/// Flights are those of the plan. Where random OTs are made the plan estimates: in networks as small as these their trees are not due each
/// time that they may be, in large ones they come more than once.
pub(crate) fn check_flights(plan: &Plan, report: &Report) {
    let backend = plan.options.backend;
    if plan.options.garbler == Party::Client {
        // How often its tables wait for the server's weights depends on lanes and units.
        return;
    }
    let planned = [&plan.cost.inference, &plan.cost.offline];
    let [online, offline] = planned.map(|cost| u64::from(cost.flights.count()));
    let measured = [report.online.flights, report.offline.flights];
    if plan.options.all_online {
        assert!(measured[0] <= online, "{backend} {measured:?} {online}");
    } else {
        assert_eq!(measured[0], online, "{backend}");
    }
    assert!(measured[1] <= offline, "{backend} {measured:?} {offline}");
}

/// Every backend against the oracle, and its bytes and flights against the plan's.
pub(crate) fn check_inputs(model: &Model, setting: Setting, inputs: &[Vec<i64>]) {
    for setting in backends(setting) {
        let backend = setting.backend;
        let (answers, plan) = run(model, inputs, setting).unwrap();
        for ((before, input), (answer, report)) in (0..).zip(inputs).zip(&answers) {
            let clear = model.evaluate(input).unwrap();
            let label = answer.label as usize;
            assert_eq!(label, clear.label, "{backend} {input:?} {:?}", clear.logits);
            if setting.reveal == Reveal::Logits {
                let logits = answer.logits.as_ref();
                assert_eq!(logits, Some(&clear.logits), "{backend} {input:?}");
            }
            let planned = plan.online_bytes(before);
            assert_eq!(report.online.bytes, planned, "{backend} online");
            let planned = plan.offline_bytes(before);
            assert_eq!(report.offline.bytes, planned, "{backend} offline");
            check_flights(&plan, report);
        }
    }
}

fn unary(op: Op, bits: u32) -> Model {
    let mut b = Build::new(&[9], bits, 3);
    b.op(op, &[TensorId(0)], &[9], bits, 3, None);
    b.finish()
}

#[test]
fn linear_layers_of_many_shapes() {
    for (seed, (inputs, outputs, bits, w_bits, shift)) in [
        (1, 1, 8, 8, 4),
        (5, 3, 16, 16, 12),
        (16, 2, 8, 3, 2),
        (33, 40, 12, 2, 6),
        (50, 7, 16, 9, 11),
    ]
    .into_iter()
    .enumerate()
    {
        check(
            &linear(inputs, outputs, bits, w_bits, shift, seed as u64),
            Setting::default(),
            9,
            2,
        );
    }
}

#[test]
fn both_garblers_and_any_number_of_lanes_agree() {
    let model = linear(20, 70, 10, 6, 5, 3);
    for garbler in [Party::Server, Party::Client] {
        for lanes in [1, 2, 3] {
            check(
                &model,
                Setting {
                    garbler,
                    lanes,
                    ..Setting::default()
                },
                4,
                1,
            );
        }
    }
}

#[test]
fn convolutions_with_padding_strides_groups_and_dilation() {
    let mut s = Stream(11);
    for (groups, dilation, stride, pad) in [(1, 1, 1, 1), (2, 1, 2, 1), (1, 2, 1, 2), (2, 1, 1, 0)]
    {
        let (h, w, k) = (6, 5, 3);
        let extent = |n: usize| (n + 2 * pad - dilation * (k - 1) - 1) / stride + 1;
        let mut window = window(k, stride, pad, pad);
        window.dilations = [dilation; 2];
        let conv = Conv {
            in_channels: 2,
            out_channels: 4,
            groups,
            window,
            weight_bits: 7,
            weight_frac: 4,
            sparsity: None,
        };
        let mut b = Build::new(&[2, h, w], 9, 4);
        let p = params(&mut s, 4 * (2 / groups) * k * k, 7, 4, 13);
        let shape = [4, extent(h), extent(w)];
        let acc = b.op(Op::Conv(conv), &[TensorId(0)], &shape, 13, 8, p);
        b.op(Op::Trunc { shift: 4 }, &[acc], &shape, 9, 4, None);
        check(&b.finish(), Setting::default(), 5, 1);
    }
}

#[test]
fn element_wise_operations() {
    for bits in [8, 16] {
        check(&unary(Op::Relu, bits), Setting::default(), 1, 3);
        check(
            &unary(Op::Clip { lo: -5, hi: 77 }, bits),
            Setting::default(),
            2,
            3,
        );
        check(
            &unary(Op::Clip { lo: 0, hi: 48 }, bits),
            Setting::default(),
            3,
            3,
        );
        check(
            &unary(Op::Trunc { shift: 0 }, bits),
            Setting::default(),
            3,
            1,
        );
    }
    for function in [Function::Sigmoid, Function::Tanh] {
        for frac in [10, 11, 12] {
            let mut b = Build::new(&[9], 16, frac);
            let block = match function {
                Function::Sigmoid => BlockSpec::Sigmoid { bits: 16, frac },
                Function::Tanh => BlockSpec::Tanh { bits: 16, frac },
            };
            let netlist_sha256 = block.netlist().unwrap().sha256();
            let table = Table {
                function,
                netlist: block.name(),
                netlist_sha256,
            };
            b.op(Op::Table(table), &[TensorId(0)], &[9], 16, frac, None);
            check(&b.finish(), Setting::default(), 4, 4);
        }
    }
}

#[test]
fn sums_shifts_and_constants() {
    let mut b = Build::new(&[6], 12, 3);
    let relu = b.op(Op::Relu, &[TensorId(0)], &[6], 12, 3, None);
    let sum = b.op(
        Op::Add,
        &[TensorId(0), relu, TensorId(0)],
        &[6],
        12,
        3,
        None,
    );
    let mut s = Stream(5);
    let p = Some(Params {
        weights: vec![],
        bias: s.words(6, 12),
    });
    let shifted = b.op(Op::AddConst, &[sum], &[6], 12, 3, p);
    let raised = b.op(Op::Shl { k: 2 }, &[shifted], &[6], 12, 5, None);
    let narrow = b.op(Op::Resize, &[raised], &[6], 9, 5, None);
    b.op(Op::Resize, &[narrow], &[6], 14, 5, None);
    let model = b.finish();
    for garbler in [Party::Server, Party::Client] {
        check(
            &model,
            Setting {
                garbler,
                ..Setting::default()
            },
            8,
            3,
        );
    }
}

#[test]
fn pools_with_padding_and_ceil_mode_corners() {
    for (kernel, stride, before, after, out) in [(2, 2, 0, 0, 3), (3, 2, 0, 1, 3), (3, 2, 1, 1, 3)]
    {
        let pool = Pool {
            window: window(kernel, stride, before, after),
        };
        let mut b = Build::new(&[2, 6, 6], 10, 3);
        b.op(
            Op::MaxPool(pool.clone()),
            &[TensorId(0)],
            &[2, out, out],
            10,
            3,
            None,
        );
        let model = b.finish();
        // Within the range that rule 7 requires, so that a - b does not wrap.
        let mut s = Stream(3);
        let inputs: Vec<Vec<i64>> = (0..3).map(|_| s.words(72, 9)).collect();
        check_inputs(&model, Setting::default(), &inputs);
        for count_padding in [false, true] {
            let mut b = Build::new(&[2, 6, 6], 14, 6);
            let op = Op::AvgPool {
                pool: pool.clone(),
                count_padding,
                shift: 2,
            };
            b.op(op, &[TensorId(0)], &[2, out, out], 12, 4, None);
            let model = b.finish();
            let inputs: Vec<Vec<i64>> = (0..3).map(|_| s.words(72, 10)).collect();
            check_inputs(&model, Setting::default(), &inputs);
        }
    }
}

#[test]
fn a_maximum_beyond_its_range_wraps_as_the_oracle_does() {
    let pool = Pool {
        window: window(2, 2, 0, 0),
    };
    let mut b = Build::new(&[1, 2, 4], 8, 0);
    b.op(Op::MaxPool(pool), &[TensorId(0)], &[1, 1, 2], 8, 0, None);
    check(&b.finish(), Setting::default(), 21, 20);
}

#[test]
fn shapes_are_renamed_only() {
    let mut b = Build::new(&[2, 3, 2], 8, 1);
    let turned = b.op(
        Op::Transpose {
            perm: vec![2, 0, 1],
        },
        &[TensorId(0)],
        &[2, 2, 3],
        8,
        1,
        None,
    );
    let pad = Op::Pad {
        before: vec![0, 1, 0],
        after: vec![0, 0, 2],
        value: -3,
    };
    let padded = b.op(pad, &[turned], &[2, 3, 5], 8, 1, None);
    let flat = b.op(Op::Reshape, &[padded], &[30], 8, 1, None);
    let input = b.op(Op::Reshape, &[TensorId(0)], &[12], 8, 1, None);
    b.op(
        Op::Concat { axis: 0 },
        &[flat, input, flat],
        &[72],
        8,
        1,
        None,
    );
    check(&b.finish(), Setting::default(), 2, 1);

    let mut b = Build::new(&[2, 2, 3], 8, 1);
    let relu = b.op(Op::Relu, &[TensorId(0)], &[2, 2, 3], 8, 1, None);
    b.op(
        Op::Concat { axis: 1 },
        &[TensorId(0), relu],
        &[2, 4, 3],
        8,
        1,
        None,
    );
    check(&b.finish(), Setting::default(), 2, 1);
}

#[test]
fn only_what_was_asked_for_is_opened() {
    let model = linear(6, 10, 12, 8, 6, 77);
    for garbler in [Party::Server, Party::Client] {
        let setting = Setting {
            reveal: Reveal::Label,
            garbler,
            lanes: 1,
            ..Setting::default()
        };
        check(&model, setting, 3, 4);
        let inputs = inputs(&model, 3, 3);
        let top = Setting {
            reveal: Reveal::Top(4),
            garbler,
            lanes: 1,
            ..Setting::default()
        };
        for top in backends(top) {
            let (answers, _) = run(&model, &inputs, top).unwrap();
            for (input, (answer, _)) in inputs.iter().zip(&answers) {
                let logits = model.evaluate(input).unwrap().logits;
                let mut order: Vec<usize> = (0..10).collect();
                order.sort_by_key(|i| (std::cmp::Reverse(logits[*i]), *i));
                let best: Vec<u32> = order.iter().take(4).map(|i| *i as u32).collect();
                assert_eq!(answer.top.as_ref(), Some(&best), "{}", top.backend);
                assert_eq!(answer.logits, None);
            }
        }
    }
}

#[test]
fn ties_go_to_the_lowest_index() {
    let mut b = Build::new(&[5], 8, 0);
    b.op(Op::Trunc { shift: 0 }, &[TensorId(0)], &[5], 8, 0, None);
    let model = b.finish();
    let inputs = vec![vec![3, 9, -2, 9, 9], vec![-128; 5], vec![127; 5]];
    let setting = Setting {
        reveal: Reveal::Top(5),
        ..Setting::default()
    };
    for setting in backends(setting) {
        let (answers, _) = run(&model, &inputs, setting).unwrap();
        assert_eq!(answers[0].0.top.as_deref(), Some(&[1, 3, 4, 0, 2][..]));
        assert_eq!(answers[1].0.top.as_deref(), Some(&[0, 1, 2, 3, 4][..]));
    }
    let label = Setting {
        reveal: Reveal::Label,
        ..Setting::default()
    };
    for label in backends(label) {
        let (answers, _) = run(&model, &inputs, label).unwrap();
        let labels: Vec<u32> = answers.iter().map(|a| a.0.label).collect();
        assert_eq!(labels, [1, 0, 0]);
    }
}

#[test]
fn a_network_of_one_class_has_label_zero() {
    let model = linear(3, 1, 8, 4, 2, 5);
    for garbler in [Party::Server, Party::Client] {
        let setting = Setting {
            reveal: Reveal::Label,
            garbler,
            lanes: 1,
            ..Setting::default()
        };
        for setting in backends(setting) {
            let (answers, _) = run(&model, &[vec![1, 2, 3]], setting).unwrap();
            assert_eq!(answers[0].0.label, 0);
        }
    }
}
