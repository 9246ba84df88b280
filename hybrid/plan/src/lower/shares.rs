//! Lowering with linear layers on additive shares: `ot` and `gc+ot`.
//!
//! A tensor may stand in up to three places: as bits (labels or shares by exclusive or, of the
//! tensor's own width), as additive shares (in a ring at least that wide, holding the value with its
//! sign), and as additive shares of which the client's is a mask. Operations ask for the place that
//! they work on; what is missing is converted once.

mod activation;
mod approx;
mod compared;
mod convert;
mod encrypted;
mod layout;
mod linear;
mod pool;
mod wants;

use std::collections::{HashMap, HashSet};

use privet_model::quant::ir::{Node, Op, TensorId};
use privet_ring::MAX_BITS;

use super::{Lowering, unsupported};
use crate::cost::gmw::{self, OpCost};
use crate::error::PlanError;
use crate::lattice::Lattice;
use crate::options::{Backend, Party, Reveal};
use crate::share::{COMPARED, ShareStep};
use crate::step::{BufferId, StepKind};
use wants::{Opened, Wants};

/// What lowering on shares keeps track of.
#[derive(Default)]
pub(super) struct Shares {
    /// Additive shares.
    words: HashMap<TensorId, BufferId>,
    /// Additive shares behind a mask.
    masked: HashMap<TensorId, BufferId>,
    wants: Wants,
    /// Words of which the client knows its share before the input.
    ahead: HashSet<BufferId>,
    /// Nodes that an earlier one took along.
    done: HashSet<usize>,
    /// Masks that some encryption defines.
    defined: HashSet<BufferId>,
    /// Per node: whether it is a truncation that each party may do alone.
    approximated: Vec<bool>,
    /// Products under encryption, by node.
    encrypted: HashMap<usize, Lattice>,
}

