//! Integers stand for the floats they came from: every operation, both placements of truncation.

use privet_model::graph::{Affine, Graph, Op, Per, Rounding};
use privet_model::quant::ir;
use privet_model::quant::{self, Oracle, Placement, QuantOptions, Weights};

use crate::nets::{Net, Stream, pool, window};

fn weight_frac(op: &ir::Op) -> Option<u32> {
    if let ir::Op::Linear(ir::Linear { weight_frac, .. })
    | ir::Op::Conv(ir::Conv { weight_frac, .. }) = op
    {
        Some(*weight_frac)
    } else {
        None
    }
}

/// Quantises finely, compares with the floats, and returns the network.
fn agrees(graph: &Graph, options: &QuantOptions, tolerance: f64) -> ir::Model {
    let mut stream = Stream(99);
    let len = graph.input_shape().iter().product();
    let inputs: Vec<Vec<f32>> = (0..40).map(|_| stream.reals(len, 2.0)).collect();
    let model = quant::quantise(graph, options, &inputs).unwrap();
    let oracle = Oracle::new(&model).unwrap();
    let output = model.graph.tensor(model.graph.output).unwrap();
    let unit = f64::from(output.frac_bits).exp2();
    for input in &inputs {
        let integers = model.graph.quantise_input(input).unwrap();
        let found = oracle.evaluate(&integers).unwrap();
        let floats = graph.evaluate(input).unwrap();
        assert_eq!(found.logits.len(), floats.len());
        for (v, x) in found.logits.iter().zip(&floats) {
            let error = (*v as f64 / unit - f64::from(*x)).abs();
            assert!(error < tolerance, "{v} is not {x}: off by {error}");
        }
    }
    model
}

fn fine(placement: Placement) -> QuantOptions {
    QuantOptions {
        placement,
        ..QuantOptions::fixed(28, 16)
    }
}

fn count(model: &ir::Model, name: &str) -> usize {
    let names = model.graph.nodes.iter().map(|n| format!("{:?}", n.op));
    names
        .filter(|n| n.split(['(', ' ']).next() == Some(name))
        .count()
}

/// The same integers, wherever truncations stand.
fn both(graph: &Graph, tolerance: f64) -> [ir::Model; 2] {
    [Placement::Early, Placement::Late].map(|p| agrees(graph, &fine(p), tolerance))
}

#[test]
fn convolutions_with_batch_norm_and_pools() {
    let mut net = Net::new(&[2, 9, 8], 1);
    let c = net.conv(net.input(), [2, 4, 1], window(3, 1, 1));
    let n = net.affine(c, Per::Channel, 4);
    let r = net.relu(n);
    let p = net.push(
        Op::MaxPool(pool(window(3, 2, 0), [9, 8], Rounding::Ceil)),
        &[r],
    );
    let d = net.conv(p, [4, 4, 2], window(2, 1, 0));
    let r = net.relu(d);
    let a = net.push(
        Op::AvgPool(pool(window(2, 1, 1), [3, 3], Rounding::Floor)),
        &[r],
    );
    let f = net.flatten(a, 64);
    let l = net.linear(f, 64, 5);
    let [early, late] = both(&net.finish(l), 1e-3);
    assert_eq!(count(&early, "Conv"), 2, "batch norm is folded");
    // The average divides and truncates at once.
    assert_eq!([count(&early, "Trunc"), count(&late, "Trunc")], [2, 2]);
    let position = |m: &ir::Model, name: &str| {
        let mut names = m.graph.nodes.iter().map(|n| format!("{:?}", n.op));
        names.position(|n| n.starts_with(name)).unwrap()
    };
    assert!(position(&early, "Trunc") < position(&early, "MaxPool"));
    assert!(position(&late, "Trunc") > position(&late, "MaxPool"));
    assert!(position(&late, "Relu") > position(&late, "MaxPool"));
}

