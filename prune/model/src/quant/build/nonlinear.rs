//! Everything that is neither linear nor a merge.

use super::{Build, Made, ring, value_name};
use crate::ops::table;
use crate::quant::error::QuantError;
use crate::quant::fold::{FoldedNode, FoldedOp};
use crate::quant::input::quantise_value;
use crate::quant::ir::{Function, Op, Params, Pool, TensorId};
use privet_ring::Ring;

impl Build<'_> {
    /// Ring and scale stay as they are.
    pub(super) fn keep_type(&mut self, node: &FoldedNode<'_>) -> Result<TensorId, QuantError> {
        let input = self.operand(node, 0)?;
        let op = if let FoldedOp::Transpose { perm } = &node.op {
            Op::Transpose {
                perm: perm.to_vec(),
            }
        } else if matches!(node.op, FoldedOp::Relu) {
            Op::Relu
        } else {
            Op::Reshape
        };
        let made = self.result_like(node, input)?;
        Ok(self.push(node.name, op, None, &[input], made))
    }

    /// Ring and scale stay for a maximum; an average drops the fraction bits of a raw operand.
    pub(super) fn pool(&mut self, node: &FoldedNode<'_>) -> Result<TensorId, QuantError> {
        let input = self.operand(node, 0)?;
        let name = value_name(self.folded, node.output);
        if let FoldedOp::AvgPool {
            window,
            count_padding,
        } = &node.op
        {
            let op = Op::AvgPool {
                pool: Pool {
                    window: window.clone(),
                },
                count_padding: *count_padding,
                shift: (self.at(input)).map_or(0, |t| t.frac_bits.saturating_sub(self.frac(node))),
            };
            let made = self.stored_as(name, node)?;
            return Ok(self.push(node.name, op, None, &[input], made));
        }
        let FoldedOp::MaxPool(pool) = &node.op else {
            return Err(QuantError::Inconsistent {
                layer: node.name.to_owned(),
            });
        };
        let op = Op::MaxPool(Pool {
            window: pool.window.clone(),
        });
        let made = self.result_like(node, input)?;
        Ok(self.push(node.name, op, None, &[input], made))
    }

    /// Adds constants at the scale of stored values.
    pub(super) fn shift(
        &mut self,
        node: &FoldedNode<'_>,
        shift: &[f64],
    ) -> Result<TensorId, QuantError> {
        let input = self.operand(node, 0)?;
        let stored = self.stored(node.output)?;
        let bias = shift
            .iter()
            .map(|&v| self.constant(node, v, stored))
            .collect::<Result<_, _>>()?;
        let params = Params {
            weights: vec![],
            bias,
        };
        let name = value_name(self.folded, node.output);
        let made = self.stored_as(name, node)?;
        Ok(self.push(node.name, Op::AddConst, Some(params), &[input], made))
    }

    /// Signs and constants by channel, at the scale of stored values.
    pub(super) fn reflect(
        &mut self,
        node: &FoldedNode<'_>,
        signs: &[i32],
        shifts: &[f64],
    ) -> Result<TensorId, QuantError> {
        let input = self.operand(node, 0)?;
        let stored = self.stored(node.output)?;
        let bias = shifts
            .iter()
            .map(|&v| self.constant(node, v, stored))
            .collect::<Result<_, _>>()?;
        let params = Params {
            weights: signs.to_vec(),
            bias,
        };
        let name = value_name(self.folded, node.output);
        let made = self.stored_as(name, node)?;
        Ok(self.push(node.name, Op::Reflect, Some(params), &[input], made))
    }

    /// Integer bounds at the scale of stored values.
    pub(super) fn clip(
        &mut self,
        node: &FoldedNode<'_>,
        lo: f32,
        hi: f32,
    ) -> Result<TensorId, QuantError> {
        let input = self.operand(node, 0)?;
        let stored = self.stored(node.output)?;
        let bound = |bound: f32, infinite: i64| {
            // A bound beyond the ring cuts nothing off.
            let exact = quantise_value(f64::from(bound), self.frac(node)).unwrap_or(infinite);
            exact.clamp(stored.min(), stored.max())
        };
        if lo.is_nan() || hi.is_nan() {
            return Err(QuantError::NotFinite {
                tensor: node.name.to_owned(),
                value: f64::NAN,
            });
        }
        let (lo, hi) = (
            bound(lo, if lo > 0.0 { i64::MAX } else { i64::MIN }),
            bound(hi, if hi < 0.0 { i64::MIN } else { i64::MAX }),
        );
        let clipped = self.clipped(node, input, lo, hi)?;
        Ok(self.resize(node.name, clipped, stored))
    }

    /// Clips in a ring where no difference to a bound can wrap.
    fn clipped(
        &mut self,
        node: &FoldedNode<'_>,
        input: TensorId,
        lo: i64,
        hi: i64,
    ) -> Result<TensorId, QuantError> {
        let stored = self.stored(node.output)?;
        let native = self.at(input).map_or(stored, |t| t.ring);
        // a - lo is largest for the greatest a, max(a, lo) - hi is least for lo and greatest for a.
        let fits = |a: i64, b: i64| a.checked_sub(b).is_some_and(|d| native.contains(d));
        let safe = [
            (native.max(), lo),
            (native.min(), lo),
            (native.max(), hi),
            (lo, hi),
        ];
        let input = if safe.iter().all(|&(a, b)| fits(a, b)) {
            input
        } else {
            self.resize(node.name, input, ring(native.bits() + 1, "bits")?)
        };
        let tensor = self.at(input);
        let made = Made {
            name: format!("{}:clip", value_name(self.folded, node.output)),
            shape: self.folded.shape(node.output),
            ring: tensor.map_or(stored, |t| t.ring),
            frac: tensor.map_or(self.frac(node), |t| t.frac_bits),
        };
        Ok(self.push(node.name, Op::Clip { lo, hi }, None, &[input], made))
    }

    /// Clamps to the table's domain where that is not all of the ring, and looks up.
    pub(super) fn table(
        &mut self,
        node: &FoldedNode<'_>,
        function: Function,
    ) -> Result<TensorId, QuantError> {
        let (bits, frac) = (self.scales.bits(node.output), self.frac(node));
        let found = table::named(function, bits, frac);
        let Some((table, [lo, hi])) = found
            .and_then(|t| Some((table::domain(&t)?, t)))
            .map(|(d, t)| (t, d))
        else {
            return Err(QuantError::Unsupported {
                layer: node.name.to_owned(),
                what: format!("there is no table for {bits} bits with {frac} fraction bits"),
            });
        };
        let mut input = self.operand(node, 0)?;
        let stored = self.stored(node.output)?;
        if lo > stored.min() || hi < stored.max() {
            let clipped = self.clipped(node, input, lo, hi)?;
            input = self.resize(node.name, clipped, stored);
        }
        let name = value_name(self.folded, node.output);
        let made = self.stored_as(name, node)?;
        Ok(self.push(node.name, Op::Table(table), None, &[input], made))
    }

    /// Surrounds with a constant at the scale of stored values.
    pub(super) fn pad(
        &mut self,
        node: &FoldedNode<'_>,
        before: &[usize],
        after: &[usize],
        value: f32,
    ) -> Result<TensorId, QuantError> {
        let input = self.operand(node, 0)?;
        let op = Op::Pad {
            before: before.to_vec(),
            after: after.to_vec(),
            value: self.constant(node, f64::from(value), self.stored(node.output)?)?,
        };
        let name = value_name(self.folded, node.output);
        let made = self.stored_as(name, node)?;
        Ok(self.push(node.name, op, None, &[input], made))
    }

    fn constant(&self, node: &FoldedNode<'_>, value: f64, ring: Ring) -> Result<i64, QuantError> {
        if !value.is_finite() {
            return Err(QuantError::NotFinite {
                tensor: node.name.to_owned(),
                value,
            });
        }
        let integer = quantise_value(value, self.frac(node));
        integer.filter(|&v| ring.contains(v)).ok_or_else(|| {
            let bits = integer.map_or(64, |v| crate::quant::interval::bits_of(v.into(), v.into()));
            QuantError::Constant {
                layer: node.name.to_owned(),
                value,
                missing: bits.saturating_sub(ring.bits()),
                limit: ring.bits(),
            }
        })
    }
}
