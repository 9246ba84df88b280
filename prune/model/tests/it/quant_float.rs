//! Integers stand for the floats they came from: every operation, both placements of truncation.

use privet_model::graph::{
    Affine, Builder, Conv, Graph, Linear, Op, Per, Pool, Rounding, ValueId, Window,
};
use privet_model::quant::ir::{self, RangeOrigin};
use privet_model::quant::{
    self, Frac, Limits, Narrow, Oracle, Placement, QuantError, QuantOptions, Weights,
};

/// SplitMix64.
struct Stream(u64);

impl Stream {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `[-scale, scale)`.
    fn real(&mut self, scale: f32) -> f32 {
        ((self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * scale
    }

    fn reals(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| self.real(scale)).collect()
    }

    fn doubles(&mut self, count: usize, scale: f32) -> Vec<f64> {
        (0..count).map(|_| self.real(scale).into()).collect()
    }
}

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

    fn input(&self) -> ValueId {
        self.builder.input()
    }

    fn push(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.count += 1;
        let name = format!("{} {}", op.name(), self.count);
        self.builder.push(&name, op, inputs).unwrap()
    }

    fn conv(&mut self, x: ValueId, [i, o, groups]: [usize; 3], window: Window) -> ValueId {
        let taps = i / groups * window.kernel[0] * window.kernel[1];
        let conv = Conv {
            in_channels: i,
            out_channels: o,
            groups,
            window,
            weights: self.stream.reals(o * taps, 1.0 / (taps as f32).sqrt()),
            bias: self.stream.reals(o, 0.5),
        };
        self.push(Op::Conv(conv), &[x])
    }

    fn linear(&mut self, x: ValueId, inputs: usize, outputs: usize) -> ValueId {
        let scale = 1.0 / (inputs as f32).sqrt();
        let linear = Linear {
            inputs,
            outputs,
            weights: self.stream.reals(outputs * inputs, scale),
            bias: self.stream.reals(outputs, 0.5),
        };
        self.push(Op::Linear(linear), &[x])
    }

    fn affine(&mut self, x: ValueId, per: Per, entries: usize) -> ValueId {
        let affine = Affine {
            per,
            scale: self.stream.doubles(entries, 1.5),
            shift: self.stream.doubles(entries, 0.7),
        };
        self.push(Op::Affine(affine), &[x])
    }

    fn relu(&mut self, x: ValueId) -> ValueId {
        self.push(Op::Relu, &[x])
    }

    fn flatten(&mut self, x: ValueId, len: usize) -> ValueId {
        self.push(Op::Reshape { shape: vec![len] }, &[x])
    }

    fn finish(self, output: ValueId) -> Graph {
        self.builder.finish(output).unwrap()
    }
}

fn window(kernel: usize, stride: usize, pad: usize) -> Window {
    Window {
        strides: [stride; 2],
        pads_before: [pad; 2],
        pads_after: [pad; 2],
        ..Window::new([kernel; 2])
    }
}

fn pool(window: Window, input: [usize; 2], rounding: Rounding) -> Pool {
    let output = window.output(input, rounding).unwrap();
    Pool { window, output }
}

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

#[test]
fn weights_have_the_fewest_bits() {
    let mut net = Net::new(&[2], 11);
    let linear = Linear {
        inputs: 2,
        outputs: 1,
        weights: vec![0.999, -1.0],
        bias: vec![0.25],
    };
    let l = net.push(Op::Linear(linear), &[net.input()]);
    let model = quant::quantise(
        &net.finish(l),
        &QuantOptions::fixed(16, 8),
        &[vec![1.0, -1.0]],
    )
    .unwrap();
    let ir::Op::Linear(op) = &model.graph.nodes[0].op else {
        panic!("no linear layer");
    };
    // 0.999 * 256 rounds to 256, which needs 10 bits; -256 alone would need 9.
    assert_eq!((op.weight_bits, op.weight_frac), (10, 8));
    let params = model.params[0].as_ref().unwrap();
    assert_eq!(params.weights, [256, -256]);
    // q(0.25, 16) + 2^7.
    assert_eq!(params.bias, [16384 + 128]);
    assert_eq!(model.graph.tensors[1].ring.bits(), 24);
}

