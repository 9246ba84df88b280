//! Weights, biases and rounding constants of linear layers.

use super::{Build, Made, Spec, value_name};
use crate::graph::{Affine, Per};
use crate::ops::{MAX_WEIGHT_BITS, MIN_WEIGHT_BITS};
use crate::quant::defer;
use crate::quant::error::QuantError;
use crate::quant::fold::{FoldedNode, FoldedOp, Weighted};
use crate::quant::input::quantise_value;
use crate::quant::interval::bits_of;
use crate::quant::ir::{Conv, Linear, Op, Params, TensorId, Window};
use crate::quant::options::Weights;
use crate::quant::scales::Scales;
use crate::quant::sparsity::Sparsity;
use privet_ring::Ring;

/// Fraction bits of the node's weights; 0 for other nodes.
pub(super) fn weight_frac(
    node: &FoldedNode<'_>,
    spec: &Spec<'_>,
    scales: &Scales,
) -> Result<u32, QuantError> {
    if !node.op.is_linear() {
        return Ok(0);
    }
    let layers = &spec.options.layers;
    let fitting = match spec.options.weights {
        Weights::Fit(bits) if !layers.weights.contains_key(node.name) => bits,
        Weights::SameFrac | Weights::Fit(_) => {
            return Ok(scales.weights(node, layers, spec.frac));
        }
        Weights::Frac(frac) => return Ok(scales.weights(node, layers, frac)),
    };
    for frac in (0..=spec.frac).rev() {
        if widest(&node.op, frac) <= fitting {
            return Ok(scales.weights(node, layers, frac));
        }
    }
    Err(too_wide(node, fitting, 0))
}

/// Bits of the widest weight at that scale.
fn widest(op: &FoldedOp<'_>, frac: u32) -> u32 {
    let bits = |w: f64| quantise_value(w, frac).map_or(u32::MAX, |w| bits_of(w.into(), w.into()));
    let widest = if let FoldedOp::Scale(affine) = op {
        affine.scale.iter().copied().map(bits).max()
    } else if let FoldedOp::Linear(weighted) | FoldedOp::Conv { weighted, .. } = op {
        let rows = (0..weighted.outputs()).map(|o| weighted.row(o).map(bits).max());
        rows.flatten().max()
    } else {
        None
    };
    widest.unwrap_or(0).max(MIN_WEIGHT_BITS)
}

fn too_wide(node: &FoldedNode<'_>, limit: u32, frac: u32) -> QuantError {
    QuantError::Weights {
        layer: node.name.to_owned(),
        missing: widest(&node.op, frac).min(64).saturating_sub(limit),
        limit,
        frac,
    }
}

