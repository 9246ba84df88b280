//! Rates of oblivious transfer: two parties, a thread each, over plain loopback TCP; one process for each kernel.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use privet_net::{Allow, Channel, Identity, Link, Listener};
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

use crate::machine::cpu_seconds;
use crate::table::{Table, median};

/// How often a case is repeated after its warm-up.
const REPEATS: usize = 5;

/// Transfers of the warm-up, and the fewest of a repetition: more than an iteration of every set gives out.
const LEAST: u64 = 1 << 20;

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

/// What was found of a case.
struct Measured {
    per_second: f64,
    bytes_each: f64,
    cpu_ns_each: Option<f64>,
    setup_seconds: f64,
    setup_bytes: u64,
}

/// A party of a case: sets up, then makes as many as it is told.
struct Party<S, W> {
    setup: S,
    work: W,
}

/// Runs a case: the server's party leads. Both parties' CPU time counts.
#[expect(clippy::cast_precision_loss, reason = "rates")]
fn measure<A: Send, B: Send>(
    seconds: f64,
    mut server: Party<
        impl FnOnce(&mut Channel) -> Result<A, privet_ot::Error> + Send,
        impl FnMut(&mut A, &mut Channel, usize) -> Result<(), privet_ot::Error> + Send,
    >,
    mut client: Party<
        impl FnOnce(&mut Channel) -> Result<B, privet_ot::Error> + Send,
        impl FnMut(&mut B, &mut Channel, usize) -> Result<(), privet_ot::Error> + Send,
    >,
) -> Result<Measured, BenchError> {
    let (mut here, mut there) = loopback(Link::Loopback)?;
    thread::scope(|scope| {
        let peer = scope.spawn(move || -> Result<(), BenchError> {
            let ch = &mut there;
            let mut state = (client.setup)(ch)?;
            ch.send(&[1])?;
            loop {
                let mut n = [0; 8];
                ch.recv(&mut n)?;
                let n = usize::try_from(u64::from_le_bytes(n)).unwrap_or_default();
                if n == 0 {
                    return Ok(());
                }
                (client.work)(&mut state, ch, n)?;
                ch.send(&[1])?;
            }
        });
        let ch = &mut here;
        let begin = Instant::now();
        let mut state = (server.setup)(ch)?;
        ch.recv(&mut [0])?;
        let setup_seconds = begin.elapsed().as_secs_f64();
        let moved = |ch: &Channel| {
            let total = ch.stats().total();
            total.sent_bytes + total.received_bytes
        };
        let setup_bytes = moved(ch) - 1;
        let mut once = |ch: &mut Channel, n: u64| -> Result<f64, BenchError> {
            ch.send(&n.to_le_bytes())?;
            ch.flush()?;
            let begin = Instant::now();
            let wanted = usize::try_from(n).unwrap_or_default();
            (server.work)(&mut state, ch, wanted)?;
            ch.recv(&mut [0])?;
            Ok(n as f64 / begin.elapsed().as_secs_f64())
        };
        let warm = once(ch, LEAST)?;
        let share = seconds / REPEATS as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of transfers chosen from a rate"
        )]
        let n = ((warm * share) as u64)
            .clamp(LEAST, 1 << 30)
            .next_multiple_of(1 << 14);
        let (before, cpu) = (moved(ch), cpu_seconds());
        let rates = (0..REPEATS)
            .map(|_| once(ch, n))
            .collect::<Result<Vec<_>, _>>()?;
        let all = (n * REPEATS as u64) as f64;
        let cpu_ns_each = cpu
            .zip(cpu_seconds())
            .map(|(from, to)| (to - from) * 1e9 / all);
        // A number and a byte for every repetition.
        let bytes = moved(ch) - before - 9 * REPEATS as u64;
        ch.send(&0u64.to_le_bytes())?;
        ch.flush()?;
        peer.join()
            .unwrap_or_else(|_| Err(BenchError::Output("a thread died".to_owned())))?;
        Ok(Measured {
            per_second: median(&rates).unwrap_or(f64::NAN),
            bytes_each: bytes as f64 / all,
            cpu_ns_each,
            setup_seconds,
            setup_bytes,
        })
    })
}

/// Two ends of one plain TCP connection.
/// Two ends of a plain loopback connection that imitates a link.
pub(crate) fn loopback(link: Link) -> Result<(Channel, Channel), BenchError> {
    let identity = Identity::generate().map_err(privet_net::Error::from)?;
    let net = privet_net::Options {
        insecure_plain: true,
        link,
        ..privet_net::Options::default()
    };
    let listener = Listener::bind("127.0.0.1:0", &identity, Allow::Anyone, net.clone())?;
    let address = listener.local_addr().to_string();
    let there = thread::spawn(move || -> Result<privet_net::Session, BenchError> {
        let own = Identity::generate().map_err(privet_net::Error::from)?;
        let peer = identity.fingerprint();
        Ok(privet_net::connect(&address, &own, peer, &net)?)
    });
    let here = listener.accept()?;
    let there = there
        .join()
        .unwrap_or_else(|_| Err(BenchError::Output("a thread died".to_owned())))?;
    let one = |session: privet_net::Session| {
        let lane = session.into_lanes().into_iter().next();
        lane.ok_or_else(|| BenchError::Output("a session without a lane".to_owned()))
    };
    Ok((one(here)?, one(there)?))
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
