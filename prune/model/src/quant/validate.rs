//! Is this a network at all? Checks for a graph that came from a peer or from a file.
//!
//! Everything is counted with checked arithmetic before anything of that size is allocated.

use privet_netlists::generate::MAX_DROP;

use super::ir::{Graph, Model, Node, Op, Profile, Tensor, TensorId};
use crate::bounded;
use crate::ops::{self, OpError};

/// Caps on a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nodes.
    pub nodes: usize,
    /// Axes of one tensor.
    pub rank: usize,
    /// Elements of all tensors together.
    pub elements: u64,
    /// Elementary operations (multiplications, comparisons, copies) of all nodes together.
    pub work: u64,
    /// Bytes of all names together.
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            nodes: bounded::NODES,
            rank: bounded::RANK,
            elements: 1 << 28,
            work: 1 << 38,
            text: 1 << 22,
        }
    }
}

/// A graph that is no network, or one beyond the limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Larger than allowed.
    #[error("the network has more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A tensor that cannot be.
    #[error("tensor {tensor}: {what}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A node that does not fit its surroundings.
    #[error("layer {node}: {what}")]
    Wiring {
        /// Its name.
        node: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A node that breaks a rule of its op.
    #[error("layer {node}: {source}")]
    Op {
        /// Its name.
        node: String,
        /// The rule.
        source: OpError,
    },
    /// The network as a whole is inconsistent.
    #[error("{0}")]
    Whole(&'static str),
}

impl Tensor {
    /// Number of elements, if it can be counted.
    #[must_use]
    pub fn elements(&self) -> Option<usize> {
        self.shape
            .iter()
            .try_fold(1usize, |n, &extent| n.checked_mul(extent))
    }
}

/// Longest name of a layer, tensor or class, in bytes: names are shown.
pub(super) const MAX_NAME: usize = 1024;

/// Most different tables of one graph: each has to be fitted.
const MAX_TABLES: u64 = 8;

/// Characters that change what a terminal shows around them.
pub(super) fn unprintable(c: char) -> bool {
    let directions =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || directions || matches!(c, '\u{2028}' | '\u{2029}')
}

impl Graph {
    /// The tensor with that index, if there is one.
    #[must_use]
    pub fn tensor(&self, id: TensorId) -> Option<&Tensor> {
        self.tensors.get(id.0 as usize)
    }

    /// Operands and result of a node, if they exist.
    #[must_use]
    pub fn operands(&self, node: &Node) -> Option<(Vec<&Tensor>, &Tensor)> {
        let inputs = node.inputs.iter().map(|&id| self.tensor(id));
        Some((inputs.collect::<Option<_>>()?, self.tensor(node.output)?))
    }

    /// Checks a graph of any origin: every index, shape, width and scale, the topological order and
    /// the rule of each op, within `limits`. What passes can be evaluated; what
    /// planning it takes is counted while it is planned.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self, limits: &Limits) -> Result<(), GraphError> {
        self.validate_sizes(limits)?;
        for tensor in &self.tensors {
            validate_tensor(tensor, limits)?;
        }
        let elements = self.tensors.iter().try_fold(0u64, |n, tensor| {
            n.checked_add(u64::try_from(tensor.elements()?).ok()?)
        });
        cap("elements", elements, limits.elements)?;
        self.validate_wiring()?;
        let mut work = 0u64;
        for node in &self.nodes {
            let wiring = || wrong(node, "an operand does not exist");
            let (inputs, output) = self.operands(node).ok_or_else(wiring)?;
            let op = ops::check(&node.op, &inputs, output).map_err(|source| GraphError::Op {
                node: node.name.clone(),
                source,
            })?;
            self.validate_profile(node, &inputs, output)?;
            work = work.saturating_add(op);
            cap("elementary operations", Some(work), limits.work)?;
        }
        Ok(())
    }

    /// Products that omit columns need words with more bits than those columns, and all of their terms.
    fn validate_profile(
        &self,
        node: &Node,
        inputs: &[&Tensor],
        output: &Tensor,
    ) -> Result<(), GraphError> {
        let Profile::Drop { columns: drop } = self.profile else {
            return Ok(());
        };
        if node.op.weight_bits().is_none() {
            return Ok(());
        }
        if !(1..=MAX_DROP).contains(&u64::from(drop)) {
            return Err(GraphError::Whole("products may omit 1 to 24 columns"));
        }
        if inputs.iter().any(|input| input.ring.bits() <= drop) {
            return Err(wrong(
                node,
                "it reads words no wider than the columns that its products omit",
            ));
        }
        if output.ring.bits() > 63 {
            return Err(wrong(
                node,
                "an accumulator of products that omit columns has at most 63 bits",
            ));
        }
        if node.op.sparsity().is_some() {
            return Err(wrong(
                node,
                "products that omit columns cannot leave out zero weights",
            ));
        }
        Ok(())
    }

    fn validate_sizes(&self, limits: &Limits) -> Result<(), GraphError> {
        let count = |n: usize| u64::try_from(n).ok();
        cap("layers", count(self.nodes.len()), limits.nodes as u64)?;
        // Each tensor is the input or some node's result.
        cap(
            "tensors",
            count(self.tensors.len()),
            limits.nodes as u64 + 1,
        )?;
        let classes = self.classes.as_ref().map_or(0, Vec::len);
        cap("classes", count(classes), bounded::NODES as u64)?;
        let names = (self.tensors.iter().map(|t| t.name.len()))
            .chain(self.nodes.iter().map(|n| n.name.len()))
            .chain(self.classes.iter().flatten().map(String::len))
            .fold(self.name.len(), usize::saturating_add);
        cap("bytes of names", count(names), limits.text as u64)?;
        let mut texts = (self.tensors.iter().map(|t| &t.name))
            .chain(self.nodes.iter().map(|n| &n.name))
            .chain(self.classes.iter().flatten())
            .chain([&self.name]);
        if texts.any(|name| name.len() > MAX_NAME || name.chars().any(unprintable)) {
            return Err(GraphError::Whole(
                "a name is too long or has control characters",
            ));
        }
        let mut tables: Vec<&str> = (self.nodes.iter())
            .filter_map(|node| {
                let Op::Table(table) = &node.op else {
                    return None;
                };
                Some(table.netlist.as_str())
            })
            .collect();
        tables.sort_unstable();
        tables.dedup();
        cap("different tables", count(tables.len()), MAX_TABLES)?;
        if privet_ring::Ring::new(self.value_bits).is_err() {
            return Err(GraphError::Whole("the value width is out of bounds"));
        }
        if self.preprocess.validate().is_err() {
            return Err(GraphError::Whole("the preprocessing is out of bounds"));
        }
        let input = self.tensor(self.input);
        if input.is_some_and(|t| !self.preprocess.fits(&t.shape)) {
            return Err(GraphError::Whole(
                "the projection has another number of dimensions than the input",
            ));
        }
        Ok(())
    }

    /// Each tensor is made once and before it is read; the output is made at all.
    fn validate_wiring(&self) -> Result<(), GraphError> {
        let mut made = vec![false; self.tensors.len()];
        match made.get_mut(self.input.0 as usize) {
            Some(input) => *input = true,
            None => return Err(GraphError::Whole("the input does not exist")),
        }
        let ready = |made: &[bool], id: TensorId| made.get(id.0 as usize).copied();
        for node in &self.nodes {
            if node.inputs.iter().any(|&id| ready(&made, id) != Some(true)) {
                return Err(wrong(node, "reads a tensor that no layer before it makes"));
            }
            match made.get_mut(node.output.0 as usize) {
                Some(slot) if !*slot => *slot = true,
                Some(_) => return Err(wrong(node, "makes a tensor that is already made")),
                None => return Err(wrong(node, "its result does not exist")),
            }
        }
        if made.contains(&false) {
            return Err(GraphError::Whole("a tensor is made by no layer"));
        }
        if ready(&made, self.output) != Some(true) {
            return Err(GraphError::Whole("the output does not exist"));
        }
        Ok(())
    }
}

