//! The command line of privet: private inference between a client with an input and a server with a network.

#![forbid(unsafe_code)]
// Both end the process when nobody reads; `terminal` does not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod auto;
mod bench;
mod demo;
mod deviations;
mod failure;
mod gc;
mod identity;
mod infer;
mod inputs;
mod inspect;
mod interrupt;
mod models;
mod netlist;
mod options;
mod plan;
mod prepare;
mod progress;
mod project;
mod quantise;
mod rates;
mod serve;
mod shrink;
mod store;
mod synth;
mod table;
mod terminal;
mod train;
mod training;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Private neural network inference for two parties.
///
/// A client holds an input, a server holds a trained network; they compute the answer together
/// without either seeing the other's secret. Start with `privet demo`.
#[derive(Parser)]
#[command(version, about, max_term_width = 100, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 2 usage, 3 unsupported model or file, 4 peer or network, 5 check failed, \
     130 stopped by Ctrl-C.";

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    /// Make or show this party's identity.
    #[command(subcommand)]
    Identity(identity::Command),
    Serve(serve::Serve),
    Infer(infer::Infer),
    Prepare(prepare::Prepare),
    Store(store::StoreArgs),
    Quantise(quantise::Quantise),
    Evaluate(quantise::Evaluate),
    Train(train::Train),
    Project(project::Project),
    Prune(shrink::Prune),
    Shrink(shrink::Shrink),
    Inspect(inspect::Inspect),
    Plan(plan::PlanArgs),
    /// Look at, evaluate and convert netlists.
    #[command(subcommand)]
    Netlist(netlist::Command),
    Synth(synth::Synth),
    /// Garble and evaluate netlists.
    #[command(subcommand)]
    Gc(gc::Command),
    /// Measure.
    #[command(subcommand)]
    Bench(bench::Command),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.command {
        Command::Demo(args) => demo::run(args),
        Command::Identity(command) => identity::run(command),
        Command::Serve(args) => serve::run(args),
        Command::Infer(args) => infer::run(args),
        Command::Prepare(args) => prepare::run(args),
        Command::Store(args) => store::run(args),
        Command::Quantise(args) => quantise::run(args),
        Command::Evaluate(args) => quantise::evaluate(args),
        Command::Train(args) => train::run(args),
        Command::Project(args) => project::run(args),
        Command::Prune(args) => shrink::run_prune(args),
        Command::Shrink(args) => shrink::run_shrink(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Netlist(command) => netlist::run(command),
        Command::Synth(args) => synth::run(args),
        Command::Gc(command) => gc::run(command),
        Command::Bench(command) => bench::run(command),
        Command::Completions { shell } => {
            let (mut command, mut script) = (Arguments::command(), Vec::new());
            clap_complete::generate(*shell, &mut command, "privet", &mut script);
            terminal::show!("{}", String::from_utf8_lossy(&script));
            Ok(())
        }
    };
    match outcome.and_then(|()| terminal::finish()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
