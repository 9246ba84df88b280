//! Float evaluation: what the network computes before quantisation, in f32.
//!
//! It is the reference for accuracy and the source of calibrated ranges; nothing exact depends on it.

mod conv;
pub(crate) mod layout;
mod pool;

use crate::graph::{Affine, Graph, Linear, Node, Op, Per, ValueId};
use ndarray::{ArrayView1, ArrayView2};

/// An input that cannot be evaluated, or a graph that was not made by a builder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The input has the wrong number of elements.
    #[error("the model takes {expected} values per input ({shape:?}), not {got}")]
    Length {
        /// Elements of the model's input.
        expected: usize,
        /// Its shape.
        shape: Vec<usize>,
        /// Elements given.
        got: usize,
    },
    /// A tensor holds a NaN or an infinity.
    #[error("{tensor}: element {index} is {value}; floats of this model overflow for this input")]
    NotFinite {
        /// Name of the tensor.
        tensor: String,
        /// Index of the element, row-major.
        index: usize,
        /// The value as text.
        value: String,
    },
    /// An operand is missing or has the wrong extent; only for graphs put together by hand.
    #[error("{node}: its operands do not fit; make graphs with the builder")]
    Graph {
        /// Name of the node.
        node: String,
    },
}

/// Index of the greatest value; the lowest index wins ties. `None` for no values.
#[must_use]
pub fn argmax(logits: &[f32]) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for (i, &v) in logits.iter().enumerate() {
        if best.is_none_or(|(_, b)| v > b) {
            best = Some((i, v));
        }
    }
    best.map(|(i, _)| i)
}

impl Graph {
    /// The logits of one input, which is row-major and already preprocessed.
    ///
    /// The graph is one that a builder made, or that [`Graph::validate`] accepts.
    ///
    /// # Errors
    /// A wrong length, or a tensor that gets a value that is not finite.
    pub fn evaluate(&self, input: &[f32]) -> Result<Vec<f32>, EvalError> {
        self.evaluate_visiting(input, |_, _| {})
    }

    /// As [`Self::evaluate`]; `visit` sees every tensor once, the input first, then in the nodes' order.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn evaluate_visiting(
        &self,
        input: &[f32],
        mut visit: impl FnMut(ValueId, &[f32]),
    ) -> Result<Vec<f32>, EvalError> {
        let expected = self.input_shape().iter().product();
        if input.len() != expected {
            return Err(EvalError::Length {
                expected,
                shape: self.input_shape().to_vec(),
                got: input.len(),
            });
        }
        let mut run = Run::new(self);
        run.put(self.input, input.to_vec(), &mut visit)?;
        for node in &self.nodes {
            let result = run.node(node).ok_or_else(|| EvalError::Graph {
                node: node.name.clone(),
            })?;
            run.put(node.output, result, &mut visit)?;
        }
        run.take(self.output).ok_or_else(|| EvalError::Graph {
            node: "output".to_owned(),
        })
    }
}

/// One evaluation: the live tensors and how many readers each still has.
struct Run<'a> {
    graph: &'a Graph,
    tensors: Vec<Option<Vec<f32>>>,
    readers: Vec<usize>,
}

impl<'a> Run<'a> {
    fn new(graph: &'a Graph) -> Self {
        let mut readers = vec![0; graph.values.len()];
        let read = graph.nodes.iter().flat_map(|n| &n.inputs);
        for id in read.chain([&graph.output]) {
            if let Some(count) = readers.get_mut(id.index()) {
                *count += 1;
            }
        }
        Self {
            graph,
            tensors: vec![None; graph.values.len()],
            readers,
        }
    }

    fn put(
        &mut self,
        id: ValueId,
        tensor: Vec<f32>,
        visit: &mut impl FnMut(ValueId, &[f32]),
    ) -> Result<(), EvalError> {
        if let Some(index) = tensor.iter().position(|v| !v.is_finite()) {
            return Err(EvalError::NotFinite {
                tensor: self
                    .graph
                    .value(id)
                    .map_or(String::new(), |v| v.name.clone()),
                index,
                value: tensor.get(index).map_or(String::new(), f32::to_string),
            });
        }
        visit(id, &tensor);
        if let Some(slot) = self.tensors.get_mut(id.index()) {
            *slot = Some(tensor);
        }
        Ok(())
    }

    /// The tensor itself if this is its last reader, else a copy.
    fn take(&mut self, id: ValueId) -> Option<Vec<f32>> {
        let readers = self.readers.get_mut(id.index())?;
        *readers = readers.checked_sub(1)?;
        let slot = self.tensors.get_mut(id.index())?;
        if *readers == 0 {
            slot.take()
        } else {
            slot.clone()
        }
    }