#[test]
fn rounding_is_centred_and_can_be_switched_off() {
    let mut net = Net::new(&[1], 12);
    let linear = Linear {
        inputs: 1,
        outputs: 1,
        weights: vec![0.3],
        bias: vec![0.0],
    };
    let l = net.push(Op::Linear(linear), &[net.input()]);
    let graph = net.finish(l);
    let inputs: Vec<Vec<f32>> = (-512..512).map(|i| vec![i as f32 / 256.0]).collect();
    for (rounding, centre) in [(true, 0.0), (false, -0.5)] {
        let options = QuantOptions {
            rounding,
            weights: Weights::Frac(16),
            ..QuantOptions::fixed(16, 8)
        };
        let model = quant::quantise(&graph, &options, &inputs).unwrap();
        let oracle = Oracle::new(&model).unwrap();
        let error = |x: &Vec<f32>| {
            let integers = model.graph.quantise_input(x).unwrap();
            let y = oracle.evaluate(&integers).unwrap().logits[0];
            y as f64 - f64::from(x[0]) * 0.3 * 256.0
        };
        let mean = inputs.iter().map(error).sum::<f64>() / inputs.len() as f64;
        assert!((mean - centre).abs() < 0.01, "{mean}");
    }
}

#[test]
fn overflow_is_refused_by_layer() {
    let mut net = Net::new(&[1], 13);
    let layer = |w: f32| {
        Op::Linear(Linear {
            inputs: 1,
            outputs: 1,
            weights: vec![w],
            bias: vec![0.0],
        })
    };
    let a = net.push(layer(3.0), &[net.input()]);
    let b = net.push(layer(5.0), &[a]);
    let graph = net.finish(b);
    // 1.5 -> 4.5 -> 22.5 needs 5 bits before the point and the sign: 8 + 2 + 6 = 16.
    let refused = quant::quantise(&graph, &QuantOptions::fixed(16, 12), &[vec![1.5]]);
    let Err(QuantError::Overflow(shortages)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(shortages.len(), 1);
    assert_eq!(shortages[0].layer, "Linear 2");
    assert_eq!(shortages[0].missing, 2);
    assert_eq!(shortages[0].origin, RangeOrigin::Calibrated);
    let model = quant::quantise(&graph, &QuantOptions::fixed(16, 10), &[vec![1.5]]).unwrap();
    let seen = quant::observed(&model, &[vec![1.5], vec![-0.5]])
        .unwrap()
        .unwrap();
    // The accumulator of the last layer: 22.5 and -7.5, and the rounding constants.
    let [lo, hi] = seen[3];
    assert!(
        (hi - 22.5).abs() < 0.01 && (lo + 7.5).abs() < 0.01,
        "{seen:?}"
    );
    assert_eq!(quant::observed(&model, &[]).unwrap(), None);
    // Auto leaves one bit of margin.
    let model = quant::quantise(&graph, &QuantOptions::default(), &[vec![1.5]]).unwrap();
    assert_eq!(model.graph.tensors[0].frac_bits, 9);
    let options = QuantOptions {
        margin: Some(0),
        ..QuantOptions::default()
    };
    let model = quant::quantise(&graph, &options, &[vec![1.5]]).unwrap();
    assert_eq!(model.graph.tensors[0].frac_bits, 10);
    // An input beyond the width.
    let refused = quant::quantise(&graph, &QuantOptions::fixed(8, 4), &[vec![9.0]]);
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("layer input lacks 1 bit"), "{text}");
}

