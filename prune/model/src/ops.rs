//! The meaning of every operation of a quantised graph: its shape rule and its exact evaluation.
//!
//! One file per operation or family. This is what "exact" refers to: each backend must produce
//! these integers. A value is the signed representative of its tensor's ring; arithmetic is modulo
//! the ring of the result (computed modulo 2^64, of which every ring is a quotient), so that a
//! value that exceeds its stated range wraps here as it does under any protocol.

pub mod add;
pub mod avg_pool;
pub mod clip;
pub mod layout;
pub mod linear;
pub mod max_pool;
pub mod reflect;
pub mod relu;
pub mod scale;
pub mod table;
pub mod trunc;
pub mod window;

mod rule;

pub use rule::{MAX_WEIGHT_BITS, MIN_WEIGHT_BITS, OpError};

use crate::quant::ir::{Node, Op, Params, Profile, Tensor};
use linear::Terms;

/// Checks that `node` fits its operands and its result, and counts its elementary operations
/// (multiplications, comparisons, copies).
///
/// # Errors
/// The first rule that is broken.
pub fn check(op: &Op, inputs: &[&Tensor], output: &Tensor) -> Result<u64, OpError> {
    match op {
        Op::Linear(op) => linear::check_linear(op, inputs, output),
        Op::Conv(op) => linear::check_conv(op, inputs, output),
        Op::Trunc { shift } => trunc::check(*shift, inputs, output),
        Op::Relu => relu::check(inputs, output),
        Op::Clip { lo, hi } => clip::check(*lo, *hi, inputs, output),
        Op::Table(op) => table::check(op, inputs, output),
        Op::MaxPool(op) => max_pool::check(op, inputs, output),
        Op::AvgPool { pool, shift, .. } => avg_pool::check(pool, *shift, inputs, output),
        Op::Add => add::check(inputs, output),
        Op::AddConst => add::check_const(inputs, output),
        Op::Reflect => reflect::check(inputs, output),
        Op::Shl { k } => scale::check_shl(*k, inputs, output),
        Op::Resize => scale::check_resize(inputs, output),
        Op::Concat { axis } => layout::check_concat(*axis, inputs, output),
        Op::Reshape => layout::check_reshape(inputs, output),
        Op::Transpose { perm } => layout::check_transpose(perm, inputs, output),
        Op::Pad {
            before,
            after,
            value,
        } => layout::check_pad(before, after, *value, inputs, output),
    }
}

/// Number of secret weights and of secret constants of a node; zeros where an op has none.
///
/// # Errors
/// Sizes that no machine holds.
pub fn param_counts(op: &Op, output: &Tensor) -> Result<(usize, usize), OpError> {
    match op {
        Op::Linear(op) => Ok((rule::product(&[op.inputs, op.outputs])?, op.outputs)),
        Op::Conv(op) => Ok((linear::conv_weights(op)?, op.out_channels)),
        Op::AddConst => Ok((0, rule::product(&output.shape)?)),
        Op::Reflect => {
            let channels = reflect::channels(output)?;
            Ok((channels, channels))
        }
        Op::Trunc { .. }
        | Op::Relu
        | Op::Clip { .. }
        | Op::Table(_)
        | Op::MaxPool(_)
        | Op::AvgPool { .. }
        | Op::Add
        | Op::Shl { .. }
        | Op::Resize
        | Op::Concat { .. }
        | Op::Reshape
        | Op::Transpose { .. }
        | Op::Pad { .. } => Ok((0, 0)),
    }
}

/// Checks that the secret integers of a node fit its op: lengths, weights within `weight_bits`,
/// constants within the ring of the result.
///
/// # Errors
/// The first rule that is broken.
pub fn check_params(op: &Op, params: Option<&Params>, output: &Tensor) -> Result<(), OpError> {
    let (weights, biases) = param_counts(op, output)?;
    let weight_bits = op.weight_bits().unwrap_or(rule::MIN_WEIGHT_BITS);
    let params = match params {
        None if biases == 0 => return Ok(()),
        None => return Err(OpError::Params("are missing")),
        Some(_) if biases == 0 => return Err(OpError::Params("must not be there")),
        Some(params) => params,
    };
    rule::equal("number of weights", weights, params.weights.len())?;
    rule::equal("number of biases", biases, params.bias.len())?;
    let spare = rule::MAX_WEIGHT_BITS.saturating_sub(weight_bits);
    if params.weights.iter().any(|&w| (w << spare) >> spare != w) {
        return Err(OpError::Params("hold a weight beyond the weights' width"));
    }
    if matches!(op, Op::Reflect) {
        reflect::check_signs(&params.weights)?;
    }
    if let Some(map) = op.sparsity() {
        map.admits(&params.weights)?;
    }
    if params.bias.iter().any(|&b| !output.ring.contains(b)) {
        return Err(OpError::Params("hold a constant beyond the ring"));
    }
    Ok(())
}

/// The values of a node's result. Operand `i` has shape `inputs[i].shape` and values `values[i]`.
///
/// The node must have passed [`check`] and [`check_params`] and each operand must have as many
/// values as its shape says; anything else gives arbitrary integers or a panic.
#[must_use]
pub(crate) fn evaluate(
    profile: Profile,
    node: &Node,
    params: Option<&Params>,
    inputs: &[&Tensor],
    values: &[&[i64]],
    output: &Tensor,
) -> Vec<i64> {
    let (Some(&tensor), Some(&first)) = (inputs.first(), values.first()) else {
        return Vec::new();
    };
    let (weights, bias) = params.map_or((&[][..], &[][..]), |p| (&p.weights[..], &p.bias[..]));
    match &node.op {
        Op::Linear(op) => {
            let terms = Terms::new(profile, op.weight_bits);
            linear::linear(terms, op, (weights, bias), first, output.ring)
        }
        Op::Conv(op) => {
            let terms = Terms::new(profile, op.weight_bits);
            linear::conv(terms, op, (weights, bias), (tensor, first), output)
        }
        Op::Trunc { shift } => trunc::trunc(*shift, first, output.ring),
        Op::Relu => relu::relu(first),
        Op::Clip { lo, hi } => clip::clip(*lo, *hi, first, output.ring),
        Op::Table(op) => table::table(op, first),
        Op::MaxPool(op) => max_pool::max_pool(op, tensor, first, output),
        Op::AvgPool {
            pool,
            count_padding,
            shift,
        } => avg_pool::avg_pool(pool, *count_padding, *shift, tensor, first, output),
        Op::Add => add::add(values, output.ring),
        Op::AddConst => add::add(&[first, bias], output.ring),
        Op::Reflect => reflect::reflect(weights, bias, first, output.ring),
        Op::Shl { k } => scale::shl(*k, first, output.ring),
        Op::Resize => scale::resize(first, output.ring),
        Op::Concat { axis } => layout::concat(*axis, inputs, values),
        Op::Reshape => first.to_vec(),
        Op::Transpose { perm } => layout::transpose(perm, tensor, first, output),
        Op::Pad { before, value, .. } => layout::pad(before, *value, tensor, first, output),
    }
}
