//! Widths searched layer by layer: the file is read back, keeps its record and runs; wrong input is one line.

use serde_json::Value;

use super::rig::*;

/// `quantise --auto` on the demo's digits.
fn auto(output: &str, more: &[&str]) -> std::process::Output {
    let (model, data) = (demo("digits.onnx"), demo("digits.idx"));
    let args = ["quantise", &model, "--auto", "--data", &data, "-o", output];
    privet(&[&args[..], more].concat())
}

fn found(output: &str, more: &[&str]) -> Value {
    let told = auto(output, &[more, &["--json"]].concat());
    assert!(told.status.success(), "{}", text(&told.stderr));
    serde_json::from_slice(&told.stdout).expect("one JSON object")
}

#[test]
fn widths_by_layer_cost_less_and_keep_the_labels() {
    let scratch = Scratch::new("auto");
    let (small, again) = (scratch.path("small.privet"), scratch.path("again.privet"));
    let labels = demo("digits-labels.idx");
    let told = found(&small, &["--labels", &labels, "--max-drop", "2.5"]);
    let cost = |part: &str, of: &str| told[part]["cost"][of].as_f64().unwrap();
    assert!(
        cost("by_layer", "bytes") < cost("uniform", "bytes"),
        "{told}"
    );
    assert!(
        cost("by_layer", "seconds") <= cost("uniform", "seconds"),
        "{told}"
    );
    assert_eq!(told["measure"], "true labels");
    assert_eq!(
        (&told["separate"], &told["judged"]),
        (&Value::Bool(false), &told["calibrated"])
    );
    let rings = told["layers"].as_array().unwrap().iter();
    let rings: Vec<&Value> = rings.map(|layer| &layer["ring_bits"]).collect();
    assert!(rings.iter().any(|ring| *ring != rings[0]), "{told}");
    // The accuracy that is told is that of the file, by the oracle.
    let digits = demo("digits.idx");
    let judged = [
        "evaluate", &small, "--input", &digits, "--labels", &labels, "--json",
    ];
    let judged = privet(&judged);
    let judged: Value = serde_json::from_slice(&judged.stdout).unwrap();
    assert_eq!(judged["fixed_accuracy"], told["by_layer"]["accuracy"]);
    let kept = told["by_layer"]["accuracy"].as_f64().unwrap();
    assert!(
        kept + 0.025 > told["float_accuracy"].as_f64().unwrap() - 1e-9,
        "{told}"
    );
    // So is the price, by the planner.
    let plan = privet(&["plan", &small, "--backend", "hybrid", "--json"]);
    let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert_eq!(plan["bytes"], told["by_layer"]["cost"]["bytes"]);
    // The file keeps what was told, and the same search finds the same network.
    let looked = privet(&["inspect", &small, "--json"]);
    let looked: Value = serde_json::from_slice(&looked.stdout).unwrap();
    assert_eq!(looked["found"], told);
    assert_eq!(told["data_sha256"].as_str().unwrap().len(), 64);
    found(&again, &["--labels", &labels, "--max-drop", "2.5"]);
    let bytes = |path: &str| std::fs::read(path).unwrap();
    assert_eq!(bytes(&small), bytes(&again));
}

#[test]
fn without_labels_those_of_the_float_network_count() {
    let scratch = Scratch::new("auto-agree");
    let output = scratch.path("small.privet");
    let more = ["--backend", "gc", "--link", "wan", "--samples", "40"];
    let told = auto(&output, &more);
    assert!(told.status.success(), "{}", text(&told.stderr));
    let lines = text(&told.stdout);
    for wanted in [
        "labels of the float network",
        "smoke test",
        "on gc, link",
        "by layer",
        "ring",
    ] {
        assert!(lines.contains(wanted), "{wanted}: {lines}");
    }
    let looked = privet(&["inspect", &output]);
    assert!(
        text(&looked.stdout).contains("found by quantise --auto"),
        "{}",
        text(&looked.stdout)
    );
}

