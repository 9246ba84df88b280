//! Operations that move words: free on shares as on bits.

use std::collections::HashSet;

use privet_model::quant::ir::{Node, Op};

use super::super::Lowering;
use crate::cost::StepCost;
use crate::error::PlanError;
use crate::step::{BitMap, Source, StepKind, WireStep, WireWords};

impl Lowering<'_> {
    /// On shares where all operands have them and the result is right there, else on bits.
    pub(super) fn share_layout(&mut self, node: &Node) -> Result<(), PlanError> {
        let Some(width) = self.common_width(node)? else {
            for id in &node.inputs {
                self.bits_of(&node.name, *id)?;
            }
            return self.rewire(node);
        };
        let first = self.operand_id(node, 0)?;
        let elements = self.elements(&node.name, node.output)?;
        let (words, bits) = if let Op::Shl { k } = &node.op {
            let from = self.words_of(&node.name, first, width)?;
            (WireWords::Same(from), BitMap { drop: 0, zeros: *k })
        } else if matches!(node.op, Op::Reshape | Op::Resize) {
            let from = self.words_of(&node.name, first, width)?;
            if self.buffer(from)?.bits == width {
                self.shares.words.insert(node.output, from);
                return Ok(());
            }
            (WireWords::Same(from), BitMap::IDENTITY)
        } else {
            self.charge(elements as u64 * 32)?;
            let mut buffers = Vec::new();
            for id in &node.inputs {
                buffers.push((self.words_of(&node.name, *id, width)?, *id));
            }
            let parts = buffers
                .into_iter()
                .map(|(words, id)| Ok((words, self.tensor(&node.name, id)?)))
                .collect::<Result<Vec<_>, PlanError>>()?;
            let target = self.tensor(&node.name, node.output)?;
            let words = super::super::wire::moved(node, &parts, target)?;
            (WireWords::Each(words), BitMap::IDENTITY)
        };
        let out = self.new_words(elements, width)?;
        let sources = match &words {
            WireWords::Same(from) => vec![*from],
            WireWords::Each(words) => {
                let mut sources = HashSet::new();
                sources.extend(words.iter().filter_map(|word| match word {
                    Source::Word { buffer, .. } => Some(*buffer),
                    Source::Constant(_) => None,
                }));
                sources.into_iter().collect()
            }
        };
        self.follow_ahead(&sources, out);
        let step = StepKind::Wire(WireStep { out, words, bits });
        self.push(&node.name, step, StepCost::default())?;
        self.shares.words.insert(node.output, out);
        Ok(())
    }

    /// The ring in which the result can be had from the operands' shares.
    fn common_width(&self, node: &Node) -> Result<Option<u32>, PlanError> {
        let own = self.tensor(&node.name, node.output)?.ring.bits();
        let mut width = u32::MAX;
        for id in &node.inputs {
            match self.shares.words.get(id) {
                None => return Ok(None),
                Some(words) => width = width.min(self.buffer(*words)?.bits),
            }
        }
        let first = self.operand_id(node, 0)?;
        let given = self.tensor(&node.name, first)?.ring.bits();
        // A shift wraps at the tensor's own width, and so does a narrower reading.
        let narrows = matches!(node.op, Op::Resize | Op::Reshape) && own < given;
        if narrows || matches!(node.op, Op::Shl { .. }) {
            return Ok(Some(own));
        }
        if self.boolean() {
            // Too narrow a ring is widened by comparison.
            return Ok(Some(width.max(own)));
        }
        Ok((width >= own).then_some(width))
    }
}
