//! Training under fixed-point formats: rounding forward, straight through backward.

use ndarray::ArrayRef2;
use serde::{Deserialize, Serialize};

use crate::error::{Error, check_option};
use crate::network::{Layer, Mode, Network, Weights};

/// Narrowest and widest format.
const WIDTHS: std::ops::RangeInclusive<u32> = 2..=24;
/// How many fraction bits beyond the ones that hold the largest weight are tried.
const FINER: u32 = 3;

/// A fixed-point format: signed integers of `bits` bits, worth `2^-frac` each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fixed {
    /// Width, sign included (2 to 24).
    pub bits: u32,
    /// Fraction bits.
    pub frac: u32,
}

impl Fixed {
    /// The nearest value of the format (ties up), clipped at its ends.
    #[must_use]
    pub fn round(self, v: f32) -> f32 {
        let half = power(self.bits.saturating_sub(1));
        (v * power(self.frac) + 0.5)
            .floor()
            .clamp(-half, half - 1.0)
            / power(self.frac)
    }

    /// Whether the format cannot hold the value.
    #[must_use]
    pub fn clips(self, v: f32) -> bool {
        let half = power(self.bits.saturating_sub(1));
        !(-half..half).contains(&(v * power(self.frac) + 0.5).floor())
    }

    /// The finest format of that width, of at most `frac` fraction bits, that holds `-max..=max`.
    #[must_use]
    pub fn finest(bits: u32, frac: u32, max: f32) -> Option<Self> {
        (0..=frac)
            .rev()
            .map(|frac| Self { bits, frac })
            .find(|f| !f.clips(max) && !f.clips(-max))
    }
}

fn power(exponent: u32) -> f32 {
    2.0_f32.powi(i32::try_from(exponent).unwrap_or(127).min(127))
}

/// The formats a network is trained under: those that the quantiser will give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Formats {
    /// Of each layer's weights (`None`: float).
    pub weights: Vec<Option<Fixed>>,
    /// Of the input and then of each layer's output (`None`: as it comes).
    pub values: Vec<Option<Fixed>>,
}

/// Widths to train under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Widths {
    /// Of every stored value.
    pub values: u32,
    /// Of every weight.
    pub weights: u32,
    /// Integer bits left beyond what the calibration needs.
    pub margin: u32,
}

impl Widths {
    fn check(&self) -> Result<(), Error> {
        for (name, bits) in [("value bits", self.values), ("weight bits", self.weights)] {
            check_option(name, f64::from(bits), WIDTHS.contains(&bits), "2 to 24")?;
        }
        Ok(())
    }
}

impl Formats {
    /// Chooses scales for given widths: one for all values, so that none seen on the samples overflows;
    /// for each layer's weights the one that rounds with the least squared error.
    ///
    /// # Errors
    /// [`Error::Option`] for a width out of range or too narrow for the values, those of evaluation.
    pub fn choose(
        network: &Network,
        samples: &ArrayRef2<f32>,
        widths: &Widths,
    ) -> Result<Self, Error> {
        widths.check()?;
        let shapes = network.shapes()?;
        let tape = network.forward(&shapes, samples.to_owned(), &Mode::default())?;
        let top = |v: f32, x: &f32| v.max(x.abs());
        let max = tape.values().iter().flatten().fold(0.0, top) * power(widths.margin);
        let value =
            Fixed::finest(widths.values, widths.values, max).ok_or_else(|| Error::Option {
                name: "value bits",
                value: widths.values.to_string(),
                allowed: format!("enough for the values seen, up to {max} with the margin"),
            })?;
        let rounded = |l: &Layer| match l {
            Layer::Linear(_)
            | Layer::Conv(_)
            | Layer::Sigmoid
            | Layer::Tanh
            | Layer::AvgPool(_) => Some(value),
            Layer::Relu | Layer::MaxPool(_) | Layer::Reshape(_) | Layer::Dropout(_) => None,
        };
        let weights = |l: &Layer| {
            l.weights()
                .map(|w| best_scale(w, widths.weights, value.frac))
                .transpose()
        };
        Ok(Self {
            weights: network
                .layers
                .iter()
                .map(weights)
                .collect::<Result<_, _>>()?,
            values: std::iter::once(Some(value))
                .chain(network.layers.iter().map(rounded))
                .collect(),
        })
    }

    /// The scale of the values.
    #[must_use]
    pub fn value(&self) -> Option<Fixed> {
        self.values.first().copied().flatten()
    }

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

/// The format of that width, of at most `frac` fraction bits, that rounds the weights best.
fn best_scale(weights: &Weights, bits: u32, frac: u32) -> Result<Fixed, Error> {
    let max = weights.matrix.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
    let first = Fixed::finest(bits, frac, max).ok_or_else(|| Error::Option {
        name: "weight bits",
        value: bits.to_string(),
        allowed: format!("enough for a weight of {max}"),
    })?;
    let error = |f: Fixed| -> f64 {
        weights
            .matrix
            .iter()
            .map(|w| f64::from(w - f.round(*w)).powi(2))
            .sum()
    };
    let finer = (first.frac..=frac.min(first.frac + FINER)).map(|frac| Fixed { bits, frac });
    Ok(finer
        .min_by(|a, b| error(*a).total_cmp(&error(*b)))
        .unwrap_or(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_the_quantiser_s() {
        let f = Fixed { bits: 4, frac: 1 };
        // floor(v * 2 + 1/2) / 2, clipped to -8..=7 halves.
        for (v, want) in [
            (0.25, 0.5),
            (-0.25, 0.0),
            (0.24, 0.0),
            (3.4, 3.5),
            (9.0, 3.5),
            (-4.2, -4.0),
            (-9.0, -4.0),
        ] {
            assert_eq!(f.round(v), want, "{v}");
        }
        assert!(!f.clips(3.7) && f.clips(3.75) && !f.clips(-4.25) && f.clips(-4.3));
    }

    #[test]
    fn finest_holds_the_largest() {
        for max in [0.0, 0.3, 1.0, 1.7, 6.0, 100.0] {
            let f = Fixed::finest(8, 12, max).unwrap();
            assert!(!f.clips(max) && !f.clips(-max));
            let finer = Fixed {
                frac: f.frac + 1,
                ..f
            };
            assert!(
                f.frac == 12 || finer.clips(max) || finer.clips(-max),
                "{max}: {f:?}"
            );
        }
        assert_eq!(Fixed::finest(8, 12, 200.0), None);
    }
}