#[test]
fn without_data_only_what_is_proven_counts() {
    let mut net = Net::new(&[2], 14);
    let linear = Linear {
        inputs: 2,
        outputs: 1,
        weights: vec![0.5, -0.25],
        bias: vec![0.125],
    };
    let l = net.push(Op::Linear(linear), &[net.input()]);
    let graph = net.finish(l);
    let model = quant::quantise(&graph, &QuantOptions::fixed(16, 8), &[]).unwrap();
    assert_eq!(model.graph.tensors[1].range.origin, RangeOrigin::Proven);
    let mut net = Net::new(&[2], 14);
    let linear = Linear {
        inputs: 2,
        outputs: 1,
        weights: vec![1.5, -2.0],
        bias: vec![0.0],
    };
    let l = net.push(Op::Linear(linear), &[net.input()]);
    let graph = net.finish(l);
    let refused = quant::quantise(&graph, &QuantOptions::fixed(16, 8), &[]);
    let Err(QuantError::Overflow(shortages)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        (shortages[0].missing, shortages[0].origin),
        (2, RangeOrigin::Proven)
    );
    let options = QuantOptions {
        input_range: Some([-1.0, 1.0]),
        ..QuantOptions::fixed(16, 8)
    };
    let model = quant::quantise(&graph, &options, &[]).unwrap();
    // 3.5 * 2^16 and the rounding constant, with a sign.
    assert_eq!(model.graph.tensors[1].range.bits, 19);
    // What was stated is enforced.
    assert!(model.graph.quantise_input(&[1.0, -1.0]).is_ok());
    assert!(model.graph.quantise_input(&[2.5, 0.0]).is_err());
}

#[test]
fn nan_and_infinity_are_named() {
    let bad = |value: f32| {
        let mut net = Net::new(&[2], 15);
        let linear = Linear {
            inputs: 2,
            outputs: 1,
            weights: vec![0.5, 0.5],
            bias: vec![0.0],
        };
        let l = net.push(Op::Linear(linear), &[net.input()]);
        let mut graph = net.finish(l);
        if let Op::Linear(linear) = &mut graph.nodes[0].op {
            linear.weights[1] = value;
        }
        quant::quantise(&graph, &QuantOptions::fixed(16, 8), &[vec![0.0, 0.0]])
    };
    assert!(bad(0.5).is_ok());
    for value in [f32::NAN, f32::INFINITY] {
        let text = bad(value).unwrap_err().to_string();
        assert!(text.contains("Linear 1"), "{text}");
    }
    let text = bad(1e9).unwrap_err().to_string();
    assert!(
        text.contains("Linear 1: weights need 7 more bit(s)"),
        "{text}"
    );
    let model = bad(0.5).unwrap();
    for input in [
        vec![f32::NAN, 0.0],
        vec![f32::INFINITY, 0.0],
        vec![128.0, 0.0],
    ] {
        let text = model.graph.quantise_input(&input).unwrap_err().to_string();
        assert!(text.contains("input"), "{text}");
    }
    assert!(model.graph.quantise_input(&[0.0]).is_err());
    assert_eq!(
        model.graph.quantise_input(&[-128.0, 127.99]).unwrap(),
        [-32768, 32765]
    );
}

#[test]
fn pools_get_a_wider_ring_where_they_need_one() {
    let mut net = Net::new(&[1, 8, 8], 16);
    let m = net.push(
        Op::MaxPool(pool(window(2, 2, 0), [8, 8], Rounding::Floor)),
        &[net.input()],
    );
    let a = net.push(
        Op::AvgPool(pool(window(4, 1, 0), [4, 4], Rounding::Floor)),
        &[m],
    );
    let graph = net.finish(a);
    let inputs = vec![vec![1.9; 64], vec![-1.9; 64]];
    let model = quant::quantise(&graph, &QuantOptions::fixed(8, 6), &inputs).unwrap();
    let widths: Vec<u32> = model.graph.tensors.iter().map(|t| t.ring.bits()).collect();
    // Differences of 8-bit values need 9 bits, sums of 16 of them 12: the operands' and the
    // maximum's copies stand last.
    assert_eq!(widths, [8, 8, 8, 12, 9, 9]);
    for input in &inputs {
        let integers = model.graph.quantise_input(input).unwrap();
        assert_eq!(model.evaluate(&integers).unwrap().logits, integers[..1]);
    }
}

