//! CIFAR-10 batches: records of one label byte and 3 x 32 x 32 pixels, planes of red, green and blue.

use super::Values;

const PIXELS: usize = 3 * 32 * 32;

/// Whether a file can be such a batch: the name, the length and every label say so.
pub(super) fn is(bytes: &[u8], file: &str) -> bool {
    let (records, rest) = bytes.as_chunks::<{ PIXELS + 1 }>();
    std::path::Path::new(file)
        .extension()
        .is_some_and(|e| e == "bin")
        && rest.is_empty()
        && records.iter().all(|[label, ..]| *label < 10)
}

/// The shape (first axis: samples), the values and the labels.
pub(super) fn samples(bytes: &[u8]) -> (Vec<usize>, Values, Vec<u32>) {
    let (records, _) = bytes.as_chunks::<{ PIXELS + 1 }>();
    let labels = records.iter().map(|[label, ..]| u32::from(*label));
    let pixels = records.iter().flat_map(|[_, pixels @ ..]| pixels);
    (
        vec![records.len(), 3, 32, 32],
        Values::U8(pixels.copied().collect()),
        labels.collect(),
    )
}