#[test]
fn early_and_late_give_the_same_integers() {
    let mut net = Net::new(&[2, 8, 8], 2);
    let c = net.conv(net.input(), [2, 3, 1], window(3, 1, 1));
    let r = net.relu(c);
    let p = net.push(
        Op::MaxPool(pool(window(2, 2, 0), [8, 8], Rounding::Floor)),
        &[r],
    );
    let c = net.conv(p, [3, 3, 3], window(3, 2, 1));
    let r = net.relu(c);
    let f = net.flatten(r, 12);
    let l = net.linear(f, 12, 4);
    let graph = net.finish(l);
    let [early, late] = both(&graph, 1e-3);
    let mut stream = Stream(5);
    for _ in 0..50 {
        let x = stream.reals(128, 2.0);
        let integers = early.graph.quantise_input(&x).unwrap();
        assert_eq!(
            early.evaluate(&integers).unwrap(),
            late.evaluate(&integers).unwrap()
        );
    }
}

#[test]
fn residual_blocks() {
    let mut net = Net::new(&[3, 6, 6], 3);
    let c = net.conv(net.input(), [3, 4, 1], window(3, 1, 1));
    let r = net.relu(c);
    let a = net.conv(r, [4, 4, 1], window(3, 1, 1));
    let s = net.push(Op::Add, &[a, r]);
    let o = net.relu(s);
    let b = net.conv(o, [4, 4, 1], window(3, 2, 1));
    let d = net.conv(o, [4, 4, 1], window(1, 2, 0));
    let s = net.push(Op::Add, &[b, d]);
    let o = net.relu(s);
    let g = net.push(
        Op::AvgPool(pool(window(3, 1, 0), [3, 3], Rounding::Floor)),
        &[o],
    );
    let f = net.flatten(g, 4);
    let l = net.linear(f, 4, 3);
    let [early, late] = both(&net.finish(l), 1e-3);
    assert_eq!(count(&early, "Shl"), 0);
    assert_eq!(count(&late, "Shl"), 1, "the residual is raised");
    // The second sum goes into the average at double scale: c, the first sum, the logits.
    assert_eq!(count(&late, "Trunc"), 3);
}

#[test]
fn concatenation_padding_and_clips() {
    let mut net = Net::new(&[2, 5, 5], 4);
    let a = net.conv(net.input(), [2, 2, 1], window(1, 1, 0));
    let a = net.push(Op::Clip { lo: 0.0, hi: 1.5 }, &[a]);
    let b = net.conv(net.input(), [2, 3, 1], window(3, 1, 1));
    let b = net.push(
        Op::Clip {
            lo: -0.5,
            hi: f32::INFINITY,
        },
        &[b],
    );
    let joined = net.push(Op::Concat { axis: 0 }, &[a, b]);
    let pad = |value| Op::Pad {
        before: vec![0, 1, 0],
        after: vec![0, 0, 2],
        value,
    };
    let zeros = net.push(pad(0.0), &[joined]);
    let c = net.conv(zeros, [5, 2, 1], window(3, 1, 0));
    let ones = net.push(pad(0.75), &[c]);
    let t = net.push(
        Op::Transpose {
            perm: vec![1, 2, 0],
        },
        &[ones],
    );
    let f = net.flatten(t, 5 * 7 * 2);
    let l = net.linear(f, 70, 4);
    let [early, _] = both(&net.finish(l), 1e-3);
    assert_eq!(count(&early, "Pad"), 1, "zeros go into the convolution");
}

#[test]
fn concatenations_before_a_max_pool_stay_at_double_scale() {
    let mut net = Net::new(&[2, 6, 6], 5);
    let a = net.conv(net.input(), [2, 2, 1], window(1, 1, 0));
    let a = net.relu(a);
    let b = net.conv(net.input(), [2, 3, 1], window(3, 1, 1));
    let b = net.relu(b);
    let joined = net.push(Op::Concat { axis: 0 }, &[a, b]);
    let p = net.push(
        Op::MaxPool(pool(window(3, 2, 0), [6, 6], Rounding::Ceil)),
        &[joined],
    );
    let f = net.flatten(p, 45);
    let l = net.linear(f, 45, 4);
    let [early, late] = both(&net.finish(l), 1e-3);
    assert_eq!([count(&early, "Relu"), count(&early, "Trunc")], [2, 3]);
    assert_eq!([count(&late, "Relu"), count(&late, "Trunc")], [1, 2]);
}

