//! Which values stay at double scale for their reader, and where the rounding constant goes.
//!
//! A linear layer's result has the fraction bits of values and weights together ("raw"). It is
//! truncated directly, or behind the operations that commute with truncation, or it enters an
//! average pool, which divides and truncates at once. The rounding constant is part of a linear
//! layer's bias exactly once on each path to a truncation, and absent before an average.

use super::fold::{Folded, FoldedNode, FoldedOp};
use super::options::Placement;
use crate::graph::ValueId;

/// The decision for one value of the float graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Decision {
    /// It is raw when its maker is done.
    pub(super) raw: bool,
    /// It stays raw for its only reader.
    pub(super) kept: bool,
    /// For a linear layer's result: its bias has the rounding constant.
    pub(super) rounded: bool,
    /// For a raw value: fraction bits above those of stored values.
    pub(super) above: u32,
    /// For a raw value: the shift of the truncation at the end of its path (the largest of the
    /// layers that meet there); its ring is that much wider than a stored value.
    pub(super) shift: u32,
}

/// Decides for every value; `above` is per node: by how many fraction bits a layer with weights exceeds its stored result.
pub(super) fn decide(folded: &Folded<'_>, placement: Placement, above: &[u32]) -> Vec<Decision> {
    let walk = Walk { folded, placement };
    let mut decisions = vec![Decision::default(); folded.graph.values.len()];
    for (node, &above) in folded.nodes.iter().zip(above) {
        let decision = walk.forward(node, above, &decisions);
        set(&mut decisions, node.output, decision);
    }
    for node in folded.nodes.iter().rev() {
        let mut decision = get(&decisions, node.output);
        let next = decision.kept.then(|| walk.reader(node.output)).flatten();
        decision.shift = match next {
            Some(reader) if !matches!(reader.op, FoldedOp::AvgPool { .. }) => {
                get(&decisions, reader.output).shift
            }
            _ => decision.above,
        };
        set(&mut decisions, node.output, decision);
    }
    for node in folded.nodes.iter().filter(|n| n.op.is_linear()) {
        let mut decision = get(&decisions, node.output);
        decision.rounded = walk.rounds(node.output, &decisions);
        set(&mut decisions, node.output, decision);
    }
    decisions
}

pub(super) fn get(decisions: &[Decision], id: ValueId) -> Decision {
    decisions.get(id.index()).copied().unwrap_or_default()
}

fn set(decisions: &mut [Decision], id: ValueId, decision: Decision) {
    if let Some(slot) = decisions.get_mut(id.index()) {
        *slot = decision;
    }
}

struct Walk<'a> {
    folded: &'a Folded<'a>,
    placement: Placement,
}

