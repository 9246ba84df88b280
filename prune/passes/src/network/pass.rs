//! Forward and backward over a batch.

use ndarray::{Array1, Array2, Axis, Zip};

use super::activation::{backward as pointwise, sigmoid};
use super::pool::Kind;
use super::{Layer, Network, Weights};
use crate::error::Error;
use crate::rng::Rng;
use crate::train::qat::Fixed;

/// How a batch is evaluated.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mode<'a> {
    /// Seed and stream of dropout; none outside training.
    pub dropout: Option<[u64; 2]>,
    /// Keeps the outputs of linear layers inside a range.
    pub range: Option<RangePenalty>,
    /// Fixed-point formats of the input and of each layer's output, if they are to be simulated.
    pub formats: Option<&'a [Option<Fixed>]>,
}

/// Adds `weight * max(0, |z| - limit)^2` to the loss for every output z of a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RangePenalty {
    /// Where it begins.
    pub limit: f32,
    /// How much it weighs.
    pub weight: f32,
}

/// Gradient of one layer's parameters.
#[derive(Debug, Clone)]
pub struct Gradient {
    /// Of the weights.
    pub matrix: Array2<f32>,
    /// Of the biases.
    pub bias: Array1<f32>,
}

impl Gradient {
    /// No gradient yet.
    #[must_use]
    pub fn zeros(weights: &Weights) -> Self {
        Self {
            matrix: Array2::zeros(weights.matrix.dim()),
            bias: Array1::zeros(weights.bias.len()),
        }
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.matrix += &other.matrix;
        self.bias += &other.bias;
    }
}

/// The values of a forward pass: the input and every layer's output.
pub(crate) struct Tape {
    /// As the next layer sees them.
    values: Vec<Array2<f32>>,
    /// What dropout multiplied by, layer by layer.
    dropped: Vec<Option<Array2<f32>>>,
    /// Where a simulated format clipped a layer's output: no gradient passes.
    clipped: Vec<Option<Array2<bool>>>,
}

impl Tape {
    pub(crate) fn values(&self) -> &[Array2<f32>] {
        &self.values
    }

    pub(crate) fn logits(&self) -> ndarray::ArrayView2<'_, f32> {
        self.values
            .last()
            .map_or_else(|| ndarray::aview2::<f32, 0>(&[]), |v| v.view())
    }
}

impl Network {
    /// Runs a batch; `shapes` are the network's own.
    pub(crate) fn forward(
        &self,
        shapes: &[Vec<usize>],
        mut input: Array2<f32>,
        mode: &Mode<'_>,
    ) -> Result<Tape, Error> {
        let format = |place: usize| mode.formats.and_then(|f| f.get(place).copied().flatten());
        if let Some(fixed) = format(0) {
            input.mapv_inplace(|v| fixed.round(v));
        }
        let mut tape = Tape {
            values: vec![input],
            dropped: vec![],
            clipped: vec![],
        };
        let pairs = shapes.iter().zip(shapes.iter().skip(1));
        for (i, (layer, (from, to))) in self.layers.iter().zip(pairs).enumerate() {
            let Some(x) = tape.values.last() else { break };
            let mut dropped = None;
            let mut y = match layer {
                Layer::Linear(w) => x.dot(&w.matrix.t()) + &w.bias,
                Layer::Conv(c) => c.forward(x, from, to)?,
                Layer::Relu => x.mapv(|v| if v < 0.0 { 0.0 } else { v }),
                Layer::Sigmoid => x.mapv(sigmoid),
                Layer::Tanh => x.mapv(f32::tanh),
                Layer::MaxPool(p) => p.forward(x, [from, to], Kind::Max),
                Layer::AvgPool(p) => p.forward(x, [from, to], Kind::Mean),
                Layer::Reshape(_) => x.clone(),
                Layer::Dropout(p) => {
                    dropped = mode.dropout.map(|seed| dropout(x.dim(), *p, seed, i));
                    dropped.as_ref().map_or_else(|| x.clone(), |d| x * d)
                }
            };
            tape.clipped.push(format(i + 1).map(|fixed| {
                let clipped = y.mapv(|v| fixed.clips(v));
                y.mapv_inplace(|v| fixed.round(v));
                clipped
            }));
            tape.dropped.push(dropped);
            tape.values.push(y);
        }
        Ok(tape)
    }

