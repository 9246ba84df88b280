//! Constants: tensors decoded from a file, and the arithmetic that folds them.

use std::borrow::Cow;

use half::{bf16, f16};

use super::proto::{TensorProto, data_type};
use crate::float::layout;
use crate::graph::MAX_ELEMENTS;

/// Most elements of one constant; more than any activation, since fully connected layers are larger.
pub(super) const MAX_CONSTANT: usize = 4 * MAX_ELEMENTS;

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Array {
    /// Extents; none for a scalar.
    pub(super) shape: Vec<usize>,
    pub(super) data: Data,
}

/// Elements in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    F32(Vec<f32>),
    F64(Vec<f64>),
    /// Integers of any width, and booleans.
    I64(Vec<i64>),
}

impl Data {
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::I64(v) => v.len(),
        }
    }

    /// The elements at those indices.
    pub(super) fn select(&self, indices: &[usize]) -> Option<Self> {
        fn pick<T: Copy>(v: &[T], indices: &[usize]) -> Option<Vec<T>> {
            indices.iter().map(|&i| v.get(i).copied()).collect()
        }
        Some(match self {
            Self::F32(v) => Self::F32(pick(v, indices)?),
            Self::F64(v) => Self::F64(pick(v, indices)?),
            Self::I64(v) => Self::I64(pick(v, indices)?),
        })
    }
}

/// Number of elements of a shape, bounded.
pub(super) fn elements(shape: &[usize]) -> Result<usize, String> {
    shape
        .iter()
        .try_fold(1_usize, |n, &d| n.checked_mul(d))
        .filter(|&n| n <= MAX_CONSTANT)
        .ok_or_else(|| format!("a constant of shape {shape:?} is too large"))
}

impl Array {
    /// Checks that the elements fill the shape.
    pub(super) fn new(shape: Vec<usize>, data: Data) -> Result<Self, String> {
        let expected = elements(&shape)?;
        if data.len() == expected {
            Ok(Self { shape, data })
        } else {
            Err(format!(
                "{} elements cannot have shape {shape:?}",
                data.len()
            ))
        }
    }

    /// A vector of integers.
    pub(super) fn vector(values: Vec<i64>) -> Self {
        Self {
            shape: vec![values.len()],
            data: Data::I64(values),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.data.len()
    }

    /// As f32, each rounded once.
    pub(super) fn f32s(&self) -> Cow<'_, [f32]> {
        match &self.data {
            Data::F32(v) => Cow::Borrowed(v),
            Data::F64(v) => Cow::Owned(v.iter().map(|&x| to_f32(x)).collect()),
            Data::I64(v) => Cow::Owned(v.iter().map(|&x| to_f32(x as f64)).collect()),
        }
    }

    pub(super) fn f64s(&self) -> Cow<'_, [f64]> {
        match &self.data {
            Data::F32(v) => Cow::Owned(v.iter().map(|&x| f64::from(x)).collect()),
            Data::F64(v) => Cow::Borrowed(v),
            Data::I64(v) => Cow::Owned(v.iter().map(|&x| x as f64).collect()),
        }
    }

    pub(super) fn i64s(&self) -> Option<&[i64]> {
        match &self.data {
            Data::I64(v) => Some(v),
            Data::F32(_) | Data::F64(_) => None,
        }
    }

    /// The one element.
    pub(super) fn scalar(&self) -> Option<f64> {
        match self.f64s().as_ref() {
            [x] => Some(*x),
            _ => None,
        }
    }

    pub(super) fn transposed(&self, perm: &[usize]) -> Option<Self> {
        let shape = perm
            .iter()
            .map(|&p| self.shape.get(p).copied())
            .collect::<Option<Vec<_>>>()?;
        if self.len() == 0 {
            return Some(Self {
                shape,
                data: self.data.clone(),
            });
        }
        let data = match &self.data {
            Data::F32(v) => Data::F32(layout::transpose(v, &self.shape, perm)?),
            Data::F64(v) => Data::F64(layout::transpose(v, &self.shape, perm)?),
            Data::I64(v) => Data::I64(layout::transpose(v, &self.shape, perm)?),
        };
        Some(Self { shape, data })
    }

    /// Decodes a tensor of the file, whatever its element type.
    pub(super) fn decode(proto: &TensorProto) -> Result<Self, String> {
        if proto.data_location == 1 || !proto.external_data.is_empty() {
            let place = proto.external_data.iter().find(|e| e.key == "location");
            let place = place.map_or("another file", |e| e.value.as_str());
            return Err(format!(
                "its data is in {place}; save the model as one file, without external data"
            ));
        }
        let shape = proto
            .dims
            .iter()
            .map(|&d| usize::try_from(d).map_err(|_| format!("extent {d} is negative")))
            .collect::<Result<Vec<_>, _>>()?;
        let count = elements(&shape)?;
        let data = if proto.raw_data.is_empty() {
            typed(proto)?
        } else {
            raw(proto, count)?
        };
        Self::new(shape, data)
    }
}

