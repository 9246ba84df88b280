//! What the readers of each tensor will ask for.

use privet_model::quant::ir::{Graph, Node, Op, TensorId};

/// In which form the answer is opened.
#[derive(Clone, Copy)]
pub(super) enum Opened {
    Bits,
    /// In a ring of at least this width.
    Words(u32),
}

/// Per tensor: the widest ring in which a reader wants it shared, whether one wants its bits, and the
/// nodes that read it.
#[derive(Default)]
pub(super) struct Wants {
    words: Vec<Option<u32>>,
    bits: Vec<bool>,
    readers: Vec<Vec<usize>>,
}

impl Wants {
    /// Where activations and pools work on shares too (`compared`) nobody asks for bits but tables, and a reader of the
    /// output's bits (`opened`).
    pub(super) fn new(graph: &Graph, compared: bool, opened: Opened) -> Self {
        let count = graph.tensors.len();
        let mut wants = Self {
            words: vec![None; count],
            bits: vec![false; count],
            readers: vec![Vec::new(); count],
        };
        match opened {
            Opened::Bits => wants.ask_bits(graph.output),
            Opened::Words(width) => wants.ask_words(graph.output, width),
        }
        for (index, node) in graph.nodes.iter().enumerate().rev() {
            wants.node(graph, node, compared);
            for id in &node.inputs {
                if let Some(readers) = wants.readers.get_mut(id.0 as usize) {
                    readers.push(index);
                }
            }
        }
        wants
    }

    fn node(&mut self, graph: &Graph, node: &Node, compared: bool) {
        let width = |id: TensorId| {
            let tensor = graph.tensors.get(id.0 as usize);
            tensor.map_or(0, |t| t.ring.bits())
        };
        let out = node.output;
        for id in &node.inputs {
            match &node.op {
                Op::Linear(_) | Op::Conv(_) => self.ask_words(*id, width(out)),
                Op::Reshape | Op::Concat { .. } | Op::Transpose { .. } | Op::Pad { .. } => {
                    if let Some(asked) = self.width(out) {
                        self.ask_words(*id, asked);
                    }
                    if self.wants_bits(out) {
                        self.ask_bits(*id);
                    }
                }
                Op::AddConst | Op::Reflect => self.ask_words(*id, width(out)),
                Op::Add | Op::Shl { .. } => {
                    if self.width(out).is_some() {
                        self.ask_words(*id, width(out));
                    } else {
                        self.ask_bits(*id);
                    }
                }
                // Selections carry along what lies above the number.
                Op::Clip { .. } | Op::MaxPool(_) | Op::Resize if compared => {
                    match self.width(out) {
                        Some(asked) if !self.wants_bits(out) => self.ask_words(*id, asked),
                        _ => self.ask_bits(*id),
                    }
                }
                Op::AvgPool { .. } if compared && self.width(out).is_some() => {
                    self.ask_words(*id, width(*id));
                }
                // Both work on shares where the result is wanted as shares.
                Op::Trunc { .. } | Op::Relu => {
                    if self.width(out).is_some() && !self.wants_bits(out) {
                        self.ask_words(*id, width(*id));
                    } else {
                        self.ask_bits(*id);
                    }
                }
                Op::Clip { .. }
                | Op::Table(_)
                | Op::MaxPool(_)
                | Op::AvgPool { .. }
                | Op::Resize => self.ask_bits(*id),
            }
        }
    }

    fn ask_words(&mut self, id: TensorId, width: u32) {
        if let Some(slot) = self.words.get_mut(id.0 as usize) {
            *slot = Some(slot.unwrap_or(0).max(width));
        }
    }

    fn ask_bits(&mut self, id: TensorId) {
        if let Some(slot) = self.bits.get_mut(id.0 as usize) {
            *slot = true;
        }
    }

    /// The widest ring that a reader of shares wants; none reads shares otherwise.
    pub(super) fn width(&self, id: TensorId) -> Option<u32> {
        self.words.get(id.0 as usize).copied().flatten()
    }

    /// Whether somebody wants the bits.
    pub(super) fn wants_bits(&self, id: TensorId) -> bool {
        self.bits.get(id.0 as usize).copied().unwrap_or(false)
    }

    /// The only node that reads a tensor.
    pub(super) fn only_reader(&self, id: TensorId) -> Option<usize> {
        match self.readers.get(id.0 as usize).map(Vec::as_slice) {
            Some([only]) => Some(*only),
            _ => None,
        }
    }
}
