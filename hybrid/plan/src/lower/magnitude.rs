//! Which tensors hold no negative value, and how many bits their values then take.
//!
//! What a ReLU leaves has a sign bit that is always zero: a dot product need not carry it. Everything
//! here follows from the graph's operations alone and holds for any input, values that wrap
//! included; only for the input and for tables their stated range is believed, which the client
//! enforces and the table's function proves.

use privet_model::quant::ir::{Function, Graph, Node, Op, RangeOrigin, Tensor};

/// For each tensor, `m` such that every value lies in `[0, 2^m)`; none where a value may be negative.
pub(super) fn magnitudes(graph: &Graph) -> Vec<Option<u32>> {
    let mut known: Vec<Option<u32>> = vec![None; graph.tensors.len()];
    let stated = graph.tensor(graph.input).and_then(stated);
    if let Some(slot) = known.get_mut(graph.input.0 as usize) {
        *slot = stated;
    }
    for node in &graph.nodes {
        let found = result(graph, node, &known);
        if let Some(slot) = known.get_mut(node.output.0 as usize) {
            *slot = found;
        }
    }
    known
}

/// By the tensor's range, where that is proven.
fn stated(tensor: &Tensor) -> Option<u32> {
    let proven = tensor.range.origin == RangeOrigin::Proven && tensor.range.non_negative;
    let bits = tensor.range.bits.min(tensor.ring.bits());
    proven.then(|| bits.saturating_sub(1))
}

fn result(graph: &Graph, node: &Node, known: &[Option<u32>]) -> Option<u32> {
    let output = graph.tensor(node.output)?;
    let of = |n: usize| {
        let id = node.inputs.get(n)?;
        known.get(id.0 as usize).copied().flatten()
    };
    let all = || (0..node.inputs.len()).try_fold(0, |most, n| Some(of(n)?.max(most)));
    let width =
        |value: i64| (value >= 0).then(|| u64::BITS - value.cast_unsigned().leading_zeros());
    let found = match &node.op {
        Op::Relu => Some(output.ring.bits() - 1),
        // The maximum of a negative value and a bound above zero may wrap.
        Op::Clip { lo, hi } if *lo == 0 || of(0).is_some() => width(*lo).and_then(|_| width(*hi)),
        Op::Table(table) => match table.function {
            Function::Sigmoid => stated(output),
            Function::Tanh => None,
        },
        Op::MaxPool(_) | Op::Reshape | Op::Transpose { .. } | Op::Concat { .. } | Op::Resize => {
            all()
        }
        Op::Pad { value, .. } => Some(of(0)?.max(width(*value)?)),
        Op::Trunc { shift } => Some(of(0)?.saturating_sub(*shift)),
        Op::Linear(_)
        | Op::Conv(_)
        | Op::Clip { .. }
        | Op::AvgPool { .. }
        | Op::Add
        | Op::AddConst
        | Op::Reflect
        | Op::Shl { .. } => None,
    };
    // A value as wide as the ring would be read as a negative one.
    found.filter(|m| *m < output.ring.bits())
}
