//! `privet train`.

use std::path::PathBuf;

use clap::Args;
use privet_passes::network::Layer;
use privet_passes::rng::Rng;
use privet_passes::train::{Control, train, train_resumable};
use serde_json::json;

use crate::failure::Failure;
use crate::training::{
    DataArgs, TrainArgs, bar, described, failed, open, planned, show, with_dropout, writable, write,
};

/// Train a network that is a chain of layers, from its weights or from fresh ones.
///
/// Decisions (early stopping, which epoch is kept) are taken on a validation part of the data. The
/// result depends on the seed alone. Writes ONNX.
#[derive(Args)]
pub(crate) struct Train {
    /// ONNX network: its form, and its weights unless --fresh is given.
    model: PathBuf,
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
    /// Kept after every epoch; an interrupted run goes on from it.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// ONNX file to write.
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

/// Runs `train`.
pub(crate) fn run(args: &Train) -> Result<(), Failure> {
    writable(&args.output)?;
    let task = open(&args.model, &args.data, args.train.seed)?;
    let mut network = task.network.clone();
    if args.fresh {
        refresh(&mut network.layers, args.train.seed);
    }
    if let Some(rate) = args.dropout {
        with_dropout(&mut network, rate);
    }
    let mut options = args.train.options(args.epochs);
    options.patience = args.patience;
    options.range = args.range.map(|limit| privet_passes::train::RangePenalty {
        limit,
        weight: RANGE_WEIGHT,
    });
    let bar = bar();
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let mut tell = |e: &privet_passes::train::Epoch| {
        let found = 100.0 * e.validation_accuracy.unwrap_or(e.train_accuracy);
        let line = format!("epoch {}: loss {:.3}, {found:.2} %", e.epoch, e.loss);
        show(&bar, e.epoch as f64 / args.epochs.max(1) as f64, &line);
        Control::Continue
    };
    let (data, validation) = (&task.split.train, Some(&task.split.validation));
    let report = match &args.checkpoint {
        Some(path) => train_resumable(&mut network, data, validation, &options, path, &mut tell),
        None => train(&mut network, data, validation, &options, &mut tell),
    };
    bar.finish_and_clear();
    let report = report.map_err(|e| failed(&args.model, e))?;
    network.layers.retain(|l| !matches!(l, Layer::Dropout(_)));
    let graph = described(&network, &task.graph, data).map_err(|e| failed(&args.model, e))?;
    write(&args.output, &privet_model::onnx::export(&graph))?;
    let cost =
        planned(&network, None, &task.graph, data, false).map_err(|e| failed(&args.output, e))?;
    if args.json {
        println!(
            "{}",
            json!({
                "before": report.before, "after": report.after, "best_epoch": report.best,
                "epochs": report.epochs.len(), "seed": args.train.seed, "cost": cost,
                "validation_samples": task.split.validation.len(),
            })
        );
        return Ok(());
    }
    println!(
        "validation accuracy {:.2} % (before {:.2} %), epoch {} of {} kept, written to {}",
        100.0 * report.after.unwrap_or_default(),
        100.0 * report.before.unwrap_or_default(),
        report.best,
        report.epochs.len(),
        args.output.display()
    );
    println!("{}", crate::shrink::cost_line(&cost));
    Ok(())
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
