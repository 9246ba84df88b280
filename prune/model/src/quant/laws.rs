//! Vectors of the fixed-point rules: small networks with inputs at the edges of every rule, and
//! the integers that every exact backend must find for them.
//!
//! The expected integers come from [`reference`], a second interpreter that follows the rules word
//! by word on unbounded integers and shares no code with the oracle; it is held to values worked
//! out by hand. A backend runs all of [`vectors`] and compares.

#![expect(
    clippy::expect_used,
    reason = "test material: a vector that cannot be made is a failed test"
)]

mod elementwise;
mod layout;
mod linear;
mod networks;
mod pool;
mod sketch;

pub mod reference;

pub use sketch::{Sketch, Stream};

use super::ir::Model;

/// A small network and what it answers.
#[derive(Debug, Clone)]
pub struct Vector {
    /// What it is about.
    pub name: &'static str,
    /// The network.
    pub model: Model,
    /// Inputs and answers.
    pub cases: Vec<Case>,
}

/// One input and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Integers of the input tensor.
    pub input: Vec<i64>,
    /// Integers of the output tensor.
    pub logits: Vec<i64>,
    /// The lowest index of the greatest logit.
    pub label: usize,
}

/// Every rule, its edges and some random values.
#[must_use]
pub fn vectors() -> Vec<Vector> {
    let mut all = Vec::new();
    all.extend(linear::vectors());
    all.extend(elementwise::vectors());
    all.extend(pool::vectors());
    all.extend(layout::vectors());
    all.extend(networks::vectors());
    all
}

impl Vector {
    /// The network on these inputs, answers by the reference.
    fn new(name: &'static str, sketch: Sketch, inputs: Vec<Vec<i64>>) -> Self {
        let model = sketch.finish(name);
        let cases = inputs.into_iter().map(|input| {
            let logits = reference::evaluate(&model, &input);
            let label = reference::argmax(&logits);
            Case {
                input,
                logits,
                label,
            }
        });
        let cases = cases.collect();
        Self { name, model, cases }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::{Limits, Oracle};

    #[test]
    fn the_oracle_finds_every_vector() {
        let vectors = vectors();
        assert!(vectors.len() > 30);
        for vector in &vectors {
            let oracle = Oracle::new(&vector.model).expect(vector.name);
            assert!(!vector.cases.is_empty(), "{}", vector.name);
            for case in &vector.cases {
                let found = oracle.evaluate(&case.input).expect(vector.name);
                assert_eq!(found.logits, case.logits, "{}: {case:?}", vector.name);
                assert_eq!(found.label, case.label, "{}", vector.name);
            }
        }
    }

    #[test]
    fn every_op_has_a_vector() {
        let vectors = vectors();
        let ops = || vectors.iter().flat_map(|v| &v.model.graph.nodes);
        let names: std::collections::BTreeSet<String> = ops()
            .map(|n| format!("{:?}", n.op))
            .map(|n| n.split(['(', ' ']).next().unwrap_or("").to_owned())
            .collect();
        let expected = [
            "Add",
            "AddConst",
            "AvgPool",
            "Clip",
            "Concat",
            "Conv",
            "Linear",
            "MaxPool",
            "Pad",
            "Relu",
            "Reshape",
            "Resize",
            "Shl",
            "Table",
            "Transpose",
            "Trunc",
        ];
        assert_eq!(names.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn vectors_survive_the_file() {
        for vector in vectors() {
            let bytes = crate::quant::file::encode(&vector.model).expect(vector.name);
            assert_eq!(
                crate::quant::file::decode(&bytes).expect(vector.name),
                vector.model
            );
        }
    }

    #[test]
    fn a_changed_shape_is_refused() {
        for vector in vectors() {
            let graph = &vector.model.graph;
            for id in 0..graph.tensors.len() {
                let mut bad = graph.clone();
                bad.tensors[id].shape[0] += 1;
                assert!(
                    bad.validate(&Limits::default()).is_err(),
                    "{}: tensor {id}",
                    vector.name
                );
            }
        }
    }
}