impl Build<'_> {
    /// The raw result of a linear node.
    pub(super) fn linear(
        &mut self,
        node: &FoldedNode<'_>,
        weight_frac: u32,
    ) -> Result<TensorId, QuantError> {
        let input = self.operand(node, 0)?;
        let decision = defer::get(&self.decisions, node.output);
        let ring = self.raw_ring(node, decision)?;
        let rounding = if decision.rounded && self.spec.options.rounding {
            // The truncation at the end of the path drops `shift` bits of the highest scale there.
            Rounding::before(
                decision.shift,
                decision.shift.saturating_sub(decision.above),
            )
        } else {
            Rounding { constant: 0 }
        };
        let bits = widest(&node.op, weight_frac);
        if bits > MAX_WEIGHT_BITS {
            return Err(too_wide(node, MAX_WEIGHT_BITS, weight_frac));
        }
        let read = self.at(input).map_or(self.spec.frac, |t| t.frac_bits);
        let maker = Maker {
            node,
            weight_frac,
            bias_frac: read.saturating_add(weight_frac),
            ring,
            rounding: rounding.constant,
        };
        let made = Made {
            name: value_name(self.folded, node.output),
            shape: self.folded.shape(node.output),
            ring,
            frac: maker.bias_frac,
        };
        let (mut op, weighted) = if let FoldedOp::Linear(weighted) = &node.op {
            let op = Op::Linear(Linear {
                inputs: weighted.taps,
                outputs: weighted.outputs(),
                weight_bits: bits,
                weight_frac,
                sparsity: None,
            });
            (op, weighted)
        } else if let FoldedOp::Conv {
            weighted,
            shape,
            window,
        } = &node.op
        {
            let op = Op::Conv(Conv {
                in_channels: shape.in_channels,
                out_channels: shape.out_channels,
                groups: shape.groups,
                window: window.clone(),
                weight_bits: bits,
                weight_frac,
                sparsity: None,
            });
            (op, weighted)
        } else if let FoldedOp::Scale(affine) = &node.op {
            return self.depthwise(&maker, affine, bits, input, made);
        } else {
            return Err(QuantError::Inconsistent {
                layer: node.name.to_owned(),
            });
        };
        let params = maker.params(weighted)?;
        if self.spec.options.publish_sparsity
            && let Op::Linear(Linear { sparsity, .. }) | Op::Conv(Conv { sparsity, .. }) = &mut op
        {
            *sparsity = Sparsity::of(&params.weights);
        }
        Ok(self.push(node.name, op, Some(params), &[input], made))
    }

    /// A scaling by channel or element as a 1 x 1 convolution with one channel per group.
    fn depthwise(
        &mut self,
        maker: &Maker<'_>,
        affine: &Affine,
        weight_bits: u32,
        input: TensorId,
        made: Made<'_>,
    ) -> Result<TensorId, QuantError> {
        let shape = made.shape;
        let elements: usize = shape.iter().product();
        let channels = match (affine.per, shape) {
            (Per::Tensor | Per::Channel, [channels, ..]) => *channels,
            _ => elements,
        };
        let image = match (affine.per, shape) {
            (Per::Tensor | Per::Channel, &[c, h, w]) => [c, h, w],
            _ => [channels, elements / channels.max(1), 1],
        };
        let per_channel = |values: &[f64]| match *values {
            [one] => vec![one; channels],
            _ => values.to_vec(),
        };
        let weights = per_channel(&affine.scale);
        let params = Params {
            weights: weights
                .iter()
                .map(|&w| maker.weight(w))
                .collect::<Result<_, _>>()?,
            bias: maker.bias(&per_channel(&affine.shift))?,
        };
        let op = Op::Conv(Conv {
            in_channels: channels,
            out_channels: channels,
            groups: channels,
            window: Window::new([1, 1]),
            weight_bits,
            weight_frac: maker.weight_frac,
            sparsity: None,
        });
        let layer = maker.node.name;
        let viewed = self.reshape(layer, input, &image);
        let raw = Made {
            shape: &image,
            ..made
        };
        let output = self.push(layer, op, Some(params), &[viewed], raw);
        Ok(self.reshape(layer, output, shape))
    }
}

/// The rounding constant at a layer's own scale.
struct Rounding {
    constant: i64,
}

impl Rounding {
    /// Half of what a truncation by `shift` bits drops, for a layer that is raised by `raised` bits
    /// before it.
    const fn before(shift: u32, raised: u32) -> Self {
        if shift <= raised || shift > 62 {
            Self { constant: 0 }
        } else {
            Self {
                constant: (1i64 << (shift - 1)) >> raised,
            }
        }
    }
}

/// Turns one layer's constants into integers.
struct Maker<'a> {
    node: &'a FoldedNode<'a>,
    weight_frac: u32,
    bias_frac: u32,
    ring: Ring,
    rounding: i64,
}

impl Maker<'_> {
    fn params(&self, weighted: &Weighted<'_>) -> Result<Params, QuantError> {
        let mut weights = Vec::with_capacity(weighted.outputs() * weighted.taps);
        for o in 0..weighted.outputs() {
            for w in weighted.row(o) {
                weights.push(self.weight(w)?);
            }
        }
        let bias = self.bias(&weighted.bias)?;
        Ok(Params { weights, bias })
    }

    fn weight(&self, w: f64) -> Result<i32, QuantError> {
        self.finite(w)?;
        quantise_value(w, self.weight_frac)
            .and_then(|w| i32::try_from(w).ok())
            .ok_or_else(|| too_wide(self.node, MAX_WEIGHT_BITS, self.weight_frac))
    }

    /// `q(bias, f_x + f_w) + r`.
    fn bias(&self, bias: &[f64]) -> Result<Vec<i64>, QuantError> {
        let one = |&b: &f64| {
            self.finite(b)?;
            let sum = quantise_value(b, self.bias_frac).and_then(|b| b.checked_add(self.rounding));
            sum.filter(|&b| self.ring.contains(b)).ok_or_else(|| {
                let bits = sum.map_or(64, |b| bits_of(b.into(), b.into()));
                QuantError::Constant {
                    layer: self.node.name.to_owned(),
                    value: b,
                    missing: bits.saturating_sub(self.ring.bits()),
                    limit: self.ring.bits(),
                }
            })
        };
        bias.iter().map(one).collect()
    }

    fn finite(&self, value: f64) -> Result<(), QuantError> {
        if value.is_finite() {
            Ok(())
        } else {
            Err(QuantError::NotFinite {
                tensor: self.node.name.to_owned(),
                value,
            })
        }
    }
}