    fn shape(&self, id: ValueId) -> Option<&'a [usize]> {
        self.graph.value(id).map(|v| v.shape.as_slice())
    }

    fn node(&mut self, node: &Node) -> Option<Vec<f32>> {
        let operands = node
            .inputs
            .iter()
            .map(|&id| Some((self.take(id)?, self.shape(id)?)))
            .collect::<Option<Vec<_>>>()?;
        let output = self.shape(node.output)?;
        if matches!(node.op, Op::Add) {
            return add(operands);
        }
        if let Op::Concat { axis } = node.op {
            return layout::concat(&operands, axis);
        }
        let (tensor, shape) = operands.into_iter().next()?;
        unary(&node.op, tensor, shape, output)
    }
}

fn unary(op: &Op, mut x: Vec<f32>, shape: &[usize], output: &[usize]) -> Option<Vec<f32>> {
    match op {
        Op::Linear(layer) => linear(layer, &x),
        Op::Conv(layer) => conv::conv(layer, &x, shape, output),
        Op::MaxPool(geometry) => pool::max(geometry, &x, shape),
        Op::AvgPool(geometry) => pool::average(geometry, &x, shape),
        Op::Transpose { perm } => layout::transpose(&x, shape, perm),
        Op::Pad {
            before,
            after: _,
            value,
        } => layout::pad(&x, shape, before, output, *value),
        Op::Affine(constants) => {
            affine(constants, &mut x, shape);
            Some(x)
        }
        Op::Relu => each(x, |v| v.max(0.0)),
        Op::Clip { lo, hi } => each(x, |v| v.max(*lo).min(*hi)),
        Op::Sigmoid => each(x, |v| 1.0 / (1.0 + (-v).exp())),
        Op::Tanh => each(x, f32::tanh),
        Op::Reshape { .. } => Some(x),
        Op::Add | Op::Concat { .. } => None,
    }
}

fn each(mut x: Vec<f32>, f: impl Fn(f32) -> f32) -> Option<Vec<f32>> {
    for v in &mut x {
        *v = f(*v);
    }
    Some(x)
}

fn add(operands: Vec<(Vec<f32>, &[usize])>) -> Option<Vec<f32>> {
    let mut operands = operands.into_iter();
    let (mut sum, _) = operands.next()?;
    for (other, _) in operands {
        for (s, v) in sum.iter_mut().zip(other) {
            *s += v;
        }
    }
    Some(sum)
}

fn linear(layer: &Linear, x: &[f32]) -> Option<Vec<f32>> {
    let weights = ArrayView2::from_shape((layer.outputs, layer.inputs), &layer.weights).ok()?;
    if x.len() != layer.inputs || layer.bias.len() != layer.outputs {
        return None;
    }
    let product = weights.dot(&ArrayView1::from(x));
    Some(
        product
            .iter()
            .zip(&layer.bias)
            .map(|(y, b)| y + b)
            .collect(),
    )
}

fn affine(constants: &Affine, x: &mut [f32], shape: &[usize]) {
    let run = match constants.per {
        Per::Tensor => x.len(),
        Per::Channel => shape.iter().skip(1).product(),
        Per::Element => 1,
    };
    let entries = constants.scale.iter().zip(&constants.shift);
    for (values, (&scale, &shift)) in x.chunks_mut(run.max(1)).zip(entries) {
        for v in values {
            *v = to_f32(f64::from(*v) * scale + shift);
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the tensors are f32; overflow becomes an infinity, which is reported"
)]
const fn to_f32(v: f64) -> f32 {
    v as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Builder;

    fn graph() -> Graph {
        let mut b = Builder::new("m", "x", &[3]).unwrap();
        let r = b.push("relu", Op::Relu, &[b.input()]).unwrap();
        let s = b.push("sum", Op::Add, &[r, b.input(), r]).unwrap();
        b.finish(s).unwrap()
    }

    #[test]
    fn every_tensor_is_visited_once_in_order() {
        let mut seen = vec![];
        let x = [1.0, -2.0, 0.5];
        let logits = graph()
            .evaluate_visiting(&x, |id, tensor| seen.push((id.0, tensor.to_vec())))
            .unwrap();
        assert_eq!(logits, [3.0, -2.0, 1.5]);
        assert_eq!(
            seen,
            [(0, x.to_vec()), (1, vec![1.0, 0.0, 0.5]), (2, logits)]
        );
    }

    #[test]
    fn wrong_lengths_and_numbers_are_named() {
        let e = graph().evaluate(&[1.0]).unwrap_err().to_string();
        assert!(e.contains('3') && e.contains("not 1"), "{e}");
        let e = graph()
            .evaluate(&[1.0, f32::NAN, 0.0])
            .unwrap_err()
            .to_string();
        assert!(e.starts_with("x: element 1"), "{e}");
        let e = graph()
            .evaluate(&[0.0, 0.0, f32::MAX])
            .unwrap_err()
            .to_string();
        assert!(e.starts_with("sum: element 2 is inf"), "{e}");
    }

    #[test]
    fn the_lowest_index_wins_ties() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0, 2.0]), Some(1));
        assert_eq!(argmax(&[-1.0]), Some(0));
        assert_eq!(argmax(&[]), None);
    }
}
