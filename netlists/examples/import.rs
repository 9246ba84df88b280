//! Turns Yosys JSON netlists into Bristol Fashion files: the Rust side of `scripts/netlists`.
//!
//! Standard input holds one JSON object per line,
//! `{"json": FILE, "top": MODULE, "words": [[PORT, COUNT], …], "outputs": [NAME, …], "out": FILE}`
//! (the outputs' names, where they are not those of the source);
//! standard output gets one line for each, `{"ands", "xors", "invs", "and_depth", "inputs", "outputs", "sha256"}`.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, Write};

use privet_netlists::yosys::{self, Words};
use privet_netlists::{Netlist, Port, bristol};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Job {
    json: String,
    top: String,
    words: Vec<(String, u32)>,
    #[serde(default)]
    outputs: Vec<String>,
    out: String,
}

#[derive(Serialize)]
struct Row<'a> {
    ands: u64,
    xors: u64,
    invs: u64,
    and_depth: u32,
    inputs: Vec<(&'a str, u32)>,
    outputs: Vec<(&'a str, u32)>,
    sha256: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut stdout = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let job: Job = serde_json::from_str(&line?)?;
        let netlist = import(&job).map_err(|error| format!("{}: {error}", job.json))?;
        fs::write(&job.out, bristol::write(&netlist))?;
        writeln!(stdout, "{}", serde_json::to_string(&row(&netlist))?)?;
    }
    Ok(())
}

fn import(job: &Job) -> Result<Netlist, Box<dyn Error>> {
    let words: Vec<Words> = job
        .words
        .iter()
        .map(|(port, count)| Words {
            port: port.clone(),
            count: *count,
        })
        .collect();
    let json = fs::read_to_string(&job.json)?;
    let netlist = yosys::read(&json, Some(&job.top), &words)?;
    if job.outputs.is_empty() {
        return Ok(netlist);
    }
    let ports = netlist.inputs().to_vec();
    let inputs: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
    let outputs: Vec<&str> = job.outputs.iter().map(String::as_str).collect();
    Ok(netlist.with_port_names(&inputs, &outputs)?)
}

fn row(netlist: &Netlist) -> Row<'_> {
    let counts = netlist.counts();
    let hash = netlist.sha256();
    Row {
        ands: counts.ands,
        xors: counts.xors,
        invs: counts.invs,
        and_depth: counts.and_depth,
        inputs: ports(netlist.inputs()),
        outputs: ports(netlist.outputs()),
        sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

fn ports(ports: &[Port]) -> Vec<(&str, u32)> {
    ports
        .iter()
        .map(|port| (port.name.as_str(), port.bits))
        .collect()
}
