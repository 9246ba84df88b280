//! Model files: ONNX (quantised on the way) or quantised ones.

use std::path::{Path, PathBuf};

use clap::Args;
use privet_model::graph::Graph as FloatGraph;
use privet_model::preprocess::Preprocess;
use privet_model::quant::ir::{Model, Profile};
use privet_model::quant::{Frac, Placement, QuantOptions, range_of_bytes};
use privet_model::readers::Samples;

use crate::failure::{Failure, Kind};
use crate::inputs::Inputs;

/// How an ONNX model is quantised; a quantised file ignores none of it silently.
#[derive(Args, Clone)]
pub(crate) struct QuantArgs {
    /// Width of a stored value, in bits.
    #[arg(long, value_name = "B", default_value_t = 16, value_parser = clap::value_parser!(u32).range(4..=32))]
    pub(crate) bits: u32,
    /// Fraction bits, or auto: the most that fit the calibrated ranges.
    #[arg(long, value_name = "N|auto", default_value = "auto", value_parser = frac)]
    pub(crate) frac: Frac,
    /// Width of the accumulators' ring [default: bits plus the weights' fraction bits].
    #[arg(long, value_name = "L")]
    pub(crate) ring: Option<u32>,
    /// Spare bits above the calibrated ranges [default: 0 with --frac N, 1 with --frac auto].
    #[arg(long, value_name = "BITS")]
    pub(crate) margin: Option<u32>,
    /// Inputs that ranges are calibrated on: IDX, CSV, NPY or images. May be given several times, for several files.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Vec<PathBuf>,
    /// How a raw input becomes the network's, e.g. divide=255,mean=0.485;0.456;0.406,bgr.
    #[arg(long, value_name = "STEPS")]
    pub(crate) preprocess: Option<String>,
    /// Tell the client which quantised weights are zero: garbled layers leave them out.
    #[arg(long)]
    pub(crate) publish_sparsity: bool,
    /// Where fraction bits are dropped: early, directly behind each layer, or late, behind ReLU, max-pools and additions. Under gc
    /// early is cheaper, under ot and hybrid it depends on the network: plan tells. Values differ by the roundings of sums alone.
    #[arg(long, value_name = "early|late", default_value = "early", value_parser = placement)]
    pub(crate) truncate: Placement,
    /// How the network is followed: exact, bit for bit; approx, where each truncation but the answer's own may be one unit off, which
    /// spares messages (backends ot and hybrid; answers are not exact); or drop-K, with K columns of each product omitted (at double
    /// scale), which spares gates (backend gc).
    #[arg(long, value_name = "exact|approx|drop-K", default_value = "exact")]
    pub(crate) profile: Profile,
}

fn placement(text: &str) -> Result<Placement, String> {
    match text {
        "early" => Ok(Placement::Early),
        "late" => Ok(Placement::Late),
        _ => Err(format!("'{text}' is neither early nor late")),
    }
}

fn frac(text: &str) -> Result<Frac, String> {
    match text {
        "auto" => Ok(Frac::Auto),
        _ => text
            .parse()
            .map(Frac::Bits)
            .map_err(|_| format!("'{text}' is neither a number nor auto")),
    }
}

/// Most calibration samples that are used.
const CALIBRATION: usize = 1000;

/// A model file, read.
pub(crate) enum Loaded {
    /// From ONNX, still in floats.
    Float(Box<FloatGraph>),
    /// Quantised already.
    Quantised(Box<Model>),
}

/// Reads a model file of either kind.
pub(crate) fn load(path: &Path) -> Result<Loaded, Failure> {
    let bytes = privet_model::readers::read_file(path)
        .map_err(|e| Failure::new(Kind::File, e.to_string()))?;
    if privet_model::quant::file::is_model(&bytes) {
        let model = privet_model::quant::file::decode(&bytes)
            .map_err(|e| Failure::file(path.display(), e))?;
        return Ok(Loaded::Quantised(Box::new(model)));
    }
    let graph = privet_model::onnx::import(&bytes, &name_of(path))
        .map_err(|e| Failure::file(path.display(), e))?;
    Ok(Loaded::Float(Box::new(graph)))
}

