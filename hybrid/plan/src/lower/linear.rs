//! Fully connected layers and convolutions: dot products by ±1 digits.

use std::ops::Range;

use privet_model::quant::Sparsity;
use privet_model::quant::ir::{Conv, Linear, Node, Tensor, Window};
use privet_netlists::catalogue::BlockSpec;
use privet_netlists::generate::{Dot, Sum};

use super::rows::{Cut, Groups, Pattern, patterns};
use super::{Lowering, element, unsupported};
use crate::cost::ot::cot_secrets;
use crate::cost::{Known, StepCost};
use crate::error::PlanError;
use crate::options::Party;
use crate::step::{LinearGroup, LinearStep, StepKind, Sums, TapSet, units};

/// Instances that are garbled side by side, at most: a plan cuts work into units of this many.
pub const LANES: usize = 32;

/// Bytes of a row and of a tap set of its own, without the taps.
const ROW: u64 = 12 + 48;

/// Bits of a sign as a weight.
pub(in crate::lower) const SIGN_BITS: u32 = 2;

/// Terms of one DOT or SUM block.
const CHUNK_TERMS: u32 = 16;

impl Lowering<'_> {
    pub(super) fn linear(
        &mut self,
        index: usize,
        node: &Node,
        linear: &Linear,
    ) -> Result<(), PlanError> {
        self.charge(linear.inputs as u64 * 8 + linear.outputs as u64 * ROW)?;
        let taps = (0..linear.inputs)
            .map(|i| element(&node.name, i))
            .collect::<Result<Vec<_>, _>>()?;
        let taps = TapSet {
            weights: taps.clone(),
            elements: taps,
        };
        let map = linear.sparsity.as_ref();
        let patterns = self.patterns(node, map, 0..linear.outputs, linear.inputs)?;
        let mut groups = Groups::default();
        for pattern in &patterns {
            let taps = pattern.of(&taps);
            let rows = pattern.filters.iter().map(|o| (*o, *o));
            groups.add(&node.name, taps, rows)?;
        }
        self.dot_products(index, node, linear.weight_bits, linear.inputs, groups)
    }

    pub(super) fn conv(&mut self, index: usize, node: &Node, conv: &Conv) -> Result<(), PlanError> {
        let (_, input) = self.operand(node, 0)?;
        let output = self.tensor(&node.name, node.output)?;
        let geometry = Geometry::new(node, conv, input, output)?;
        let filters = conv.out_channels / conv.groups;
        let [kh, kw] = conv.window.kernel;
        let filter_len = (conv.in_channels / conv.groups).saturating_mul(kh.saturating_mul(kw));
        let positions = geometry.out_height * geometry.out_width;
        let mut groups = Groups::default();
        for g in 0..conv.groups {
            let range = g * filters..(g + 1) * filters;
            let patterns = self.patterns(node, conv.sparsity.as_ref(), range, filter_len)?;
            for position in 0..positions {
                let most = filter_len.saturating_mul(8);
                self.charge(
                    most.saturating_mul(patterns.len()) as u64 + filters as u64 * ROW + 64,
                )?;
                let taps = geometry.taps(&node.name, conv, g, position)?;
                for pattern in &patterns {
                    let rows = pattern.filters.iter();
                    let rows = rows.map(|filter| (*filter, filter * positions + position));
                    groups.add(&node.name, pattern.of(&taps), rows)?;
                }
            }
        }
        self.dot_products(index, node, conv.weight_bits, filter_len, groups)
    }

    /// A product of each element with its channel's sign.
    pub(super) fn reflect(&mut self, index: usize, node: &Node) -> Result<(), PlanError> {
        let shape = &self.tensor(&node.name, node.output)?.shape;
        let channels = shape.first().copied().unwrap_or_default();
        let plane: usize = shape.iter().skip(1).product();
        self.charge((channels * plane) as u64 * (2 * ROW + 16))?;
        let mut groups = Groups::default();
        for channel in 0..channels {
            for output in channel * plane..(channel + 1) * plane {
                let taps = TapSet {
                    elements: vec![element(&node.name, output)?],
                    weights: vec![0],
                };
                groups.add(&node.name, taps, std::iter::once((channel, output)))?;
            }
        }
        self.dot_products(index, node, SIGN_BITS, 1, groups)
    }

    /// Filters by their live weights, if a map is published.
    fn patterns(
        &mut self,
        node: &Node,
        map: Option<&Sparsity>,
        filters: Range<usize>,
        length: usize,
    ) -> Result<Vec<Pattern>, PlanError> {
        let mut cut = Cut { sum: 0, dot: 0 };
        if let Some(map) = map {
            // A flag for each weight, and eight bytes for each tap of a row of its own.
            let flags = filters.len().saturating_mul(length);
            self.charge(flags.saturating_add(map.live().saturating_mul(8)) as u64)?;
            let (terms, weights) = (CHUNK_TERMS, self.weights_known());
            let [_, acc_bits] = self.widths(node)?;
            let (term_bits, _) = self.terms(node)?;
            let weight_bits = node.op.weight_bits().unwrap_or_default();
            let sum = sum_block(terms, term_bits, acc_bits);
            let widths = [term_bits, weight_bits, acc_bits];
            let dot = dot_block(terms, widths, self.graph.profile.dropped());
            let ports = sum_ports(terms, Known::Nobody);
            cut.sum = self.block(&node.name, &sum, &ports)?.rows();
            cut.dot = self
                .block(&node.name, &dot, &dot_ports(terms, weights))?
                .rows();
        }
        Ok(patterns(map, filters, length, cut))
    }

    /// Bits of an input and of the accumulator.
    fn widths(&self, node: &Node) -> Result<[u32; 2], PlanError> {
        let (_, tensor) = self.operand(node, 0)?;
        let acc_bits = self.tensor(&node.name, node.output)?.ring.bits();
        if acc_bits > 63 {
            return Err(unsupported(
                node,
                format!("an accumulator of {acc_bits} bits"),
                "garbled dot products reach 63 bits: use fewer value or fraction bits",
            ));
        }
        Ok([tensor.ring.bits(), acc_bits])
    }

    /// Bits of an input that enter products, and whether no input is negative.
    fn terms(&self, node: &Node) -> Result<(u32, bool), PlanError> {
        let (_, tensor) = self.operand(node, 0)?;
        let id = node.inputs.first().map_or(usize::MAX, |id| id.0 as usize);
        Ok(match self.magnitudes.get(id).copied().flatten() {
            // Columns are omitted below the top bit of a word.
            Some(bits) => {
                let least = (self.graph.profile.dropped() + 1).max(2);
                (bits.max(least).min(tensor.ring.bits()), true)
            }
            None => (tensor.ring.bits(), false),
        })
    }

    fn dot_products(
        &mut self,
        index: usize,
        node: &Node,
        weight_bits: u32,
        filter_len: usize,
        groups: Groups,
    ) -> Result<(), PlanError> {
        let (input, _) = self.operand(node, 0)?;
        let [input_bits, acc_bits] = self.widths(node)?;
        let (term_bits, unsigned) = self.terms(node)?;
        let out = self.buffer_for(node.output, &node.name)?;
        let step = LinearStep {
            node: index,
            input,
            input_bits,
            term_bits,
            unsigned,
            weight_bits,
            drop: self.graph.profile.dropped(),
            acc_bits,
            filter_len,
            out,
            groups: groups.into_groups(),
        };
        let mut cost = StepCost::default();
        for group in &step.groups {
            self.group_cost(&node.name, &step, group, &mut cost)?;
        }
        let mut cost = self.with_tables(cost);
        if self.options.garbler == Party::Client {
            for group in &step.groups {
                let row = u64::from(acc_bits + 1) + group.terms as u64 * u64::from(weight_bits);
                let units = units(group.rows.len(), LANES);
                cost.add(&cot_secrets(units.map(|unit| unit.len() as u64 * row)));
            }
        }
        self.push(&node.name, StepKind::Linear(step), cost)?;
        self.place.insert(node.output, out);
        Ok(())
    }

    fn group_cost(
        &mut self,
        name: &str,
        step: &LinearStep,
        group: &LinearGroup,
        cost: &mut StepCost,
    ) -> Result<(), PlanError> {
        let weights = self.weights_known();
        let rows = group.rows.len() as u64;
        let mut first = match group.sums {
            Sums::Shared => Known::Nobody,
            Sums::Own => weights,
        };
        for terms in &group.chunks {
            let sum = self.block(name, &step.sum_block(*terms), &sum_ports(*terms, first))?;
            cost.add_block(sum, group.tapsets.len() as u64);
            first = Known::Nobody;
            let ports = dot_ports(*terms, weights);
            cost.add_block(self.block(name, &step.dot_block(*terms), &ports)?, rows);
        }
        if group.sums == Sums::Shared {
            let bias = self.block(name, &step.bias_block(), &[Known::Nobody, weights])?;
            cost.add_block(bias, rows);
        }
        Ok(())
    }
}

