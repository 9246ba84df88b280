//! Compares Bristol Fashion files: a part of `scripts/netlists --check`.
//!
//! Standard input holds one JSON object per line, `{"one": FILE, "other": FILE}`; standard output
//! gets one line for each, `{"equivalent": true | false, "method": TEXT}`.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, Write};

use privet_netlists::bristol;
use privet_synth::equivalence::{Limits, Verdict, compare};
use serde::Deserialize;

#[derive(Deserialize)]
struct Job {
    one: String,
    other: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut stdout = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let job: Job = serde_json::from_str(&line?)?;
        let one = bristol::read(&fs::read_to_string(&job.one)?)?;
        let other = bristol::read(&fs::read_to_string(&job.other)?)?;
        let (equivalent, method) = match compare(&one, &other, &Limits::default()) {
            Verdict::Equivalent(method) => (true, method.to_string()),
            Verdict::OtherPorts => (false, "other ports".to_owned()),
            Verdict::Different(_) => (false, "an assignment tells them apart".to_owned()),
        };
        let answer = serde_json::json!({"equivalent": equivalent, "method": method});
        writeln!(stdout, "{answer}")?;
    }
    Ok(())
}
