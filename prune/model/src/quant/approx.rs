//! Profile `approx`: which truncations are taken within one unit, what they then give, and how often that differs.
//!
//! The parties drop the low bits of their shares each by itself. What results is one of the two whole numbers next to the quotient;
//! which of them, the low bits of the client's share decide, and these are uniform. The graph's own meaning stays the exact one.

use privet_ring::{Ring, floor_shift};
use serde::{Deserialize, Serialize};

use super::error::QuantError;
use super::ir::{Graph, Model, Op, Profile, TensorId};
use super::oracle::{EvalError, Evaluation, Oracle};

impl Graph {
    /// For each node whether a secure run takes it within one unit: truncations, under profile `approx`. Exact are those behind which no layer
    /// with weights stands before the answer (else their low bits would be opened with it), and those that leave but a sign.
    #[must_use]
    pub fn approximated(&self) -> Vec<bool> {
        let mut answers = vec![false; self.tensors.len()];
        if let Some(slot) = answers.get_mut(self.output.0 as usize) {
            *slot = true;
        }
        let mut approximated = vec![false; self.nodes.len()];
        for (node, slot) in self.nodes.iter().zip(&mut approximated).rev() {
            let answered = answers.get(node.output.0 as usize) == Some(&true);
            if answered && !matches!(node.op, Op::Linear(_) | Op::Conv(_)) {
                for id in &node.inputs {
                    if let Some(slot) = answers.get_mut(id.0 as usize) {
                        *slot = true;
                    }
                }
            }
            if let Op::Trunc { shift } = node.op {
                let operand = node.inputs.first().and_then(|id| self.tensor(*id));
                let left = operand.map_or(0, |t| t.ring.bits().saturating_sub(shift));
                *slot = self.profile == Profile::Approx && !answered && shift > 0 && left >= 2;
            }
        }
        approximated
    }

    /// Per tensor by how many units approximate truncations may move it, but for what layers with weights make of moved values.
    pub(super) fn moved(&self) -> Vec<i128> {
        let mut moved = vec![0i128; self.tensors.len()];
        for (node, approximated) in self.nodes.iter().zip(self.approximated()) {
            let operands = node.inputs.iter();
            let operands = operands.filter_map(|id| moved.get(id.0 as usize).copied());
            let (mut most, mut sum) = (0, 0);
            for units in operands {
                most = units.max(most);
                sum += units;
            }
            let dropped = |shift: u32| (most + (1i128 << shift.min(64)) - 1) >> shift.min(64);
            let units = match &node.op {
                Op::Linear(_) | Op::Conv(_) => 0,
                Op::Trunc { shift } => dropped(*shift) + i128::from(approximated),
                Op::AvgPool { shift, .. } => dropped(*shift),
                Op::Add => sum,
                Op::Shl { k } => most << (*k).min(32),
                Op::Relu
                | Op::Clip { .. }
                | Op::Table(_)
                | Op::MaxPool(_)
                | Op::AddConst
                | Op::Reflect
                | Op::Resize
                | Op::Concat { .. }
                | Op::Reshape
                | Op::Transpose { .. }
                | Op::Pad { .. } => most,
            };
            if let Some(slot) = moved.get_mut(node.output.0 as usize) {
                // Beyond any ring it does not matter how far.
                *slot = units.min(1 << 64);
            }
        }
        moved
    }
}

/// What an approximate truncation gives for z, where the client's share ends in the bits `low`: the server has added
/// `2^(shift−1) − 1`, with which a rounding constant makes one less than a unit.
#[must_use]
pub fn approximate(z: i64, shift: u32, low: u64, [from, to]: [Ring; 2]) -> i64 {
    let raised = i128::from(z) + (1i128 << (shift - 1)) - 1;
    let high = (raised - i128::from(low)) >> shift;
    // As much of it as the shares have bits for.
    let left = from.bits().min(shift + to.bits()) - shift;
    to.wrap(Ring::new(left).map_or(0, |ring| ring.wrap_wide(high)))
}

