//! Small models written field by field; results against directly written loops.

mod build;
mod constants;
mod elementwise;
mod endings;
mod hostile;
mod round_trip;
mod windows;

use super::*;
use crate::graph::Graph;
use build::{Model, Random};

/// Imports and evaluates; the result must be close to `want`.
fn check(model: &Model, output: &str, x: &[f32], want: &[f64]) -> Graph {
    let graph = import(&model.bytes(output), "test").unwrap();
    close(&graph.evaluate(x).unwrap(), want);
    graph
}

fn close(got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(g) - w).abs();
        assert!(
            error <= 1e-5 * (1.0 + w.abs()),
            "element {i}: {g}, expected {w}"
        );
    }
}

/// The error of a model that must not import.
fn refusal(model: &Model, output: &str) -> String {
    import(&model.bytes(output), "test")
        .unwrap_err()
        .to_string()
}

#[test]
fn gemm_in_all_orientations() {
    let mut random = Random(1);
    for (transposed, alpha, beta, bias) in [
        (false, 1.0, 1.0, None),
        (true, 1.0, 1.0, Some(vec![3])),
        (false, 0.5, 2.0, Some(vec![1, 3])),
        (true, -2.0, 0.25, Some(vec![1])),
        (false, 1.0, 3.0, Some(vec![])),
    ] {
        let (x, w) = (random.floats(4), random.floats(12));
        let mut model = Model::new(13, &[-1, 4]);
        let shape: &[i64] = if transposed { &[3, 4] } else { &[4, 3] };
        model.floats("w", shape, &w);
        let mut inputs = vec!["x", "w"];
        let mut b = vec![0.0; 3];
        if let Some(shape) = bias {
            let count: i64 = shape.iter().product();
            let values = random.floats(usize::try_from(count).unwrap());
            model.floats("b", &shape, &values);
            inputs.push("b");
            b = (0..3).map(|i| values[i % values.len()]).collect();
        }
        let node = model.node("Gemm", &inputs, "y");
        node.int("transB", transposed.into())
            .float("alpha", alpha)
            .float("beta", beta);
        let want: Vec<f64> = (0..3)
            .map(|o| {
                let weight = |i: usize| {
                    f64::from(if transposed {
                        w[o * 4 + i]
                    } else {
                        w[i * 3 + o]
                    })
                };
                let sum: f64 = (0..4).map(|i| f64::from(x[i]) * weight(i)).sum();
                f64::from(alpha) * sum + f64::from(beta) * f64::from(b[o])
            })
            .collect();
        check(&model, "y", &x, &want);
    }
}

#[test]
fn matmul_of_vectors_and_of_rows() {
    let mut random = Random(2);
    for rows in [&[][..], &[1], &[5], &[2, 3]] {
        let count: usize = rows.iter().product();
        let (x, w) = (random.floats(count * 4), random.floats(12));
        let mut shape: Vec<i64> = vec![-1];
        shape.extend(rows.iter().map(|&r| r as i64));
        shape.push(4);
        let mut model = Model::new(13, &shape);
        model.floats("w", &[4, 3], &w);
        model.node("MatMul", &["x", "w"], "y");
        let mut want = vec![];
        for row in x.chunks(4) {
            for o in 0..3 {
                let product = |i: usize| f64::from(row[i]) * f64::from(w[i * 3 + o]);
                want.push((0..4).map(product).sum());
            }
        }
        let graph = check(&model, "y", &x, &want);
        assert_eq!(graph.output_shape(), [rows, &[3]].concat());
    }
}

#[test]
fn a_fixed_batch_is_taken_off() {
    let mut model = Model::new(13, &[8, 2, 3]);
    model.ints("shape", &[3], &[8, -1, 2]);
    model.node("Reshape", &["x", "shape"], "y");
    model.node("Relu", &["y"], "z");
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let graph = check(&model, "z", &x, &x.map(f64::from));
    assert_eq!(
        (graph.input_shape(), graph.output_shape()),
        (&[2, 3][..], &[3, 2][..])
    );
}

#[test]
fn an_open_shape_can_be_given() {
    let mut model = Model::new(13, &[-1, -1, -1]);
    model.node("Relu", &["x"], "y");
    let bytes = model.bytes("y");
    let e = import(&bytes, "test").unwrap_err().to_string();
    assert!(e.contains("axis 1") && e.contains("dynamic"), "{e}");
    let graph = import_with_shape(&bytes, "test", Some(&[2, 3])).unwrap();
    assert_eq!(graph.output_shape(), [2, 3]);
}

#[test]
fn initializers_may_also_be_inputs() {
    let mut model = Model::new(13, &[-1, 2]);
    model.floats("w", &[2, 1], &[3.0, 4.0]);
    model.input("w", &[2, 1]);
    model.node("MatMul", &["x", "w"], "y");
    check(&model, "y", &[1.0, 2.0], &[11.0]);
}

