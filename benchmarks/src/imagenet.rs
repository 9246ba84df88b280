//! A whole network on real inputs: two processes over TLS, offline and online parts apart, equal to the oracle.

use std::path::PathBuf;

use privet_net::Link;
use privet_plan::Backend;
use serde_json::{Value, json};

use crate::Table;
use crate::pair::{Pair, PairError, Printed};
use crate::table::median;

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program.
    pub program: PathBuf,
    /// Directory for the two identities.
    pub scratch: PathBuf,
    /// The quantised network.
    pub model: PathBuf,
    /// Files of inputs.
    pub inputs: Vec<PathBuf>,
    /// Samples of each file; empty: all.
    pub samples: Vec<usize>,
    /// How the network is evaluated, one after the other.
    pub backends: Vec<Backend>,
    /// Threads per party.
    pub threads: Vec<usize>,
    /// Links.
    pub links: Vec<Link>,
    /// Memory of the server for an inference and for weights that it keeps evaluated; none: its default.
    pub memory_budget: Option<u64>,
    /// The largest parameters for encryption.
    pub strict: bool,
    /// Sessions of each combination.
    pub runs: usize,
}

/// One row for each backend, number of threads, link and run; `tell` hears of what is being done and which share of it is.
///
/// # Errors
/// A process that fails.
pub fn run(options: &Options, tell: &mut dyn FnMut(&str, f64)) -> Result<Table, PairError> {
    let mut table = Table::new("imagenet");
    let (links, threads) = (&options.links, &options.threads);
    let cases = options.backends.iter().flat_map(|backend| {
        let threads = threads.iter();
        threads.flat_map(move |threads| links.iter().map(move |link| (*backend, *threads, *link)))
    });
    let cases: Vec<_> = cases.collect();
    let all = cases.len() * options.runs;
    for (index, (backend, threads, link)) in cases.into_iter().enumerate() {
        for run in 0..options.runs {
            let stage = format!("{backend}, {threads} threads, link {link}");
            #[expect(clippy::cast_precision_loss, reason = "for people")]
            tell(&stage, (index * options.runs + run) as f64 / all as f64);
            let printed = pair(options, backend, threads, link).run()?;
            let mut row = json!({
                "model": options.model.file_stem().map(|name| name.to_string_lossy()),
                "backend": backend.to_string(),
                "threads": threads,
                "link": link.to_string(),
                "run": run,
                "memory_budget": options.memory_budget,
            });
            if let (Value::Object(row), Value::Object(figures)) = (&mut row, figures(&printed)) {
                row.extend(figures);
            }
            table.rows.push(row);
        }
    }
    Ok(table)
}

fn pair(options: &Options, backend: Backend, threads: usize, link: Link) -> Pair<'_> {
    let (backend, threads, link) = (backend.to_string(), threads.to_string(), link.to_string());
    let both = [
        "--backend",
        &backend,
        "--threads",
        &threads,
        "--link",
        &link,
        "--insecure-verify",
        "--reveal",
        "logits",
        "--max-memory",
        "1TiB",
        "--max-bytes",
        "1TiB",
    ];
    let both = || both.iter().map(|word| (*word).to_owned());
    let mut serve: Vec<String> = both().collect();
    serve.extend(["--model".to_owned(), options.model.display().to_string()]);
    if options.strict {
        serve.push("--strict".to_owned());
    }
    if let Some(budget) = options.memory_budget {
        serve.extend(["--memory-budget".to_owned(), budget.to_string()]);
    }
    let mut infer: Vec<String> = both().collect();
    if !options.samples.is_empty() {
        let samples: Vec<String> = options.samples.iter().map(usize::to_string).collect();
        infer.extend(["--index".to_owned(), samples.join(",")]);
    }
    infer.extend([
        "--max-seconds".to_owned(),
        "1000000".to_owned(),
        "--input".to_owned(),
    ]);
    infer.extend(options.inputs.iter().map(|path| path.display().to_string()));
    Pair {
        program: &options.program,
        scratch: &options.scratch,
        serve,
        infer,
    }
}

/// Medians over the inputs of a session, and what all of them share.
fn figures(printed: &Printed) -> Value {
    let (client, server) = (&printed.client, &printed.server);
    let of = |rows: &[Value], pointer: &str| -> Vec<f64> {
        let numbers = rows.iter().filter_map(|row| row.pointer(pointer));
        numbers.filter_map(Value::as_f64).collect()
    };
    let middle = |pointer: &str| median(&of(client, pointer));
    let peak = |rows: &[Value]| of(rows, "/peak_rss").into_iter().fold(0.0, f64::max);
    let first = |pointer: &str| client.first().and_then(|row| row.pointer(pointer)).cloned();
    let exact = |row: &Value| row.get("exact") == Some(&Value::Bool(true));
    json!({
        "inputs": client.len(),
        "exact": !client.is_empty() && client.iter().all(exact),
        "offline_seconds": middle("/offline/seconds"),
        "online_seconds": middle("/online/seconds"),
        "total_seconds": middle("/seconds"),
        "offline_bytes": middle("/offline/bytes"),
        "online_bytes": middle("/online/bytes"),
        "total_bytes": middle("/bytes"),
        "offline_flights": middle("/offline/flights"),
        "flights": middle("/online/flights"),
        "client_peak_rss": peak(client),
        "server_peak_rss": peak(server),
        "parameters": first("/encryption/set"),
        "log2_error": first("/encryption/log2_error"),
        "hiding_bits_per_coefficient": first("/encryption/bits_per_coefficient"),
        "hiding_bits_per_inference": first("/encryption/bits_per_inference"),
        "labels": client.iter().map(|row| row.get("label").cloned()).collect::<Vec<_>>(),
        "layers": first("/layers"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_tell_offline_from_online() {
        let answer = |exact: bool, online: f64| {
            json!({
                "label": 7, "exact": exact, "seconds": 3.0, "bytes": 100, "peak_rss": 5,
                "offline": { "seconds": 2.0, "bytes": 60, "flights": 4 },
                "online": { "seconds": online, "bytes": 40, "flights": 6 },
                "encryption": { "set": "Pair50", "log2_error": -120.0 },
            })
        };
        let mut printed = Printed {
            client: vec![answer(true, 1.0), answer(true, 2.0), answer(true, 9.0)],
            server: vec![json!({ "peak_rss": 8 })],
        };
        let row = figures(&printed);
        assert_eq!(row["exact"], true);
        assert_eq!(row["online_seconds"], 2.0);
        assert_eq!(
            (&row["offline_bytes"], &row["flights"]),
            (&json!(60.0), &json!(6.0))
        );
        assert_eq!(
            (&row["server_peak_rss"], &row["parameters"]),
            (&json!(8.0), &json!("Pair50"))
        );
        printed.client.push(answer(false, 1.0));
        assert_eq!(figures(&printed)["exact"], false);
        printed.client.clear();
        assert_eq!(figures(&printed)["exact"], false);
    }
}
