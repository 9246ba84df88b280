//! The widest values seen on stated data, from evaluation without any reduction: exact, and under profile `approx` also with truncations
//! within one unit.

use privet_ring::Ring;

use super::error::QuantError;
use super::input::{InputError, quantise_value};
use super::interval::{self, Interval, Needs};
use super::ir::{Graph, Model, Node, Op, Profile, TensorId};
use super::oracle::Oracle;
use crate::ops::avg_pool;

/// Bits above its ring that a value may have in a rehearsal.
const ROOM: u32 = 6;

/// Values up to here cannot overflow where they are observed.
const LIMIT: u128 = 1 << 62;

/// Evaluates every input in 64-bit rings and notes the extremes. `None` for no inputs.
pub(super) fn seen(model: &Model, inputs: &[Vec<f32>]) -> Result<Option<Needs>, QuantError> {
    let wide = widened(model)?;
    let mut observer = Observer::new(&wide);
    let oracle = Oracle::unchecked(&wide);
    let mut stream = Stream(0);
    for (index, input) in inputs.iter().enumerate() {
        let integers = quantise(&wide.graph, input)
            .map_err(|source| QuantError::Calibration { index, source })?;
        oracle.run(&integers, |id, values| observer.visit(id, values))?;
        if model.graph.profile == Profile::Approx {
            let visit = |id, values: &[i64]| observer.visit(id, values);
            oracle.approximate(&integers, |_, _| stream.word(), visit)?;
        }
        if let Some(layer) = observer.huge.take() {
            return Err(QuantError::Huge { layer });
        }
    }
    Ok(observer.needs())
}

/// SplitMix64: low bits of shares for whoever looks at ranges alone, always the same ones.
struct Stream(u64);

impl Stream {
    const fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// As [`Graph::quantise_input`], of any width.
fn quantise(graph: &Graph, real: &[f32]) -> Result<Vec<i64>, InputError> {
    let tensor = graph.tensor(graph.input);
    let (name, frac_bits) = tensor.map_or((String::new(), 0), |t| (t.name.clone(), t.frac_bits));
    let expected = tensor.and_then(|t| t.elements()).unwrap_or(0);
    if real.len() != expected {
        return Err(InputError::Length {
            tensor: name,
            shape: tensor.map_or(vec![], |t| t.shape.clone()),
            expected,
            got: real.len(),
        });
    }
    let one = |(index, &x): (usize, &f32)| {
        quantise_value(f64::from(x), frac_bits).ok_or_else(|| InputError::Value {
            tensor: name.clone(),
            index,
            value: f64::from(x),
            bits: privet_ring::MAX_BITS,
            frac_bits,
        })
    };
    real.iter().enumerate().map(one).collect()
}

struct Observer<'a> {
    model: &'a Model,
    /// Per node: the largest sum of magnitudes of a row of weights, and the largest bias.
    norms: Vec<(u128, u128)>,
    tensors: Vec<Option<Interval>>,
    /// Nodes that are pools, and what was seen of their sums.
    pools: Vec<usize>,
    inner: Vec<Option<Interval>>,
    /// A layer whose values left the bounds within which nothing wraps.
    huge: Option<String>,
}

impl<'a> Observer<'a> {
    fn new(model: &'a Model) -> Self {
        let norms = (model.params.iter())
            .map(|params| {
                let Some(params) = params else {
                    return (0, 0);
                };
                let taps = params.weights.len() / params.bias.len().max(1);
                let row = |row: &[i32]| row.iter().map(|w| u128::from(w.unsigned_abs())).sum();
                let rows = params.weights.chunks(taps.max(1)).map(row);
                let biases = params.bias.iter().map(|b| u128::from(b.unsigned_abs()));
                (rows.max().unwrap_or(0), biases.max().unwrap_or(0))
            })
            .collect();
        let pools = interval::pools(&model.graph);
        Self {
            model,
            norms,
            tensors: vec![None; model.graph.tensors.len()],
            inner: vec![None; pools.len()],
            pools,
            huge: None,
        }
    }

    fn visit(&mut self, id: TensorId, values: &[i64]) {
        let graph = &self.model.graph;
        let Some(seen) = Interval::of(values) else {
            return;
        };
        if let Some(slot) = self.tensors.get_mut(id.0 as usize) {
            *slot = Some(slot.map_or(seen, |s| s.join(seen)));
        }
        for (index, node) in graph.nodes.iter().enumerate() {
            if node.output == id && self.bound(index, node) >= LIMIT {
                self.huge.get_or_insert_with(|| node.name.clone());
            }
        }
        for (&index, slot) in self.pools.iter().zip(&mut self.inner) {
            let reader = graph.nodes.get(index).filter(|n| n.inputs.contains(&id));
            if let Some(need) = reader.and_then(|n| sums(graph, n, values)) {
                *slot = Some(slot.map_or(need, |s| s.join(need)));
            }
        }
    }

