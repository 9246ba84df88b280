//! Training, pruning and shrinking: the written networks are read back, cost less and name what is wrong.

use serde_json::Value;

use super::rig::*;

/// The arguments of a command over the demo's digits.
fn over_digits(command: &str, model: &str, output: &str, more: &[&str]) -> Vec<String> {
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

fn run(args: &[String]) -> std::process::Output {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    privet(&args)
}

#[track_caller]
fn report(args: &[String]) -> Value {
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
fn wrong_data_and_options_are_named() {
    let scratch = Scratch::new("train-wrong");
    let (model, output) = (demo("digits.onnx"), scratch.path("out.onnx"));
    for (more, expected) in [
        (["--rate", "NaN"], "rate"),
        (["--batch", "0"], "batch"),
        (["--sparsity", "1.5"], "sparsity"),
        (["--max-drop", "-0.1"], "max drop"),
    ] {
        let more = [&format!("{}={}", more[0], more[1])[..]];
        let (code, line) = failure(&run(&over_digits("prune", &model, &output, &more)));
        assert!(code == 2 && line.contains(expected), "{line}");
    }
    let csv = scratch.path("bad.csv");
    std::fs::write(&csv, "1,NaN\n2,3\n").unwrap();
    let wrong = |data: &str, labels: &str| {
        failure(&privet(&[
            "prune", &model, "--data", data, "--labels", labels, "-o", &output,
        ]))
    };
    let (digits, labels) = (demo("digits.idx"), demo("digits-labels.idx"));
    for (data, labels) in [
        (csv.as_str(), labels.as_str()),
        (&digits, &csv),
        (&digits, &digits),
        (&model, &labels),
        ("missing.idx", &labels),
    ] {
        let (code, line) = wrong(data, labels);
        assert_eq!(code, 3, "{data} {labels}: {line}");
    }
    assert!(
        !std::path::Path::new(&output).exists(),
        "nothing is written"
    );
    let nowhere = scratch.path("absent/out.onnx");
    for command in ["train", "prune", "shrink"] {
        let (code, line) = failure(&run(&over_digits(command, &model, &nowhere, &[])));
        assert!(code == 3 && line.contains("absent"), "{line}");
    }
}
