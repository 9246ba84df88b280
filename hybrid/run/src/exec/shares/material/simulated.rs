//! Profile `approx` against the clear simulation of the same shares: where the client's share is known before the input, so is what each
//! truncation will give.

use privet_model::graph::{self, Builder, ValueId, Window};
use privet_model::quant::ir::{Model, Profile};
use privet_model::quant::{Oracle, QuantOptions, quantise};
use privet_net::Session;
use privet_plan::{Backend, NormClass, Party, Plan, PlanOptions, Reveal, ShareStep, StepKind};
use privet_prim::{Block, Prg};

use super::super::Side;
use super::super::ahead::Ahead;
use super::{Form, Material, forms};
use crate::engine::Engine;
use crate::report::Silent;

struct Net {
    builder: Builder,
    prg: Prg,
    count: usize,
}

impl Net {
    fn reals(&mut self, count: usize, scale: f32) -> Vec<f32> {
        let real = |word: u64| (word >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        let words = (0..count).map(|_| self.prg.next_u64());
        words.map(|word| real(word) * scale).collect()
    }

    fn push(&mut self, op: graph::Op, inputs: &[ValueId]) -> ValueId {
        self.count += 1;
        let name = format!("{} {}", op.name(), self.count);
        self.builder.push(&name, op, inputs).unwrap()
    }

    fn conv(&mut self, x: ValueId, [from, to]: [usize; 2]) -> ValueId {
        let mut window = Window::new([3; 2]);
        (window.pads_before, window.pads_after) = ([1; 2], [1; 2]);
        let conv = graph::Conv {
            in_channels: from,
            out_channels: to,
            groups: 1,
            window,
            weights: self.reals(to * from * 9, 0.4),
            bias: self.reals(to, 0.25),
        };
        self.push(graph::Op::Conv(conv), &[x])
    }

    fn fully(&mut self, x: ValueId, [inputs, outputs]: [usize; 2]) -> ValueId {
        let linear = graph::Linear {
            inputs,
            outputs,
            weights: self.reals(inputs * outputs, 0.5),
            bias: self.reals(outputs, 0.25),
        };
        self.push(graph::Op::Linear(linear), &[x])
    }
}

/// Convolutions, a residual addition, a max-pool, fully connected layers; and an input.
fn network() -> (Model, Vec<i64>) {
    let mut net = Net {
        builder: Builder::new("net", "input", &[2, 4, 4]).unwrap(),
        prg: Prg::new(Block::from_bytes([3; 16])),
        count: 0,
    };
    let input = net.builder.input();
    let first = net.conv(input, [2, 3]);
    let first = net.push(graph::Op::Relu, &[first]);
    let second = net.conv(first, [3, 3]);
    let sum = net.push(graph::Op::Add, &[first, second]);
    let mut window = Window::new([2; 2]);
    window.strides = [2; 2];
    let output = [2; 2];
    let pooled = net.push(graph::Op::MaxPool(graph::Pool { window, output }), &[sum]);
    let flat = net.push(graph::Op::Reshape { shape: vec![12] }, &[pooled]);
    let hidden = net.fully(flat, [12, 30]);
    let hidden = net.push(graph::Op::Relu, &[hidden]);
    let logits = net.fully(hidden, [30, 8]);
    let given = net.reals(32, 1.0);
    let options = QuantOptions {
        profile: Profile::Approx,
        ..QuantOptions::fixed(16, 7)
    };
    let graph = net.builder.finish(logits).unwrap();
    let model = quantise(&graph, &options, std::slice::from_ref(&given)).unwrap();
    let integers = model.graph.quantise_input(&given).unwrap();
    (model, integers)
}

/// The client's share of what each approximate truncation reads, in the plan's order.
fn known(plan: &Plan, material: &[u8]) -> Vec<Vec<u64>> {
    let (words, _) = material.as_chunks::<8>();
    let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
    let mut parts = forms(plan, Party::Client).into_iter().map(|form| {
        let (Form::Mask(count) | Form::Shares(count)) = form;
        words.by_ref().take(count).collect::<Vec<_>>()
    });
    let (mut ahead, mut known) = (Ahead::default(), Vec::new());
    for step in &plan.steps {
        if let StepKind::Share(ShareStep::Mask { .. }) = &step.kind {
            drop(parts.next().unwrap());
        } else if let StepKind::Share(ShareStep::Linear(linear)) = &step.kind {
            let share = parts.next().unwrap();
            ahead.put(plan, linear.out, share).unwrap();
        } else if let StepKind::Share(ShareStep::TruncLocal(trunc)) = &step.kind {
            known.push(ahead.words(trunc.from).unwrap().values.to_vec());
        }
        ahead.follow(plan, &step.kind).unwrap();
    }
    known
}

/// The answer equals the simulation's, bit for bit, and not always the oracle's.
#[test]
fn the_client_s_share_decides_what_a_truncation_gives() {
    let (model, input) = network();
    let oracle = Oracle::new(&model).unwrap();
    let exact = oracle.evaluate(&input).unwrap().logits;
    let mut differing = 0;
    for backend in [Backend::Ot, Backend::Hybrid] {
        for _ in 0..3 {
            let options = PlanOptions {
                backend,
                reveal: Reveal::Logits,
                norms: NormClass::of_model(&model),
                ..PlanOptions::default()
            };
            let plan = Plan::new(model.graph.clone(), options, 1 << 30).unwrap();
            let (material, opened) = both(&model, &plan, &input);
            let known = known(&plan, &material);
            let nodes: Vec<usize> = (model.graph.approximated().iter().enumerate())
                .filter_map(|(node, approximated)| approximated.then_some(node))
                .collect();
            assert_eq!((nodes.len(), known.len()), (3, 3));
            let low = |node: usize, element: usize| {
                let at = nodes.iter().position(|n| *n == node).unwrap();
                known[at][element]
            };
            let mut simulated = Vec::new();
            let visit = |id, values: &[i64]| {
                if id == model.graph.output {
                    simulated = values.to_vec();
                }
            };
            oracle.approximate(&input, low, visit).unwrap();
            let answer = crate::client::decode(&plan, &opened).unwrap();
            assert_eq!(answer.logits.as_ref(), Some(&simulated), "{backend}");
            differing += usize::from(simulated != exact);
        }
    }
    assert!(differing > 0, "nothing was approximate");
}

/// The client's material and what was opened to it.
fn both(model: &Model, plan: &Plan, input: &[i64]) -> (Vec<u8>, Vec<bool>) {
    let party = |is_server: bool, session: &mut Session| {
        let (side, party) = match is_server {
            true => (Side::Server(model), Party::Server),
            false => (Side::Client(input), Party::Client),
        };
        let began = std::time::Instant::now();
        let mut engine = Engine::set_up(session, plan, is_server, began).unwrap();
        let (made, _) = engine.prepare(session, plan, side.into()).unwrap();
        let bytes = made.into_bytes().to_vec();
        let material = Material::from_bytes(plan, party, &bytes).unwrap();
        let inferred = engine.infer(session, plan, side, Some(material), &mut Silent);
        (bytes, inferred.unwrap().1)
    };
    let (mut ours, mut theirs) = Session::pair(1);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| party(true, &mut theirs));
        let (bytes, opened) = party(false, &mut ours);
        assert!(other.join().unwrap().1.is_none());
        (bytes, opened.unwrap())
    })
}
