//! Profile `approx`: which truncations are within one unit, the room that they need, and how often they differ.

use privet_model::graph::{Linear, Op, ValueId};
use privet_model::quant::ir::{self, Model, Profile};
use privet_model::quant::{
    Deviations, Oracle, Placement, QuantError, QuantOptions, Weights, approx, observed, quantise,
};
use privet_ring::Ring;

use crate::nets::{Net, Stream, window};

fn options(bits: u32, frac: u32) -> QuantOptions {
    QuantOptions {
        profile: Profile::Approx,
        ..QuantOptions::fixed(bits, frac)
    }
}

/// Names of the layers whose truncations are approximate.
fn approximated(model: &Model) -> Vec<&str> {
    let nodes = model.graph.nodes.iter().zip(model.graph.approximated());
    let found = nodes.filter(|(node, approximated)| {
        assert!(!approximated || matches!(node.op, ir::Op::Trunc { .. }));
        *approximated
    });
    found.map(|(node, _)| node.name.as_str()).collect()
}

/// One weight of 1 for each value: what leaves is what came in.
fn identity(net: &mut Net, x: ValueId, len: usize) -> ValueId {
    let linear = Linear {
        inputs: len,
        outputs: len,
        weights: (0..len * len)
            .map(|i| f32::from(i % (len + 1) == 0))
            .collect(),
        bias: vec![0.0; len],
    };
    net.push(Op::Linear(linear), &[x])
}

#[test]
fn what_only_truncations_separate_from_the_answer_is_exact() {
    let mut net = Net::new(&[2, 4, 4], 31);
    let a = net.conv(net.input(), [2, 2, 1], window(3, 1, 1));
    let r = net.relu(a);
    let b = net.conv(r, [2, 2, 1], window(1, 1, 0));
    // Part of the answer without a layer in between, though a layer reads it as well.
    let sum = net.push(Op::Add, &[a, b]);
    let inputs = vec![net.stream.reals(32, 1.0)];
    let model = quantise(&net.finish(sum), &options(16, 8), &inputs).unwrap();
    assert_eq!(approximated(&model), Vec::<&str>::new());
    let mut net = Net::new(&[2, 4, 4], 32);
    let a = net.conv(net.input(), [2, 2, 1], window(3, 1, 1));
    let b = net.conv(a, [2, 2, 1], window(1, 1, 0));
    let r = net.relu(b);
    let c = net.conv(r, [2, 3, 1], window(1, 1, 0));
    let r = net.relu(c);
    let graph = net.finish(r);
    let model = quantise(&graph, &options(16, 8), &inputs).unwrap();
    assert_eq!(approximated(&model), ["Conv 1", "Conv 2"]);
    // The same graph is exact under the other profile.
    let exact = quantise(&graph, &QuantOptions::fixed(16, 8), &inputs).unwrap();
    assert_eq!(approximated(&exact), Vec::<&str>::new());
    let mut renamed = model.clone();
    renamed.graph.profile = Profile::Exact;
    let (one, other) = (exact.graph.tensors.iter(), &renamed.graph.tensors);
    for (one, other) in one.zip(other) {
        assert_eq!(one.ring, other.ring, "{}", one.name);
    }
    // What it means is the same, too.
    let input = model.graph.quantise_input(&inputs[0]).unwrap();
    assert_eq!(
        model.evaluate(&input).unwrap(),
        exact.evaluate(&input).unwrap()
    );
}

