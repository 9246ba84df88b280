//! `privet train`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;
use privet_passes::network::Layer;
use privet_passes::report::Cost;
use privet_passes::rng::Rng;
use privet_passes::train::qat::{Formats, Widths};
use privet_passes::train::{
    Options, RangePenalty, Report, Tick, train as train_whole, train_resumable,
};
use privet_passes::{Error, Network};
use serde_json::json;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::table;
use crate::terminal::say;
use crate::training::{
    DataArgs, Task, TrainArgs, bar, described, failed, open, planned, quantised, show, stopped,
    with_data, with_dropout, writable, write,
};

/// Train a network that is a chain of layers, from its weights or from fresh ones.
///
/// Decisions (early stopping, which epoch is kept) are taken on a validation part of the data. The
/// result depends on the seed alone. Writes ONNX or, with short widths, a quantised model. Ctrl-C finishes
/// the step, writes the checkpoint and ends with exit code 130.
#[derive(Args)]
pub(crate) struct Train {
    /// ONNX network: its form, and its weights unless --fresh is given.
    #[arg(required_unless_present = "layers")]
    model: Option<PathBuf>,
    /// An untrained network instead, e.g. 784-300-sigmoid-100-sigmoid-10 or 28x28-5C2-relu-100-relu-10.
    ///
    /// First the input (N, HxW or CxHxW), then N or NFC (fully connected), NCS (N maps, 5x5 windows, stride S,
    /// one cell of padding before), NCKxKsSpP (KxK windows, stride S, padding P), relu, sigmoid, tanh,
    /// maxpoolK, avgpoolK; a softmax at the end is dropped.
    #[arg(long, value_name = "LAYERS", conflicts_with_all = ["model", "fresh"])]
    layers: Option<String>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    train: TrainArgs,
    /// Most passes over the training part.
    #[arg(long, value_name = "N", default_value_t = 15)]
    epochs: usize,
    /// Begin with random weights.
    #[arg(long)]
    fresh: bool,
    /// Share of the fully connected layers' activations that a step leaves out.
    #[arg(long, value_name = "P", value_parser = dropout)]
    dropout: Option<f32>,
    /// Stop after so many epochs without a better validation accuracy.
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// Penalise pre-activations beyond this magnitude, so that they fit a short format.
    #[arg(long, value_name = "X")]
    range: Option<f32>,
    /// Then train on under rounding to weights of so many bits, and write a quantised model.
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u32).range(2..=24))]
    weight_bits: Option<u32>,
    /// The same for values: the input and what layers put out [default with --weight-bits: 16].
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u32).range(2..=24))]
    value_bits: Option<u32>,
    /// Passes under rounding.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounded_epochs: usize,
    /// Kept after every epoch and on Ctrl-C; an interrupted run goes on from it.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// File to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

fn dropout(text: &str) -> Result<f32, String> {
    text.parse()
        .ok()
        .filter(|p| (0.0..1.0).contains(p))
        .ok_or_else(|| format!("'{text}' is not a share in [0, 1)"))
}

/// Weight of the range penalty in the loss.
const RANGE_WEIGHT: f32 = 0.01;
/// Widths where only the other one is given.
const VALUE_BITS: u32 = 16;
const WEIGHT_BITS: u32 = 12;

impl Train {
    /// What errors call the network.
    fn name(&self) -> &Path {
        self.model.as_deref().unwrap_or(Path::new("--layers"))
    }

    fn task(&self) -> Result<Task, Failure> {
        if let Some(model) = &self.model {
            return open(model, &self.data, self.train.seed);
        }
        let text = self.layers.as_deref().unwrap_or_default();
        let name = self.output.file_stem().unwrap_or_default();
        let mut rng = Rng::new(self.train.seed, 0);
        let graph = Network::from_text(&name.to_string_lossy(), text, &mut rng)
            .and_then(|n| n.to_graph())
            .map_err(|e| failed(self.name(), e))?;
        with_data(graph, self.name(), &self.data, self.train.seed)
    }

    /// Options of training in floats.
    fn options(&self) -> Options {
        let mut options = self.train.options(self.epochs);
        options.patience = self.patience;
        options.range = self.range.map(|limit| RangePenalty {
            limit,
            weight: RANGE_WEIGHT,
        });
        options
    }