/// What a quantised file says of how its widths were found; none for other files.
pub(crate) fn record(path: &Path) -> Option<serde_json::Value> {
    let bytes = privet_model::readers::read_file(path).ok()?;
    let (_, record) = privet_model::quant::file::decode_recorded(&bytes).ok()?;
    serde_json::from_str(&record?).ok()
}

/// The name a model goes by: its file's, without extensions.
fn name_of(path: &Path) -> String {
    let file = path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    file.trim_end_matches(".gz")
        .trim_end_matches(".onnx")
        .trim_end_matches(".pvq")
        .to_owned()
}

/// Reads a model and quantises it if it is not yet.
pub(crate) fn quantised(path: &Path, args: &QuantArgs) -> Result<Model, Failure> {
    match load(path)? {
        Loaded::Quantised(model) => Ok(*model),
        Loaded::Float(graph) => quantise(path, &graph, args),
    }
}

/// Quantises a float graph on the stated data.
pub(crate) fn quantise(
    path: &Path,
    graph: &FloatGraph,
    args: &QuantArgs,
) -> Result<Model, Failure> {
    Ok(quantise_on(path, graph, args)?.0)
}

/// The same, with the inputs of the stated data as the network gets them.
pub(crate) fn quantise_on(
    path: &Path,
    graph: &FloatGraph,
    args: &QuantArgs,
) -> Result<(Model, Vec<Vec<f32>>), Failure> {
    let mut graph = with_preprocess(graph, args)?;
    let mut input_range = None;
    let mut calibration = Vec::new();
    if !args.data.is_empty() {
        let inputs = Inputs::open(&args.data)?;
        let preprocess = inputs.preprocess(&graph);
        calibration = (0..inputs.len().min(CALIBRATION))
            .map(|i| inputs.prepare(i, &preprocess, graph.input_shape()))
            .collect::<Result<_, _>>()?;
        if inputs.kind() == privet_model::readers::Kind::Pixels {
            input_range = range_of_bytes(&preprocess);
        }
        // What the client will be told to do.
        graph.preprocess = Some(preprocess);
    }
    let options = QuantOptions {
        bits: args.bits,
        frac: args.frac,
        ring: args.ring,
        margin: args.margin,
        input_range,
        publish_sparsity: args.publish_sparsity,
        placement: args.truncate,
        profile: args.profile,
        ..QuantOptions::default()
    };
    let model = privet_model::quant::quantise(&graph, &options, &calibration)
        .map_err(|e| Failure::file(path.display(), e))?;
    Ok((model, calibration))
}

/// The graph with the preprocessing of the command line, if one is given.
pub(crate) fn with_preprocess(graph: &FloatGraph, args: &QuantArgs) -> Result<FloatGraph, Failure> {
    let mut graph = graph.clone();
    if let Some(steps) = &args.preprocess {
        restate(&mut graph, steps)?;
    }
    Ok(graph)
}

/// Replaces the preprocessing by that of the command line; a projection stays, the network was trained on it.
pub(crate) fn restate(graph: &mut FloatGraph, steps: &str) -> Result<(), Failure> {
    let mut steps = Preprocess::parse(steps).map_err(|e| Failure::usage(e.to_string()))?;
    steps.projection = graph.preprocess.take().and_then(|p| p.projection);
    graph.preprocess = Some(steps);
    Ok(())
}

/// The model's preprocessing, or what the data's kind suggests: bytes are divided by 255.
pub(crate) fn effective_preprocess(graph: &FloatGraph, samples: &Samples) -> Preprocess {
    graph
        .preprocess
        .clone()
        .unwrap_or_else(|| Preprocess::default_for(samples.kind()))
}

/// Opens a data file.
pub(crate) fn samples(path: &Path) -> Result<Samples, Failure> {
    Samples::open(path).map_err(|e| Failure::new(Kind::File, e.to_string()))
}

/// One sample, preprocessed to the network's input.
pub(crate) fn prepare(
    samples: &Samples,
    index: usize,
    preprocess: &Preprocess,
    shape: &[usize],
) -> Result<Vec<f32>, Failure> {
    let raw = samples
        .get(index)
        .map_err(|e| Failure::new(Kind::File, e.to_string()))?;
    preprocess
        .apply(&raw, samples.shape(), shape)
        .map_err(|e| Failure::file(format!("{}, sample {index}", samples.file()), e))
}