impl Lowering<'_> {
    /// The client's input as shares.
    pub(super) fn share_input(&mut self) -> Result<(), PlanError> {
        if self.options.garbler == Party::Client {
            return Err(PlanError::Options(format!(
                "with backend {} the server garbles; leave --garbler at server",
                self.options.backend
            )));
        }
        self.shares.approximated = self.graph.approximated();
        self.shares.wants = Wants::new(self.graph, self.boolean(), self.opened()?);
        if self.options.backend == Backend::Hybrid {
            self.shares.encrypted = self.lattices()?;
        }
        let id = self.graph.input;
        let width = self.width("input", id)?;
        let out = self.new_words(self.elements("input", id)?, width)?;
        self.push_share("input", ShareStep::Input { out })?;
        self.shares.words.insert(id, out);
        Ok(())
    }

    /// How the answer is opened: shares are, where bits are not shared by labels; a ranking compares differences, one bit wider.
    fn opened(&self) -> Result<Opened, PlanError> {
        let bits = self.tensor("output", self.graph.output)?.ring.bits();
        Ok(match self.options.reveal {
            Reveal::Label if self.boolean() => Opened::Words((bits + 1).min(MAX_BITS)),
            Reveal::Logits if self.boolean() => Opened::Words(bits),
            Reveal::Label | Reveal::Logits | Reveal::Top(_) => Opened::Bits,
        })
    }

    /// Lowers one node.
    pub(super) fn share_node(&mut self, index: usize, node: &Node) -> Result<(), PlanError> {
        if self.shares.done.contains(&index) {
            return Ok(());
        }
        match &node.op {
            Op::Linear(_) | Op::Conv(_) => self.share_linear(index, node),
            Op::Reshape
            | Op::Concat { .. }
            | Op::Transpose { .. }
            | Op::Pad { .. }
            | Op::Shl { .. }
            | Op::Resize => self.share_layout(node),
            Op::Add => self.share_add(index, node),
            Op::AddConst => self.share_add_const(index, node),
            Op::Reflect => self.share_reflect(index, node),
            Op::AvgPool {
                pool,
                count_padding,
                shift,
            } => self.share_avg_pool(node, pool, *count_padding, *shift),
            Op::Relu | Op::Trunc { .. } => {
                if self.fused(index, node)? {
                    return Ok(());
                }
                self.on_bits(index, node)
            }
            Op::Clip { .. } | Op::MaxPool(_) => {
                if self.selected(node)? {
                    return Ok(());
                }
                self.on_bits(index, node)
            }
            Op::Table(_) => self.on_bits(index, node),
        }
    }

    /// The operation as under garbled circuits, on the bits of its operands.
    fn on_bits(&mut self, index: usize, node: &Node) -> Result<(), PlanError> {
        for id in &node.inputs {
            self.bits_of(&node.name, *id)?;
        }
        match &node.op {
            Op::Relu | Op::Clip { .. } | Op::Table(_) | Op::Add => self.elementwise(index, node),
            Op::MaxPool(pool) => self.max_pool(node, pool),
            Op::AvgPool {
                pool,
                count_padding,
                shift,
            } => self.avg_pool(node, pool, *count_padding, *shift),
            Op::Trunc { .. }
            | Op::Shl { .. }
            | Op::Resize
            | Op::Concat { .. }
            | Op::Reshape
            | Op::Transpose { .. }
            | Op::Pad { .. } => self.rewire(node),
            Op::Linear(_) | Op::Conv(_) | Op::AddConst | Op::Reflect => {
                Err(unsupported(node, "no operation on bits", "report this"))
            }
        }
    }

    /// Sums of shares cost nothing; sums of bits do. One operand in shares brings the others there.
    fn share_add(&mut self, index: usize, node: &Node) -> Result<(), PlanError> {
        if !node
            .inputs
            .iter()
            .any(|id| self.shares.words.contains_key(id))
        {
            return self.on_bits(index, node);
        }
        let elements = self.elements(&node.name, node.output)?;
        let width = self.tensor(&node.name, node.output)?.ring.bits();
        self.charge(elements as u64 * (32 + 8 * node.inputs.len() as u64))?;
        let operands = node
            .inputs
            .iter()
            .map(|id| self.words_of(&node.name, *id, width))
            .collect::<Result<Vec<_>, _>>()?;
        let out = self.new_words(elements, width)?;
        let words = (0..elements)
            .map(|i| {
                let at = super::element(&node.name, i)?;
                Ok(operands.iter().map(|buffer| (*buffer, at)).collect())
            })
            .collect::<Result<Vec<_>, PlanError>>()?;
        self.push_share(&node.name, ShareStep::Sum { words, out })?;
        self.follow_ahead(&operands, out);
        self.shares.words.insert(node.output, out);
        Ok(())
    }

    /// The client knows its share of what is made of shares that it knows, each party by itself.
    fn follow_ahead(&mut self, from: &[BufferId], out: BufferId) {
        if from.iter().all(|id| self.shares.ahead.contains(id)) {
            self.shares.ahead.insert(out);
        }
    }

    fn share_add_const(&mut self, index: usize, node: &Node) -> Result<(), PlanError> {
        let width = self.tensor(&node.name, node.output)?.ring.bits();
        let operand = self.operand_id(node, 0)?;
        let input = self.words_of(&node.name, operand, width)?;
        let out = self.new_words(self.elements(&node.name, node.output)?, width)?;
        let step = ShareStep::AddConst {
            node: index,
            input,
            out,
        };
        self.push_share(&node.name, step)?;
        self.follow_ahead(&[input], out);
        self.shares.words.insert(node.output, out);
        Ok(())
    }

    /// The server's signs on the client's share by a transfer each, on its own share for nothing; between labels as a layer of products.
    fn share_reflect(&mut self, index: usize, node: &Node) -> Result<(), PlanError> {
        if !self.boolean() {
            return self.share_linear(index, node);
        }
        let bits = self.tensor(&node.name, node.output)?.ring.bits();
        let operand = self.operand_id(node, 0)?;
        let from = self.words_of(&node.name, operand, bits)?;
        let elements = self.elements(&node.name, node.output)?;
        let out = self.new_words(elements, bits)?;
        let cost = OpCost::chunked(elements as u64, COMPARED as u64, |n| {
            Ok::<_, PlanError>(gmw::mirror(n, bits))
        })?;
        let kind = StepKind::Share(ShareStep::Reflect {
            node: index,
            from,
            out,
        });
        self.push_compared(&node.name, kind, cost)?;
        self.shares.words.insert(node.output, out);
        Ok(())
    }

    /// The n-th operand.
    fn operand_id(&self, node: &Node, n: usize) -> Result<TensorId, PlanError> {
        node.inputs.get(n).copied().ok_or_else(|| PlanError::Graph {
            layer: node.name.clone(),
            what: format!("operand {n} is missing"),
        })
    }

    fn elements(&self, layer: &str, id: TensorId) -> Result<usize, PlanError> {
        Ok(self.tensor(layer, id)?.shape.iter().product())
    }

    /// Width of the ring in which a tensor is best shared.
    fn width(&self, layer: &str, id: TensorId) -> Result<u32, PlanError> {
        let own = self.tensor(layer, id)?.ring.bits();
        Ok(self.shares.wants.width(id).map_or(own, |w| w.max(own)))
    }

    fn new_words(&mut self, elements: usize, bits: u32) -> Result<BufferId, PlanError> {
        self.buffer_in(elements, bits, crate::step::Domain::Arith)
    }

    /// A local step: nothing is sent.
    fn push_share(&mut self, layer: &str, step: ShareStep) -> Result<(), PlanError> {
        let free = crate::cost::StepCost::default();
        self.push(layer, StepKind::Share(step), free)
    }

    /// Whether bits are shared by exclusive or.
    pub(super) const fn boolean(&self) -> bool {
        self.options.backend.boolean()
    }
}
