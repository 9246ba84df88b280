//! `privet quantise` and `privet evaluate`.

use std::path::PathBuf;

use clap::Args;
use privet_model::quant::{Deviations, Oracle, file};
use serde_json::json;

use crate::auto::{self, AutoArgs};
use crate::deviations::{DEVIATIONS, Measuring, deviations, told};
use crate::failure::{Failure, Kind};
use crate::models::{
    Loaded, QuantArgs, effective_preprocess, load, prepare, quantise, quantise_on, samples,
};
use crate::terminal::say;

/// Turn an ONNX model into a quantised file that can be served, inspected and compared.
///
/// With --auto, widths are searched instead of stated: first the smallest common ones that keep the accuracy on the data, then smaller
/// ones layer by layer, the most expensive first by the planner's cost.
#[derive(Args)]
pub(crate) struct Quantise {
    /// ONNX model.
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) quant: QuantArgs,
    #[command(flatten)]
    pub(crate) auto: AutoArgs,
    /// File to write.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Runs `quantise`.
pub(crate) fn run(args: &Quantise) -> Result<(), Failure> {
    let (model, inputs) = match load(&args.model)? {
        Loaded::Quantised(_) => {
            return Err(Failure::new(
                Kind::File,
                format!("{} is quantised already", args.model.display()),
            ));
        }
        Loaded::Float(graph) if args.auto.auto => return auto::run(args, &graph),
        Loaded::Float(graph) => quantise_on(&args.model, &graph, &args.quant)?,
    };
    let deviations =
        deviations(&model, &inputs).map_err(|e| Failure::file(args.model.display(), e))?;
    let bytes = match &deviations {
        None => file::encode(&model),
        // A record that is too long is left out.
        Some(found) => file::encode_recorded(&model, &json!({ DEVIATIONS: found }).to_string())
            .or_else(|_| file::encode(&model)),
    };
    let bytes = bytes.map_err(|e| Failure::file(args.output.display(), e))?;
    std::fs::write(&args.output, &bytes).map_err(|e| Failure::file(args.output.display(), e))?;
    let frac = model.graph.tensors.first().map_or(0, |t| t.frac_bits);
    say!(
        "{}: {} bits, {} fraction bits, profile {}, {} written to {}",
        model.graph.name,
        model.graph.value_bits,
        frac,
        model.graph.profile,
        crate::table::bytes(bytes.len() as u64),
        args.output.display()
    );
    if let Some(found) = &deviations {
        say!("{}", told(found));
    }
    Ok(())
}

/// Evaluate a model in the clear: labels, and accuracy where the true labels are given.
#[derive(Args)]
pub(crate) struct Evaluate {
    /// ONNX model, or a quantised one.
    model: PathBuf,
    #[command(flatten)]
    quant: QuantArgs,
    /// Inputs: IDX, CSV, NPY or images.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    input: Vec<PathBuf>,
    /// True labels of the (one) input file, IDX or CSV.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Use only the first N inputs of each file.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// One JSON object with accuracies at the end, after one per input.
    #[arg(long)]
    json: bool,
}

/// Tallies of one run.
#[derive(Default)]
struct Tally {
    inputs: usize,
    labelled: usize,
    float_right: usize,
    fixed_right: usize,
    agree: usize,
}

/// Runs `evaluate`.
pub(crate) fn evaluate(args: &Evaluate) -> Result<(), Failure> {
    let loaded = load(&args.model)?;
    let (float, model) = match loaded {
        Loaded::Quantised(model) => (None, *model),
        Loaded::Float(graph) => {
            let graph = crate::models::with_preprocess(&graph, &args.quant)?;
            let model = quantise(&args.model, &graph, &args.quant)?;
            (Some(graph), model)
        }
    };
    let oracle = Oracle::new(&model).map_err(|e| Failure::file(args.model.display(), e))?;
    let shape = model
        .graph
        .tensors
        .get(model.graph.input.0 as usize)
        .map(|t| t.shape.clone())
        .unwrap_or_default();
    let mut tally = Tally::default();
    let mut deviations = Measuring::of(&model);
    for path in &args.input {
        let file = samples(path)?;
        let labels = match &args.labels {
            None => None,
            Some(labels) => Some(
                privet_model::readers::labels(labels)
                    .map_err(|e| Failure::file(labels.display(), e))?,
            ),
        };
        let preprocess = match &float {
            Some(graph) => effective_preprocess(graph, &file),
            None => model.graph.preprocess.clone(),
        };
        for index in 0..file.len().min(args.count.unwrap_or(usize::MAX)) {
            let input = prepare(&file, index, &preprocess, &shape)?;
            let integers = model
                .graph
                .quantise_input(&input)
                .map_err(|e| Failure::file(path.display(), e))?;
            let fixed = oracle
                .evaluate(&integers)
                .map_err(|e| Failure::file(path.display(), e))?;
            deviations
                .add(&oracle, &integers, &fixed)
                .map_err(|e| Failure::file(path.display(), e))?;
            let float = match &float {
                None => None,
                Some(graph) => {
                    let logits = graph
                        .evaluate(&input)
                        .map_err(|e| Failure::file(path.display(), e))?;
                    privet_model::float::argmax(&logits)
                }
            };
            let truth = labels.as_ref().and_then(|l| l.get(index)).copied();
            tally.inputs += 1;
            tally.agree += usize::from(float == Some(fixed.label));
            if let Some(truth) = truth {
                tally.labelled += 1;
                tally.fixed_right += usize::from(fixed.label as u64 == u64::from(truth));
                tally.float_right +=
                    usize::from(float.is_some_and(|f| f as u64 == u64::from(truth)));
            }
            if args.labels.is_none() {
                let line = json!({
                    "input": path.display().to_string(), "index": index,
                    "label": fixed.label, "logits": fixed.logits, "float_label": float,
                });
                if args.json {
                    say!("{line}");
                } else {
                    say!(
                        "{} [{index}]: label {}, logits {:?}",
                        path.display(),
                        fixed.label,
                        fixed.logits
                    );
                }
            }
        }
    }
    summary(args, &tally, float.is_some(), deviations.found());
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "percentages of small counts")]
fn summary(args: &Evaluate, tally: &Tally, has_float: bool, deviations: Option<&Deviations>) {
    let share = |n: usize| n as f64 / tally.labelled.max(1) as f64;
    if args.json {
        say!(
            "{}",
            json!({
                "inputs": tally.inputs,
                "labelled": tally.labelled,
                "fixed_accuracy": (tally.labelled > 0).then(|| share(tally.fixed_right)),
                "float_accuracy": (tally.labelled > 0 && has_float).then(|| share(tally.float_right)),
                "same_label": has_float.then_some(tally.agree),
                "deviations": deviations,
            })
        );
        return;
    }
    if tally.labelled > 0 {
        say!("inputs {}", tally.labelled);
        if has_float {
            say!(
                "float accuracy       {:6.2} %",
                100.0 * share(tally.float_right)
            );
        }
        say!(
            "fixed-point accuracy {:6.2} %",
            100.0 * share(tally.fixed_right)
        );
    }
    if has_float {
        say!(
            "same label as the float model: {} of {}",
            tally.agree,
            tally.inputs
        );
    }
    if let Some(found) = deviations {
        say!("{}", told(found));
    }
}
