//! Folding: batch normalisation and constants go into neighbouring linear layers, in f64.
//!
//! What cannot be folded becomes a reflection of channels where a ReLU follows, else it stays as a scaling by channel (a depthwise
//! linear layer) or as an addition of constants. Zero padding goes into the window that reads it. Values keep the indices of the
//! float graph; nodes that vanish leave their values unread.

mod affine;
mod pad;
mod reflect;
mod weighted;

pub(super) use weighted::Weighted;

use super::error::QuantError;
use super::ir::{Function, Window};
use crate::graph::{self, Affine, Graph, ValueId};

/// A float graph with everything folded.
#[derive(Debug)]
pub(super) struct Folded<'a> {
    pub(super) graph: &'a Graph,
    pub(super) nodes: Vec<FoldedNode<'a>>,
    pub(super) output: ValueId,
    /// There are reflections.
    pub(super) reflects: bool,
}

#[derive(Debug)]
pub(super) struct FoldedNode<'a> {
    pub(super) name: &'a str,
    pub(super) op: FoldedOp<'a>,
    pub(super) inputs: Vec<ValueId>,
    pub(super) output: ValueId,
}

/// What is left to do on integers.
#[derive(Debug)]
pub(super) enum FoldedOp<'a> {
    Linear(Weighted<'a>),
    Conv {
        weighted: Weighted<'a>,
        shape: &'a graph::Conv,
        window: Window,
    },
    Scale(Affine),
    /// A sign and a summand per channel.
    Reflect {
        signs: Vec<i32>,
        shifts: Vec<f64>,
    },
    /// One summand per element.
    Shift(Vec<f64>),
    Relu,
    Clip {
        lo: f32,
        hi: f32,
    },
    Table(Function),
    MaxPool(&'a graph::Pool),
    AvgPool {
        window: Window,
        count_padding: bool,
    },
    Add,
    Concat {
        axis: usize,
    },
    Reshape,
    Transpose {
        perm: &'a [usize],
    },
    Pad {
        before: &'a [usize],
        after: &'a [usize],
        value: f32,
    },
}

impl FoldedOp<'_> {
    /// Whether its result has the fraction bits of input and weights together.
    pub(super) const fn is_linear(&self) -> bool {
        matches!(self, Self::Linear(_) | Self::Conv { .. } | Self::Scale(_))
    }
}