/// A value at the edge of its ring fits exactly, and wraps where it may be one unit more.
#[test]
fn the_unit_is_left_free_in_every_ring() {
    let edge = 127.0 + 255.0 / 256.0;
    let build = |behind: &dyn Fn(&mut Net, ValueId) -> ValueId| {
        let mut net = Net::new(&[2], 33);
        let input = net.input();
        let first = identity(&mut net, input, 2);
        let next = behind(&mut net, first);
        let last = identity(&mut net, next, 2);
        net.finish(last)
    };
    let alone = build(&|_, x| x);
    let relu = build(&|net, x| net.relu(x));
    let fits = |graph, profile, value: f32| {
        let options = QuantOptions {
            profile,
            ring: Some(40),
            ..QuantOptions::fixed(16, 8)
        };
        quantise(graph, &options, &[vec![value, -value]])
    };
    for graph in [&alone, &relu] {
        assert!(fits(graph, Profile::Exact, edge).is_ok());
        let refused = fits(graph, Profile::Approx, edge);
        let Err(QuantError::Overflow(shortages)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(shortages[0].layer, "Linear 1");
        assert!(shortages.iter().all(|s| s.missing == 1));
        assert!(fits(graph, Profile::Approx, edge - 1.0 / 256.0).is_ok());
    }
    // Units of both operands of a sum add up.
    let sum = build(&|net, x| {
        let other = identity(net, x, 2);
        net.push(Op::Add, &[x, other])
    });
    let half = 63.0 + 255.0 / 256.0;
    assert!(fits(&sum, Profile::Exact, half).is_ok());
    // 2·16383 + 2 is one more than there is.
    assert!(matches!(
        fits(&sum, Profile::Approx, half),
        Err(QuantError::Overflow(_))
    ));
    assert!(fits(&sum, Profile::Approx, half - 1.0 / 256.0).is_ok());
    // Proven ranges likewise, without data.
    let proven = |profile, value: f32| {
        let options = QuantOptions {
            profile,
            ring: Some(40),
            input_range: Some([-value, value]),
            ..QuantOptions::fixed(16, 8)
        };
        quantise(&alone, &options, &[])
    };
    assert!(proven(Profile::Exact, edge).is_ok());
    assert!(matches!(
        proven(Profile::Approx, edge),
        Err(QuantError::Overflow(_))
    ));
    assert!(proven(Profile::Approx, edge - 1.0 / 256.0).is_ok());
}

/// A layer of many equal weights makes more than a unit of its inputs' units: ranges seen on data have it.
#[test]
fn what_layers_make_of_units_is_seen() {
    let build = |inputs: usize| {
        let mut net = Net::new(&[inputs], 36);
        // Half a unit too much for each value: rounded up by chance.
        let half = Linear {
            inputs,
            outputs: inputs,
            weights: (0..inputs * inputs)
                .map(|i| if i % (inputs + 1) == 0 { 0.5 } else { 0.0 })
                .collect(),
            bias: vec![0.0; inputs],
        };
        let halves = net.push(Op::Linear(half), &[net.input()]);
        let sum = Linear {
            inputs,
            outputs: 1,
            weights: vec![1.0; inputs],
            bias: vec![0.0],
        };
        let sum = net.push(Op::Linear(sum), &[halves]);
        let last = identity(&mut net, sum, 1);
        net.finish(last)
    };
    let graph = build(64);
    // 32 of 64 values are 511.5 units of 2^-8 and are rounded to 512, the others 0: a sum of 32 · 512 = 2^14.
    let input: Vec<f32> = (0..64)
        .map(|i| if i % 2 == 0 { 1023.0 / 256.0 } else { 0.0 })
        .collect();
    let seen = |profile| {
        let options = QuantOptions {
            profile,
            ..QuantOptions::fixed(20, 8)
        };
        let model = quantise(&graph, &options, std::slice::from_ref(&input)).unwrap();
        let seen = observed(&model, std::slice::from_ref(&input))
            .unwrap()
            .unwrap();
        let mut nodes = model.graph.nodes.iter();
        let at = nodes.rfind(|n| n.name == "Linear 2");
        seen[at.unwrap().output.0 as usize]
    };
    assert_eq!(seen(Profile::Exact), [64.0, 64.0]);
    let [lo, hi] = seen(Profile::Approx);
    // About half of the 32 are rounded down.
    assert!(
        hi == 64.0 && lo < 64.0 - 4.0 / 256.0 && lo > 64.0 - 32.0 / 256.0,
        "{lo}"
    );
}

/// Within one unit of the exact truncation for every value and every low part of the client's share, unless the ring itself is left.
#[test]
fn values_are_neighbours_of_the_quotient() {
    for (from, shift, to) in [(8, 1, 7), (8, 3, 5), (8, 6, 2), (8, 3, 7), (9, 3, 4)] {
        let rings = [from, to].map(|bits| Ring::new(bits).unwrap());
        let inside = Ring::new(to.min(from - shift)).unwrap();
        for z in rings[0].min()..=rings[0].max() {
            let quotient = z >> shift;
            let mut all = Vec::new();
            for low in 0..1u64 << shift {
                let value = approx::approximate(z, shift, low, rings);
                assert!(rings[1].contains(value));
                let beside = inside.wrap(value - quotient);
                assert!((-1..=1).contains(&beside), "{z} {shift} {low}: {value}");
                all.push(value);
            }
            // Without its rounding constant a multiple of the divisor is given surely.
            if (z - (1 << (shift - 1))) % (1 << shift) == 0 {
                assert!(all.iter().all(|v| *v == all[0]), "{z} {shift}");
            }
        }
    }
}

#[test]
fn a_quarter_of_the_values_differ_and_logits_little() {
    let mut net = Net::new(&[2, 6, 6], 34);
    let a = net.conv(net.input(), [2, 8, 1], window(3, 1, 1));
    let r = net.relu(a);
    let b = net.conv(r, [8, 8, 1], window(3, 1, 1));
    let r = net.relu(b);
    let f = net.flatten(r, 288);
    let l = net.linear(f, 288, 10);
    let inputs: Vec<Vec<f32>> = (0..5).map(|_| net.stream.reals(72, 1.0)).collect();
    let graph = net.finish(l);
    let model = quantise(&graph, &options(18, 9), &inputs).unwrap();
    let mut draw = Stream(5);
    let found = Deviations::measure(&model, &inputs, &mut || draw.next()).unwrap();
    assert_eq!((found.inputs, found.logits), (5, 50));
    assert_eq!(found.truncations.len(), 2);
    for t in &found.truncations {
        assert_eq!(t.values, 5 * 288);
        let share = t.differing as f64 / t.values as f64;
        assert!((share - 0.25).abs() < 0.05, "{share}");
    }
    assert_eq!(found.total()[0], 2 * 5 * 288);
    assert!(
        found.logits_differing > 0 && found.greatest < 32,
        "{found:?}"
    );
    assert!(found.same_labels >= 4);
    // With low bits of nothing every value is rounded up or stays: the same each time, and never below.
    let oracle = Oracle::new(&model).unwrap();
    let first = model
        .graph
        .nodes
        .iter()
        .position(|n| n.name == "Conv 1")
        .unwrap();
    let trunc = model.graph.nodes[first + 1].output;
    let input = model.graph.quantise_input(&inputs[0]).unwrap();
    let trace = oracle.trace(&input).unwrap();
    let mut seen = Vec::new();
    let visit = |id, values: &[i64]| {
        if id == trunc {
            seen = values.to_vec();
        }
    };
    oracle.approximate(&input, |_, _| 0, visit).unwrap();
    let pairs = seen.iter().zip(&trace[trunc.0 as usize]);
    assert!(pairs.clone().all(|(a, b)| (0..=1).contains(&(a - b))));
    assert!(pairs.clone().any(|(a, b)| a != b));
    // An exact network has nothing to measure.
    let exact = quantise(&graph, &QuantOptions::fixed(18, 9), &inputs).unwrap();
    let none = Deviations::measure(&exact, &inputs, &mut || draw.next()).unwrap();
    assert_eq!((none.truncations.len(), none.logits_differing), (0, 0));
    assert_eq!(none.same_labels, 5);
}

#[test]
fn what_goes_against_it_is_refused() {
    let mut net = Net::new(&[2], 35);
    let l = net.linear(net.input(), 2, 2);
    let graph = net.finish(l);
    let late = QuantOptions {
        placement: Placement::Late,
        ..options(16, 8)
    };
    let public = QuantOptions {
        publish_sparsity: true,
        ..options(16, 8)
    };
    for (bad, option) in [(late, "truncate"), (public, "publish-sparsity")] {
        let refused = quantise(&graph, &bad, &[vec![0.5, 0.5]]).unwrap_err();
        let line = refused.to_string();
        assert!(
            line.contains(option) && line.contains("profile approx"),
            "{line}"
        );
    }
    let short = QuantOptions {
        weights: Weights::Frac(4),
        ..options(16, 8)
    };
    assert!(quantise(&graph, &short, &[vec![0.5, 0.5]]).is_ok());
}
