//! `privet prune` and `privet shrink`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use privet_passes::prune::{Granularity, Options as PruneOptions, Scope, prune};
use privet_passes::report::{Cost, CostModel, Event, Measure};
use privet_passes::shrink::{Options as ShrinkOptions, shrink};
use privet_passes::train::Control;
use privet_passes::train::qat::Formats;
use privet_passes::{Error, Network};
use serde_json::json;

use crate::failure::Failure;
use crate::table;
use crate::training::{
    DataArgs, Task, TrainArgs, bar, described, failed, open, planned, quantised, show, writable,
    write,
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
/// Neurons and channels go unless `--what weights` is given; zero weights cost what other weights
/// cost, so single weights are of use to those who publish them or prune units afterwards. Writes ONNX.
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
    let outcome = prune(
        &mut network,
        &task.split,
        &options,
        &Planned(&task),
        &mut |e: &Event| {
            show(&bar, e.done, &e.stage);
            Control::Continue
        },
    );
    bar.finish_and_clear();
    let report = outcome.map_err(|e| failed(&args.model, e))?;
    let graph = described(&network, &task.graph).map_err(|e| failed(&args.model, e))?;
    write(&args.output, &privet_model::onnx::export(&graph))?;
    let written = args.output.display().to_string();
    tell(args.json, &report.before, &report.after, &written, &[]);
    Ok(())
}

/// Find the cheapest network within a budget of accuracy: units, then bits, trained in between.
///
/// Values and weights become short where the accuracy allows it, since bits are what garbling pays
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
    let task = open(&args.model, &args.data, args.train.seed)?;
    let options = ShrinkOptions {
        max_drop: args.max_drop / 100.0,
        // Model files carry no subspace, and the planner has no use for single zeros.
        projection: None,
        weights: false,
        retrain: args.train.options(args.epochs),
        folder: args.folder.clone(),
        ..ShrinkOptions::default()
    };
    let bar = bar();
    let found = shrink(
        &task.network,
        &task.split,
        &options,
        &Planned(&task),
        &mut |e: &Event| {
            show(&bar, e.done, &e.stage);
            Control::Continue
        },
    );
    bar.finish_and_clear();
    let found = found.map_err(|e| failed(&args.model, e))?;
    let model = quantised(&found.network, Some(&found.formats), &task)
        .map_err(|e| failed(&args.model, e))?;
    let bytes = privet_model::quant::file::encode(&model)
        .map_err(|e| Failure::file(args.output.display(), e))?;
    write(&args.output, &bytes)?;
    let steps: Vec<(String, Measure)> = found
        .steps
        .iter()
        .map(|s| (s.pass.clone(), s.after))
        .collect();
    let written = args.output.display().to_string();
    tell(args.json, &found.before, &found.after, &written, &steps);
    Ok(())
}

/// The planner's cost of a network, quantised as it would be served.
struct Planned<'a>(&'a Task);

impl CostModel for Planned<'_> {
    fn cost(&self, network: &Network, formats: Option<&Formats>) -> Result<Cost, Error> {
        planned(network, formats, self.0)
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

#[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
fn tell(json: bool, before: &Measure, after: &Measure, written: &str, steps: &[(String, Measure)]) {
    let fold = before.cost.ands as f64 / after.cost.ands.max(1) as f64;
    if json {
        let steps: Vec<_> = steps
            .iter()
            .map(|(pass, after)| json!({"pass": pass, "after": after}))
            .collect();
        println!(
            "{}",
            json!({"before": before, "after": after, "compaction": fold, "steps": steps, "written": written})
        );
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
    let mut rows = vec![row("before", before)];
    rows.extend(steps.iter().map(|(pass, m)| row(pass, m)));
    rows.push(row("after", after));
    let head = ["network", "validation", "products", "ANDs", "bytes"];
    print!("{}", table::columns(&head, &rows));
    println!("{fold:.1} times fewer AND gates, written to {written}");
}
