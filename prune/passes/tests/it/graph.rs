//! Networks from float graphs and back.

use privet_model::graph::{Affine, Builder, Graph, Linear, Op, Per, Window};
use privet_passes::Network;
use privet_passes::network::{Layer, Pool};
use privet_passes::rng::Rng;

fn network() -> Network {
    let mut rng = Rng::new(1, 0);
    Network {
        name: "small".to_owned(),
        input: vec![1, 8, 8],
        layers: vec![
            Layer::conv(1, 3, Window::new([3, 3]), &mut rng),
            Layer::Relu,
            Layer::MaxPool(Pool::new([2, 2], [2, 2], [6, 6]).unwrap()),
            Layer::AvgPool(Pool::new([2, 2], [1, 1], [3, 3]).unwrap()),
            Layer::Reshape(vec![12]),
            Layer::Dropout(0.5),
            Layer::linear(12, 5, &mut rng),
            Layer::Tanh,
            Layer::linear(5, 4, &mut rng),
            Layer::Sigmoid,
        ],
    }
}

#[test]
fn a_network_survives_the_way_through_a_graph() {
    let mut network = network();
    let graph = network.to_graph().unwrap();
    assert_eq!(graph.input_shape(), [1, 8, 8]);
    assert_eq!(graph.output_shape(), [4]);
    let back = Network::from_graph(&graph).unwrap();
    network.layers.retain(|l| !matches!(l, Layer::Dropout(_)));
    assert_eq!(back, network);
}

fn graph(build: impl FnOnce(&mut Builder)) -> Graph {
    let mut builder = Builder::new("g", "x", &[2]).unwrap();
    build(&mut builder);
    let last = (0..).take_while(|i| builder.shape(privet_model::graph::ValueId(*i)).is_some());
    let last = last.last().unwrap();
    builder.finish(privet_model::graph::ValueId(last)).unwrap()
}

fn identity() -> Op {
    Op::Linear(Linear {
        inputs: 2,
        outputs: 2,
        weights: vec![1.0, 0.0, 0.0, 1.0],
        bias: vec![1.0, -1.0],
    })
}

#[test]
fn constants_behind_a_linear_layer_are_folded() {
    let affine = Affine {
        per: Per::Channel,
        scale: vec![2.0, 3.0],
        shift: vec![0.5, 0.25],
    };
    let g = graph(|b| {
        let y = b.push("fc", identity(), &[b.input()]).unwrap();
        b.push("bn", Op::Affine(affine), &[y]).unwrap();
    });
    let network = Network::from_graph(&g).unwrap();
    let logits = network.logits(&ndarray::arr2(&[[1.0, 10.0]])).unwrap();
    assert_eq!(
        logits,
        ndarray::arr2(&[[2.0 * 2.0 + 0.5, 9.0 * 3.0 + 0.25]])
    );
}

#[test]
fn what_cannot_be_trained_is_named() {
    let affine = Affine {
        per: Per::Tensor,
        scale: vec![2.0],
        shift: vec![0.0],
    };
    let g = graph(|b| {
        b.push("first", Op::Affine(affine), &[b.input()]).unwrap();
    });
    let e = Network::from_graph(&g).unwrap_err().to_string();
    assert!(e.starts_with("node first:"), "{e}");
    let g = graph(|b| {
        b.push("clip", Op::Clip { lo: 0.0, hi: 6.0 }, &[b.input()])
            .unwrap();
    });
    assert!(
        Network::from_graph(&g)
            .unwrap_err()
            .to_string()
            .contains("Clip")
    );
    let g = graph(|b| {
        let y = b.push("fc", identity(), &[b.input()]).unwrap();
        b.push("skip", Op::Add, &[y, b.input()]).unwrap();
    });
    let e = Network::from_graph(&g).unwrap_err().to_string();
    assert!(e.contains("skip") && e.contains("chain"), "{e}");
}

#[test]
fn misfits_are_named() {
    let mut network = network();
    network.input = vec![1, 12, 8];
    let e = network.shapes().unwrap_err().to_string();
    assert!(e.contains("layer"), "{e}");
    let short = ndarray::Array2::zeros((1, 3));
    assert!(network.logits(&short).is_err());
}
