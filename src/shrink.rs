//! `privet prune` and `privet shrink`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use privet_model::preprocess::Projection;
use privet_passes::project::Method;
use privet_passes::prune::{
    Granularity, Options as PruneOptions, Scope, prune as prune_whole, prune_resumable,
};
use privet_passes::report::{Cost, CostModel, Event, Measure, PassReport};
use privet_passes::shrink::{Options as ShrinkOptions, shrink};
use privet_passes::train::qat::Formats;
use privet_passes::{Dataset, Error, Network};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::project::most_dimensions;
use crate::table;
use crate::terminal::{say, show};
use crate::training::{
    DataArgs, Task, TrainArgs, bar, described, failed, open, planned, quantised, show, stopped,
    writable, write,
};

/// What is dropped.
#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Whole neurons and channels: the network stays dense and every backend gets cheaper.
    Units,
    /// Single weights: they become zero.
    Weights,
}

/// Among which the least important are sought.
#[derive(Clone, Copy, ValueEnum)]
enum Among {
    /// The same share of each layer.
    Layer,
    /// One threshold for the magnitudes of all layers.
    Global,
    /// One threshold for magnitudes relative to what is left of the layer.
    Relative,
    /// One threshold for the growth of the loss per multiplication saved.
    Loss,
}

/// Drop what matters least of a network, train on, repeat.
///
/// Neurons and channels go unless `--what weights` is given; zero weights cost what other weights cost unless
/// they are published (`quantise --publish-sparsity`). Writes ONNX.
#[derive(Args)]
pub(crate) struct Prune {
    /// ONNX network, a chain of layers.
    model: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    train: TrainArgs,
    /// What is dropped.
    #[arg(long, value_enum, default_value = "units")]
    what: What,
    /// Tell the cost that the network has once its zero weights are published.
    #[arg(long)]
    publish_sparsity: bool,
    /// Among which the least important are sought.
    #[arg(long, value_enum, default_value = "loss")]
    among: Among,
    /// Share that is dropped in the end.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    sparsity: f64,
    /// In how many steps.
    #[arg(long, value_name = "N", default_value_t = 5)]
    steps: usize,
    /// Epochs behind each step.
    #[arg(long, value_name = "N", default_value_t = 4)]
    epochs: usize,
    /// Most validation accuracy that may be lost, in points; the last network within it is written.
    #[arg(long, value_name = "POINTS")]
    max_drop: Option<f64>,
    /// Kept after every step and on Ctrl-C; an interrupted run goes on from it.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// ONNX file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Runs `prune`.
pub(crate) fn run_prune(args: &Prune) -> Result<(), Failure> {
    writable(&args.output)?;
    let interrupt = Interrupt::listen()?;
    let task = open(&args.model, &args.data, args.train.seed)?;
    let options = PruneOptions {
        sparsity: args.sparsity,
        granularity: match args.what {
            What::Units => Granularity::Units,
            What::Weights => Granularity::Weights,
        },
        scope: match args.among {
            Among::Layer => Scope::Layer,
            Among::Global => Scope::Global,
            Among::Relative => Scope::Relative,
            Among::Loss => Scope::Loss,
        },
        steps: args.steps,
        keep: vec![],
        max_drop: args.max_drop.map(|points| points / 100.0),
        retrain: args.train.options(args.epochs),
    };
    let mut network = task.network.clone();
    let bar = bar();
    let model = Planned {
        task: &task,
        publish_sparsity: args.publish_sparsity,
    };
    let mut follow = |e: &Event| {
        show(&bar, e.done, &e.stage);
        interrupt.control()
    };
    let outcome = match &args.checkpoint {
        Some(path) => prune_resumable(
            &mut network,
            &task.split,
            &options,
            &model,
            path,
            &mut follow,
        ),
        None => prune_whole(&mut network, &task.split, &options, &model, &mut follow),
    };
    bar.finish_and_clear();
    let kept = (args.checkpoint.as_deref(), "--checkpoint FILE");
    let report = outcome.map_err(|e| ended(e, &args.model, kept))?;
    let data = &task.split.train;
    let graph = described(&network, &task.graph, data).map_err(|e| failed(&args.model, e))?;
    write(&args.output, &privet_model::onnx::export(&graph))?;
    let outcome = Outcome {
        before: &report.before,
        after: &report.after,
        steps: &[],
        projection: data.projection(),
        written: &args.output,
    };
    outcome.tell(args.json, json!({}));
    Ok(())
}

/// Find the cheapest network within a budget of accuracy: a subspace of the input, units, then bits, trained in
/// between.
///
/// With and without a subspace are tried against each other, unless one is much cheaper by the planner's cost;
/// its factor becomes public with the model (see `privet project`). Values and weights become short where the accuracy allows it, since bits are what garbling pays
/// for. With --folder an interrupted search goes on where it was. Writes a quantised model.
#[derive(Args)]
pub(crate) struct Shrink {
    /// ONNX network, a chain of layers.
    model: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    train: TrainArgs,
    /// Most validation accuracy that may be lost, in points.
    #[arg(long, value_name = "POINTS", default_value_t = 0.2)]
    max_drop: f64,
    /// Keep the input as it is: publish nothing of the training data.
    #[arg(long)]
    no_projection: bool,
    /// Most dimensions of the subspace [default: half of the values of an input, at most 256].
    #[arg(long, value_name = "L", conflicts_with = "no_projection")]
    max_rank: Option<usize>,
    /// Let single weights go as well, and tell clients which are zero: garbled layers leave them out.
    #[arg(long)]
    publish_sparsity: bool,
    /// Epochs behind each step; the last training takes a few times as many.
    #[arg(long, value_name = "N", default_value_t = 5)]
    epochs: usize,
    /// Where finished steps are kept.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Quantised model to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Runs `shrink`.
pub(crate) fn run_shrink(args: &Shrink) -> Result<(), Failure> {
    writable(&args.output)?;
    let interrupt = Interrupt::listen()?;
    let task = open(&args.model, &args.data, args.train.seed)?;
    let features = task.split.train.features();
    let method = Method::Random {
        powers: 1,
        seed: args.train.seed,
    };
    let options = ShrinkOptions {
        max_drop: args.max_drop / 100.0,
        projection: (!args.no_projection).then_some(method),
        max_rank: Some(args.max_rank.unwrap_or_else(|| most_dimensions(features))),
        // Unpublished zeros cost what other weights cost.
        weights: args.publish_sparsity,
        retrain: args.train.options(args.epochs),
        folder: args.folder.clone(),
        ..ShrinkOptions::default()
    };
    let bar = bar();
    let found = shrink(
        &task.network,
        &task.split,
        &options,
        &Planned {
            task: &task,
            publish_sparsity: args.publish_sparsity,
        },
        &mut |e: &Event| {
            show(&bar, e.done, &e.stage);
            interrupt.control()
        },
    );
    bar.finish_and_clear();
    let kept = (args.folder.as_deref(), "--folder FOLDER");
    let found = found.map_err(|e| ended(e, &args.model, kept))?;
    let refuse = |e| failed(&args.model, e);
    let train = &task.split.train;
    let embedded = found.projection.as_ref().map(|p| train.embedded(p));
    let embedded = embedded.transpose().map_err(refuse)?;
    let data = embedded.as_ref().unwrap_or(train);
    let model = quantised(
        &found.network,
        Some(&found.formats),
        &task.graph,
        data,
        args.publish_sparsity,
    )
    .map_err(refuse)?;
    let bytes = privet_model::quant::file::encode(&model)
        .map_err(|e| Failure::file(args.output.display(), e))?;
    write(&args.output, &bytes)?;
    let outcome = Outcome {
        before: &found.before,
        after: &found.after,
        steps: &found.steps,
        projection: data.projection(),
        written: &args.output,
    };
    outcome.tell(args.json, json!({}));
    Ok(())
}

/// Why a pass ended early: by Ctrl-C, with a word on what is kept and by which option, or by an error.
fn ended(error: Error, model: &Path, (kept, option): (Option<&Path>, &str)) -> Failure {
    if let Error::Stopped { stage } = error {
        return stopped(&format!("at {stage}"), kept, option);
    }
    failed(model, error)
}

/// The planner's cost of a network, quantised as it would be served.
pub(crate) struct Planned<'a> {
    pub(crate) task: &'a Task,
    /// Zero weights are left out.
    pub(crate) publish_sparsity: bool,
}

impl CostModel for Planned<'_> {
    fn cost(
        &self,
        network: &Network,
        formats: Option<&Formats>,
        samples: &Dataset,
    ) -> Result<Cost, Error> {
        planned(
            network,
            formats,
            &self.task.graph,
            samples,
            self.publish_sparsity,
        )
    }
}