impl LinearStep {
    /// The block that sums `terms` inputs into an accumulator of L + 1 bits.
    #[must_use]
    pub const fn sum_block(&self, terms: u32) -> BlockSpec {
        sum_block(terms, self.term_bits, self.acc_bits)
    }

    /// The block that adds `terms` products to an accumulator of L + 1 bits.
    #[must_use]
    pub const fn dot_block(&self, terms: u32) -> BlockSpec {
        dot_block(
            terms,
            [self.term_bits, self.weight_bits, self.acc_bits],
            self.drop,
        )
    }

    /// The block that brings in a row's constant.
    #[must_use]
    pub const fn bias_block(&self) -> BlockSpec {
        BlockSpec::Add {
            bits: self.acc_bits + 1,
        }
    }
}

const fn sum_block(terms: u32, a_bits: u32, acc_bits: u32) -> BlockSpec {
    BlockSpec::Sum(Sum {
        terms,
        a_bits,
        acc_bits: acc_bits + 1,
    })
}

const fn dot_block(terms: u32, [a_bits, w_bits, ring_bits]: [u32; 3], drop: u32) -> BlockSpec {
    BlockSpec::Dot(Dot {
        terms,
        a_bits,
        w_bits,
        ring_bits,
        drop,
    })
}

/// Classes of the ports of a SUM block: inputs, accumulator.
#[must_use]
pub fn sum_ports(terms: u32, acc: Known) -> Vec<Known> {
    let mut ports = vec![Known::Nobody; terms as usize];
    ports.push(acc);
    ports
}

