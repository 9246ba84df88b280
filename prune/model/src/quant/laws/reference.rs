//! A second meaning of every op: the rules word by word, element by element, on unbounded integers.
//!
//! Slow and plain on purpose. It shares no code with the oracle but the graph's types; the tables'
//! meaning is the catalogue's.

#![expect(
    clippy::indexing_slicing,
    reason = "test material on validated networks"
)]

use privet_netlists::meaning;

use crate::quant::ir::{Conv, Function, Model, Node, Op, Params, Tensor, Window};

/// The output tensor for one input.
///
/// # Panics
/// A network that is not valid.
#[must_use]
pub fn evaluate(model: &Model, input: &[i64]) -> Vec<i64> {
    let graph = &model.graph;
    let mut values: Vec<Vec<i128>> = vec![vec![]; graph.tensors.len()];
    values[graph.input.0 as usize] = input.iter().map(|&v| v.into()).collect();
    for (node, params) in graph.nodes.iter().zip(&model.params) {
        let tensor = |id: u32| &graph.tensors[id as usize];
        let inputs: Vec<Value<'_>> = (node.inputs.iter())
            .map(|id| Value {
                tensor: tensor(id.0),
                values: &values[id.0 as usize],
            })
            .collect();
        let output = tensor(node.output.0);
        let count: usize = output.shape.iter().product();
        let result = (0..count).map(|i| {
            let at = index(i, &output.shape);
            modulo(
                element(node, params.as_ref(), &inputs, output, &at),
                bits(output),
            )
        });
        let result = result.collect();
        values[node.output.0 as usize] = result;
    }
    let small = |&v: &i128| i64::try_from(v).expect("a ring has at most 64 bits");
    values[graph.output.0 as usize].iter().map(small).collect()
}

/// Lowest index of the greatest.
///
/// # Panics
/// No logits.
#[must_use]
pub fn argmax(logits: &[i64]) -> usize {
    let greatest = logits.iter().max().expect("logits");
    logits
        .iter()
        .position(|v| v == greatest)
        .expect("it is there")
}

/// Signed representative of v mod 2^bits.
fn modulo(v: i128, bits: u32) -> i128 {
    let half = 1i128 << (bits - 1);
    (v + half).rem_euclid(2 * half) - half
}

fn bits(tensor: &Tensor) -> u32 {
    tensor.ring.bits()
}

/// floor(a / b), b > 0.
fn floor_div(a: i128, b: i128) -> i128 {
    let toward_zero = a / b;
    if a % b < 0 {
        toward_zero - 1
    } else {
        toward_zero
    }
}

struct Value<'a> {
    tensor: &'a Tensor,
    values: &'a [i128],
}

impl Value<'_> {
    fn at(&self, index: &[usize]) -> i128 {
        let mut flat = 0;
        for (i, extent) in index.iter().zip(&self.tensor.shape) {
            assert!(i < extent);
            flat = flat * extent + i;
        }
        self.values[flat]
    }

    fn bits(&self) -> u32 {
        bits(self.tensor)
    }
}

fn index(flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    let mut rest = flat;
    for axis in (0..shape.len()).rev() {
        index[axis] = rest % shape[axis];
        rest /= shape[axis];
    }
    index
}

