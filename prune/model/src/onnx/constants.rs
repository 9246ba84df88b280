//! Folding: operators whose operands are all known, as exporters leave them around shapes and weights.

use std::rc::Rc;

use super::Refusal;
use super::advice::unknown;
use super::array::{Array, Data, elements};
use super::attributes::{Call, axis};
use super::elementwise::expand;
use super::import::{Bound, Importer};
use super::proto::data_type;
use super::shaping::{permutation, resolve, with, without};

/// Computes a node's constant result. `Shape` is here too: shapes are known even of data that is not.
pub(super) fn fold(importer: &Importer<'_>, call: &Call<'_>) -> Result<Bound, Refusal> {
    let array = match call.node.op_type.as_str() {
        "Shape" => shape(importer, call)?,
        "Constant" => constant(call)?,
        "ConstantOfShape" => filled(call)?,
        "Identity" | "Dropout" => (*call.constant(0, "operand")?).clone(),
        "Cast" => cast(call)?,
        "Reshape" => reshape(call)?,
        "Flatten" => flatten(call)?,
        "Squeeze" => squeeze(call)?,
        "Unsqueeze" => unsqueeze(call)?,
        "Transpose" => transpose(call)?,
        "Concat" => concat(call)?,
        "Gather" => gather(call)?,
        "Slice" => slice(call)?,
        "Expand" => expanded(call)?,
        "Add" | "Sub" | "Mul" | "Div" => arithmetic(call)?,
        "Sqrt" => map(call, f64::sqrt)?,
        "Neg" => map(call, |v| -v)?,
        "Relu" => map(call, |v| v.max(0.0))?,
        other if call.node.input.is_empty() => return Err(unknown(other)),
        _ => {
            return Err(Refusal::new(
                "all its operands are constants and it is not folded",
                "simplify the model, for instance with onnx-simplifier",
            ));
        }
    };
    Ok(Bound::Constant(Rc::new(array)))
}

fn shape(importer: &Importer<'_>, call: &Call<'_>) -> Result<Array, Refusal> {
    let full = match call.operand(0) {
        Some(Bound::Constant(array)) => array.shape.clone(),
        _ => importer.full_shape(call.flow(0)?),
    };
    let rank = i64::try_from(full.len()).unwrap_or(i64::MAX);
    let clamp = |v: i64| {
        let v = if v < 0 { v + rank } else { v };
        usize::try_from(v.clamp(0, rank)).unwrap_or(0)
    };
    let start = clamp(call.int("start", 0)?);
    let end = clamp(call.int("end", rank)?).max(start);
    let part = full.get(start..end).unwrap_or(&[]);
    let ints = part.iter().map(|&d| i64::try_from(d).unwrap_or(i64::MAX));
    Ok(Array::vector(ints.collect()))
}

fn constant(call: &Call<'_>) -> Result<Array, Refusal> {
    if let Some(tensor) = call.tensor("value")? {
        return Ok(Array::decode(tensor)?);
    }
    let array = |shape, data| Ok(Array::new(shape, data)?);
    if call.has("value_float") {
        return array(vec![], Data::F32(vec![call.float("value_float", 0.0)?]));
    }
    if call.has("value_int") {
        return array(vec![], Data::I64(vec![call.int("value_int", 0)?]));
    }
    if let Some(ints) = call.ints("value_ints")? {
        return Ok(Array::vector(ints.to_vec()));
    }
    if let Some(found) = call
        .node
        .attribute
        .iter()
        .find(|a| a.name == "value_floats")
    {
        let floats = found.floats.clone();
        return array(vec![floats.len()], Data::F32(floats));
    }
    Err("it holds neither numbers nor a dense tensor".into())
}

/// A shape given as a constant of integers.
fn target(array: &Array) -> Result<Vec<usize>, Refusal> {
    let ints = array.i64s().ok_or("its shape is not made of integers")?;
    ints.iter()
        .map(|&d| usize::try_from(d).map_err(|_| format!("shape {ints:?} is negative").into()))
        .collect()
}

fn filled(call: &Call<'_>) -> Result<Array, Refusal> {
    let shape = target(&*call.constant(0, "shape")?)?;
    let count = elements(&shape)?;
    let value = match call.tensor("value")? {
        Some(tensor) => Array::decode(tensor)?.data,
        None => Data::F32(vec![0.0]),
    };
    let data = value
        .select(&vec![0; count])
        .ok_or("its value is missing")?;
    Ok(Array { shape, data })
}

