//! Makes graphs node by node, inferring every shape.

use std::collections::HashSet;

use super::{Dropped, Graph, GraphError, MAX_NODES, Node, Op, Value, ValueId, shapes};
use crate::preprocess::Preprocess;

/// Makes a [`Graph`] node by node; a node that does not fit is refused where it is added.
#[derive(Debug, Clone)]
pub struct Builder {
    name: String,
    values: Vec<Value>,
    nodes: Vec<Node>,
    dropped: Vec<Dropped>,
    preprocess: Option<Preprocess>,
    classes: Option<Vec<String>>,
    source_sha256: [u8; 32],
    names: HashSet<String>,
}

impl Builder {
    /// A graph with one input of that shape (no batch axis).
    ///
    /// # Errors
    /// A shape with a zero extent or beyond the bounds of this crate.
    pub fn new(name: &str, input: &str, shape: &[usize]) -> Result<Self, GraphError> {
        shapes::check(shape).map_err(|what| GraphError::Bounds {
            what: format!("input {input}: {what}"),
        })?;
        Ok(Self {
            name: name.to_owned(),
            values: vec![Value {
                name: input.to_owned(),
                shape: shape.to_vec(),
            }],
            nodes: vec![],
            dropped: vec![],
            preprocess: None,
            classes: None,
            source_sha256: [0; 32],
            names: HashSet::from([input.to_owned()]),
        })
    }

    /// The network's input.
    #[must_use]
    pub const fn input(&self) -> ValueId {
        ValueId(0)
    }

    /// Adds a node; its result is named after it. Returns the result.
    ///
    /// # Errors
    /// Operands that do not exist or shapes that do not fit; nothing is added then.
    pub fn push(&mut self, name: &str, op: Op, inputs: &[ValueId]) -> Result<ValueId, GraphError> {
        self.push_named(name, name, op, inputs)
    }

    /// Adds a node whose result has its own name (made unique if it is taken).
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_named(
        &mut self,
        name: &str,
        output: &str,
        op: Op,
        inputs: &[ValueId],
    ) -> Result<ValueId, GraphError> {
        if self.nodes.len() >= MAX_NODES {
            return Err(GraphError::Bounds {
                what: format!("more than {MAX_NODES} nodes"),
            });
        }
        let mut operands = Vec::with_capacity(inputs.len());
        for id in inputs {
            let value = self
                .values
                .get(id.index())
                .ok_or_else(|| GraphError::Operand {
                    node: name.to_owned(),
                    id: id.0,
                })?;
            operands.push(value.shape.as_slice());
        }
        let shape = shapes::infer(&op, &operands).map_err(|what| GraphError::Shape {
            node: name.to_owned(),
            op: op.name(),
            what,
        })?;
        let id = ValueId(
            u32::try_from(self.values.len()).map_err(|_| GraphError::Bounds {
                what: "more than 2^32 values".to_owned(),
            })?,
        );
        let output = self.unique(output);
        self.values.push(Value {
            name: output,
            shape,
        });
        self.nodes.push(Node {
            name: name.to_owned(),
            op,
            inputs: inputs.to_vec(),
            output: id,
        });
        Ok(id)
    }

    /// Notes an operation that is left out behind the logits.
    pub fn drop_op(&mut self, name: &str, op: &str) {
        self.dropped.push(Dropped {
            name: name.to_owned(),
            op: op.to_owned(),
        });
    }

    /// States the preprocessing.
    pub fn set_preprocess(&mut self, preprocess: Preprocess) {
        self.preprocess = Some(preprocess);
    }

    /// States the classes' names.
    pub fn set_classes(&mut self, classes: Vec<String>) {
        self.classes = Some(classes);
    }

    /// States the hash of the source file.
    pub const fn set_source(&mut self, sha256: [u8; 32]) {
        self.source_sha256 = sha256;
    }

    /// Shape of a value made so far.
    #[must_use]
    pub fn shape(&self, id: ValueId) -> Option<&[usize]> {
        self.values.get(id.index()).map(|v| v.shape.as_slice())
    }

