//! Real inputs to integers.

use super::ir::{Graph, RangeOrigin, Tensor};
use crate::preprocess::Preprocess;

/// An input that the network does not take.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InputError {
    /// Wrong number of values.
    #[error("input {tensor} has {expected} values {shape:?}, got {got}")]
    Length {
        /// Name of the input tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Its number of elements.
        expected: usize,
        /// Values that came.
        got: usize,
    },
    /// A value that is not a number, infinite or too large. Nothing is ever saturated.
    #[error(
        "input {tensor}: value {value} at index {index} does not fit {bits} bits with {frac_bits} fraction bits"
    )]
    Value {
        /// Name of the input tensor.
        tensor: String,
        /// Where.
        index: usize,
        /// The value.
        value: f64,
        /// Width that is allowed.
        bits: u32,
        /// Fraction bits.
        frac_bits: u32,
    },
}

/// `q(x, f) = floor(x * 2^f + 1/2)`, ties toward positive infinity; `None` for NaN, infinities and
/// what does not fit 63 bits.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is integral and below 2^62 in magnitude"
)]
pub fn quantise_value(x: f64, frac_bits: u32) -> Option<i64> {
    const LIMIT: f64 = (1u64 << 62) as f64;
    let scaled = (x * f64::from(frac_bits).exp2() + 0.5).floor();
    (scaled.abs() < LIMIT).then_some(scaled as i64)
}

/// Bounds of the network's real inputs where raw values are bytes: the images of 0 and 255 under
/// the public preprocessing, channel by channel. Proven, so they may be stated to the quantiser as
/// [`input_range`](super::QuantOptions::input_range). `None` for parameters that are no numbers, and where the
/// network reads coordinates in a subspace: they are sums over many values.
#[must_use]
pub fn range_of_bytes(preprocess: &Preprocess) -> Option<[f32; 2]> {
    let of = |values: &[f32], channel: usize, default: f32| match values {
        [] => default,
        [one] => *one,
        _ => values.get(channel).copied().unwrap_or(default),
    };
    if preprocess.projection.is_some() {
        return None;
    }
    let channels = preprocess.mean.len().max(preprocess.deviation.len()).max(1);
    let mut range: Option<[f32; 2]> = None;
    for channel in 0..channels {
        let (mean, deviation) = (
            of(&preprocess.mean, channel, 0.0),
            of(&preprocess.deviation, channel, 1.0),
        );
        for byte in [0.0f32, 255.0] {
            let real = (byte / preprocess.divide - mean) / deviation;
            if !real.is_finite() {
                return None;
            }
            let [lo, hi] = range.unwrap_or([real, real]);
            range = Some([lo.min(real), hi.max(real)]);
        }
    }
    range
}

impl Tensor {
    /// Width that is enforced on the network's input: that of its range where it is proven, else the ring's.
    fn stated_bits(&self) -> u32 {
        match self.range.origin {
            RangeOrigin::Proven => self.range.bits.min(self.ring.bits()),
            RangeOrigin::Calibrated => self.ring.bits(),
        }
    }

    /// Whether the network's input, described by this tensor, may hold the value: it fits the ring, and
    /// the range where that is stated as proven.
    #[must_use]
    pub fn admits(&self, value: i64) -> bool {
        let lowest = match (self.range.origin, self.range.non_negative) {
            (RangeOrigin::Proven, true) => 0,
            _ => i128::from(i64::MIN) >> (i64::BITS - self.stated_bits()),
        };
        let highest = (1i128 << (self.stated_bits() - 1)) - 1;
        (lowest..=highest).contains(&i128::from(value))
    }
}

impl Graph {
    /// The integers of an input that the public preprocessing has made real values of.
    ///
    /// # Errors
    /// A wrong number of values; a value that is NaN, infinite or outside the input tensor's ring,
    /// or outside its range where that is stated as proven.
    pub fn quantise_input(&self, real: &[f32]) -> Result<Vec<i64>, InputError> {
        let missing = |shape: Vec<usize>, tensor: String, expected| InputError::Length {
            tensor,
            shape,
            expected,
            got: real.len(),
        };
        let Some(tensor) = self.tensor(self.input) else {
            return Err(missing(vec![], String::new(), 0));
        };
        let expected = tensor.elements().unwrap_or(usize::MAX);
        if expected != real.len() {
            return Err(missing(tensor.shape.clone(), tensor.name.clone(), expected));
        }
        let bits = tensor.stated_bits();
        let fits = |v: &i64| tensor.admits(*v);
        real.iter()
            .enumerate()
            .map(|(index, &x)| {
                quantise_value(f64::from(x), tensor.frac_bits)
                    .filter(fits)
                    .ok_or_else(|| InputError::Value {
                        tensor: tensor.name.clone(),
                        index,
                        value: f64::from(x),
                        bits,
                        frac_bits: tensor.frac_bits,
                    })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_toward_positive_infinity() {
        assert_eq!(quantise_value(0.5, 0), Some(1));
        assert_eq!(quantise_value(-0.5, 0), Some(0));
        assert_eq!(quantise_value(-1.5, 0), Some(-1));
        assert_eq!(quantise_value(-1.5 - 1e-9, 0), Some(-2));
        assert_eq!(quantise_value(1.0 / 8192.0, 12), Some(1));
        assert_eq!(quantise_value(-1.0 / 8192.0, 12), Some(0));
    }

    #[test]
    fn bytes_have_proven_bounds() {
        let of = |text: &str| range_of_bytes(&Preprocess::parse(text).expect(text));
        assert_eq!(of("divide=255"), Some([0.0, 1.0]));
        assert_eq!(of("bgr,mean=104,117,123"), Some([-123.0, 151.0]));
        let [lo, hi] = of("divide=255,mean=0.5,0.25,0.5,std=0.25,0.5,0.5").expect("numbers");
        assert_eq!([lo, hi], [-2.0, 2.0]);
    }

    #[test]
    fn nothing_saturates() {
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e30, -1e30] {
            assert_eq!(quantise_value(x, 12), None);
        }
    }
}
