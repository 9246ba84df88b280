//! `privet project`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use privet_passes::project::{Method, Options, Size, project};
use privet_passes::report::Event;
use serde_json::json;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::shrink::{Outcome, Planned};
use crate::training::{DataArgs, TrainArgs, bar, described, failed, open, show, writable, write};

/// How the subspace is found.
#[derive(Clone, Copy, ValueEnum)]
enum Find {
    /// Randomised singular vectors of all training samples.
    Random,
    /// The span of training samples that those before leave unexplained.
    Columns,
}

/// Most dimensions that a search begins with unless told otherwise.
const MAX_RANK: usize = 256;

/// Train a network on the coordinates of its input in a subspace that holds the data.
///
/// The client computes the coordinates in the clear, before the private run, from its raw input: the
/// model file carries the factor, which becomes public and tells the column space of the training
/// data. For networks whose first layer with weights is fully connected. The data is gone through in
/// blocks. Writes ONNX.
#[derive(Args)]
#[command(group = ArgGroup::new("size").required(true).args(["epsilon", "dim", "max_drop"]))]
pub(crate) struct Project {
    /// ONNX network, a chain of layers.
    model: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    train: TrainArgs,
    /// As few dimensions as leave this share of the data's length, between 0 and 1.
    #[arg(long, value_name = "E")]
    epsilon: Option<f64>,
    /// So many dimensions.
    #[arg(long, value_name = "L")]
    dim: Option<usize>,
    /// The fewest dimensions found whose network loses at most this validation accuracy, in points.
    #[arg(long, value_name = "POINTS")]
    max_drop: Option<f64>,
    /// Most dimensions that --max-drop tries [default: half of the values of an input, at most 256].
    #[arg(long, value_name = "L", conflicts_with_all = ["epsilon", "dim"])]
    max_rank: Option<usize>,
    /// How the subspace is found.
    #[arg(long, value_enum, default_value = "random")]
    method: Find,
    /// Passes over the data that sharpen the random method's subspace.
    #[arg(long, value_name = "N", default_value_t = 1)]
    powers: usize,
    /// Epochs of training on the coordinates.
    #[arg(long, value_name = "N", default_value_t = 5)]
    epochs: usize,
    /// ONNX file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Most dimensions of a search over inputs of so many values.
pub(crate) fn most_dimensions(features: usize) -> usize {
    features.div_ceil(2).min(MAX_RANK)
}

impl Project {
    fn options(&self, features: usize) -> Options {
        let searched = || Size::Search {
            max_drop: self.max_drop.unwrap_or_default() / 100.0,
            max_rank: self.max_rank.unwrap_or_else(|| most_dimensions(features)),
        };
        let size = self.epsilon.map(Size::Error);
        Options {
            method: match self.method {
                Find::Columns => Method::Columns,
                Find::Random => Method::Random {
                    powers: self.powers,
                    seed: self.train.seed,
                },
            },
            size: size.or(self.dim.map(Size::Rank)).unwrap_or_else(searched),
            retrain: self.train.options(self.epochs),
        }
    }
}

/// Runs `project`.
pub(crate) fn run(args: &Project) -> Result<(), Failure> {
    writable(&args.output)?;
    let interrupt = Interrupt::listen()?;
    let task = open(&args.model, &args.data, args.train.seed)?;
    let bar = bar();
    let found = project(
        &task.network,
        &task.split,
        &args.options(task.split.train.features()),
        &Planned {
            task: &task,
            publish_sparsity: false,
        },
        &mut |e: &Event| {
            show(&bar, e.done, &e.stage);
            interrupt.control()
        },
    );
    bar.finish_and_clear();
    let refuse = |e| failed(&args.model, e);
    let found = found.map_err(refuse)?;
    let data = task.split.train.take(1).embedded(&found.projection);
    let graph = described(&found.network, &task.graph, &data.map_err(refuse)?).map_err(refuse)?;
    write(&args.output, &privet_model::onnx::export(&graph))?;
    let outcome = Outcome {
        before: &found.report.before,
        after: &found.report.after,
        steps: &[],
        projection: Some(&found.projection),
        written: &args.output,
    };
    outcome.tell(args.json, json!({"residual": found.residual}));
    Ok(())
}
