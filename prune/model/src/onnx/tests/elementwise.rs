//! Arithmetic with constants, clamps, normalisation, joins and moves.

use super::*;

/// x of shape [2, 2, 3]: 1 to 12.
fn ramp() -> Vec<f32> {
    (1..13_u8).map(f32::from).collect()
}

#[test]
fn constants_of_every_shape_on_both_sides() {
    let mut random = Random(5);
    let shape = [2, 2, 3];
    for constant in [
        &[][..],
        &[1],
        &[3],
        &[2, 1, 1],
        &[1, 2, 1],
        &[1, 2, 1, 1],
        &[2, 3],
        &[2, 2, 3],
        &[1, 2, 2, 3],
        &[1, 1, 1, 1, 1],
    ] {
        let count: usize = constant.iter().product();
        let values: Vec<f32> = random.floats(count).iter().map(|v| v + 1.5).collect();
        let dims: Vec<i64> = constant.iter().map(|&d| d as i64).collect();
        // Extents aligned at the right; an extent of 1 repeats.
        let lead = constant.len().saturating_sub(3);
        let mut extents = vec![1; 3 - (constant.len() - lead)];
        extents.extend(&constant[lead..]);
        let at = |index: [usize; 3]| {
            let flat = (0..3).fold(0, |flat, axis| {
                flat * extents[axis] + if extents[axis] == 1 { 0 } else { index[axis] }
            });
            f64::from(values[flat])
        };
        let x = ramp();
        for (op, swapped) in [("Add", false), ("Add", true), ("Sub", false), ("Sub", true)]
            .into_iter()
            .chain([("Mul", false), ("Mul", true), ("Div", false)])
        {
            let mut model = Model::new(13, &[-1, 2, 2, 3]);
            model.floats("c", &dims, &values);
            let inputs = if swapped { ["c", "x"] } else { ["x", "c"] };
            model.node(op, &inputs, "y");
            let mut want = vec![];
            for i in 0..shape[0] {
                for j in 0..shape[1] {
                    for k in 0..shape[2] {
                        let v = f64::from(x[(i * 2 + j) * 3 + k]);
                        let c = at([i, j, k]);
                        let (a, b) = if swapped { (c, v) } else { (v, c) };
                        want.push(match op {
                            "Add" => a + b,
                            "Sub" => a - b,
                            "Mul" => a * b,
                            _ => a / b,
                        });
                    }
                }
            }
            check(&model, "y", &x, &want);
        }
    }
}

#[test]
fn constants_that_enlarge_are_refused() {
    for dims in [&[2, 1, 1, 1][..], &[4, 2, 3], &[5, 1, 2, 2, 3]] {
        let mut model = Model::new(13, &[-1, 1, 2, 3]);
        let count: i64 = dims.iter().product();
        model.floats("c", dims, &vec![1.0; usize::try_from(count).unwrap()]);
        model.node("Add", &["x", "c"], "y");
        assert!(refusal(&model, "y").contains("does not fit"));
    }
    let mut model = Model::new(13, &[-1, 1, 2, 3]);
    model.floats("c", &[1], &[1.0]);
    model.node("Div", &["c", "x"], "y");
    assert!(refusal(&model, "y").contains("divides by"));
    let mut model = Model::new(13, &[-1, 1, 2, 3]);
    model.floats("c", &[1], &[0.0]);
    model.node("Div", &["x", "c"], "y");
    assert!(refusal(&model, "y").contains("inf"));
}

#[test]
fn sums_and_differences_of_tensors() {
    let x = [1.0, -2.0, 3.0];
    let mut model = Model::new(13, &[-1, 3]);
    model.node("Relu", &["x"], "r");
    model.node("Sub", &["r", "x"], "d");
    model.node("Neg", &["x"], "n");
    model.node("Sum", &["d", "r", "n"], "y");
    // max(0, x) - x + max(0, x) - x
    check(&model, "y", &x, &[0.0, 4.0, 0.0]);
    let mut model = Model::new(13, &[-1, 3]);
    model.node("Relu", &["x"], "r");
    model.node("Mul", &["r", "x"], "y");
    assert!(refusal(&model, "y").contains("both operands depend"));
    let mut model = Model::new(13, &[-1, 2, 1, 3]);
    model.node("GlobalAveragePool", &["x"], "r");
    model.node("Add", &["r", "x"], "y");
    assert!(refusal(&model, "y").contains("broadcasting"));
}

