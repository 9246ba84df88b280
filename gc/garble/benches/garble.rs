//! Rates of garbling and evaluating whole netlists: `cargo bench -p privet-garble`.
//!
//! Tables go through one buffer of 64 KiB, as they do through a channel's frames. Without `--bench`
//! each case runs once.
#![expect(clippy::unwrap_used, reason = "a bench may stop at an error")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use privet_garble::drive::{Stream, evaluate_stream, garble_stream};
use privet_garble::{Evaluator, Garbler, InputClass, Program};
use privet_net::Session;
use privet_netlists::generate::{self, Dot};
use privet_netlists::{Netlist, bristol};
use privet_prim::kernels::{Kernels, active, available};
use privet_prim::{Block, Delta, Lines, Prg};

const PART: usize = 64 << 10;

/// The best of many runs, in seconds.
fn best(mut f: impl FnMut()) -> f64 {
    let budget = if std::env::args().any(|arg| arg == "--bench") {
        1000
    } else {
        0
    };
    let begin = Instant::now();
    let mut best = Duration::MAX;
    loop {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed());
        if begin.elapsed() >= Duration::from_millis(budget) {
            return best.as_secs_f64();
        }
    }
}

fn case(
    name: &str,
    netlist: &Netlist,
    classes: &[InputClass],
    lanes: usize,
    kernels: &'static Kernels,
) {
    let program = Program::compile(netlist, classes).unwrap();
    let cut = program.cut(lanes, PART);
    let mut inputs = Lines::zeroed(program.inputs() * lanes);
    Prg::random().fill_blocks(&mut inputs);
    let mut outputs = Lines::zeroed(program.outputs() * lanes);
    let mut tables = Lines::zeroed(PART / 16);
    let mut garbler = Garbler::with_kernels(kernels, Delta::random(), Block::random());
    let mut evaluator = Evaluator::with_kernels(kernels, Block::random());
    let garble = best(|| {
        let mut run = garbler.begin(&program, &cut, 0, &inputs).unwrap();
        while let Some(bytes) = run.next_bytes() {
            let (part, _) = bytemuck::cast_slice_mut(&mut tables).split_at_mut(bytes);
            run.garble_next(part).unwrap();
        }
        run.finish(&mut outputs).unwrap();
    });
    let evaluate = best(|| {
        let mut run = evaluator.begin(&program, &cut, 0, &inputs).unwrap();
        while let Some(bytes) = run.next_bytes() {
            let (part, _) = bytemuck::cast_slice(&tables).split_at(bytes);
            run.evaluate_next(part).unwrap();
        }
        run.finish(&mut outputs).unwrap();
    });
    let counts = netlist.counts();
    let rate = |seconds: f64| counts.ands as f64 * lanes as f64 / seconds / 1e6;
    println!(
        "{:9} {name:12} {lanes:3} lanes  {:6.1} / {:6.1}   {:5.2} bytes an AND, {:.1} XORs an AND, {} / {} slots",
        kernels.name(),
        rate(garble),
        rate(evaluate),
        program.table_bytes(1) as f64 / counts.ands as f64,
        counts.xors as f64 / counts.ands as f64,
        program.slots().0,
        program.slots().1,
    );
}

/// Both parties, a thread each, over an in-memory channel.
fn two_party(name: &str, netlist: &Netlist, classes: &[InputClass], lanes: usize) {
    let program = Program::compile(netlist, classes).unwrap();
    let instances = 64 * lanes;
    let stream = Stream {
        program: &program,
        tweak_base: 0,
        instances,
        lanes,
    };
    let (mut left, mut right) = Session::pair(1);
    let mut garbler = Garbler::new(Delta::random(), Block::ZERO);
    let mut evaluator = Evaluator::new(Block::ZERO);
    let seconds = best(|| {
        std::thread::scope(|scope| {
            let (left, right) = (left.lanes_mut().first_mut(), right.lanes_mut().first_mut());
            let (garbler, evaluator) = (&mut garbler, &mut evaluator);
            let stream = &stream;
            scope.spawn(move || {
                garble_stream(left.unwrap(), garbler, stream, |_, _| Ok(()), |_, _| Ok(()))
                    .unwrap();
            });
            evaluate_stream(
                right.unwrap(),
                evaluator,
                stream,
                |_, _| Ok(()),
                |_, _| Ok(()),
            )
            .unwrap();
        });
    });
    let rate = netlist.counts().ands as f64 * instances as f64 / seconds / 1e6;
    println!("two parties in one process, {name}, {lanes} lanes: {rate:.1}");
}

fn main() {
    println!("million AND a second, one thread: garble / evaluate");
    let folder = std::env::var_os("PRIVET_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let aes = std::fs::read_to_string(folder.join("bristol/aes_128.txt"));
    let aes = aes.ok().map(|text| bristol::read(&text).unwrap());
    let dot = generate::dot(Dot {
        terms: 16,
        a_bits: 16,
        w_bits: 16,
        ring_bits: 28,
        drop: 0,
    })
    .unwrap();
    let owner = |name: &str| {
        if name.starts_with('w') {
            InputClass::Garbler
        } else {
            InputClass::Mixed
        }
    };
    let classes: Vec<InputClass> = dot
        .inputs()
        .iter()
        .flat_map(|port| vec![owner(&port.name); port.bits as usize])
        .collect();
    for lanes in [8, 16, 32, 64] {
        case("dot 16x16", &dot, &classes, lanes, active());
        if let Some(aes) = &aes {
            case("AES-128", aes, &[InputClass::Mixed; 256], lanes, active());
        }
    }
    two_party("dot 16x16", &dot, &classes, 32);
    for kernels in available() {
        case("dot 16x16", &dot, &classes, 16, kernels);
    }
    if aes.is_none() {
        println!("skipped: AES-128, no circuit in {}", folder.display());
    }
}
