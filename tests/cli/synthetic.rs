//! `scripts/synthetic-nets`: networks of true shapes without trained weights.

use std::path::Path;
use std::process::Command;

use super::rig::*;

/// Writes networks and compares what the importer counts with torchvision's architectures.
fn check(networks: &[(&str, u64, u64)]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/synthetic-nets");
    let scratch = Scratch::new(&format!("synthetic-{}", networks.len()));
    let names = networks.iter().map(|(name, _, _)| *name);
    let mut command = Command::new("python3");
    command.arg(script).args(["--out", &scratch.path("")]);
    let Ok(output) = command.args(names).output() else {
        println!("skipped: no Python on this machine");
        return;
    };
    assert!(output.status.success(), "{}", text(&output.stderr));
    let written = text(&output.stdout);
    for &(name, parameters, products) in networks {
        assert!(written.contains(&format!("{name}.onnx: {parameters} parameters")));
        let path = scratch.path(&format!("{name}.onnx"));
        let shown = privet(&["inspect", &path, "--bits", "25", "--frac", "12", "--json"]);
        // Without data to calibrate on it also says which layers may overflow.
        let inspected: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
        let layers = inspected["layers"].as_array().unwrap();
        let counted: u64 = (layers.iter())
            .filter(|layer| layer["op"] != "Affine")
            .map(|layer| layer["macs"].as_u64().unwrap())
            .sum();
        assert_eq!(counted, products, "{name}");
        let biases = |layer: &&serde_json::Value| layer["op"] == "Conv" && !name.starts_with("vgg");
        // The importer gives every convolution a bias, which these leave to batch normalisation.
        let fewer: u64 = (layers.iter().filter(biases))
            .map(|layer| layer["shape"][0].as_u64().unwrap())
            .sum();
        let all = layers.iter().map(|layer| layer["parameters"].as_u64());
        assert_eq!(all.map(Option::unwrap).sum::<u64>() - fewer, parameters);
    }
}

#[test]
fn mobilenet_has_torchvisions_size() {
    check(&[("mobilenetv2", 3_504_872, 300_774_272)]);
}

#[test]
#[ignore = "large files"]
fn all_have_torchvisions_size() {
    check(&[
        ("resnet50", 25_557_032, 4_089_184_256),
        ("densenet121", 7_978_856, 2_834_161_664),
        ("vgg16", 138_357_544, 15_470_264_320),
    ]);
}