    /// The parameters' gradients, layer by layer, from the logits' gradient; the range penalty is
    /// divided by `batch`. Also returns the penalty's value.
    pub(crate) fn backward(
        &self,
        shapes: &[Vec<usize>],
        tape: &Tape,
        logits: Array2<f32>,
        mode: &Mode<'_>,
        batch: usize,
    ) -> Result<(Vec<Option<Gradient>>, f64), Error> {
        let first = self
            .layers
            .iter()
            .position(|l| l.weights().is_some())
            .unwrap_or(0);
        let mut gradients = vec![None; self.layers.len()];
        let mut penalty = 0.0;
        let mut dy = logits;
        let places = self.layers.iter().zip(&mut gradients).enumerate().rev();
        for (i, (layer, gradient)) in places {
            let (Some(x), Some(y), Some(from), Some(to)) = (
                tape.values.get(i),
                tape.values.get(i + 1),
                shapes.get(i),
                shapes.get(i + 1),
            ) else {
                break;
            };
            if let Some(Some(clipped)) = tape.clipped.get(i) {
                Zip::from(&mut dy)
                    .and(clipped)
                    .for_each(|d, c| *d *= f32::from(u8::from(!c)));
            }
            if let (Some(range), Some(_)) = (mode.range, layer.weights()) {
                penalty += range.apply(y, &mut dy, batch);
            }
            dy = match layer {
                Layer::Linear(w) => {
                    *gradient = Some(Gradient {
                        matrix: dy.t().dot(x),
                        bias: dy.sum_axis(Axis(0)),
                    });
                    if i == first {
                        break;
                    }
                    dy.dot(&w.matrix)
                }
                Layer::Conv(c) => {
                    let (g, dx) = c.backward(x, &dy, [from, to], i != first)?;
                    *gradient = Some(g);
                    let Some(dx) = dx else { break };
                    dx
                }
                Layer::Relu => pointwise(y, dy, |y| f32::from(u8::from(y > 0.0))),
                Layer::Sigmoid => pointwise(y, dy, |y| y * (1.0 - y)),
                Layer::Tanh => pointwise(y, dy, |y| 1.0 - y * y),
                Layer::MaxPool(p) => p.backward(x, &dy, [from, to], Kind::Max),
                Layer::AvgPool(p) => p.backward(x, &dy, [from, to], Kind::Mean),
                Layer::Reshape(_) => dy,
                Layer::Dropout(_) => match tape.dropped.get(i) {
                    Some(Some(d)) => dy * d,
                    _ => dy,
                },
            };
        }
        Ok((gradients, penalty))
    }
}

impl RangePenalty {
    /// Adds the penalty's gradient and returns its value, both divided by `batch`.
    fn apply(&self, z: &Array2<f32>, dz: &mut Array2<f32>, batch: usize) -> f64 {
        let scale = self.weight / batch.max(1) as f32;
        let mut value = 0.0;
        Zip::from(dz).and(z).for_each(|d, z| {
            let excess = (z.abs() - self.limit).max(0.0);
            *d += 2.0 * scale * excess * z.signum();
            value += f64::from(scale * excess * excess);
        });
        value
    }
}

/// What dropout multiplies by: 0 with probability p, else 1 / (1 - p).
fn dropout(dim: (usize, usize), p: f32, [seed, stream]: [u64; 2], layer: usize) -> Array2<f32> {
    let mut rng = Rng::new(
        seed ^ 0x4452_4f50,
        stream.wrapping_mul(1024).wrapping_add(layer as u64),
    );
    let keep = 1.0 / (1.0 - p);
    Array2::from_shape_simple_fn(dim, || if rng.uniform() < p { 0.0 } else { keep })
}
