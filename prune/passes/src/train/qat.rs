//! Training under fixed-point formats: rounding forward, straight through backward.

use serde::{Deserialize, Serialize};

use crate::network::Network;

/// A fixed-point format: signed integers of `bits` bits, worth `2^-frac` each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fixed {
    /// Width, sign included (2 to 24).
    pub bits: u32,
    /// Fraction bits (-32 to 32).
    pub frac: i32,
}

impl Fixed {
    /// The nearest value of the format (ties up), clipped at its ends.
    #[must_use]
    pub fn round(self, v: f32) -> f32 {
        let scale = 2.0_f32.powi(self.frac);
        let half = 2.0_f32.powi(i32::try_from(self.bits).unwrap_or(24) - 1);
        (v * scale + 0.5).floor().clamp(-half, half - 1.0) / scale
    }

    /// Whether the format cannot hold the value.
    #[must_use]
    pub fn clips(self, v: f32) -> bool {
        let scale = 2.0_f32.powi(self.frac);
        let half = 2.0_f32.powi(i32::try_from(self.bits).unwrap_or(24) - 1);
        !(-half..half).contains(&(v * scale + 0.5).floor())
    }

    /// The finest format of that width that holds values up to `max` in magnitude.
    #[must_use]
    pub fn finest(bits: u32, max: f32) -> Self {
        let mut frac = 32;
        while frac > -32 && (Self { bits, frac }.clips(max) || Self { bits, frac }.clips(-max)) {
            frac -= 1;
        }
        Self { bits, frac }
    }
}

/// The formats a network is trained under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Formats {
    /// Of each layer's weights (`None`: float).
    pub weights: Vec<Option<Fixed>>,
    /// Of the input and then of each layer's output (`None`: float).
    pub values: Vec<Option<Fixed>>,
}

impl Formats {
    /// The network with its weights rounded.
    #[must_use]
    pub fn round_weights(&self, network: &Network) -> Network {
        let mut rounded = network.clone();
        for (layer, fixed) in rounded.layers.iter_mut().zip(&self.weights) {
            if let (Some(w), Some(fixed)) = (layer.weights_mut(), fixed) {
                w.matrix.mapv_inplace(|v| fixed.round(v));
            }
        }
        rounded
    }
}