fn cast(call: &Call<'_>) -> Result<Array, Refusal> {
    let array = call.constant(0, "operand")?;
    let to = call.int("to", 0)?;
    let is = |codes: &[i32]| codes.iter().any(|&c| i64::from(c) == to);
    let data = if is(&[data_type::FLOAT, data_type::FLOAT16, data_type::BFLOAT16]) {
        Data::F32(array.f32s().into_owned())
    } else if is(&[data_type::DOUBLE]) {
        Data::F64(array.f64s().into_owned())
    } else if is(&[data_type::INT64, data_type::INT32]) {
        match &array.data {
            Data::I64(v) => Data::I64(v.clone()),
            Data::F32(_) | Data::F64(_) => {
                Data::I64(array.f64s().iter().map(|&v| toward_zero(v)).collect())
            }
        }
    } else {
        return Err(format!("a cast to element type {to} is not folded").into());
    };
    Ok(Array {
        shape: array.shape.clone(),
        data,
    })
}

/// Saturating, as Rust casts are; NaN becomes 0.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding toward zero is what the operator does"
)]
const fn toward_zero(v: f64) -> i64 {
    v as i64
}

fn reshape(call: &Call<'_>) -> Result<Array, Refusal> {
    let array = call.constant(0, "operand")?;
    let wish = call.constant(1, "shape")?;
    let wish = wish.i64s().ok_or("its shape is not made of integers")?;
    let shape = resolve(wish, &array.shape, call.int("allowzero", 0)? != 0)?;
    Ok(Array::new(shape, array.data.clone())?)
}

fn flatten(call: &Call<'_>) -> Result<Array, Refusal> {
    let array = call.constant(0, "operand")?;
    let at = axis(call.int("axis", 1)?, array.shape.len() + 1)?;
    let (outer, inner) = array.shape.split_at(at);
    let shape = vec![outer.iter().product(), inner.iter().product()];
    Ok(Array::new(shape, array.data.clone())?)
}

fn squeeze(call: &Call<'_>) -> Result<Array, Refusal> {
    let array = call.constant(0, "operand")?;
    let rank = array.shape.len();
    let dropped = match call.ints_or_operand("axes", 1)? {
        Some(list) => super::attributes::axes(&list, rank)?,
        None => (0..rank)
            .filter(|&a| array.shape.get(a) == Some(&1))
            .collect(),
    };
    let shape = without(&array.shape, &dropped)?;
    Ok(Array::new(shape, array.data.clone())?)
}

fn unsqueeze(call: &Call<'_>) -> Result<Array, Refusal> {
    let array = call.constant(0, "operand")?;
    let list = call
        .ints_or_operand("axes", 1)?
        .ok_or("its axes are missing")?;
    let (shape, _) = with(&array.shape, &list)?;
    Ok(Array::new(shape, array.data.clone())?)
}

fn transpose(call: &Call<'_>) -> Result<Array, Refusal> {
    let array = call.constant(0, "operand")?;
    let perm = permutation(call, array.shape.len())?;
    Ok(array.transposed(&perm).ok_or("it does not fit")?)
}

fn concat(call: &Call<'_>) -> Result<Array, Refusal> {
    let arrays = (0..call.operands.len())
        .map(|at| call.constant(at, "operand"))
        .collect::<Result<Vec<_>, _>>()?;
    let vectors = arrays.iter().all(|a| a.shape.len() == 1);
    if !vectors {
        return Err("only vectors of constants are joined".into());
    }
    if let Some(ints) = arrays.iter().map(|a| a.i64s()).collect::<Option<Vec<_>>>() {
        return Ok(Array::vector(ints.concat()));
    }
    let floats: Vec<f32> = arrays.iter().flat_map(|a| a.f32s().into_owned()).collect();
    Ok(Array::new(vec![floats.len()], Data::F32(floats))?)
}

fn gather(call: &Call<'_>) -> Result<Array, Refusal> {
    let array = call.constant(0, "operand")?;
    let indices = call.constant(1, "indices")?;
    let at = axis(call.int("axis", 0)?, array.shape.len())?;
    let (outer, rest) = array.shape.split_at(at);
    let Some((&extent, inner)) = rest.split_first() else {
        return Err("it takes from a scalar".into());
    };
    let picks = indices.i64s().ok_or("its indices are not integers")?;
    let picks = picks
        .iter()
        .map(|&i| axis(i, extent))
        .collect::<Result<Vec<_>, _>>()?;
    let shape = [outer, &indices.shape, inner].concat();
    elements(&shape)?;
    let run: usize = inner.iter().product();
    let mut from = Vec::with_capacity(elements(&shape)?);
    for block in 0..outer.iter().product() {
        for &pick in &picks {
            let start = (block * extent + pick) * run;
            from.extend(start..start + run);
        }
    }
    let data = array.data.select(&from).ok_or("it does not fit")?;
    Ok(Array { shape, data })
}

