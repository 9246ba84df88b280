//! Addition and concatenation: all operands at one scale, in one ring. Never is one truncated silently.

use super::{Build, Made};
use crate::quant::defer;
use crate::quant::error::QuantError;
use crate::quant::fold::{FoldedNode, FoldedOp};
use crate::quant::ir::{Op, TensorId};

impl Build<'_> {
    /// Raises operands of lower scale to the highest, then joins or adds.
    pub(super) fn merge(&mut self, node: &FoldedNode<'_>) -> Result<TensorId, QuantError> {
        let decision = defer::get(&self.decisions, node.output);
        let (ring, frac) = if decision.raw {
            let ring = self.raw_ring(node, decision)?;
            (ring, self.frac(node) + decision.above)
        } else {
            (self.stored(node.output)?, self.frac(node))
        };
        let mut operands = Vec::with_capacity(node.inputs.len());
        for n in 0..node.inputs.len() {
            let id = self.operand(node, n)?;
            let wide = self.resize(node.name, id, ring);
            operands.push(self.raise(node.name, wide, frac));
        }
        let made = Made {
            name: super::value_name(self.folded, node.output),
            shape: self.folded.shape(node.output),
            ring,
            frac,
        };
        let op = if let FoldedOp::Concat { axis } = &node.op {
            Op::Concat { axis: *axis }
        } else {
            Op::Add
        };
        Ok(self.push(node.name, op, None, &operands, made))
    }

    /// The tensor at a higher scale.
    fn raise(&mut self, layer: &str, id: TensorId, frac: u32) -> TensorId {
        let Some(tensor) = self.at(id).filter(|t| t.frac_bits < frac) else {
            return id;
        };
        let k = frac - tensor.frac_bits;
        let shape = tensor.shape.clone();
        let made = Made {
            name: format!("{}:shl", tensor.name),
            shape: &shape,
            ring: tensor.ring,
            frac,
        };
        self.push(layer, Op::Shl { k }, None, &[id], made)
    }
}
