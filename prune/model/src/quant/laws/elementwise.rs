//! ReLU, clip, tables, additions, shifts and changes of ring.

use super::{Sketch, Stream, Vector};
use crate::ops::table;
use crate::quant::ir::{Function, Op, Params};

pub(super) fn vectors() -> Vec<Vector> {
    let mut all = vec![
        relu(),
        clip("clip in range", 12, -1000, 500, -1000),
        clip("clip to one value", 12, 7, 7, 0),
        clip("clip, differences wrap", 8, -100, 100, -128),
        clip("clip at the ends of the ring", 8, -128, 127, -128),
        sum_of_three(),
        sum_with_itself(),
        constants(),
        reflections(),
        double_scale(),
        rings(),
    ];
    for (name, function, frac) in [
        ("sigmoid, 12 fraction bits", Function::Sigmoid, 12),
        ("sigmoid, 11 fraction bits", Function::Sigmoid, 11),
        ("tanh, 12 fraction bits", Function::Tanh, 12),
        ("tanh, 11 fraction bits", Function::Tanh, 11),
    ] {
        all.push(tabulated(name, function, frac));
    }
    all
}

fn relu() -> Vector {
    let mut sketch = Sketch::new(&[6], 9, 3);
    let input = sketch.input();
    sketch.keep(Op::Relu, &[input]);
    let inputs = vec![
        vec![-1, 0, 1, 255, -256, -255],
        vec![-2, 2, 128, -128, 127, -127],
    ];
    Vector::new("ReLU", sketch, inputs)
}

fn clip(name: &'static str, bits: u32, lo: i64, hi: i64, first: i64) -> Vector {
    let mut stream = Stream::new(10);
    let mut sketch = Sketch::new(&[8], bits, 3);
    let input = sketch.input();
    sketch.keep(Op::Clip { lo, hi }, &[input]);
    let (min, max) = (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits));
    let near = |v: i64| [v - 1, v, v + 1].map(|v| v.clamp(min, max));
    let mut edges = vec![first, -1, 0, 1, min, max];
    edges.extend(near(lo));
    edges.extend(near(hi));
    edges.extend(stream.many(12, bits));
    Vector::new(
        name,
        sketch,
        edges.chunks(8).map(|c| padded(c, 8)).collect(),
    )
}

fn padded(values: &[i64], count: usize) -> Vec<i64> {
    let mut values = values.to_vec();
    values.resize(count, 0);
    values
}

/// With the clamp to the table's domain before it, in a ring where no difference wraps.
fn tabulated(name: &'static str, function: Function, frac: u32) -> Vector {
    let mut stream = Stream::new(11);
    let table = table::named(function, 16, frac).expect("a table");
    let [lo, hi] = table::domain(&table).expect("a domain");
    let mut sketch = Sketch::new(&[8], 16, frac);
    let mut x = sketch.input();
    if lo > -32768 {
        let wide = sketch.push(Op::Resize, None, &[x], (&[8], 17, frac));
        let clipped = sketch.keep(Op::Clip { lo, hi }, &[wide]);
        x = sketch.push(Op::Resize, None, &[clipped], (&[8], 16, frac));
    }
    sketch.keep(Op::Table(table), &[x]);
    let mut edges = vec![-32768, 32767, -1, 0, 1, lo, hi];
    edges.extend([lo + 1, hi - 1, 1 << frac, -1 << frac]);
    edges.extend(stream.many(37, 16));
    Vector::new(
        name,
        sketch,
        edges.chunks(8).map(|c| padded(c, 8)).collect(),
    )
}

fn sum_of_three() -> Vector {
    let mut stream = Stream::new(12);
    let mut sketch = Sketch::new(&[4], 8, 2);
    let input = sketch.input();
    let positive = sketch.keep(Op::Relu, &[input]);
    let clipped = sketch.keep(Op::Clip { lo: -3, hi: 60 }, &[positive]);
    sketch.keep(Op::Add, &[input, positive, clipped]);
    let mut inputs = vec![vec![127, -128, -1, 64]];
    inputs.extend((0..3).map(|_| stream.many(4, 8)));
    Vector::new("sum of three, wrapping", sketch, inputs)
}

fn sum_with_itself() -> Vector {
    let mut sketch = Sketch::new(&[4], 8, 2);
    let input = sketch.input();
    sketch.keep(Op::Add, &[input, input]);
    let inputs = vec![vec![63, 64, -64, -65], vec![127, -128, -1, 0]];
    Vector::new("sum of a tensor with itself", sketch, inputs)
}

fn constants() -> Vector {
    let mut stream = Stream::new(13);
    let mut sketch = Sketch::new(&[2, 1, 3], 10, 2);
    let params = Params {
        weights: vec![],
        bias: vec![511, -512, 0, 1, -1, 77],
    };
    let input = sketch.input();
    sketch.push(Op::AddConst, Some(params), &[input], (&[2, 1, 3], 10, 2));
    let mut inputs = vec![vec![511, -512, -1, 511, -512, 0], vec![1, -1, 0, 0, 0, 0]];
    inputs.extend((0..2).map(|_| stream.many(6, 10)));
    Vector::new("secret constants", sketch, inputs)
}

fn reflections() -> Vector {
    let mut stream = Stream::new(15);
    let mut sketch = Sketch::new(&[4, 1, 3], 10, 2);
    let params = Params {
        weights: vec![1, -1, -1, 1],
        bias: vec![-7, 5, -512, 511],
    };
    let input = sketch.input();
    sketch.push(Op::Reflect, Some(params), &[input], (&[4, 1, 3], 10, 2));
    let mut inputs = vec![
        vec![7, 8, -512, 5, 6, -512, 0, 511, -512, 0, 1, -512],
        vec![511, -505, 6, 4, -507, 511, 1, -1, 2, -511, -1023 + 512, 1],
    ];
    inputs.extend((0..3).map(|_| stream.many(12, 10)));
    Vector::new("secret signs and constants by channel", sketch, inputs)
}

/// A raised operand, a sum at double scale, one rounding constant, one truncation.
fn double_scale() -> Vector {
    let mut stream = Stream::new(14);
    let mut sketch = Sketch::new(&[5], 10, 4);
    let input = sketch.input();
    let params = stream.params((25, 7), (5, 11));
    let op = super::sketch::linear(5, 5, 7);
    let z = sketch.push(op, Some(params), &[input], (&[5], 18, 8));
    let wide = sketch.push(Op::Resize, None, &[input], (&[5], 18, 4));
    let raised = sketch.push(Op::Shl { k: 4 }, None, &[wide], (&[5], 18, 8));
    let sum = sketch.keep(Op::Add, &[z, raised]);
    let positive = sketch.keep(Op::Relu, &[sum]);
    sketch.push(Op::Trunc { shift: 4 }, None, &[positive], (&[5], 14, 4));
    let inputs = (0..5).map(|_| stream.many(5, 10)).collect();
    Vector::new("sum at double scale", sketch, inputs)
}

fn rings() -> Vector {
    let mut sketch = Sketch::new(&[6], 12, 0);
    let input = sketch.input();
    let shifted = sketch.push(Op::Shl { k: 5 }, None, &[input], (&[6], 12, 5));
    let narrow = sketch.push(Op::Resize, None, &[shifted], (&[6], 9, 5));
    sketch.push(Op::Resize, None, &[narrow], (&[6], 37, 5));
    let inputs = vec![
        vec![1, -1, 63, 64, -64, -65],
        vec![2047, -2048, 8, -8, 7, -9],
    ];
    Vector::new("shift, reduction and sign extension", sketch, inputs)
}
