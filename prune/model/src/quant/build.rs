//! From the folded float graph to integers: nodes, tensors, weights and biases.

mod linear;
mod merge;
mod nonlinear;

use privet_ring::Ring;

use super::defer::{self, Decision};
use super::error::QuantError;
use super::fold::{Folded, FoldedNode, FoldedOp};
use super::ir::{Graph, Model, Node, Op, Params, Range, RangeOrigin, Tensor, TensorId};
use super::options::QuantOptions;
use super::scales::Scales;
use super::validate;
use crate::graph::ValueId;

/// Everything that determines the integers but the ranges.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spec<'a> {
    pub(super) options: &'a QuantOptions,
    /// Fraction bits f of stored values.
    pub(super) frac: u32,
}

/// Makes the model; all ranges are those of the rings, still to be examined.
pub(super) fn build(folded: &Folded<'_>, spec: &Spec<'_>) -> Result<Model, QuantError> {
    ring(spec.options.bits, "bits")?;
    let scales = Scales::new(folded, spec.options, spec.frac)?;
    let mut weight_frac = Vec::with_capacity(folded.nodes.len());
    let mut above = Vec::with_capacity(folded.nodes.len());
    for node in &folded.nodes {
        let frac = linear::weight_frac(node, spec, &scales)?;
        weight_frac.push(frac);
        above.push(scales.above(node, frac));
    }
    let decisions = defer::decide(folded, spec.options.placement, &above);
    let mut build = Build {
        folded,
        spec,
        scales,
        decisions,
        graph: empty_graph(folded, spec),
        params: vec![],
        place: vec![None; folded.graph.values.len()],
    };
    let read = folded.graph.input;
    let input = build.tensor(
        value_name(folded, read),
        folded.shape(read),
        build.stored(read)?,
        build.scales.frac(read),
    );
    build.graph.input = input;
    build.set(folded.graph.input, input);
    for (node, &frac) in folded.nodes.iter().zip(&weight_frac) {
        build.node(node, frac)?;
    }
    let Some(output) = build.place.get(folded.output.index()).copied().flatten() else {
        return Err(QuantError::Inconsistent {
            layer: "output".to_owned(),
        });
    };
    build.graph.output = output;
    Ok(Model {
        graph: build.graph,
        params: build.params,
        source_sha256: folded.graph.source_sha256,
    })
}

fn empty_graph(folded: &Folded<'_>, spec: &Spec<'_>) -> Graph {
    Graph {
        name: shown(folded.graph.name.clone()),
        profile: spec.options.profile,
        value_bits: spec.options.bits,
        preprocess: folded.graph.preprocess.clone().unwrap_or_default(),
        tensors: vec![],
        nodes: vec![],
        input: TensorId(0),
        output: TensorId(0),
        classes: (folded.graph.classes.as_ref()).map(|c| c.iter().cloned().map(shown).collect()),
    }
}

fn ring(bits: u32, option: &'static str) -> Result<Ring, QuantError> {
    Ring::new(bits).map_err(|e| QuantError::Option {
        option,
        what: e.to_string(),
    })
}

fn value_name(folded: &Folded<'_>, id: ValueId) -> String {
    folded
        .graph
        .value(id)
        .map_or(String::new(), |v| v.name.clone())
}

/// A name of the source model as it may be shown: printable, of bounded length.
fn shown(mut name: String) -> String {
    // A character has at most 4 bytes, and rewrites append a little.
    if let Some((end, _)) = name.char_indices().nth(validate::MAX_NAME / 8) {
        name.truncate(end);
    }
    name.replace(validate::unprintable, "?")
}

struct Build<'a> {
    folded: &'a Folded<'a>,
    spec: &'a Spec<'a>,
    /// Widths and fraction bits of stored values.
    scales: Scales,
    decisions: Vec<Decision>,
    graph: Graph,
    params: Vec<Option<Params>>,
    /// Where each value of the float graph is.
    place: Vec<Option<TensorId>>,
}

/// What a new node makes.
struct Made<'a> {
    /// Name of the result.
    name: String,
    shape: &'a [usize],
    ring: Ring,
    frac: u32,
}

impl<'a> Build<'a> {
    fn node(&mut self, node: &FoldedNode<'_>, weight_frac: u32) -> Result<(), QuantError> {
        let made = match &node.op {
            FoldedOp::Linear(_) | FoldedOp::Conv { .. } | FoldedOp::Scale(_) => {
                self.linear(node, weight_frac)?
            }
            FoldedOp::Relu | FoldedOp::Reshape | FoldedOp::Transpose { .. } => {
                self.keep_type(node)?
            }
            FoldedOp::MaxPool(_) | FoldedOp::AvgPool { .. } => self.pool(node)?,
            FoldedOp::Reflect { signs, shifts } => self.reflect(node, signs, shifts)?,
            FoldedOp::Shift(shift) => self.shift(node, shift)?,
            FoldedOp::Clip { lo, hi } => self.clip(node, *lo, *hi)?,
            FoldedOp::Table(function) => self.table(node, *function)?,
            FoldedOp::Pad {
                before,
                after,
                value,
            } => self.pad(node, before, after, *value)?,
            FoldedOp::Add | FoldedOp::Concat { .. } => self.merge(node)?,
        };
        let decision = defer::get(&self.decisions, node.output);
        let above = self
            .at(made)
            .map_or(0, |t| t.frac_bits.saturating_sub(self.frac(node)));
        let id = if above > 0 && !decision.kept {
            let made_name = self.at(made).map_or(String::new(), |t| t.name.clone());
            let name = format!("{made_name}:trunc");
            let made_as = self.stored_as(name, node)?;
            self.push(
                node.name,
                Op::Trunc { shift: above },
                None,
                &[made],
                made_as,
            )
        } else {
            made
        };
        self.set(node.output, id);
        Ok(())
    }