#[test]
fn affine_maps_that_cannot_be_folded() {
    let mut net = Net::new(&[3, 4, 4], 6);
    let p = net.push(
        Op::MaxPool(pool(window(2, 2, 0), [4, 4], Rounding::Floor)),
        &[net.input()],
    );
    let n = net.affine(p, Per::Channel, 3);
    let r = net.relu(n);
    let e = net.affine(r, Per::Element, 12);
    let r = net.relu(e);
    let f = net.flatten(r, 12);
    let n = net.affine(f, Per::Tensor, 1);
    let l = net.linear(n, 12, 4);
    let scale = Affine {
        per: Per::Element,
        scale: vec![1.0; 4],
        shift: net.stream.doubles(4, 1.0),
    };
    let r = net.relu(l);
    let s = net.push(Op::Affine(scale), &[r]);
    let [early, _] = both(&net.finish(s), 1e-3);
    assert_eq!(count(&early, "Conv"), 2, "two depthwise layers");
    assert_eq!(count(&early, "AddConst"), 1);
    assert_eq!(count(&early, "Linear"), 1, "the third is folded forward");
}

fn factors(scale: &[f64], shift: &[f64]) -> Op {
    Op::Affine(Affine {
        per: Per::Channel,
        scale: scale.to_vec(),
        shift: shift.to_vec(),
    })
}

/// A normalisation behind a pool and before a ReLU, whose convolution pads or does not.
fn normalised_first(scale: &[f64], shift: &[f64], pad: usize) -> Graph {
    let mut net = Net::new(&[4, 6, 6], 11);
    let p = net.push(
        Op::MaxPool(pool(window(2, 2, 0), [6, 6], Rounding::Floor)),
        &[net.input()],
    );
    let n = net.push(factors(scale, shift), &[p]);
    let r = net.relu(n);
    let c = net.conv(r, [4, 3, 1], window(1 + 2 * pad, 1, pad));
    let r = net.relu(c);
    let n = net.push(factors(&[-1.5, 0.5, -0.25], &[0.5, -0.5, 0.25]), &[r]);
    let r = net.relu(n);
    let a = net.push(
        Op::AvgPool(pool(window(3, 1, 0), [3, 3], Rounding::Floor)),
        &[r],
    );
    let f = net.flatten(a, 3);
    let l = net.linear(f, 3, 4);
    net.finish(l)
}

#[test]
fn normalisation_before_activation_is_a_reflection() {
    // Both signs; zero and nearly zero factors leave constants.
    let graph = normalised_first(&[1.5, -0.75, 0.0, 1e-9], &[0.5, -0.5, 0.75, 0.25], 0);
    let [early, late] = both(&graph, 1e-3);
    for model in [&early, &late] {
        assert_eq!([count(model, "Reflect"), count(model, "Conv")], [2, 1]);
    }
    // A padded convolution takes factors, and constants that are zero.
    let graph = normalised_first(&[1.5, -0.75, 0.0, -2.0], &[0.5, -0.5, -0.75, 0.25], 1);
    let [early, _] = both(&graph, 1e-3);
    assert_eq!([count(&early, "Reflect"), count(&early, "Conv")], [2, 1]);
}

#[test]
fn normalisation_that_cannot_be_reflected_stays() {
    // A constant other than zero next to padding.
    let graph = normalised_first(&[1.5, -0.75, 0.0, -2.0], &[0.5, -0.5, 0.75, 0.25], 1);
    let [early, _] = both(&graph, 1e-3);
    assert_eq!([count(&early, "Reflect"), count(&early, "Conv")], [1, 2]);
    // A quotient that no stored value holds: nothing is reflected.
    let graph = normalised_first(&[1.5, -0.75, 1e-4, 1.0], &[0.5, -0.5, 0.9, 0.25], 0);
    let [early, _] = both(&graph, 1e-2);
    assert_eq!([count(&early, "Reflect"), count(&early, "Conv")], [0, 3]);
}

