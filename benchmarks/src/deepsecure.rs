//! The four networks of DeepSecure (DAC 2018, arXiv 1705.08963, Tables 4 and 5), before and after shrinking.
//!
//! Each network is trained on its real data, shrunk, quantised, and run by two processes over TLS. All
//! decisions are taken on a validation part of the training data. The test files are opened only on request,
//! after everything was decided; both networks are then trained on all training data first.

mod ready;
pub mod recipe;
mod row;

use std::path::PathBuf;

use privet_model::preprocess::Projection;
use privet_passes::Dataset;
use serde_json::{Value, json};

use crate::Table;
use crate::pair::PairError;
use ready::{Places, Ready, ready};
use recipe::{Recipe, SEED, recipes};
use row::{Subject, shrunk, unshrunk};

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program.
    pub program: PathBuf,
    /// Where the data lie.
    pub data: PathBuf,
    /// Directory for identities, models and inputs of the runs.
    pub scratch: PathBuf,
    /// Where trained and shrunk networks are kept.
    pub work: PathBuf,
    /// Names of the networks; empty: all.
    pub networks: Vec<String>,
    /// Inputs of secure runs per network (the unshrunk B4: 1).
    pub inputs: usize,
    /// Threads per party.
    pub threads: usize,
    /// Open the test files and judge by them.
    pub last: bool,
    /// Training too short to serve: for tests of the program.
    pub quick: bool,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A name that is none of the four.
    #[error("{0} is not B1, B2, B3 or B4")]
    Name(String),
    /// Data, training or the search.
    #[error(transparent)]
    Passes(#[from] privet_passes::Error),
    /// The two processes.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// A file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A quantised model, or its answers.
    #[error("{0}")]
    Model(String),
}

/// Two rows a network, before and after. `tell` hears of what is being done and which share of it is.
///
/// # Errors
/// Data that cannot be used, a search that finds nothing, a process that fails.
pub fn run(options: &Options, tell: &mut dyn FnMut(&str, f64)) -> Result<Table, BenchError> {
    let all = recipes()?;
    let mut wanted: Vec<Recipe> = vec![];
    for name in &options.networks {
        let found = all.iter().find(|r| r.name.eq_ignore_ascii_case(name));
        wanted.push(
            found
                .cloned()
                .ok_or_else(|| BenchError::Name(name.clone()))?,
        );
    }
    if wanted.is_empty() {
        wanted = all;
    }
    let mut table = Table::new("deepsecure");
    for recipe in wanted {
        let recipe = if options.quick {
            recipe.quick()
        } else {
            recipe
        };
        table.rows.extend(rows(options, &recipe, tell)?);
    }
    Ok(table)
}

fn rows(
    options: &Options,
    recipe: &Recipe,
    tell: &mut dyn FnMut(&str, f64),
) -> Result<[Value; 2], BenchError> {
    let places = Places {
        data: &options.data,
        work: &options.work,
    };
    let name = recipe.name;
    let it = ready(recipe, &places, options.last, &mut |stage, done| {
        tell(&format!("{name}: {stage}"), done);
    })?;
    tell(&format!("{name}: running before"), 0.0);
    let [paper_before, paper_after] = recipe.paper;
    let before = Subject {
        network: &it.before,
        quant: unshrunk(recipe),
        calibration: &it.calibration,
        judged: &it.judged,
        raw: &it.judged,
        shape: &recipe.network.input,
        inputs: recipe.most_before,
        paper: paper_before,
    }
    .measure(&format!("{name}-before"), options)?;
    tell(&format!("{name}: running after"), 0.5);
    let projection = it.found.projection.as_ref();
    let embedded =
        |data: &Dataset| projection.map_or_else(|| Ok(data.clone()), |p| data.embedded(p));
    let after = Subject {
        network: &it.found.network,
        quant: shrunk(recipe, &it.found.formats, projection.is_some()),
        calibration: &embedded(&it.calibration)?,
        judged: &embedded(&it.judged)?,
        raw: &it.judged,
        shape: &recipe.network.input,
        inputs: usize::MAX,
        paper: paper_after,
    }
    .measure(&format!("{name}-after"), options)?;
    Ok(finish(recipe, &it, before, after))
}

/// Adds to the rows what concerns both.
fn finish(recipe: &Recipe, it: &Ready, mut before: Value, mut after: Value) -> [Value; 2] {
    let number = |row: &Value, key: &str| row.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let compaction = number(&before, "non_xor") / number(&after, "non_xor");
    let lost = number(&before, "accuracy_fixed") - number(&after, "accuracy_fixed");
    let [paper_before, paper_after] = recipe.paper;
    let [training, search] = it.seconds;
    let shapes: Vec<usize> = it
        .found
        .network
        .layers
        .iter()
        .filter_map(|l| l.weights().map(|w| w.matrix.nrows()))
        .collect();
    add(
        &mut after,
        json!({
            "compaction": compaction,
            "paper_compaction": paper_before.non_xor / paper_after.non_xor,
            "points_lost": 100.0 * lost,
            "dimensions": it.found.projection.as_ref().map(Projection::rank),
            "units": shapes,
            "search_seconds": search,
        }),
    );
    add(&mut before, json!({ "training_seconds": training }));
    let test = it.test.as_ref().map(|t| {
        json!({
            "samples_sha256": t.samples_sha256,
            "labels_sha256": t.labels_sha256,
            "opened": t.times,
        })
    });
    for (row, stage) in [(&mut before, "before"), (&mut after, "after")] {
        add(
            row,
            json!({
                "case": recipe.name,
                "stage": stage,
                "network": recipe.layers,
                "judged_by": if it.test.is_some() { "test" } else { "validation" },
                "validation": recipe.held_back.describe(),
                "seed": SEED,
                "test": test,
            }),
        );
    }
    [before, after]
}

fn add(row: &mut Value, fields: Value) {
    if let (Value::Object(row), Value::Object(fields)) = (row, fields) {
        row.extend(fields);
    }
}
