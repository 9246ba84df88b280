//! Vectors of the fixed-point rules: small networks with inputs at the edges of every rule, and
//! the integers that every exact backend must find for them.
//!
//! The expected integers come from [`mod@reference`], a second interpreter that follows the rules word
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
#[cfg(test)]
mod random;
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
            "Reflect",
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

    /// Answers of the vector of that name.
    fn answers(name: &str) -> Vec<Vec<i64>> {
        let vectors = vectors();
        let vector = vectors.iter().find(|v| v.name == name).expect(name);
        vector.cases.iter().map(|c| c.logits.clone()).collect()
    }

    #[test]
    fn truncations_by_hand() {
        // floor((x + r) / 16), r = 0, 0, 8, 8.
        let expected = [
            [-1, 0, 0, 0],
            [0, -1, -1, -1],
            [-2, 0, 1, 1],
            [1, -2, -2, 2048],
            [-2048, -2048, 2048, 2047],
        ];
        let name = "truncation is floor, rounding is a constant";
        assert_eq!(answers(name), expected);
    }

    #[test]
    fn averages_by_hand() {
        let ties = answers("average, ties and negative sums");
        // floor((s + 3) / 6) over three cells, floor((s + 1 + 2) / 4) over the last two.
        let expected = [
            (-7, [-1, -1]),
            (-4, [-1, -1]),
            (-3, [0, 0]),
            (2, [0, 1]),
            (3, [1, 1]),
            (8, [1, 2]),
        ];
        for (sum, means) in expected {
            let case = usize::try_from(sum + 7).expect("from -7 on");
            assert_eq!(ties[case], means, "{sum}");
        }
        // Sums 127, 128 = -128, 508 = -4, -512 = 0, -129 = 127, 126 mod 2^8.
        let wrapped = answers("average, the sum wraps");
        assert_eq!(wrapped.concat(), [32, -32, -1, 0, 32, 32]);
    }

    #[test]
    fn wrapping_choices_by_hand() {
        use privet_ring::Ring;
        let ring = Ring::new(8).expect("a ring");
        let max = |a, b| {
            let mut sketch = Sketch::new(&[1, 1, 2], 8, 0);
            let input = sketch.input();
            let pool = crate::quant::ir::Pool {
                window: crate::quant::ir::Window::new([1, 2]),
            };
            let op = crate::quant::ir::Op::MaxPool(pool);
            sketch.push(op, None, &[input], (&[1, 1, 1], 8, 0));
            let model = sketch.finish("max of two");
            let found = model.evaluate(&[a, b]).expect("two values").logits[0];
            assert_eq!(reference::evaluate(&model, &[a, b]), [found]);
            assert!(ring.contains(found));
            found
        };
        assert_eq!([max(3, -4), max(-4, 3), max(63, -64)], [3, 3, 63]);
        // |a - b| = 128 and more: b + ReLU(a - b mod 2^8) follows the wrap.
        assert_eq!([max(64, -64), max(-64, 64)], [-64, 64]);
        assert_eq!([max(127, -128), max(-128, 127)], [-128, -128]);
        let clipped = |z: i64| {
            let mut sketch = Sketch::new(&[1], 8, 0);
            let input = sketch.input();
            sketch.keep(crate::quant::ir::Op::Clip { lo: -100, hi: 100 }, &[input]);
            let model = sketch.finish("clip");
            model.evaluate(&[z]).expect("one value").logits[0]
        };
        assert_eq!([27, 0, -3, -27].map(clipped), [27, 0, -3, -27]);
        // 28 + 100 wraps: the maximum with -100 is -100; and -100 - 100 wraps to 56.
        assert_eq!([28, 127, -100, -101].map(clipped), [100; 4]);
    }
}
