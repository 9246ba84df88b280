//! Terms of products: published zeros and sign bits that are always zero are left out, and nothing else.

use privet_model::quant::Sparsity;
use privet_model::quant::ir::*;
use privet_plan::{LinearGroup, Party, Plan, PlanError, PlanOptions, StepKind, Sums};

use super::models::*;
use super::ops::{check_inputs, inputs};
use super::rig::{Setting, run};

/// Drops all but about `live` of 256 weights of every layer and publishes that.
fn thin(model: &mut Model, live: u64, seed: u64) {
    let mut s = Stream(seed);
    for (node, params) in model.graph.nodes.iter_mut().zip(&mut model.params) {
        let Some(params) = params else {
            continue;
        };
        for weight in &mut params.weights {
            if s.next() % 256 >= live {
                *weight = 0;
            }
        }
        let map = Sparsity::of(&params.weights);
        if let Op::Linear(op) = &mut node.op {
            op.sparsity = map;
        } else if let Op::Conv(op) = &mut node.op {
            op.sparsity = map;
        }
    }
}

fn conv(groups: usize, pad: usize, stride: usize, seed: u64) -> Model {
    let mut s = Stream(seed);
    let extent = |n: usize| (n + 2 * pad - 3) / stride + 1;
    let conv = Conv {
        in_channels: 2,
        out_channels: 4,
        groups,
        window: window(3, stride, pad, pad),
        weight_bits: 5,
        weight_frac: 4,
        sparsity: None,
    };
    let mut b = Build::new(&[2, 6, 5], 9, 4);
    let p = params(&mut s, 4 * (2 / groups) * 9, 5, 4, 13);
    let shape = [4, extent(6), extent(5)];
    let acc = b.op(Op::Conv(conv), &[TensorId(0)], &shape, 13, 8, p);
    b.op(Op::Trunc { shift: 4 }, &[acc], &shape, 9, 4, None);
    b.finish()
}

fn plan(model: &Model, garbler: Party) -> Plan {
    let options = PlanOptions {
        garbler,
        ..PlanOptions::default()
    };
    Plan::new(model.graph.clone(), options, 1 << 30).unwrap()
}

fn linear_cost(plan: &Plan) -> [u64; 2] {
    let steps = plan.steps.iter();
    let linear = steps.filter(|step| matches!(step.kind, StepKind::Linear(_)));
    linear.fold([0, 0], |[ands, rows], step| {
        [ands + step.cost.non_xor(), rows + step.cost.rows()]
    })
}

fn groups(plan: &Plan) -> Vec<LinearGroup> {
    let mut groups = Vec::new();
    for step in &plan.steps {
        if let StepKind::Linear(linear) = &step.kind {
            groups.extend(linear.groups.clone());
        }
    }
    groups
}

#[test]
fn sparse_layers_agree_with_the_oracle() {
    for live in [0, 20, 128, 240] {
        let mut model = linear(40, 9, 10, 4, 5, live + 1);
        thin(&mut model, live, live);
        check_inputs(&model, Setting::default(), &inputs(&model, live, 1));
        let mut model = conv(1 + live as usize % 2, 1, 1 + live as usize % 2, live);
        thin(&mut model, live, live);
        check_inputs(&model, Setting::default(), &inputs(&model, live, 1));
    }
}

#[test]
fn both_garblers_and_any_number_of_lanes_agree_on_sparse_layers() {
    let mut model = linear(50, 70, 10, 3, 5, 3);
    thin(&mut model, 100, 1);
    for garbler in [Party::Server, Party::Client] {
        for lanes in [1, 3] {
            let setting = Setting {
                garbler,
                lanes,
                ..Setting::default()
            };
            check_inputs(&model, setting, &inputs(&model, 4, 1));
        }
    }
}

