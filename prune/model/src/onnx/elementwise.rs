//! Element-wise operators: arithmetic with constants, sums of tensors, clamps.

use super::Refusal;
use super::array::{Array, to_f32};
use super::attributes::Call;
use super::import::{Bound, Importer};
use crate::graph::{Affine, Op, Per, ValueId};

/// Add, Sub, Mul or Div of a tensor and a constant, or Add or Sub of two tensors.
pub(super) fn arithmetic(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let kind = call.node.op_type.as_str();
    match (call.operand(0), call.operand(1)) {
        (Some(Bound::Flow(x)), Some(Bound::Constant(c))) => {
            let (per, values) = spread(c, &importer.shape(*x))?;
            let entries = match kind {
                "Add" => values.iter().map(|&c| (1.0, c)).collect(),
                "Sub" => values.iter().map(|&c| (1.0, -c)).collect(),
                "Mul" => values.iter().map(|&c| (c, 0.0)).collect(),
                _ => values.iter().map(|&c| (1.0 / c, 0.0)).collect(),
            };
            affine(importer, call, *x, per, entries)
        }
        (Some(Bound::Constant(c)), Some(Bound::Flow(x))) => {
            let (per, values) = spread(c, &importer.shape(*x))?;
            let entries = match kind {
                "Add" => values.iter().map(|&c| (1.0, c)).collect(),
                "Sub" => values.iter().map(|&c| (-1.0, c)).collect(),
                "Mul" => values.iter().map(|&c| (c, 0.0)).collect(),
                _ => {
                    return Err(Refusal::new(
                        "it divides by a tensor that depends on the input",
                        "only division by constants is supported",
                    ));
                }
            };
            affine(importer, call, *x, per, entries)
        }
        (Some(Bound::Flow(x)), Some(Bound::Flow(y))) => match kind {
            "Add" => same_shape(importer, call, &[*x, *y]),
            "Sub" => {
                let minus = Op::Affine(Affine {
                    per: Per::Tensor,
                    scale: vec![-1.0],
                    shift: vec![0.0],
                });
                let y = importer.push_helper(call, "minus", minus, &[*y])?;
                same_shape(importer, call, &[*x, y])
            }
            _ => Err(Refusal::new(
                "both operands depend on the input",
                "only products and quotients with constants are supported",
            )),
        },
        _ => {
            call.flow(0)?;
            call.flow(1)?;
            Err("its operands are missing".into())
        }
    }
}

fn same_shape(
    importer: &mut Importer<'_>,
    call: &Call<'_>,
    operands: &[ValueId],
) -> Result<Bound, Refusal> {
    let shapes: Vec<_> = operands.iter().map(|&x| importer.shape(x)).collect();
    if shapes.windows(2).any(|w| w.first() != w.last()) {
        return Err(Refusal::new(
            format!("it adds tensors of different shapes {shapes:?}"),
            "broadcasting between tensors is not supported",
        ));
    }
    importer.push(call, Op::Add, operands)
}

fn affine(
    importer: &mut Importer<'_>,
    call: &Call<'_>,
    x: ValueId,
    per: Per,
    entries: Vec<(f64, f64)>,
) -> Result<Bound, Refusal> {
    let (scale, shift) = entries.into_iter().unzip();
    importer.push(call, Op::Affine(Affine { per, scale, shift }), &[x])
}

/// A constant that is broadcast to a tensor of that shape (batch excluded).
fn spread(constant: &Array, shape: &[usize]) -> Result<(Per, Vec<f64>), Refusal> {
    let misfit = || {
        Refusal::new(
            format!(
                "its constant of shape {:?} does not fit {shape:?}",
                constant.shape
            ),
            "constants may not enlarge the tensor or differ along the batch",
        )
    };
    let rank = shape.len();
    let lead = constant.shape.len().saturating_sub(rank);
    let (leading, own) = constant.shape.split_at(lead);
    if leading.iter().any(|&d| d != 1) {
        return Err(misfit());
    }
    let mut extents = vec![1; rank - own.len()];
    extents.extend(own);
    if extents.iter().zip(shape).any(|(&c, &d)| c != 1 && c != d) {
        return Err(misfit());
    }
    let values = constant.f64s();
    if values.len() == 1 {
        return Ok((Per::Tensor, values.into_owned()));
    }
    if extents.iter().skip(1).all(|&c| c == 1) {
        return Ok((Per::Channel, values.into_owned()));
    }
    if extents == shape {
        return Ok((Per::Element, values.into_owned()));
    }
    Ok((Per::Element, expand(&values, &extents, shape)))
}

/// Repeats along axes of extent 1.
pub(super) fn expand<T: Copy>(values: &[T], extents: &[usize], shape: &[usize]) -> Vec<T> {
    let mut current = values.to_vec();
    // From the last axis on: everything behind the axis already has its final extent.
    for axis in (0..shape.len()).rev() {
        let (Some(&from), Some(&to)) = (extents.get(axis), shape.get(axis)) else {
            continue;
        };
        if from == to {
            continue;
        }
        let run: usize = shape.iter().skip(axis + 1).product();
        current = current
            .chunks(run.max(1))
            .flat_map(|block| block.repeat(to))
            .collect();
    }
    current
}

