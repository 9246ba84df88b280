//! `privet bench`.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use privet_benchmarks::deepsecure::BenchError;
use privet_benchmarks::imagenet::Ablation;
use privet_benchmarks::{Table, deepsecure, garble, he, imagenet, nonlinear, ot};
use privet_model::quant::ir::Profile;
use privet_net::Link;
use privet_plan::compare::Operand;
use privet_plan::{Backend, Choice};
use serde_json::{Value, json};

use crate::deviations::Measuring;
use crate::failure::{Failure, Kind};
use crate::models::QuantArgs;
use crate::options::{OnlineArgs, StrictArgs};
use crate::table::columns;
use crate::terminal::{note, say, show};

/// Measure; the rows are for machines with --json.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// DeepSecure's networks end to end, two processes over TLS on this machine.
    Deepsecure(DeepSecure),
    /// Rates of garbling and evaluating: kernels alone, two processes with and without TLS.
    Garble(GarbleArgs),
    /// Rates of oblivious transfer: silent OT and what is made of it, by kernel, over loopback.
    Ot(OtArgs),
    /// Comparison, ReLU, truncation and more on shares, by engine: time, bytes and delays, results checked, ratios to garbling.
    Nonlinear(NonlinearArgs),
    /// A whole network on one's own inputs, two processes over TLS on this machine: offline and online parts, equal to the clear result.
    Imagenet(ImagenetArgs),
    /// Homomorphic encryption: transforms and products by kernel, and its steps, on one thread.
    He(HeArgs),
    /// The second process of `garble`.
    #[command(hide = true)]
    GarblePeer(GarblePeer),
}

/// What to measure.
#[derive(Args)]
pub(crate) struct GarbleArgs {
    /// Threads a party, for the two-process cases.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1")]
    threads: Vec<usize>,
    /// Seconds per measurement.
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    seconds: f64,
    /// Directory with circuits written elsewhere (AES-128, SHA-256); left out where absent.
    #[arg(
        long,
        value_name = "DIR",
        env = "PRIVET_DATA",
        default_value = "../shared/data"
    )]
    data: PathBuf,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// What to measure.
