//! What stands behind the logits.

use super::*;

fn logits(opset: i64) -> Model {
    let mut model = Model::new(opset, &[-1, 3]);
    model.node("Neg", &["x"], "logits");
    model
}

#[test]
fn softmax_and_arg_max_are_dropped() {
    let x = [1.0, 2.0, -3.0];
    let want = [-1.0, -2.0, 3.0];
    let mut model = logits(13);
    model.node("Softmax", &["logits"], "p");
    model
        .node("ArgMax", &["p"], "y")
        .int("axis", 1)
        .int("keepdims", 0);
    let graph = check(&model, "y", &x, &want);
    let dropped: Vec<&str> = graph.dropped.iter().map(|d| d.op.as_str()).collect();
    assert_eq!(dropped, ["Softmax", "ArgMax"]);
    // Label and probabilities as two outputs of the same logits.
    let graph = import(&model.bytes_of(&["y", "p"]), "test").unwrap();
    close(&graph.evaluate(&x).unwrap(), &want);
    let two = import(&model.bytes_of(&["y", "x"]), "test").unwrap_err();
    assert!(two.to_string().contains("2 different outputs"), "{two}");

    let mut model = logits(11);
    model.node("LogSoftmax", &["logits"], "p");
    model.node("Identity", &["p"], "y");
    check(&model, "y", &x, &want);
    // Before opset 13 the axis joins all that follow: over [3, 1, 1] the default is the whole.
    let mut model = Model::new(11, &[-1, 3, 1, 1]);
    model.node("Neg", &["x"], "logits");
    model.node("Softmax", &["logits"], "p");
    model.node("Flatten", &["p"], "y");
    check(&model, "y", &x, &want);
}

#[test]
fn decisions_inside_the_network_are_refused() {
    let mut model = logits(13);
    model.node("Softmax", &["logits"], "p");
    model.node("Relu", &["p"], "y");
    assert!(refusal(&model, "y").contains("only at the end"));
    let mut model = Model::new(13, &[-1, 3, 2]);
    model.node("Neg", &["x"], "logits");
    model.node("Softmax", &["logits"], "y");
    assert!(refusal(&model, "y").contains("2 of 6 values"));
    let mut model = logits(13);
    model.node("ArgMax", &["logits"], "y");
    assert!(refusal(&model, "y").contains("1 of 3 values"));
    let mut model = logits(13);
    model
        .node("ArgMax", &["logits"], "y")
        .int("axis", 1)
        .int("select_last_index", 1);
    assert!(refusal(&model, "y").contains("last of equal"));
}
