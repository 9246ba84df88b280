//! One network's row: accuracy in floats, in integers and in secure runs, and what a secure run costs.

use std::path::{Path, PathBuf};

use privet_model::quant::ir::Model;
use privet_model::quant::{QuantOptions, Weights, file};
use privet_passes::train::qat::Formats;
use privet_passes::{Dataset, Network, fixed};
use serde_json::{Value, json};

use super::recipe::{Paper, Recipe};
use super::{BenchError, Options};
use crate::pair::Pair;
use crate::table::median;

/// Widest weights of an unshrunk network.
const WEIGHT_BITS: u32 = 12;

/// A network and what it is asked.
pub(super) struct Subject<'a> {
    pub(super) network: &'a Network,
    pub(super) quant: QuantOptions,
    pub(super) calibration: &'a Dataset,
    pub(super) judged: &'a Dataset,
    /// The same samples as the client holds them, before any embedding: the model file says what becomes of them.
    pub(super) raw: &'a Dataset,
    /// Shape of one of these.
    pub(super) shape: &'a [usize],
    /// Inputs of secure runs, at most.
    pub(super) inputs: usize,
    pub(super) paper: Paper,
}

/// What an unshrunk network is quantised with.
pub(super) fn unshrunk(recipe: &Recipe) -> QuantOptions {
    QuantOptions {
        weights: Weights::Fit(WEIGHT_BITS),
        input_range: recipe.input_range,
        ..QuantOptions::default()
    }
}

/// What a shrunk network is quantised with; the bounds of samples are not those of coordinates in a subspace.
pub(super) fn shrunk(recipe: &Recipe, formats: &Formats, projected: bool) -> QuantOptions {
    QuantOptions {
        input_range: recipe.input_range.filter(|_| !projected),
        // Single weights were dropped only to be left out.
        publish_sparsity: recipe.shrink.weights,
        ..fixed::options(formats)
    }
}

impl Subject<'_> {
    /// Measures it; `name` names its files in the scratch directory.
    pub(super) fn measure(&self, name: &str, options: &Options) -> Result<Value, BenchError> {
        let float = self.network.accuracy(self.judged)?;
        let model = fixed::quantised(self.network, &self.quant, self.calibration)?;
        let exact = fixed::accuracy(&model, self.judged)?;
        let secure = self.secure(&model, name, options)?;
        let widths: Vec<u32> = model
            .graph
            .nodes
            .iter()
            .filter_map(|n| n.op.weight_bits())
            .collect();
        let mut row = json!({
            "judged_on": self.judged.len(),
            "macs": self.network.macs()?,
            "value_bits": model.graph.value_bits,
            "weight_bits": widths,
            "published_zeros": self.quant.publish_sparsity,
            "accuracy_float": float,
            "accuracy_fixed": exact,
            "paper": {
                "non_xor": self.paper.non_xor,
                "bytes": self.paper.mb * 1e6,
                "seconds": self.paper.seconds,
            },
        });
        let ratio = |key: &str, paper: f64| {
            let own = secure.get(key).and_then(Value::as_f64);
            own.map_or(Value::Null, |own| json!(paper / own))
        };
        let ratios = [
            ("times_fewer_non_xor", ratio("non_xor", self.paper.non_xor)),
            ("times_faster", ratio("seconds", self.paper.seconds)),
        ];
        if let (Value::Object(row), Value::Object(secure)) = (&mut row, secure) {
            row.extend(secure);
            row.extend(ratios.map(|(key, value)| (key.to_owned(), value)));
        }
        Ok(row)
    }

    /// Runs two processes over evenly spread samples.
    fn secure(&self, model: &Model, name: &str, options: &Options) -> Result<Value, BenchError> {
        let count = options.inputs.clamp(1, self.inputs).min(self.judged.len());
        let step = (self.judged.len() / count.max(1)).max(1);
        let rows: Vec<usize> = (0..count).map(|i| i * step).collect();
        let chosen = self.raw.select(&rows);
        let path = |end: &str| -> PathBuf { options.scratch.join(format!("{name}.{end}")) };
        let (model_path, inputs) = (path("privet"), path("npy"));
        file::write(&model_path, model).map_err(|e| BenchError::Model(e.to_string()))?;
        std::fs::write(&inputs, npy(&chosen, self.shape)).map_err(|source| BenchError::Io {
            path: inputs.clone(),
            source,
        })?;
        let printed = self.pair(&model_path, &inputs, options).run()?;
        let labels: Vec<Option<u64>> = printed
            .client
            .iter()
            .map(|row| row.get("label").and_then(Value::as_u64))
            .collect();
        if labels.len() != chosen.len() {
            return Err(BenchError::Model(format!(
                "{} answers for {} inputs",
                labels.len(),
                chosen.len()
            )));
        }
        let right = labels
            .iter()
            .zip(chosen.labels())
            .filter(|(found, label)| **found == Some(**label as u64))
            .count();
        let exact = printed
            .client
            .iter()
            .all(|row| row.get("exact") == Some(&Value::Bool(true)));
        let all = |rows: &[Value], key: &str| -> Vec<f64> {
            let number = |row: &Value| row.get(key).and_then(Value::as_f64);
            rows.iter().filter_map(number).collect()
        };
        let peak =
            |rows: &[Value]| -> f64 { all(rows, "peak_rss").into_iter().fold(0.0, f64::max) };
        Ok(json!({
            "inputs": chosen.len(),
            "accuracy_secure": right as f64 / chosen.len() as f64,
            "exact": exact,
            "threads": options.threads,
            "non_xor": median(&all(&printed.client, "ands")),
            "bytes": median(&all(&printed.client, "bytes")),
            "seconds": median(&all(&printed.client, "seconds")),
            "client_peak_rss": peak(&printed.client),
            "server_peak_rss": peak(&printed.server),
        }))
    }

    fn pair<'a>(&self, model: &Path, inputs: &Path, options: &'a Options) -> Pair<'a> {
        let threads = options.threads.to_string();
        let both = ["--threads", &threads, "--insecure-verify"];
        let own = |args: &[&str]| -> Vec<String> {
            args.iter().chain(&both).map(|a| (*a).to_owned()).collect()
        };
        Pair {
            program: &options.program,
            scratch: &options.scratch,
            serve: own(&["--model", &model.display().to_string()]),
            infer: own(&[
                "--input",
                &inputs.display().to_string(),
                "--max-bytes",
                "1TiB",
            ]),
        }
    }
}

/// Samples as the client holds them: scaled, not embedded.
fn npy(data: &Dataset, shape: &[usize]) -> Vec<u8> {
    let extents: Vec<String> = std::iter::once(data.len())
        .chain(shape.iter().copied())
        .map(|e| e.to_string())
        .collect();
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({},), }}",
        extents.join(", ")
    );
    // Magic, version and length take 10 bytes; the data begin at a multiple of 64.
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(
        u16::try_from(header.len())
            .unwrap_or(u16::MAX)
            .to_le_bytes(),
    );
    bytes.extend(header.as_bytes());
    bytes.extend(data.samples().iter().flat_map(|v| v.to_le_bytes()));
    bytes
}
