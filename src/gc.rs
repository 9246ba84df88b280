//! `privet gc run`.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, Subcommand};
use privet_net::Session;
use privet_netlists::{Netlist, Port};
use privet_run::circuit::{self, Owner};
use serde_json::json;

use crate::failure::Failure;
use crate::netlist::{load, parse_word, show_word};
use crate::table;
use crate::terminal::say;

/// Garble and evaluate netlists.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a netlist between a garbler and an evaluator on this machine.
    Run(Run),
}

/// Ports are named as in `privet netlist stats NETLIST`; values are decimal (-5) or hexadecimal (0x1f).
#[derive(Args)]
pub(crate) struct Run {
    /// Name in the catalogue, or a file: Bristol Fashion, Yosys JSON or compact.
    netlist: PathBuf,
    /// The garbler's inputs.
    #[arg(long, value_name = "PORT=VALUE", value_delimiter = ',')]
    garbler: Vec<String>,
    /// The evaluator's inputs.
    #[arg(long, value_name = "PORT=VALUE", value_delimiter = ',')]
    evaluator: Vec<String>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    let Command::Run(args) = command;
    let netlist = load(&args.netlist)?;
    let Inputs {
        owners,
        garbler,
        evaluator,
    } = assign(args, &netlist)?;
    let started = Instant::now();
    let (mut ours, mut theirs) = Session::pair(1);
    let (outputs, bytes) = std::thread::scope(|scope| {
        let other = scope.spawn(|| circuit::run(&mut theirs, &netlist, &owners, false, &evaluator));
        let result = circuit::run(&mut ours, &netlist, &owners, true, &garbler);
        let total = ours.stats().total();
        let other = other
            .join()
            .unwrap_or(Err(privet_run::RunError::Contradiction("a thread died")));
        let (mine, theirs) = (result?, other?);
        if mine == theirs {
            Ok((mine, total.sent_bytes + total.received_bytes))
        } else {
            Err(Failure::check("the two sides opened different outputs"))
        }
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let mut bits = outputs.iter().copied();
    let words: Vec<(String, String)> = netlist
        .outputs()
        .iter()
        .map(|port| {
            let word: Vec<bool> = bits.by_ref().take(port.bits as usize).collect();
            (port.name.clone(), show_word(&word))
        })
        .collect();
    let counts = netlist.counts();
    if args.json {
        let outputs: serde_json::Map<_, _> = words
            .into_iter()
            .map(|(name, value)| (name, json!(value)))
            .collect();
        say!(
            "{}",
            json!({"outputs": outputs, "ands": counts.ands, "bytes": bytes, "seconds": seconds})
        );
    } else {
        for (name, value) in words {
            say!("{name} = {value}");
        }
        say!(
            "  {} ANDs, {} with set-up, {}",
            table::count(counts.ands),
            table::bytes(bytes),
            table::seconds(seconds)
        );
    }
    Ok(())
}

/// Owners of the ports and both sides' bits, in port order.
struct Inputs {
    owners: Vec<Owner>,
    garbler: Vec<bool>,
    evaluator: Vec<bool>,
}

/// Reads the values of both sides; every port needs exactly one.
fn assign(args: &Run, netlist: &Netlist) -> Result<Inputs, Failure> {
    let (mut owners, mut garbler, mut evaluator) = (Vec::new(), Vec::new(), Vec::new());
    let named = |list: &[String], port: &Port| -> Option<String> {
        list.iter().find_map(|item| {
            let (name, value) = item.split_once('=')?;
            (name == port.name).then(|| value.to_owned())
        })
    };
    for item in args.garbler.iter().chain(&args.evaluator) {
        let name = item.split_once('=').map(|(name, _)| name);
        if !netlist
            .inputs()
            .iter()
            .any(|port| Some(port.name.as_str()) == name)
        {
            let ports: Vec<_> = netlist.inputs().iter().map(|p| p.name.as_str()).collect();
            return Err(Failure::usage(format!(
                "'{item}' names no input; there are {}",
                ports.join(", ")
            )));
        }
    }
    for port in netlist.inputs() {
        match (named(&args.garbler, port), named(&args.evaluator, port)) {
            (Some(value), None) => {
                owners.push(Owner::Garbler);
                garbler.extend(parse_word(port, &value)?);
            }
            (None, Some(value)) => {
                owners.push(Owner::Evaluator);
                evaluator.extend(parse_word(port, &value)?);
            }
            (None, None) => {
                return Err(Failure::usage(format!(
                    "no value for input '{}'",
                    port.name
                )));
            }
            (Some(_), Some(_)) => {
                return Err(Failure::usage(format!(
                    "input '{}' is given twice",
                    port.name
                )));
            }
        }
    }
    Ok(Inputs {
        owners,
        garbler,
        evaluator,
    })
}
