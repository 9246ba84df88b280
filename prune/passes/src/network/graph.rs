//! From a model's float graph and back.

use std::borrow::Cow;

use ndarray::{Array1, Array2};
use privet_model::graph::{self, Builder, Graph, Op, Per};
use privet_model::preprocess::{Preprocess, Projection};

use super::{Conv, Layer, Network, Pool, Weights};
use crate::error::Error;

impl Network {
    /// Takes a graph that is a chain of layers; constants behind a linear layer are folded into it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the first node that is no link of a chain or cannot be trained.
    pub fn from_graph(graph: &Graph) -> Result<Self, Error> {
        let mut network = Self {
            name: graph.name.clone(),
            input: graph.input_shape().to_vec(),
            layers: Vec::with_capacity(graph.nodes.len()),
        };
        let mut last = graph.input;
        for node in &graph.nodes {
            let refuse = |reason: String| Error::Unsupported {
                node: node.name.clone(),
                reason,
            };
            if node.inputs != [last] {
                return Err(refuse("the network is not a chain of layers".to_owned()));
            }
            last = node.output;
            match layer(&node.op)? {
                Some(layer) => network.layers.push(layer),
                None => fold(&node.op, network.layers.last_mut()).map_err(refuse)?,
            }
        }
        if last != graph.output {
            return Err(Error::Unsupported {
                node: graph.name.clone(),
                reason: "the logits are not the last layer's output".to_owned(),
            });
        }
        network.shapes()?;
        Ok(network)
    }

    /// The network as a float graph. Preprocessing and class names are the caller's to set.
    ///
    /// # Errors
    /// [`Error::Shape`] if layers do not fit, [`Error::NotFinite`] if a parameter is not finite.
    pub fn to_graph(&self) -> Result<Graph, Error> {
        self.shapes()?;
        let refuse = |e: graph::GraphError| Error::Unsupported {
            node: self.name.clone(),
            reason: e.to_string(),
        };
        let mut builder = Builder::new(&self.name, "input", &self.input).map_err(refuse)?;
        let mut value = builder.input();
        for (i, layer) in self.layers.iter().enumerate() {
            let name = format!("{}{i}", layer.kind().to_lowercase());
            if layer.weights().is_some_and(|w| !w.is_finite()) {
                return Err(Error::NotFinite {
                    what: "a parameter".to_owned(),
                    place: name,
                });
            }
            let Some(op) = op(layer) else { continue };
            value = builder.push(&name, op, &[value]).map_err(refuse)?;
        }
        builder.finish(value).map_err(refuse)
    }
}

/// A graph with the class names and, where the input is the same or a `projection` of it, the preprocessing
/// of the one it was made from.
#[must_use]
pub fn described(mut graph: Graph, source: &Graph, projection: Option<&Projection>) -> Graph {
    graph.classes.clone_from(&source.classes);
    if let Some(projection) = projection {
        graph.preprocess = Some(Preprocess {
            projection: Some(projection.clone()),
            ..source.preprocess.clone().unwrap_or_default()
        });
    } else if graph.input_shape() == source.input_shape() {
        graph.preprocess.clone_from(&source.preprocess);
    }
    graph
}

/// The layer of an op; none for constants, which are folded.
fn layer(op: &Op) -> Result<Option<Layer>, Error> {
    Ok(Some(match op {
        Op::Linear(l) => Layer::Linear(Weights {
            matrix: Array2::from_shape_vec((l.outputs, l.inputs), l.weights.clone())?,
            bias: Array1::from_vec(l.bias.clone()),
            mask: None,
        }),
        Op::Conv(c) => {
            let [kh, kw] = c.window.kernel;
            let columns = c.in_channels / c.groups.max(1) * kh * kw;
            Layer::Conv(Conv {
                window: c.window.clone(),
                groups: c.groups,
                in_channels: c.in_channels,
                weights: Weights {
                    matrix: Array2::from_shape_vec((c.out_channels, columns), c.weights.clone())?,
                    bias: Array1::from_vec(c.bias.clone()),
                    mask: None,
                },
            })
        }
        Op::Relu => Layer::Relu,
        Op::Sigmoid => Layer::Sigmoid,
        Op::Tanh => Layer::Tanh,
        Op::MaxPool(p) => Layer::MaxPool(Pool {
            window: p.window.clone(),
            output: p.output,
        }),
        Op::AvgPool(p) => Layer::AvgPool(Pool {
            window: p.window.clone(),
            output: p.output,
        }),
        Op::Reshape { shape } => Layer::Reshape(shape.clone()),
        Op::Affine(_)
        | Op::Clip { .. }
        | Op::Add
        | Op::Concat { .. }
        | Op::Transpose { .. }
        | Op::Pad { .. } => return Ok(None),
    }))
}

/// Folds `scale * x + shift` into the linear layer before it.
#[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
fn fold(op: &Op, layer: Option<&mut Layer>) -> Result<(), String> {
    let Op::Affine(affine) = op else {
        return Err(format!("{} cannot be trained", op.name()));
    };
    let target = layer.and_then(Layer::weights_mut);
    let Some(weights) = target.filter(|_| affine.per != Per::Element) else {
        return Err("constants are trained only behind a linear layer or convolution".to_owned());
    };
    for (o, (mut row, bias)) in weights
        .matrix
        .outer_iter_mut()
        .zip(&mut weights.bias)
        .enumerate()
    {
        let entry = if affine.per == Per::Tensor { 0 } else { o };
        let (Some(scale), Some(shift)) = (affine.scale.get(entry), affine.shift.get(entry)) else {
            return Err("as many constants as channels are needed".to_owned());
        };
        row.mapv_inplace(|w| (f64::from(w) * scale) as f32);
        *bias = f64::from(*bias).mul_add(*scale, *shift) as f32;
    }
    Ok(())
}

fn op(layer: &Layer) -> Option<Op> {
    Some(match layer {
        Layer::Linear(w) => Op::Linear(graph::Linear {
            inputs: w.matrix.ncols(),
            outputs: w.matrix.nrows(),
            weights: w.row_major().into_owned(),
            bias: w.bias.to_vec(),
        }),
        Layer::Conv(c) => Op::Conv(graph::Conv {
            in_channels: c.in_channels,
            out_channels: c.weights.matrix.nrows(),
            groups: c.groups,
            window: c.window.clone(),
            weights: c.weights.row_major().into_owned(),
            bias: c.weights.bias.to_vec(),
        }),
        Layer::Relu => Op::Relu,
        Layer::Sigmoid => Op::Sigmoid,
        Layer::Tanh => Op::Tanh,
        Layer::MaxPool(p) => Op::MaxPool(graph::Pool {
            window: p.window.clone(),
            output: p.output,
        }),
        Layer::AvgPool(p) => Op::AvgPool(graph::Pool {
            window: p.window.clone(),
            output: p.output,
        }),
        Layer::Reshape(shape) => Op::Reshape {
            shape: shape.clone(),
        },
        Layer::Dropout(_) => return None,
    })
}

impl Weights {
    fn row_major(&self) -> Cow<'_, [f32]> {
        self.matrix.as_slice().map_or_else(
            || Cow::Owned(self.matrix.iter().copied().collect()),
            Cow::Borrowed,
        )
    }

    fn is_finite(&self) -> bool {
        self.matrix.iter().chain(&self.bias).all(|v| v.is_finite())
    }
}