/// Rows that are full, half full and dead in one layer; inputs that no row reads.
#[test]
fn dense_sparse_and_dead_rows_meet_in_one_layer() {
    let mut model = linear(33, 8, 9, 3, 5, 2);
    let weights = &mut model.params[0].as_mut().unwrap().weights;
    for (at, weight) in weights.iter_mut().enumerate() {
        let (row, column) = (at / 33, at % 33);
        let dropped = match row {
            0..3 => false,
            3..6 => (column + row) % 4 > 0,
            _ => true,
        };
        *weight = if dropped || column == 7 {
            0
        } else {
            *weight | 1
        };
    }
    thin(&mut model, 256, 0);
    let groups = groups(&plan(&model, Party::Server));
    let terms = |sums| {
        let of = groups.iter().filter(move |g| g.sums == sums);
        of.map(|g| (g.terms, g.rows.len())).collect::<Vec<_>>()
    };
    assert_eq!(terms(Sums::Shared), [(32, 3)]);
    let own = terms(Sums::Own);
    assert_eq!(own[0], (0, 2), "dead rows");
    assert_eq!(own.iter().map(|(_, rows)| rows).sum::<usize>(), 5);
    check_inputs(&model, Setting::default(), &inputs(&model, 4, 2));
}

/// A sparse row costs what a dense layer of one row and as many inputs costs; a dead one nothing.
#[test]
fn gates_are_those_of_the_live_terms() {
    for garbler in [Party::Server, Party::Client] {
        for (seed, w_bits) in [(1, 2), (2, 4), (3, 7)] {
            let mut model = linear(70, 6, 11, w_bits, 5, seed);
            thin(&mut model, 60, seed);
            let weights = &model.params[0].as_ref().unwrap().weights;
            let mut expected = [0, 0];
            for row in weights.chunks(70) {
                let live = row.iter().filter(|w| **w != 0).count();
                if live > 0 {
                    let one = linear(live, 1, 11, w_bits, 5, seed);
                    let cost = linear_cost(&plan(&one, garbler));
                    expected = [expected[0] + cost[0], expected[1] + cost[1]];
                }
            }
            assert_eq!(linear_cost(&plan(&model, garbler)), expected);
        }
    }
}

#[test]
fn gates_of_a_convolution_are_those_of_the_live_terms_inside_the_picture() {
    let mut model = conv(1, 1, 2, 5);
    thin(&mut model, 40, 5);
    let weights = &model.params[0].as_ref().unwrap().weights;
    let mut expected = [0, 0];
    for filter in weights.chunks(18) {
        for (oy, ox) in (0..3).flat_map(|y| (0..3).map(move |x| (y, x))) {
            let inside = |o: usize, k: usize, extent| (1..=extent).contains(&(2 * o + k));
            let live = (0..18).filter(|tap| {
                let (ky, kx) = (tap / 3 % 3, tap % 3);
                filter[*tap] != 0 && inside(oy, ky, 6) && inside(ox, kx, 5)
            });
            let live = live.count();
            if live > 0 {
                let one = linear(live, 1, 9, 5, 4, 1);
                let cost = linear_cost(&plan(&one, Party::Server));
                expected = [expected[0] + cost[0], expected[1] + cost[1]];
            }
        }
    }
    assert_eq!(linear_cost(&plan(&model, Party::Server)), expected);
}

#[test]
fn more_published_zeros_never_cost_more_and_shapes_stay_few() {
    let mut model = linear(200, 30, 10, 3, 5, 7);
    let mut last = u64::MAX;
    for live in [256, 220, 180, 128, 90, 50, 10] {
        thin(&mut model, live, 3);
        let plan = plan(&model, Party::Server);
        let [ands, _] = linear_cost(&plan);
        assert!(ands <= last, "{live}: {ands} after {last}");
        last = ands;
        let groups = groups(&plan).into_iter();
        let mut shapes: Vec<u32> = groups.flat_map(|g| g.chunks).collect();
        shapes.sort_unstable();
        shapes.dedup();
        assert!(shapes.len() <= 16, "{shapes:?}");
    }
}

/// A map's tap sets are counted before they are made.
#[test]
fn a_map_that_is_costly_to_plan_is_refused_early() {
    let mut b = Build::new(&[1, 300, 300], 8, 2);
    let conv = Conv {
        in_channels: 1,
        out_channels: 64,
        groups: 1,
        window: window(3, 1, 0, 0),
        weight_bits: 4,
        weight_frac: 2,
        sparsity: None,
    };
    let params = Some(Params {
        weights: (0..64 * 9).map(|i| i32::from(i % 5 == 0)).collect(),
        bias: vec![0; 64],
    });
    let shape = [64, 298, 298];
    b.op(Op::Conv(conv), &[TensorId(0)], &shape, 10, 4, params);
    let mut model = b.finish();
    thin(&mut model, 256, 0);
    let outcome = Plan::new(model.graph, PlanOptions::default(), 64 << 20);
    assert!(matches!(outcome, Err(PlanError::AboveCap { .. })));
}

