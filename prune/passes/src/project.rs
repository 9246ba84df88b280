//! Projection: the network is trained on the coordinates of its input in a subspace that holds the data.
//!
//! DeepSecure's first off-line step: samples A (features × samples) are nearly D·C for a small
//! dictionary D. What becomes public is W = D·D⁺ = U·Uᵀ, which tells the column space of the data and nothing
//! else; the client multiplies its input by a factor of it in the clear. The factor is computed from W
//! alone ([`Basis::publish`]), so that it tells no more than W; the model file carries it as the last step of
//! preprocessing, and networks are trained on what a client's arithmetic makes of it.
//!
//! Learning passes over the data in blocks and never holds more than the dictionary and a block.

mod basis;
mod blocks;
mod learn;

use ndarray::Array2;
use privet_model::preprocess::{FACTOR_FRAC_BITS, MAX_FACTOR, Projection};
use serde::{Deserialize, Serialize};

use crate::data::Split;
use crate::error::{Error, check_option};
use crate::network::{Layer, Network, Weights};
use crate::report::{CostModel, Event, Listener, Measure, PassReport};
use crate::train::{Control, Options as TrainOptions, train};

pub use basis::Basis;
pub use blocks::{Blocks, InMemory};
pub use learn::{Learned, Method, learn};

/// Share of the progress left that one network of a search takes.
const SHARE: f64 = 0.25;

/// How large the subspace is to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Size {
    /// The smallest with ‖A − UUᵀA‖ ≤ ε‖A‖ (Frobenius).
    Error(f64),
    /// So many dimensions.
    Rank(usize),
    /// The smallest found whose network, trained anew, loses at most this validation accuracy.
    Search {
        /// Most accuracy lost.
        max_drop: f64,
        /// Most dimensions tried.
        max_rank: usize,
    },
}

/// How to project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// How the subspace is found.
    pub method: Method,
    /// How large it is.
    pub size: Size,
    /// Training behind it.
    pub retrain: TrainOptions,
}

impl Options {
    fn check(&self, features: usize) -> Result<(), Error> {
        let most = most_dimensions(features);
        let rank = |l: usize| {
            let ok = (1..=most).contains(&l);
            check_option("dimensions", l as f64, ok, &format!("1 to {most}"))
        };
        match self.size {
            Size::Error(e) => check_option("epsilon", e, e > 0.0 && e < 1.0, "between 0 and 1"),
            Size::Rank(l) => rank(l),
            Size::Search { max_drop, max_rank } => {
                check_option("max drop", max_drop, max_drop >= 0.0, "0 or more")?;
                rank(max_rank)
            }
        }
    }
}

/// A network on a subspace, and the subspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Projected {
    /// What the client multiplies its input by.
    pub projection: Projection,
    /// Takes the embedded input.
    pub network: Network,
    /// Relative error of the samples' projection.
    pub residual: f64,
    /// Accuracy and cost.
    pub report: PassReport,
}

/// Projects a network whose first linear layer is fully connected, and trains it on the embedding.
///
/// # Errors
/// [`Error::Unsupported`] if a convolution comes first, [`Error::Option`] for options out of range, those of
/// training, [`Error::Stopped`] on request.
pub fn project(
    network: &Network,
    split: &Split,
    options: &Options,
    model: &dyn CostModel,
    progress: &mut dyn FnMut(&Event) -> Control,
) -> Result<Projected, Error> {
    network.check(&split.train)?;
    options.check(split.train.features())?;
    if split.train.projection().is_some() {
        return Err(Error::Unsupported {
            node: network.name.clone(),
            reason: "it reads coordinates in a subspace already".to_owned(),
        });
    }
    first_linear(network)?;
    let mut search = Search {
        network,
        split,
        options,
        before: Measure::of(network, &split.validation, None, model)?,
        listener: Listener::new(progress),
        tried: 0,
    };
    search
        .listener
        .stage("learning the subspace".to_owned(), 0.0, 0.2)?;
    let most = most_dimensions(split.train.features());
    let mut data = InMemory::new(&split.train);
    let learned = match options.size {
        Size::Error(e) => learn(&mut data, options.method, Some(e), most)?,
        Size::Rank(l) => learn(&mut data, options.method, None, l)?,
        Size::Search { max_rank, .. } => learn(&mut data, options.method, None, max_rank)?,
    };
    let found = match options.size {
        Size::Error(_) | Size::Rank(_) => search.candidate(&learned, learned.rank(), 1.0)?,
        Size::Search { max_drop, .. } => search.smallest(&learned, max_drop)?,
    };
    let Candidate {
        projection,
        network,
        ..
    } = found;
    let validation = split.validation.embedded(&projection)?;
    let after = Measure::of(&network, &validation, None, model)?;
    let rank = projection.rank();
    Ok(Projected {
        residual: learned.residual(rank),
        report: PassReport {
            pass: format!("project {} features to {rank}", split.train.features()),
            before: search.before,
            after,
        },
        projection,
        network,
    })
}

