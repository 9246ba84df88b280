//! Wrong data, networks and options of the commands that train: one line that names it, the documented exit
//! code, nothing written.

use std::io::Write;
use std::path::Path;

use privet_model::graph::{Builder, Op};

use super::rig::*;
use super::training::{over_digits, run};

const COMMANDS: [&str; 3] = ["train", "prune", "shrink"];

/// A command on other data than the demo's.
fn over(command: &str, model: &str, data: &str, labels: &str, output: &str) -> (i32, String) {
    failure(&privet(&[
        command,
        model,
        "--data",
        data,
        "--labels",
        labels,
        "--validation",
        "0.5",
        "-o",
        output,
    ]))
}

fn npy(shape: &str, values: &[f32]) -> Vec<u8> {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    bytes
}

#[test]
fn truncated_and_unfit_data_are_named() {
    let scratch = Scratch::new("train-data");
    let (model, output) = (demo("digits.onnx"), scratch.path("out.onnx"));
    let (digits, labels) = (demo("digits.idx"), demo("digits-labels.idx"));
    let put = |name: &str, bytes: &[u8]| {
        let path = scratch.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let idx = std::fs::read(&digits).unwrap();
    let mut gz = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    gz.write_all(&idx).unwrap();
    let gz = gz.finish().unwrap();
    let line = vec!["0.5"; 256].join(",");
    let rows = npy("40, 256", &[0.5; 40 * 256]);
    let nan = npy(
        "40, 256",
        &[&[0.5; 700][..], &[f32::NAN], &[0.5; 40 * 256 - 701]].concat(),
    );
    let huge = npy("40, 256", &[f32::INFINITY; 40 * 256]);
    for (name, bytes, expected) in [
        ("cut.idx", &idx[..idx.len() - 1], "complete"),
        ("head.idx", &idx[..6], "truncated"),
        ("cut.idx.gz", &gz[..gz.len() - 20], "truncated"),
        ("head.gz", &gz[..5], "truncated"),
        ("cut.npy", &rows[..rows.len() - 3], "cut.npy"),
        ("head.npy", &rows[..20], "head.npy"),
        ("nan.npy", &nan[..], "sample 2, value 188"),
        ("huge.npy", &huge[..], "not a finite number"),
        (
            "cut.csv",
            format!("{line}\n{}", &line[..99]).as_bytes(),
            "line 2",
        ),
        (
            "nan.csv",
            line.replacen("0.5", "NaN", 1).as_bytes(),
            "not a finite number",
        ),
        (
            "word.csv",
            format!("{line}\n{}", line.replacen("0.5", "x", 1)).as_bytes(),
            "line 2",
        ),
        (
            "few.csv",
            format!("{line}\n{line}").as_bytes(),
            "2 samples, but 40 labels",
        ),
        ("short.csv", "1,2,3\n".repeat(40).as_bytes(), "short.csv"),
        ("empty.csv", b"", "empty.csv"),
    ] {
        let data = put(name, bytes);
        for command in COMMANDS {
            let (code, line) = over(command, &model, &data, &labels, &output);
            assert_eq!(code, 3, "{name}: {line}");
            assert!(line.contains(expected), "{name}: {line}");
        }
    }
    let numbers = std::fs::read(&labels).unwrap();
    let mut eleven = numbers.clone();
    *eleven.last_mut().unwrap() = 10;
    for (name, bytes, expected) in [
        ("l-cut.idx", &numbers[..30], "complete"),
        ("l-eleven.idx", &eleven[..], "11 classes"),
        ("l-minus.csv", "-1\n".repeat(40).as_bytes(), "label 0 is -1"),
        (
            "l-half.csv",
            "1.5\n".repeat(40).as_bytes(),
            "label 0 is 1.5",
        ),
        ("l-nan.csv", "NaN\n".repeat(40).as_bytes(), "label 0 is NaN"),
        (
            "l-few.csv",
            "1\n".repeat(39).as_bytes(),
            "40 samples, but 39 labels",
        ),
        (
            "l-wide.csv",
            "1,2\n".repeat(40).as_bytes(),
            "not one label per sample",
        ),
        ("l-large.csv", "99999999\n".repeat(40).as_bytes(), "label 0"),
        (
            "l-many.csv",
            "9999999\n".repeat(40).as_bytes(),
            "10000000 classes",
        ),
    ] {
        let wrong = put(name, bytes);
        for command in COMMANDS {
            let (code, line) = over(command, &model, &digits, &wrong, &output);
            assert_eq!(code, 3, "{name}: {line}");
            assert!(line.contains(expected), "{name}: {line}");
        }
    }
    for command in COMMANDS {
        for (data, labels) in [
            ("missing.idx", labels.as_str()),
            (&model, &labels),
            (&digits, &digits),
            (&digits, "missing.idx"),
        ] {
            let (code, line) = over(command, &model, data, labels, &output);
            assert_eq!(code, 3, "{line}");
        }
        let nowhere = scratch.path("absent/out.onnx");
        let (code, line) = failure(&run(&over_digits(command, &model, &nowhere, &[])));
        assert!(code == 3 && line.contains("absent"), "{line}");
    }
    assert!(!Path::new(&output).exists(), "nothing is written");
}

#[test]
fn networks_that_cannot_be_trained_are_named() {
    let scratch = Scratch::new("train-networks");
    let output = scratch.path("out.onnx");
    let (digits, labels) = (demo("digits.idx"), demo("digits-labels.idx"));
    let put = |name: &str, bytes: &[u8]| {
        let path = scratch.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let whole = std::fs::read(demo("digits.onnx")).unwrap();
    let mut nan = whole.clone();
    // Eight such bytes hold a NaN wherever floats begin.
    let middle = nan.len() / 2;
    nan[middle..middle + 8].fill(0xff);
    let mut branched = Builder::new("branched", "input", &[1, 16, 16]).unwrap();
    let input = branched.input();
    let sum = branched.push("sum", Op::Add, &[input, input]).unwrap();
    let branched = privet_model::onnx::export(&branched.finish(sum).unwrap());
    let quantised = scratch.path("digits.privet");
    let made = privet(&[
        "quantise",
        &demo("digits.onnx"),
        "--data",
        &digits,
        "-o",
        &quantised,
    ]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    for (model, expected) in [
        (put("nan.onnx", &nan), "nan.onnx"),
        (put("cut.onnx", &whole[..whole.len() / 2]), "cut.onnx"),
        (put("branched.onnx", &branched), "not a chain"),
        (quantised, "quantised"),
        (digits.clone(), "digits.idx"),
    ] {
        for command in COMMANDS {
            let (code, line) = over(command, &model, &digits, &labels, &output);
            assert_eq!(code, 3, "{model}: {line}");
            assert!(line.contains(expected), "{model}: {line}");
        }
    }
    let refused = run(&over_digits(
        "train",
        &scratch.path("nan.onnx"),
        &output,
        &[],
    ));
    assert!(text(&refused.stderr).contains("a parameter is NaN"));
    for (layers, code, expected) in [
        ("16x16-lstm-10", 2, "'lstm'"),
        ("16x16-4C9-relu", 2, "layers"),
        ("16x16-0FC", 2, "'0fc'"),
        ("256-99999999-9999999-10", 2, "at most"),
        ("99-10", 3, "99"),
        ("256-5", 3, "5 outputs"),
    ] {
        let (found, line) = failure(&privet(&[
            "train",
            "--validation",
            "0.5",
            "--layers",
            layers,
            "--data",
            &digits,
            "--labels",
            &labels,
            "-o",
            &output,
        ]));
        assert_eq!(found, code, "{layers}: {line}");
        assert!(line.contains(expected), "{layers}: {line}");
    }
    let both = privet(&[
        "train",
        &demo("digits.onnx"),
        "--layers",
        "256-10",
        "--data",
        &digits,
        "--labels",
        &labels,
        "-o",
        &output,
    ]);
    assert_eq!(both.status.code(), Some(2));
    let neither = privet(&[
        "train", "--data", &digits, "--labels", &labels, "-o", &output,
    ]);
    assert_eq!(neither.status.code(), Some(2));
    assert!(!Path::new(&output).exists(), "nothing is written");
}

#[test]
fn options_out_of_range_are_usage_errors() {
    let scratch = Scratch::new("train-options");
    let (model, output) = (demo("digits.onnx"), scratch.path("out.onnx"));
    for (commands, option, expected) in [
        (&COMMANDS[..], "--rate=NaN", "rate"),
        (&COMMANDS, "--rate=0", "rate"),
        (&COMMANDS, "--rate=inf", "rate"),
        (&COMMANDS, "--batch=0", "batch"),
        (&COMMANDS, "--momentum=1", "momentum"),
        (&COMMANDS, "--weight-decay=-1", "weight decay"),
        (&COMMANDS, "--l1=NaN", "l1"),
        (&COMMANDS, "--validation=0", "validation"),
        (&COMMANDS, "--validation=1", "validation"),
        (&COMMANDS, "--validation=NaN", "validation"),
        (&["train"], "--dropout=1", "dropout"),
        (&["train"], "--range=-1", "range"),
        (&["train"], "--weight-bits=1", "weight-bits"),
        (&["train"], "--value-bits=25", "value-bits"),
        (&["prune"], "--sparsity=1", "sparsity"),
        (&["prune"], "--sparsity=NaN", "sparsity"),
        (&["prune"], "--steps=0", "steps"),
        (&["prune", "shrink"], "--max-drop=-0.1", "max drop"),
        (&["prune", "shrink"], "--max-drop=NaN", "max drop"),
    ] {
        for command in commands {
            let mut args = over_digits(command, &model, &output, &[]);
            if option.starts_with("--validation") {
                args.retain(|a| a != "--validation" && a != "0.5");
            }
            args.push(option.to_owned());
            let found = run(&args);
            let stderr = text(&found.stderr);
            assert_eq!(found.status.code(), Some(2), "{command} {option}: {stderr}");
            assert!(stderr.contains(expected), "{command} {option}: {stderr}");
            assert!(!stderr.contains("panicked"), "{stderr}");
        }
    }
    let tail = |count: &str| {
        let mut args = over_digits("train", &model, &output, &["--validation-tail", count]);
        args.retain(|a| a != "--validation" && a != "0.5");
        failure(&run(&args))
    };
    for count in ["0", "40", "41"] {
        let (code, line) = tail(count);
        assert!(code == 3 && line.contains("held back"), "{line}");
    }
    // A rate that diverges is told with the place.
    let (code, line) = failure(&run(&over_digits(
        "train",
        &model,
        &output,
        &["--rate=1e30", "--momentum=0.9", "--epochs=30"],
    )));
    assert!(code == 3 && line.contains("finite"), "{line}");
    assert!(!Path::new(&output).exists(), "nothing is written");
}
