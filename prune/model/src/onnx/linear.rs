//! Gemm and MatMul with constant weights.

use super::Refusal;
use super::array::{Array, to_f32};
use super::attributes::Call;
use super::import::{Bound, Importer};
use crate::graph::{Conv, Linear, Op, Window};

/// `y = alpha * x * W + beta * C`.
pub(super) fn gemm(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let x = call.flow(0)?;
    if call.int("transA", 0)? != 0 {
        return Err("transA = 1 would mix the batch".into());
    }
    let weights = call.constant(1, "weights")?;
    let (alpha, beta) = (call.float("alpha", 1.0)?, call.float("beta", 1.0)?);
    let weights = out_by_in(&weights, call.int("transB", 0)? != 0)?;
    let [outputs, inputs] = matrix(&weights)?;
    let mut scaled = weights.f32s().into_owned();
    scale(&mut scaled, alpha);
    let mut bias = match call.optional_constant(2, "bias")? {
        None => vec![0.0; outputs],
        Some(array) => broadcast_bias(&array, outputs)?,
    };
    scale(&mut bias, beta);
    let op = Op::Linear(Linear {
        inputs,
        outputs,
        weights: scaled,
        bias,
    });
    importer.push(call, op, &[x])
}

fn scale(values: &mut [f32], factor: f32) {
    if factor.to_bits() != 1.0_f32.to_bits() {
        for v in values {
            *v = to_f32(f64::from(*v) * f64::from(factor));
        }
    }
}

/// Weights as `[out][in]`.
fn out_by_in(weights: &Array, transposed: bool) -> Result<Array, Refusal> {
    matrix(weights)?;
    if transposed {
        return Ok(weights.clone());
    }
    let error = "its weights cannot be transposed";
    Ok(weights.transposed(&[1, 0]).ok_or(error)?)
}

fn matrix(weights: &Array) -> Result<[usize; 2], Refusal> {
    <[usize; 2]>::try_from(weights.shape.as_slice())
        .map_err(|_| format!("its weights have shape {:?}, not a matrix", weights.shape).into())
}

/// C of a Gemm for one row: a scalar, `[M]`, `[1]` or `[1, M]`.
fn broadcast_bias(array: &Array, outputs: usize) -> Result<Vec<f32>, Refusal> {
    let values = array.f32s();
    let row = match array.shape.as_slice() {
        [] | [1] | [1, 1] => values.first().map(|&b| vec![b; outputs]),
        [m] | [1, m] if *m == outputs => Some(values.into_owned()),
        _ => None,
    };
    row.ok_or_else(|| format!("its bias has shape {:?} for {outputs} outputs", array.shape).into())
}

/// `y = x * W` along the last axis.
pub(super) fn matmul(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    if let (Some(Bound::Flow(_)), Some(Bound::Flow(_))) = (call.operand(0), call.operand(1)) {
        return Err(Refusal::new(
            "both factors depend on the input",
            "only products with constant weights are supported",
        ));
    }
    let x = call.flow(0)?;
    let weights = out_by_in(&*call.constant(1, "weights")?, false)?;
    let [outputs, inputs] = matrix(&weights)?;
    let weights = weights.f32s().into_owned();
    let bias = vec![0.0; outputs];
    let shape = importer.shape(x);
    let linear = |weights| {
        Op::Linear(Linear {
            inputs,
            outputs,
            weights,
            bias: bias.clone(),
        })
    };
    let Some((&last, rows)) = shape.split_last() else {
        return Err("it reads a scalar".into());
    };
    if last != inputs {
        return Err(format!("it multiplies {shape:?} by weights of {inputs} rows").into());
    }
    if rows.is_empty() {
        return importer.push(call, linear(weights), &[x]);
    }
    let count: usize = rows.iter().product();
    let mut result = rows.to_vec();
    result.push(outputs);
    if count == 1 {
        let shape = vec![inputs];
        let flat = importer.push_helper(call, "flat", Op::Reshape { shape }, &[x])?;
        let y = importer.push_helper(call, "product", linear(weights), &[flat])?;
        return importer.push(call, Op::Reshape { shape: result }, &[y]);
    }
    // Several rows share the weights: a pointwise convolution over [in, 1, rows].
    let shape = vec![1, count, inputs];
    let planes = importer.push_helper(call, "rows", Op::Reshape { shape }, &[x])?;
    let perm = vec![2, 0, 1];
    let planes = importer.push_helper(call, "planes", Op::Transpose { perm }, &[planes])?;
    let conv = Op::Conv(Conv {
        in_channels: inputs,
        out_channels: outputs,
        groups: 1,
        window: Window::new([1, 1]),
        weights,
        bias,
    });
    let y = importer.push_helper(call, "product", conv, &[planes])?;
    let perm = vec![1, 2, 0];
    let y = importer.push_helper(call, "back", Op::Transpose { perm }, &[y])?;
    importer.push(call, Op::Reshape { shape: result }, &[y])
}
