//! Rates of the extension and of silent OT: each role alone on recorded messages, and both parties together.
//!
//! `cargo bench -p privet-ot --bench ot`; with `-- --test` every case runs once, small; a name
//! (`roles`, `together`, `triples`, `hashing`, `extension`, `Secret17`, …) selects cases.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench has nobody to report to"
)]

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use privet_net::Session;
use privet_ot::ole::drive::{OleReceiver, OleSender};
use privet_ot::rcot::{RcotReceiver, RcotSender};
use privet_ot::silent::{self, Parameters};
use privet_ot::triples::drive::TripleMaker;
use privet_ot::{cot, ideal, laws, ole, triples};
use privet_prim::{Block, Delta};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let quick = args.iter().any(|arg| arg == "--test");
    let wanted = |case: &str| {
        let mut names = args.iter().filter(|arg| !arg.starts_with("--")).peekable();
        names.peek().is_none() || names.any(|name| case.contains(name.as_str()))
    };
    for set in Parameters::ALL {
        if wanted(&format!("roles {set:?}")) {
            roles(set, quick);
        }
        if wanted(&format!("together {set:?}")) {
            together(set, if quick { 1 << 18 } else { 1 << 24 });
        }
    }
    if wanted("triples") {
        triples(if quick { 1024 } else { 1 << 17 });
    }
    if wanted("hashing") {
        hashing(if quick { 64 } else { 1 << 15 });
    }
    for field in cot::Field::ALL {
        if wanted(&format!("extension {field:?}")) {
            extension(field, if quick { 1 << 14 } else { 1 << 22 });
        }
    }
}

fn row(case: &str, n: usize, seconds: f64, bytes: f64) {
    let rate = n as f64 / seconds / 1e6;
    println!(
        "{case:<34} {rate:8.1} M/s  {:6.2} ns  {bytes:.4} bytes each",
        1e3 / rate
    );
}

/// Each role's cores alone, in groups of trees so short that most are not interrupted.
fn roles(set: Parameters, quick: bool) {
    let (sender, receiver, _) = laws::run(
        |ch| silent::Sender::setup(ch, Delta::random(), set),
        |ch| silent::Receiver::setup(ch, set),
    )
    .unwrap();
    let trees = if quick { 8 } else { set.trees() };
    let mut out = vec![Block::ZERO; set.leaves()];
    let mut messages = vec![0u8; set.tree_bytes() * trees];
    // Kept trees cost and are not given out.
    let group = 16.min(trees);
    let n = (group * set.leaves() * set.given_trees()) as f64 / set.trees() as f64;
    let (mut send, mut receive) = (Vec::new(), Vec::new());
    for _ in 0..if quick { 1 } else { 9 } {
        for (g, group_msgs) in messages.chunks_mut(set.tree_bytes() * group).enumerate() {
            let start = Instant::now();
            for (i, msg) in group_msgs.chunks_exact_mut(set.tree_bytes()).enumerate() {
                sender
                    .danger_iteration()
                    .make_tree(g * group + i, &mut out, msg)
                    .unwrap();
                black_box(&out);
            }
            send.push(start.elapsed().as_secs_f64());
        }
        for (g, group_msgs) in messages.chunks(set.tree_bytes() * group).enumerate() {
            let start = Instant::now();
            for (i, msg) in group_msgs.chunks_exact(set.tree_bytes()).enumerate() {
                receiver
                    .danger_iteration()
                    .open_tree(g * group + i, msg, &mut out)
                    .unwrap();
                black_box(&out);
            }
            receive.push(start.elapsed().as_secs_f64());
        }
    }
    for (role, mut times) in [("sender", send), ("receiver", receive)] {
        times.sort_unstable_by(f64::total_cmp);
        let (median, best) = (times[times.len() / 2], times[0]);
        let case = format!("silent {role} {set:?}");
        println!(
            "{case:<34} {:8.1} M/s  best {:.1} M/s",
            n / median / 1e6,
            n / best / 1e6
        );
    }
}