#[test]
fn signs_are_secret_and_checked() {
    let graph = normalised_first(&[1.5, -0.75, 0.5, -2.0], &[0.5, -0.5, 0.75, 0.25], 0);
    let mirrored = normalised_first(&[-1.5, 0.75, 0.5, 2.0], &[0.5, -0.5, 0.75, 0.25], 0);
    let inputs = vec![vec![0.0; 144], vec![2.0; 144], vec![-2.0; 144]];
    let options = QuantOptions::fixed(28, 16);
    let [a, b] = [&graph, &mirrored].map(|g| quant::quantise(g, &options, &inputs).unwrap());
    let ops = |m: &ir::Model| {
        m.graph
            .nodes
            .iter()
            .map(|n| n.op.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ops(&a),
        ops(&b),
        "what the client sees does not depend on signs"
    );
    let at = a.graph.nodes.iter().position(|n| n.op == ir::Op::Reflect);
    let mut bad = a;
    bad.params[at.unwrap()].as_mut().unwrap().weights[0] = 0;
    assert!(Oracle::new(&bad).is_err());
}

#[test]
fn input_normalisation_is_folded_forward() {
    let mut net = Net::new(&[3, 5, 5], 7);
    let n = net.affine(net.input(), Per::Channel, 3);
    let n = net.affine(n, Per::Tensor, 1);
    let c = net.conv(n, [3, 2, 1], window(3, 1, 0));
    let n = net.affine(c, Per::Element, 18);
    let f = net.flatten(n, 18);
    let l = net.linear(f, 18, 3);
    let [early, _] = both(&net.finish(l), 1e-3);
    assert_eq!([count(&early, "Conv"), count(&early, "Linear")], [1, 1]);
}

#[test]
fn a_shift_before_padding_stays() {
    let mut net = Net::new(&[2, 4, 4], 8);
    let n = net.affine(net.input(), Per::Channel, 2);
    let c = net.conv(n, [2, 2, 1], window(3, 1, 1));
    let [early, _] = both(&net.finish(c), 1e-3);
    assert_eq!(count(&early, "Conv"), 2);
}

#[test]
fn sigmoid_and_tanh() {
    let mut net = Net::new(&[6], 9);
    let l = net.linear(net.input(), 6, 8);
    let s = net.push(Op::Sigmoid, &[l]);
    let l = net.linear(s, 8, 8);
    let t = net.push(Op::Tanh, &[l]);
    let l = net.linear(t, 8, 3);
    let graph = net.finish(l);
    for bits in [16, 20] {
        let model = agrees(&graph, &QuantOptions::fixed(bits, 12), 0.02);
        assert_eq!(count(&model, "Table"), 2);
    }
}

#[test]
fn short_weights_by_layer() {
    let mut net = Net::new(&[2, 6, 6], 10);
    let a = net.conv(net.input(), [2, 2, 1], window(3, 1, 1));
    let big = Affine {
        per: Per::Tensor,
        scale: vec![9.0],
        shift: vec![0.0],
    };
    let a = net.push(Op::Affine(big), &[a]);
    let b = net.conv(net.input(), [2, 2, 1], window(1, 1, 0));
    let s = net.push(Op::Add, &[a, b]);
    let f = net.flatten(s, 72);
    let l = net.linear(f, 72, 3);
    let graph = net.finish(l);
    for placement in [Placement::Early, Placement::Late] {
        let options = QuantOptions {
            weights: Weights::Fit(9),
            ..fine(placement)
        };
        let model = agrees(&graph, &options, 0.5);
        let widths: Vec<(u32, u32)> = (model.graph.nodes.iter())
            .filter_map(|n| Some((n.op.weight_bits()?, weight_frac(&n.op)?)))
            .collect();
        assert!(widths.iter().all(|w| w.0 <= 9), "{widths:?}");
        assert!(
            widths[0].1 < widths[1].1,
            "larger weights have fewer fraction bits"
        );
        let raised = count(&model, "Shl");
        assert_eq!(raised, usize::from(placement == Placement::Late));
    }
}