/// Slices of vectors, which is what shapes need.
fn slice(call: &Call<'_>) -> Result<Array, Refusal> {
    let array = call.constant(0, "operand")?;
    let [extent] = *array.shape.as_slice() else {
        return Err("only vectors of constants are sliced".into());
    };
    let one = |name: &str, at: usize| -> Result<Option<i64>, Refusal> {
        match call.ints_or_operand(name, at)?.as_deref() {
            None => Ok(None),
            Some([v]) => Ok(Some(*v)),
            Some(_) => Err(format!("its {name} do not fit a vector").into()),
        }
    };
    let start = one("starts", 1)?.ok_or("its starts are missing")?;
    let end = one("ends", 2)?.ok_or("its ends are missing")?;
    if one("steps", 4)?.unwrap_or(1) != 1 {
        return Err("only a step of 1 is folded".into());
    }
    let rank = i64::try_from(extent).unwrap_or(i64::MAX);
    let clamp = |v: i64| {
        let v = if v < 0 { v.saturating_add(rank) } else { v };
        usize::try_from(v.clamp(0, rank)).unwrap_or(0)
    };
    let (start, end) = (clamp(start), clamp(end));
    let picks: Vec<usize> = (start..end.max(start)).collect();
    let data = array.data.select(&picks).ok_or("it does not fit")?;
    Ok(Array::new(vec![picks.len()], data)?)
}

/// The shape that two arrays are broadcast to.
fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Refusal> {
    let rank = a.len().max(b.len());
    let at = |s: &[usize], i: usize| {
        (i + s.len())
            .checked_sub(rank)
            .and_then(|i| s.get(i).copied())
            .unwrap_or(1)
    };
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => Err(format!("shapes {a:?} and {b:?} do not fit").into()),
        })
        .collect()
}

/// Elements of an array repeated to a shape.
fn spread(array: &Array, shape: &[usize]) -> Vec<usize> {
    let mut extents = vec![1; shape.len().saturating_sub(array.shape.len())];
    extents.extend(&array.shape);
    let indices: Vec<usize> = (0..array.len()).collect();
    expand(&indices, &extents, shape)
}

fn expanded(call: &Call<'_>) -> Result<Array, Refusal> {
    let array = call.constant(0, "operand")?;
    let wish = target(&*call.constant(1, "shape")?)?;
    let shape = broadcast(&array.shape, &wish)?;
    elements(&shape)?;
    let data = array.data.select(&spread(&array, &shape));
    Ok(Array::new(shape, data.ok_or("it does not fit")?)?)
}

fn arithmetic(call: &Call<'_>) -> Result<Array, Refusal> {
    let (a, b) = (call.constant(0, "operand")?, call.constant(1, "operand")?);
    let shape = broadcast(&a.shape, &b.shape)?;
    elements(&shape)?;
    let misfit = "it does not fit";
    let left = a.data.select(&spread(&a, &shape)).ok_or(misfit)?;
    let right = b.data.select(&spread(&b, &shape)).ok_or(misfit)?;
    let kind = call.node.op_type.as_str();
    if let (Data::I64(x), Data::I64(y)) = (&left, &right) {
        let results = x.iter().zip(y).map(|(&x, &y)| match kind {
            "Add" => x.checked_add(y),
            "Sub" => x.checked_sub(y),
            "Mul" => x.checked_mul(y),
            _ => x.checked_div(y),
        });
        let data = results.collect::<Option<Vec<_>>>();
        let data = data.ok_or("its integers overflow or divide by 0")?;
        return Ok(Array::new(shape, Data::I64(data))?);
    }
    let left = Array::new(shape.clone(), left)?;
    let right = Array::new(shape.clone(), right)?;
    let results = left
        .f64s()
        .iter()
        .zip(&*right.f64s())
        .map(|(&x, &y)| match kind {
            "Add" => x + y,
            "Sub" => x - y,
            "Mul" => x * y,
            _ => x / y,
        })
        .collect();
    Ok(Array::new(shape, Data::F64(results))?)
}

fn map(call: &Call<'_>, f: impl Fn(f64) -> f64) -> Result<Array, Refusal> {
    let array = call.constant(0, "operand")?;
    Ok(Array {
        shape: array.shape.clone(),
        data: Data::F64(array.f64s().iter().map(|&v| f(v)).collect()),
    })
}
