//! Operations that only rename labels: truncation, shifts, reshaping, padding, joining.

use privet_model::quant::ir::{Node, Op, Tensor};

use super::{Lowering, element, unsupported};
use crate::cost::StepCost;
use crate::error::PlanError;
use crate::step::{BitMap, BufferId, Source, StepKind, WireStep, WireWords};

impl Lowering<'_> {
    pub(super) fn rewire(&mut self, node: &Node) -> Result<(), PlanError> {
        if matches!(
            node.op,
            Op::Concat { .. } | Op::Transpose { .. } | Op::Pad { .. }
        ) {
            let elements: usize = self.tensor(&node.name, node.output)?.shape.iter().product();
            self.charge(elements as u64 * 2 * std::mem::size_of::<Source>() as u64)?;
        }
        let (first, tensor) = self.operand(node, 0)?;
        let target = self.tensor(&node.name, node.output)?;
        let same_width = tensor.ring == target.ring;
        let (words, bits) = match &node.op {
            Op::Reshape if same_width => {
                self.place.insert(node.output, first);
                return Ok(());
            }
            Op::Reshape | Op::Resize => (WireWords::Same(first), BitMap::IDENTITY),
            Op::Trunc { shift } => (
                WireWords::Same(first),
                BitMap {
                    drop: *shift,
                    zeros: 0,
                },
            ),
            Op::Shl { k } => (WireWords::Same(first), BitMap { drop: 0, zeros: *k }),
            Op::Concat { .. } | Op::Transpose { .. } | Op::Pad { .. } => {
                let parts = (0..node.inputs.len())
                    .map(|n| self.operand(node, n))
                    .collect::<Result<Vec<_>, _>>()?;
                (
                    WireWords::Each(moved(node, &parts, target)?),
                    BitMap::IDENTITY,
                )
            }
            Op::Linear(_)
            | Op::Conv(_)
            | Op::Relu
            | Op::Clip { .. }
            | Op::Table(_)
            | Op::MaxPool(_)
            | Op::AvgPool { .. }
            | Op::Add
            | Op::AddConst
            | Op::Reflect => {
                return Err(unsupported(node, "not a renaming of labels", "report this"));
            }
        };
        let out = self.buffer_for(node.output, &node.name)?;
        self.push(
            &node.name,
            StepKind::Wire(WireStep { out, words, bits }),
            StepCost::default(),
        )?;
        self.place.insert(node.output, out);
        Ok(())
    }
}

/// Where each word of a joined, permuted or padded tensor comes from; operands by buffer.
pub(super) fn moved(
    node: &Node,
    operands: &[(BufferId, &Tensor)],
    target: &Tensor,
) -> Result<Vec<Source>, PlanError> {
    let missing = || unsupported(node, "an operand is missing", "check the model");
    let (first, tensor) = *operands.first().ok_or_else(missing)?;
    match &node.op {
        Op::Concat { axis } => concat(node, *axis, operands, target),
        Op::Transpose { perm } => transpose(node, first, tensor, perm),
        Op::Pad {
            before,
            after: _,
            value,
        } => pad(node, first, tensor, target, before, *value),
        Op::Linear(_)
        | Op::Conv(_)
        | Op::Trunc { .. }
        | Op::Relu
        | Op::Clip { .. }
        | Op::Table(_)
        | Op::MaxPool(_)
        | Op::AvgPool { .. }
        | Op::Add
        | Op::AddConst
        | Op::Reflect
        | Op::Shl { .. }
        | Op::Resize
        | Op::Reshape => Err(unsupported(node, "words that do not move", "report this")),
    }
}

fn concat(
    node: &Node,
    axis: usize,
    operands: &[(BufferId, &Tensor)],
    target: &Tensor,
) -> Result<Vec<Source>, PlanError> {
    let outer: usize = target.shape.iter().take(axis).product();
    let mut words = Vec::with_capacity(target.shape.iter().product());
    for block in 0..outer {
        for (buffer, part) in operands {
            let run: usize = part.shape.iter().skip(axis).product();
            for i in 0..run {
                words.push(Source::Word {
                    buffer: *buffer,
                    element: element(&node.name, block * run + i)?,
                });
            }
        }
    }
    Ok(words)
}

fn transpose(
    node: &Node,
    buffer: BufferId,
    tensor: &Tensor,
    perm: &[usize],
) -> Result<Vec<Source>, PlanError> {
    let strides = strides(&tensor.shape);
    let extents: Vec<usize> = perm
        .iter()
        .filter_map(|p| tensor.shape.get(*p).copied())
        .collect();
    let steps: Vec<usize> = perm
        .iter()
        .filter_map(|p| strides.get(*p).copied())
        .collect();
    if extents.len() != tensor.shape.len() {
        return Err(unsupported(
            node,
            "the permutation does not fit the shape",
            "check the model",
        ));
    }
    indices(&extents)
        .map(|index| {
            let at = index.iter().zip(&steps).map(|(i, s)| i * s).sum();
            Ok(Source::Word {
                buffer,
                element: element(&node.name, at)?,
            })
        })
        .collect()
}

fn pad(
    node: &Node,
    buffer: BufferId,
    tensor: &Tensor,
    target: &Tensor,
    before: &[usize],
    value: i64,
) -> Result<Vec<Source>, PlanError> {
    let strides = strides(&tensor.shape);
    indices(&target.shape)
        .map(|index| {
            let inside: Option<Vec<usize>> = index
                .iter()
                .zip(before)
                .zip(&tensor.shape)
                .map(|((i, b), extent)| i.checked_sub(*b).filter(|i| i < extent))
                .collect();
            Ok(match inside {
                None => Source::Constant(value),
                Some(index) => {
                    let at = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
                    Source::Word {
                        buffer,
                        element: element(&node.name, at)?,
                    }
                }
            })
        })
        .collect()
}

fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    let mut step = 1;
    for (stride, extent) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step *= extent;
    }
    strides
}

/// All index tuples of a shape in row-major order.
fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    let total: usize = shape.iter().product();
    let strides = strides(shape);
    (0..total).map(move |flat| {
        shape
            .iter()
            .zip(&strides)
            .map(|(extent, stride)| (flat / stride) % extent)
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_row_major() {
        let all: Vec<Vec<usize>> = indices(&[2, 3]).collect();
        assert_eq!(all, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]);
        assert_eq!(strides(&[4, 2, 3]), [6, 3, 1]);
    }

    #[test]
    fn bit_maps_cut_extend_and_shift() {
        assert_eq!(BitMap { drop: 2, zeros: 0 }.source(0, 5), Some(2));
        assert_eq!(BitMap { drop: 2, zeros: 0 }.source(4, 5), Some(4));
        assert_eq!(BitMap { drop: 0, zeros: 3 }.source(2, 5), None);
        assert_eq!(BitMap { drop: 0, zeros: 3 }.source(3, 5), Some(0));
    }
}
