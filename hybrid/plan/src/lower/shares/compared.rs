//! Work by comparison of the shares: truncation, wider rings, limits, pools, the ranking of the answer.

use privet_model::quant::ir::{Node, Op, Pool, Tensor, TensorId};

use super::super::pool::plane_windows;
use super::super::{Lowering, unsupported};
use crate::cost::StepCost;
use crate::cost::gmw::OpCost;
use crate::error::PlanError;
use crate::share::{Compared, ShareStep, Work};
use crate::step::{BitMap, BufferId, Source, StepKind, WireStep, WireWords};
use crate::tournament::Tournament;

/// Bytes of a pair of a tournament while it is made.
const PAIR_BYTES: u64 = 64;

impl Lowering<'_> {
    /// Pushes work on all words of a buffer, read in a ring of so many bits.
    pub(super) fn compared(
        &mut self,
        layer: &str,
        work: Work,
        (from, ring_bits): (BufferId, u32),
        out: BufferId,
    ) -> Result<(), PlanError> {
        let step = Compared {
            work,
            from,
            ring_bits,
            out,
            shape: self.options.comparison.shape(),
        };
        let cost = step.cost(self.buffer(from)?, self.buffer(out)?);
        let cost = cost.map_err(|error| PlanError::Graph {
            layer: layer.to_owned(),
            what: error.to_string(),
        })?;
        self.push_compared(layer, StepKind::Share(ShareStep::Compared(step)), cost)
    }

    /// Pushes a step with the cost of its protocols.
    pub(super) fn push_compared(
        &mut self,
        layer: &str,
        kind: StepKind,
        cost: OpCost,
    ) -> Result<(), PlanError> {
        let online = StepCost {
            triples: 64 * (cost.demand.triples + 2 * cost.demand.common_triples),
            client_bytes: cost.client_bytes,
            server_bytes: cost.server_bytes,
            flights: cost.flights(),
            ..StepCost::default()
        };
        let offline = StepCost {
            client_bytes: cost.ahead_bytes,
            // All of these go out together at the end: the plan counts one flight for them.
            ..StepCost::default()
        };
        self.push_prepared(layer, kind, online, offline, cost.demand)
    }

    /// A tensor's shares in a wider ring than they are in; `None`: it has none, or the backend has no such step.
    pub(super) fn widened(
        &mut self,
        layer: &str,
        id: TensorId,
        least: u32,
    ) -> Result<Option<BufferId>, PlanError> {
        let Some(from) = self.shares.words.get(&id).copied() else {
            return Ok(None);
        };
        if !self.boolean() {
            return Ok(None);
        }
        let own = self.tensor(layer, id)?.ring.bits();
        let bits = self.width(layer, id)?.max(least);
        let out = self.new_words(self.buffer(from)?.elements, bits)?;
        self.compared(layer, Work::Trunc { shift: 0 }, (from, own), out)?;
        self.shares.words.insert(id, out);
        Ok(Some(out))
    }

    /// Limits or a max-pool between shares; whether that was possible.
    pub(super) fn selected(&mut self, node: &Node) -> Result<bool, PlanError> {
        let input = self.operand_id(node, 0)?;
        let wants = &self.shares.wants;
        let bits_only = wants.width(node.output).is_none() || wants.wants_bits(node.output);
        let Some(from) = self.shares.words.get(&input).copied() else {
            return Ok(false);
        };
        if !self.boolean() || bits_only {
            return Ok(false);
        }
        let ring_bits = self.tensor(&node.name, input)?.ring.bits();
        let work = match &node.op {
            Op::Clip { lo, hi } => Work::Clip { lo: *lo, hi: *hi },
            Op::MaxPool(pool) => self.tournament(node, input, pool)?,
            Op::Linear(_)
            | Op::Conv(_)
            | Op::Trunc { .. }
            | Op::Relu
            | Op::Table(_)
            | Op::AvgPool { .. }
            | Op::Add
            | Op::AddConst
            | Op::Reflect
            | Op::Shl { .. }
            | Op::Resize
            | Op::Concat { .. }
            | Op::Reshape
            | Op::Transpose { .. }
            | Op::Pad { .. } => return Ok(false),
        };
        // What lies above the number is selected with it, as far as a reader asks for it.
        let given = self.buffer(from)?.bits;
        let bits = self.width(&node.name, node.output)?.min(given);
        let out = self.new_words(self.elements(&node.name, node.output)?, bits)?;
        self.compared(&node.name, work, (from, ring_bits), out)?;
        self.shares.words.insert(node.output, out);
        Ok(true)
    }

    /// Which numbers of a plane meet.
    fn tournament(&mut self, node: &Node, input: TensorId, pool: &Pool) -> Result<Work, PlanError> {
        let plane = |tensor: &Tensor| {
            let area: usize = tensor.shape.iter().skip(1).product();
            (tensor.shape.first().copied().unwrap_or_default(), area)
        };
        let (planes, inputs) = plane(self.tensor(&node.name, input)?);
        let (_, outputs) = plane(self.tensor(&node.name, node.output)?);
        let [rows, columns] = pool.window.kernel;
        let cells = rows.saturating_mul(columns).saturating_mul(outputs);
        self.charge((cells as u64).saturating_mul(8 + PAIR_BYTES))?;
        let tensor = self.tensor(&node.name, input)?;
        let target = self.tensor(&node.name, node.output)?;
        let windows = plane_windows(node, pool, tensor, target)?;
        let windows = Tournament::new(inputs, windows)
            .map_err(|error| unsupported(node, error.to_string(), "check the model"))?;
        Ok(Work::MaxPool { planes, windows })
    }

    /// Averages of sums of shares, in order of their places; the result's buffer.
    pub(super) fn compared_averages(
        &mut self,
        node: &Node,
        sums: Vec<(BufferId, u64, Vec<u32>)>,
        in_bits: u32,
    ) -> Result<(), PlanError> {
        let own = self.tensor(&node.name, node.output)?.ring.bits();
        let elements = self.elements(&node.name, node.output)?;
        let wanted = self.width(&node.name, node.output)?;
        // A quotient that its own ring holds may be had in a wider one.
        let fits = sums.iter().all(|(_, divisor, _)| {
            let dropped = divisor.checked_ilog2().unwrap_or_default();
            own > in_bits.saturating_sub(dropped) || own >= in_bits
        });
        let bits = if fits { wanted } else { own };
        let missing = Source::Constant(0);
        let mut places = vec![missing; elements];
        let mut only = None;
        for (from, divisor, outputs) in sums {
            let out = self.new_words(self.buffer(from)?.elements, bits)?;
            let work = Work::Average { divisor };
            self.compared(&node.name, work, (from, in_bits), out)?;
            for (element, place) in (0..).zip(&outputs) {
                if let Some(place) = places.get_mut(*place as usize) {
                    *place = Source::Word {
                        buffer: out,
                        element,
                    };
                }
            }
            let in_order = (0..).zip(&outputs).all(|(i, place)| i == *place);
            only = (in_order && outputs.len() == elements).then_some(out);
        }
        if let Some(out) = only {
            self.shares.words.insert(node.output, out);
            return Ok(());
        }
        self.charge(elements as u64 * 16)?;
        let out = self.new_words(elements, bits)?;
        let step = WireStep {
            out,
            words: WireWords::Each(places),
            bits: BitMap::IDENTITY,
        };
        self.push(&node.name, StepKind::Wire(step), StepCost::default())?;
        self.shares.words.insert(node.output, out);
        Ok(())
    }

    /// Shares of the label of the answer; `None`: it does not stand as shares, or the ranking would not fit 64 bits.
    pub(in crate::lower) fn compared_label(
        &mut self,
        layer: &str,
    ) -> Result<Option<BufferId>, PlanError> {
        let id = self.graph.output;
        let Some(from) = self.shares.words.get(&id).copied() else {
            return Ok(None);
        };
        let ring_bits = self.tensor(layer, id)?.ring.bits();
        let mut step = Compared {
            work: Work::Argmax,
            from,
            ring_bits,
            out: from,
            shape: self.options.comparison.shape(),
        };
        let ranking = step.ranking(self.buffer(from)?);
        if !self.boolean() || ranking.key_bits() > privet_ring::MAX_BITS {
            return Ok(None);
        }
        let out = self.new_words(1, ranking.index_bits())?;
        step.out = out;
        self.compared(layer, step.work, (from, ring_bits), out)?;
        Ok(Some(out))
    }

    /// Shares of the answer in its own ring; `None`: it does not stand as shares.
    pub(in crate::lower) fn compared_answer(
        &mut self,
        layer: &str,
    ) -> Result<Option<BufferId>, PlanError> {
        let id = self.graph.output;
        let Some(from) = self.shares.words.get(&id).copied() else {
            return Ok(None);
        };
        if !self.boolean() {
            return Ok(None);
        }
        let own = self.tensor(layer, id)?.ring.bits();
        let held = self.buffer(from)?;
        if held.bits == own {
            return Ok(Some(from));
        }
        let out = self.new_words(held.elements, own)?;
        let step = WireStep {
            out,
            words: WireWords::Same(from),
            bits: BitMap::IDENTITY,
        };
        self.push(layer, StepKind::Wire(step), StepCost::default())?;
        Ok(Some(out))
    }
}
