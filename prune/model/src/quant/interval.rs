//! Intervals of integers, and what is proven of every tensor of a network.

use super::ir::{Graph, Model, Node, Op, Params, Tensor, TensorId};
use crate::ops::avg_pool;
use crate::ops::linear::Terms;

/// `[lo, hi]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) lo: i128,
    pub(super) hi: i128,
}

impl Interval {
    pub(super) const ZERO: Self = Self { lo: 0, hi: 0 };

    /// All representatives of the tensor's ring.
    pub(super) fn ring(tensor: &Tensor) -> Self {
        Self {
            lo: tensor.ring.min().into(),
            hi: tensor.ring.max().into(),
        }
    }

    /// The least interval that holds all values; `None` for none.
    pub(super) fn of(values: &[i64]) -> Option<Self> {
        let (lo, hi) = (values.iter().min()?, values.iter().max()?);
        Some(Self {
            lo: (*lo).into(),
            hi: (*hi).into(),
        })
    }

    pub(super) fn bits(self) -> u32 {
        bits_of(self.lo, self.hi)
    }

    pub(super) fn join(self, other: Self) -> Self {
        Self {
            lo: self.lo.min(other.lo),
            hi: self.hi.max(other.hi),
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            lo: self.lo.saturating_add(other.lo),
            hi: self.hi.saturating_add(other.hi),
        }
    }

    /// With so many units more on both sides.
    pub(super) fn widened(self, units: i128) -> Self {
        self.plus(Self {
            lo: -units,
            hi: units,
        })
    }

    /// All differences of two of its elements.
    pub(super) fn differences(self) -> Self {
        let width = self.hi.saturating_sub(self.lo);
        Self {
            lo: -width,
            hi: width,
        }
    }

    pub(super) fn times(self, w: i128) -> Self {
        let (a, b) = (self.lo.saturating_mul(w), self.hi.saturating_mul(w));
        Self {
            lo: a.min(b),
            hi: a.max(b),
        }
    }

    pub(super) fn magnitude(self) -> u128 {
        self.lo.unsigned_abs().max(self.hi.unsigned_abs())
    }
}

/// Smallest width with `-2^(bits-1) <= lo` and `hi < 2^(bits-1)`.
pub(super) fn bits_of(lo: i128, hi: i128) -> u32 {
    let bits = |v: i128| i128::BITS - (if v < 0 { !v } else { v }).leading_zeros() + 1;
    bits(lo).max(bits(hi))
}

/// Intervals that must fit rings.
#[derive(Debug, Clone)]
pub(super) struct Needs {
    /// Per tensor: its value before any reduction.
    pub(super) tensors: Vec<Interval>,
    /// Per pool, in the nodes' order: its sums or differences, which must fit its operand's ring.
    pub(super) inner: Vec<Interval>,
}

impl Needs {
    /// With room for what truncations within one unit may move: each such unit reaches as far as the next layer with weights; what these make of
    /// units is seen on the data, and otherwise left to the margin.
    pub(super) fn moved(mut self, graph: &Graph) -> Self {
        let moved = graph.moved();
        for (need, units) in self.tensors.iter_mut().zip(&moved) {
            *need = need.widened(*units);
        }
        for (need, index) in self.inner.iter_mut().zip(pools(graph)) {
            let Some(node) = graph.nodes.get(index) else {
                continue;
            };
            let operand = node.inputs.first();
            let units = operand.and_then(|id| moved.get(id.0 as usize));
            let times = if let Op::AvgPool { pool, .. } = &node.op {
                pool.window.kernel.iter().map(|&n| n as i128).product()
            } else {
                // A difference of two.
                2i128
            };
            *need = need.widened(units.map_or(0, |units| units.saturating_mul(times)));
        }
        self
    }
}

/// Indices of the nodes that are pools.
pub(super) fn pools(graph: &Graph) -> Vec<usize> {
    let nodes = graph.nodes.iter().enumerate();
    nodes
        .filter(|(_, n)| matches!(n.op, Op::MaxPool(_) | Op::AvgPool { .. }))
        .map(|(index, _)| index)
        .collect()
}

/// What holds for every input in `input`, also where truncations are within one unit. A tensor that may exceed its ring then holds anything.
pub(super) fn proven(model: &Model, input: Interval) -> Needs {
    let graph = &model.graph;
    let mut needs = vec![Interval::ZERO; graph.tensors.len()];
    let mut holds = needs.clone();
    let mut inner = Vec::new();
    let mut put = |holds: &mut Vec<Interval>, id: TensorId, need: Interval| {
        let at = id.0 as usize;
        let Some(tensor) = graph.tensor(id) else {
            return;
        };
        let fits = need.bits() <= tensor.ring.bits();
        if let (Some(n), Some(h)) = (needs.get_mut(at), holds.get_mut(at)) {
            *n = need;
            *h = if fits { need } else { Interval::ring(tensor) };
        }
    };
    put(&mut holds, graph.input, input);
    let nodes = graph.nodes.iter().zip(&model.params);
    for ((node, params), approximated) in nodes.zip(graph.approximated()) {
        let operands: Vec<Interval> = (node.inputs.iter())
            .filter_map(|id| holds.get(id.0 as usize).copied())
            .collect();
        if let Some(need) = inner_need(graph, node, &operands) {
            inner.push(need);
        }
        let need = result(graph, node, params.as_ref(), &operands);
        let need = need.widened(approximated.into());
        put(&mut holds, node.output, need);
    }
    Needs {
        tensors: needs,
        inner,
    }
}

