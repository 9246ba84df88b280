//! Trained networks keep their accuracy as integers.

use std::time::Instant;

use privet_model::float::argmax;
use privet_model::graph::Graph;
use privet_model::preprocess::Preprocess;
use privet_model::quant::ir::Model;
use privet_model::quant::{self, Frac, Oracle, Placement, QuantError, QuantOptions};
use privet_model::readers::Samples;

use crate::data;

type Labelled = Vec<(Vec<f32>, usize)>;

const MNIST: [&str; 2] = [
    "mnist/t10k-images-idx3-ubyte.gz",
    "mnist/t10k-labels-idx1-ubyte.gz",
];
const ISOLET: [&str; 2] = [
    "isolet/isolet-test-features-i16e4.idx.gz",
    "isolet/isolet-test-labels.idx.gz",
];
const DSA: [&str; 2] = [
    "dsa/dsa-test456-i16q12.idx.gz",
    "dsa/dsa-test456-labels.idx.gz",
];
const CIFAR: &str = "divide=255,mean=0.485,0.456,0.406,std=0.229,0.224,0.225";

fn inputs(samples: &Labelled) -> Vec<Vec<f32>> {
    samples.iter().map(|s| s.0.clone()).collect()
}

/// Quantises on the samples' inputs; right answers in floats and in integers.
fn compare(graph: &Graph, options: &QuantOptions, samples: &Labelled) -> (Model, [usize; 2]) {
    let start = Instant::now();
    let model = quant::quantise(graph, options, &inputs(samples)).unwrap();
    let quantised = start.elapsed();
    let start = Instant::now();
    let oracle = Oracle::new(&model).unwrap();
    let label = |x: &[f32]| {
        let integers = model.graph.quantise_input(x).unwrap();
        oracle.evaluate(&integers).unwrap().label
    };
    let integers = samples.iter().filter(|(x, l)| label(x) == *l).count();
    let evaluated = start.elapsed();
    let float = |x: &[f32]| argmax(&graph.evaluate(x).unwrap());
    let floats = samples.iter().filter(|(x, l)| float(x) == Some(*l)).count();
    println!(
        "{} at {} bits, {} of them fraction bits: {integers} of {} right, {floats} in floats; \
         quantised in {quantised:.1?}, evaluated in {evaluated:.1?}",
        graph.name,
        options.bits,
        frac(&model),
        samples.len(),
    );
    (model, [floats, integers])
}

fn frac(model: &Model) -> u32 {
    model.graph.tensor(model.graph.input).unwrap().frac_bits
}

/// Loads, and compares with at most `slack` answers lost.
fn keeps(
    model: &str,
    [data, labels]: [&str; 2],
    preprocess: Option<&str>,
    options: &QuantOptions,
    slack: usize,
) {
    let Some(graph) = data::model(model) else {
        return;
    };
    let limit = if model.contains("mnist") {
        1000
    } else {
        usize::MAX
    };
    if let Some(samples) = data::samples(&graph, data, labels, preprocess, limit) {
        let (_, [floats, integers]) = compare(&graph, options, &samples);
        assert!(integers + slack >= floats);
    }
}

#[test]
fn b1_on_a_thousand_images() {
    let options = QuantOptions::fixed(16, 12);
    keeps("models/b1_mnist_cnn.onnx", MNIST, None, &options, 1);
}

#[test]
fn b1_with_the_range_of_bytes_reads_short_words() {
    let Some(graph) = data::model("models/b1_mnist_cnn.onnx") else {
        return;
    };
    let Some(samples) = data::samples(&graph, MNIST[0], MNIST[1], None, 1000) else {
        return;
    };
    let bytes = Preprocess::parse("divide=255").unwrap();
    let options = QuantOptions {
        input_range: quant::range_of_bytes(&bytes),
        ..QuantOptions::fixed(16, 12)
    };
    let (model, [floats, integers]) = compare(&graph, &options, &samples);
    assert!(integers + 1 >= floats);
    let input = model.graph.tensor(model.graph.input).unwrap();
    // 1.0 is 2^12, which needs 14 bits with its sign.
    assert_eq!(input.ring.bits(), 14);
}

#[test]
fn b2_on_a_thousand_images() {
    let options = QuantOptions::fixed(16, 11);
    keeps("models/b2_mnist_dnn.onnx", MNIST, None, &options, 1);
}

