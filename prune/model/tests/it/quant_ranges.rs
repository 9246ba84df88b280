//! Widths, rounding constants, ranges, and what is refused.

use privet_model::graph::{Linear, Op, Rounding};
use privet_model::quant::ir::{self, RangeOrigin};
use privet_model::quant::{
    self, Frac, LayerFracs, Limits, Narrow, Oracle, QuantError, QuantOptions, Weights,
};

use crate::nets::{Net, Stream, pool, window};

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

#[test]
fn names_of_the_source_become_printable() {
    let mut net = Net::new(&[2], 19);
    let l = net.linear(net.input(), 2, 2);
    let mut graph = net.finish(l);
    graph.nodes[0].name = "evil\u{1b}[2J\u{202e}".repeat(1000);
    graph.values[1].name = "line\nbreak".to_owned();
    graph.name = "\u{7}".to_owned();
    graph.classes = Some(vec!["a\tb".to_owned(), "c".to_owned()]);
    let data = [vec![0.5, 0.5]];
    let model = quant::quantise(&graph, &QuantOptions::fixed(16, 8), &data).unwrap();
    assert_eq!(model.graph.name, "?");
    assert_eq!(
        model.graph.classes,
        Some(vec!["a?b".to_owned(), "c".to_owned()])
    );
    assert_eq!(model.graph.tensors[1].name, "line?break");
    assert!(model.graph.nodes[0].name.starts_with("evil?[2J?evil"));
}

#[test]
fn layers_have_scales_of_their_own() {
    let mut net = Net::new(&[4], 20);
    let first = net.linear(net.input(), 4, 3);
    let relu = net.relu(first);
    let last = net.linear(relu, 3, 2);
    let graph = net.finish(last);
    let tied = quant::tied(&graph, 10).unwrap();
    assert_eq!(tied.len(), 3, "{tied:?}");
    assert!(tied[0].input && tied[0].layers.is_empty());
    let [a, b] = [1, 2].map(|i| tied[i].layers[0].clone());
    let mut stream = Stream(3);
    let data: Vec<Vec<f32>> = (0..50).map(|_| stream.reals(4, 1.0)).collect();
    let with = |layers: LayerFracs| QuantOptions {
        layers,
        narrow: Narrow::Calibrated,
        ..QuantOptions::fixed(16, 10)
    };
    let layers = LayerFracs {
        input: Some(5),
        values: [(a.clone(), 7)].into(),
        weights: [(a.clone(), 4), (b, 1)].into(),
    };
    let model = quant::quantise(&graph, &with(layers), &data).unwrap();
    let scales: Vec<u32> = model.graph.tensors.iter().map(|t| t.frac_bits).collect();
    // The last layer's weights get the fraction bits that its result, at the network's ten, needs.
    assert_eq!(scales[..5], [5, 9, 7, 7, 10]);
    let wide = quant::quantise(&graph, &with(LayerFracs::default()), &data).unwrap();
    let rings = |model: &ir::Model| model.graph.tensors[1].ring.bits();
    assert!(
        rings(&model) + 10 <= rings(&wide),
        "{} {}",
        rings(&model),
        rings(&wide)
    );
    let refused = |layers: LayerFracs, line: &str| {
        let error = quant::quantise(&graph, &with(layers), &data).unwrap_err();
        assert!(error.to_string().contains(line), "{error}");
    };
    let named = |name: &str, frac| LayerFracs {
        values: [(name.to_owned(), frac)].into(),
        ..LayerFracs::default()
    };
    refused(named("nobody", 3), "no layer nobody");
    refused(named(&a, 63), "more than 62");
    refused(
        LayerFracs {
            input: Some(99),
            ..LayerFracs::default()
        },
        "of the input",
    );
    let auto = QuantOptions {
        frac: Frac::Auto,
        ..with(named(&a, 3))
    };
    assert!(quant::quantise(&graph, &auto, &data).is_err());
}

#[test]
fn what_a_table_reads_has_the_scale_of_the_network() {
    let mut net = Net::new(&[4], 20);
    let first = net.linear(net.input(), 4, 3);
    let table = net.push(Op::Tanh, &[first]);
    let last = net.linear(table, 3, 2);
    let graph = net.finish(last);
    let tied = quant::tied(&graph, 12).unwrap();
    assert_eq!(
        tied.iter().map(|t| t.fixed).collect::<Vec<_>>(),
        [false, true, false]
    );
    let options = QuantOptions {
        layers: LayerFracs {
            values: [(tied[1].layers[0].clone(), 9)].into(),
            ..LayerFracs::default()
        },
        ..QuantOptions::fixed(16, 12)
    };
    let error = quant::quantise(&graph, &options, &[vec![0.5; 4]]).unwrap_err();
    assert!(error.to_string().contains("tied to a table"), "{error}");
}

