//! Networks on a subspace: the model file carries the factor, clients bring raw inputs.

use std::path::Path;

use privet_model::quant::{Oracle, file};
use privet_model::readers::Samples;
use privet_passes::Network;
use privet_passes::digits::{self, SIDE};
use privet_passes::network::Layer;
use privet_passes::rng::Rng;
use serde_json::Value;

use super::rig::*;

const COUNT: u64 = 600;

/// Drawn digits and a fully connected network trained on them.
struct Digits {
    model: String,
    data: String,
    labels: String,
}

impl Digits {
    fn new(scratch: &Scratch) -> Self {
        let of = |name: &str| scratch.path(name);
        let it = Self {
            model: of("trained.onnx"),
            data: of("train.idx"),
            labels: of("labels.idx"),
        };
        let drawings: Vec<_> = (0..COUNT).map(|i| digits::draw(3, i)).collect();
        let side = u32::try_from(SIDE).unwrap();
        let count = u32::try_from(COUNT).unwrap();
        let pixels = drawings.iter().flat_map(|d| d.pixels.clone()).collect();
        idx(&it.data, &[count, side, side], pixels);
        idx(
            &it.labels,
            &[count],
            drawings.iter().map(|d| d.digit).collect(),
        );
        let mut rng = Rng::new(9, 0);
        let network = Network {
            name: "digits".to_owned(),
            input: vec![1, SIDE, SIDE],
            layers: vec![
                Layer::Reshape(vec![SIDE * SIDE]),
                Layer::linear(SIDE * SIDE, 24, &mut rng),
                Layer::Relu,
                Layer::linear(24, 10, &mut rng),
            ],
        };
        let untrained = of("untrained.onnx");
        let bytes = privet_model::onnx::export(&network.to_graph().unwrap());
        std::fs::write(&untrained, bytes).unwrap();
        let settings = ["--epochs", "12", "--rate", "3e-3", "--batch", "32"];
        let found = it.json("train", &untrained, &it.model, &settings);
        assert!(found["after"].as_f64().unwrap() > 0.8, "{found}");
        it
    }

    fn run(&self, command: &str, model: &str, output: &str, more: &[&str]) -> std::process::Output {
        let data = ["--data", &self.data, "--labels", &self.labels, "--json"];
        privet(&[&[command, model, "-o", output], &data[..], more].concat())
    }

    #[track_caller]
    fn json(&self, command: &str, model: &str, output: &str, more: &[&str]) -> Value {
        json_lines(&self.run(command, model, output, more))
            .pop()
            .unwrap()
    }
}

fn idx(path: &str, extents: &[u32], values: Vec<u8>) {
    let mut bytes = vec![0, 0, 8, u8::try_from(extents.len()).unwrap()];
    bytes.extend(extents.iter().flat_map(|e| e.to_be_bytes()));
    bytes.extend(values);
    std::fs::write(path, bytes).unwrap();
}

/// The oracle's logits of a raw sample by the definition of the embedding, without the program's own code for it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the definition rounds to f32"
)]
fn by_definition(model: &str, data: &str, index: usize) -> Vec<i64> {
    let model = file::read(Path::new(model)).unwrap();
    let raw = Samples::open(Path::new(data)).unwrap().get(index).unwrap();
    let steps = &model.graph.preprocess;
    let projection = steps.projection.as_ref().unwrap();
    assert_eq!(
        (projection.input(), steps.divide),
        (&[1, SIDE, SIDE][..], 255.0)
    );
    let rank = projection.rank();
    let coordinate = |j: usize| {
        let mut sum = 0.0_f64;
        for (i, v) in raw.iter().enumerate() {
            sum += f64::from(*v / 255.0) * f64::from(projection.factor()[i * rank + j]);
        }
        (sum / 16_384.0) as f32
    };
    let input: Vec<f32> = (0..rank).map(coordinate).collect();
    let integers = model.graph.quantise_input(&input).unwrap();
    Oracle::new(&model)
        .unwrap()
        .evaluate(&integers)
        .unwrap()
        .logits
}

