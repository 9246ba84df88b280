//! The one oracle: what a quantised network computes, exactly.

use privet_ring::Ring;

use super::ir::{Graph, Model, Op, TensorId};
use super::validate::{GraphError, Limits};
use crate::ops;

/// Why a network was not evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The network itself is wrong.
    #[error(transparent)]
    Model(#[from] GraphError),
    /// Wrong number of inputs.
    #[error("the network takes {expected} input values, got {got}")]
    Length {
        /// Elements of the input tensor.
        expected: usize,
        /// Values given.
        got: usize,
    },
    /// An input that is no representative of the input's ring.
    #[error("input value {value} at index {index} is outside the ring of {bits} bits")]
    Range {
        /// Where.
        index: usize,
        /// The value.
        value: i64,
        /// Width of the ring.
        bits: u32,
    },
}

/// What a network answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The output tensor's integers, row-major.
    pub logits: Vec<i64>,
    /// Their argmax, the lowest index among equals.
    pub label: usize,
}

impl Evaluation {
    /// From the logits.
    #[must_use]
    pub fn new(logits: Vec<i64>) -> Self {
        let label = label(&logits);
        Self { logits, label }
    }
}

/// Index of the greatest logit, the lowest index among equals; 0 where there is none.
#[must_use]
pub fn label(logits: &[i64]) -> usize {
    let mut best = (0, None);
    for (index, &v) in logits.iter().enumerate() {
        if best.1.is_none_or(|b| v > b) {
            best = (index, Some(v));
        }
    }
    best.0
}

impl Model {
    /// The answer for one input of integers; checks the model first. For many inputs make an
    /// [`Oracle`] once.
    ///
    /// # Errors
    /// An inconsistent model, or an input of the wrong length or outside the input's ring.
    pub fn evaluate(&self, input: &[i64]) -> Result<Evaluation, EvalError> {
        Oracle::new(self)?.evaluate(input)
    }
}

/// A model that has been checked and can be evaluated.
#[derive(Debug, Clone)]
pub struct Oracle<'a> {
    model: &'a Model,
    /// Per tensor: the node after which nobody reads it.
    last_use: Vec<usize>,
    /// Convolutions by other means than their definition.
    quick: bool,
}

impl<'a> Oracle<'a> {
    /// Checks the model, within the default limits.
    ///
    /// # Errors
    /// An inconsistent model.
    pub fn new(model: &'a Model) -> Result<Self, GraphError> {
        Self::with_limits(model, &Limits::default())
    }

    /// Checks the model, within the given limits.
    ///
    /// # Errors
    /// An inconsistent model.
    pub fn with_limits(model: &'a Model, limits: &Limits) -> Result<Self, GraphError> {
        model.validate(limits)?;
        Ok(Self {
            model,
            last_use: last_uses(&model.graph),
            quick: false,
        })
    }

    /// For a model whose rings were replaced by wide ones, which no check would pass. Nothing is held to what it says: it may take
    /// the quickest way.
    pub(super) fn unchecked(model: &'a Model) -> Self {
        Self {
            model,
            last_use: last_uses(&model.graph),
            quick: model.graph.profile.dropped() == 0,
        }
    }

