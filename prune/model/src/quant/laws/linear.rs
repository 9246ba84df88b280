//! Linear layers, convolutions and the truncation behind them.

use super::sketch::{conv, linear, window};
use super::{Sketch, Stream, Vector};
use crate::quant::ir::{Op, Params, Window};

pub(super) fn vectors() -> Vec<Vector> {
    vec![
        identity_then_truncation(),
        truncation_into_other_rings(),
        dot_products(),
        extreme_weights(),
        wrapping_sum(),
        convolution("convolution 3x3", 2, 3, 1, window(3, 1, 1, 1)),
        convolution("convolution, stride 2", 2, 2, 1, window(3, 2, 1, 0)),
        convolution("convolution 1x1", 3, 2, 1, window(1, 1, 0, 0)),
        convolution("convolution by groups", 4, 6, 2, window(2, 1, 1, 0)),
        convolution("depthwise convolution", 3, 3, 3, window(3, 1, 1, 1)),
        convolution(
            "convolution, dilated and uneven",
            2,
            2,
            1,
            Window {
                kernel: [2, 3],
                strides: [2, 1],
                dilations: [2, 2],
                pads_before: [0, 2],
                pads_after: [1, 1],
            },
        ),
    ]
}

/// Weight 1 (16 with 4 fraction bits would be 1.0; the integer 1 is exact): z = x + r, then T_4.
fn identity_then_truncation() -> Vector {
    let edges = vec![
        vec![-1, 0, 1, 7],
        vec![8, -8, -9, -16],
        vec![-17, 15, 16, 23],
        vec![24, -24, -25, 32767],
        vec![-32768, -32767, 32760, 32759],
    ];
    let mut sketch = Sketch::new(&[4], 16, 8);
    let mut weights = vec![0; 16];
    for i in [0, 5, 10, 15] {
        if let Some(w) = weights.get_mut(i) {
            *w = 1;
        }
    }
    let params = Params {
        weights,
        bias: vec![0, 0, 8, 8],
    };
    let input = sketch.input();
    let z = sketch.push(linear(4, 4, 2), Some(params), &[input], (&[4], 20, 12));
    sketch.push(Op::Trunc { shift: 4 }, None, &[z], (&[4], 16, 8));
    Vector::new("truncation is floor, rounding is a constant", sketch, edges)
}

/// The result is sign-extended or reduced into the ring of its reader.
fn truncation_into_other_rings() -> Vector {
    let mut stream = Stream::new(1);
    let mut sketch = Sketch::new(&[6], 20, 8);
    let input = sketch.input();
    let wide = sketch.push(Op::Trunc { shift: 4 }, None, &[input], (&[6], 24, 4));
    let narrow = sketch.push(Op::Trunc { shift: 1 }, None, &[wide], (&[6], 9, 3));
    sketch.push(Op::Resize, None, &[narrow], (&[6], 13, 3));
    let mut inputs = vec![vec![-1, -16, -17, 524_287, -524_288, 0]];
    inputs.extend((0..4).map(|_| stream.many(6, 20)));
    Vector::new("truncation into wider and narrower rings", sketch, inputs)
}

fn dot_products() -> Vector {
    let mut stream = Stream::new(2);
    let mut sketch = Sketch::new(&[19], 16, 4);
    let params = stream.params((19 * 3, 9), (3, 20));
    let input = sketch.input();
    let z = sketch.push(linear(19, 3, 9), Some(params), &[input], (&[3], 28, 8));
    sketch.push(Op::Trunc { shift: 4 }, None, &[z], (&[3], 24, 4));
    let inputs = (0..6).map(|_| stream.many(19, 16)).collect();
    Vector::new("dot products of 19 terms", sketch, inputs)
}

/// Least and greatest weights of 8 bits against least and greatest inputs.
fn extreme_weights() -> Vector {
    let mut sketch = Sketch::new(&[2], 8, 0);
    let params = Params {
        weights: vec![-128, 127, 127, 127, -128, -128, -1, 0, 1, 0],
        bias: vec![0, -1, 1, 0, 0],
    };
    let input = sketch.input();
    sketch.push(linear(2, 5, 8), Some(params), &[input], (&[5], 20, 4));
    let edges = [-128, -127, -1, 0, 1, 127];
    let inputs = edges.iter().flat_map(|&a| edges.map(|b| vec![a, b]));
    Vector::new("extreme weights", sketch, inputs.collect())
}

/// Sums that exceed the ring wrap, also where a truncation and a ReLU follow.
fn wrapping_sum() -> Vector {
    let mut stream = Stream::new(3);
    let mut sketch = Sketch::new(&[4], 8, 0);
    let mut params = stream.params((4 * 3, 8), (3, 12));
    params.weights.splice(0..4, [127, 127, 127, 127]);
    let input = sketch.input();
    let z = sketch.push(linear(4, 3, 8), Some(params), &[input], (&[3], 12, 4));
    let positive = sketch.keep(Op::Relu, &[z]);
    sketch.push(Op::Trunc { shift: 4 }, None, &[positive], (&[3], 8, 0));
    let mut inputs = vec![
        vec![127; 4],
        vec![-128; 4],
        vec![16, 0, 0, 0],
        vec![4, 4, 4, 4],
    ];
    inputs.extend((0..6).map(|_| stream.many(4, 8)));
    Vector::new("sums beyond the ring wrap", sketch, inputs)
}

fn convolution(
    name: &'static str,
    in_channels: usize,
    out_channels: usize,
    groups: usize,
    window: Window,
) -> Vector {
    let mut stream = Stream::new(4);
    let (height, width) = (5, 4);
    let [oh, ow] = window
        .output([height, width], crate::graph::Rounding::Floor)
        .expect("it fits");
    let weights = out_channels * in_channels / groups * window.kernel.iter().product::<usize>();
    let params = stream.params((weights, 6), (out_channels, 18));
    let mut sketch = Sketch::new(&[in_channels, height, width], 12, 4);
    let input = sketch.input();
    let shape = [out_channels, oh, ow];
    let op = conv(in_channels, out_channels, groups, window);
    let z = sketch.push(op, Some(params), &[input], (&shape, 20, 8));
    let positive = sketch.keep(Op::Relu, &[z]);
    sketch.push(Op::Trunc { shift: 4 }, None, &[positive], (&shape, 16, 4));
    let inputs = (0..3).map(|_| stream.many(in_channels * height * width, 12));
    Vector::new(name, sketch, inputs.collect())
}