/// A sum of several tensors and constants.
pub(super) fn sum(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let flows = (0..call.operands.len())
        .map(|at| call.flow(at))
        .collect::<Result<Vec<_>, _>>()?;
    match flows.as_slice() {
        [only] => Ok(Bound::Flow(*only)),
        several => same_shape(importer, call, several),
    }
}

/// -x.
pub(super) fn negate(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let x = call.flow(0)?;
    affine(importer, call, x, Per::Tensor, vec![(-1.0, 0.0)])
}

/// Batch normalisation with stored statistics: one factor and one summand per channel, in f64.
pub(super) fn batch_norm(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let x = call.flow(0)?;
    if call.int("training_mode", 0)? != 0 {
        return Err(Refusal::new(
            "it is in training mode",
            "export the model for inference",
        ));
    }
    if call.int("spatial", 1)? == 0 {
        return Err("statistics per activation (spatial = 0) are not supported".into());
    }
    let constants = [
        call.constant(1, "scale")?,
        call.constant(2, "bias")?,
        call.constant(3, "mean")?,
        call.constant(4, "variance")?,
    ];
    let channels = importer.shape(x).first().copied().unwrap_or(0);
    if constants.iter().any(|c| c.len() != channels) {
        return Err(format!("its constants are not one per channel ({channels})").into());
    }
    let epsilon = f64::from(call.float("epsilon", 1e-5)?);
    let [scale, bias, mean, variance] = constants.each_ref().map(|c| c.f64s());
    let mut entries = Vec::with_capacity(channels);
    for ((&g, &b), (&m, &v)) in scale.iter().zip(&*bias).zip(mean.iter().zip(&*variance)) {
        let factor = g / (v + epsilon).sqrt();
        if !factor.is_finite() {
            return Err(format!("a variance is {v}").into());
        }
        entries.push((factor, b - m * factor));
    }
    affine(importer, call, x, Per::Channel, entries)
}

/// Clamp with bounds as attributes (below opset 11) or operands.
pub(super) fn clip(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let operand = |at: usize, what: &str| -> Result<Option<f32>, Refusal> {
        match call.optional_constant(at, what)? {
            None => Ok(None),
            Some(array) => match array.scalar() {
                Some(v) => Ok(Some(to_f32(v))),
                None => Err(format!("its {what} has shape {:?}", array.shape).into()),
            },
        }
    };
    let lo = match operand(1, "lower bound")? {
        Some(v) => v,
        None => call.float("min", f32::NEG_INFINITY)?,
    };
    let hi = match operand(2, "upper bound")? {
        Some(v) => v,
        None => call.float("max", f32::INFINITY)?,
    };
    clamp(importer, call, lo, hi)
}

/// Older files write "no bound" as the least or greatest f32.
fn clamp(importer: &mut Importer<'_>, call: &Call<'_>, lo: f32, hi: f32) -> Result<Bound, Refusal> {
    let x = call.flow(0)?;
    let lo = if lo <= f32::MIN {
        f32::NEG_INFINITY
    } else {
        lo
    };
    let hi = if hi >= f32::MAX { f32::INFINITY } else { hi };
    if lo == f32::NEG_INFINITY && hi == f32::INFINITY {
        return Ok(Bound::Flow(x));
    }
    if lo.to_bits() == 0 && hi == f32::INFINITY {
        return importer.push(call, Op::Relu, &[x]);
    }
    importer.push(call, Op::Clip { lo, hi }, &[x])
}

/// Min or Max of a tensor and a scalar constant.
pub(super) fn bound(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let (x, constant) = match (call.operands.as_slice(), call.operand(0), call.operand(1)) {
        ([_, _], Some(Bound::Flow(x)), Some(Bound::Constant(c)))
        | ([_, _], Some(Bound::Constant(c)), Some(Bound::Flow(x))) => (*x, c),
        _ => return Err("only a tensor and one scalar constant are supported".into()),
    };
    let limit = to_f32(constant.scalar().ok_or("its constant is not a scalar")?);
    let (lo, hi) = if call.node.op_type == "Max" {
        (limit, f32::INFINITY)
    } else {
        (f32::NEG_INFINITY, limit)
    };
    let op = if call.node.op_type == "Max" && limit.to_bits() == 0 {
        Op::Relu
    } else {
        Op::Clip { lo, hi }
    };
    importer.push(call, op, &[x])
}

/// max(0, min(1, alpha * x + beta)).
pub(super) fn hard_sigmoid(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let x = call.flow(0)?;
    let op = Op::Affine(Affine {
        per: Per::Tensor,
        scale: vec![f64::from(call.float("alpha", 0.2)?)],
        shift: vec![f64::from(call.float("beta", 0.5)?)],
    });
    let line = importer.push_helper(call, "line", op, &[x])?;
    importer.push(call, Op::Clip { lo: 0.0, hi: 1.0 }, &[line])
}