    /// The model's graph.
    pub(super) const fn graph(&self) -> &'a Graph {
        &self.model.graph
    }

    /// The answer for one input.
    ///
    /// # Errors
    /// An input of the wrong length or outside the input's ring.
    pub fn evaluate(&self, input: &[i64]) -> Result<Evaluation, EvalError> {
        let mut logits = Vec::new();
        self.run(input, |id, values| {
            if id == self.model.graph.output {
                logits = values.to_vec();
            }
        })?;
        Ok(Evaluation::new(logits))
    }

    /// The values of every tensor, in the order of the graph's tensors.
    ///
    /// # Errors
    /// An input of the wrong length or outside the input's ring.
    pub fn trace(&self, input: &[i64]) -> Result<Vec<Vec<i64>>, EvalError> {
        let mut all = vec![Vec::new(); self.model.graph.tensors.len()];
        self.run(input, |id, values| {
            if let Some(slot) = all.get_mut(id.0 as usize) {
                *slot = values.to_vec();
            }
        })?;
        Ok(all)
    }

    /// Evaluates in the graph's order; `visit` sees each tensor once, the input first.
    ///
    /// # Errors
    /// An input of the wrong length or outside the input's ring.
    pub fn run(&self, input: &[i64], visit: impl FnMut(TensorId, &[i64])) -> Result<(), EvalError> {
        self.follow(input, |_, _, _, _| None, visit)
    }

    /// As [`Oracle::run`]; truncations are first offered to `truncate`, with the node's place, the shift, what it reads and both rings.
    pub(super) fn follow(
        &self,
        input: &[i64],
        mut truncate: impl FnMut(usize, u32, &[i64], [Ring; 2]) -> Option<Vec<i64>>,
        mut visit: impl FnMut(TensorId, &[i64]),
    ) -> Result<(), EvalError> {
        let graph = &self.model.graph;
        check_input(graph, input)?;
        let mut live: Vec<Option<Vec<i64>>> = vec![None; graph.tensors.len()];
        visit(graph.input, input);
        put(&mut live, graph.input, input.to_vec());
        let nodes = graph.nodes.iter().zip(&self.model.params);
        for (index, (node, params)) in nodes.enumerate() {
            let Some((inputs, output)) = graph.operands(node) else {
                continue;
            };
            let values: Vec<&[i64]> = (node.inputs.iter())
                .map(|id| live.get(id.0 as usize).and_then(Option::as_deref))
                .map(Option::unwrap_or_default)
                .collect();
            let quick = match (&node.op, params, inputs.first(), values.first()) {
                (Op::Trunc { shift }, _, Some(operand), Some(z)) => {
                    truncate(index, *shift, z, [operand.ring, output.ring])
                }
                (Op::Conv(op), Some(params), Some(input), Some(x)) if self.quick => {
                    let params = (&params.weights[..], &params.bias[..]);
                    ops::linear::quick::conv(op, params, (input, x), output)
                }
                _ => None,
            };
            let result = quick.unwrap_or_else(|| {
                let (profile, params) = (graph.profile, params.as_ref());
                ops::evaluate(profile, node, params, &inputs, &values, output)
            });
            visit(node.output, &result);
            put(&mut live, node.output, result);
            for id in node.inputs.iter().chain([&node.output]) {
                let at = id.0 as usize;
                if self.last_use.get(at) == Some(&index)
                    && let Some(slot) = live.get_mut(at)
                {
                    *slot = None;
                }
            }
        }
        Ok(())
    }
}

fn put(live: &mut [Option<Vec<i64>>], id: TensorId, values: Vec<i64>) {
    if let Some(slot) = live.get_mut(id.0 as usize) {
        *slot = Some(values);
    }
}

fn check_input(graph: &Graph, input: &[i64]) -> Result<(), EvalError> {
    let tensor = graph.tensor(graph.input);
    let expected = tensor.and_then(|t| t.elements()).unwrap_or(0);
    if expected != input.len() {
        return Err(EvalError::Length {
            expected,
            got: input.len(),
        });
    }
    let ring = tensor.map(|t| t.ring);
    let outside = |&(_, &v): &(usize, &i64)| ring.is_some_and(|r| !r.contains(v));
    match input.iter().enumerate().find(outside) {
        None => Ok(()),
        Some((index, &value)) => Err(EvalError::Range {
            index,
            value,
            bits: ring.map_or(0, privet_ring::Ring::bits),
        }),
    }
}

/// Per tensor the index of its last reader; its maker's where nobody reads it.
fn last_uses(graph: &Graph) -> Vec<usize> {
    let mut last = vec![0; graph.tensors.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        for id in node.inputs.iter().chain([&node.output]) {
            if let Some(slot) = last.get_mut(id.0 as usize) {
                *slot = index;
            }
        }
    }
    last
}