#[derive(Args)]
pub(crate) struct OtArgs {
    /// Seconds per measurement.
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    seconds: f64,
    /// Silent OT with the kernel in use only.
    #[arg(long)]
    this_kernel: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// What to measure.
#[derive(Args)]
pub(crate) struct HeArgs {
    /// Seconds per measurement.
    #[arg(long, value_name = "S", default_value_t = 0.5)]
    seconds: f64,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// What to measure: every combination. Without --op, --bits, --count, --engine and --link, a suite of at most 20 minutes: all of them
/// over three links, rows estimated above 60 s and what no longer fits listed as left out.
#[derive(Args)]
pub(crate) struct NonlinearArgs {
    /// drelu, relu, relu-trunc, trunc (12 bits), max (of 4), argmax (of 10), avgpool (of 49) or sigmoid [default: all].
    #[arg(long, value_name = "OP,…", value_delimiter = ',')]
    op: Vec<nonlinear::Op>,
    /// Widths of the ring [default: 16,32,37,64].
    #[arg(long, value_name = "L,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(16..=64))]
    bits: Vec<u32>,
    /// Instances [default: 1024,16384,131072 and, on loopback, 1048576].
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    count: Vec<u32>,
    /// gmw, ot-tree or gc [default: all].
    #[arg(long, value_name = "ENGINE,…", value_delimiter = ',')]
    engine: Vec<nonlinear::Engine>,
    /// loopback, lan, wan or MBIT,MS (repeat for more) [default: loopback; all three where nothing is chosen].
    #[arg(long, value_name = "LINK")]
    link: Vec<String>,
    /// Seconds for all: rows of 37 bits and of few instances first, what does not fit is listed with its estimate [default: 1080 where
    /// nothing is chosen, else no limit].
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    budget: Option<u32>,
    /// Comparison of engine gmw: planned, few-transfers or few-bits.
    #[arg(long, value_name = "SHAPE,…", value_delimiter = ',')]
    shape: Vec<nonlinear::Compared>,
    /// Engine gmw: when the client's share is known, ahead (as behind a linear layer) or online.
    #[arg(long, value_name = "WHEN", default_value = "ahead", value_parser = ["ahead", "online"])]
    client_share: String,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Which network, and how: every combination.
#[derive(Args)]
pub(crate) struct ImagenetArgs {
    /// ONNX model, or a quantised one.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    #[command(flatten)]
    quant: QuantArgs,
    /// Input files: images, IDX, CSV or NPY (all of their samples, or those of --index).
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    input: Vec<PathBuf>,
    /// Samples of each file, counted from 0.
    #[arg(long, value_name = "I,J,…", value_delimiter = ',')]
    index: Vec<usize>,
    /// gc, ot, gc+ot or hybrid.
    #[arg(
        long,
        value_name = "BACKEND,…",
        value_delimiter = ',',
        default_value = "hybrid"
    )]
    backend: Vec<Backend>,
    /// Threads per party.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1")]
    threads: Vec<usize>,
    /// loopback, lan, wan or MBIT,MS (repeat for more).
    #[arg(long, value_name = "LINK", default_value = "loopback")]
    link: Vec<Link>,
    /// Memory of the server for an inference and for weights that it keeps evaluated [default: as serve; for weights kept under ntt-cache, as
    /// much as they take].
    #[arg(long, value_name = "SIZE", value_parser = crate::options::size)]
    memory_budget: Option<u64>,
    #[command(flatten)]
    strict: StrictArgs,
    /// Rows for each way of a part of the design, with the same answers. ntt-cache (hybrid): weights are kept evaluated from a second inference on, or
    /// evaluated again for each; the first file is gone through three times, the first two inferences not measured. comparison (hybrid, ot):
    /// shares compared by 1-of-16 transfers (few-transfers), or by private products of bits (few-bits).
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    ablation: Vec<Ablation>,
    #[command(flatten)]
    online: OnlineArgs,
    /// Sessions of each combination.
    #[arg(long, value_name = "N", default_value_t = 1)]
    runs: usize,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// How the second process is started.
#[derive(Args)]
pub(crate) struct GarblePeer {
    #[arg(long)]
    connect: String,
    #[arg(long)]
    peer: privet_net::Fingerprint,
    #[arg(long)]
    circuit: String,
    #[arg(long)]
    instances: usize,
    #[arg(long)]
    threads: usize,
    #[arg(long)]
    insecure_plain: bool,
    #[arg(long)]
    data: PathBuf,
}

/// Which networks and how often.
#[derive(Args)]
pub(crate) struct DeepSecure {
    /// B1, B2, B3 or B4 (repeat for more) [default: all].
    #[arg(long, value_name = "NAME")]
    bench: Vec<String>,
    /// Inputs of secure runs per network (the unshrunk B4 runs on one); the medians are printed.
    #[arg(long, value_name = "N", default_value_t = 20)]
    inputs: usize,
    /// Threads per party.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Directory with the data.
    #[arg(
        long,
        value_name = "DIR",
        env = "PRIVET_DATA",
        default_value = "../shared/data"
    )]
    data: PathBuf,
    /// Where trained and shrunk networks are kept; an interrupted run goes on from there.
    #[arg(long, value_name = "DIR", default_value = "target/deepsecure")]
    work: PathBuf,
    /// Open the test files and judge by them; without it, a validation part of the training data judges.
    #[arg(long = "final")]
    last: bool,
    /// Training too short to serve: for tests of the program.
    #[arg(long, hide = true)]
    quick: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// One line on standard error that follows what is being done.
fn follow(stage: &str, done: f64) {
    if std::io::stderr().is_terminal() {
        crate::terminal::write_note(format_args!("\r{:3.0} %  {stage:60}", 100.0 * done));
    }
}

/// Runs the command.
pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Deepsecure(args) => {
            let scratch = std::env::temp_dir().join(format!("privet-bench-{}", std::process::id()));
            std::fs::create_dir_all(&scratch).map_err(|e| Failure::file(scratch.display(), e))?;
            let options = deepsecure::Options {
                program: std::env::current_exe().map_err(|e| Failure::file("this program", e))?,
                data: args.data.clone(),
                scratch: scratch.clone(),
                networks: args.bench.clone(),
                inputs: args.inputs,
                threads: args.threads,
                work: args.work.clone(),
                last: args.last,
                quick: args.quick,
            };
            let table = deepsecure::run(&options, &mut follow);
            if std::io::stderr().is_terminal() {
                note!();
            }
            // Identities of a finished benchmark serve nobody; a leftover directory harms nobody.
            drop(std::fs::remove_dir_all(&scratch));
            show(&table.map_err(|e| deepsecure_failure(&e))?, args.json)
        }
        Command::Imagenet(args) => imagenet_run(args),
        Command::Garble(args) => {
            if !args.seconds.is_finite() || args.threads.iter().any(|t| !(1..=16).contains(t)) {
                return Err(Failure::usage(
                    "--seconds takes a number, --threads 1 to 16",
                ));
            }
            let options = garble::Options {
                program: std::env::current_exe().map_err(|e| Failure::file("this program", e))?,
                data: args.data.clone(),
                threads: args.threads.clone(),
                seconds: args.seconds.clamp(0.01, 600.0),
            };
            let table = garble::run(&options).map_err(|e| Failure::check(e.to_string()))?;
            show(&table, args.json)
        }
        Command::Ot(args) => {
            if !args.seconds.is_finite() {
                return Err(Failure::usage("--seconds takes a number"));
            }
            let options = ot::Options {
                program: std::env::current_exe().map_err(|e| Failure::file("this program", e))?,
                seconds: args.seconds.clamp(0.01, 600.0),
                this_kernel: args.this_kernel,
            };
            let table = ot::run(&options).map_err(|e| Failure::check(e.to_string()))?;
            show(&table, args.json)
        }
        Command::He(args) => {
            if !args.seconds.is_finite() {
                return Err(Failure::usage("--seconds takes a number"));
            }
            let options = he::Options {
                seconds: args.seconds.clamp(0.0, 600.0),
            };
            let table = he::run(&options).map_err(|e| Failure::check(e.to_string()))?;
            show(&table, args.json)
        }
        Command::Nonlinear(args) => nonlinear(args),
        Command::GarblePeer(args) => {
            let options = garble::PeerOptions {
                connect: args.connect.clone(),
                peer: args.peer,
                circuit: args.circuit.clone(),
                instances: args.instances,
                threads: args.threads,
                insecure_plain: args.insecure_plain,
                data: args.data.clone(),
            };
            garble::peer(&options).map_err(|e| Failure::check(e.to_string()))
        }
    }
}