    /// The widths, if any is given.
    fn widths(&self) -> Option<Widths> {
        (self.weight_bits.is_some() || self.value_bits.is_some()).then(|| Widths {
            values: self.value_bits.unwrap_or(VALUE_BITS),
            weights: self.weight_bits.unwrap_or(WEIGHT_BITS),
            margin: 1,
        })
    }
}

/// Runs `train`.
pub(crate) fn run(args: &Train) -> Result<(), Failure> {
    writable(&args.output)?;
    let interrupt = Interrupt::listen()?;
    let task = args.task()?;
    let fail = |e: Error| failed(args.name(), e);
    let mut network = task.network.clone();
    if args.fresh {
        refresh(&mut network.layers, args.train.seed);
    }
    let macs = network.macs().map_err(fail)?;
    if let Some(rate) = args.dropout {
        with_dropout(&mut network, rate);
    }
    let pace = Pace::new(args, macs, &task);
    let mut course = Course {
        args,
        task: &task,
        interrupt: &interrupt,
        pace,
    };
    let report = course.train(&mut network, &args.options(), "")?;
    network.layers.retain(|l| !matches!(l, Layer::Dropout(_)));
    let data = &task.split.train;
    let Some(widths) = args.widths() else {
        let graph = described(&network, &task.graph, data).map_err(fail)?;
        write(&args.output, &privet_model::onnx::export(&graph))?;
        let cost = planned(&network, None, &task.graph, data, false);
        course.tell(&report, None, cost);
        return Ok(());
    };
    let samples = data.spread(CALIBRATION);
    let formats = Formats::choose(&network, &samples.samples(), &widths).map_err(fail)?;
    let options = Options {
        formats: Some(formats.clone()),
        ..args.train.options(args.rounded_epochs)
    };
    let rounded = course.train(&mut network, &options, ".rounded")?;
    network = formats.round_weights(&network);
    let model = quantised(&network, Some(&formats), &task.graph, data, false).map_err(fail)?;
    let bytes = privet_model::quant::file::encode(&model)
        .map_err(|e| Failure::file(args.output.display(), e))?;
    write(&args.output, &bytes)?;
    let cost = planned(&network, Some(&formats), &task.graph, data, false);
    course.tell(&report, Some((&rounded, &widths)), cost);
    Ok(())
}

/// Samples that the scales of short widths are chosen on.
const CALIBRATION: usize = 2_000;

/// The training parts of one command.
struct Course<'a> {
    args: &'a Train,
    task: &'a Task,
    interrupt: &'a Interrupt,
    pace: Pace,
}

