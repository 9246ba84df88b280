//! Real networks on shares, where the test data is present: DeepSecure's first three, ResNet-20 and SqueezeNet.

use std::path::PathBuf;

use privet_model::preprocess::Preprocess;
use privet_model::quant::ir::{Model, Profile};
use privet_model::quant::{Frac, Placement, QuantOptions, quantise, range_of_bytes};
use privet_model::readers::Samples;
use privet_plan::{Backend, Plan, Reveal};

use super::rig::{Setting, run};

/// A file of the test data, or `None` with a printed line where there is none.
fn file(path: &str) -> Option<PathBuf> {
    let base = std::env::var_os("PRIVET_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let file = base.join(path);
    if file.is_file() {
        return Some(file);
    }
    println!("skipped: {} is absent", file.display());
    None
}

/// The network at 16 bits, calibrated on some inputs, and the first of these.
fn network(path: &str, data: &str, preprocess: &str) -> Option<(Model, Vec<Vec<i64>>)> {
    let graph = privet_model::onnx::load(&file(path)?).unwrap();
    let samples = Samples::open(&file(data)?).unwrap();
    let preprocess = Preprocess::parse(preprocess).unwrap();
    let bytes = samples.kind() == privet_model::readers::Kind::Pixels;
    let prepared = |i: usize| {
        let raw = samples.get(i).unwrap();
        let x = preprocess.apply(&raw, samples.shape(), graph.input_shape());
        x.unwrap()
    };
    let calibration: Vec<Vec<f32>> = (0..200).map(prepared).collect();
    let options = QuantOptions {
        frac: Frac::Auto,
        input_range: bytes.then(|| range_of_bytes(&preprocess)).flatten(),
        ..QuantOptions::default()
    };
    let model = quantise(&graph, &options, &calibration).unwrap();
    let inputs = calibration
        .iter()
        .take(2)
        .map(|x| model.graph.quantise_input(x).unwrap())
        .collect();
    Some((model, inputs))
}

fn check(path: &str, data: &str, preprocess: &str) {
    let Some((model, inputs)) = network(path, data, preprocess) else {
        return;
    };
    for backend in [Backend::Ot, Backend::GcOt, Backend::Hybrid] {
        let setting = Setting {
            backend,
            reveal: Reveal::Logits,
            ..Setting::default()
        };
        let (answers, plan) = run(&model, &inputs, setting).unwrap();
        for ((before, input), (answer, report)) in (0..).zip(&inputs).zip(&answers) {
            let clear = model.evaluate(input).unwrap();
            assert_eq!(answer.logits.as_ref(), Some(&clear.logits), "{backend}");
            assert_eq!(answer.label as usize, clear.label);
            assert_eq!(report.online.bytes, plan.cost.inference.bytes());
            assert_eq!(report.offline.bytes, plan.offline_bytes(before));
        }
    }
}

#[test]
fn a_convolutional_network_of_digits() {
    let data = "mnist/t10k-images-idx3-ubyte.gz";
    check("models/b1_mnist_cnn.onnx", data, "divide=255");
}

#[test]
fn a_network_of_digits_with_sigmoids() {
    let data = "mnist/t10k-images-idx3-ubyte.gz";
    check("models/b2_mnist_dnn.onnx", data, "divide=255");
}

#[test]
fn a_network_of_spoken_letters_with_tanhs() {
    let data = "isolet/isolet-test-features-i16e4.idx.gz";
    check("models/b3_isolet.onnx", data, "divide=10000");
}

/// One inference under encryption and GMW, opened to the logits: its label and plan.
fn hybrid(model: &Model, input: Vec<i64>) -> (u32, Plan) {
    let setting = Setting {
        backend: Backend::Hybrid,
        reveal: Reveal::Logits,
        ..Setting::default()
    };
    let clear = model.evaluate(&input).unwrap();
    let (answers, plan) = run(model, &[input], setting).unwrap();
    let (answer, report) = &answers[0];
    if model.graph.profile == Profile::Approx {
        let pairs = answer.logits.iter().flatten().zip(&clear.logits);
        let most = pairs.map(|(a, b)| a.abs_diff(*b)).max();
        // Some are one unit off; a wrap would be thousands.
        assert!(most <= Some(64), "{most:?}");
    } else {
        assert_eq!(answer.logits.as_ref(), Some(&clear.logits));
    }
    assert_eq!(report.online.bytes, plan.cost.inference.bytes());
    assert_eq!(report.offline.bytes, plan.offline_bytes(0));
    let hiding = report.hiding.unwrap();
    assert!(hiding.bits_per_coefficient >= 40.0 && hiding.log2_error < -40.0);
    (answer.label, plan)
}

#[test]
fn a_residual_network_of_small_photographs() {
    let (Some(network), Some(photos)) = (
        file("resnet_cifar10/resnet20_cifar10.onnx"),
        file("cifar10/test_1000.bin"),
    ) else {
        return;
    };
    let graph = privet_model::onnx::load(&network).unwrap();
    let photos = Samples::open(&photos).unwrap();
    let steps = "divide=255,mean=0.485;0.456;0.406,std=0.229;0.224;0.225";
    let preprocess = Preprocess::parse(steps).unwrap();
    let prepared = |i: usize| {
        let raw = photos.get(i).unwrap();
        preprocess
            .apply(&raw, photos.shape(), graph.input_shape())
            .unwrap()
    };
    let calibration: Vec<Vec<f32>> = (0..20).map(prepared).collect();
    let model = quantise(&graph, &QuantOptions::fixed(20, 12), &calibration).unwrap();
    let input = model.graph.quantise_input(&calibration[0]).unwrap();
    hybrid(&model, input);
}

/// All of SqueezeNet's layers on the middle of a photograph, fraction bits dropped early, late, and by each party alone: what is planned is what travels.
#[test]
fn squeezenet_on_a_piece_of_a_photograph() {
    let (Some(network), Some(photo)) = (
        file("squeezenet/squeezenet1.1.onnx"),
        file("photos/kitten.ppm"),
    ) else {
        return;
    };
    let bytes = privet_model::readers::read_file(&network).unwrap();
    let graph = privet_model::onnx::import_with_shape(&bytes, "squeezenet", Some(&[3, 79, 79]));
    let graph = graph.unwrap();
    let photo = Samples::open(&photo).unwrap();
    let preprocess = Preprocess::parse("crop=79x79,bgr,mean=104,117,123").unwrap();
    let raw = photo.get(0).unwrap();
    let input = preprocess
        .apply(&raw, photo.shape(), graph.input_shape())
        .unwrap();
    let ways = [
        (Placement::Early, Profile::Exact),
        (Placement::Late, Profile::Exact),
        (Placement::Early, Profile::Approx),
    ];
    let bytes = ways.map(|(placement, profile)| {
        let options = QuantOptions {
            placement,
            profile,
            ..QuantOptions::fixed(25, 12)
        };
        let model = quantise(&graph, &options, std::slice::from_ref(&input)).unwrap();
        let layers = model.graph.nodes.iter();
        let layers = layers.filter(|node| node.op.weight_bits().is_some());
        assert_eq!(layers.count(), 26);
        let integers = model.graph.quantise_input(&input).unwrap();
        hybrid(&model, integers).1.cost.total().bytes()
    });
    assert!(bytes[0] > bytes[1] && bytes[1] > bytes[2], "{bytes:?}");
}

#[test]
#[ignore = "minutes"]
fn squeezenet_on_six_photographs() {
    let (Some(network), Some(table)) = (
        file("squeezenet/squeezenet1.1.onnx"),
        file("photos/predictions.csv"),
    ) else {
        return;
    };
    let graph = privet_model::onnx::load(&network).unwrap();
    let preprocess = Preprocess::parse("bgr,mean=104,117,123").unwrap();
    let table = std::fs::read_to_string(table).unwrap();
    let photos: Vec<(Vec<f32>, u32)> = table
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let photo = file(&format!("photos/{}", fields[0])).unwrap();
            let photo = Samples::open(&photo).unwrap();
            let raw = photo.get(0).unwrap();
            let input = preprocess.apply(&raw, photo.shape(), graph.input_shape());
            (input.unwrap(), fields[3].parse().unwrap())
        })
        .collect();
    let inputs: Vec<Vec<f32>> = photos.iter().map(|(input, _)| input.clone()).collect();
    let model = quantise(&graph, &QuantOptions::fixed(25, 12), &inputs).unwrap();
    for (input, label) in photos {
        let input = model.graph.quantise_input(&input).unwrap();
        assert_eq!(hybrid(&model, input).0, label);
    }
}