#[test]
fn batch_normalisation_is_a_line_per_channel() {
    let x = ramp();
    let mut model = Model::new(15, &[-1, 2, 2, 3]);
    for (name, values) in [
        ("g", [2.0, -1.0]),
        ("b", [0.5, 3.0]),
        ("m", [4.0, 8.0]),
        ("v", [0.25, 4.0]),
    ] {
        model.floats(name, &[2], &values);
    }
    model
        .node("BatchNormalization", &["x", "g", "b", "m", "v"], "y")
        .float("epsilon", 0.75);
    let want: Vec<f64> = x
        .iter()
        .enumerate()
        .map(|(i, &v)| {
            let v = f64::from(v);
            if i < 6 {
                2.0 * (v - 4.0) / 1.0 + 0.5
            } else {
                -(v - 8.0) / 4.75_f64.sqrt() + 3.0
            }
        })
        .collect();
    check(&model, "y", &x, &want);
    model.graph().node[0].attribute[0].f = -0.25;
    assert!(refusal(&model, "y").contains("variance"));
}

#[test]
fn clamps_in_all_their_spellings() {
    let x = [-3.0, -0.5, 0.5, 9.0];
    let clamped = [-1.0, -0.5, 0.5, 6.0];
    let mut old = Model::new(6 + 1, &[-1, 4]);
    old.node("Clip", &["x"], "y")
        .float("min", -1.0)
        .float("max", 6.0);
    check(&old, "y", &x, &clamped);
    let mut new = Model::new(13, &[-1, 4]);
    new.floats("lo", &[], &[-1.0]);
    new.floats("hi", &[], &[6.0]);
    new.node("Clip", &["x", "lo", "hi"], "y");
    check(&new, "y", &x, &clamped);
    let mut low = Model::new(13, &[-1, 4]);
    low.floats("lo", &[], &[-1.0]);
    low.node("Clip", &["x", "lo"], "y");
    check(&low, "y", &x, &[-1.0, -0.5, 0.5, 9.0]);
    let mut high = Model::new(13, &[-1, 4]);
    high.floats("hi", &[], &[6.0]);
    high.node("Clip", &["x", "", "hi"], "y");
    check(&high, "y", &x, &[-3.0, -0.5, 0.5, 6.0]);
    let mut split = Model::new(13, &[-1, 4]);
    split.floats("lo", &[1], &[-1.0]);
    split.floats("hi", &[], &[6.0]);
    split.node("Max", &["x", "lo"], "a");
    split.node("Min", &["hi", "a"], "y");
    check(&split, "y", &x, &clamped);
    let mut relu = Model::new(13, &[-1, 4]);
    relu.floats("lo", &[], &[0.0]);
    relu.node("Clip", &["x", "lo"], "y");
    let graph = check(&relu, "y", &x, &[0.0, 0.0, 0.5, 9.0]);
    assert_eq!(graph.nodes[0].op, crate::graph::Op::Relu);
    let mut crossed = Model::new(7, &[-1, 4]);
    crossed
        .node("Clip", &["x"], "y")
        .float("min", 2.0)
        .float("max", 1.0);
    assert!(refusal(&crossed, "y").contains("out of order"));
}

#[test]
fn activations() {
    let x = [-2.0, -0.5, 0.0, 3.0];
    type Function = fn(f64) -> f64;
    let cases: [(&str, Function); 4] = [
        ("Relu", |v| v.max(0.0)),
        ("Sigmoid", |v| 1.0 / (1.0 + (-v).exp())),
        ("Tanh", f64::tanh),
        ("HardSigmoid", |v| (0.2 * v + 0.5).clamp(0.0, 1.0)),
    ];
    for (op, meaning) in cases {
        let mut model = Model::new(13, &[-1, 4]);
        model.node(op, &["x"], "y");
        check(&model, "y", &x, &x.map(|v| meaning(f64::from(v))));
    }
}

