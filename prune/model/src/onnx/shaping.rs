//! Operators that rename, reorder, join or surround elements.

use super::Refusal;
use super::attributes::{Call, axes, axis};
use super::import::{Bound, Importer};
use super::proto::data_type;
use crate::graph::{Op, ValueId};

/// The operand and whether it is behind the logits, where shapes no longer matter.
fn subject(call: &Call<'_>) -> Result<Result<ValueId, Bound>, Refusal> {
    match call.operand(0) {
        Some(ending @ Bound::Ending(_)) => Ok(Err(ending.clone())),
        _ => call.flow(0).map(Ok),
    }
}

fn mixes_batch(what: &str) -> Refusal {
    Refusal::new(
        format!("it {what} the batch axis"),
        "export the model for a batch of one, or leave the first axis alone",
    )
}

/// Identity, Dropout at inference, casts between floats.
pub(super) fn pass(call: &Call<'_>) -> Result<Bound, Refusal> {
    let x = match subject(call)? {
        Ok(x) => x,
        Err(ending) => return Ok(ending),
    };
    match call.node.op_type.as_str() {
        "Cast" => {
            let to = call.int("to", 0)?;
            let floats = [
                data_type::FLOAT,
                data_type::FLOAT16,
                data_type::DOUBLE,
                data_type::BFLOAT16,
            ];
            if !floats.iter().any(|&f| i64::from(f) == to) {
                return Err(Refusal::new(
                    format!("it casts the network's data to element type {to}"),
                    "only casts between floats are supported",
                ));
            }
        }
        "Dropout" => {
            let training = call.optional_constant(2, "training mode")?;
            if training.and_then(|t| t.scalar()).is_some_and(|t| t > 0.0) {
                return Err(Refusal::new(
                    "it is in training mode",
                    "export the model for inference",
                ));
            }
        }
        _ => {}
    }
    Ok(Bound::Flow(x))
}

/// Gives the tensor a shape (with batch) unless it has it already.
fn reshaped(
    importer: &mut Importer<'_>,
    call: &Call<'_>,
    x: ValueId,
    full: &[usize],
) -> Result<Bound, Refusal> {
    let Some((&batch, shape)) = full.split_first() else {
        return Err(mixes_batch("drops"));
    };
    if batch != importer.batch {
        return Err(mixes_batch("changes"));
    }
    if importer.shape(x) == shape {
        return Ok(Bound::Flow(x));
    }
    let shape = shape.to_vec();
    importer.push(call, Op::Reshape { shape }, &[x])
}

/// Everything before the axis, and everything from it on, becomes one axis.
pub(super) fn flatten(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let x = match subject(call)? {
        Ok(x) => x,
        Err(ending) => return Ok(ending),
    };
    let full = importer.full_shape(x);
    let rank = i64::try_from(full.len()).unwrap_or(i64::MAX);
    let wished = call.int("axis", 1)?;
    let at = if wished == rank {
        full.len()
    } else {
        axis(wished, full.len())?
    };
    let (outer, inner) = full.split_at(at);
    let shape = [outer.iter().product(), inner.iter().product()];
    reshaped(importer, call, x, &shape)
}

/// Any other shape of as many elements; 0 keeps an extent, -1 is what is left.
pub(super) fn reshape(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let x = match subject(call)? {
        Ok(x) => x,
        Err(ending) => return Ok(ending),
    };
    let target = call.constant(1, "shape")?;
    let target = target.i64s().ok_or("its shape is not made of integers")?;
    let full = importer.full_shape(x);
    let keep_zero = call.int("allowzero", 0)? != 0;
    let resolved = resolve(target, &full, keep_zero)?;
    reshaped(importer, call, x, &resolved)
}

/// Extents of a Reshape's target.
pub(super) fn resolve(
    target: &[i64],
    shape: &[usize],
    keep_zero: bool,
) -> Result<Vec<usize>, Refusal> {
    let mut resolved = Vec::with_capacity(target.len());
    let mut open = None;
    for (at, &wish) in target.iter().enumerate() {
        resolved.push(match wish {
            -1 if open.is_none() => {
                open = Some(at);
                1
            }
            0 if !keep_zero => *shape
                .get(at)
                .ok_or_else(|| format!("target {target:?} keeps an extent that {shape:?} lacks"))?,
            wish => {
                usize::try_from(wish).map_err(|_| format!("target {target:?} is not a shape"))?
            }
        });
    }
    let product = |s: &[usize]| s.iter().try_fold(1_usize, |n, &d| n.checked_mul(d));
    let (total, stated) = (product(shape), product(&resolved));
    let misfit = || Refusal::from(format!("{shape:?} cannot become {target:?}"));
    let (Some(total), Some(stated)) = (total, stated) else {
        return Err(misfit());
    };
    if let Some(slot) = open.and_then(|at| resolved.get_mut(at)) {
        if stated == 0 || total % stated != 0 {
            return Err(misfit());
        }
        *slot = total / stated;
    } else if total != stated {
        return Err(misfit());
    }
    Ok(resolved)
}

/// Drops axes of extent 1; all but the batch if none are named.
pub(super) fn squeeze(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let x = match subject(call)? {
        Ok(x) => x,
        Err(ending) => return Ok(ending),
    };
    let full = importer.full_shape(x);
    let dropped = match call.ints_or_operand("axes", 1)? {
        Some(list) => axes(&list, full.len())?,
        None => (1..full.len())
            .filter(|&a| full.get(a) == Some(&1))
            .collect(),
    };
    let squeezed = without(&full, &dropped)?;
    if dropped.contains(&0) {
        return Err(mixes_batch("drops"));
    }
    reshaped(importer, call, x, &squeezed)
}

