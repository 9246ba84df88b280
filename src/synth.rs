//! `privet synth`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use privet_netlists::Counts;
use privet_synth::equivalence::{Limits, Verdict, compare};
use privet_synth::flow::{self, Flow};
use privet_synth::yosys::{Source, SynthError, Yosys};
use serde_json::json;

use crate::failure::{Failure, Kind};
use crate::table::columns;
use crate::terminal::{say, show};

/// Synthesise Verilog of one's own into a netlist with few ANDs (needs Yosys).
///
/// Each pass reports what it gained; the result is proved equal to what Yosys made.
#[derive(Args)]
pub(crate) struct Synth {
    /// Verilog files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The module.
    #[arg(long, value_name = "NAME")]
    top: String,
    /// Value of the module's parameter W.
    #[arg(long, value_name = "N")]
    bits: Option<u32>,
    /// Value of any parameter of the module.
    #[arg(long, value_name = "NAME=N", value_parser = parameter)]
    set: Vec<(String, u32)>,
    /// What to optimise for.
    #[arg(long, value_name = "few-ands|small-depth", default_value = "few-ands", value_parser = named_flow)]
    flow: Flow,
    /// Netlist to write: .txt or .bristol (Bristol Fashion), .pvn (compact).
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// This Yosys instead of the one found.
    #[arg(long, value_name = "PATH")]
    yosys: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

fn parameter(text: &str) -> Result<(String, u32), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("'{text}' is not NAME=N"))?;
    let value = value
        .parse()
        .map_err(|_| format!("'{value}' is not a number"))?;
    Ok((name.to_owned(), value))
}

fn named_flow(text: &str) -> Result<Flow, String> {
    Flow::by_name(text).ok_or_else(|| {
        format!(
            "'{text}' is none of {}",
            Flow::ALL.map(Flow::name).join(", ")
        )
    })
}

/// Runs the command.
pub(crate) fn run(args: &Synth) -> Result<(), Failure> {
    let yosys = match &args.yosys {
        None => Yosys::find().map_err(|e| failed(&e))?,
        Some(path) => Yosys::at(path.clone())
            .ok_or_else(|| Failure::file(path.display(), "it does not run, or is not Yosys"))?,
    };
    let mut parameters = args.set.clone();
    parameters.extend(args.bits.map(|bits| ("W".to_owned(), bits)));
    let source = Source {
        files: args.files.clone(),
        top: args.top.clone(),
        parameters,
    };
    let raw = yosys.synthesise(&source).map_err(|e| failed(&e))?;
    let (netlist, steps) = flow::run(&raw, args.flow).map_err(|e| Failure::file(&args.top, e))?;
    let limits = Limits {
        sat: Duration::from_secs(60),
        ..Limits::default()
    };
    let method = match compare(&raw, &netlist, &limits) {
        Verdict::Equivalent(method) => method,
        Verdict::OtherPorts | Verdict::Different(_) => {
            return Err(Failure::check(format!(
                "the optimised netlist of {} differs from the source's; nothing was written",
                args.top
            )));
        }
    };
    crate::netlist::write(&netlist, &args.output)?;
    let counts = netlist.counts();
    if args.json {
        say!(
            "{}",
            json!({
                "top": args.top, "tool": yosys.version(), "flow": args.flow.name(), "passes": steps,
                "ands": counts.ands, "xors": counts.xors, "and_depth": counts.and_depth,
                "equivalence": method.to_string(), "output": args.output.display().to_string(),
            })
        );
        return Ok(());
    }
    let cells = |name: &str, counts: &Counts| {
        let numbers = [
            counts.ands,
            counts.xors,
            counts.invs,
            u64::from(counts.and_depth),
        ];
        let mut row = vec![name.to_owned()];
        row.extend(numbers.map(|n| n.to_string()));
        row
    };
    let mut rows = vec![cells(yosys.version(), &raw.counts())];
    rows.extend(steps.iter().map(|step| cells(step.pass, &step.after)));
    show!(
        "{}",
        columns(&["pass", "ANDs", "XORs", "INVs", "depth"], &rows)
    );
    say!(
        "\n  equal to the source: {method}\n  written to {}",
        args.output.display()
    );
    Ok(())
}

fn failed(error: &SynthError) -> Failure {
    let kind = if matches!(error, SynthError::Name(_)) {
        Kind::Usage
    } else {
        Kind::File
    };
    Failure::new(kind, error.to_string())
}