/// Signs of values, in and out of a layer that reads them: `term_bits` and whether the sign is dropped.
fn reads(model: &Model) -> Vec<(u32, bool)> {
    let plan = plan(model, Party::Server);
    let mut reads = Vec::new();
    for step in &plan.steps {
        if let StepKind::Linear(step) = &step.kind {
            reads.push((step.term_bits, step.unsigned));
        }
    }
    reads
}

fn behind(last: TensorId, b: &mut Build, n: usize, bits: u32) -> TensorId {
    let linear = Op::Linear(Linear {
        inputs: n,
        outputs: 3,
        weight_bits: 5,
        weight_frac: 3,
        sparsity: None,
    });
    let p = params(&mut Stream(77), 3 * n, 5, 3, bits + 6);
    b.op(linear, &[last], &[3], bits + 6, 6, p)
}

#[test]
fn sign_bits_that_are_always_zero_are_left_out() {
    let ops: [(&[Op], u32, Option<u32>); 9] = [
        (&[Op::Relu], 10, Some(9)),
        (&[], 10, None),
        (&[Op::Relu, Op::Resize], 13, Some(9)),
        // A narrower ring wraps: what was positive may read as negative.
        (&[Op::Relu, Op::Resize], 9, None),
        (&[Op::Relu, Op::Trunc { shift: 2 }], 9, Some(7)),
        (&[Op::Clip { lo: 0, hi: 40 }], 10, Some(6)),
        (&[Op::Clip { lo: 3, hi: 40 }], 10, None),
        (&[Op::Relu, Op::Clip { lo: 3, hi: 40 }], 10, Some(6)),
        (&[Op::Relu, Op::AddConst], 10, None),
    ];
    for (chain, bits, magnitude) in ops {
        for published in [false, true] {
            let mut b = Build::new(&[9], 10, 3);
            let mut last = TensorId(0);
            for (at, op) in chain.iter().enumerate() {
                let constants = matches!(op, Op::AddConst).then(|| Params {
                    weights: vec![],
                    bias: Stream(3).words(9, 10),
                });
                let width = if at + 1 == chain.len() { bits } else { 10 };
                let frac = if matches!(op, Op::Trunc { .. }) { 1 } else { 3 };
                last = b.op(op.clone(), &[last], &[9], width, frac, constants);
            }
            let frac = b.graph.tensors[last.0 as usize].frac_bits;
            let z = behind(last, &mut b, 9, bits);
            b.graph.tensors[z.0 as usize].frac_bits = frac + 3;
            let mut model = b.finish();
            if published {
                thin(&mut model, 60, 9);
            }
            let expected = (magnitude.unwrap_or(bits), magnitude.is_some());
            assert_eq!(reads(&model), [expected], "{chain:?}");
            check_inputs(&model, Setting::default(), &inputs(&model, 1, 2));
            let client = Setting {
                garbler: Party::Client,
                ..Setting::default()
            };
            check_inputs(&model, client, &inputs(&model, 2, 1));
        }
    }
}

#[test]
fn an_input_stated_without_a_sign_has_none() {
    let mut b = Build::new(&[12], 10, 3);
    behind(TensorId(0), &mut b, 12, 10);
    let mut model = b.finish();
    let all: Vec<i64> = (0..12).map(|i| [0, 127, 64, 1][i % 4]).collect();
    let range = &mut model.graph.tensors[0].range;
    *range = Range {
        bits: 8,
        non_negative: true,
        origin: RangeOrigin::Calibrated,
    };
    assert_eq!(reads(&model), [(10, false)], "only seen on data");
    model.graph.tensors[0].range.origin = RangeOrigin::Proven;
    assert_eq!(reads(&model), [(7, true)]);
    check_inputs(&model, Setting::default(), &[all.clone(), vec![127; 12]]);
    for beyond in [-1, 128, -512] {
        let mut input = all.clone();
        input[5] = beyond;
        let outcome = run(&model, &[input], Setting::default());
        let line = outcome.map(|_| ()).unwrap_err().to_string();
        assert!(line.contains("does not fit"), "{line}");
    }
}