/// Elements as little-endian bytes.
fn raw(proto: &TensorProto, count: usize) -> Result<Data, String> {
    fn items<const N: usize, T>(
        bytes: &[u8],
        count: usize,
        from: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, String> {
        let (chunks, rest) = bytes.as_chunks::<N>();
        if !rest.is_empty() || chunks.len() != count {
            return Err(format!(
                "{} bytes of data for {count} elements of {N} bytes",
                bytes.len()
            ));
        }
        Ok(chunks.iter().map(|&c| from(c)).collect())
    }
    let bytes = &proto.raw_data;
    Ok(match proto.data_type {
        data_type::FLOAT => Data::F32(items(bytes, count, f32::from_le_bytes)?),
        data_type::DOUBLE => Data::F64(items(bytes, count, f64::from_le_bytes)?),
        data_type::FLOAT16 => Data::F32(items(bytes, count, |b| f16::from_le_bytes(b).to_f32())?),
        data_type::BFLOAT16 => Data::F32(items(bytes, count, |b| bf16::from_le_bytes(b).to_f32())?),
        data_type::UINT8 | data_type::BOOL => {
            Data::I64(items(bytes, count, |b| u8::from_le_bytes(b).into())?)
        }
        data_type::INT8 => Data::I64(items(bytes, count, |b| i8::from_le_bytes(b).into())?),
        data_type::UINT16 => Data::I64(items(bytes, count, |b| u16::from_le_bytes(b).into())?),
        data_type::INT16 => Data::I64(items(bytes, count, |b| i16::from_le_bytes(b).into())?),
        data_type::UINT32 => Data::I64(items(bytes, count, |b| u32::from_le_bytes(b).into())?),
        data_type::INT32 => Data::I64(items(bytes, count, |b| i32::from_le_bytes(b).into())?),
        data_type::INT64 | data_type::UINT64 => Data::I64(items(bytes, count, i64::from_le_bytes)?),
        other => return Err(unknown_type(other)),
    })
}

/// Elements in the field of their type; 16-bit floats are bit patterns in 32-bit integers.
fn typed(proto: &TensorProto) -> Result<Data, String> {
    let bits = |v: i32| u16::try_from(v).map_err(|_| format!("{v} is no 16-bit pattern"));
    Ok(match proto.data_type {
        data_type::FLOAT => Data::F32(proto.float_data.clone()),
        data_type::DOUBLE => Data::F64(proto.double_data.clone()),
        data_type::FLOAT16 => {
            let patterns = proto.int32_data.iter().map(|&v| bits(v));
            Data::F32(
                patterns
                    .map(|b| Ok(f16::from_bits(b?).to_f32()))
                    .collect::<Result<_, String>>()?,
            )
        }
        data_type::BFLOAT16 => {
            let patterns = proto.int32_data.iter().map(|&v| bits(v));
            Data::F32(
                patterns
                    .map(|b| Ok(bf16::from_bits(b?).to_f32()))
                    .collect::<Result<_, String>>()?,
            )
        }
        data_type::UINT8
        | data_type::INT8
        | data_type::UINT16
        | data_type::INT16
        | data_type::INT32
        | data_type::BOOL => Data::I64(proto.int32_data.iter().map(|&v| i64::from(v)).collect()),
        data_type::INT64 => Data::I64(proto.int64_data.clone()),
        data_type::UINT32 | data_type::UINT64 => Data::I64(
            proto
                .uint64_data
                .iter()
                .map(|&v| i64::try_from(v).map_err(|_| format!("{v} is beyond 63 bits")))
                .collect::<Result<_, _>>()?,
        ),
        other => return Err(unknown_type(other)),
    })
}

fn unknown_type(code: i32) -> String {
    format!("element type {code} is neither a float nor an integer that is supported")
}

/// Rounds; a value beyond f32 becomes an infinity, which graphs refuse.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding is what is wanted"
)]
pub(super) const fn to_f32(v: f64) -> f32 {
    v as f32
}
