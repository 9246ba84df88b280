//! A whole network on real inputs: two processes over TLS, offline and online parts apart, equal to the oracle.

mod ablation;
mod row;

use std::path::PathBuf;

use privet_net::Link;
use privet_plan::Backend;
use serde_json::{Value, json};

use crate::Table;
use crate::pair::{Pair, PairError};
use ablation::Variant;

pub use ablation::Ablation;

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
    /// What is taken away or replaced, a row for each way of it; none: a row for the program as it is.
    pub ablations: Vec<Ablation>,
    /// Nothing is prepared before an input is known.
    pub all_online: bool,
    /// Sessions of each combination.
    pub runs: usize,
}

/// A combination.
struct Case {
    backend: Backend,
    threads: usize,
    link: Link,
    variant: Option<Variant>,
}

impl Options {
    /// Every combination; of the ablations those that concern its backend.
    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for backend in self.backends.iter().copied() {
            let ablations = self.ablations.iter().filter(|a| a.concerns(backend));
            let mut variants: Vec<Option<Variant>> =
                ablations.flat_map(|a| a.variants()).map(Some).collect();
            if self.ablations.is_empty() {
                variants.push(None);
            }
            for threads in self.threads.iter().copied() {
                for link in self.links.iter().copied() {
                    cases.extend(variants.iter().map(|variant| Case {
                        backend,
                        threads,
                        link,
                        variant: *variant,
                    }));
                }
            }
        }
        cases
    }
}

/// One row for each backend, number of threads, link, way of an ablation and run; `tell` hears of what is being done and which share of
/// it is.
///
/// # Errors
/// A process that fails.
pub fn run(options: &Options, tell: &mut dyn FnMut(&str, f64)) -> Result<Table, PairError> {
    let mut table = Table::new("imagenet");
    let cases = options.cases();
    let all = cases.len() * options.runs;
    for (index, case) in cases.iter().enumerate() {
        for run in 0..options.runs {
            #[expect(clippy::cast_precision_loss, reason = "for people")]
            tell(
                &case.stage(),
                (index * options.runs + run) as f64 / all as f64,
            );
            let printed = pair(options, case).run()?;
            let mut row = json!({
                "model": options.model.file_stem().map(|name| name.to_string_lossy()),
                "backend": case.backend.to_string(),
                "threads": case.threads,
                "link": case.link.to_string(),
                "run": run,
                "memory_budget": case.budget(options),
            });
            if let Value::Object(row) = &mut row {
                if let Some(variant) = case.variant {
                    row.insert("ablation".to_owned(), json!(variant.ablation().to_string()));
                    row.insert("variant".to_owned(), json!(variant.to_string()));
                }
                if let Value::Object(figures) = row::figures(&printed, case.warming()) {
                    row.extend(figures);
                }
            }
            table.rows.push(row);
        }
    }
    Ok(table)
}

impl Case {
    /// What is being done, for people.
    fn stage(&self) -> String {
        let variant = self.variant.map_or_else(String::new, |v| format!(", {v}"));
        let Self {
            backend,
            threads,
            link,
            ..
        } = self;
        format!("{backend}, {threads} threads, link {link}{variant}")
    }

    /// The server's budget of memory, if not its default.
    fn budget(&self, options: &Options) -> Option<u64> {
        match self.variant {
            Some(variant) => variant.budget(options.memory_budget),
            None => options.memory_budget,
        }
    }

    /// Inferences before those that are measured.
    fn warming(&self) -> usize {
        self.variant.map_or(0, Variant::warming)
    }
}

fn pair<'a>(options: &'a Options, case: &Case) -> Pair<'a> {
    let (backend, threads) = (case.backend.to_string(), case.threads.to_string());
    let link = case.link.to_string();
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
    if let Some(budget) = case.budget(options) {
        serve.extend(["--memory-budget".to_owned(), budget.to_string()]);
    }
    let mut infer: Vec<String> = both().collect();
    infer.extend(case.variant.iter().flat_map(|v| v.wishes()));
    if options.all_online {
        infer.push("--no-prepare".to_owned());
    }
    if !options.samples.is_empty() {
        let samples: Vec<String> = options.samples.iter().map(usize::to_string).collect();
        infer.extend(["--index".to_owned(), samples.join(",")]);
    }
    infer.extend([
        "--max-seconds".to_owned(),
        "1000000".to_owned(),
        "--input".to_owned(),
    ]);
    // A single input, too, has those before it.
    let first = options.inputs.iter().take(1).cycle();
    let inputs = first.take(case.warming()).chain(&options.inputs);
    infer.extend(inputs.map(|path| path.display().to_string()));
    Pair {
        program: &options.program,
        scratch: &options.scratch,
        serve,
        infer,
    }
}