impl Walk<'_> {
    fn reader(&self, id: ValueId) -> Option<&FoldedNode<'_>> {
        let index = self.folded.only_reader(id)?;
        self.folded.nodes.get(index)
    }

    fn maker(&self, id: ValueId) -> Option<&FoldedNode<'_>> {
        self.folded.nodes.get(self.folded.maker(id)?)
    }

    /// Whether the node's result is raw and stays so.
    fn forward(&self, node: &FoldedNode<'_>, above: u32, decisions: &[Decision]) -> Decision {
        let kept = |&id: &ValueId| Some(get(decisions, id)).filter(|d| d.raw && d.kept);
        let raw = match &node.op {
            FoldedOp::Linear(_) | FoldedOp::Conv { .. } | FoldedOp::Scale(_) => Some(above),
            FoldedOp::Relu
            | FoldedOp::Reshape
            | FoldedOp::Transpose { .. }
            | FoldedOp::MaxPool(_)
            | FoldedOp::Add
            | FoldedOp::Concat { .. } => node.inputs.iter().filter_map(kept).map(|d| d.above).max(),
            FoldedOp::Reflect { .. }
            | FoldedOp::Shift(_)
            | FoldedOp::Clip { .. }
            | FoldedOp::Table(_)
            | FoldedOp::AvgPool { .. }
            | FoldedOp::Pad { .. } => None,
        };
        Decision {
            raw: raw.is_some(),
            kept: raw.is_some() && self.stays(node.output),
            above: raw.unwrap_or(0),
            ..Decision::default()
        }
    }

    /// Whether a raw value may stay raw for its reader.
    fn stays(&self, id: ValueId) -> bool {
        let late = self.placement == Placement::Late;
        let Some(reader) = self.reader(id) else {
            return false;
        };
        match &reader.op {
            FoldedOp::AvgPool { .. } => true,
            FoldedOp::Relu | FoldedOp::MaxPool(_) => late || self.stays(reader.output),
            FoldedOp::Reshape | FoldedOp::Transpose { .. } => self.stays(reader.output),
            FoldedOp::Add => late && self.is_linear(id),
            FoldedOp::Concat { .. } => late && self.joins_raw(reader),
            FoldedOp::Linear(_)
            | FoldedOp::Conv { .. }
            | FoldedOp::Scale(_)
            | FoldedOp::Reflect { .. }
            | FoldedOp::Shift(_)
            | FoldedOp::Clip { .. }
            | FoldedOp::Table(_)
            | FoldedOp::Pad { .. } => false,
        }
    }

    /// A raw value on which no ReLU stands: a rounding constant in it is a rounding constant in
    /// any sum that it enters.
    fn is_linear(&self, id: ValueId) -> bool {
        let Some(maker) = self.maker(id) else {
            return false;
        };
        match &maker.op {
            FoldedOp::Linear(_) | FoldedOp::Conv { .. } | FoldedOp::Scale(_) | FoldedOp::Add => {
                true
            }
            FoldedOp::Reshape | FoldedOp::Transpose { .. } => {
                maker.inputs.iter().all(|&i| self.is_linear(i))
            }
            FoldedOp::Relu
            | FoldedOp::MaxPool(_)
            | FoldedOp::Concat { .. }
            | FoldedOp::Reflect { .. }
            | FoldedOp::Shift(_)
            | FoldedOp::Clip { .. }
            | FoldedOp::Table(_)
            | FoldedOp::AvgPool { .. }
            | FoldedOp::Pad { .. } => false,
        }
    }

    /// A concatenation is worth its operands' staying raw where a max-pool follows, which leaves
    /// fewer elements to truncate; all operands must be able to.
    fn joins_raw(&self, concat: &FoldedNode<'_>) -> bool {
        let pooled = self
            .reader(concat.output)
            .is_some_and(|n| matches!(n.op, FoldedOp::MaxPool(_)));
        pooled && concat.inputs.iter().all(|&i| self.can_be_raw(i))
    }

    fn can_be_raw(&self, id: ValueId) -> bool {
        let (Some(maker), Some(_)) = (self.maker(id), self.reader(id)) else {
            return false;
        };
        match &maker.op {
            FoldedOp::Linear(_) | FoldedOp::Conv { .. } | FoldedOp::Scale(_) => true,
            FoldedOp::Relu
            | FoldedOp::Reshape
            | FoldedOp::Transpose { .. }
            | FoldedOp::MaxPool(_) => maker.inputs.iter().all(|&i| self.can_be_raw(i)),
            FoldedOp::Concat { .. } => self.joins_raw(maker),
            FoldedOp::Add
            | FoldedOp::Reflect { .. }
            | FoldedOp::Shift(_)
            | FoldedOp::Clip { .. }
            | FoldedOp::Table(_)
            | FoldedOp::AvgPool { .. }
            | FoldedOp::Pad { .. } => false,
        }
    }

    /// Follows a linear layer's result to its truncation.
    fn rounds(&self, start: ValueId, decisions: &[Decision]) -> bool {
        let mut id = start;
        while get(decisions, id).kept {
            let Some(reader) = self.reader(id) else {
                return true;
            };
            if matches!(reader.op, FoldedOp::AvgPool { .. }) {
                return false;
            }
            // One operand of a sum brings the constant, one that is not raised.
            let above = get(decisions, reader.output).above;
            let brings = |&&i: &&ValueId| {
                let operand = get(decisions, i);
                operand.kept && operand.above == above
            };
            if matches!(reader.op, FoldedOp::Add) && reader.inputs.iter().find(brings) != Some(&id)
            {
                return false;
            }
            id = reader.output;
        }
        true
    }
}
