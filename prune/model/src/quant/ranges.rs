//! Ranges of real values: seen once, they hold for every scale that a network may be given.

use std::collections::BTreeMap;

use super::calibrate;
use super::error::QuantError;
use super::interval::{self, Interval, Needs};
use super::ir::{Graph, Model};

/// What the tensors and the pools of a network hold on some data, as real numbers.
///
/// Seen of a network with many fraction bits they tell, but for the rounding of fewer, what the same network holds with fewer: a
/// search over scales need not evaluate it on the data each time.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranges {
    /// By the tensors' names.
    tensors: BTreeMap<String, Bounds>,
    /// Per pool, in the nodes' order: its sums or differences.
    inner: Vec<Bounds>,
}

/// Least and greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds([f64; 2]);

impl Bounds {
    #[expect(clippy::cast_precision_loss, reason = "below 2^62, and a range")]
    fn real(interval: Interval, frac_bits: u32) -> Self {
        let unit = (-f64::from(frac_bits)).exp2();
        Self([interval.lo as f64 * unit, interval.hi as f64 * unit])
    }

    #[expect(clippy::cast_possible_truncation, reason = "a cast saturates")]
    fn integers(self, frac_bits: u32) -> Interval {
        let one = f64::from(frac_bits).exp2();
        let Self([lo, hi]) = self;
        Interval {
            lo: (lo * one).floor() as i128,
            hi: (hi * one).ceil() as i128,
        }
    }

    fn join(self, Self([lo, hi]): Self) -> Self {
        Self([self.0[0].min(lo), self.0[1].max(hi)])
    }
}

impl Ranges {
    /// What a model holds on these inputs, before any reduction; `None` for no inputs.
    ///
    /// # Errors
    /// An input of the wrong length or not finite; values beyond 62 bits.
    pub fn seen(model: &Model, inputs: &[Vec<f32>]) -> Result<Option<Self>, QuantError> {
        let Some(needs) = calibrate::seen(model, inputs)? else {
            return Ok(None);
        };
        let mut tensors: BTreeMap<String, Bounds> = BTreeMap::new();
        for (tensor, &need) in model.graph.tensors.iter().zip(&needs.tensors) {
            let bounds = Bounds::real(need, tensor.frac_bits);
            let slot = tensors.entry(tensor.name.clone()).or_insert(bounds);
            *slot = slot.join(bounds);
        }
        let fracs = pool_fracs(&model.graph);
        let inner = needs.inner.iter().zip(fracs);
        Ok(Some(Self {
            tensors,
            inner: inner.map(|(&n, frac)| Bounds::real(n, frac)).collect(),
        }))
    }

    /// What two sets of inputs show of one model.
    #[must_use]
    pub fn join(mut self, other: &Self) -> Self {
        for (name, &bounds) in &other.tensors {
            let slot = self.tensors.entry(name.clone()).or_insert(bounds);
            *slot = slot.join(bounds);
        }
        for (own, &bounds) in self.inner.iter_mut().zip(&other.inner) {
            *own = own.join(bounds);
        }
        self
    }

    /// As integers of a model of the same network.
    pub(super) fn needs(&self, model: &Model) -> Result<Needs, QuantError> {
        let graph = &model.graph;
        let tensor = |tensor: &super::ir::Tensor| {
            let bounds = self.of(&tensor.name)?;
            Some(bounds.integers(tensor.frac_bits))
        };
        let tensors = graph.tensors.iter().map(tensor).collect::<Option<_>>();
        let fracs = pool_fracs(graph);
        let pools = self.inner.iter().zip(&fracs);
        let inner: Vec<Interval> = pools.map(|(b, &frac)| b.integers(frac)).collect();
        match tensors {
            Some(tensors) if inner.len() == fracs.len() => Ok(Needs { tensors, inner }),
            _ => Err(QuantError::Option {
                option: "ranges",
                what: "they are those of another network".to_owned(),
            }),
        }
    }

    /// Those of a tensor, or of that which it is a copy of in another form: its name begins like it.
    fn of(&self, mut name: &str) -> Option<Bounds> {
        loop {
            if let Some(&found) = self.tensors.get(name) {
                return Some(found);
            }
            (name, _) = name.rsplit_once(':')?;
        }
    }
}

/// Fraction bits of what each pool reads.
fn pool_fracs(graph: &Graph) -> Vec<u32> {
    let read = |&index: &usize| {
        let id = graph.nodes.get(index)?.inputs.first()?;
        Some(graph.tensor(*id)?.frac_bits)
    };
    let pools = interval::pools(graph);
    pools.iter().map(|p| read(p).unwrap_or(0)).collect()
}
