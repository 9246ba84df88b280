//! What the commands that change a network share: its data, its split, its cost by the planner.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use privet_model::graph::Graph;
use privet_model::quant::QuantOptions;
use privet_model::quant::ir::Model;
use privet_passes::network::Layer;
use privet_passes::report::Cost;
use privet_passes::train::qat::Formats;
use privet_passes::train::{Optimiser, Options};
use privet_passes::{Dataset, Error, Network, Split};
use privet_plan::{Plan, PlanOptions};

use crate::failure::{Failure, Kind};
use crate::models::{Loaded, effective_preprocess, load, restate, samples};

/// Memory that a plan's own tables may take.
const PLAN_MEMORY: u64 = 4 << 30;

/// The data that a network is trained and judged on. The test set is never among them.
#[derive(Args)]
pub(crate) struct DataArgs {
    /// Training samples: IDX, CSV, NPY or images.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Their labels, IDX or CSV.
    #[arg(long, value_name = "FILE")]
    labels: PathBuf,
    /// Share of the samples, by class, on which decisions are taken instead of gradients.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    validation: f32,
    /// The last N samples instead of a random share: other speakers, other days.
    #[arg(long, value_name = "N", conflicts_with = "validation")]
    validation_tail: Option<usize>,
    /// How a raw sample becomes the network's input, e.g. divide=255.
    #[arg(long, value_name = "STEPS")]
    preprocess: Option<String>,
}

