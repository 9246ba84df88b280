//! Operations that only move elements.

use super::{Sketch, Stream, Vector};
use crate::quant::ir::Op;

pub(super) fn vectors() -> Vec<Vector> {
    vec![concat(0), concat(1), concat(2), moves(), padding()]
}

fn concat(axis: usize) -> Vector {
    let mut stream = Stream::new(30);
    let mut sketch = Sketch::new(&[2, 3, 2], 8, 2);
    let input = sketch.input();
    let positive = sketch.keep(Op::Relu, &[input]);
    let before = vec![
        usize::from(axis == 0),
        usize::from(axis == 1),
        usize::from(axis == 2),
    ];
    let longer: Vec<usize> = [2, 3, 2].iter().zip(&before).map(|(e, b)| e + b).collect();
    let pad = Op::Pad {
        before: before.clone(),
        after: vec![0; 3],
        value: -5,
    };
    let padded = sketch.push(pad, None, &[positive], (&longer, 8, 2));
    let joined: Vec<usize> = [4, 6, 4]
        .iter()
        .zip([2, 3, 2])
        .zip(&before)
        .map(|((twice, once), b)| if *b == 1 { twice + 1 } else { once })
        .collect();
    sketch.push(Op::Concat { axis }, None, &[padded, input], (&joined, 8, 2));
    let inputs = (0..2).map(|_| stream.many(12, 8)).collect();
    let names = [
        "join along axis 0",
        "join along axis 1",
        "join along axis 2",
    ];
    Vector::new(names.get(axis).copied().unwrap_or("join"), sketch, inputs)
}

fn moves() -> Vector {
    let mut stream = Stream::new(31);
    let mut sketch = Sketch::new(&[2, 3, 4], 8, 2);
    let input = sketch.input();
    let transpose = |perm: &[usize]| Op::Transpose {
        perm: perm.to_vec(),
    };
    let turned = sketch.push(transpose(&[2, 0, 1]), None, &[input], (&[4, 2, 3], 8, 2));
    let flat = sketch.push(Op::Reshape, None, &[turned], (&[6, 4], 8, 2));
    let flipped = sketch.push(transpose(&[1, 0]), None, &[flat], (&[4, 6], 8, 2));
    sketch.push(Op::Reshape, None, &[flipped], (&[24], 8, 2));
    let inputs = vec![(0..24).collect(), stream.many(24, 8)];
    Vector::new("transposition and other shapes", sketch, inputs)
}

fn padding() -> Vector {
    let mut stream = Stream::new(32);
    let mut sketch = Sketch::new(&[2, 2, 3], 8, 2);
    let input = sketch.input();
    let pad = |before: [usize; 3], after: [usize; 3], value| Op::Pad {
        before: before.to_vec(),
        after: after.to_vec(),
        value,
    };
    let low = pad([0, 1, 2], [1, 0, 1], -128);
    let inner = sketch.push(low, None, &[input], (&[3, 3, 6], 8, 2));
    let high = pad([1, 0, 0], [0, 0, 0], 127);
    sketch.push(high, None, &[inner], (&[4, 3, 6], 8, 2));
    let inputs = (0..2).map(|_| stream.many(12, 8)).collect();
    Vector::new("padding with constants", sketch, inputs)
}