/// Most dimensions of samples with so many values: the space has no more, and the factor is sent to clients.
#[must_use]
pub fn most_dimensions(features: usize) -> usize {
    features.min(MAX_FACTOR / features.max(1))
}

struct Search<'a> {
    network: &'a Network,
    split: &'a Split,
    options: &'a Options,
    before: Measure,
    listener: Listener<'a>,
    /// Networks trained so far.
    tried: i32,
}

/// A network on a subspace.
struct Candidate {
    projection: Projection,
    network: Network,
    accuracy: f64,
}

impl Search<'_> {
    /// The network on the first `rank` directions, trained; it takes a share of the progress that is left.
    fn candidate(
        &mut self,
        learned: &Learned,
        rank: usize,
        share: f64,
    ) -> Result<Candidate, Error> {
        let place = |tried| 1.0 - 0.8 * (1.0 - share).powi(tried);
        let stage = format!("training on {rank} dimensions");
        let (from, to) = (place(self.tried), place(self.tried + 1));
        self.listener.stage(stage, from, to)?;
        self.tried += 1;
        let projection = learned.basis(rank)?.publish(&self.network.input)?;
        let mut network = onto(self.network, &projection)?;
        let train_part = self.split.train.embedded(&projection)?;
        let validation = self.split.validation.embedded(&projection)?;
        let retrain = &self.options.retrain;
        let listener = &mut self.listener;
        train(
            &mut network,
            &train_part,
            Some(&validation),
            retrain,
            &mut |e| listener.epoch(e, retrain.epochs),
        )?;
        self.listener.check()?;
        Ok(Candidate {
            accuracy: network.accuracy(&validation)?,
            projection,
            network,
        })
    }

    /// Halves the rank while the accuracy holds, then bisects between the last two.
    fn smallest(&mut self, learned: &Learned, max_drop: f64) -> Result<Candidate, Error> {
        let wanted = self.before.accuracy - max_drop;
        let mut good = learned.rank();
        let mut best = self.candidate(learned, good, SHARE)?;
        if best.accuracy < wanted {
            return Err(Error::Option {
                name: "max rank",
                value: good.to_string(),
                allowed: format!(
                    "larger: with all these dimensions the accuracy is {:.4}, wanted {wanted:.4}",
                    best.accuracy
                ),
            });
        }
        let mut bad = 0;
        while good - bad > 1 && good > bad + bad.div_ceil(10) {
            let middle = if bad == 0 {
                good / 2
            } else {
                good.midpoint(bad)
            };
            let candidate = self.candidate(learned, middle, SHARE)?;
            if candidate.accuracy >= wanted {
                (good, best) = (middle, candidate);
            } else {
                bad = middle;
            }
        }
        Ok(best)
    }
}

/// Index of the first linear layer, if it is fully connected and reads the input as it is.
fn first_linear(network: &Network) -> Result<usize, Error> {
    for (i, layer) in network.layers.iter().enumerate() {
        match layer {
            Layer::Linear(_) => return Ok(i),
            Layer::Reshape(_) | Layer::Dropout(_) => {}
            Layer::Conv(_)
            | Layer::Relu
            | Layer::Sigmoid
            | Layer::Tanh
            | Layer::MaxPool(_)
            | Layer::AvgPool(_) => {
                return Err(Error::Unsupported {
                    node: format!("{}{i}", layer.kind().to_lowercase()),
                    reason: "projection needs a fully connected layer on the input".to_owned(),
                });
            }
        }
    }
    Err(Error::Unsupported {
        node: network.name.clone(),
        reason: "there is no linear layer".to_owned(),
    })
}

/// The network that reads coordinates in the basis: the first weights become `W·U`.
fn onto(network: &Network, projection: &Projection) -> Result<Network, Error> {
    let scale = f32::from(1_u16 << FACTOR_FRAC_BITS);
    let factor = projection.factor().iter().map(|g| f32::from(*g) / scale);
    let extents = (projection.features(), projection.rank());
    let factor = Array2::from_shape_vec(extents, factor.collect())?;
    let first = first_linear(network)?;
    let mut layers: Vec<Layer> = network.layers.iter().skip(first).cloned().collect();
    if let Some(Layer::Linear(w)) = layers.first_mut() {
        *w = Weights {
            matrix: w.matrix.dot(&factor),
            bias: w.bias.clone(),
            mask: None,
        };
    }
    Ok(Network {
        name: network.name.clone(),
        input: vec![projection.rank()],
        layers,
    })
}
