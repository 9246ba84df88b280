//! The public preprocessing of a model's input, part of its metadata.

use serde::{Deserialize, Serialize};

/// Steps that turn a raw sample (pixel, feature) into the network's real-valued input, in this order:
/// resize, crop, channel order, `v / divide`, `(v - mean) / deviation`; all in f32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preprocess {
    /// Resize so that the image becomes `[height, width]` before cropping.
    pub resize: Option<[usize; 2]>,
    /// Central crop to `[height, width]`.
    pub crop: Option<[usize; 2]>,
    /// Channels are read as blue, green, red.
    pub bgr: bool,
    /// Divisor of every raw value.
    pub divide: f32,
    /// Per-channel mean (one entry: for all).
    pub mean: Vec<f32>,
    /// Per-channel deviation (one entry: for all).
    pub deviation: Vec<f32>,
}

impl Default for Preprocess {
    fn default() -> Self {
        Self {
            resize: None,
            crop: None,
            bgr: false,
            divide: 1.0,
            mean: vec![],
            deviation: vec![],
        }
    }
}

// Equality is by value; no field is ever NaN once validated.
impl Eq for Preprocess {}