/// One element of the result, before the reduction into its ring.
fn element(
    node: &Node,
    params: Option<&Params>,
    inputs: &[Value<'_>],
    output: &Tensor,
    at: &[usize],
) -> i128 {
    let x = &inputs[0];
    match &node.op {
        Op::Linear(op) => {
            let params = params.expect("parameters");
            (0..op.inputs).fold(params.bias[at[0]].into(), |z: i128, i| {
                z + i128::from(params.weights[at[0] * op.inputs + i]) * x.values[i]
            })
        }
        Op::Conv(op) => convolved(op, params.expect("parameters"), x, at),
        Op::Trunc { shift } => floor_div(x.at(at), 1 << shift),
        Op::Relu => {
            // The sign bit of the representation.
            let z = x.at(at).rem_euclid(1 << x.bits());
            if z < 1 << (x.bits() - 1) { z } else { 0 }
        }
        Op::Clip { lo, hi } => {
            let raised = maximum(x.at(at), (*lo).into(), x.bits());
            raised - relu(modulo(raised - i128::from(*hi), x.bits()))
        }
        Op::Table(op) => {
            let z = i64::try_from(x.at(at)).expect("64 bits");
            let frac = x.tensor.frac_bits;
            let y = match op.function {
                Function::Sigmoid => meaning::sigmoid(z, x.bits(), frac),
                Function::Tanh => meaning::tanh(z, x.bits(), frac),
            };
            y.expect("a table").into()
        }
        Op::MaxPool(pool) => {
            let rows = covered(&pool.window, x, at);
            let best: Vec<i128> = rows.iter().map(|row| knock_out(row, x.bits())).collect();
            knock_out(&best, x.bits())
        }
        Op::AvgPool {
            pool,
            count_padding,
            shift,
        } => {
            let sum = covered(&pool.window, x, at).iter().flatten().sum();
            let cells = counted(&pool.window, x, at, *count_padding);
            let divisor = i128::from(cells) << shift;
            floor_div(modulo(sum, x.bits()) + divisor / 2, divisor)
        }
        Op::Add => inputs.iter().map(|v| v.at(at)).sum(),
        Op::AddConst => {
            let flat = (0..output.shape.iter().product()).find(|&i| index(i, &output.shape) == at);
            x.at(at) + i128::from(params.expect("constants").bias[flat.expect("inside")])
        }
        Op::Reflect => {
            let (params, channel) = (params.expect("signs"), at[0]);
            let mirrored = params.weights[channel] < 0;
            i128::from(params.bias[channel]) + if mirrored { -x.at(at) } else { x.at(at) }
        }
        Op::Shl { k } => x.at(at) << k,
        Op::Resize => x.at(at),
        Op::Concat { axis } => {
            let mut at = at.to_vec();
            for input in inputs {
                let extent = input.tensor.shape[*axis];
                if at[*axis] < extent {
                    return input.at(&at);
                }
                at[*axis] -= extent;
            }
            unreachable!("the extents add up")
        }
        Op::Reshape => {
            let flat = (0..x.values.len()).find(|&i| index(i, &output.shape) == at);
            x.values[flat.expect("inside")]
        }
        Op::Transpose { perm } => {
            let mut source = vec![0; at.len()];
            for (i, &axis) in perm.iter().enumerate() {
                source[axis] = at[i];
            }
            x.at(&source)
        }
        Op::Pad { before, value, .. } => {
            let mut source = vec![];
            for ((i, b), extent) in at.iter().zip(before).zip(&x.tensor.shape) {
                if i < b || i - b >= *extent {
                    return (*value).into();
                }
                source.push(i - b);
            }
            x.at(&source)
        }
    }
}

fn convolved(op: &Conv, params: &Params, x: &Value<'_>, at: &[usize]) -> i128 {
    let [kh, kw] = op.window.kernel;
    let per_group = op.in_channels / op.groups;
    let group = at[0] / (op.out_channels / op.groups);
    let mut z = i128::from(params.bias[at[0]]);
    for c in 0..per_group {
        for ky in 0..kh {
            for kx in 0..kw {
                let w = params.weights[((at[0] * per_group + c) * kh + ky) * kw + kx];
                let (y, x_) = (
                    place(&op.window, 0, at[1], ky),
                    place(&op.window, 1, at[2], kx),
                );
                let inside = |p: i128, axis: usize| p >= 0 && p < x.tensor.shape[axis] as i128;
                if inside(y, 1) && inside(x_, 2) {
                    z += i128::from(w) * x.at(&[group * per_group + c, as_index(y), as_index(x_)]);
                }
            }
        }
    }
    z
}

/// Position of a tap relative to the first input cell.
fn place(window: &Window, axis: usize, position: usize, tap: usize) -> i128 {
    (position * window.strides[axis] + tap * window.dilations[axis]) as i128
        - window.pads_before[axis] as i128
}

fn as_index(place: i128) -> usize {
    usize::try_from(place).expect("inside")
}

/// Present cells of a window, row by row; rows without any are absent.
fn covered(window: &Window, x: &Value<'_>, at: &[usize]) -> Vec<Vec<i128>> {
    let mut rows = vec![];
    for ky in 0..window.kernel[0] {
        let mut row = vec![];
        for kx in 0..window.kernel[1] {
            let (y, x_) = (place(window, 0, at[1], ky), place(window, 1, at[2], kx));
            let inside = |p: i128, axis: usize| p >= 0 && p < x.tensor.shape[axis] as i128;
            if inside(y, 1) && inside(x_, 2) {
                row.push(x.at(&[at[0], as_index(y), as_index(x_)]));
            }
        }
        if !row.is_empty() {
            rows.push(row);
        }
    }
    rows
}

/// Cells that an average divides by.
fn counted(window: &Window, x: &Value<'_>, at: &[usize], padding: bool) -> u32 {
    let mut cells = 0;
    for ky in 0..window.kernel[0] {
        for kx in 0..window.kernel[1] {
            let taps = [(0, 1, ky), (1, 2, kx)];
            let counts = taps.iter().all(|&(axis, dim, tap)| {
                let p = place(window, axis, at[dim], tap);
                let (low, high) = if padding {
                    (
                        window.pads_before[axis] as i128,
                        window.pads_after[axis] as i128,
                    )
                } else {
                    (0, 0)
                };
                p >= -low && p < x.tensor.shape[dim] as i128 + high
            });
            cells += u32::from(counts);
        }
    }
    cells
}

/// Neighbours in pairs, an odd last one carried, again until one is left.
fn knock_out(cells: &[i128], bits: u32) -> i128 {
    if cells.len() == 1 {
        return cells[0];
    }
    let mut next = vec![];
    let mut i = 0;
    while i < cells.len() {
        if i + 1 < cells.len() {
            next.push(maximum(cells[i], cells[i + 1], bits));
        } else {
            next.push(cells[i]);
        }
        i += 2;
    }
    knock_out(&next, bits)
}

fn relu(z: i128) -> i128 {
    if z < 0 { 0 } else { z }
}

/// max(a, b) = b + ReLU(a - b mod 2^L).
fn maximum(a: i128, b: i128, bits: u32) -> i128 {
    modulo(b + relu(modulo(a - b, bits)), bits)
}
