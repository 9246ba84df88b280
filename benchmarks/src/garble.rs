//! Rates of garbling: kernels alone, and two processes over loopback TCP with and without TLS.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use privet_garble::drive::{Stream, evaluate_stream, garble_stream};
use privet_garble::{Evaluator, Garbler, Program};
use privet_net::{Allow, Fingerprint, Identity, Listener, Session};
use privet_prim::kernels::{Kernels, active, available};
use privet_prim::{Block, Delta, Lines, Prg};
use serde_json::json;

use crate::circuits::{Circuit, circuit};
use crate::table::{Table, median};

/// Bytes of tables at a time, as in a run.
const PART: usize = 64 << 10;

/// Instances side by side, as in a run.
const LANES: usize = 32;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// This program, for the second process.
    pub program: PathBuf,
    /// Where foreign circuits lie.
    pub data: PathBuf,
    /// Threads a party in the two-process cases.
    pub threads: Vec<usize>,
    /// Seconds per measurement.
    pub seconds: f64,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Garbling.
    #[error(transparent)]
    Garble(#[from] privet_garble::Error),
    /// The channel.
    #[error(transparent)]
    Net(#[from] privet_net::Error),
    /// The second process.
    #[error("second process: {0}")]
    Process(#[from] std::io::Error),
    /// The second process printed something else.
    #[error("second process: {0}")]
    Peer(String),
}

/// Runs all cases.
///
/// # Errors
/// A case fails.
pub fn run(options: &Options) -> Result<Table, BenchError> {
    let mut table = Table::new("garble");
    let circuits: Vec<Circuit> = ["layer", "aes128", "sha256"]
        .iter()
        .filter_map(|n| circuit(n, &options.data))
        .collect();
    for circuit in &circuits {
        for kernels in available() {
            // One circuit shows the ratio of the kernels.
            if circuit.name == "layer" || kernels.name() == active().name() {
                kernel_rows(&mut table, circuit, kernels, options.seconds)?;
            }
        }
    }
    for circuit in &circuits {
        for threads in &options.threads {
            for case in ["two_party", "two_party_tls"] {
                pair_row(&mut table, options, circuit, case, *threads)?;
            }
        }
    }
    Ok(table)
}

#[expect(clippy::cast_precision_loss, reason = "rates")]
fn kernel_rows(
    table: &mut Table,
    circuit: &Circuit,
    kernels: &'static Kernels,
    seconds: f64,
) -> Result<(), BenchError> {
    let program = Program::compile(&circuit.netlist, &circuit.classes)?;
    let cut = program.cut(LANES, PART);
    let mut inputs = Lines::zeroed(program.inputs() * LANES);
    Prg::random().fill_blocks(&mut inputs);
    let mut outputs = Lines::zeroed(program.outputs() * LANES);
    let mut tables = Lines::zeroed(PART / 16);
    let mut garbler = Garbler::with_kernels(kernels, Delta::random(), Block::random());
    let mut evaluator = Evaluator::with_kernels(kernels, Block::random());
    let ands = circuit.netlist.counts().ands as f64 * LANES as f64;
    let bytes_per_and = program.table_bytes(LANES) as f64 / ands;
    let garble = rate(seconds, || {
        let mut run = garbler.begin(&program, &cut, 0, &inputs)?;
        while let Some(bytes) = run.next_bytes() {
            run.garble_next(bytemuck::cast_slice_mut(&mut tables).split_at_mut(bytes).0)?;
        }
        run.finish(&mut outputs)
    })?;
    let evaluate = rate(seconds, || {
        let mut run = evaluator.begin(&program, &cut, 0, &inputs)?;
        while let Some(bytes) = run.next_bytes() {
            run.evaluate_next(bytemuck::cast_slice(&tables).split_at(bytes).0)?;
        }
        run.finish(&mut outputs)
    })?;
    for (case, calls) in [("garble", garble), ("evaluate", evaluate)] {
        table.rows.push(json!({
            "case": case,
            "circuit": circuit.name,
            "kernels": kernels.name(),
            "threads": 1,
            "and_gates_per_s": calls * ands,
            "bytes_per_and": bytes_per_and,
        }));
    }
    Ok(())
}

/// Median calls per second over short stretches.
fn rate(
    seconds: f64,
    mut call: impl FnMut() -> Result<(), privet_garble::Error>,
) -> Result<f64, BenchError> {
    call()?;
    let begin = Instant::now();
    let mut rates = Vec::new();
    while begin.elapsed().as_secs_f64() < seconds || rates.len() < 3 {
        let (stretch, mut calls) = (Instant::now(), 0u32);
        while stretch.elapsed() < Duration::from_millis(20) {
            call()?;
            calls += 1;
        }
        rates.push(f64::from(calls) / stretch.elapsed().as_secs_f64());
    }
    Ok(median(&rates).unwrap_or(f64::NAN))
}

/// How often a two-process case is repeated.
const REPEATS: usize = 5;

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates, and a number of instances chosen from one"
)]
fn pair_row(
    table: &mut Table,
    options: &Options,
    circuit: &Circuit,
    case: &str,
    threads: usize,
) -> Result<(), BenchError> {
    let ands = circuit.netlist.counts().ands;
    // Some 30 million gates a second for the wished time, in whole batches on every lane.
    let batches = (30e6 * options.seconds / (ands as f64 * LANES as f64))
        .ceil()
        .max(1.0) as usize;
    let instances = batches.next_multiple_of(threads) * LANES;
    let identity = Identity::generate().map_err(privet_net::Error::from)?;
    let plain = case == "two_party";
    let net = privet_net::Options {
        lanes: threads,
        insecure_plain: plain,
        ..privet_net::Options::default()
    };
    let listener = Listener::bind("127.0.0.1:0", &identity, Allow::Anyone, net)?;
    let mut child = Command::new(&options.program)
        .args(["bench", "garble-peer", "--circuit", circuit.name])
        .args(["--connect", &listener.local_addr().to_string()])
        .args(["--peer", &identity.fingerprint().to_string()])
        .args([
            "--instances",
            &instances.to_string(),
            "--threads",
            &threads.to_string(),
        ])
        .arg("--data")
        .arg(&options.data)
        .args(plain.then_some("--insecure-plain"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut session = listener.accept()?;
    let mut rates = Vec::new();
    for _ in 0..REPEATS {
        let begin = Instant::now();
        side(&mut session, circuit, instances, false)?;
        rates.push(ands as f64 * instances as f64 / begin.elapsed().as_secs_f64());
    }
    let total = session.stats().total();
    drop(session);
    let mut line = String::new();
    if let Some(pipe) = child.stdout.take() {
        BufReader::new(pipe).read_line(&mut line)?;
    }
    if !child.wait()?.success() {
        return Err(BenchError::Peer(line));
    }
    let bytes = total.received_bytes as f64 / (REPEATS as f64 * ands as f64 * instances as f64);
    table.rows.push(json!({
        "case": case,
        "circuit": circuit.name,
        "kernels": active().name(),
        "threads": threads,
        "and_gates_per_s": median(&rates),
        "bytes_per_and": bytes,
    }));
    Ok(())
}

/// What the second process does.
#[derive(Debug, Clone)]
pub struct PeerOptions {
    /// Where the first process listens.
    pub connect: String,
    /// Its fingerprint.
    pub peer: Fingerprint,
    /// Name of the circuit.
    pub circuit: String,
    /// Instances per repetition.
    pub instances: usize,
    /// Lanes of the session.
    pub threads: usize,
    /// Without TLS.
    pub insecure_plain: bool,
    /// Where foreign circuits lie.
    pub data: PathBuf,
}

/// The garbling process of a two-process case.
///
/// # Errors
/// The connection fails.
pub fn peer(options: &PeerOptions) -> Result<(), BenchError> {
    let unknown = || BenchError::Peer(format!("no circuit '{}'", options.circuit));
    let circuit = circuit(&options.circuit, Path::new(&options.data)).ok_or_else(unknown)?;
    let net = privet_net::Options {
        lanes: options.threads,
        insecure_plain: options.insecure_plain,
        ..privet_net::Options::default()
    };
    let identity = Identity::generate().map_err(privet_net::Error::from)?;
    let mut session = privet_net::connect(&options.connect, &identity, options.peer, &net)?;
    for _ in 0..REPEATS {
        side(&mut session, &circuit, options.instances, true)?;
    }
    Ok(())
}

/// One repetition on one side: every lane has its share of the instances, then one byte comes back.
fn side(
    session: &mut Session,
    circuit: &Circuit,
    instances: usize,
    garbles: bool,
) -> Result<(), BenchError> {
    let program = Program::compile(&circuit.netlist, &circuit.classes)?;
    let lanes = session.lane_count().max(1);
    let share = instances / lanes;
    let results: Vec<Result<(), BenchError>> = std::thread::scope(|scope| {
        let program = &program;
        let threads: Vec<_> = session
            .lanes_mut()
            .iter_mut()
            .enumerate()
            .map(|(lane, channel)| {
                scope.spawn(move || -> Result<(), BenchError> {
                    let tweak_base = (lane * share * program.tables_per_instance()) as u64;
                    let stream = Stream {
                        program,
                        tweak_base,
                        instances: share,
                        lanes: LANES,
                    };
                    if garbles {
                        // The same labels and tweaks every time: this measures, it hides nothing.
                        let mut garbler = Garbler::new(Delta::random(), Block::ZERO);
                        garble_stream(
                            channel,
                            &mut garbler,
                            &stream,
                            |_, _| Ok(()),
                            |_, _| Ok(()),
                        )?;
                        channel.recv(&mut [0])?;
                    } else {
                        let mut evaluator = Evaluator::new(Block::ZERO);
                        evaluate_stream(
                            channel,
                            &mut evaluator,
                            &stream,
                            |_, _| Ok(()),
                            |_, _| Ok(()),
                        )?;
                        channel.send(&[1])?;
                        channel.flush()?;
                    }
                    Ok(())
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|t| {
                t.join()
                    .unwrap_or_else(|_| Err(BenchError::Peer("a thread died".to_owned())))
            })
            .collect()
    });
    results.into_iter().collect()
}
