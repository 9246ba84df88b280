//! A chain of layers with trainable parameters.
//!
//! Activations of a batch are a matrix `[batch, elements]`; a sample's elements are row-major in its
//! shape (`[C, H, W]` or `[F]`).

mod activation;
mod conv;
mod graph;
mod pass;
mod pool;
mod text;

use ndarray::{Array1, Array2, ArrayRef2};
use privet_model::graph::Window;
use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::error::Error;
use crate::rng::Rng;

pub(crate) use activation::sigmoid;
pub use conv::Conv;
pub use graph::described;
pub use pass::{Gradient, Mode, RangePenalty};
pub use pool::Pool;

/// Samples evaluated at a time.
const EVALUATION_BATCH: usize = 256;

/// A chain of layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Name of the model.
    pub name: String,
    /// Shape of one input, without batch.
    pub input: Vec<usize>,
    /// The layers, first to last; the last one's output are the logits.
    pub layers: Vec<Layer>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Layer {
    /// Fully connected: `W x + b`.
    Linear(Weights),
    /// Convolution.
    Conv(Conv),
    /// max(0, x).
    Relu,
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// tanh x.
    Tanh,
    /// Maximum over windows; cells in the padding are absent.
    MaxPool(Pool),
    /// Mean over windows.
    AvgPool(Pool),
    /// The same elements in row-major order under another shape.
    Reshape(Vec<usize>),
    /// In training, zeroes each value with this probability and scales the others up; else nothing.
    Dropout(f32),
}

/// Weights, biases and which weights are alive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// `[outputs, inputs]`; for a convolution `[out_channels, in_channels / groups * kh * kw]`.
    pub matrix: Array2<f32>,
    /// One per output.
    pub bias: Array1<f32>,
    /// Where present: weights at `false` are pruned and stay exactly zero.
    pub mask: Option<Array2<bool>>,
}

impl Weights {
    /// Random weights of variance 2 / inputs [He et al. 2015], no bias.
    #[must_use]
    pub fn random(outputs: usize, inputs: usize, rng: &mut Rng) -> Self {
        let deviation = (2.0 / inputs.max(1) as f32).sqrt();
        Self {
            matrix: Array2::from_shape_simple_fn((outputs, inputs), || rng.normal() * deviation),
            bias: Array1::zeros(outputs),
            mask: None,
        }
    }

    /// Puts exact zeros where the mask says so.
    pub fn apply_mask(&mut self) {
        if let Some(mask) = &self.mask {
            ndarray::Zip::from(&mut self.matrix)
                .and(mask)
                .for_each(|w, alive| {
                    if !alive {
                        *w = 0.0;
                    }
                });
        }
    }

    /// Number of weights that are not zero.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.matrix.iter().filter(|w| **w != 0.0).count()
    }

    /// Whether matrix, bias and mask have the extents given.
    fn fits(&self, outputs: usize, inputs: usize) -> bool {
        self.matrix.dim() == (outputs, inputs)
            && self.bias.len() == outputs
            && self
                .mask
                .as_ref()
                .is_none_or(|m| m.dim() == (outputs, inputs))
    }
}

impl Layer {
    /// A fully connected layer with random weights.
    #[must_use]
    pub fn linear(inputs: usize, outputs: usize, rng: &mut Rng) -> Self {
        Self::Linear(Weights::random(outputs, inputs, rng))
    }

    /// A convolution with random weights and no groups.
    #[must_use]
    pub fn conv(in_channels: usize, out_channels: usize, window: Window, rng: &mut Rng) -> Self {
        let [kh, kw] = window.kernel;
        Self::Conv(Conv {
            window,
            groups: 1,
            in_channels,
            weights: Weights::random(out_channels, in_channels * kh * kw, rng),
        })
    }

    /// The layer's parameters, if it has any.
    #[must_use]
    pub fn weights(&self) -> Option<&Weights> {
        match self {
            Self::Linear(w) => Some(w),
            Self::Conv(c) => Some(&c.weights),
            Self::Relu
            | Self::Sigmoid
            | Self::Tanh
            | Self::MaxPool(_)
            | Self::AvgPool(_)
            | Self::Reshape(_)
            | Self::Dropout(_) => None,
        }
    }

    /// The layer's parameters, if it has any.
    pub fn weights_mut(&mut self) -> Option<&mut Weights> {
        match self {
            Self::Linear(w) => Some(w),
            Self::Conv(c) => Some(&mut c.weights),
            Self::Relu
            | Self::Sigmoid
            | Self::Tanh
            | Self::MaxPool(_)
            | Self::AvgPool(_)
            | Self::Reshape(_)
            | Self::Dropout(_) => None,
        }
    }

    /// Short name for reports.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Linear(_) => "Linear",
            Self::Conv(_) => "Conv",
            Self::Relu => "Relu",
            Self::Sigmoid => "Sigmoid",
            Self::Tanh => "Tanh",
            Self::MaxPool(_) => "MaxPool",
            Self::AvgPool(_) => "AvgPool",
            Self::Reshape(_) => "Reshape",
            Self::Dropout(_) => "Dropout",
        }
    }

    /// The output's shape, if the layer accepts the input's.
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        match self {
            Self::Linear(w) => {
                let (outputs, inputs) = w.matrix.dim();
                if input != [inputs] || !w.fits(outputs, inputs) {
                    return Err(format!("a vector of {inputs}"));
                }
                Ok(vec![outputs])
            }
            Self::Conv(c) => c.output_shape(input),
            Self::MaxPool(p) | Self::AvgPool(p) => p.output_shape(input),
            Self::Reshape(shape) => {
                let elements: usize = input.iter().product();
                if shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d)) != Some(elements) {
                    return Err(format!("as many elements as {shape:?}"));
                }
                Ok(shape.clone())
            }
            Self::Dropout(p) if !(0.0..1.0).contains(p) => {
                Err("a dropout probability in [0, 1)".to_owned())
            }
            Self::Relu | Self::Sigmoid | Self::Tanh | Self::Dropout(_) => Ok(input.to_vec()),
        }
    }
}