/// A cost in one line.
pub(crate) fn cost_line(cost: &Cost) -> String {
    format!(
        "one inference under garbled circuits: {} multiplications, {} AND gates, {}",
        table::count(cost.macs),
        table::count(cost.ands),
        table::bytes(cost.bytes)
    )
}

/// What a command that changes a network tells at its end.
pub(crate) struct Outcome<'a> {
    pub(crate) before: &'a Measure,
    pub(crate) after: &'a Measure,
    pub(crate) steps: &'a [PassReport],
    /// What becomes public with the network.
    pub(crate) projection: Option<&'a Projection>,
    pub(crate) written: &'a Path,
}

impl Outcome<'_> {
    /// Prints it; `more` are further fields of the JSON object.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub(crate) fn tell(&self, json: bool, more: Value) {
        let fold = self.before.cost.ands as f64 / self.after.cost.ands.max(1) as f64;
        if json {
            say!("{}", self.json(fold, more));
            return;
        }
        let row = |name: &str, m: &Measure| {
            vec![
                name.to_owned(),
                format!("{:.2} %", 100.0 * m.accuracy),
                table::count(m.cost.macs),
                table::count(m.cost.ands),
                table::bytes(m.cost.bytes),
            ]
        };
        let mut rows = vec![row("before", self.before)];
        rows.extend(self.steps.iter().map(|s| row(&s.pass, &s.after)));
        rows.push(row("after", self.after));
        let head = ["network", "validation", "products", "ANDs", "bytes"];
        show!("{}", table::columns(&head, &rows));
        if let Some(p) = self.projection {
            say!(
                "the client turns {} values into {} coordinates; the factor ({}) is public with the model",
                p.features(),
                p.rank(),
                table::bytes(2 * p.factor().len() as u64)
            );
        }
        let written = self.written.display();
        say!("{fold:.1} times fewer AND gates, written to {written}");
    }

    fn json(&self, fold: f64, more: Value) -> Value {
        let steps: Vec<Value> = (self.steps.iter())
            .map(|s| json!({"pass": s.pass, "after": s.after}))
            .collect();
        let projection = self.projection.map(|p| {
            json!({
                "features": p.features(), "dimensions": p.rank(),
                "public_bytes": 2 * p.factor().len(),
            })
        });
        let mut object = json!({
            "before": self.before, "after": self.after, "compaction": fold, "steps": steps,
            "projection": projection, "written": self.written.display().to_string(),
        });
        if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
            object.extend(more);
        }
        object
    }
}
