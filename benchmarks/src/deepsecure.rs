//! The four networks of DeepSecure (DAC 2018, arXiv 1705.08963, Tables 4 and 5), end to end.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Table;
use crate::pair::{Pair, PairError};
use crate::table::median;

/// One of the four benchmarks.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// `B1` to `B4`.
    pub name: &'static str,
    /// Layers, as the paper writes them.
    pub layers: &'static str,
    /// Model file below the data directory.
    pub model: &'static str,
    /// Inputs below the data directory.
    pub data: &'static str,
    /// Preprocessing of the inputs.
    pub preprocess: &'static str,
    /// Fraction bits at 16 bits.
    pub frac: u32,
    /// The paper's non-XOR gates.
    pub paper_non_xor: f64,
    /// The paper's megabytes.
    pub paper_mb: f64,
    /// The paper's seconds.
    pub paper_seconds: f64,
}

/// The four, as in the paper's tables before projection and pruning.
pub const NETWORKS: [Network; 4] = [
    Network {
        name: "B1",
        layers: "28x28-5C2-ReLU-100FC-ReLU-10FC-Softmax",
        model: "models/b1_mnist_cnn.onnx",
        data: "mnist/t10k-images-idx3-ubyte.gz",
        preprocess: "divide=255",
        frac: 12,
        paper_non_xor: 2.47e7,
        paper_mb: 791.0,
        paper_seconds: 9.67,
    },
    Network {
        name: "B2",
        layers: "784-300FC-Sigmoid-100FC-Sigmoid-10FC-Softmax",
        model: "models/b2_mnist_dnn.onnx",
        data: "mnist/t10k-images-idx3-ubyte.gz",
        preprocess: "divide=255",
        frac: 11,
        paper_non_xor: 6.23e7,
        paper_mb: 1990.0,
        paper_seconds: 24.37,
    },
    Network {
        name: "B3",
        layers: "617-50FC-Tanh-26FC-Softmax",
        model: "models/b3_isolet.onnx",
        data: "isolet/isolet-test-features-i16e4.idx.gz",
        preprocess: "divide=10000",
        frac: 11,
        paper_non_xor: 7.54e6,
        paper_mb: 241.0,
        paper_seconds: 2.95,
    },
    Network {
        name: "B4",
        layers: "5625-2000FC-Tanh-500FC-Tanh-19FC-Softmax",
        model: "models/b4_dsa.onnx.gz",
        data: "dsa/dsa-test456-i16q12.idx.gz",
        preprocess: "divide=4096",
        frac: 10,
        paper_non_xor: 2.81e9,
        paper_mb: 89_800.0,
        paper_seconds: 1098.0,
    },
];

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program.
    pub program: PathBuf,
    /// Where the models and inputs lie.
    pub data: PathBuf,
    /// Directory for identities.
    pub scratch: PathBuf,
    /// Names of the networks; empty: B1 to B3.
    pub networks: Vec<String>,
    /// Inputs per network.
    pub inputs: usize,
    /// Threads per party.
    pub threads: usize,
}

/// Runs the networks unshrunk, each in two processes over TLS.
///
/// # Errors
/// A process fails.
pub fn run(options: &Options) -> Result<Table, PairError> {
    let mut table = Table::new("deepsecure");
    for network in &NETWORKS {
        let wanted = if options.networks.is_empty() {
            network.name != "B4"
        } else {
            options
                .networks
                .iter()
                .any(|n| n.eq_ignore_ascii_case(network.name))
        };
        if wanted {
            table.rows.push(one(options, network)?);
        }
    }
    Ok(table)
}

fn path(options: &Options, below: &str) -> String {
    options.data.join(Path::new(below)).display().to_string()
}

fn one(options: &Options, network: &Network) -> Result<Value, PairError> {
    let data = path(options, network.data);
    let indices: Vec<String> = (0..options.inputs.max(1)).map(|i| i.to_string()).collect();
    let threads = options.threads.to_string();
    let own = |args: &[&str]| args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>();
    let pair = Pair {
        program: &options.program,
        scratch: &options.scratch,
        serve: own(&[
            "--model",
            &path(options, network.model),
            "--data",
            &data,
            "--preprocess",
            network.preprocess,
            "--bits",
            "16",
            "--frac",
            &network.frac.to_string(),
            "--threads",
            &threads,
            "--insecure-verify",
        ]),
        infer: own(&[
            "--input",
            &data,
            "--index",
            &indices.join(","),
            "--threads",
            &threads,
            "--insecure-verify",
            "--max-bytes",
            "1TiB",
        ]),
    };
    let printed = pair.run()?;
    let number = |v: &Value, key: &str| v.get(key).and_then(Value::as_f64);
    let all = |key: &str| -> Vec<f64> {
        printed
            .client
            .iter()
            .filter_map(|row| number(row, key))
            .collect()
    };
    let exact = printed
        .client
        .iter()
        .all(|row| row.get("exact") == Some(&Value::Bool(true)));
    let seconds = median(&all("seconds")).unwrap_or(f64::NAN);
    let non_xor = median(&all("ands")).unwrap_or(f64::NAN);
    let bytes = median(&all("bytes")).unwrap_or(f64::NAN);
    let peak = |rows: &[Value]| {
        rows.iter()
            .filter_map(|r| number(r, "peak_rss"))
            .fold(0.0, f64::max)
    };
    Ok(json!({
        "case": network.name,
        "network": network.layers,
        "inputs": printed.client.len(),
        "threads": options.threads,
        "exact": exact,
        "non_xor": non_xor,
        "bytes": bytes,
        "seconds": seconds,
        "non_xor_per_s": non_xor / seconds,
        "client_peak_rss": peak(&printed.client),
        "server_peak_rss": peak(&printed.server),
        "paper": {
            "non_xor": network.paper_non_xor,
            "bytes": network.paper_mb * 1e6,
            "seconds": network.paper_seconds,
        },
        "times_faster": network.paper_seconds / seconds,
        "non_xor_ratio": non_xor / network.paper_non_xor,
    }))
}