/// Both parties, a thread each, over a session in memory, the set-up apart.
fn together(set: Parameters, n: usize) {
    let (here, there) = Session::pair(1);
    let (mut here, mut there) = (here.into_lanes().remove(0), there.into_lanes().remove(0));
    let (setup, seconds, bytes) = thread::scope(|scope| {
        scope.spawn(|| {
            let mut receiver = silent::Receiver::setup(&mut there, set).unwrap();
            let mut macs = vec![Block::ZERO; set.leaves()];
            for _ in 0..n / set.leaves() {
                receiver.random_macs(&mut there, &mut macs).unwrap();
                black_box(&macs);
            }
            there.send(&[1]).unwrap();
            there.flush().unwrap();
        });
        let start = Instant::now();
        let mut sender = silent::Sender::setup(&mut here, Delta::random(), set).unwrap();
        let setup = start.elapsed().as_secs_f64();
        let before = here.stats().total().sent_bytes;
        let start = Instant::now();
        let mut keys = vec![Block::ZERO; set.leaves()];
        for _ in 0..n / set.leaves() {
            sender.random_keys(&mut here, &mut keys).unwrap();
            black_box(&keys);
        }
        here.recv(&mut [0]).unwrap();
        let bytes = here.stats().total().sent_bytes - before;
        (setup, start.elapsed().as_secs_f64(), bytes)
    });
    row(
        &format!("silent both {set:?}"),
        n,
        seconds,
        bytes as f64 / n as f64,
    );
    let cost = silent::drive::setup_bytes(set);
    println!(
        "  set-up {:.1} ms, {} bytes",
        setup * 1e3,
        cost.sender + cost.receiver
    );
}

/// Both parties' triples from silent OT of both directions, a thread each.
fn triples(words: usize) {
    let set = Parameters::Secret17;
    let (seconds, (), _) = laws::run(
        |ch| {
            let (sender, receiver) = silent::setup_first(ch, Delta::random(), set)?;
            let mut maker = triples::Maker::new(sender, receiver);
            let start = Instant::now();
            for _ in 0..words / 1024 {
                black_box(maker.triples::<1>(ch, 1024)?);
            }
            Ok(start.elapsed().as_secs_f64())
        },
        |ch| {
            let (sender, receiver) = silent::setup_second(ch, Delta::random(), set)?;
            let mut maker = triples::Maker::new(sender, receiver);
            for _ in 0..words / 1024 {
                black_box(maker.triples::<1>(ch, 1024)?);
            }
            Ok(())
        },
    )
    .unwrap();
    row(
        "bit triples Secret17",
        64 * words,
        seconds,
        2.0 * set.bytes_per_transfer(),
    );
}

/// Hashing and packing alone: the source costs a stream.
fn hashing(words: usize) {
    let (sender, receiver) = ideal::deal(Block::from(1), Delta::random());
    let times = laws::run(
        |ch| {
            let mut sender = ole::Sender::new(sender);
            let start = Instant::now();
            black_box(sender.sender_bits(ch, words)?);
            Ok(start.elapsed().as_secs_f64())
        },
        |_| Ok(()),
    );
    row("bit OLE hashing, sender", 64 * words, times.unwrap().0, 0.0);
    let times = laws::run(
        |ch| {
            let mut receiver = ole::Receiver::new(receiver);
            let start = Instant::now();
            black_box(receiver.receiver_bits(ch, words)?);
            Ok(start.elapsed().as_secs_f64())
        },
        |_| Ok(()),
    );
    row(
        "bit OLE hashing, receiver",
        64 * words,
        times.unwrap().0,
        0.0,
    );
}

fn extension(field: cot::Field, n: usize) {
    let choices = laws::choices(n, 1);
    let run = |n: usize| {
        let start = Instant::now();
        laws::run(
            |ch| {
                let mut sender = cot::Sender::setup_with(ch, Delta::random(), field)?;
                let mut keys = vec![Block::ZERO; 1 << 14];
                for _ in 0..n >> 14 {
                    sender.extend_into(ch, &mut keys)?;
                }
                Ok(())
            },
            |ch| {
                let mut receiver = cot::Receiver::setup_with(ch, field)?;
                let mut macs = vec![Block::ZERO; 1 << 14];
                for choices in choices[..n].chunks_exact(1 << 14) {
                    receiver.extend_into(ch, choices, &mut macs)?;
                }
                Ok(())
            },
        )
        .unwrap();
        start.elapsed().as_secs_f64()
    };
    let setup = run(0);
    row(
        &format!("extension {field:?}"),
        n,
        run(n) - setup,
        16.0 / field.bits() as f64,
    );
}
