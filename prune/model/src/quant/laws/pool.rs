//! Max-pool and average pool: order, absent cells, ceil mode, ties, negative averages, wrap.

use super::sketch::window;
use super::{Sketch, Stream, Vector};
use crate::graph::Rounding;
use crate::quant::ir::{Op, Pool, Window};

const FLOOR: Rounding = Rounding::Floor;
const CEIL: Rounding = Rounding::Ceil;

pub(super) fn vectors() -> Vec<Vector> {
    let uneven = Window {
        kernel: [3, 2],
        strides: [1, 3],
        dilations: [2, 1],
        pads_before: [1, 0],
        pads_after: [0, 1],
    };
    vec![
        max_pool("max-pool 2x2", window(2, 2, 0, 0), FLOOR, 12),
        max_pool("max-pool 3x3, ceil mode", window(3, 2, 0, 0), CEIL, 12),
        max_pool("max-pool 3x3, padded", window(3, 2, 1, 1), FLOOR, 12),
        max_pool("max-pool 3x3, padded, ceil", window(3, 2, 1, 1), CEIL, 12),
        max_pool("max-pool, uneven", uneven.clone(), FLOOR, 12),
        max_pool("max-pool, differences wrap", window(3, 1, 0, 0), FLOOR, 8),
        average("average 2x2", window(2, 2, 0, 0), FLOOR, false, 0),
        average("average 3x3, ceil mode", window(3, 2, 0, 0), CEIL, false, 0),
        average("average 3x3, padded", window(3, 2, 1, 1), CEIL, false, 3),
        average(
            "average, padding counted",
            window(3, 2, 1, 1),
            CEIL,
            true,
            0,
        ),
        average("average, uneven", uneven, FLOOR, true, 2),
        average_ties(),
        average_wraps(),
    ]
}

fn pooled(window: &Window, rounding: Rounding, [h, w]: [usize; 2]) -> [usize; 3] {
    let [oh, ow] = window.output([h, w], rounding).expect("it fits");
    [2, oh, ow]
}

fn max_pool(name: &'static str, window: Window, rounding: Rounding, bits: u32) -> Vector {
    let mut stream = Stream::new(20);
    let extents = [6, 5];
    let mut sketch = Sketch::new(&[2, 6, 5], bits, 3);
    let shape = pooled(&window, rounding, extents);
    let input = sketch.input();
    let op = Op::MaxPool(Pool { window });
    sketch.push(op, None, &[input], (&shape, bits, 3));
    // All differences of 11-bit values fit 12 bits; of 8-bit values in 8 bits they do not.
    let mut inputs: Vec<_> = (0..4).map(|_| stream.many(60, bits.min(11))).collect();
    inputs.push(vec![-1; 60]);
    inputs.push((0..60).map(|i| -i).collect());
    Vector::new(name, sketch, inputs)
}

fn average(
    name: &'static str,
    window: Window,
    rounding: Rounding,
    count_padding: bool,
    shift: u32,
) -> Vector {
    let mut stream = Stream::new(21);
    let mut sketch = Sketch::new(&[2, 6, 5], 16, 5);
    let shape = pooled(&window, rounding, [6, 5]);
    let input = sketch.input();
    let op = Op::AvgPool {
        pool: Pool { window },
        count_padding,
        shift,
    };
    sketch.push(op, None, &[input], (&shape, 12, 5 - shift));
    let mut inputs: Vec<_> = (0..4).map(|_| stream.many(60, 11)).collect();
    inputs.push(vec![-1; 60]);
    inputs.push((0..60).map(|i| 2 * (i % 3) - 3).collect());
    Vector::new(name, sketch, inputs)
}

/// Means of 2 and of 3: sums -7..=8 and their ties.
fn average_ties() -> Vector {
    let mut sketch = Sketch::new(&[1, 1, 5], 10, 1);
    let input = sketch.input();
    let window = Window {
        strides: [1, 3],
        ..Window::new([1, 3])
    };
    let op = Op::AvgPool {
        pool: Pool { window },
        count_padding: false,
        shift: 1,
    };
    sketch.push(op, None, &[input], (&[1, 1, 2], 10, 0));
    let inputs = (-7..=8).map(|s| vec![s, 0, 0, s, 1]);
    Vector::new("average, ties and negative sums", sketch, inputs.collect())
}

/// The sum is reduced into the ring before the division.
fn average_wraps() -> Vector {
    let mut sketch = Sketch::new(&[1, 2, 2], 8, 3);
    let input = sketch.input();
    let op = Op::AvgPool {
        pool: Pool {
            window: window(2, 1, 0, 0),
        },
        count_padding: false,
        shift: 0,
    };
    sketch.push(op, None, &[input], (&[1, 1, 1], 8, 3));
    let inputs = vec![
        vec![127, 0, 0, 0],
        vec![126, 1, 1, 0],
        vec![127, 127, 127, 127],
        vec![-128, -128, -128, -128],
        vec![-128, -1, 0, 0],
        vec![64, 63, -1, 0],
    ];
    Vector::new("average, the sum wraps", sketch, inputs)
}