impl Oracle<'_> {
    /// Evaluates as a secure run under profile `approx` does: `low` gives the low bits of the client's share of what an approximate truncation
    /// reads, by node and element (bits above those dropped do not matter). `visit` sees each tensor once, the input first.
    ///
    /// # Errors
    /// An input of the wrong length or outside the input's ring.
    pub fn approximate(
        &self,
        input: &[i64],
        low: impl FnMut(usize, usize) -> u64,
        visit: impl FnMut(TensorId, &[i64]),
    ) -> Result<(), EvalError> {
        self.compared(input, low, |_, _| (), visit)
    }

    /// The same; `compare` sees of each approximate truncation what it should give and what it gives.
    fn compared(
        &self,
        input: &[i64],
        mut low: impl FnMut(usize, usize) -> u64,
        mut compare: impl FnMut(&[i64], &[i64]),
        visit: impl FnMut(TensorId, &[i64]),
    ) -> Result<(), EvalError> {
        let approximated = self.graph().approximated();
        let truncate = |index, shift: u32, z: &[i64], rings: [Ring; 2]| {
            if approximated.get(index) != Some(&true) {
                return None;
            }
            let mask = u64::MAX >> (u64::BITS - shift.clamp(1, u64::BITS));
            let each = z.iter().enumerate();
            let each = each.map(|(i, z)| approximate(*z, shift, low(index, i) & mask, rings));
            let values: Vec<i64> = each.collect();
            let exact = z.iter().map(|z| rings[1].wrap(floor_shift(*z, shift)));
            compare(&exact.collect::<Vec<_>>(), &values);
            Some(values)
        };
        self.follow(input, truncate, visit)
    }
}

/// How often truncations within one unit differ from exact ones, and what comes of it: over some inputs, with random shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviations {
    /// How many inputs.
    pub inputs: usize,
    /// Each approximate truncation, in the graph's order.
    pub truncations: Vec<Deviation>,
    /// Values of all answers together.
    pub logits: u64,
    /// Those that are not the exact ones.
    pub logits_differing: u64,
    /// By how many units at most.
    pub greatest: u64,
    /// Inputs whose label is the exact one.
    pub same_labels: usize,
}

/// How often one truncation differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    /// The layer.
    pub layer: String,
    /// Values truncated.
    pub values: u64,
    /// Those that are one unit beside the exact truncation of the same value.
    pub differing: u64,
}

impl Deviations {
    /// All truncations together: values, and those that differ.
    #[must_use]
    pub fn total(&self) -> [u64; 2] {
        let each = self.truncations.iter();
        each.fold([0; 2], |sum, t| [sum[0] + t.values, sum[1] + t.differing])
    }

    /// The part of all truncated values that differ; none of nothing.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
    pub fn share(&self) -> Option<f64> {
        let [values, differing] = self.total();
        (values > 0).then(|| differing as f64 / values as f64)
    }

    /// Measures a model of profile `approx` on real inputs; `draw` gives uniform words, for the parties' shares.
    ///
    /// # Errors
    /// An input that the model does not take.
    pub fn measure(
        model: &Model,
        inputs: &[Vec<f32>],
        draw: &mut dyn FnMut() -> u64,
    ) -> Result<Self, QuantError> {
        let oracle = Oracle::new(model)?;
        let mut all = Self::new(&model.graph);
        for (index, input) in inputs.iter().enumerate() {
            let integers = (model.graph.quantise_input(input))
                .map_err(|source| QuantError::Calibration { index, source })?;
            let exact = oracle.evaluate(&integers)?;
            all.add(&oracle, &integers, &exact, draw)?;
        }
        Ok(all)
    }

    /// Of no input yet.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let nodes = graph.nodes.iter().zip(graph.approximated());
        let truncations = nodes.filter(|(_, approximated)| *approximated);
        let truncations = truncations.map(|(node, _)| Deviation {
            layer: node.name.clone(),
            values: 0,
            differing: 0,
        });
        Self {
            inputs: 0,
            truncations: truncations.collect(),
            logits: 0,
            logits_differing: 0,
            greatest: 0,
            same_labels: 0,
        }
    }

    /// One more input, of which the exact answer is known.
    ///
    /// # Errors
    /// An input of the wrong length or outside the input's ring.
    pub fn add(
        &mut self,
        oracle: &Oracle<'_>,
        input: &[i64],
        exact: &Evaluation,
        draw: &mut dyn FnMut() -> u64,
    ) -> Result<(), EvalError> {
        let (output, mut logits) = (oracle.graph().output, Vec::new());
        let mut truncations = self.truncations.iter_mut();
        oracle.compared(
            input,
            |_, _| draw(),
            |exact, values| {
                let differing = exact.iter().zip(values).filter(|(a, b)| a != b);
                if let Some(t) = truncations.next() {
                    t.values += values.len() as u64;
                    t.differing += differing.count() as u64;
                }
            },
            |id, values| {
                if id == output {
                    logits = values.to_vec();
                }
            },
        )?;
        let answer = Evaluation::new(logits);
        let differences = answer.logits.iter().zip(&exact.logits);
        let differences = differences.map(|(a, b)| a.abs_diff(*b)).filter(|d| *d > 0);
        self.inputs += 1;
        self.logits += exact.logits.len() as u64;
        self.same_labels += usize::from(answer.label == exact.label);
        for difference in differences {
            self.logits_differing += 1;
            self.greatest = self.greatest.max(difference);
        }
        Ok(())
    }
}