/// Two layers with a ReLU between, and small inputs, so that rings have room to shrink.
fn small_values() -> (privet_model::graph::Graph, Vec<Vec<f32>>) {
    let mut net = Net::new(&[4], 21);
    let first = net.linear(net.input(), 4, 3);
    let relu = net.relu(first);
    let last = net.linear(relu, 3, 2);
    let mut stream = Stream(4);
    let data = (0..40).map(|_| stream.reals(4, 0.5)).collect();
    (net.finish(last), data)
}

#[test]
fn ranges_seen_at_one_scale_hold_at_coarser_ones() {
    let (graph, data) = small_values();
    let options = |frac| QuantOptions {
        narrow: Narrow::Calibrated,
        margin: Some(1),
        ..QuantOptions::fixed(20, frac)
    };
    let fine = quant::quantise(&graph, &QuantOptions::fixed(24, 12), &data).unwrap();
    let ranges = quant::Ranges::seen(&fine, &data).unwrap().unwrap();
    for frac in [12, 10, 8, 6] {
        let within = quant::quantise_within(&graph, &options(frac), &ranges).unwrap();
        let on = quant::quantise(&graph, &options(frac), &data).unwrap();
        for (a, b) in within.graph.tensors.iter().zip(&on.graph.tensors) {
            // What rounding adds to a coarser value is at most a bit.
            assert!(
                a.ring.bits().abs_diff(b.ring.bits()) <= 1,
                "{} {}",
                a.name,
                frac
            );
        }
        assert_eq!(within.params, on.params);
    }
    // Halves make the whole.
    let halves = data.chunks(20).map(|part| quant::Ranges::seen(&fine, part));
    let halves: Vec<_> = halves.map(|half| half.unwrap().unwrap()).collect();
    assert_eq!(halves[0].clone().join(&halves[1]), ranges);
    assert_eq!(quant::Ranges::seen(&fine, &[]).unwrap(), None);
    let mut net = Net::new(&[2], 22);
    let other = net.linear(net.input(), 2, 2);
    let mut other = net.finish(other);
    other.values[1].name = "elsewhere".to_owned();
    let refused = quant::quantise_within(&other, &options(8), &ranges);
    assert!(refused.is_err(), "{refused:?}");
}

#[test]
fn sums_keep_what_their_truncation_leaves_where_shares_are_to_be_cheap() {
    // A small result is added to a large one, behind a layer whose ReLU compares all bits anyway.
    let mut net = Net::new(&[4], 23);
    let first = net.linear(net.input(), 4, 4);
    let relu = net.relu(first);
    let [small, large] = [(); 2].map(|()| net.linear(relu, 4, 2));
    let sum = net.push(Op::Add, &[small, large]);
    let mut graph = net.finish(sum);
    if let Op::Linear(linear) = &mut graph.nodes[2].op {
        linear.weights.iter_mut().for_each(|w| *w /= 64.0);
        linear.bias.iter_mut().for_each(|b| *b /= 64.0);
    }
    let mut stream = Stream(4);
    let data: Vec<Vec<f32>> = (0..40).map(|_| stream.reals(4, 1.0)).collect();
    let rings = |narrow| {
        let options = QuantOptions {
            narrow,
            ..QuantOptions::fixed(20, 8)
        };
        let graph = quant::quantise(&graph, &options, &data).unwrap().graph;
        let truncations = graph.nodes.iter().filter_map(|node| {
            let ir::Op::Trunc { shift } = node.op else {
                return None;
            };
            let of = |id| graph.tensor(id).unwrap().ring.bits();
            Some((of(node.inputs[0]), of(node.output) + shift))
        });
        truncations.collect::<Vec<_>>()
    };
    let (some, other) = (rings(Narrow::Calibrated), rings(Narrow::CalibratedShares));
    assert_eq!((some.len(), other.len()), (3, 3));
    assert_eq!(some[0], other[0]);
    assert!(some[1].0 < some[1].1, "{some:?}");
    assert_eq!(other[1].0, other[1].1, "{other:?}");
    assert!(other[2].0 >= other[2].1, "{other:?}");
}
