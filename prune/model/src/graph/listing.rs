//! What a network consists of, line by line.

use super::{Graph, Op, ValueId};

/// One node of a network in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Name of the node.
    pub name: String,
    /// Its operation.
    pub op: &'static str,
    /// Shape of its result, without batch.
    pub shape: Vec<usize>,
    /// Multiplications of an activation by a weight.
    pub macs: u64,
    /// Numbers that the model's owner keeps: weights, biases, constants.
    pub parameters: u64,
}

/// A network in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// One line per node, in order.
    pub lines: Vec<Line>,
    /// Sum of the lines' multiplications.
    pub macs: u64,
    /// Sum of the lines' parameters.
    pub parameters: u64,
}

impl Graph {
    /// Every node with its shape, multiplications and parameters.
    #[must_use]
    pub fn listing(&self) -> Listing {
        let lines: Vec<Line> = self
            .nodes
            .iter()
            .map(|node| {
                let shape = self.shape_of(node.output);
                let operand = node.inputs.first().map_or(&[][..], |&id| self.shape_of(id));
                Line {
                    name: node.name.clone(),
                    op: node.op.name(),
                    shape: shape.to_vec(),
                    macs: node.op.macs(operand, shape),
                    parameters: node.op.parameters(),
                }
            })
            .collect();
        Listing {
            macs: lines.iter().map(|l| l.macs).sum(),
            parameters: lines.iter().map(|l| l.parameters).sum(),
            lines,
        }
    }

    fn shape_of(&self, id: ValueId) -> &[usize] {
        self.value(id).map_or(&[], |v| &v.shape)
    }
}

impl Op {
    /// Multiplications of an activation by a weight; taps in the padding count.
    fn macs(&self, input: &[usize], output: &[usize]) -> u64 {
        let cells = output.iter().map(|&d| d as u64).product::<u64>();
        match self {
            Self::Linear(linear) => linear.weights.len() as u64,
            Self::Conv(conv) => {
                let taps = conv.weights.len() / conv.out_channels.max(1);
                cells * taps as u64
            }
            Self::Affine(affine) => {
                let all_one = affine.scale.iter().all(|&s| (s - 1.0).abs() == 0.0);
                if all_one {
                    0
                } else {
                    input.iter().map(|&d| d as u64).product()
                }
            }
            Self::Relu
            | Self::Clip { .. }
            | Self::Sigmoid
            | Self::Tanh
            | Self::MaxPool(_)
            | Self::AvgPool(_)
            | Self::Add
            | Self::Concat { .. }
            | Self::Reshape { .. }
            | Self::Transpose { .. }
            | Self::Pad { .. } => 0,
        }
    }

    fn parameters(&self) -> u64 {
        let count = match self {
            Self::Linear(linear) => linear.weights.len() + linear.bias.len(),
            Self::Conv(conv) => conv.weights.len() + conv.bias.len(),
            Self::Affine(affine) => affine.scale.len() + affine.shift.len(),
            Self::Relu
            | Self::Clip { .. }
            | Self::Sigmoid
            | Self::Tanh
            | Self::MaxPool(_)
            | Self::AvgPool(_)
            | Self::Add
            | Self::Concat { .. }
            | Self::Reshape { .. }
            | Self::Transpose { .. }
            | Self::Pad { .. } => 0,
        };
        count as u64
    }
}