    /// The graph with that value as its output; nodes that it does not depend on are left out.
    ///
    /// # Errors
    /// The value does not exist.
    pub fn finish(self, output: ValueId) -> Result<Graph, GraphError> {
        if self.values.get(output.index()).is_none() {
            return Err(GraphError::Operand {
                node: "output".to_owned(),
                id: output.0,
            });
        }
        let graph = Graph {
            name: self.name,
            values: self.values,
            nodes: self.nodes,
            input: ValueId(0),
            output,
            dropped: self.dropped,
            preprocess: self.preprocess,
            classes: self.classes,
            source_sha256: self.source_sha256,
        };
        Ok(graph.without_dead_nodes())
    }

    fn unique(&mut self, name: &str) -> String {
        let mut candidate = name.to_owned();
        let mut suffix = self.values.len();
        while self.names.contains(&candidate) {
            candidate = format!("{name}.{suffix}");
            suffix += 1;
        }
        self.names.insert(candidate.clone());
        candidate
    }
}

impl Graph {
    /// Leaves out nodes and values that the output does not depend on (the input stays).
    fn without_dead_nodes(mut self) -> Self {
        let mut live: HashSet<ValueId> = HashSet::from([self.input, self.output]);
        for node in self.nodes.iter().rev() {
            if live.contains(&node.output) {
                live.extend(&node.inputs);
            }
        }
        let mut renumbered = vec![ValueId(0); self.values.len()];
        let mut values = Vec::with_capacity(live.len());
        let mut next = 0;
        for ((old, value), new) in (0..).zip(self.values).zip(&mut renumbered) {
            if live.contains(&ValueId(old)) {
                *new = ValueId(next);
                next += 1;
                values.push(value);
            }
        }
        let renumber = |id: ValueId| renumbered.get(id.index()).copied().unwrap_or(id);
        self.values = values;
        self.nodes.retain(|node| live.contains(&node.output));
        for node in &mut self.nodes {
            for id in &mut node.inputs {
                *id = renumber(*id);
            }
            node.output = renumber(node.output);
        }
        self.input = renumber(self.input);
        self.output = renumber(self.output);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Linear, Per};
    use super::*;

    fn linear(inputs: usize, outputs: usize) -> Op {
        Op::Linear(Linear {
            inputs,
            outputs,
            weights: vec![0.5; inputs * outputs],
            bias: vec![0.0; outputs],
        })
    }

    #[test]
    fn dead_nodes_are_left_out_and_ids_stay_consistent() {
        let mut b = Builder::new("m", "x", &[4]).unwrap();
        let dead = b.push("dead", Op::Relu, &[b.input()]).unwrap();
        let _ = b.push("dead2", Op::Tanh, &[dead]).unwrap();
        let y = b.push("fc", linear(4, 2), &[b.input()]).unwrap();
        let z = b.push("act", Op::Relu, &[y]).unwrap();
        let g = b.finish(z).unwrap();
        assert_eq!(g.nodes.len(), 2);
        assert_eq!(g.values.len(), 3);
        assert_eq!(g.values[g.nodes[0].inputs[0].index()].name, "x");
        assert_eq!(g.values[g.nodes[1].inputs[0].index()].name, "fc");
        assert_eq!(g.values[g.output.index()].name, "act");
        assert_eq!(g.output_shape(), [2]);
    }

    #[test]
    fn names_of_values_are_unique() {
        let mut b = Builder::new("m", "x", &[4]).unwrap();
        let a = b.push("x", Op::Relu, &[b.input()]).unwrap();
        let c = b.push("x", Op::Relu, &[a]).unwrap();
        let g = b.finish(c).unwrap();
        let names: HashSet<_> = g.values.iter().map(|v| &v.name).collect();
        assert_eq!(names.len(), 3);
    }

    #[test]
    fn misfits_are_refused_by_name() {
        let mut b = Builder::new("m", "x", &[4]).unwrap();
        let e = b.push("fc", linear(5, 2), &[b.input()]).unwrap_err();
        assert!(e.to_string().starts_with("fc (Linear)"), "{e}");
        assert!(b.push("fc", Op::Relu, &[ValueId(7)]).is_err());
        assert!(b.push("add", Op::Add, &[b.input()]).is_err());
        let affine = super::super::Affine {
            per: Per::Element,
            scale: vec![1.0; 3],
            shift: vec![0.0; 3],
        };
        assert!(b.push("a", Op::Affine(affine), &[b.input()]).is_err());
        assert!(Builder::new("m", "x", &[0]).is_err());
        assert!(Builder::new("m", "x", &[1 << 20, 1 << 20]).is_err());
        assert!(Builder::new("m", "x", &[usize::MAX, 2]).is_err());
    }
}
