//! Training, pruning and shrinking: the written networks are read back, cost less and name what is wrong.

use serde_json::Value;

use super::rig::*;

/// The arguments of a command over the demo's digits.
pub(super) fn over_digits(command: &str, model: &str, output: &str, more: &[&str]) -> Vec<String> {
    let mut args = vec![
        command.to_owned(),
        model.to_owned(),
        "--data".to_owned(),
        demo("digits.idx"),
        "--labels".to_owned(),
        demo("digits-labels.idx"),
        "--validation".to_owned(),
        "0.5".to_owned(),
        "--json".to_owned(),
        "-o".to_owned(),
        output.to_owned(),
    ];
    args.extend(more.iter().map(|a| (*a).to_owned()));
    args
}

pub(super) fn run(args: &[String]) -> std::process::Output {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    privet(&args)
}

#[track_caller]
pub(super) fn report(args: &[String]) -> Value {
    let output = run(args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

#[test]
fn training_is_resumed_to_the_same_network() {
    let scratch = Scratch::new("train");
    let (whole, resumed) = (scratch.path("whole.onnx"), scratch.path("resumed.onnx"));
    let checkpoint = scratch.path("checkpoint");
    let model = demo("digits.onnx");
    let settings = [
        "--fresh",
        "--epochs",
        "3",
        "--batch",
        "4",
        "--dropout",
        "0.1",
    ];
    let first = report(&over_digits("train", &model, &whole, &settings));
    assert_eq!(first["epochs"], 3);
    assert!(first["cost"]["ands"].as_u64().unwrap() > 1000);
    let kept = [&settings[..], &["--checkpoint", &checkpoint]].concat();
    for _ in 0..2 {
        // The second run finds all epochs done.
        report(&over_digits("train", &model, &resumed, &kept));
        let bytes = |path: &str| std::fs::read(path).unwrap();
        assert_eq!(bytes(&whole), bytes(&resumed));
    }
    // Another run's checkpoint, and a damaged one.
    let other = [&kept[..], &["--seed", "2"]].concat();
    let (code, line) = failure(&run(&over_digits("train", &model, &resumed, &other)));
    assert!(code == 3 && line.contains("checkpoint"), "{line}");
    let bytes = std::fs::read(&checkpoint).unwrap();
    std::fs::write(&checkpoint, &bytes[..bytes.len() / 2]).unwrap();
    let (code, line) = failure(&run(&over_digits("train", &model, &resumed, &kept)));
    assert!(code == 3 && line.contains("checkpoint"), "{line}");
}

#[test]
fn pruned_and_shrunk_networks_cost_less_and_run() {
    let scratch = Scratch::new("shrink");
    let (pruned, small) = (scratch.path("pruned.onnx"), scratch.path("small.privet"));
    let model = demo("digits.onnx");
    let settings = ["--sparsity", "0.3", "--steps", "1", "--epochs", "1"];
    let found = report(&over_digits("prune", &model, &pruned, &settings));
    let ands = |part: &str, of: &Value| of[part]["cost"]["ands"].as_u64().unwrap();
    assert!(ands("after", &found) < ands("before", &found));
    let settings = ["--epochs", "1", "--max-drop", "60", "--folder"];
    let folder = scratch.path("steps");
    let settings = [&settings[..], &[&folder]].concat();
    let found = report(&over_digits("shrink", &pruned, &small, &settings));
    assert!(ands("after", &found) < ands("before", &found));
    let plan = privet(&["plan", &small, "--json"]);
    assert!(plan.status.success(), "{}", text(&plan.stderr));
    let digits = demo("digits.idx");
    let labels = privet(&["evaluate", &small, "--input", &digits, "--json"]);
    assert!(labels.status.success(), "{}", text(&labels.stderr));
    // Finished steps are found again.
    assert_eq!(
        report(&over_digits("shrink", &pruned, &small, &settings)),
        found
    );
}

#[test]
fn networks_are_described_by_their_layers() {
    let scratch = Scratch::new("train-layers");
    let output = scratch.path("conv.onnx");
    let train = |layers: &str, output: &str, more: &[&str]| {
        let mut args = over_digits("train", layers, output, more);
        args.insert(1, "--layers".to_owned());
        args
    };
    let settings = ["--epochs", "60", "--batch", "4", "--rate", "0.01"];
    let layers = "16x16-4C2-ReLU-24FC-tanh-10FC-Softmax";
    let found = report(&train(layers, &output, &settings));
    assert!(found["after"].as_f64().unwrap() > 0.4, "{found}");
    // 4 maps of 7x7 cells, 25 products each; forward and twice backward over 20 samples.
    let macs = 4 * 49 * 25 + 4 * 49 * 24 + 240;
    assert_eq!(found["macs_per_epoch"], 3 * 20 * macs, "{found}");
    assert!(found["seconds_per_epoch"].as_f64().unwrap() > 0.0);
    let told = privet(&["plan", &output, "--data", &demo("digits.idx"), "--json"]);
    assert!(told.status.success(), "{}", text(&told.stderr));
    // The seed alone decides.
    let again = scratch.path("again.onnx");
    report(&train(layers, &again, &settings));
    let other = scratch.path("other.onnx");
    report(&train(
        layers,
        &other,
        &[&settings[..], &["--seed", "2"]].concat(),
    ));
    let bytes = |path: &str| std::fs::read(path).unwrap();
    // The network bears its file's name.
    assert_eq!(bytes(&output).len(), bytes(&again).len() - 1);
    assert_ne!(bytes(&again), bytes(&other));
}

#[test]
fn short_widths_are_trained_and_written() {
    let scratch = Scratch::new("train-short");
    let (whole, resumed) = (scratch.path("short.privet"), scratch.path("resumed.privet"));
    let settings = [
        "--epochs",
        "0",
        "--weight-bits",
        "5",
        "--value-bits",
        "9",
        "--rounded-epochs",
        "3",
        "--batch",
        "4",
    ];
    let model = demo("digits.onnx");
    let found = report(&over_digits("train", &model, &whole, &settings));
    assert_eq!(found["rounded"]["weight_bits"], 5);
    assert!(found["rounded"]["after"].as_f64().unwrap() > 0.7, "{found}");
    let inspected = privet(&["inspect", &whole, "--json"]);
    assert!(inspected.status.success(), "{}", text(&inspected.stderr));
    let plain = report(&over_digits(
        "train",
        &model,
        &scratch.path("plain.onnx"),
        &["--epochs", "0"],
    ));
    let ands = |of: &Value| of["cost"]["ands"].as_u64().unwrap();
    assert!(2 * ands(&found) < ands(&plain), "{found} {plain}");
    let checkpoint = scratch.path("checkpoint");
    let kept = [&settings[..], &["--checkpoint", &checkpoint]].concat();
    for _ in 0..2 {
        report(&over_digits("train", &model, &resumed, &kept));
        let bytes = |path: &str| std::fs::read(path).unwrap();
        assert_eq!(bytes(&whole), bytes(&resumed));
    }
}

#[test]
fn published_zeros_are_left_out_and_hidden_ones_are_not() {
    let scratch = Scratch::new("sparse");
    let (pruned, small) = (scratch.path("pruned.onnx"), scratch.path("small.privet"));
    let (model, data) = (demo("digits.onnx"), demo("digits.idx"));
    let settings = ["--what", "weights", "--sparsity", "0.6", "--steps", "1"];
    let settings = [&settings[..], &["--epochs", "1", "--publish-sparsity"]].concat();
    let found = report(&over_digits("prune", &model, &pruned, &settings));
    let ands = |part: &str| found[part]["cost"]["ands"].as_u64().unwrap();
    assert!(ands("after") < ands("before"));
    let plan = |more: &[&str]| -> Value {
        let output = privet(&[&["plan", "--json", "--data", &data][..], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("one JSON object")
    };
    let (hidden, sparse) = (plan(&[&pruned]), plan(&[&pruned, "--publish-sparsity"]));
    assert!(sparse["ands"].as_u64().unwrap() * 4 < hidden["ands"].as_u64().unwrap() * 3);
    let counts = |plan: &Value| -> Vec<(u64, u64)> {
        let layers = plan["layers"].as_array().unwrap().iter();
        let count = |l: &Value| Some((l["live_weights"].as_u64()?, l["weights"].as_u64()?));
        layers.filter_map(count).collect()
    };
    assert!(counts(&hidden).is_empty());
    let published = counts(&sparse);
    assert!(!published.is_empty() && published.iter().all(|(live, all)| live < all));

    // The map stands in the file.
    let quantise = ["quantise", &pruned, "--data", &data, "-o", &small];
    let output = privet(&[&quantise[..], &["--publish-sparsity"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(plan(&[&small])["ands"], sparse["ands"]);
    let shown = privet(&["plan", &small]);
    assert!(text(&shown.stdout).contains("live weights"));
}