impl<'a> Folded<'a> {
    /// Folds what can be folded. With `least`, scalings before a ReLU become reflections; smaller factors count as zero.
    pub(super) fn new(graph: &'a Graph, least: Option<f64>) -> Result<Self, QuantError> {
        let mut nodes = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            nodes.push(FoldedNode {
                name: &node.name,
                op: convert(&node.op),
                inputs: node.inputs.clone(),
                output: node.output,
            });
        }
        let mut folded = Self {
            graph,
            nodes,
            output: graph.output,
            reflects: false,
        };
        for node in &folded.nodes {
            folded.check(node)?;
        }
        folded.drop_identities();
        affine::fold(&mut folded)?;
        folded.reflects = least.is_some_and(|least| reflect::fold(&mut folded, least));
        affine::shifts(&mut folded);
        pad::fold(&mut folded);
        folded.drop_unread();
        Ok(folded)
    }

    /// Shape of a value.
    pub(super) fn shape(&self, id: ValueId) -> &'a [usize] {
        self.graph.value(id).map_or(&[], |v| &v.shape)
    }

    /// Nodes that read the value, once per operand, and the output counted as one more.
    pub(super) fn uses(&self, id: ValueId) -> usize {
        let reads = self.nodes.iter().flat_map(|n| &n.inputs);
        reads.filter(|&&i| i == id).count() + usize::from(self.output == id)
    }

    /// Index of the node that makes the value.
    pub(super) fn maker(&self, id: ValueId) -> Option<usize> {
        self.nodes.iter().position(|n| n.output == id)
    }

    /// Index of the only reader, if there is exactly one and the value is not the output.
    pub(super) fn only_reader(&self, id: ValueId) -> Option<usize> {
        if self.uses(id) != 1 {
            return None;
        }
        self.nodes.iter().position(|n| n.inputs.contains(&id))
    }

    /// Constants must fit the shapes; a builder's always do.
    fn check(&self, node: &FoldedNode<'_>) -> Result<(), QuantError> {
        let shape = node.inputs.first().map_or(&[][..], |&id| self.shape(id));
        let fits = match &node.op {
            FoldedOp::Linear(weighted) => {
                shape.len() == 1 && weighted.is_consistent(self.shape(node.output))
            }
            FoldedOp::Conv { weighted, .. } => {
                shape.len() == 3 && weighted.is_consistent(self.shape(node.output))
            }
            FoldedOp::Scale(affine) => {
                let entries = affine.per.entries(shape);
                affine.scale.len() == entries && affine.shift.len() == entries && entries > 0
            }
            FoldedOp::Reflect { .. }
            | FoldedOp::Shift(_)
            | FoldedOp::Relu
            | FoldedOp::Clip { .. }
            | FoldedOp::Table(_)
            | FoldedOp::MaxPool(_)
            | FoldedOp::AvgPool { .. }
            | FoldedOp::Add
            | FoldedOp::Concat { .. }
            | FoldedOp::Reshape
            | FoldedOp::Transpose { .. }
            | FoldedOp::Pad { .. } => !node.inputs.is_empty(),
        };
        if fits {
            Ok(())
        } else {
            Err(QuantError::Inconsistent {
                layer: node.name.to_owned(),
            })
        }
    }

    /// Removes node `index`; readers of its result read its operand.
    fn bypass(&mut self, index: usize) {
        if index >= self.nodes.len() {
            return;
        }
        let node = self.nodes.remove(index);
        let Some(&source) = node.inputs.first() else {
            return;
        };
        for input in self.nodes.iter_mut().flat_map(|n| &mut n.inputs) {
            if *input == node.output {
                *input = source;
            }
        }
        if self.output == node.output {
            self.output = source;
        }
    }

    fn drop_identities(&mut self) {
        let unbounded = |n: &FoldedNode<'_>| matches!(n.op, FoldedOp::Clip { lo, hi } if lo == f32::NEG_INFINITY && hi == f32::INFINITY);
        while let Some(index) = self.nodes.iter().position(unbounded) {
            self.bypass(index);
        }
    }

    fn drop_unread(&mut self) {
        for index in (0..self.nodes.len()).rev() {
            let unread = |n: &FoldedNode<'_>| self.uses(n.output) == 0;
            if self.nodes.get(index).is_some_and(unread) {
                self.nodes.remove(index);
            }
        }
    }
}

fn convert(op: &graph::Op) -> FoldedOp<'_> {
    match op {
        graph::Op::Linear(op) => FoldedOp::Linear(Weighted::linear(op)),
        graph::Op::Conv(op) => FoldedOp::Conv {
            weighted: Weighted::conv(op),
            shape: op,
            window: op.window.clone(),
        },
        graph::Op::Affine(op) => FoldedOp::Scale(op.clone()),
        graph::Op::Relu => FoldedOp::Relu,
        graph::Op::Clip { lo, hi } if *lo == 0.0 && *hi == f32::INFINITY => FoldedOp::Relu,
        graph::Op::Clip { lo, hi } => FoldedOp::Clip { lo: *lo, hi: *hi },
        graph::Op::Sigmoid => FoldedOp::Table(Function::Sigmoid),
        graph::Op::Tanh => FoldedOp::Table(Function::Tanh),
        graph::Op::MaxPool(op) => FoldedOp::MaxPool(op),
        graph::Op::AvgPool(op) => FoldedOp::AvgPool {
            window: op.window.clone(),
            count_padding: false,
        },
        graph::Op::Add => FoldedOp::Add,
        graph::Op::Concat { axis } => FoldedOp::Concat { axis: *axis },
        graph::Op::Reshape { .. } => FoldedOp::Reshape,
        graph::Op::Transpose { perm } => FoldedOp::Transpose { perm },
        graph::Op::Pad {
            before,
            after,
            value,
        } => FoldedOp::Pad {
            before,
            after,
            value: *value,
        },
    }
}