impl Network {
    /// The shape of the input and of every layer's output.
    ///
    /// # Errors
    /// [`Error::Shape`] for the first layer that does not fit.
    pub fn shapes(&self) -> Result<Vec<Vec<usize>>, Error> {
        let mut shapes = vec![self.input.clone()];
        let mut shape = self.input.clone();
        for (i, layer) in self.layers.iter().enumerate() {
            shape = layer
                .output_shape(&shape)
                .map_err(|expected| Error::Shape {
                    layer: format!("{i} ({})", layer.kind()),
                    expected,
                    got: shape.clone(),
                })?;
            shapes.push(shape.clone());
        }
        Ok(shapes)
    }

    /// Number of logits.
    ///
    /// # Errors
    /// [`Error::Shape`] if a layer does not fit.
    pub fn outputs(&self) -> Result<usize, Error> {
        Ok(self.shapes()?.last().map_or(0, |s| s.iter().product()))
    }

    /// Multiplications by a weight that is not zero, one inference.
    ///
    /// # Errors
    /// [`Error::Shape`] if a layer does not fit.
    pub fn macs(&self) -> Result<u64, Error> {
        let shapes = self.shapes()?;
        let outputs = shapes.iter().skip(1).enumerate();
        Ok(outputs.map(|(i, output)| self.layer_macs(i, output)).sum())
    }

    /// The multiplications of one layer, whose output has that shape.
    pub(crate) fn layer_macs(&self, index: usize, output: &[usize]) -> u64 {
        let Some(layer) = self.layers.get(index) else {
            return 0;
        };
        let positions: usize = match layer {
            Layer::Conv(_) => output.iter().skip(1).product(),
            Layer::Linear(_)
            | Layer::Relu
            | Layer::Sigmoid
            | Layer::Tanh
            | Layer::MaxPool(_)
            | Layer::AvgPool(_)
            | Layer::Reshape(_)
            | Layer::Dropout(_) => 1,
        };
        layer.weights().map_or(0, |w| w.alive() as u64) * positions as u64
    }

    /// Checks that the data fits the network.
    pub(crate) fn check(&self, data: &Dataset) -> Result<(), Error> {
        let outputs = self.outputs()?;
        let features: usize = self.input.iter().product();
        if data.is_empty() {
            return Err(Error::Data("there is no sample".to_owned()));
        }
        if data.features() != features {
            return Err(Error::Data(format!(
                "samples have {} values, but {} takes {features} ({:?})",
                data.features(),
                self.name,
                self.input
            )));
        }
        if data.classes() > outputs {
            return Err(Error::Data(format!(
                "{} classes, but {} has {outputs} outputs",
                data.classes(),
                self.name
            )));
        }
        Ok(())
    }

    /// The logits `[batch, outputs]` of samples `[batch, features]`.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Data`] if layers or samples do not fit.
    pub fn logits(&self, samples: &ArrayRef2<f32>) -> Result<Array2<f32>, Error> {
        self.logits_in(samples, &Mode::default())
    }

    /// The logits under a mode (fixed-point simulation, for instance).
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Data`] if layers or samples do not fit.
    pub fn logits_in(
        &self,
        samples: &ArrayRef2<f32>,
        mode: &Mode<'_>,
    ) -> Result<Array2<f32>, Error> {
        let shapes = self.shapes()?;
        let features: usize = self.input.iter().product();
        if samples.ncols() != features {
            return Err(Error::Data(format!(
                "samples have {} values, {} takes {features}",
                samples.ncols(),
                self.name
            )));
        }
        let mut out = Array2::zeros((0, self.outputs()?));
        for batch in samples.axis_chunks_iter(ndarray::Axis(0), EVALUATION_BATCH) {
            let tape = self.forward(&shapes, batch.to_owned(), mode)?;
            out.append(ndarray::Axis(0), tape.logits())?;
        }
        Ok(out)
    }

    /// Share of samples whose largest logit (lowest index first) is the label's.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Data`] if layers or samples do not fit.
    pub fn accuracy(&self, data: &Dataset) -> Result<f64, Error> {
        self.accuracy_in(data, &Mode::default())
    }

    /// Accuracy under a mode.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Data`] if layers or samples do not fit.
    pub fn accuracy_in(&self, data: &Dataset, mode: &Mode<'_>) -> Result<f64, Error> {
        self.check(data)?;
        let logits = self.logits_in(&data.samples(), mode)?;
        let right = logits
            .outer_iter()
            .zip(data.labels())
            .filter(|(row, label)| argmax(row.iter().copied()) == **label)
            .count();
        Ok(right as f64 / data.len() as f64)
    }
}

/// Index of the largest value, the lowest among equals.
#[must_use]
pub fn argmax(values: impl Iterator<Item = f32>) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (i, v) in values.enumerate() {
        if v > best.1 {
            best = (i, v);
        }
    }
    best.0
}
