//! PNG, JPEG and portable maps: one sample, planes of red, green and blue, or of grey.

use std::io::Cursor;

use image::{ColorType, DynamicImage, ImageFormat, ImageReader, Limits};

use super::Values;

/// Largest extent of an image.
const MAX_EXTENT: u32 = 1 << 14;
/// Most memory that decoding may take.
const MAX_ALLOC: u64 = 1 << 30;

/// Whether the bytes begin like an image.
pub(super) fn is(bytes: &[u8]) -> bool {
    image::guess_format(bytes).is_ok()
}

/// The shape (one sample) and the values.
pub(super) fn sample(bytes: &[u8]) -> Result<(Vec<usize>, Values), String> {
    let format = image::guess_format(bytes).map_err(|e| e.to_string())?;
    if ![ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Pnm].contains(&format) {
        return Err(format!("{format:?} images are not read; convert it to PNG"));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_EXTENT);
    limits.max_image_height = Some(MAX_EXTENT);
    limits.max_alloc = Some(MAX_ALLOC);
    reader.limits(limits);
    let decoded = reader
        .decode()
        .map_err(|e| format!("damaged image: {e}").replace('\n', " "))?;
    let (w, h) = (decoded.width() as usize, decoded.height() as usize);
    if is_grey(&decoded) {
        return Ok((
            vec![1, 1, h, w],
            Values::U8(decoded.into_luma8().into_raw()),
        ));
    }
    let pixels = decoded.into_rgb8().into_raw();
    let plane = |channel: usize| pixels.iter().skip(channel).step_by(3).copied();
    let planes = plane(0).chain(plane(1)).chain(plane(2)).collect();
    Ok((vec![1, 3, h, w], Values::U8(planes)))
}

fn is_grey(image: &DynamicImage) -> bool {
    matches!(
        image.color(),
        ColorType::L8 | ColorType::L16 | ColorType::La8 | ColorType::La16
    )
}
