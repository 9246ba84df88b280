//! Which truncations, ReLUs and limits are computed in one.

use privet_model::quant::ir::{Node, Op, TensorId};

use super::super::Lowering;

/// What is computed between shares.
#[derive(Clone, Copy)]
pub(super) struct Activation {
    pub(super) result: TensorId,
    pub(super) relu: bool,
    pub(super) shift: u32,
    /// The greatest result, where a limit follows.
    pub(super) most: Option<i64>,
    /// The last node that it covers.
    pub(super) last: usize,
    /// The node that truncates.
    pub(super) truncates: Option<usize>,
}

impl Activation {
    /// Of one node.
    pub(super) fn alone(index: usize, node: &Node) -> Option<Self> {
        let (relu, shift) = match &node.op {
            Op::Trunc { shift } => (false, *shift),
            Op::Relu => (true, 0),
            Op::Linear(_)
            | Op::Conv(_)
            | Op::Clip { .. }
            | Op::Table(_)
            | Op::MaxPool(_)
            | Op::AvgPool { .. }
            | Op::Add
            | Op::AddConst
            | Op::Reflect
            | Op::Shl { .. }
            | Op::Resize
            | Op::Concat { .. }
            | Op::Reshape
            | Op::Transpose { .. }
            | Op::Pad { .. } => return None,
        };
        Some(Self {
            result: node.output,
            relu,
            shift,
            most: None,
            last: index,
            truncates: (!relu).then_some(index),
        })
    }

    /// With a node that follows.
    fn and(self, next: Self) -> Self {
        Self {
            result: next.result,
            relu: true,
            shift: self.shift + next.shift,
            most: None,
            last: next.last,
            truncates: self.truncates.or(next.truncates),
        }
    }
}

impl Lowering<'_> {
    /// A ReLU, a truncation, or both in either order: `max(0, T(z)) = T(max(0, z))`, where nobody else
    /// reads what lies between. Limits from 0 on are a ReLU with an upper one behind it.
    pub(super) fn activation(&self, index: usize, node: &Node) -> Option<Activation> {
        let first = Activation::alone(index, node)?;
        if node.output == self.graph.output {
            return Some(first);
        }
        let both = self.shares.wants.only_reader(node.output).and_then(|at| {
            let reader = self.graph.nodes.get(at)?;
            if let Op::Clip { lo: 0, hi } = reader.op
                && self.boolean()
                && !first.relu
            {
                return Some(Activation {
                    result: reader.output,
                    relu: true,
                    most: Some(hi),
                    last: at,
                    ..first
                });
            }
            let next = Activation::alone(at, reader)?;
            let bits = |id: TensorId| {
                let tensor = self.graph.tensors.get(id.0 as usize);
                tensor.map_or(0, |t| t.ring.bits())
            };
            let fits =
                !first.relu || bits(node.output) <= next.shift.saturating_add(bits(next.result));
            (first.relu != next.relu && fits).then(|| first.and(next))
        });
        Some(both.unwrap_or(first))
    }
}
