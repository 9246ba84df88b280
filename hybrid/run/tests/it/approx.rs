//! Profile `approx`: truncations that each party does alone, within one unit, under `ot` and `hybrid`.

use privet_model::graph::{Affine, Builder, Conv, Linear, Op, Per, Pool, ValueId, Window};
use privet_model::quant::ir::{self, Model, Profile};
use privet_model::quant::{Oracle, QuantOptions, quantise};
use privet_plan::{
    Backend, Caps, Choice, LinkModel, Plan, PlanError, PlanOptions, Rates, Reveal, ShareStep,
    StepKind, share,
};

use super::models::{Stream, params};
use super::ops::inputs;
use super::rig::{Setting, run};

/// A float network under construction.
struct Net {
    builder: Builder,
    stream: Stream,
    count: usize,
}

impl Net {
    fn new(shape: &[usize], seed: u64) -> Self {
        Self {
            builder: Builder::new("net", "input", shape).unwrap(),
            stream: Stream(seed),
            count: 0,
        }
    }

    fn reals(&mut self, count: usize, scale: f32) -> Vec<f32> {
        let real = |word: u64| (word >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        (0..count)
            .map(|_| real(self.stream.next()) * scale)
            .collect()
    }

    fn push(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.count += 1;
        let name = format!("{} {}", op.name(), self.count);
        self.builder.push(&name, op, inputs).unwrap()
    }

    fn shape(&self, x: ValueId) -> Vec<usize> {
        self.builder.shape(x).unwrap().to_vec()
    }

    fn conv(&mut self, x: ValueId, out_channels: usize, kernel: usize) -> ValueId {
        let in_channels = self.shape(x)[0];
        let taps = in_channels * kernel * kernel;
        let mut window = Window::new([kernel; 2]);
        (window.pads_before, window.pads_after) = ([kernel / 2; 2], [kernel / 2; 2]);
        let conv = Conv {
            in_channels,
            out_channels,
            groups: 1,
            window,
            weights: self.reals(out_channels * taps, 1.5 / (taps as f32).sqrt()),
            bias: self.reals(out_channels, 0.25),
        };
        self.push(Op::Conv(conv), &[x])
    }

    fn pool(&mut self, x: ValueId, size: usize, average: bool) -> ValueId {
        let [h, w] = [1, 2].map(|axis| self.shape(x)[axis]);
        let mut window = Window::new([size; 2]);
        window.strides = [size; 2];
        let output = [h / size, w / size];
        let pool = Pool { window, output };
        let op = if average {
            Op::AvgPool(pool)
        } else {
            Op::MaxPool(pool)
        };
        self.push(op, &[x])
    }

    fn relu(&mut self, x: ValueId) -> ValueId {
        self.push(Op::Relu, &[x])
    }

    /// A fully connected layer ends the network, quantised on the inputs that it will get.
    fn finish(mut self, x: ValueId, bits: u32, frac: u32) -> (Model, Vec<Vec<i64>>) {
        let n: usize = self.shape(x).iter().product();
        let flat = self.push(Op::Reshape { shape: vec![n] }, &[x]);
        let linear = Linear {
            inputs: n,
            outputs: 5,
            weights: self.reals(5 * n, 1.0 / (n as f32).sqrt()),
            bias: self.reals(5, 0.5),
        };
        let logits = self.push(Op::Linear(linear), &[flat]);
        let input = self.shape(self.builder.input()).iter().product();
        let given: Vec<Vec<f32>> = (0..4).map(|_| self.reals(input, 1.0)).collect();
        let options = QuantOptions {
            profile: Profile::Approx,
            ..QuantOptions::fixed(bits, frac)
        };
        let graph = self.builder.finish(logits).unwrap();
        let model = quantise(&graph, &options, &given).unwrap();
        let integers = given.iter().map(|x| model.graph.quantise_input(x).unwrap());
        let integers = integers.collect();
        (model, integers)
    }
}

/// Max-pool, a residual addition, two layers side by side, an average.
fn branches() -> (Model, Vec<Vec<i64>>) {
    let mut net = Net::new(&[2, 8, 8], 41);
    let input = net.builder.input();
    let first = net.conv(input, 4, 3);
    let pooled = net.pool(first, 2, false);
    let first = net.relu(pooled);
    let second = net.conv(first, 4, 3);
    let sum = net.push(Op::Add, &[first, second]);
    let sum = net.relu(sum);
    let sides = [1, 3].map(|kernel| {
        let side = net.conv(sum, 2, kernel);
        net.relu(side)
    });
    let joined = net.push(Op::Concat { axis: 0 }, &sides);
    let mean = net.pool(joined, 2, true);
    net.finish(mean, 14, 8)
}

/// Layers without activation, limits, a normalisation before an activation, a table.
fn others() -> (Model, Vec<Vec<i64>>) {
    let mut net = Net::new(&[2, 4, 4], 42);
    let input = net.builder.input();
    let wide = net.conv(input, 4, 1);
    let wide = net.push(Op::Clip { lo: 0.0, hi: 0.75 }, &[wide]);
    let narrow = net.conv(wide, 2, 3);
    let sum = net.push(Op::Add, &[narrow, input]);
    let affine = Affine {
        per: Per::Channel,
        scale: vec![0.75, -0.5],
        shift: vec![0.25, 0.125],
    };
    let normal = net.push(Op::Affine(affine), &[sum]);
    let normal = net.relu(normal);
    let next = net.conv(normal, 2, 1);
    let table = net.push(Op::Sigmoid, &[next]);
    let last = net.conv(table, 2, 1);
    net.finish(last, 16, 8)
}

/// By how many units each value of the answer may be beside the oracle's: one from each truncation, through the layers' weights.
fn radius(model: &Model) -> Vec<u64> {
    let graph = &model.graph;
    let mut all: Vec<Vec<u64>> = graph
        .tensors
        .iter()
        .map(|t| vec![0; t.shape.iter().product()])
        .collect();
    let approximated = graph.approximated();
    for ((node, params), approximated) in graph.nodes.iter().zip(&model.params).zip(approximated) {
        let operands: Vec<&Vec<u64>> = node.inputs.iter().map(|id| &all[id.0 as usize]).collect();
        let most = operands.iter().flat_map(|o| o.iter()).max().copied();
        let most = most.unwrap_or(0);
        let len = all[node.output.0 as usize].len();
        let up = |e: u64, shift: u32| (e + (1 << shift) - 1) >> shift;
        all[node.output.0 as usize] = match &node.op {
            ir::Op::Linear(_) | ir::Op::Conv(_) => {
                let weights = &params.as_ref().unwrap().weights;
                let weights: Vec<i32> = weights.iter().map(|w| w.abs()).collect();
                let geometry = share::geometry(graph, node).unwrap();
                geometry.apply(&weights, operands[0]).unwrap()
            }
            ir::Op::Trunc { shift } => {
                let each = operands[0].iter();
                each.map(|e| up(*e, *shift) + u64::from(approximated))
                    .collect()
            }
            ir::Op::Add => (0..len)
                .map(|i| operands.iter().map(|o| o[i]).sum())
                .collect(),
            ir::Op::AvgPool { shift, .. } => vec![up(most, *shift); len],
            ir::Op::Shl { k } => vec![most << k; len],
            ir::Op::Relu | ir::Op::Reshape | ir::Op::Reflect | ir::Op::AddConst => {
                operands[0].clone()
            }
            ir::Op::Clip { .. }
            | ir::Op::Table(_)
            | ir::Op::MaxPool(_)
            | ir::Op::Resize
            | ir::Op::Concat { .. }
            | ir::Op::Transpose { .. }
            | ir::Op::Pad { .. } => vec![most; len],
        };
    }
    all[graph.output.0 as usize].clone()
}

fn plan(model: &Model, backend: Backend, all_online: bool) -> Result<Plan, PlanError> {
    let options = PlanOptions {
        backend,
        all_online,
        ..PlanOptions::default()
    };
    Plan::new(model.graph.clone(), options, 1 << 30)
}

fn locals(plan: &Plan) -> usize {
    let steps = plan.steps.iter();
    let local = |kind: &StepKind| matches!(kind, StepKind::Share(ShareStep::TruncLocal(_)));
    steps.filter(|step| local(&step.kind)).count()
}

/// Whole networks stay within what the graph allows of the oracle, prepared or not, and move the bytes that the plan says.
#[test]
fn answers_are_within_a_unit_for_each_truncation() {
    let mut differing = 0;
    for (model, inputs) in [branches(), others()] {
        let radius = radius(&model);
        let ring = model.graph.tensors[model.graph.output.0 as usize].ring;
        // A bound that wraps would show nothing.
        assert!(radius.iter().all(|r| *r > 0 && *r < 1 << (ring.bits() - 4)));
        for backend in [Backend::Ot, Backend::Hybrid] {
            for all_online in [false, true] {
                let setting = Setting {
                    backend,
                    all_online,
                    ..Setting::default()
                };
                let (answers, plan) = run(&model, &inputs, setting).unwrap();
                let expected = model.graph.approximated().into_iter().filter(|a| *a);
                assert_eq!(locals(&plan), expected.count(), "{backend}");
                for ((before, input), (answer, report)) in (0..).zip(&inputs).zip(&answers) {
                    let clear = model.evaluate(input).unwrap();
                    let got = answer.logits.as_ref().unwrap();
                    for ((got, want), radius) in got.iter().zip(&clear.logits).zip(&radius) {
                        assert!(got.abs_diff(*want) <= *radius, "{got} {want} {radius}");
                        differing += usize::from(got != want);
                    }
                    assert_eq!(report.online.bytes, plan.online_bytes(before));
                    if !all_online {
                        assert_eq!(report.offline.bytes, plan.offline_bytes(before));
                    }
                }
            }
        }
    }
    assert!(differing > 0, "nothing was approximate");
}

/// Cheaper than exact truncations in every respect, in the same graph.
#[test]
fn shares_truncated_alone_spare_bytes_and_transfers() {
    for (model, _) in [branches(), others()] {
        let mut exact = model.clone();
        exact.graph.profile = Profile::Exact;
        for backend in [Backend::Ot, Backend::Hybrid] {
            for all_online in [false, true] {
                let approx = plan(&model, backend, all_online).unwrap();
                let exact = plan(&exact, backend, all_online).unwrap();
                let (less, more) = (approx.cost.total(), exact.cost.total());
                let ots =
                    |cost: &privet_plan::cost::StepCost| cost.client_silent + cost.server_silent;
                assert!(
                    less.bytes() < more.bytes() && ots(&less) < ots(&more),
                    "{backend}"
                );
                assert!(less.flights.count() <= more.flights.count() && approx.hash != exact.hash);
                assert_eq!(locals(&exact), 0);
            }
        }
    }
}

/// What is opened is rounded exactly: a network with one layer gives the oracle's answer, whatever stands behind its truncation.
#[test]
fn truncations_of_the_answer_itself_are_exact() {
    let build = |relu: bool| {
        let mut s = Stream(3);
        let mut b = super::models::Build::new(&[6], 12, 4);
        b.graph.profile = Profile::Approx;
        let linear = ir::Op::Linear(ir::Linear {
            inputs: 6,
            outputs: 40,
            weight_bits: 6,
            weight_frac: 4,
            sparsity: None,
        });
        let p = params(&mut s, 6 * 40, 6, 40, 18);
        let z = b.op(linear, &[ir::TensorId(0)], &[40], 18, 8, p);
        let mut t = b.op(ir::Op::Trunc { shift: 4 }, &[z], &[40], 14, 4, None);
        if relu {
            t = b.op(ir::Op::Relu, &[t], &[40], 14, 4, None);
        }
        let t = b.op(ir::Op::Reshape, &[t], &[8, 5], 14, 4, None);
        b.op(ir::Op::Concat { axis: 0 }, &[t, t], &[16, 5], 14, 4, None);
        b.finish()
    };
    for model in [build(false), build(true)] {
        assert!(model.graph.approximated().iter().all(|a| !a));
        let inputs = inputs(&model, 4, 2);
        for backend in [Backend::Ot, Backend::Hybrid] {
            for reveal in [Reveal::Logits, Reveal::Label] {
                let setting = Setting {
                    backend,
                    reveal,
                    ..Setting::default()
                };
                let (answers, _) = run(&model, &inputs, setting).unwrap();
                for (input, (answer, _)) in inputs.iter().zip(&answers) {
                    let clear = model.evaluate(input).unwrap();
                    assert_eq!(answer.label as usize, clear.label);
                    let logits = answer.logits.as_ref();
                    assert!(logits.is_none_or(|logits| *logits == clear.logits));
                }
            }
        }
    }
}

/// A graph of any origin: truncations behind a ReLU, into a wider ring than they leave bits for, of one bit, read by several; values at the edges
/// of their rings. Never more than a unit, and no sign lost.
#[test]
fn truncations_anywhere_are_within_a_unit_at_the_edges() {
    let mut s = Stream(17);
    let mut b = super::models::Build::new(&[7], 9, 6);
    b.graph.profile = Profile::Approx;
    let numbers = |b: &mut super::models::Build, from, bits| {
        // Each value as it is, but for a constant: what reads it sees the edges of the input.
        let identity = ir::Op::Linear(ir::Linear {
            inputs: 7,
            outputs: 7,
            weight_bits: 2,
            weight_frac: 0,
            sparsity: None,
        });
        let weights = (0..49).map(|i| i32::from(i % 8 == 0)).collect();
        let bias = vec![0; 7];
        let p = Some(ir::Params { weights, bias });
        b.op(identity, &[from], &[7], bits, 6, p)
    };
    let z = numbers(&mut b, ir::TensorId(0), 13);
    let r = b.op(ir::Op::Relu, &[z], &[7], 13, 6, None);
    let t = b.op(ir::Op::Trunc { shift: 3 }, &[r], &[7], 10, 3, None);
    let y = numbers(&mut b, ir::TensorId(0), 10);
    let wide = b.op(ir::Op::Trunc { shift: 3 }, &[y], &[7], 10, 3, None);
    let one = b.op(ir::Op::Trunc { shift: 1 }, &[wide], &[7], 10, 2, None);
    let one = b.op(ir::Op::Shl { k: 1 }, &[one], &[7], 10, 3, None);
    let sum = b.op(ir::Op::Add, &[t, wide, one], &[7], 10, 3, None);
    let linear = ir::Op::Linear(ir::Linear {
        inputs: 7,
        outputs: 3,
        weight_bits: 3,
        weight_frac: 2,
        sparsity: None,
    });
    let p = params(&mut s, 21, 3, 3, 14);
    let z = b.op(linear, &[sum], &[3], 18, 5, p);
    b.op(ir::Op::Trunc { shift: 2 }, &[z], &[3], 16, 3, None);
    let model = b.finish();
    let radius = radius(&model);
    let inputs = inputs(&model, 6, 6);
    for backend in [Backend::Ot, Backend::Hybrid] {
        for all_online in [false, true] {
            let setting = Setting {
                backend,
                all_online,
                ..Setting::default()
            };
            let (answers, plan) = run(&model, &inputs, setting).unwrap();
            assert!(locals(&plan) >= 2);
            for (input, (answer, _)) in inputs.iter().zip(&answers) {
                let clear = model.evaluate(input).unwrap();
                let got = answer.logits.as_ref().unwrap();
                for ((got, want), radius) in got.iter().zip(&clear.logits).zip(&radius) {
                    assert!(
                        got.abs_diff(*want) <= *radius,
                        "{input:?} {got} {want} {radius}"
                    );
                }
            }
        }
    }
}

#[test]
fn backends_without_shares_of_both_refuse_with_one_line() {
    let (model, _) = branches();
    for backend in [Backend::Gc, Backend::GcOt] {
        let refused = plan(&model, backend, false).unwrap_err().to_string();
        assert!(refused.contains("profile approx") && refused.contains("--backend ot or hybrid"));
        assert!(refused.contains(&backend.to_string()) && !refused.contains('\n'));
    }
    let (caps, rates) = (Caps::default(), Rates::default());
    let options = PlanOptions::default();
    let (all, link) = (Backend::ALL, LinkModel::LOOPBACK);
    let choice = (&all[..], Choice::Auto);
    let plan = Plan::cheapest(&model.graph, &options, choice, &caps, &rates, &link).unwrap();
    assert!(plan.options.backend.boolean());
}

/// The clear simulation differs as often as roundings by a uniform number must, and by no more than the bound.
#[test]
fn the_simulation_is_within_the_same_bounds() {
    for (model, inputs) in [branches(), others()] {
        let (oracle, radius) = (Oracle::new(&model).unwrap(), radius(&model));
        let mut s = Stream(9);
        for input in &inputs {
            let clear = oracle.evaluate(input).unwrap();
            let mut logits = Vec::new();
            let visit = |id, values: &[i64]| {
                if id == model.graph.output {
                    logits = values.to_vec();
                }
            };
            oracle.approximate(input, |_, _| s.next(), visit).unwrap();
            for ((got, want), radius) in logits.iter().zip(&clear.logits).zip(&radius) {
                assert!(got.abs_diff(*want) <= *radius);
            }
        }
    }
}