impl Course<'_> {
    /// Trains; the part's checkpoint is the command's with an ending.
    fn train(
        &mut self,
        network: &mut Network,
        options: &Options,
        ending: &str,
    ) -> Result<Report, Failure> {
        let bar = bar();
        let pace = &mut self.pace;
        let interrupt = self.interrupt;
        let mut last = None;
        let mut tell = |tick: &Tick| {
            last = Some(*tick);
            pace.follow(tick, options.epochs, &bar);
            interrupt.control()
        };
        let split = &self.task.split;
        let (data, validation) = (&split.train, Some(&split.validation));
        let path = self.args.checkpoint.as_ref().map(|path| {
            let mut name = path.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        });
        let report = match &path {
            Some(path) => train_resumable(network, data, validation, options, path, &mut tell),
            None => train_whole(network, data, validation, options, &mut tell),
        };
        bar.finish_and_clear();
        let report = report.map_err(|e| failed(self.args.name(), e))?;
        if !self.interrupt.asked() {
            return Ok(report);
        }
        let place = last.map_or_else(
            || "before the first step".to_owned(),
            |t| format!("in epoch {}, batch {} of {}", t.epoch, t.batch, t.batches),
        );
        let kept = self.args.checkpoint.as_deref();
        Err(stopped(&place, kept, "--checkpoint FILE"))
    }

    /// What was found. A network may be trained well and have no plan at the default widths: then no cost is told.
    fn tell(
        &self,
        report: &Report,
        rounded: Option<(&Report, &Widths)>,
        cost: Result<Cost, Error>,
    ) {
        let cost = cost.map_err(|e| e.to_string());
        let args = self.args;
        let samples = self.task.split.validation.len();
        if args.json {
            let rounded = rounded.map(|(report, widths)| {
                json!({
                    "weight_bits": widths.weights, "value_bits": widths.values,
                    "before": report.before, "after": report.after,
                    "best_epoch": report.best, "epochs": report.epochs.len(),
                })
            });
            say!(
                "{}",
                json!({
                    "before": report.before, "after": report.after, "best_epoch": report.best,
                    "epochs": report.epochs.len(), "seed": args.train.seed,
                    "cost": cost.as_ref().ok(), "no_cost": cost.as_ref().err(),
                    "validation_samples": samples, "rounded": rounded,
                    "macs_per_epoch": self.pace.macs, "seconds_per_epoch": self.pace.seconds,
                })
            );
            return;
        }
        let line = |report: &Report| {
            format!(
                "validation accuracy {:.2} % (before {:.2} %), epoch {} of {} kept",
                100.0 * report.after.unwrap_or_default(),
                100.0 * report.before.unwrap_or_default(),
                report.best,
                report.epochs.len(),
            )
        };
        say!("{}", line(report));
        if let Some((report, widths)) = rounded {
            say!(
                "under rounding to {}-bit weights and {}-bit values: {}",
                widths.weights,
                widths.values,
                line(report)
            );
        }
        say!("written to {}", args.output.display());
        match cost {
            Ok(cost) => say!("{}", crate::shrink::cost_line(&cost)),
            Err(reason) => say!("cost at 16 bits: none, {reason}"),
        }
    }
}

/// How long training takes: told before the first step, and again when the first epoch was timed.
struct Pace {
    /// Multiplications of one epoch: forward, and twice as many for the gradients.
    macs: u64,
    /// Of the first whole epoch.
    seconds: Option<f64>,
    /// When the current epoch began, if with its first batch.
    began: Option<Instant>,
    /// A batch is done.
    started: bool,
    quiet: bool,
}

impl Pace {
    fn new(args: &Train, macs: u64, task: &Task) -> Self {
        let count = task.split.train.len() as u64;
        let macs_per_epoch = macs.saturating_mul(3).saturating_mul(count);
        if !args.json {
            say!(
                "{} training samples, {} multiplications each: {} an epoch with the gradients; at most {} epochs",
                table::count(count),
                table::count(macs),
                table::count(macs_per_epoch),
                args.epochs
            );
        }
        Self {
            macs: macs_per_epoch,
            seconds: None,
            began: Some(Instant::now()),
            started: false,
            quiet: args.json,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "for people")]
    fn follow(&mut self, tick: &Tick, epochs: usize, bar: &ProgressBar) {
        let mut line = format!("epoch {}", tick.epoch);
        if !std::mem::replace(&mut self.started, true) && tick.batch > 1 {
            // Resumed in the middle of this epoch: the next is timed.
            self.began = None;
        }
        if let Some(epoch) = tick.finished {
            let found = 100.0 * epoch.validation_accuracy.unwrap_or(epoch.train_accuracy);
            line = format!(
                "epoch {}: loss {:.3}, {found:.2} %",
                epoch.epoch, epoch.loss
            );
            if let (None, Some(began)) = (self.seconds, self.began.replace(Instant::now())) {
                let seconds = began.elapsed().as_secs_f64();
                self.seconds = Some(seconds);
                let left = (epochs - epoch.epoch.min(epochs)) as f64 * seconds;
                if !self.quiet {
                    bar.suspend(|| {
                        say!(
                            "{} an epoch: about {} more",
                            table::seconds(seconds),
                            table::seconds(left)
                        );
                    });
                }
            }
        }
        show(bar, tick.done() / epochs.max(1) as f64, &line);
    }
}

/// Random weights for every layer, by the seed.
fn refresh(layers: &mut [Layer], seed: u64) {
    let mut rng = Rng::new(seed, 0);
    for layer in layers {
        if let Some(weights) = layer.weights_mut() {
            let (outputs, inputs) = weights.matrix.dim();
            *weights = privet_passes::network::Weights::random(outputs, inputs, &mut rng);
        }
    }
}