#[test]
fn rings_are_as_narrow_as_proven_or_seen() {
    let mut net = Net::new(&[4], 20);
    let l = net.linear(net.input(), 4, 3);
    let r = net.relu(l);
    let l = net.linear(r, 3, 5);
    let s = net.push(Op::Sigmoid, &[l]);
    let l = net.linear(s, 5, 2);
    let graph = net.finish(l);
    let widths = |narrow, input_range| {
        let mut stream = Stream(3);
        let inputs: Vec<Vec<f32>> = (0..50).map(|_| stream.reals(4, 1.0)).collect();
        let options = QuantOptions {
            narrow,
            input_range,
            ..QuantOptions::fixed(16, 11)
        };
        let model = quant::quantise(&graph, &options, &inputs).unwrap();
        let same = QuantOptions {
            narrow: Narrow::Off,
            ..options
        };
        let wide = quant::quantise(&graph, &same, &inputs).unwrap();
        for input in &inputs {
            let integers = model.graph.quantise_input(input).unwrap();
            assert_eq!(model.evaluate(&integers), wide.evaluate(&integers));
        }
        let read = model
            .graph
            .nodes
            .iter()
            .filter(|n| n.op.weight_bits().is_some());
        let tensors = read.map(|n| model.graph.tensor(n.inputs[0]).unwrap());
        tensors.map(|t| t.ring.bits()).collect::<Vec<_>>()
    };
    assert_eq!(widths(Narrow::Off, None), [16, 16, 16]);
    // A sigmoid lies in [0, 2^11].
    let sigmoid = widths(Narrow::Proven, None);
    assert!(
        sigmoid[..2] == [16, 16] && (12..=13).contains(&sigmoid[2]),
        "{sigmoid:?}"
    );
    // The input in [-2^11, 2^11], and then the first layer's results.
    let stated = widths(Narrow::Proven, Some([-1.0, 1.0]));
    assert!(stated[0] == 13 && stated[1] < 15, "{stated:?}");
    let seen = widths(Narrow::Calibrated, None);
    assert!(seen[0] <= 13 && seen[1] <= stated[1], "{seen:?}");
}

#[test]
fn options_out_of_bounds() {
    let mut net = Net::new(&[2], 17);
    let l = net.linear(net.input(), 2, 2);
    let graph = net.finish(l);
    let data = [vec![0.5, 0.5]];
    for (bits, frac) in [(1, 0), (63, 2), (16, 16), (16, 40), (62, 20)] {
        assert!(quant::quantise(&graph, &QuantOptions::fixed(bits, frac), &data).is_err());
    }
    let ring = |ring| QuantOptions {
        ring: Some(ring),
        ..QuantOptions::fixed(16, 8)
    };
    let model = quant::quantise(&graph, &ring(32), &data).unwrap();
    assert_eq!(model.graph.tensors[1].ring.bits(), 32);
    assert!(quant::quantise(&graph, &ring(65), &data).is_err());
    assert!(quant::quantise(&graph, &ring(8), &data).is_err());
    let auto = QuantOptions {
        frac: Frac::Auto,
        bits: 4,
        ..QuantOptions::default()
    };
    let refused = quant::quantise(&graph, &auto, &[vec![100.0, 100.0]]);
    assert!(
        matches!(refused, Err(QuantError::NoFrac { bits: 4, .. })),
        "{refused:?}"
    );
    model.validate(&Limits::default()).unwrap();
}

/// A convolution, ReLU and a fully connected layer on `[2, 6, 6]`.
pub(crate) fn small_model() -> ir::Model {
    let mut net = Net::new(&[2, 6, 6], 18);
    let c = net.conv(net.input(), [2, 2, 1], window(3, 2, 1));
    let r = net.relu(c);
    let f = net.flatten(r, 18);
    let l = net.linear(f, 18, 4);
    let inputs = vec![net.stream.reals(72, 1.0)];
    quant::quantise(&net.finish(l), &QuantOptions::fixed(16, 8), &inputs).unwrap()
}
