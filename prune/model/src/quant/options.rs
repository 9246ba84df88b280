//! What the quantiser is asked for.

use std::collections::BTreeMap;

use super::ir::Profile;

/// How a float network becomes integers.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantOptions {
    /// Width B of a stored value.
    pub bits: u32,
    /// Fraction bits f of stored values.
    pub frac: Frac,
    /// Bits by which calibrated ranges are widened; by default 0 where `frac` is given, 1 where it
    /// is chosen.
    pub margin: Option<u32>,
    /// Ring of all accumulators instead of the derived B + s.
    pub ring: Option<u32>,
    /// Scale of the weights.
    pub weights: Weights,
    /// Rounding to nearest: the constant 2^(s-1) once on each path to a truncation.
    pub rounding: bool,
    /// Where truncations stand.
    pub placement: Placement,
    /// Fraction bits of single layers, where they differ from the network's.
    pub layers: LayerFracs,
    /// Which tensors get a ring no wider than their range.
    pub narrow: Narrow,
    /// Bounds that hold for every real input, if the caller states some; an input outside is
    /// refused when it is quantised, so ranges derived from them are proven.
    pub input_range: Option<[f32; 2]>,
    /// Publish which weights are zero once quantised: both parties then leave them out, and the client learns where they are.
    pub publish_sparsity: bool,
    /// How exactly the network is followed.
    pub profile: Profile,
}

impl Default for QuantOptions {
    fn default() -> Self {
        Self {
            bits: 16,
            frac: Frac::Auto,
            margin: None,
            ring: None,
            weights: Weights::SameFrac,
            rounding: true,
            placement: Placement::Early,
            layers: LayerFracs::default(),
            narrow: Narrow::Proven,
            input_range: None,
            publish_sparsity: false,
            profile: Profile::Exact,
        }
    }
}

impl QuantOptions {
    /// `bits` wide values with `frac` fraction bits, the rest by default.
    #[must_use]
    pub fn fixed(bits: u32, frac: u32) -> Self {
        Self {
            bits,
            frac: Frac::Bits(frac),
            ..Self::default()
        }
    }

    /// The margin that applies.
    #[must_use]
    pub fn margin(&self) -> u32 {
        self.margin.unwrap_or(match self.frac {
            Frac::Bits(_) => 0,
            Frac::Auto => 1,
        })
    }
}

/// Fraction bits of stored values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frac {
    /// That many.
    Bits(u32),
    /// As many as the ranges leave room for.
    Auto,
}

/// Scale of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// The fraction bits of the values.
    SameFrac,
    /// That many fraction bits.
    Frac(u32),
    /// Layer by layer the most fraction bits, at most the values', with which its weights fit that width.
    Fit(u32),
}

/// Fraction bits of single layers, by their names in the source, in place of the network's.
///
/// Values that one operation ties to one scale (the operands of a sum or a concatenation, both sides of an activation or a pool) get the
/// most fraction bits of the layers that make them. Where a layer's result would have fewer than its readers want, its weights get more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerFracs {
    /// Of the network's input.
    pub input: Option<u32>,
    /// Of the stored values that a layer with weights makes.
    pub values: BTreeMap<String, u32>,
    /// Of a layer's weights.
    pub weights: BTreeMap<String, u32>,
}

impl LayerFracs {
    /// Whether all layers have the network's.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.input.is_none() && self.values.is_empty() && self.weights.is_empty()
    }
}

/// Which tensors get a ring no wider than their range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Narrow {
    /// None: stored values have the width B.
    Off,
    /// Those whose range is proven: the values are the same for every input.
    Proven,
    /// Also those whose range was seen on data, and accumulators, unless their ring is given: cheaper, but an input that exceeds it
    /// wraps earlier.
    Calibrated,
    /// The same, but sums stay so wide that shares of them are truncated without regard to their wraps: cheaper under protocols on
    /// shares, dearer under garbled circuits.
    CalibratedShares,
}

/// Where truncations stand. The values are the same; what it costs depends on the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Directly behind each linear layer: cheapest where truncation is free (garbled circuits).
    Early,
    /// Behind ReLU, max-pool and addition: cheapest where truncation is a protocol (shares).
    Late,
}