#[test]
fn b3_on_its_test_set() {
    let options = QuantOptions::fixed(16, 11);
    let scale = Some("divide=10000");
    keeps("models/b3_isolet.onnx", ISOLET, scale, &options, 2);
}

#[test]
#[ignore = "seconds"]
fn b4_on_its_test_set() {
    let options = QuantOptions::fixed(16, 10);
    let scale = Some("divide=4096");
    keeps("models/b4_dsa.onnx.gz", DSA, scale, &options, 2);
}

#[test]
fn b3_overflows_with_twelve_fraction_bits() {
    let Some(graph) = data::model("models/b3_isolet.onnx") else {
        return;
    };
    let scale = Some("divide=10000");
    let Some(samples) = data::samples(&graph, ISOLET[0], ISOLET[1], scale, usize::MAX) else {
        return;
    };
    let refused = quant::quantise(&graph, &QuantOptions::fixed(16, 12), &inputs(&samples));
    let Err(QuantError::Overflow(shortages)) = refused else {
        panic!("{refused:?}");
    };
    let found: Vec<(&str, u32)> = (shortages.iter())
        .map(|s| (s.layer.as_str(), s.missing))
        .collect();
    assert_eq!(found, [("fc2", 1)]);
    let auto = QuantOptions {
        frac: Frac::Auto,
        margin: Some(0),
        ..QuantOptions::default()
    };
    let model = quant::quantise(&graph, &auto, &inputs(&samples)).unwrap();
    assert_eq!(frac(&model), 11);
}

fn resnet(name: &str, limit: usize, options: &QuantOptions, slack: usize) {
    let Some(graph) = data::model(&format!("resnet_cifar10/{name}")) else {
        return;
    };
    let Some(samples) = data::samples(&graph, "cifar10/test_1000.bin", "", Some(CIFAR), limit)
    else {
        return;
    };
    let (model, [floats, integers]) = compare(&graph, options, &samples);
    assert!(integers + slack >= floats);
    let convolutions = (model.graph.nodes.iter())
        .filter(|n| matches!(n.op, quant::ir::Op::Conv(_)))
        .count();
    assert_eq!(convolutions, 21, "batch norm is folded");
}

#[test]
fn resnet_on_a_few_images() {
    let options = QuantOptions::default();
    resnet("resnet20_cifar10_bn.onnx", 8, &options, 0);
}

#[test]
#[ignore = "a minute"]
fn resnet_on_two_hundred_images() {
    for (name, placement) in [
        ("resnet20_cifar10_bn.onnx", Placement::Early),
        ("resnet20_cifar10.onnx", Placement::Late),
    ] {
        let options = QuantOptions {
            placement,
            ..QuantOptions::default()
        };
        resnet(name, 200, &options, 3);
    }
}

fn photos(graph: &Graph) -> Option<Labelled> {
    let table = std::fs::read_to_string(data::file("photos/predictions.csv")?).unwrap();
    let preprocess = Preprocess::parse("bgr,mean=104,117,123").unwrap();
    let lines = table.lines().skip(1);
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let photo = Samples::open(&data::file(&format!("photos/{}", fields[0]))?).unwrap();
            let raw = photo.get(0).unwrap();
            let x = preprocess.apply(&raw, photo.shape(), graph.input_shape());
            Some((x.unwrap(), fields[3].parse().unwrap()))
        })
        .collect()
}

fn squeezenet(placement: Placement, limit: usize) {
    let Some(graph) = data::model("squeezenet/squeezenet1.1.onnx") else {
        return;
    };
    let Some(mut samples) = photos(&graph) else {
        return;
    };
    samples.truncate(limit);
    let options = QuantOptions {
        placement,
        ..QuantOptions::fixed(25, 12)
    };
    let (model, [floats, integers]) = compare(&graph, &options, &samples);
    assert_eq!([floats, integers], [samples.len(); 2]);
    for node in &model.graph.nodes {
        if let quant::ir::Op::Conv(_) = node.op {
            let bits = model.graph.tensor(node.output).unwrap().ring.bits();
            assert_eq!(bits, 37, "{}", node.name);
        }
    }
}

#[test]
fn squeezenet_on_a_photograph() {
    squeezenet(Placement::Early, 1);
}

#[test]
#[ignore = "tens of seconds"]
fn squeezenet_on_six_photographs() {
    squeezenet(Placement::Early, 6);
    squeezenet(Placement::Late, 6);
}