/// Sums of an average pool, differences of a max-pool.
fn inner_need(graph: &Graph, node: &Node, operands: &[Interval]) -> Option<Interval> {
    let x = *operands.first()?;
    if matches!(node.op, Op::MaxPool(_)) {
        Some(x.differences())
    } else if matches!(node.op, Op::AvgPool { .. }) {
        Some(rounded_sum(graph, node, x))
    } else {
        None
    }
}

fn rounded_sum(graph: &Graph, node: &Node, x: Interval) -> Interval {
    let Op::AvgPool {
        pool,
        count_padding,
        shift,
    } = &node.op
    else {
        return x;
    };
    let Some((inputs, output)) = graph.operands(node) else {
        return x;
    };
    let Some(input) = inputs.first() else {
        return x;
    };
    // With all cells 1 the sums are the numbers of cells, with all 0 the rounding summands.
    let all = |v: i64| {
        let x = vec![v; input.elements().unwrap_or(0)];
        let sums = avg_pool::rounded_sums(pool, *count_padding, *shift, input, &x, output);
        sums.into_iter().map(i128::from).collect::<Vec<_>>()
    };
    let each = all(1).into_iter().zip(all(0));
    each.map(|(ones, half)| x.times(ones - half).plus(Interval { lo: half, hi: half }))
        .reduce(Interval::join)
        .unwrap_or(x)
}

/// The op on intervals.
fn result(graph: &Graph, node: &Node, params: Option<&Params>, operands: &[Interval]) -> Interval {
    let Some(&x) = operands.first() else {
        return Interval::ZERO;
    };
    let all = || operands.iter().copied().reduce(Interval::join).unwrap_or(x);
    match &node.op {
        Op::Linear(linear) => dot(params, x, Terms::new(graph.profile, linear.weight_bits)),
        Op::Conv(conv) => {
            let window = &conv.window;
            let padded = window.pads_before != [0, 0] || window.pads_after != [0, 0];
            let x = if padded { x.join(Interval::ZERO) } else { x };
            dot(params, x, Terms::new(graph.profile, conv.weight_bits))
        }
        Op::Trunc { shift } => Interval {
            lo: x.lo >> shift,
            hi: x.hi >> shift,
        },
        Op::Relu => Interval {
            lo: x.lo.max(0),
            hi: x.hi.max(0),
        },
        Op::Clip { lo, hi } => Interval {
            lo: x.lo.clamp((*lo).into(), (*hi).into()),
            hi: x.hi.clamp((*lo).into(), (*hi).into()),
        },
        Op::Table(_) => match graph.tensor(node.output) {
            Some(output) => table(output, &node.op),
            None => x,
        },
        Op::AvgPool { shift, .. } => {
            // A mean lies between the extremes, a zero among them where padding counts.
            let all = x.join(Interval::ZERO);
            let half = |v: i128| (v + ((1i128 << shift) >> 1)) >> shift;
            Interval {
                lo: half(all.lo),
                hi: half(all.hi),
            }
        }
        Op::Add => operands
            .iter()
            .skip(1)
            .fold(x, |sum, &operand| sum.plus(operand)),
        Op::AddConst => params
            .and_then(|p| Interval::of(&p.bias))
            .map_or(x, |c| x.plus(c)),
        Op::Reflect => params.map_or(x, |p| reflected(p, x)),
        Op::Shl { k } => x.times(1i128 << (*k).min(64)),
        Op::Concat { .. } => all(),
        Op::Pad { value, .. } => x.join(Interval {
            lo: (*value).into(),
            hi: (*value).into(),
        }),
        Op::MaxPool(_) | Op::Resize | Op::Reshape | Op::Transpose { .. } => x,
    }
}

/// What a table gives lies where its function does, but for its error.
fn table(output: &Tensor, op: &Op) -> Interval {
    let Op::Table(table) = op else {
        return Interval::ring(output);
    };
    crate::ops::table::bounds(table).map_or_else(
        || Interval::ring(output),
        |[lo, hi]| Interval {
            lo: lo.into(),
            hi: hi.into(),
        },
    )
}

/// All channels of a reflection together.
fn reflected(params: &Params, x: Interval) -> Interval {
    let each = params.weights.iter().zip(&params.bias).map(|(&s, &b)| {
        x.times(s.into()).plus(Interval {
            lo: b.into(),
            hi: b.into(),
        })
    });
    each.reduce(Interval::join).unwrap_or(x)
}

/// The widest row.
fn dot(params: Option<&Params>, x: Interval, terms: Terms) -> Interval {
    let Some(params) = params else {
        return x;
    };
    let taps = params.weights.len() / params.bias.len().max(1);
    let rows = params.weights.chunks_exact(taps.max(1)).zip(&params.bias);
    rows.map(|(row, &b)| {
        let (mut positive, mut negative) = (0i128, 0i128);
        for &w in row {
            let w = i128::from(w);
            if w > 0 {
                positive += w;
            } else {
                negative += w;
            }
        }
        let b = Interval {
            lo: b.into(),
            hi: b.into(),
        };
        let rough = terms.error(taps);
        let exact = x.times(positive).plus(x.times(negative)).plus(b);
        exact.plus(Interval {
            lo: -rough,
            hi: rough,
        })
    })
    .reduce(Interval::join)
    .unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths() {
        for (lo, hi, bits) in [
            (0, 0, 1),
            (-1, 0, 1),
            (0, 1, 2),
            (-2, 1, 2),
            (-3, 1, 3),
            (0, 127, 8),
            (-128, 0, 8),
            (0, 128, 9),
        ] {
            assert_eq!(bits_of(lo, hi), bits, "{lo}..={hi}");
        }
    }
}
