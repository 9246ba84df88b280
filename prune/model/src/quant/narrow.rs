//! Rings no wider than the values: a stored tensor whose range needs fewer bits lives in a smaller
//! ring, which makes every later comparison, sum and product cheaper.
//!
//! Tensors that an op ties to one ring form a group, and the group gets the widest need of its
//! members. Accumulators keep their ring L but where ranges seen are trusted, tables and clips the ring that their rule asks for;
//! where a table's result needs fewer bits, the linear layers behind it read a reduced copy.

use std::collections::BTreeMap;

use privet_ring::{MIN_BITS, Ring};

use super::interval::{self, Needs, bits_of};
use super::ir::{Graph, Model, Node, Op, Tensor, TensorId};

/// Which rings may shrink, and how far.
pub(super) struct Trust<'a> {
    /// To what is proven of every input.
    pub(super) proven: &'a Needs,
    /// Also to what was seen.
    pub(super) seen: Option<&'a Needs>,
    /// Plus that many bits.
    pub(super) margin: u32,
    /// Accumulators as well.
    pub(super) accumulators: bool,
    /// But none so far that shares of it wrap in what its truncation leaves.
    pub(super) shared: bool,
}

/// Shrinks rings to what is proven to fit them, and also to what was seen plus a margin where that is trusted.
pub(super) fn narrow(model: &mut Model, trust: &Trust<'_>) {
    let &Trust {
        proven,
        seen,
        margin,
        accumulators,
        shared,
    } = trust;
    let widths = widths(&model.graph, proven, seen, margin);
    let mut groups = Groups::of(&model.graph);
    let mut bits: BTreeMap<usize, u32> = BTreeMap::new();
    for (id, &width) in widths.iter().enumerate() {
        raise(&mut bits, groups.root(id), width);
    }
    let pools = interval::pools(&model.graph);
    for (index, node) in model.graph.nodes.iter().enumerate() {
        let place = pools.iter().position(|&p| p == index);
        let inner = |needs: &Needs| Some(needs.inner.get(place?)?.bits());
        let sure = inner(proven).unwrap_or(u32::MAX);
        let inner = seen.and_then(inner).map_or(sure, |s| sure.min(s + margin));
        if let Some((id, need)) = own_need(&model.graph, node, inner, accumulators) {
            raise(&mut bits, groups.root(id.0 as usize), need);
        }
        // Constants have to be numbers of the ring, whatever their sums are.
        if let Some(Some(params)) = model.params.get(index) {
            let widest = params.bias.iter().map(|&b| bits_of(b.into(), b.into()));
            let need = widest.max().unwrap_or(MIN_BITS);
            raise(&mut bits, groups.root(node.output.0 as usize), need);
        }
    }
    if shared {
        keep_wraps_out(&model.graph, &mut groups, &mut bits);
    }
    for (id, tensor) in model.graph.tensors.iter_mut().enumerate() {
        if let Some(&need) = bits.get(&groups.root(id)) {
            shrink(tensor, need);
        }
    }
    reduce_copies(model, &widths);
}

/// Per tensor the width that its values need.
fn widths(graph: &Graph, proven: &Needs, seen: Option<&Needs>, margin: u32) -> Vec<u32> {
    let tensors = graph.tensors.iter().enumerate();
    tensors
        .map(|(id, tensor)| {
            let of = |needs: &Needs| needs.tensors.get(id).map(|n| n.bits());
            let sure = of(proven).unwrap_or(u32::MAX);
            let trusted = seen.and_then(of).map_or(sure, |s| sure.min(s + margin));
            trusted.clamp(MIN_BITS, tensor.ring.bits())
        })
        .collect()
}

/// A truncation of shares compares the bits it drops, but all bits of a ring that is narrower than its result's and the shift together.
/// A ReLU behind it compares all in any case, so that nothing is raised for one.
fn keep_wraps_out(graph: &Graph, groups: &mut Groups, bits: &mut BTreeMap<usize, u32>) {
    for node in &graph.nodes {
        let Op::Trunc { shift } = node.op else {
            continue;
        };
        let mut readers = graph
            .nodes
            .iter()
            .filter(|n| n.inputs.contains(&node.output));
        let fused = matches!(readers.next(), Some(n) if matches!(n.op, Op::Relu))
            && readers.next().is_none();
        let Some(&operand) = node.inputs.first().filter(|_| !fused) else {
            continue;
        };
        let result = groups.root(node.output.0 as usize);
        let kept = bits.get(&result).copied().unwrap_or(MIN_BITS);
        raise(bits, groups.root(operand.0 as usize), kept + shift);
    }
}

fn raise(bits: &mut BTreeMap<usize, u32>, root: usize, need: u32) {
    let slot = bits.entry(root).or_insert(MIN_BITS);
    *slot = need.max(*slot);
}

fn shrink(tensor: &mut Tensor, need: u32) {
    if need < tensor.ring.bits()
        && let Ok(ring) = Ring::new(need)
    {
        tensor.ring = ring;
        tensor.range.bits = tensor.range.bits.min(need);
    }
}