/// The shape without those axes, each of which must have extent 1.
pub(super) fn without(shape: &[usize], dropped: &[usize]) -> Result<Vec<usize>, Refusal> {
    if dropped.iter().any(|&a| shape.get(a) != Some(&1)) {
        return Err(format!("axes {dropped:?} of {shape:?} are not all of extent 1").into());
    }
    let kept = shape
        .iter()
        .enumerate()
        .filter(|(i, _)| !dropped.contains(i));
    Ok(kept.map(|(_, &d)| d).collect())
}

/// Adds axes of extent 1.
pub(super) fn unsqueeze(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let x = match subject(call)? {
        Ok(x) => x,
        Err(ending) => return Ok(ending),
    };
    let list = call
        .ints_or_operand("axes", 1)?
        .ok_or("its axes are missing")?;
    let full = importer.full_shape(x);
    let (shape, added) = with(&full, &list)?;
    if added.contains(&0) {
        return Err(mixes_batch("moves"));
    }
    reshaped(importer, call, x, &shape)
}

/// The shape with axes of extent 1 at those places of the result, and the places.
pub(super) fn with(shape: &[usize], list: &[i64]) -> Result<(Vec<usize>, Vec<usize>), Refusal> {
    let rank = shape.len() + list.len();
    if rank > 16 {
        return Err(format!("{rank} axes").into());
    }
    let added = axes(list, rank)?;
    let mut own = shape.iter().copied();
    let shape = (0..rank)
        .map(|a| {
            if added.contains(&a) {
                Some(1)
            } else {
                own.next()
            }
        })
        .collect::<Option<Vec<_>>>()
        .ok_or("its axes do not fit")?;
    Ok((shape, added))
}

/// The permutation of a Transpose; the reverse if none is stated.
pub(super) fn permutation(call: &Call<'_>, rank: usize) -> Result<Vec<usize>, Refusal> {
    let Some(stated) = call.ints("perm")? else {
        return Ok((0..rank).rev().collect());
    };
    let perm = stated
        .iter()
        .map(|&p| usize::try_from(p).ok().filter(|&p| p < rank))
        .collect::<Option<Vec<_>>>();
    match perm {
        Some(perm) if axes(stated, rank)?.len() == rank => Ok(perm),
        _ => Err(format!("{stated:?} is no permutation of {rank} axes").into()),
    }
}

/// Permutes axes; the batch stays first.
pub(super) fn transpose(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let x = call.flow(0)?;
    let full = importer.full_shape(x);
    let perm = permutation(call, full.len())?;
    let [0, rest @ ..] = perm.as_slice() else {
        return Err(mixes_batch("moves"));
    };
    let perm: Vec<usize> = rest.iter().map(|p| p - 1).collect();
    if perm.iter().copied().eq(0..perm.len()) {
        return Ok(Bound::Flow(x));
    }
    importer.push(call, Op::Transpose { perm }, &[x])
}

/// Joins tensors.
pub(super) fn concat(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let flows = (0..call.operands.len())
        .map(|at| call.flow(at))
        .collect::<Result<Vec<_>, _>>()?;
    let [first, ..] = flows.as_slice() else {
        return Err("it has no operands".into());
    };
    let rank = importer.full_shape(*first).len();
    if !call.has("axis") {
        return Err("it has no axis".into());
    }
    let Some(axis) = axis(call.int("axis", 0)?, rank)?.checked_sub(1) else {
        return Err(mixes_batch("joins along"));
    };
    if flows.len() == 1 {
        return Ok(Bound::Flow(*first));
    }
    importer.push(call, Op::Concat { axis }, &flows)
}

/// Surrounds with a constant.
pub(super) fn pad(importer: &mut Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let x = call.flow(0)?;
    let mode = call.string("mode")?.unwrap_or("constant");
    if mode != "constant" {
        return Err(Refusal::new(
            format!("it pads by {mode}"),
            "only padding with a constant is supported",
        ));
    }
    let pads = match call.ints("pads")? {
        Some(pads) => pads.to_vec(),
        None => call
            .ints_or_operand("pads", 1)?
            .ok_or("its pads are missing")?,
    };
    let value = match call.optional_constant(2, "padding value")? {
        Some(array) => super::array::to_f32(array.scalar().ok_or("its value is not a scalar")?),
        None => call.float("value", 0.0)?,
    };
    let rank = importer.full_shape(x).len();
    let listed = match call.optional_constant(3, "axes")? {
        None => (0..rank).collect(),
        Some(array) => {
            let list = array.i64s().ok_or("its axes are not integers")?;
            axes(list, rank)?;
            list.iter()
                .map(|&a| axis(a, rank))
                .collect::<Result<Vec<_>, _>>()?
        }
    };
    if pads.len() != 2 * listed.len() {
        return Err(format!("{} pads for {} axes", pads.len(), listed.len()).into());
    }
    let (mut before, mut after) = (vec![0; rank], vec![0; rank]);
    let (starts, ends) = pads.split_at(listed.len());
    for (&at, (&start, &end)) in listed.iter().zip(starts.iter().zip(ends)) {
        for (target, wish) in [(&mut before, start), (&mut after, end)] {
            let cells = usize::try_from(wish)
                .map_err(|_| format!("pads {pads:?} cut cells off, which is not supported"))?;
            if let Some(slot) = target.get_mut(at) {
                *slot = cells;
            }
        }
    }
    if before.first() != Some(&0) || after.first() != Some(&0) {
        return Err(mixes_batch("pads"));
    }
    let (before, after) = (before.split_off(1), after.split_off(1));
    if before.iter().chain(&after).all(|&p| p == 0) {
        return Ok(Bound::Flow(x));
    }
    let op = Op::Pad {
        before,
        after,
        value,
    };
    importer.push(call, op, &[x])
}