#[test]
fn axes_are_moved_joined_and_padded() {
    let x = ramp();
    let mut model = Model::new(13, &[-1, 2, 2, 3]);
    model
        .node("Transpose", &["x"], "y")
        .ints("perm", &[0, 3, 1, 2]);
    let want = [1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12].map(f64::from);
    let graph = check(&model, "y", &x, &want);
    assert_eq!(graph.output_shape(), [3, 2, 2]);

    let mut model = Model::new(13, &[-1, 2, 2, 3]);
    model.node("Neg", &["x"], "n");
    model.node("Concat", &["x", "n"], "y").int("axis", -1);
    let want: Vec<f64> = x
        .chunks(3)
        .flat_map(|row| row.iter().copied().chain(row.iter().map(|v| -v)))
        .map(f64::from)
        .collect();
    check(&model, "y", &x, &want);

    let line = [1.0, 2.0];
    let want = [9.0, 1.0, 2.0, 9.0, 9.0];
    let mut old = Model::new(10, &[-1, 2]);
    old.node("Pad", &["x"], "y")
        .ints("pads", &[0, 1, 0, 2])
        .float("value", 9.0);
    check(&old, "y", &line, &want);
    let mut new = Model::new(18, &[-1, 2]);
    new.ints("pads", &[2], &[1, 2]);
    new.floats("value", &[], &[9.0]);
    new.ints("axes", &[1], &[-1]);
    new.node("Pad", &["x", "pads", "value", "axes"], "y");
    check(&new, "y", &line, &want);
    let mut mirror = Model::new(10, &[-1, 2]);
    mirror
        .node("Pad", &["x"], "y")
        .ints("pads", &[0, 1, 0, 2])
        .text("mode", "reflect");
    assert!(refusal(&mirror, "y").contains("reflect"));
}

#[test]
fn shapes_by_every_operator() {
    let x = ramp();
    let want: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
    let cases: [(&str, &[i64], &[usize]); 5] = [
        ("Reshape", &[0, -1], &[12]),
        ("Reshape", &[-1, 4, 3], &[4, 3]),
        ("Reshape", &[1, 0, 6], &[2, 6]),
        ("Unsqueeze", &[1], &[1, 2, 2, 3]),
        ("Unsqueeze", &[-1, 2], &[2, 1, 2, 3, 1]),
    ];
    for (op, ints, shape) in cases {
        let mut model = Model::new(13, &[-1, 2, 2, 3]);
        model.ints("c", &[ints.len() as i64], ints);
        model.node(op, &["x", "c"], "y");
        let graph = check(&model, "y", &x, &want);
        assert_eq!(graph.output_shape(), shape, "{op} {ints:?}");
    }
    for (axis, shape) in [(1, &[12][..]), (-3, &[12])] {
        let mut model = Model::new(13, &[-1, 2, 2, 3]);
        model.node("Flatten", &["x"], "y").int("axis", axis);
        let graph = check(&model, "y", &x, &want);
        assert_eq!(graph.output_shape(), shape);
    }
    let mut squeeze = Model::new(13, &[-1, 1, 12, 1]);
    squeeze.node("Squeeze", &["x"], "y");
    assert_eq!(check(&squeeze, "y", &x, &want).output_shape(), [12]);
    let mut squeeze = Model::new(11, &[-1, 1, 12, 1]);
    squeeze.node("Squeeze", &["x"], "y").ints("axes", &[-1]);
    assert_eq!(check(&squeeze, "y", &x, &want).output_shape(), [1, 12]);
    for (op, ints) in [
        ("Reshape", &[5, -1][..]),
        ("Reshape", &[12]),
        ("Squeeze", &[1]),
    ] {
        let mut model = Model::new(13, &[-1, 2, 2, 3]);
        model.ints("c", &[ints.len() as i64], ints);
        model.node(op, &["x", "c"], "y");
        assert!(refusal(&model, "y").contains(op));
    }
}

#[test]
fn what_passes_through() {
    let mut model = Model::new(13, &[-1, 2]);
    model.node("Identity", &["x"], "a");
    model.node("Dropout", &["a"], "b");
    model.node("Cast", &["b"], "c").int("to", 10);
    model.node("Relu", &["c"], "y");
    let graph = check(&model, "y", &[1.0, -1.0], &[1.0, 0.0]);
    assert_eq!(graph.nodes.len(), 1);
    let mut model = Model::new(13, &[-1, 2]);
    model.node("Cast", &["x"], "y").int("to", 7);
    assert!(refusal(&model, "y").contains("casts"));
}