/// The ring that an op itself asks for, whatever the values: accumulators have theirs, clips,
/// differences and sums must not wrap (`inner` bits), tables have their ports.
fn own_need(graph: &Graph, node: &Node, inner: u32, accumulators: bool) -> Option<(TensorId, u32)> {
    let ring = |id: TensorId| graph.tensor(id).map_or(u32::MAX, |t| t.ring.bits());
    match &node.op {
        Op::Linear(_) | Op::Conv(_) if accumulators => None,
        Op::Linear(_) | Op::Conv(_) | Op::Clip { .. } | Op::Table(_) => {
            Some((node.output, ring(node.output)))
        }
        Op::MaxPool(_) => {
            let operand = *node.inputs.first()?;
            Some((operand, inner.min(ring(operand))))
        }
        Op::AvgPool { pool, shift, .. } => {
            let operand = *node.inputs.first()?;
            let cells: u128 = pool.window.kernel.iter().map(|&n| n as u128).product();
            // Half of the divisor is a summand.
            let divisor = bits_of(0, i128::try_from(cells).unwrap_or(i128::MAX)) + shift;
            Some((operand, inner.max(divisor).min(ring(operand))))
        }
        // Something has to be left, and its sign.
        Op::Trunc { shift } => Some((*node.inputs.first()?, shift + 2)),
        Op::Relu
        | Op::Add
        | Op::AddConst
        | Op::Reflect
        | Op::Shl { .. }
        | Op::Resize
        | Op::Concat { .. }
        | Op::Reshape
        | Op::Transpose { .. }
        | Op::Pad { .. } => None,
    }
}

/// Tensors of one ring.
struct Groups {
    parent: Vec<usize>,
}

impl Groups {
    fn of(graph: &Graph) -> Self {
        let mut groups = Self {
            parent: (0..graph.tensors.len()).collect(),
        };
        for node in &graph.nodes {
            match &node.op {
                Op::Relu
                | Op::Clip { .. }
                | Op::Table(_)
                | Op::MaxPool(_)
                | Op::Add
                | Op::AddConst
                | Op::Reflect
                | Op::Shl { .. }
                | Op::Concat { .. }
                | Op::Reshape
                | Op::Transpose { .. }
                | Op::Pad { .. } => {
                    for input in &node.inputs {
                        groups.join(input.0 as usize, node.output.0 as usize);
                    }
                }
                Op::Linear(_)
                | Op::Conv(_)
                | Op::Trunc { .. }
                | Op::AvgPool { .. }
                | Op::Resize => {}
            }
        }
        groups
    }

    fn root(&mut self, id: usize) -> usize {
        let mut root = id;
        while let Some(&parent) = self.parent.get(root).filter(|&&p| p != root) {
            root = parent;
        }
        if let Some(slot) = self.parent.get_mut(id) {
            *slot = root;
        }
        root
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(slot) = self.parent.get_mut(a) {
            *slot = b;
        }
    }
}

/// Where a linear layer's operand still has a wider ring than its values need, the layer reads a
/// reduction, one for all such layers.
fn reduce_copies(model: &mut Model, widths: &[u32]) {
    let mut copies: BTreeMap<TensorId, TensorId> = BTreeMap::new();
    let mut at = 0;
    while let Some(node) = model.graph.nodes.get(at) {
        let linear = matches!(node.op, Op::Linear(_) | Op::Conv(_));
        if let Some(&id) = node.inputs.first().filter(|_| linear) {
            let copy = match copies.get(&id) {
                Some(&copy) => Some(copy),
                None => reduced(&mut model.graph, id, widths).map(|(copy, resize)| {
                    model.graph.nodes.insert(at, resize);
                    model.params.insert(at, None);
                    copies.insert(id, copy);
                    at += 1;
                    copy
                }),
            };
            let input = model
                .graph
                .nodes
                .get_mut(at)
                .and_then(|n| n.inputs.first_mut());
            if let (Some(copy), Some(input)) = (copy, input) {
                *input = copy;
            }
        }
        at += 1;
    }
}

/// A narrower tensor and the node that makes it, if the tensor has bits to spare.
fn reduced(graph: &mut Graph, id: TensorId, widths: &[u32]) -> Option<(TensorId, Node)> {
    let tensor = graph.tensor(id)?;
    let mut copy = tensor.clone();
    shrink(&mut copy, *widths.get(id.0 as usize)?);
    if copy.ring == tensor.ring {
        return None;
    }
    copy.name = format!("{}:{}", copy.name, copy.ring.bits());
    let new = TensorId(u32::try_from(graph.tensors.len()).ok()?);
    let resize = Node {
        name: maker_name(graph, id),
        op: Op::Resize,
        inputs: vec![id],
        output: new,
    };
    graph.tensors.push(copy);
    Some((new, resize))
}

fn maker_name(graph: &Graph, id: TensorId) -> String {
    let maker = graph.nodes.iter().find(|n| n.output == id);
    maker.map_or_else(|| "input".to_owned(), |n| n.name.clone())
}
