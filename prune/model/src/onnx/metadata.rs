//! What a model's `metadata_props` say of its input.

use super::proto::StringStringEntryProto;
use super::{PREPROCESS_KEY, PROJECTION_KEY};
use crate::preprocess::{Preprocess, PreprocessError, Projection};

/// The stated preprocessing, for a network whose input has that shape; none if nothing is stated. An error
/// comes with the key of the entry at fault.
pub(super) fn preprocessing(
    entries: &[StringStringEntryProto],
    shape: &[usize],
) -> Result<Option<Preprocess>, (&'static str, PreprocessError)> {
    let text = |key: &str| {
        let entry = entries.iter().rev().find(|e| e.key == key);
        entry.map(|e| e.value.as_str())
    };
    let steps = text(PREPROCESS_KEY)
        .map(Preprocess::parse)
        .transpose()
        .map_err(|e| (PREPROCESS_KEY, e))?;
    let Some(projection) = text(PROJECTION_KEY) else {
        return Ok(steps);
    };
    let projection = Projection::parse(projection).map_err(|e| (PROJECTION_KEY, e))?;
    let steps = Preprocess {
        projection: Some(projection),
        ..steps.unwrap_or_default()
    };
    if !steps.fits(shape) {
        let what = format!("it does not yield the input's shape {shape:?}");
        return Err((PROJECTION_KEY, PreprocessError::Projection { what }));
    }
    Ok(Some(steps))
}