#[test]
fn a_projected_model_takes_raw_inputs_and_is_exact() {
    let scratch = Scratch::new("projection");
    let ids = Identities::new(&scratch);
    let it = Digits::new(&scratch);
    let (onnx, small) = (
        scratch.path("projected.onnx"),
        scratch.path("projected.privet"),
    );
    let settings = [
        "--max-drop",
        "3",
        "--max-rank",
        "128",
        "--epochs",
        "4",
        "--rate",
        "2e-3",
    ];
    let found = it.json("project", &it.model, &onnx, &settings);
    let number = |of: &Value, path: &str| of.pointer(path).and_then(Value::as_f64).expect(path);
    let rank = number(&found, "/projection/dimensions");
    assert!(rank <= 128.0 && number(&found, "/projection/features") == 256.0);
    assert_eq!(number(&found, "/projection/public_bytes"), 512.0 * rank);
    let lost = number(&found, "/before/accuracy") - number(&found, "/after/accuracy");
    assert!(lost <= 0.03, "{found}");
    for part in ["macs", "ands", "bytes"] {
        let of = |stage: &str| number(&found, &format!("/{stage}/cost/{part}"));
        assert!(of("after") < of("before"), "{part}: {found}");
    }
    assert!((0.0..1.0).contains(&number(&found, "/residual")));

    let made = privet(&["quantise", &onnx, "--data", &it.data, "-o", &small]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let plan = json_lines(&privet(&["plan", &small, "--json"]))
        .pop()
        .unwrap();
    assert_eq!(number(&plan, "/projection/dimensions"), rank);
    assert_eq!(
        plan["projection"]["input"],
        serde_json::json!([1, SIDE, SIDE])
    );
    let accuracy = privet(&[
        "evaluate", &small, "--input", &it.data, "--labels", &it.labels, "--json",
    ]);
    let accuracy = json_lines(&accuracy).pop().unwrap();
    assert!(number(&accuracy, "/fixed_accuracy") > 0.8, "{accuracy}");
    for backend in ["gc", "ot"] {
        let served = [
            "--model",
            &small,
            "--reveal",
            "logits",
            "--insecure-verify",
            "--sessions",
            "2",
        ];
        let server = Server::start(&ids, &[&served[..], &["--backend", backend]].concat());
        let asked = [
            "--reveal",
            "logits",
            "--insecure-verify",
            "--json",
            "--backend",
            backend,
        ];
        let input = ["--input", &it.data, "--index", "0,7,311"];
        let lines = json_lines(
            &server
                .client(&ids, &[&asked[..], &input].concat())
                .output()
                .unwrap(),
        );
        assert_eq!(lines.len(), 3);
        for (line, index) in lines.iter().zip([0, 7, 311]) {
            assert_eq!(line["exact"], true, "{line}");
            let logits: Vec<i64> = serde_json::from_value(line["logits"].clone()).unwrap();
            assert_eq!(
                logits,
                by_definition(&small, &it.data, index),
                "{backend} {index}"
            );
        }
        // The coordinates themselves are no input, nor is an image of another size.
        let csv = scratch.path("coordinates.csv");
        std::fs::write(&csv, "0.5,".repeat(11) + "0.5\n").unwrap();
        let (code, line) = failure(
            &server
                .client(&ids, &["--input", &csv, "--backend", backend])
                .output()
                .unwrap(),
        );
        assert!(code == 3 && line.contains("takes 256"), "{line}");
    }
}

#[test]
fn projected_models_are_trained_and_shrunk_further() {
    let scratch = Scratch::new("projection-chain");
    let it = Digits::new(&scratch);
    let of = |name: &str| scratch.path(name);
    let onnx = of("projected.onnx");
    for (method, size) in [
        ("columns", ["--dim", "40"]),
        ("random", ["--epsilon", "0.25"]),
    ] {
        let settings = [&size[..], &["--method", method, "--epochs", "2"]].concat();
        let found = it.json("project", &it.model, &onnx, &settings);
        if method == "columns" {
            assert_eq!(found["projection"]["dimensions"], 40);
        } else {
            let residual = found["residual"].as_f64().unwrap();
            assert!(residual <= 0.25 && residual > 0.2, "{residual}");
        }
    }
    // What is written reads raw samples, and keeps its factor through the other commands.
    let trained = of("again.onnx");
    it.json("train", &onnx, &trained, &["--epochs", "1"]);
    let pruned = of("pruned.onnx");
    let found = it.json(
        "prune",
        &trained,
        &pruned,
        &["--sparsity", "0.2", "--steps", "1", "--epochs", "1"],
    );
    assert!(found["projection"]["dimensions"].is_u64(), "{found}");
    let small = of("small.privet");
    let found = it.json(
        "shrink",
        &pruned,
        &small,
        &["--max-drop", "50", "--epochs", "1"],
    );
    assert!(found["projection"]["dimensions"].is_u64(), "{found}");
    let checked = privet(&[
        "evaluate", &small, "--input", &it.data, "--labels", &it.labels, "--json",
    ]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    let (code, line) = failure(&it.run("project", &onnx, &of("twice.onnx"), &["--dim", "5"]));
    assert!(code == 3 && line.contains("already"), "{line}");
}

#[test]
fn the_chain_finds_a_subspace_and_resumes_to_the_same_bytes() {
    let scratch = Scratch::new("projection-shrink");
    let it = Digits::new(&scratch);
    let (one, two, plain) = (
        scratch.path("1.privet"),
        scratch.path("2.privet"),
        scratch.path("3.privet"),
    );
    let folder = scratch.path("steps");
    let settings = [
        "--max-drop",
        "10",
        "--epochs",
        "1",
        "--rate",
        "2e-3",
        "--folder",
        &folder,
    ];
    let found = it.json("shrink", &it.model, &one, &settings);
    let rank = found["projection"]["dimensions"].as_u64().unwrap();
    assert!(rank < 128, "{found}");
    let steps = found["steps"].as_array().unwrap();
    assert_eq!(steps[0]["pass"], format!("project 256 features to {rank}"));
    // Half of the finished steps are lost.
    let mut kept: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    kept.sort();
    for path in kept.iter().step_by(2) {
        std::fs::remove_file(path).unwrap();
    }
    assert_eq!(
        it.json("shrink", &it.model, &two, &settings)["after"],
        found["after"]
    );
    assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());
    let settings = ["--max-drop", "10", "--epochs", "1", "--no-projection"];
    let found = it.json("shrink", &it.model, &plain, &settings);
    assert!(found["projection"].is_null(), "{found}");
    assert!(
        file::read(Path::new(&plain))
            .unwrap()
            .graph
            .preprocess
            .projection
            .is_none()
    );
}

#[test]
fn wrong_options_and_files_are_named() {
    let scratch = Scratch::new("projection-wrong");
    let it = Digits::new(&scratch);
    let out = scratch.path("out.onnx");
    for (option, named) in [
        ("--epsilon=0", "epsilon"),
        ("--epsilon=1.5", "epsilon"),
        ("--epsilon=NaN", "epsilon"),
        ("--dim=0", "dimensions"),
        ("--dim=257", "1 to 256"),
        ("--max-drop=NaN", "max drop"),
        ("--max-drop=-1", "max drop"),
    ] {
        let (code, line) = failure(&it.run("project", &it.model, &out, &[option]));
        assert!(code == 2 && line.contains(named), "{option}: {line}");
    }
    for options in [
        &[][..],
        &["--dim=5", "--epsilon=0.5"],
        &["--dim=5", "--max-rank=9"],
    ] {
        let refused = it.run("project", &it.model, &out, options);
        assert_eq!(refused.status.code(), Some(2), "{options:?}");
    }
    // A convolution on the input.
    let (code, line) = failure(&it.run("project", &demo("digits.onnx"), &out, &["--dim=5"]));
    assert!(code == 3 && line.contains("fully connected"), "{line}");
    let csv = scratch.path("bad.csv");
    for (content, named) in [("1,NaN\n2,3\n", "bad.csv"), ("1,2\n3,4\n", "takes 256")] {
        std::fs::write(&csv, content).unwrap();
        let args = [
            "project", &it.model, "--data", &csv, "--labels", &it.labels, "--dim=1", "-o", &out,
        ];
        let (code, line) = failure(&privet(&args));
        assert!(code == 3 && line.contains(named), "{line}");
    }
    let truncated = std::fs::read(&it.data).unwrap();
    std::fs::write(&csv, &truncated[..truncated.len() / 2]).unwrap();
    let args = [
        "project", &it.model, "--data", &csv, "--labels", &it.labels, "--dim=1", "-o", &out,
    ];
    assert_eq!(failure(&privet(&args)).0, 3);
    assert!(!Path::new(&out).exists(), "nothing is written");

    // A factor that does not fit its network, and one that is cut off.
    let good = scratch.path("good.onnx");
    it.json("project", &it.model, &good, &["--dim=6", "--epochs=0"]);
    let bytes = std::fs::read(&good).unwrap();
    let text = b"1x16x16:6:";
    let at = bytes.windows(text.len()).position(|w| w == text).unwrap();
    for (place, digit, named) in [
        (8, b'5', "cut off"),
        (4, b'y', "number"),
        (12, b'g', "hexadecimal"),
    ] {
        let mut bad = bytes.clone();
        bad[at + place] = digit;
        std::fs::write(&out, bad).unwrap();
        let (code, line) = failure(&privet(&["plan", &out]));
        assert!(
            code == 3 && line.contains("projection") && line.contains(named),
            "{line}"
        );
    }
}