#[test]
fn every_unsupported_node_is_listed_once() {
    let mut model = Model::new(13, &[-1, 2, 6, 6]);
    model.node("LeakyRelu", &["x"], "a").name("first");
    model.node("Relu", &["a"], "b");
    model
        .node("InstanceNormalization", &["b"], "c")
        .name("second");
    model.node("MaxPool", &["x"], "d").name("third");
    model.node("FusedConv", &["c"], "e").domain("com.microsoft");
    model.node("Add", &["e", "d"], "y");
    let error = import(&model.bytes("y"), "test").unwrap_err();
    let ImportError::Unsupported { nodes, .. } = &error else {
        panic!("{error}");
    };
    let named: Vec<&str> = nodes.iter().map(|n| n.node.as_str()).collect();
    assert_eq!(named, ["first", "second", "third", "e"]);
    assert!(nodes[0].hint.contains("Relu"), "{error}");
    assert!(nodes[2].why.contains("kernel_shape"), "{error}");
    assert_eq!(nodes[3].op, "com.microsoft.FusedConv");
    let text = error.to_string();
    assert!(text.contains("4 operations are not supported"), "{text}");
    assert_eq!(text.lines().count(), 5);
}

#[test]
fn models_of_another_form_are_refused_with_a_hint() {
    let mut two = Model::new(13, &[-1, 2]);
    two.input("z", &[-1, 2]);
    two.node("Add", &["x", "z"], "y");
    assert!(refusal(&two, "y").contains("2 inputs"));

    let mut old = Model::new(6, &[-1, 2]);
    old.node("Relu", &["x"], "y");
    assert!(refusal(&old, "y").contains("opset 6"));

    let mut flat = Model::new(13, &[2]);
    flat.node("Relu", &["x"], "y");
    assert!(refusal(&flat, "y").contains("no axis besides the batch"));

    let mut order = Model::new(13, &[-1, 2]);
    order.node("Relu", &["later"], "y");
    order.node("Relu", &["x"], "later");
    assert!(refusal(&order, "y").contains("reads later"));

    let nothing = Model::new(13, &[-1, 2]);
    assert!(refusal(&nothing, "x").contains("computes nothing"));
    assert!(refusal(&nothing, "absent").contains("absent"));

    let mut batch = Model::new(13, &[-1, 2, 3]);
    batch
        .node("Transpose", &["x"], "y")
        .ints("perm", &[1, 0, 2]);
    assert!(refusal(&batch, "y").contains("batch"));
}

#[test]
fn metadata_gives_preprocessing_and_classes() {
    let mut model = Model::new(13, &[-1, 2]);
    model.node("Relu", &["x"], "y");
    model.metadata(PREPROCESS_KEY, "divide=255,mean=0.5");
    model.metadata(CLASSES_KEY, "cat\ndog, big");
    let graph = import(&model.bytes("y"), "test").unwrap();
    let preprocess = graph.preprocess.unwrap();
    assert_eq!((preprocess.divide, preprocess.mean), (255.0, vec![0.5]));
    assert_eq!(graph.classes.unwrap(), ["cat", "dog, big"]);
    model.metadata(PREPROCESS_KEY, "divide=0");
    assert!(refusal(&model, "y").contains("divisor"));
}

#[test]
fn metadata_gives_the_projection() {
    let with = |entries: &[(&str, &str)]| {
        let mut model = Model::new(13, &[-1, 2]);
        model.node("Relu", &["x"], "y");
        for (key, value) in entries {
            model.metadata(key, value);
        }
        model
    };
    let text = "1x1x3:2:000000400000004000000100";
    for entries in [
        &[(PROJECTION_KEY, text), (PREPROCESS_KEY, "divide=2")][..],
        &[(PREPROCESS_KEY, "divide=2"), (PROJECTION_KEY, text)],
    ] {
        let graph = import(&with(entries).bytes("y"), "test").unwrap();
        let steps = graph.preprocess.clone().unwrap();
        assert_eq!(steps.divide, 2.0);
        assert_eq!(steps.projection.as_ref().unwrap().to_text(), text);
        let again = import(&export(&graph), "test").unwrap();
        assert_eq!(again.preprocess, graph.preprocess);
    }
    for (text, named) in [
        ("1x1x3:2:0000", "cut off"),
        ("3:1:000000400000", "input's shape [2]"),
        (
            "3:4:000000000000000000000000000000000000000000000000",
            "4 dimensions of 3",
        ),
    ] {
        let line = refusal(&with(&[(PROJECTION_KEY, text)]), "y");
        assert!(line.contains(named) && line.lines().count() == 1, "{line}");
    }
}