#[test]
fn wrong_searches_are_one_line() {
    let scratch = Scratch::new("auto-wrong");
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    let output = scratch.path("none.privet");
    let put = |name: &str, text: &str| {
        let path = scratch.path(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let few = put("few.csv", "1\n2\n3\n");
    let high = put("high.csv", &"99\n".repeat(40));
    let quantised = scratch.path("done.privet");
    let made = privet(&["quantise", &model, "--data", &digits, "-o", &quantised]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let labels = demo("digits-labels.idx");
    for (more, code, word) in [
        (&["--labels", &few][..], 3, "3 labels"),
        (&["--labels", &high], 3, "label 99"),
        (&["--labels", "/nonexistent"], 3, "/nonexistent"),
        (&["--max-drop", "nan"], 2, "max drop"),
        (&["--samples", "0"], 2, "--samples"),
        (&["--data", &few], 3, "files of one kind"),
        (&["--data", "/nonexistent"], 3, "/nonexistent"),
        (&["--profile", "drop-4"], 2, "drop-4"),
        (&["-o", "/nonexistent/x"], 3, "/nonexistent/x"),
    ] {
        let args = ["quantise", &model, "--auto", "--data", &digits];
        let place = ["-o", &output];
        let place = if more.contains(&"-o") {
            &[][..]
        } else {
            &place
        };
        let (got, line) = failure(&privet(&[&args[..], more, place].concat()));
        assert!(got == code && line.contains(word), "{got} {line}");
    }
    let (code, line) = failure(&privet(&[
        "quantise", &quantised, "--auto", "--data", &digits, "-o", &output,
    ]));
    assert!(code == 3 && line.contains("quantised already"), "{line}");
    // What the parser of options refuses it tells in its own words.
    for args in [
        &["--auto"][..],
        &["--auto", "--data", &digits, "--bits", "12"],
        &["--auto", "--data", &digits, "--frac", "6"],
        &["--auto", "--data", &digits, "--backend", "fastest"],
        &["--labels", &labels, "--data", &digits],
    ] {
        let base = ["quantise", &model, "-o", &output];
        let refused = privet(&[&base[..], args].concat());
        assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    }
    assert!(
        !std::path::Path::new(&output).exists(),
        "nothing is written"
    );
}

/// A search that goes on for long, stopped.
#[cfg(unix)]
#[test]
fn a_search_ends_at_ctrl_c() {
    let scratch = Scratch::new("auto-stop");
    let (data, output) = (scratch.path("many.idx"), scratch.path("none.privet"));
    let count = 400_000u32;
    let mut bytes = vec![0, 0, 8, 3];
    for extent in [count, 16, 16] {
        bytes.extend(extent.to_be_bytes());
    }
    let pixel = |i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8;
    bytes.extend((0..count * 256).map(pixel));
    std::fs::write(&data, bytes).unwrap();
    let model = demo("digits.onnx");
    let child = command(&[
        "quantise",
        &model,
        "--auto",
        "--data",
        &data,
        "--samples",
        "200000",
    ])
    .args(["-o", &output])
    .stdout(std::process::Stdio::piped())
    .stderr(std::process::Stdio::piped())
    .spawn()
    .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(sent.unwrap().success());
    let (code, line) = failure(&child.wait_with_output().unwrap());
    assert!(
        code == 130 && line.contains("nothing is written"),
        "{code} {line}"
    );
    assert!(!std::path::Path::new(&output).exists());
}

#[test]
fn several_files_of_samples_are_one_list() {
    let scratch = Scratch::new("several-files");
    let (model, digits) = (demo("digits.onnx"), demo("digits.idx"));
    let quantised = |name: &str, data: &[&str]| {
        let output = scratch.path(name);
        let made = privet(&[&["quantise", &model, "-o", &output], data].concat());
        assert!(made.status.success(), "{}", text(&made.stderr));
        std::fs::read(output).unwrap()
    };
    let once = quantised("once", &["--data", &digits]);
    let twice = quantised("twice", &["--data", &digits, "--data", &digits]);
    assert!(once == twice);
    let (first, second) = (scratch.path("first.privet"), scratch.path("second.privet"));
    for (output, data) in [
        (&first, &["--data", &digits][..]),
        (&second, &["--data", &digits, "--data", &digits]),
    ] {
        let auto = ["quantise", &model, "--auto", "--json", "-o", output];
        let made = privet(&[&auto, data].concat());
        assert!(made.status.success(), "{}", text(&made.stderr));
        let told: Value = serde_json::from_str(&text(&made.stdout)).unwrap();
        let hashes = told["data_sha256"].as_str().unwrap();
        assert_eq!(hashes.split(' ').count(), data.len() / 2);
        assert_eq!(told["judged"], 40 * data.len() / 2);
    }
}
