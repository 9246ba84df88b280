//! Rates of oblivious transfer: two parties, a thread each, over plain loopback TCP; one process for each kernel.

mod measure;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use privet_net::Channel;
use privet_ot::cot::{self, Field};
use privet_ot::ole::drive::{OleReceiver, OleSender};
use privet_ot::one_of_many::drive::{ManyReceiver, ManySender};
use privet_ot::rcot::{ROUND, RcotReceiver, RcotSender};
use privet_ot::silent::{self, Parameters};
use privet_ot::triples::drive::TripleMaker;
use privet_ot::tweaks::{Domain, Hasher};
use privet_ot::{ole, one_of_many, triples};
use privet_prim::kernels::{active, available};
use privet_prim::{Block, Delta};
use serde_json::{Value, json};

use crate::table::Table;
pub(crate) use measure::loopback;
use measure::{Measured, Party, measure};

/// The set that products are made from.
const SET: Parameters = Parameters::Secret18;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// This program, for the other kernels.
    pub program: PathBuf,
    /// Seconds per case.
    pub seconds: f64,
    /// Only the kernel in use.
    pub this_kernel: bool,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A transfer.
    #[error(transparent)]
    Ot(#[from] privet_ot::Error),
    /// The channel.
    #[error(transparent)]
    Net(#[from] privet_net::Error),
    /// The process for another kernel.
    #[error("another kernel's process: {0}")]
    Process(#[from] std::io::Error),
    /// That process printed something else.
    #[error("another kernel's process: {0}")]
    Output(String),
}

/// Runs all cases: all of them with the kernel in use, silent OT also with the others.
///
/// # Errors
/// A case fails.
pub fn run(options: &Options) -> Result<Table, BenchError> {
    let mut table = Table::new("ot");
    for set in Parameters::ALL {
        silent_rows(&mut table, options, set)?;
    }
    if options.this_kernel {
        return Ok(table);
    }
    product_rows(&mut table, options)?;
    for field in Field::ALL {
        extension_row(&mut table, options, field)?;
    }
    for kernels in available() {
        if kernels.name() != active().name() {
            table.rows.extend(other_kernel(options, kernels.name())?);
        }
    }
    Ok(table)
}

/// The rows of this program under another kernel.
fn other_kernel(options: &Options, name: &str) -> Result<Vec<Value>, BenchError> {
    let output = Command::new(&options.program)
        .args(["bench", "ot", "--json", "--this-kernel", "--seconds"])
        .arg(options.seconds.to_string())
        .env("PRIVET_KERNELS", name)
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rows = serde_json::from_str::<Value>(&text)
        .ok()
        .filter(|_| output.status.success())
        .and_then(|table| table.get("rows").and_then(Value::as_array).cloned());
    rows.ok_or_else(|| {
        let stderr = String::from_utf8_lossy(&output.stderr);
        BenchError::Output(stderr.lines().last().unwrap_or("nothing").to_owned())
    })
}

/// Names of a row beside its figures.
struct Case {
    case: &'static str,
    direction: &'static str,
    parameters: String,
    claimed_bits: f64,
    /// Correlated OTs behind one item, of both directions together.
    cots_each: f64,
}

fn row(table: &mut Table, case: &Case, found: &Measured) {
    let cots = case.cots_each;
    table.rows.push(json!({
        "case": case.case,
        "kernel": active().name(),
        "direction": case.direction,
        "parameters": case.parameters,
        "cots_per_s": found.per_second * cots,
        "items_per_s": found.per_second,
        "cots_per_item": cots,
        "bytes_per_cot": found.bytes_each / cots,
        "bits_per_cot": 8.0 * found.bytes_each / cots,
        "cpu_ns_per_cot": found.cpu_ns_each.map(|ns| ns / cots),
        "claimed_bits": case.claimed_bits,
        "setup_seconds": found.setup_seconds,
        "setup_bytes": found.setup_bytes,
    }));
}

/// Gives out `n` keys, a tree at a time; with a hasher, both keys of random OTs.
fn keys(
    sender: &mut silent::Sender,
    hasher: Option<&mut Hasher>,
    ch: &mut Channel,
    n: usize,
) -> Result<(), privet_ot::Error> {
    let chunk = sender.chunk();
    let mut blocks = vec![Block::ZERO; 2 * chunk];
    let (mut left, mut hasher) = (n, hasher);
    while left > 0 {
        let now = left.min(chunk);
        let (zeros, ones) = blocks.split_at_mut(chunk);
        let ((zeros, _), (ones, _)) = (zeros.split_at_mut(now), ones.split_at_mut(now));
        sender.random_keys(ch, zeros)?;
        if let Some(hasher) = &mut hasher {
            hasher.hash_keys(sender.delta(), zeros, ones)?;
        }
        std::hint::black_box(&blocks);
        left -= now;
    }
    Ok(ch.flush()?)
}

/// The receiver's side of [`keys`].
fn macs(
    receiver: &mut silent::Receiver,
    hasher: Option<&mut Hasher>,
    ch: &mut Channel,
    n: usize,
) -> Result<(), privet_ot::Error> {
    let chunk = receiver.chunk();
    let mut blocks = vec![Block::ZERO; chunk];
    let (mut left, mut hasher) = (n, hasher);
    while left > 0 {
        let (now, _) = blocks.split_at_mut(left.min(chunk));
        receiver.random_macs(ch, now)?;
        if let Some(hasher) = &mut hasher {
            hasher.hash_macs(now)?;
        }
        left -= now.len();
        std::hint::black_box(&blocks);
    }
    Ok(())
}

/// Both roles of one party, taking turns.
fn both(
    (sender, receiver): &mut (silent::Sender, silent::Receiver),
    ch: &mut Channel,
    n: usize,
) -> Result<(), privet_ot::Error> {
    let round = ROUND * sender.chunk();
    for from in (0..n).step_by(round) {
        let now = round.min(n - from);
        keys(sender, None, ch, now)?;
        macs(receiver, None, ch, now)?;
    }
    Ok(())
}

fn silent_rows(table: &mut Table, options: &Options, set: Parameters) -> Result<(), BenchError> {
    let case = |case, direction, cots_each| Case {
        case,
        direction,
        parameters: format!("{set:?}"),
        claimed_bits: set.claimed_bits(),
        cots_each,
    };
    for (name, hashed) in [("silent_cot", false), ("silent_rot", true)] {
        let hasher = |key| hashed.then(|| Hasher::new(key, Domain::RandomOt));
        let send = |ch: &mut Channel| {
            let sender = silent::Sender::setup(ch, Delta::random(), set)?;
            let hasher = hasher(sender.hash_key());
            Ok((sender, hasher))
        };
        let receive = |ch: &mut Channel| {
            let receiver = silent::Receiver::setup(ch, set)?;
            let hasher = hasher(receiver.hash_key());
            Ok((receiver, hasher))
        };
        type Sending = (silent::Sender, Option<Hasher>);
        type Receiving = (silent::Receiver, Option<Hasher>);
        let sending = |(s, h): &mut Sending, ch: &mut Channel, n| keys(s, h.as_mut(), ch, n);
        let receiving = |(r, h): &mut Receiving, ch: &mut Channel, n| macs(r, h.as_mut(), ch, n);
        let found = measure(
            options.seconds,
            Party {
                setup: send,
                work: sending,
            },
            Party {
                setup: receive,
                work: receiving,
            },
        )?;
        row(table, &case(name, "server_to_client", 1.0), &found);
        let found = measure(
            options.seconds,
            Party {
                setup: receive,
                work: receiving,
            },
            Party {
                setup: send,
                work: sending,
            },
        )?;
        row(table, &case(name, "client_to_server", 1.0), &found);
    }
    let found = measure(
        options.seconds,
        Party {
            setup: |ch: &mut Channel| silent::setup_first(ch, Delta::random(), set),
            work: both,
        },
        Party {
            setup: |ch: &mut Channel| silent::setup_second(ch, Delta::random(), set),
            work: both,
        },
    )?;
    row(table, &case("silent_cot", "both", 2.0), &found);
    Ok(())
}

/// Bit OLEs, triples and 1-of-16 OT over silent OT.
fn product_rows(table: &mut Table, options: &Options) -> Result<(), BenchError> {
    let case = |case, direction, cots_each| Case {
        case,
        direction,
        parameters: format!("{SET:?}"),
        claimed_bits: SET.claimed_bits(),
        cots_each,
    };
    let (seconds, words) = (options.seconds, |n: usize| n.div_ceil(64));
    let found = measure(
        seconds,
        Party {
            setup: |ch: &mut Channel| {
                let sender = silent::Sender::setup(ch, Delta::random(), SET)?;
                Ok(ole::Sender::new(sender))
            },
            work: |maker: &mut ole::Sender<_>, ch: &mut Channel, n| {
                std::hint::black_box(maker.sender_bits(ch, words(n))?);
                Ok(ch.flush()?)
            },
        },
        Party {
            setup: |ch: &mut Channel| Ok(ole::Receiver::new(silent::Receiver::setup(ch, SET)?)),
            work: |maker: &mut ole::Receiver<_>, ch: &mut Channel, n| {
                std::hint::black_box(maker.receiver_bits(ch, words(n))?);
                Ok(())
            },
        },
    )?;
    row(table, &case("ole", "server_to_client", 1.0), &found);
    type Maker = triples::Maker<silent::Sender, silent::Receiver>;
    let make = |maker: &mut Maker, ch: &mut Channel, n: usize| {
        let mut left = words(n);
        while left > 0 {
            let now = left.min(1 << 12);
            std::hint::black_box(maker.triples::<1>(ch, now)?);
            left -= now;
        }
        Ok(ch.flush()?)
    };
    let found = measure(
        seconds,
        Party {
            setup: |ch: &mut Channel| {
                let (sender, receiver) = silent::setup_first(ch, Delta::random(), SET)?;
                Ok(Maker::new(sender, receiver))
            },
            work: make,
        },
        Party {
            setup: |ch: &mut Channel| {
                let (sender, receiver) = silent::setup_second(ch, Delta::random(), SET)?;
                Ok(Maker::new(sender, receiver))
            },
            work: make,
        },
    )?;
    row(table, &case("triples", "both", 2.0), &found);
    let shape = one_of_many::Shape::new(4, 2).map_err(privet_ot::Error::from)?;
    let found = measure(
        seconds,
        Party {
            setup: |ch: &mut Channel| {
                let sender = silent::Sender::setup(ch, Delta::random(), SET)?;
                Ok(one_of_many::Sender::new(sender))
            },
            work: |maker: &mut one_of_many::Sender<_>, ch: &mut Channel, n| {
                std::hint::black_box(maker.random_tables(ch, shape, n)?);
                Ok(ch.flush()?)
            },
        },
        Party {
            setup: |ch: &mut Channel| {
                let receiver = silent::Receiver::setup(ch, SET)?;
                Ok(one_of_many::Receiver::new(receiver))
            },
            work: |maker: &mut one_of_many::Receiver<_>, ch: &mut Channel, n| {
                std::hint::black_box(maker.random_choices(ch, shape, n)?);
                Ok(())
            },
        },
    )?;
    row(table, &case("one_of_16", "server_to_client", 4.0), &found);
    Ok(())
}

/// The extension that others start from, with the receiver's own choices.
fn extension_row(table: &mut Table, options: &Options, field: Field) -> Result<(), BenchError> {
    const CALL: usize = 1 << 14;
    let found = measure(
        options.seconds,
        Party {
            setup: |ch: &mut Channel| cot::Sender::setup_with(ch, Delta::random(), field),
            work: |sender: &mut cot::Sender, ch: &mut Channel, n| {
                let mut keys = vec![Block::ZERO; CALL];
                for _ in 0..n / CALL {
                    sender.extend_into(ch, &mut keys)?;
                }
                std::hint::black_box(&keys);
                Ok(())
            },
        },
        Party {
            setup: |ch: &mut Channel| cot::Receiver::setup_with(ch, field),
            work: |receiver: &mut cot::Receiver, ch: &mut Channel, n| {
                let (choices, mut macs) = ([true; CALL], vec![Block::ZERO; CALL]);
                for _ in 0..n / CALL {
                    receiver.extend_into(ch, &choices, &mut macs)?;
                }
                std::hint::black_box(&macs);
                Ok(())
            },
        },
    )?;
    let case = Case {
        case: "softspoken",
        direction: "server_to_client",
        parameters: format!("{field:?}"),
        claimed_bits: f64::from(privet_prim::COMP_SEC),
        cots_each: 1.0,
    };
    row(table, &case, &found);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_what_was_moved_and_claimed() {
        let set = Parameters::Secret17;
        let options = Options {
            program: PathBuf::new(),
            seconds: 0.01,
            this_kernel: true,
        };
        let mut table = Table::new("ot");
        silent_rows(&mut table, &options, set).unwrap();
        let directions: Vec<_> = table
            .rows
            .iter()
            .map(|row| row["direction"].as_str())
            .collect();
        assert_eq!(directions.len(), 5);
        assert_eq!(directions[4], Some("both"));
        for row in &table.rows {
            assert!(row["cots_per_s"].as_f64().unwrap() > 0.0, "{row}");
            let bytes = row["bytes_per_cot"].as_f64().unwrap();
            let expected = set.bytes_per_transfer();
            assert!((bytes / expected - 1.0).abs() < 0.1, "{bytes} {expected}");
            let cost = silent::drive::setup_bytes(set);
            let directions = row["cots_per_item"].as_f64().unwrap();
            let setup = row["setup_bytes"].as_f64().unwrap();
            assert_eq!(setup, directions * (cost.sender + cost.receiver) as f64);
        }
    }
}