/// How training goes.
#[derive(Args)]
pub(crate) struct TrainArgs {
    /// Samples per step.
    #[arg(long, value_name = "N", default_value_t = 128)]
    batch: usize,
    /// Learning rate at the start; it falls to zero along half a cosine.
    #[arg(long, value_name = "R", default_value_t = 1e-3)]
    rate: f32,
    /// Gradient descent with this momentum instead of Adam.
    #[arg(long, value_name = "M")]
    momentum: Option<f32>,
    /// Share of every weight that a step of rate 1 takes away.
    #[arg(long, value_name = "D", default_value_t = 0.0)]
    weight_decay: f32,
    /// Factor of the sum of absolute weights in the loss.
    #[arg(long, value_name = "F", default_value_t = 0.0)]
    l1: f32,
    /// Fixes every random choice.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

impl TrainArgs {
    /// The library's options for so many epochs.
    pub(crate) fn options(&self, epochs: usize) -> Options {
        Options {
            epochs,
            batch: self.batch,
            rate: self.rate,
            optimiser: self
                .momentum
                .map_or_else(Optimiser::adam, |momentum| Optimiser::Sgd { momentum }),
            weight_decay: self.weight_decay,
            l1: self.l1,
            seed: self.seed,
            ..Options::default()
        }
    }
}

/// A float network with its data.
pub(crate) struct Task {
    /// As it was read, with the preprocessing in force.
    pub(crate) graph: Graph,
    pub(crate) network: Network,
    pub(crate) split: Split,
}

/// Reads a network and its data.
pub(crate) fn open(model: &Path, args: &DataArgs, seed: u64) -> Result<Task, Failure> {
    let Loaded::Float(graph) = load(model)? else {
        let line = format!(
            "{}: it is quantised; this needs the float network (ONNX)",
            model.display()
        );
        return Err(Failure::new(Kind::File, line));
    };
    with_data(*graph, model, args, seed)
}

/// A network's data; `model` names it where it does not serve.
pub(crate) fn with_data(
    mut graph: Graph,
    model: &Path,
    args: &DataArgs,
    seed: u64,
) -> Result<Task, Failure> {
    if let Some(steps) = &args.preprocess {
        restate(&mut graph, steps)?;
    }
    let preprocess = effective_preprocess(&graph, &samples(&args.data)?);
    graph.preprocess = Some(preprocess.clone());
    let network = Network::from_graph(&graph).map_err(|e| Failure::file(model.display(), e))?;
    let data = Dataset::load(
        &args.data,
        &args.labels,
        Some(&preprocess),
        graph.input_shape(),
    )
    .map_err(|e| failed(&args.data, e))?;
    let split = match args.validation_tail {
        Some(count) => data.split_tail(count),
        None => data.split(args.validation, seed),
    };
    let split = split.map_err(|e| failed(&args.data, e))?;
    for part in [&split.train, &split.validation] {
        if part.is_empty() {
            return Err(Failure::usage(
                "training and validation need samples each; change --validation",
            ));
        }
    }
    Ok(Task {
        graph,
        network,
        split,
    })
}

/// The failure that an error of a pass is: options are usage, the rest are files.
pub(crate) fn failed(what: &Path, error: Error) -> Failure {
    if matches!(error, Error::Option { .. }) {
        Failure::usage(error.to_string())
    } else if matches!(error, Error::Stopped { .. }) {
        Failure::new(Kind::Stopped, error.to_string())
    } else {
        Failure::file(what.display(), error)
    }
}

/// The failure that Ctrl-C is, with a word on where the work can go on.
pub(crate) fn stopped(place: &str, kept: Option<&Path>, option: &str) -> Failure {
    let rest = kept.map_or_else(
        || format!("nothing is kept; {option} would keep it"),
        |path| format!("the same command goes on from {}", path.display()),
    );
    Failure::new(Kind::Stopped, format!("stopped {place}: {rest}"))
}

/// The network as a graph with the description of the one it was made from; `data` are such as it takes.
pub(crate) fn described(network: &Network, source: &Graph, data: &Dataset) -> Result<Graph, Error> {
    let mut graph =
        privet_passes::network::described(network.to_graph()?, source, data.projection());
    graph.name.clone_from(&source.name);
    Ok(graph)
}

/// The quantised network, calibrated on samples of `data`.
pub(crate) fn quantised(
    network: &Network,
    formats: Option<&Formats>,
    source: &Graph,
    data: &Dataset,
    publish_sparsity: bool,
) -> Result<Model, Error> {
    let calibration = privet_passes::fixed::calibration(data);
    let mut options = formats.map_or_else(QuantOptions::default, privet_passes::fixed::options);
    options.publish_sparsity = publish_sparsity;
    let graph = described(network, source, data)?;
    // Coordinates in a subspace are no bytes: a preprocessing with a projection is another.
    if let Some(preprocess) = &graph.preprocess
        && privet_model::preprocess::Preprocess::default_for(privet_model::readers::Kind::Pixels)
            == *preprocess
    {
        options.input_range = privet_model::quant::range_of_bytes(preprocess);
    }
    privet_model::quant::quantise(&graph, &options, &calibration)
        .map_err(|e| Error::Quantise(e.to_string()))
}

/// What one private inference of the network costs by its plan under garbled circuits.
pub(crate) fn planned(
    network: &Network,
    formats: Option<&Formats>,
    source: &Graph,
    data: &Dataset,
    publish_sparsity: bool,
) -> Result<Cost, Error> {
    let model = quantised(network, formats, source, data, publish_sparsity)?;
    let plan = Plan::new(model.graph, PlanOptions::default(), PLAN_MEMORY)
        .map_err(|e| Error::Quantise(e.to_string()))?;
    Ok(Cost {
        macs: network.macs()?,
        ands: plan.cost.inference.non_xor(),
        bytes: plan.cost.inference.bytes(),
    })
}

/// Puts a dropout behind every activation that follows a fully connected layer.
pub(crate) fn with_dropout(network: &mut Network, rate: f32) {
    let mut layers = Vec::with_capacity(network.layers.len());
    let mut connected = false;
    for layer in std::mem::take(&mut network.layers) {
        let behind = match &layer {
            Layer::Linear(_) => {
                connected = true;
                false
            }
            Layer::Relu | Layer::Sigmoid | Layer::Tanh => std::mem::take(&mut connected),
            Layer::Conv(_)
            | Layer::MaxPool(_)
            | Layer::AvgPool(_)
            | Layer::Reshape(_)
            | Layer::Dropout(_) => false,
        };
        layers.push(layer);
        if behind {
            layers.push(Layer::Dropout(rate));
        }
    }
    network.layers = layers;
}

/// A bar over shares of a whole; silent where nobody looks.
pub(crate) fn bar() -> ProgressBar {
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(1000)
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {percent:>3} %  {msg}  {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// Moves the bar to a share.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of 1000"
)]
pub(crate) fn show(bar: &ProgressBar, done: f64, what: &str) {
    bar.set_position((done.clamp(0.0, 1.0) * 1000.0) as u64);
    bar.set_message(what.to_owned());
}

/// Refuses a file that cannot be written before anything is trained for it.
pub(crate) fn writable(path: &Path) -> Result<(), Failure> {
    let partial = partial(path);
    std::fs::write(&partial, [])
        .and_then(|()| std::fs::remove_file(&partial))
        .map_err(|e| Failure::file(path.display(), e))
}

fn partial(path: &Path) -> PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    PathBuf::from(partial)
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let partial = partial(path);
    std::fs::write(&partial, bytes)
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|e| Failure::file(path.display(), e))
}