    fn set(&mut self, value: ValueId, id: TensorId) {
        if let Some(slot) = self.place.get_mut(value.index()) {
            *slot = Some(id);
        }
    }

    fn at(&self, id: TensorId) -> Option<&Tensor> {
        self.graph.tensor(id)
    }

    /// Where operand `n` of the node is.
    fn operand(&self, node: &FoldedNode<'_>, n: usize) -> Result<TensorId, QuantError> {
        let value = node.inputs.get(n).copied();
        value
            .and_then(|v| self.place.get(v.index()).copied().flatten())
            .ok_or_else(|| QuantError::Inconsistent {
                layer: node.name.to_owned(),
            })
    }

    /// Ring of a stored value.
    fn stored(&self, value: ValueId) -> Result<Ring, QuantError> {
        ring(self.scales.bits(value), "bits")
    }

    /// Fraction bits of the node's result, stored.
    fn frac(&self, node: &FoldedNode<'_>) -> u32 {
        self.scales.frac(node.output)
    }

    /// The node's result at the scale and width of its stored values.
    fn stored_as(&self, name: String, node: &FoldedNode<'_>) -> Result<Made<'a>, QuantError> {
        Ok(Made {
            name,
            shape: self.folded.shape(node.output),
            ring: self.stored(node.output)?,
            frac: self.frac(node),
        })
    }

    /// Name and shape of the node's result, with ring and scale of tensor `like`.
    fn result_like(&self, node: &FoldedNode<'_>, like: TensorId) -> Result<Made<'a>, QuantError> {
        let stored = self.stored_as(value_name(self.folded, node.output), node)?;
        Ok(match self.at(like) {
            Some(like) => Made {
                ring: like.ring,
                frac: like.frac_bits,
                ..stored
            },
            None => stored,
        })
    }

    /// Ring of a raw value: wider than a stored one by the shift of the truncation to come.
    fn raw_ring(&self, node: &FoldedNode<'_>, decision: Decision) -> Result<Ring, QuantError> {
        let stored = self.scales.bits(node.output);
        match self.spec.options.ring {
            Some(bits) => ring(bits, "ring"),
            None => ring(stored.saturating_add(decision.shift), "bits"),
        }
    }

    fn tensor(&mut self, name: String, shape: &[usize], ring: Ring, frac_bits: u32) -> TensorId {
        let id = u32::try_from(self.graph.tensors.len()).unwrap_or(u32::MAX);
        self.graph.tensors.push(Tensor {
            name: shown(name),
            shape: shape.to_vec(),
            ring,
            frac_bits,
            range: Range {
                bits: ring.bits(),
                non_negative: false,
                origin: RangeOrigin::Proven,
            },
        });
        TensorId(id)
    }

    fn push(
        &mut self,
        name: &str,
        op: Op,
        params: Option<Params>,
        inputs: &[TensorId],
        made: Made<'_>,
    ) -> TensorId {
        let output = self.tensor(made.name, made.shape, made.ring, made.frac);
        self.graph.nodes.push(Node {
            name: shown(name.to_owned()),
            op,
            inputs: inputs.to_vec(),
            output,
        });
        self.params.push(params);
        output
    }

    /// The tensor in another ring, if it is not in it already.
    fn resize(&mut self, layer: &str, id: TensorId, ring: Ring) -> TensorId {
        let Some(tensor) = self.at(id).filter(|t| t.ring != ring) else {
            return id;
        };
        let (name, shape, frac) = (tensor.name.clone(), tensor.shape.clone(), tensor.frac_bits);
        let made = Made {
            name: format!("{name}:{}", ring.bits()),
            shape: &shape,
            ring,
            frac,
        };
        self.push(layer, Op::Resize, None, &[id], made)
    }

    /// The tensor under another shape.
    fn reshape(&mut self, layer: &str, id: TensorId, shape: &[usize]) -> TensorId {
        let Some(tensor) = self.at(id).filter(|t| t.shape != shape) else {
            return id;
        };
        let made = Made {
            name: format!("{}:{shape:?}", tensor.name),
            shape,
            ring: tensor.ring,
            frac: tensor.frac_bits,
        };
        self.push(layer, Op::Reshape, None, &[id], made)
    }
}