fn imagenet_run(args: &ImagenetArgs) -> Result<(), Failure> {
    if args.threads.iter().any(|t| !(1..=16).contains(t)) {
        return Err(Failure::usage("--threads takes 1 to 16"));
    }
    let concerned = |ablation: &&Ablation| args.backend.iter().any(|b| ablation.concerns(*b));
    if let Some(ablation) = args.ablation.iter().find(|a| !concerned(a)) {
        return Err(Failure::usage(format!(
            "--ablation {ablation} concerns none of these backends"
        )));
    }
    for backend in &args.backend {
        args.online.suits(Choice::Only(*backend))?;
    }
    let scratch = std::env::temp_dir().join(format!("privet-bench-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).map_err(|e| Failure::file(scratch.display(), e))?;
    let model = crate::models::quantised(&args.model, &args.quant)?;
    let measured = Measuring::on(&model, &args.input, &args.index)?;
    let path = scratch.join(format!("{}.pvq", model.graph.name));
    privet_model::quant::file::write(&path, &model)
        .map_err(|e| Failure::file(path.display(), e))?;
    let options = imagenet::Options {
        program: std::env::current_exe().map_err(|e| Failure::file("this program", e))?,
        scratch: scratch.clone(),
        model: path,
        inputs: args.input.clone(),
        samples: args.index.clone(),
        backends: args.backend.clone(),
        threads: args.threads.clone(),
        links: args.link.clone(),
        memory_budget: args.memory_budget,
        strict: args.strict.strict,
        ablations: args.ablation.clone(),
        all_online: args.online.no_prepare,
        runs: args.runs.max(1),
    };
    let table = imagenet::run(&options, &mut follow);
    if std::io::stderr().is_terminal() {
        note!();
    }
    // Identities of a finished benchmark serve nobody; a leftover directory harms nobody.
    drop(std::fs::remove_dir_all(&scratch));
    let mut table = table.map_err(|e| Failure::check(e.to_string()))?;
    if let Some(found) = measured.found() {
        let rows = table.rows.iter_mut().filter_map(Value::as_object_mut);
        for row in rows {
            row.insert(
                "truncations_differing_share".to_owned(),
                json!(found.share()),
            );
            row.insert("simulated".to_owned(), json!(found));
        }
    }
    // Approximate answers promise nothing; all others must say that they are exact.
    let promised = model.graph.profile != Profile::Approx;
    let exact = |row: &Value| row.get("exact") == Some(&Value::Bool(true));
    if promised && !table.rows.iter().all(exact) {
        show(&table, args.json)?;
        return Err(Failure::check("answers differ from the clear result"));
    }
    show(&table, args.json)
}

fn nonlinear(args: &NonlinearArgs) -> Result<(), Failure> {
    let named = !(args.op.is_empty()
        && args.bits.is_empty()
        && args.count.is_empty()
        && args.engine.is_empty()
        && args.link.is_empty());
    let links = args.links()?;
    let given = nonlinear::Options::default();
    let options = nonlinear::Options {
        ops: or(&args.op, given.ops),
        bits: or(&args.bits, given.bits),
        counts: args.count.iter().map(|n| *n as usize).collect(),
        engines: or(&args.engine, given.engines),
        links: match (links.is_empty(), named) {
            (true, true) => vec![Link::Loopback],
            (true, false) => given.links,
            (false, _) => links,
        },
        shapes: or(&args.shape, given.shapes),
        client: match args.client_share.as_str() {
            "online" => Operand::Online,
            _ => Operand::Ahead,
        },
        budget: match args.budget {
            Some(seconds) => Some(f64::from(seconds)),
            None if named => None,
            None => given.budget,
        },
    };
    let table = nonlinear::run(&options, &mut follow);
    if std::io::stderr().is_terminal() {
        note!();
    }
    let table = table.map_err(|e| Failure::check(e.to_string()))?;
    show(&table, args.json)?;
    let (measured, left_out) = nonlinear::counts(&table);
    if !args.json && left_out > 0 {
        say!("\n{measured} rows measured, {left_out} left out: column left_out has the reasons.");
    }
    let ratios = nonlinear::ratios(&table);
    if !args.json && !ratios.is_empty() {
        say!("\nGarbled circuits against shares: how many times more of each.\n");
        let (head, rows) = ratios.columns();
        show!("{}", columns(&head, &rows));
    }
    Ok(())
}

/// What was given, or else the default.
fn or<T: Clone>(given: &[T], default: Vec<T>) -> Vec<T> {
    if given.is_empty() {
        return default;
    }
    given.to_vec()
}

impl NonlinearArgs {
    /// Names may be listed; `MBIT,MS` is one link, so a comma before a name only separates.
    fn links(&self) -> Result<Vec<Link>, Failure> {
        let mut links = Vec::new();
        for given in &self.link {
            match given.parse::<Link>() {
                Ok(link) => links.push(link),
                Err(whole) => {
                    let each = given.split(',').map(str::parse::<Link>);
                    let all: Result<Vec<Link>, _> = each.collect();
                    links.extend(all.map_err(|_| Failure::usage(format!("--link: {whole}")))?);
                }
            }
        }
        Ok(links)
    }
}

fn deepsecure_failure(error: &BenchError) -> Failure {
    match error {
        BenchError::Name(_) => Failure::usage(error.to_string()),
        BenchError::Passes(_) | BenchError::Io { .. } => {
            Failure::new(Kind::File, error.to_string())
        }
        BenchError::Pair(_) | BenchError::Model(_) => Failure::check(error.to_string()),
    }
}

/// Prints a table: JSON, or aligned columns of its rows' plain fields.
fn show(table: &Table, json: bool) -> Result<(), Failure> {
    if json {
        let text = serde_json::to_string(table).map_err(|e| Failure::check(e.to_string()))?;
        say!("{text}");
        return Ok(());
    }
    say!(
        "{} on {}, commit {}\n",
        table.bench,
        table.machine,
        table.commit
    );
    let mut keys: Vec<&str> = Vec::new();
    let fields = table.rows.iter().filter_map(Value::as_object).flatten();
    for (key, _) in fields.filter(|(_, v)| !v.is_object() && !v.is_array()) {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let cell = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(n)) => match n.as_f64() {
            Some(x) if x.fract() != 0.0 => format!("{x:.3}"),
            _ => n.to_string().trim_end_matches(".0").to_owned(),
        },
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| keys.iter().map(|key| cell(row.get(key))).collect())
        .collect();
    show!("{}", columns(&keys, &rows));
    Ok(())
}
