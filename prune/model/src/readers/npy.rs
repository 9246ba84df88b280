//! NPY, versions 1 to 3: one array of plain numbers in C order, samples along the first axis.

use half::f16;

use super::{Values, byte_length, to_f32};

const MAGIC: &[u8] = b"\x93NUMPY";

/// Whether the bytes begin like an NPY file.
pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The shape (first axis: samples) and the values.
pub(super) fn samples(bytes: &[u8]) -> Result<(Vec<usize>, Values), String> {
    let (header, data) = split(bytes).ok_or("NPY header is truncated or of an unknown version")?;
    let kind = entry(header, "descr").ok_or("NPY header has no element type")?;
    let kind = kind.trim_start_matches(['\'', '"']);
    let kind: String = kind.chars().take_while(|c| !"'\"".contains(*c)).collect();
    let order = entry(header, "fortran_order").ok_or("NPY header has no order")?;
    if !order.starts_with("False") {
        return Err("the array is in Fortran order; save numpy.ascontiguousarray of it".to_owned());
    }
    let mut shape = shape(header).ok_or("NPY header has no shape")?;
    if shape.is_empty() {
        shape.push(1);
    }
    let order: Order = match kind.get(..1) {
        Some("<" | "|" | "=") => Order::Little,
        Some(">") => Order::Big,
        _ => return Err(format!("NPY element type {kind:?} is not a plain number")),
    };
    let code = kind.get(1..).unwrap_or_default();
    let size = code.get(1..).and_then(|s| s.parse::<usize>().ok());
    if size.and_then(|size| byte_length(&shape, size)) != Some(data.len()) {
        return Err(format!(
            "NPY header says {shape:?} of {kind}, but {} bytes follow; is the file complete?",
            data.len()
        ));
    }
    let values = match code {
        "u1" | "b1" => Values::U8(data.to_vec()),
        "i1" => Values::F32(data.iter().map(|&b| f32::from(b.cast_signed())).collect()),
        "u2" => order.each(data, |b| u16::from_le_bytes(b).into()),
        "i2" => order.each(data, |b| i16::from_le_bytes(b).into()),
        "u4" => order.each(data, |b| to_f32(u32::from_le_bytes(b).into())),
        "i4" => order.each(data, |b| to_f32(i32::from_le_bytes(b).into())),
        "u8" => order.each(data, |b| u64::from_le_bytes(b) as f32),
        "i8" => order.each(data, |b| i64::from_le_bytes(b) as f32),
        "f2" => order.each(data, |b| f16::from_le_bytes(b).to_f32()),
        "f4" => order.each(data, f32::from_le_bytes),
        "f8" => order.each(data, |b| to_f32(f64::from_le_bytes(b))),
        _ => return Err(format!("NPY element type {kind:?} is not a plain number")),
    };
    Ok((shape, values))
}

/// Header text and data.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (&[major, _], rest) = bytes.get(MAGIC.len()..)?.split_first_chunk::<2>()?;
    let (length, rest) = match major {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            (usize::try_from(u32::from_le_bytes(*length)).ok()?, rest)
        }
        _ => return None,
    };
    let (header, data) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, data))
}

/// What follows a key of the header's dictionary.
fn entry<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn shape(header: &str) -> Option<Vec<usize>> {
    let (inside, _) = entry(header, "shape")?.strip_prefix('(')?.split_once(')')?;
    inside
        .split(',')
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .map(|s| s.parse().ok())
        .collect()
}

/// Byte order of the elements.
enum Order {
    Little,
    Big,
}

impl Order {
    fn each<const N: usize>(&self, data: &[u8], convert: impl Fn([u8; N]) -> f32) -> Values {
        let (chunks, _) = data.as_chunks::<N>();
        let values = chunks.iter().map(|&(mut chunk)| {
            if matches!(self, Self::Big) {
                chunk.reverse();
            }
            convert(chunk)
        });
        Values::F32(values.collect())
    }
}
