//! IDX, the format of MNIST: two zero bytes, element type, number of axes, big-endian extents, big-endian elements.

use super::{Values, byte_length, to_f32};

/// Largest number of axes that is taken for IDX.
const MAX_AXES: u8 = 8;

/// Whether the bytes begin like an IDX file.
pub(super) fn is(bytes: &[u8]) -> bool {
    matches!(bytes, [0, 0, 0x08 | 0x09 | 0x0b..=0x0e, 1..=MAX_AXES, ..])
}

/// The shape (first axis: samples) and the values.
pub(super) fn samples(bytes: &[u8]) -> Result<(Vec<usize>, Values), String> {
    let truncated = "IDX header is truncated";
    let [_, _, kind, axes, rest @ ..] = bytes else {
        return Err(truncated.to_owned());
    };
    let (header, data) = rest
        .split_at_checked(4 * usize::from(*axes))
        .ok_or(truncated)?;
    let (words, _) = header.as_chunks::<4>();
    let shape: Vec<usize> = words
        .iter()
        .map(|&w| u32::from_be_bytes(w) as usize)
        .collect();
    let size = match kind {
        0x08 | 0x09 => 1,
        0x0b => 2,
        0x0c | 0x0d => 4,
        _ => 8,
    };
    if byte_length(&shape, size) != Some(data.len()) {
        return Err(format!(
            "IDX header says {shape:?} of {size} bytes each, but {} bytes follow; is the file complete?",
            data.len()
        ));
    }
    let values = match kind {
        0x08 => Values::U8(data.to_vec()),
        0x09 => Values::F32(data.iter().map(|&b| f32::from(b.cast_signed())).collect()),
        0x0b => Values::F32(each(data, |b| f32::from(i16::from_be_bytes(b)))),
        0x0c => Values::F32(each(data, |b| to_f32(i32::from_be_bytes(b).into()))),
        0x0d => Values::F32(each(data, f32::from_be_bytes)),
        _ => Values::F32(each(data, |b| to_f32(f64::from_be_bytes(b)))),
    };
    Ok((shape, values))
}

fn each<const N: usize>(data: &[u8], convert: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (chunks, _) = data.as_chunks::<N>();
    chunks.iter().map(|&c| convert(c)).collect()
}
