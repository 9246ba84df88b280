//! Ctrl-C during training: one line, its exit code, and the same command goes on to the same result.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use super::rig::*;
use super::training::{over_digits, report, run};

/// Starts it, waits for its checkpoint and interrupts it.
fn interrupted(args: &[String], checkpoint: &str) -> Output {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let child = command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !Path::new(checkpoint).exists() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "no checkpoint is written"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .unwrap();
    assert!(sent.success());
    child.wait_with_output().unwrap()
}

#[cfg(unix)]
#[test]
fn training_goes_on_behind_ctrl_c() {
    let scratch = Scratch::new("stop-train");
    let (whole, resumed) = (scratch.path("whole.onnx"), scratch.path("resumed.onnx"));
    let checkpoint = scratch.path("run");
    let model = demo("digits.onnx");
    let settings = ["--fresh", "--epochs", "400", "--batch", "1"];
    report(&over_digits("train", &model, &whole, &settings));
    let kept = [&settings[..], &["--checkpoint", &checkpoint]].concat();
    let args = over_digits("train", &model, &resumed, &kept);
    let (code, line) = failure(&interrupted(&args, &checkpoint));
    assert_eq!(code, 130, "{line}");
    assert!(
        line.contains("epoch") && line.contains(&checkpoint),
        "{line}"
    );
    assert!(!Path::new(&resumed).exists(), "nothing is written");
    report(&args);
    let bytes = |path: &str| std::fs::read(path).unwrap();
    assert_eq!(bytes(&whole), bytes(&resumed));
}

#[cfg(unix)]
#[test]
fn pruning_goes_on_behind_ctrl_c() {
    let scratch = Scratch::new("stop-prune");
    let (whole, resumed) = (scratch.path("whole.onnx"), scratch.path("resumed.onnx"));
    let checkpoint = scratch.path("run");
    let model = demo("digits.onnx");
    let settings = ["--steps", "3", "--epochs", "150", "--batch", "1"];
    let found = report(&over_digits("prune", &model, &whole, &settings));
    let kept = [&settings[..], &["--checkpoint", &checkpoint]].concat();
    let args = over_digits("prune", &model, &resumed, &kept);
    // Within the first step, then behind it.
    let training = format!("{checkpoint}.training");
    for seen in [&training, &checkpoint] {
        let (code, line) = failure(&interrupted(&args, seen));
        assert_eq!(code, 130, "{line}");
        assert!(
            line.contains("dropped") && line.contains(&checkpoint),
            "{line}"
        );
    }
    let again = report(&args);
    assert_eq!(again["after"], found["after"]);
    let bytes = |path: &str| std::fs::read(path).unwrap();
    assert_eq!(bytes(&whole), bytes(&resumed));
    // Another pass's checkpoint and a damaged one.
    let other = [&kept[..], &["--sparsity", "0.4"]].concat();
    let (code, line) = failure(&run(&over_digits("prune", &model, &resumed, &other)));
    assert!(code == 3 && line.contains("checkpoint"), "{line}");
    std::fs::write(&checkpoint, b"privet-pass").unwrap();
    let (code, line) = failure(&run(&args));
    assert!(code == 3 && line.contains("checkpoint"), "{line}");
}