/// Classes of the ports of a DOT block: inputs, weights, accumulator.
#[must_use]
pub fn dot_ports(terms: u32, weights: Known) -> Vec<Known> {
    let mut ports = vec![Known::Nobody; terms as usize];
    ports.extend(std::iter::repeat_n(weights, terms as usize));
    ports.push(Known::Nobody);
    ports
}

/// Cuts `terms` into blocks of equal size as far as possible, none above `CHUNK_TERMS`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a chunk has at most CHUNK_TERMS terms"
)]
pub(super) fn chunks(terms: usize) -> Vec<u32> {
    let most = CHUNK_TERMS as usize;
    let mut chunks = vec![CHUNK_TERMS; terms / most];
    if !terms.is_multiple_of(most) {
        chunks.push((terms % most) as u32);
    }
    chunks
}

/// Extents of a convolution, checked once.
struct Geometry {
    in_height: usize,
    in_width: usize,
    out_height: usize,
    out_width: usize,
}

impl Geometry {
    fn new(node: &Node, conv: &Conv, input: &Tensor, output: &Tensor) -> Result<Self, PlanError> {
        let (&[channels, in_height, in_width], &[filters, out_height, out_width]) =
            (input.shape.as_slice(), output.shape.as_slice())
        else {
            return Err(unsupported(
                node,
                "a convolution of a tensor that is not [C, H, W]",
                "reshape it",
            ));
        };
        let fits = channels == conv.in_channels
            && filters == conv.out_channels
            && conv.groups > 0
            && channels % conv.groups == 0
            && filters % conv.groups == 0;
        if !fits {
            return Err(unsupported(
                node,
                "channels that do not fit the groups",
                "check the model",
            ));
        }
        Ok(Self {
            in_height,
            in_width,
            out_height,
            out_width,
        })
    }

    /// The inputs inside the picture under the window at `position`, for channel group `g`.
    fn taps(
        &self,
        layer: &str,
        conv: &Conv,
        g: usize,
        position: usize,
    ) -> Result<TapSet, PlanError> {
        let [kh, kw] = conv.window.kernel;
        let (oy, ox) = (position / self.out_width, position % self.out_width);
        let per_group = conv.in_channels / conv.groups;
        let mut set = TapSet {
            elements: Vec::new(),
            weights: Vec::new(),
        };
        for c in 0..per_group {
            for ky in 0..kh {
                let Some(y) = tap(&conv.window, 0, oy, ky, self.in_height) else {
                    continue;
                };
                for kx in 0..kw {
                    let Some(x) = tap(&conv.window, 1, ox, kx, self.in_width) else {
                        continue;
                    };
                    let channel = g * per_group + c;
                    let at = (channel * self.in_height + y) * self.in_width + x;
                    set.elements.push(element(layer, at)?);
                    set.weights.push(element(layer, (c * kh + ky) * kw + kx)?);
                }
            }
        }
        Ok(set)
    }
}

/// Input coordinate along `axis` under kernel cell `k` at output coordinate `o`; `None` in the padding.
#[expect(clippy::indexing_slicing, reason = "axis is 0 or 1")]
fn tap(window: &Window, axis: usize, o: usize, k: usize, extent: usize) -> Option<usize> {
    (o * window.strides[axis] + k * window.dilations[axis])
        .checked_sub(window.pads_before[axis])
        .filter(|i| *i < extent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_all_terms() {
        for terms in [0usize, 1, 15, 16, 17, 845] {
            let cut = chunks(terms);
            assert_eq!(cut.iter().map(|c| *c as usize).sum::<usize>(), terms);
            assert!(cut.iter().all(|c| *c <= CHUNK_TERMS && *c > 0));
        }
    }

    #[test]
    fn taps_in_the_padding_are_absent() {
        let window = Window {
            kernel: [3, 3],
            strides: [2, 2],
            dilations: [1, 1],
            pads_before: [1, 1],
            pads_after: [1, 1],
        };
        assert_eq!(tap(&window, 0, 0, 0, 5), None);
        assert_eq!(tap(&window, 0, 0, 1, 5), Some(0));
        assert_eq!(tap(&window, 0, 2, 2, 5), None);
    }
}
