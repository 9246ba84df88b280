//! Checks of a graph that was changed by hand.

use super::{Graph, GraphError, MAX_NODES, shapes};

impl Graph {
    /// Checks what a [`super::Builder`] guarantees: every node fits its operands, which come before it, and every
    /// value has the shape that follows.
    ///
    /// # Errors
    /// The first node, value or bound that is violated.
    pub fn validate(&self) -> Result<(), GraphError> {
        let bounds = |what: String| GraphError::Bounds { what };
        if self.nodes.len() > MAX_NODES {
            return Err(bounds(format!("more than {MAX_NODES} nodes")));
        }
        let input = self.value(self.input).map_or(&[][..], |v| &v.shape);
        shapes::check(input).map_err(|what| bounds(format!("input: {what}")))?;
        let mut made = vec![false; self.values.len()];
        if let Some(slot) = made.get_mut(self.input.index()) {
            *slot = true;
        }
        for node in &self.nodes {
            let mut operands = Vec::with_capacity(node.inputs.len());
            for id in &node.inputs {
                let value = self
                    .value(*id)
                    .filter(|_| made.get(id.index()) == Some(&true));
                let value = value.ok_or_else(|| GraphError::Operand {
                    node: node.name.clone(),
                    id: id.0,
                })?;
                operands.push(value.shape.as_slice());
            }
            let shape = |what| GraphError::Shape {
                node: node.name.clone(),
                op: node.op.name(),
                what,
            };
            let inferred = shapes::infer(&node.op, &operands).map_err(shape)?;
            let stated = self.value(node.output).map(|v| &v.shape);
            match made.get_mut(node.output.index()) {
                Some(slot) if !*slot && stated == Some(&inferred) => *slot = true,
                _ => {
                    return Err(shape(format!(
                        "its result is not a new value of {inferred:?}"
                    )));
                }
            }
        }
        if made.get(self.output.index()) == Some(&true) {
            Ok(())
        } else {
            Err(bounds("the output is not computed".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Builder, Graph, Op, ValueId};

    fn graph() -> Graph {
        let mut b = Builder::new("m", "x", &[2, 3]).unwrap();
        let y = b.push("relu", Op::Relu, &[b.input()]).unwrap();
        let perm = vec![1, 0];
        let z = b.push("turn", Op::Transpose { perm }, &[y]).unwrap();
        b.finish(z).unwrap()
    }

    #[test]
    fn what_builders_make_is_valid_and_changes_are_found() {
        assert_eq!(graph().validate(), Ok(()));
        type Change = fn(&mut Graph);
        let changes: [(&str, Change); 7] = [
            ("turn (Transpose)", |g| g.values[2].shape = vec![2, 3]),
            ("turn (Transpose)", |g| g.nodes[1].output = ValueId(1)),
            ("turn (Transpose)", |g| g.nodes[1].output = ValueId(9)),
            ("operand 2", |g| g.nodes[0].inputs = vec![ValueId(2)]),
            ("operand 1", |g| g.nodes.swap(0, 1)),
            ("output", |g| g.output = ValueId(7)),
            ("input", |g| g.input = ValueId(7)),
        ];
        for (named, change) in changes {
            let mut g = graph();
            change(&mut g);
            let e = g.validate().unwrap_err().to_string();
            assert!(e.contains(named), "{e}");
        }
    }
}
