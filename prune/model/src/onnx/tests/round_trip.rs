//! A graph with every operation comes back from its own export.

use super::*;
use crate::graph::{Affine, Builder, Conv, Linear, Op, Per, Pool, Window};
use crate::preprocess::Preprocess;

#[test]
fn every_operation_comes_back() {
    let mut random = Random(7);
    let mut b = Builder::new("all", "image", &[2, 7, 6]).unwrap();
    let window = Window {
        kernel: [3, 2],
        strides: [1, 2],
        dilations: [2, 1],
        pads_before: [2, 0],
        pads_after: [1, 1],
    };
    let conv = Op::Conv(Conv {
        in_channels: 2,
        out_channels: 4,
        groups: 2,
        window,
        weights: random.floats(24),
        bias: random.floats(4),
    });
    let c = b.push("conv", conv, &[b.input()]).unwrap();
    assert_eq!(b.shape(c).unwrap(), [4, 6, 3]);
    let entries = |random: &mut Random, n| random.floats(n).iter().map(|&v| v.into()).collect();
    let mut x = c;
    for (per, count) in [(Per::Tensor, 1), (Per::Channel, 4), (Per::Element, 72)] {
        let scale = entries(&mut random, count);
        let shift = entries(&mut random, count);
        let op = Op::Affine(Affine { per, scale, shift });
        x = b.push("affine", op, &[x]).unwrap();
    }
    let only_shift = Affine {
        per: Per::Channel,
        scale: vec![1.0; 4],
        shift: vec![0.5; 4],
    };
    x = b.push("shift", Op::Affine(only_shift), &[x]).unwrap();
    let r = b.push("relu", Op::Relu, &[x]).unwrap();
    let t = b.push("tanh", Op::Tanh, &[x]).unwrap();
    let s = b.push("sigmoid", Op::Sigmoid, &[x]).unwrap();
    let lo_only = Op::Clip {
        lo: -0.25,
        hi: f32::INFINITY,
    };
    let k = b.push("clip", lo_only, &[x]).unwrap();
    let k = b
        .push("clip2", Op::Clip { lo: -1.0, hi: 1.0 }, &[k])
        .unwrap();
    let two = b.push("add", Op::Add, &[r, t]).unwrap();
    let three = b.push("sum", Op::Add, &[two, s, k]).unwrap();
    let joined = b
        .push("concat", Op::Concat { axis: 1 }, &[three, r])
        .unwrap();
    let pad = Op::Pad {
        before: vec![0, 1, 0],
        after: vec![1, 0, 2],
        value: 0.125,
    };
    let p = b.push("pad", pad, &[joined]).unwrap();
    assert_eq!(b.shape(p).unwrap(), [5, 13, 5]);
    // Ceil mode along the first axis only: 13 cells, kernel 3, stride 3 -> 5 windows instead of 4.
    let mut window = Window::new([3, 2]);
    window.strides = [3, 2];
    let pool = Pool {
        window,
        output: [5, 2],
    };
    let m = b.push("max", Op::MaxPool(pool.clone()), &[p]).unwrap();
    let a = b.push("average", Op::AvgPool(pool), &[p]).unwrap();
    let both = b.push("both", Op::Add, &[m, a]).unwrap();
    let turned = b
        .push(
            "turn",
            Op::Transpose {
                perm: vec![2, 0, 1],
            },
            &[both],
        )
        .unwrap();
    let flat = b
        .push("flat", Op::Reshape { shape: vec![50] }, &[turned])
        .unwrap();
    let linear = Op::Linear(Linear {
        inputs: 50,
        outputs: 3,
        weights: random.floats(150),
        bias: random.floats(3),
    });
    let y = b.push("fc", linear, &[flat]).unwrap();
    b.set_preprocess(Preprocess::parse("divide=255,mean=0.25").unwrap());
    b.set_classes(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]);
    let graph = b.finish(y).unwrap();

    let again = import(&export(&graph), "all").unwrap();
    assert_eq!(again.input_shape(), graph.input_shape());
    assert_eq!(again.output_shape(), [3]);
    assert_eq!(
        (&again.preprocess, &again.classes),
        (&graph.preprocess, &graph.classes)
    );
    for _ in 0..5 {
        let x = random.floats(84);
        let want: Vec<f64> = graph
            .evaluate(&x)
            .unwrap()
            .iter()
            .map(|&v| v.into())
            .collect();
        close(&again.evaluate(&x).unwrap(), &want);
    }
    // A second export is the same graph again.
    let third = import(&export(&again), "all").unwrap();
    assert_eq!(third.nodes, again.nodes);
    assert_eq!(third.values, again.values);
}

#[test]
fn hashes_are_those_of_the_bytes() {
    let mut b = Builder::new("m", "x", &[2]).unwrap();
    let y = b.push("relu", Op::Relu, &[b.input()]).unwrap();
    let graph = b.finish(y).unwrap();
    assert_eq!(graph.source_sha256, [0; 32]);
    let bytes = export(&graph);
    let imported = import(&bytes, "m").unwrap();
    let want: [u8; 32] =
        sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(&bytes)).into();
    assert_eq!(imported.source_sha256, want);
}