impl Model {
    /// Checks the graph, and that the secret integers are those it asks for: as many as its shapes
    /// say, weights within their width, constants within their ring.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self, limits: &Limits) -> Result<(), GraphError> {
        self.graph.validate(limits)?;
        if self.params.len() != self.graph.nodes.len() {
            return Err(GraphError::Whole("parameters are not one entry per layer"));
        }
        for (node, params) in self.graph.nodes.iter().zip(&self.params) {
            let output = (self.graph.tensor(node.output))
                .ok_or_else(|| wrong(node, "its result does not exist"))?;
            ops::check_params(&node.op, params.as_ref(), output).map_err(|source| {
                GraphError::Op {
                    node: node.name.clone(),
                    source,
                }
            })?;
        }
        Ok(())
    }
}

fn validate_tensor(tensor: &Tensor, limits: &Limits) -> Result<(), GraphError> {
    let fail = |what| {
        Err(GraphError::Tensor {
            tensor: tensor.name.clone(),
            what,
        })
    };
    if tensor.shape.is_empty() || tensor.shape.len() > limits.rank {
        return fail("number of axes is out of bounds");
    }
    if tensor.shape.contains(&0) {
        return fail("an extent is zero");
    }
    if tensor.range.bits == 0 || tensor.range.bits > tensor.ring.bits() {
        return fail("its range is wider than its ring, or empty");
    }
    if tensor.frac_bits > MAX_FRAC_BITS {
        return fail("too many fraction bits");
    }
    Ok(())
}

/// Values at double scale in the widest ring have fewer.
const MAX_FRAC_BITS: u32 = 128;

fn cap(what: &'static str, got: Option<u64>, limit: u64) -> Result<(), GraphError> {
    match got {
        Some(n) if n <= limit => Ok(()),
        _ => Err(GraphError::Limit { what, limit }),
    }
}

fn wrong(node: &Node, what: &'static str) -> GraphError {
    GraphError::Wiring {
        node: node.name.clone(),
        what,
    }
}
