//! Whole small networks, and the label.

use super::sketch::{conv, linear, window};
use super::{Sketch, Stream, Vector};
use crate::ops::table;
use crate::quant::ir::{Function, Op, Pool};

pub(super) fn vectors() -> Vec<Vector> {
    vec![ties(), convolutional(), residual(), tanh_network()]
}

/// The lowest index wins.
fn ties() -> Vector {
    let mut sketch = Sketch::new(&[5], 8, 2);
    let input = sketch.input();
    sketch.keep(Op::Clip { lo: -4, hi: 4 }, &[input]);
    let inputs = vec![
        vec![0, 4, 4, 4, 0],
        vec![-1, -1, -1, -1, -1],
        vec![3, 2, 50, 4, 60],
        vec![-60, -50, -4, -5, -4],
        vec![-2, -3, -2, -1, -1],
    ];
    Vector::new("label of equal logits", sketch, inputs)
}

/// Convolution, ReLU, truncation, max-pool, fully connected.
fn convolutional() -> Vector {
    let mut stream = Stream::new(40);
    let mut sketch = Sketch::new(&[1, 7, 7], 12, 4);
    let input = sketch.input();
    let params = stream.params((27, 6), (3, 14));
    let op = conv(1, 3, 1, window(3, 1, 1, 1));
    let z = sketch.push(op, Some(params), &[input], (&[3, 7, 7], 16, 8));
    let short = sketch.push(Op::Trunc { shift: 4 }, None, &[z], (&[3, 7, 7], 12, 4));
    let positive = sketch.keep(Op::Relu, &[short]);
    let pool = Op::MaxPool(Pool {
        window: window(3, 3, 0, 0),
    });
    let best = sketch.push(pool, None, &[positive], (&[3, 3, 3], 12, 4));
    let flat = sketch.push(Op::Reshape, None, &[best], (&[27], 12, 4));
    let params = stream.params((27 * 4, 6), (4, 14));
    let logits = sketch.push(linear(27, 4, 6), Some(params), &[flat], (&[4], 16, 8));
    sketch.push(Op::Trunc { shift: 4 }, None, &[logits], (&[4], 12, 4));
    let inputs = (0..3).map(|_| stream.many(49, 9)).collect();
    Vector::new("small convolutional network", sketch, inputs)
}

/// A residual block at double scale, then the mean of each channel with its fraction bits dropped.
fn residual() -> Vector {
    let mut stream = Stream::new(41);
    let shape = [2, 4, 3];
    let mut sketch = Sketch::new(&shape, 10, 4);
    let input = sketch.input();
    let params = stream.params((36, 6), (2, 12));
    let op = conv(2, 2, 1, window(3, 1, 1, 1));
    let z = sketch.push(op, Some(params), &[input], (&shape, 16, 8));
    let wide = sketch.push(Op::Resize, None, &[input], (&shape, 16, 4));
    let raised = sketch.push(Op::Shl { k: 4 }, None, &[wide], (&shape, 16, 8));
    let sum = sketch.keep(Op::Add, &[z, raised]);
    let positive = sketch.keep(Op::Relu, &[sum]);
    let wider = sketch.push(Op::Resize, None, &[positive], (&shape, 20, 8));
    let mean = Op::AvgPool {
        pool: Pool {
            window: crate::quant::ir::Window::new([4, 3]),
        },
        count_padding: false,
        shift: 4,
    };
    sketch.push(mean, None, &[wider], (&[2, 1, 1], 12, 4));
    let inputs = (0..4).map(|_| stream.many(24, 9)).collect();
    Vector::new("residual block and global mean", sketch, inputs)
}

fn tanh_network() -> Vector {
    let mut stream = Stream::new(42);
    let frac = 11;
    let mut sketch = Sketch::new(&[6], 16, frac);
    let input = sketch.input();
    let params = stream.params((6 * 5, 7), (5, 14));
    let op = linear(6, 5, 7);
    let z = sketch.push(op, Some(params), &[input], (&[5], 20, frac + 4));
    let short = sketch.push(Op::Trunc { shift: 4 }, None, &[z], (&[5], 17, frac));
    let table = table::named(Function::Tanh, 16, frac).expect("a table");
    let [lo, hi] = table::domain(&table).expect("a domain");
    let clipped = sketch.keep(Op::Clip { lo, hi }, &[short]);
    let domain = sketch.push(Op::Resize, None, &[clipped], (&[5], 16, frac));
    let active = sketch.keep(Op::Table(table), &[domain]);
    let params = stream.params((15, 7), (3, 14));
    let logits = sketch.push(
        linear(5, 3, 7),
        Some(params),
        &[active],
        (&[3], 20, frac + 4),
    );
    sketch.push(Op::Trunc { shift: 4 }, None, &[logits], (&[3], 16, frac));
    let inputs = (0..4).map(|_| stream.many(6, 14)).collect();
    Vector::new("small tanh network", sketch, inputs)
}