    /// No value of the node's result, nor a partial sum, exceeds this.
    fn bound(&self, index: usize, node: &Node) -> u128 {
        let operand = |id: &TensorId| {
            let seen = self.tensors.get(id.0 as usize).copied().flatten();
            seen.map_or(0, Interval::magnitude)
        };
        let x = node.inputs.iter().map(operand).max().unwrap_or(0);
        let (norm, bias) = self.norms.get(index).copied().unwrap_or((0, 0));
        match &node.op {
            Op::Linear(_) | Op::Conv(_) => x.saturating_mul(norm).saturating_add(bias),
            Op::Add => x.saturating_mul(node.inputs.len() as u128),
            Op::AddConst | Op::Reflect => x.saturating_add(bias),
            Op::Shl { k } => x.saturating_mul(1u128 << (*k).min(64)),
            Op::AvgPool { pool, shift, .. } => {
                let cells = pool
                    .window
                    .kernel
                    .iter()
                    .map(|&n| n as u128)
                    .product::<u128>();
                x.saturating_add(1u128 << shift).saturating_mul(cells)
            }
            Op::Trunc { .. }
            | Op::Relu
            | Op::Clip { .. }
            | Op::Table(_)
            | Op::MaxPool(_)
            | Op::Resize
            | Op::Concat { .. }
            | Op::Reshape
            | Op::Transpose { .. }
            | Op::Pad { .. } => x,
        }
    }

    fn needs(self) -> Option<Needs> {
        let tensors: Vec<Interval> = self.tensors.into_iter().collect::<Option<_>>()?;
        let differences = |index: &usize| {
            let operand = self.model.graph.nodes.get(*index)?.inputs.first()?;
            Some(tensors.get(operand.0 as usize)?.differences())
        };
        let pools = self.pools.iter().zip(self.inner);
        let inner = pools.map(|(index, sums)| sums.or_else(|| differences(index)));
        Some(Needs {
            inner: inner.collect::<Option<_>>()?,
            tensors,
        })
    }
}

/// The sums of an average pool.
fn sums(graph: &Graph, node: &Node, values: &[i64]) -> Option<Interval> {
    let Op::AvgPool {
        pool,
        count_padding,
        shift,
    } = &node.op
    else {
        return None;
    };
    let (inputs, output) = graph.operands(node)?;
    let input = inputs.first()?;
    let sums = avg_pool::rounded_sums(pool, *count_padding, *shift, input, values, output);
    Interval::of(&sums)
}

/// What a network answers where rings are wider by six bits at least: as the oracle while all values fit their own. For searches
/// that decide on scales before rings.
#[derive(Debug)]
pub struct Rehearsal {
    wide: Model,
}

impl Rehearsal {
    /// Of a model.
    ///
    /// # Errors
    /// None for a valid model.
    pub fn new(model: &Model) -> Result<Self, QuantError> {
        let mut wide = widened(model)?;
        for (tensor, own) in wide.graph.tensors.iter_mut().zip(&model.graph.tensors) {
            // Sums modulo 2^32 are the fastest.
            if own.ring.bits() + ROOM <= i32::BITS
                && let Ok(ring) = Ring::new(i32::BITS)
            {
                tensor.ring = ring;
            }
        }
        Ok(Self { wide })
    }

    /// The logits of one real input, as real values.
    ///
    /// # Errors
    /// An input of the wrong length or not finite.
    pub fn logits(&self, input: &[f32]) -> Result<Vec<f64>, QuantError> {
        let graph = &self.wide.graph;
        let integers = quantise(graph, input)
            .map_err(|source| QuantError::Calibration { index: 0, source })?;
        let frac = graph.tensor(graph.output).map_or(0, |t| t.frac_bits);
        let unit = (-f64::from(frac)).exp2();
        let mut logits = vec![];
        Oracle::unchecked(&self.wide).run(&integers, |id, values| {
            if id == graph.output {
                logits = values.iter().map(|&v| v as f64 * unit).collect();
            }
        })?;
        Ok(logits)
    }
}

/// The model with 64-bit rings, which no check would pass.
fn widened(model: &Model) -> Result<Model, QuantError> {
    let mut wide = model.clone();
    let widest = Ring::new(privet_ring::MAX_BITS).map_err(|e| QuantError::Option {
        option: "bits",
        what: e.to_string(),
    })?;
    for tensor in &mut wide.graph.tensors {
        tensor.ring = widest;
    }
    Ok(wide)
}
