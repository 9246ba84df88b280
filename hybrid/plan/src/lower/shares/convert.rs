//! Conversions between the places of a tensor, and activations fused with them.

use privet_model::quant::ir::{Node, Op, TensorId};
use privet_netlists::catalogue::BlockSpec;
use privet_netlists::generate::Share;

use super::super::{Lowering, unsupported};
use super::activation::Activation;
use crate::compare::Shape;
use crate::cost::gmw::{self, Demand, OpCost, SIDE_BY_SIDE};
use crate::cost::ot::cot_input;
use crate::cost::{Known, ROW_BYTES, Round, StepCost, boolean};
use crate::error::PlanError;
use crate::share::{Bridge, COMPARED, ReluTrunc, ShareStep, Work};
use crate::step::{BitMap, BufferId, Domain, StepKind, WireStep, WireWords};

/// Branches whose ReLUs are one step, at most: networks have a few, and each is looked at for the next.
const MOST_BRANCHES: usize = 16;

impl Lowering<'_> {
    /// A tensor's bits: converted where it stands as shares alone.
    pub(in crate::lower) fn bits_of(
        &mut self,
        layer: &str,
        id: TensorId,
    ) -> Result<BufferId, PlanError> {
        if let Some(place) = self.place.get(&id) {
            return Ok(*place);
        }
        let Some(from) = self.shares.words.get(&id).copied() else {
            return self.place(layer, id);
        };
        let bits = self.tensor(layer, id)?.ring.bits();
        let out = self.buffer_for(id, layer)?;
        self.bridge(layer, BlockSpec::Add { bits }, from, out)?;
        self.place.insert(id, out);
        Ok(out)
    }

    /// A tensor's additive shares, in a ring of at least `least` bits.
    pub(super) fn words_of(
        &mut self,
        layer: &str,
        id: TensorId,
        least: u32,
    ) -> Result<BufferId, PlanError> {
        if let Some(words) = self.shares.words.get(&id).copied()
            && self.buffer(words)?.bits >= least
        {
            return Ok(words);
        }
        if let Some(wider) = self.widened(layer, id, least)? {
            return Ok(wider);
        }
        let mut from = self.bits_of(layer, id)?;
        let bits = self.width(layer, id)?.max(least);
        let held = self.buffer(from)?;
        if held.bits != bits {
            let wide = self.new_buffer(held.elements, bits)?;
            let step = WireStep {
                out: wide,
                words: WireWords::Same(from),
                bits: BitMap::IDENTITY,
            };
            self.push(layer, StepKind::Wire(step), StepCost::default())?;
            from = wide;
        }
        let out = self.new_words(held.elements, bits)?;
        self.bridge(layer, BlockSpec::Sub { bits }, from, out)?;
        self.shares.words.insert(id, out);
        Ok(out)
    }

    /// A truncation, a ReLU or both between shares, in one netlist; whether that was possible.
    pub(super) fn fused(&mut self, index: usize, node: &Node) -> Result<bool, PlanError> {
        let input = self.operand_id(node, 0)?;
        let Some(from) = self.shares.words.get(&input).copied() else {
            return Ok(false);
        };
        let Some(act) = self.activation(index, node) else {
            return Ok(false);
        };
        let given = self.tensor(&node.name, input)?.ring.bits();
        let first = self.tensor(&node.name, node.output)?.ring.bits();
        // A truncation that comes first reads its result in its own ring: what lies above does not
        // count, and is cut off before. Behind a ReLU nothing may lie above.
        let ring_bits = if matches!(node.op, Op::Relu) {
            given
        } else {
            given.min(act.shift.saturating_add(first))
        };
        let wants = &self.shares.wants;
        if wants.width(act.result).is_none() || wants.wants_bits(act.result) {
            let alone = Activation::alone(index, node).filter(|alone| self.approximates(alone));
            if let Some(alone) = alone {
                self.approximate(index, node, alone, (from, ring_bits))?;
            }
            return Ok(alone.is_some());
        }
        if self.approximates(&act) {
            self.approximate(index, node, act, (from, ring_bits))?;
            return Ok(true);
        }
        if act.shift >= ring_bits {
            return Ok(false);
        }
        let out_bits = self.width(&node.name, act.result)?;
        let out = self.new_words(self.elements(&node.name, act.result)?, out_bits)?;
        if self.boolean() && act.relu && act.shift + 2 <= ring_bits {
            let step = ReluTrunc {
                parts: vec![(from, out)],
                ring_bits,
                shift: act.shift,
                shape: self.relu_shape(from),
            };
            self.compared_relu(node, step)?;
            let out = self.limited(node, act, out)?;
            self.settle(act, index, out);
            return Ok(true);
        }
        if act.most.is_some() {
            return Ok(false);
        }
        if self.boolean() && !act.relu {
            let work = Work::Trunc { shift: act.shift };
            self.compared(&node.name, work, (from, ring_bits), out)?;
            self.settle(act, index, out);
            return Ok(true);
        }
        let block = BlockSpec::Share(Share {
            ring_bits,
            shift: act.shift,
            out_bits,
            relu: act.relu,
            shallow: false,
        });
        self.bridge(&node.name, block, from, out)?;
        self.settle(act, index, out);
        Ok(true)
    }

    /// What is left of limits from 0 on behind a ReLU: a lesser of two.
    pub(super) fn limited(
        &mut self,
        node: &Node,
        act: Activation,
        from: BufferId,
    ) -> Result<BufferId, PlanError> {
        let Some(hi) = act.most else {
            return Ok(from);
        };
        let own = self.tensor(&node.name, act.result)?.ring.bits();
        let held = self.buffer(from)?;
        let out = self.new_words(held.elements, held.bits)?;
        let layer = self.graph.nodes.get(act.last);
        let layer = layer.map_or(&node.name, |last| &last.name).clone();
        self.compared(&layer, Work::AtMost { hi }, (from, own), out)?;
        Ok(out)
    }

    /// Notes where an activation's result stands, and which node it took along.
    pub(super) fn settle(&mut self, act: Activation, index: usize, out: BufferId) {
        self.shares.words.insert(act.result, out);
        if act.last != index {
            self.shares.done.insert(act.last);
        }
    }

    /// How the signs of words are found: the client's part may be known before the input.
    pub(super) fn relu_shape(&self, from: BufferId) -> Shape {
        let shape = self.options.comparison.shape();
        if self.shares.ahead.contains(&from) {
            return shape.ahead();
        }
        shape
    }

    /// A ReLU by comparison of the shares, together with an earlier one where that saves flights.
    pub(super) fn compared_relu(
        &mut self,
        node: &Node,
        mut step: ReluTrunc,
    ) -> Result<(), PlanError> {
        if let Some(index) = self.beside(&step)?
            && let StepKind::Share(ShareStep::ReluTrunc(mut earlier)) =
                self.steps.remove(index).kind
        {
            earlier.parts.append(&mut step.parts);
            step = earlier;
        }
        let (n, out_bits) = self.results(&step)?;
        let cost = OpCost::chunked(n as u64, COMPARED as u64, |n| {
            gmw::relu_trunc(n, step.ring_bits, step.shift, out_bits, step.shape)
        });
        let cost = cost.map_err(|error| unsupported(node, error.to_string(), "report this"))?;
        let kind = StepKind::Share(ShareStep::ReluTrunc(step));
        self.push_compared(&node.name, kind, cost)
    }

    /// How many results a ReLU has, and the width of their ring.
    fn results(&self, step: &ReluTrunc) -> Result<(usize, u32), PlanError> {
        let (mut elements, mut bits) = (0, 0);
        for (_, out) in &step.parts {
            let buffer = self.buffer(*out)?;
            (elements, bits) = (elements + buffer.elements, buffer.bits);
        }
        Ok((elements, bits))
    }

    /// The last ReLU before this one, if it has the same form, nothing has read its results yet, and both together wait less often:
    /// branches of a network that begin at one tensor.
    fn beside(&self, step: &ReluTrunc) -> Result<Option<usize>, PlanError> {
        let found = self.steps.iter().enumerate().rev().find_map(|(at, step)| {
            let StepKind::Share(ShareStep::ReluTrunc(relu)) = &step.kind else {
                return None;
            };
            Some((at, relu))
        });
        let Some((index, earlier)) = found else {
            return Ok(None);
        };
        if earlier.parts.len() >= MOST_BRANCHES {
            return Ok(None);
        }
        let ((n, bits), (more, own_bits)) = (self.results(earlier)?, self.results(step)?);
        let groups = |n: usize| n.div_ceil(COMPARED).div_ceil(SIDE_BY_SIDE);
        let form = |step: &ReluTrunc| (step.ring_bits, step.shift, step.shape);
        if (form(earlier), bits) != (form(step), own_bits)
            || groups(n + more) >= groups(n) + groups(more)
        {
            return Ok(None);
        }
        let result = |id| earlier.parts.iter().any(|(_, out)| *out == id);
        let mut since = self.steps.iter().skip(index + 1);
        let read = since.any(|step| step.kind.touches().into_iter().any(result));
        Ok((!read).then_some(index))
    }

    /// Pushes a netlist over all words of a buffer.
    pub(super) fn bridge(
        &mut self,
        layer: &str,
        block: BlockSpec,
        from: BufferId,
        out: BufferId,
    ) -> Result<(), PlanError> {
        let block = self.suited(block);
        let (source, target) = (self.buffer(from)?, self.buffer(out)?);
        let mut known = match source.domain {
            Domain::Arith => vec![Known::Garbler, Known::Evaluator],
            Domain::Bool | Domain::Labels => vec![Known::Nobody],
        };
        if target.domain == Domain::Arith {
            known.push(Known::Garbler);
        }
        let (mut online, mut demand) = (StepCost::default(), Demand::default());
        let counted = self.block(layer, &block, &known)?;
        if self.boolean() {
            let levels = boolean::block_levels(layer, &block)?;
            (online, demand) = boolean::cost(&levels, source.elements);
        } else {
            if source.domain == Domain::Arith {
                let bits = self.port_bits(layer, &block, 1)?;
                online = cot_input(source.elements as u64 * u64::from(bits));
            }
            online.add_block(counted, source.elements as u64);
            online.server_bytes += online.rows() * ROW_BYTES;
            online.flights.then(Round::SERVER.into());
        }
        if target.domain == Domain::Arith {
            online.server_bytes += if self.boolean() {
                target.elements.div_ceil(8) as u64 * u64::from(target.bits)
            } else {
                target.opening_bytes()
            };
            if self.boolean() {
                online.flights.then(Round::SERVER.into());
            }
        }
        let kind = StepKind::Share(ShareStep::Bridge(Bridge { block, from, out }));
        self.push_prepared(layer, kind, online, StepCost::default(), demand)
    }

    /// Width of a block's n-th input port.
    fn port_bits(&self, layer: &str, block: &BlockSpec, n: usize) -> Result<u32, PlanError> {
        let netlist = block.netlist().map_err(|source| PlanError::Netlist {
            layer: layer.to_owned(),
            block: block.name(),
            source,
        })?;
        Ok(netlist.inputs().get(n).map_or(0, |port| port.bits))
    }

    /// The variant of a block that suits the domain: few levels where a level is a latency.
    pub(in crate::lower) const fn suited(&self, block: BlockSpec) -> BlockSpec {
        if !self.boolean() {
            return block;
        }
        if let BlockSpec::Add { bits } = block {
            return BlockSpec::AddShallow { bits };
        }
        if let BlockSpec::Sub { bits } = block {
            return BlockSpec::SubShallow { bits };
        }
        if let BlockSpec::Argmax { bits, count } = block {
            return BlockSpec::ArgmaxShallow { bits, count };
        }
        if let BlockSpec::Share(share) = block {
            let shallow = true;
            return BlockSpec::Share(Share { shallow, ..share });
        }
        block
    }
}
