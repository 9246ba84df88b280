//! Trained networks have the accuracy in floats that was recorded when they were made.

use privet_model::float::argmax;
use privet_model::graph::Graph;
use privet_model::onnx;
use privet_model::preprocess::Preprocess;
use privet_model::readers::Samples;

use crate::data;

fn correct(graph: &Graph, samples: &[(Vec<f32>, usize)]) -> usize {
    let hit = |(x, label): &&(Vec<f32>, usize)| argmax(&graph.evaluate(x).unwrap()) == Some(*label);
    samples.iter().filter(hit).count()
}

/// The recorded number, but for one sample on the edge: kernels sum in different orders.
fn near(got: usize, recorded: usize) {
    println!("{got} correct");
    assert!(
        got.abs_diff(recorded) <= 1,
        "{got} correct, recorded {recorded}"
    );
}

#[test]
fn b1_on_the_first_thousand_images() {
    let Some(graph) = data::model("models/b1_mnist_cnn.onnx") else {
        return;
    };
    assert_eq!(graph.input_shape(), [1, 28, 28]);
    assert_eq!(graph.output_shape(), [10]);
    let listing = graph.listing();
    assert_eq!(listing.parameters, 85_740);
    let (images, labels) = (
        "mnist/t10k-images-idx3-ubyte.gz",
        "mnist/t10k-labels-idx1-ubyte.gz",
    );
    if let Some(samples) = data::samples(&graph, images, labels, None, 1000) {
        near(correct(&graph, &samples), 988);
    }
}

#[test]
fn b2_on_the_first_thousand_images() {
    let Some(graph) = data::model("models/b2_mnist_dnn.onnx") else {
        return;
    };
    let (images, labels) = (
        "mnist/t10k-images-idx3-ubyte.gz",
        "mnist/t10k-labels-idx1-ubyte.gz",
    );
    if let Some(samples) = data::samples(&graph, images, labels, None, 1000) {
        near(correct(&graph, &samples), 977);
    }
}

#[test]
fn b3_on_the_whole_test_set() {
    let Some(graph) = data::model("models/b3_isolet.onnx") else {
        return;
    };
    let (features, labels) = (
        "isolet/isolet-test-features-i16e4.idx.gz",
        "isolet/isolet-test-labels.idx.gz",
    );
    let scale = Some("divide=10000");
    if let Some(samples) = data::samples(&graph, features, labels, scale, usize::MAX) {
        assert_eq!(samples.len(), 1559);
        near(correct(&graph, &samples), 1495);
    }
}

#[test]
fn b4_on_its_test_samples() {
    let Some(graph) = data::model("models/b4_dsa.onnx.gz") else {
        return;
    };
    let (features, labels) = (
        "dsa/dsa-test456-i16q12.idx.gz",
        "dsa/dsa-test456-labels.idx.gz",
    );
    let scale = Some("divide=4096");
    if let Some(samples) = data::samples(&graph, features, labels, scale, usize::MAX) {
        assert_eq!(samples.len(), 456);
        near(correct(&graph, &samples), 451);
    }
}

#[test]
fn squeezenet_on_six_photographs() {
    let Some(graph) = data::model("squeezenet/squeezenet1.1.onnx") else {
        return;
    };
    let Some(table) = data::file("photos/predictions.csv") else {
        return;
    };
    let preprocess = Preprocess::parse("bgr,mean=104,117,123").unwrap();
    for line in std::fs::read_to_string(table).unwrap().lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let Some(photo) = data::file(&format!("photos/{}", fields[0])) else {
            return;
        };
        let sample = Samples::open(&photo).unwrap();
        let raw = sample.get(0).unwrap();
        let x = preprocess
            .apply(&raw, sample.shape(), graph.input_shape())
            .unwrap();
        let label = argmax(&graph.evaluate(&x).unwrap());
        assert_eq!(label, fields[3].parse().ok(), "{}", fields[0]);
    }
}

#[test]
fn resnet_with_batch_norm_folded_and_explicit() {
    let Some(folded) = data::model("resnet_cifar10/resnet20_cifar10.onnx") else {
        return;
    };
    let scale = Some("divide=255,mean=0.485,0.456,0.406,std=0.229,0.224,0.225");
    let batch = "cifar10/test_1000.bin";
    let Some(samples) = data::samples(&folded, batch, "", scale, 1000) else {
        return;
    };
    near(correct(&folded, &samples), 804);
    let Some(explicit) = data::model("resnet_cifar10/resnet20_cifar10_bn.onnx") else {
        return;
    };
    assert!(explicit.nodes.len() > folded.nodes.len());
    for (x, _) in samples.iter().take(50) {
        let (a, b) = (folded.evaluate(x).unwrap(), explicit.evaluate(x).unwrap());
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
    }
}

#[test]
fn exports_of_trained_networks_compute_the_same() {
    for name in ["models/b1_mnist_cnn.onnx", "squeezenet/squeezenet1.1.onnx"] {
        let Some(graph) = data::model(name) else {
            return;
        };
        let again = onnx::import(&onnx::export(&graph), "again").unwrap();
        assert_eq!(again.listing(), graph.listing());
        let size = graph.input_shape().iter().product();
        let x: Vec<f32> = (0..97_u8)
            .cycle()
            .take(size)
            .map(|i| f32::from(i) / 97.0)
            .collect();
        assert_eq!(again.evaluate(&x).unwrap(), graph.evaluate(&x).unwrap());
    }
}
