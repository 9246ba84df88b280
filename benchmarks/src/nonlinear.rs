//! Non-linear work on shares: two parties, a thread each, over loopback TCP or a shaped link; every result is compared with the
//! clear one.
//!
//! | engine | what it is | offline |
//! |---|---|---|
//! | `gmw` | planned comparison, here the one chosen for the link, on material from silent OT | the material, and the client's share known ahead |
//! | `ot-tree` | CrypTFlow2's tree over 1-of-16 transfers, made when asked for | nothing |
//! | `gc` | a garbled netlist from shares to a share, as backend `gc+ot` has it | nothing |
//!
//! Set-up, once a session, is apart. With [`Operand::Ahead`] the client's share counts as known before the input, as it is behind
//! a linear layer: `gmw` then turns its material to it. That holds for signs, ReLU and truncation; other operations ignore it.

mod garbled;
mod op;
mod ratio;
mod shares;

use std::str::FromStr;
use std::thread;
use std::time::Instant;

use privet_net::{Channel, Link};
use privet_plan::compare::{Operand, Shape, ShapeError};
use privet_plan::cost::gmw::OpCost;
use privet_plan::cost::{LinkModel, Rates};
use privet_prim::Prg;
use privet_ring::{Client, Ring, Server, Shares, share};
use serde_json::{Value, json};

use crate::machine::cpu_seconds;
use crate::ot::loopback;
use crate::table::Table;
use op::Form;
pub use op::Op;
pub use ratio::{Ratios, ratios};
use shares::Machine;

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Comparison on prepared material.
    Gmw,
    /// CrypTFlow2's comparison.
    OtTree,
    /// Garbled circuits.
    Gc,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gmw, Self::OtTree, Self::Gc];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gmw => "gmw",
            Self::OtTree => "ot-tree",
            Self::Gc => "gc",
        }
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|engine| engine.name() == s);
        found.ok_or_else(|| format!("'{s}' is not gmw, ot-tree or gc"))
    }
}

/// Which comparison engine `gmw` makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// The one that the planner chooses for link and machine.
    Planned,
    /// Few silent transfers.
    FewTransfers,
    /// Few bits.
    FewBits,
}

impl FromStr for Compared {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "planned" => Ok(Self::Planned),
            "few-transfers" => Ok(Self::FewTransfers),
            "few-bits" => Ok(Self::FewBits),
            _ => Err(format!("'{s}' is not planned, few-transfers or few-bits")),
        }
    }
}

/// What to measure: every combination.
#[derive(Debug, Clone)]
pub struct Options {
    /// Operations.
    pub ops: Vec<Op>,
    /// Widths of the ring, 16 to 64.
    pub bits: Vec<u32>,
    /// Numbers of instances.
    pub counts: Vec<usize>,
    /// Engines.
    pub engines: Vec<Engine>,
    /// Links.
    pub links: Vec<Link>,
    /// The comparisons of engine `gmw`.
    pub shapes: Vec<Compared>,
    /// When the client's share of an operand is known.
    pub client: Operand,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Work on shares.
    #[error(transparent)]
    Gmw(#[from] privet_gmw::Error),
    /// Garbling.
    #[error(transparent)]
    Garble(#[from] privet_garble::Error),
    /// Oblivious transfer.
    #[error(transparent)]
    Ot(#[from] privet_ot::Error),
    /// A message of the peer.
    #[error(transparent)]
    Message(#[from] privet_ot::PeerMisbehaved),
    /// The channel.
    #[error(transparent)]
    Net(#[from] privet_net::Error),
    /// A netlist that does not exist.
    #[error(transparent)]
    Netlist(#[from] privet_netlists::Error),
    /// The connection.
    #[error(transparent)]
    Connection(#[from] crate::ot::BenchError),
    /// A width.
    #[error(transparent)]
    Width(#[from] privet_ring::WidthError),
    /// A comparison that does not exist.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Windows that do not exist.
    #[error(transparent)]
    Window(#[from] privet_plan::tournament::TournamentError),
    /// A result is not the clear one.
    #[error("{0}")]
    Wrong(String),
}

/// Runs all combinations.
///
/// # Errors
/// A run fails or a result is not the clear one.
pub fn run(options: &Options, follow: &mut dyn FnMut(&str, f64)) -> Result<Table, BenchError> {
    let mut cases = Vec::new();
    for link in &options.links {
        for op in &options.ops {
            for bits in &options.bits {
                for count in &options.counts {
                    for engine in &options.engines {
                        let ring = Ring::new(*bits)?;
                        cases.extend(options.cases(*op, ring, *count, *link, *engine)?);
                    }
                }
            }
        }
    }
    measured(&cases, follow)
}

/// The default: all operations, widths and engines on up to 2^17 instances on this machine, 37 bits on 2^20 and over other links,
/// where garbled tables of more than [`MOST_WIRE_SECONDS`] are left out.
///
/// # Errors
/// As [`run`].
pub fn suite(options: &Options, follow: &mut dyn FnMut(&str, f64)) -> Result<Table, BenchError> {
    let links = ["loopback", "lan", "wan"].map(str::parse::<Link>);
    let mut cases = Vec::new();
    for link in links {
        let link = link.map_err(privet_net::Error::from)?;
        for op in Op::ALL {
            for bits in [16, 32, 37, 64] {
                for count in [1 << 10, 1 << 14, 1 << 17, 1 << 20] {
                    let near = link == Link::Loopback;
                    let wanted =
                        (bits == 37 && (near || count < 1 << 20)) || (near && count < 1 << 20);
                    if !wanted {
                        continue;
                    }
                    let ring = Ring::new(bits)?;
                    for engine in Engine::ALL {
                        let more = options.cases(op, ring, count, link, engine)?;
                        for case in more {
                            if case.wire_seconds()? <= MOST_WIRE_SECONDS {
                                cases.push(case);
                            }
                        }
                    }
                }
            }
        }
    }
    measured(&cases, follow)
}

/// Seconds that a case of the suite may occupy its link.
pub const MOST_WIRE_SECONDS: f64 = 10.0;

impl Default for Options {
    fn default() -> Self {
        Self {
            ops: Op::ALL.to_vec(),
            bits: vec![16, 32, 37, 64],
            counts: vec![1 << 10, 1 << 14, 1 << 17],
            engines: Engine::ALL.to_vec(),
            links: vec![Link::Loopback],
            shapes: vec![Compared::Planned],
            client: Operand::Ahead,
        }
    }
}

impl Options {
    /// The measurements of an engine: one for each shape that it is asked for.
    fn cases(
        &self,
        op: Op,
        ring: Ring,
        count: usize,
        link: Link,
        engine: Engine,
    ) -> Result<Vec<Case>, BenchError> {
        let case = |shape| Case {
            op,
            ring,
            count,
            link,
            engine,
            shape,
        };
        if engine != Engine::Gmw {
            return Ok(vec![case(Shape::FEW_TRANSFERS)]);
        }
        let each = self.shapes.iter().map(|compared| {
            let shape = match compared {
                Compared::Planned => planned(op, ring, count, link)?,
                Compared::FewTransfers => Shape::FEW_TRANSFERS,
                Compared::FewBits => Shape::FEW_BITS,
            };
            let ahead = self.client == Operand::Ahead && op.reads_one();
            Ok(case(if ahead { shape.ahead() } else { shape }))
        });
        each.collect()
    }
}

/// The planner's choice.
fn planned(op: Op, ring: Ring, count: usize, link: Link) -> Result<Shape, BenchError> {
    let link = match link {
        Link::Loopback => LinkModel::LOOPBACK,
        Link::Shaped {
            megabits,
            round_trip_ms,
        } => LinkModel::shaped(megabits, round_trip_ms),
    };
    let (bits, cut) = op.compared(ring);
    Ok(Shape::choose(
        count as u64,
        bits,
        cut,
        &link,
        &Rates::default(),
    )?)
}

/// One measurement.
#[derive(Clone, Copy)]
struct Case {
    op: Op,
    ring: Ring,
    count: usize,
    link: Link,
    engine: Engine,
    shape: Shape,
}

impl Case {
    /// What a batch takes on shares.
    fn cost(&self, n: usize) -> Result<OpCost, BenchError> {
        let chunk = shares::chunk(self.link) as u64;
        self.op.cost(n as u64, self.ring, self.shape, chunk)
    }

    /// Seconds of garbled tables on the link; other engines send little.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn wire_seconds(&self) -> Result<f64, BenchError> {
        if self.engine != Engine::Gc {
            return Ok(0.0);
        }
        let ands = self.op.netlist(self.ring)?.counts().ands;
        let bytes = 32 * ands * self.count as u64;
        Ok(match self.link {
            Link::Loopback => bytes as f64 / 1e9,
            Link::Shaped { .. } => self.link.transmission(bytes).as_secs_f64(),
        })
    }

    fn name(&self) -> String {
        let (op, engine) = (self.op.name(), self.engine.name());
        format!("{op} {} bits {} {engine}", self.ring.bits(), self.count)
    }
}

/// What a party found.
struct Found {
    shares: Vec<u64>,
    setup_seconds: f64,
    offline_seconds: f64,
    online_seconds: f64,
    offline: Moved,
    online: Moved,
}

/// Bytes of both directions; messages that were waited for.
#[derive(Clone, Copy, Default)]
struct Moved {
    bytes: u64,
    flights: u64,
}

impl Found {
    /// After the set-up that began then.
    fn new(started: Instant, count: usize) -> Self {
        Self {
            shares: Vec::with_capacity(count),
            setup_seconds: started.elapsed().as_secs_f64(),
            offline_seconds: 0.0,
            online_seconds: 0.0,
            offline: Moved::default(),
            online: Moved::default(),
        }
    }

    fn count(&mut self, ch: &Channel) {
        for phase in &ch.stats().phases {
            let moved = match phase.name.as_str() {
                "offline" => &mut self.offline,
                "online" => &mut self.online,
                _ => continue,
            };
            moved.bytes += phase.sent_bytes + phase.received_bytes;
            moved.flights += phase.flights_received;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of the work done")]
fn measured(cases: &[Case], follow: &mut dyn FnMut(&str, f64)) -> Result<Table, BenchError> {
    let mut table = Table::new("nonlinear");
    for (done, case) in cases.iter().enumerate() {
        follow(&case.name(), done as f64 / cases.len() as f64);
        table.rows.push(measure(case)?);
    }
    Ok(table)
}

#[expect(clippy::cast_precision_loss, reason = "figures per instance")]
fn measure(case: &Case) -> Result<Value, BenchError> {
    let values = case.op.values(case.ring, case.count);
    let mut prg = Prg::random();
    let masks = values.iter().map(|_| prg.next_u64()).collect();
    let (client, server) =
        share(case.ring, &values, masks).map_err(|e| BenchError::Wrong(e.to_string()))?;
    let (mut here, mut there) = loopback(case.link)?;
    let started = cpu_seconds();
    let (theirs, found) = thread::scope(|scope| {
        let peer = scope.spawn(|| party::<Client>(&mut there, case, &client));
        let found = party::<Server>(&mut here, case, &server);
        let died = || Err(BenchError::Wrong("a thread died".to_owned()));
        (peer.join().unwrap_or_else(|_| died()), found)
    });
    let (theirs, found) = (theirs?, found?);
    let cpu = cpu_seconds().zip(started).map(|(end, start)| end - start);
    check(case, &values, &theirs.shares, &found.shares)?;
    if case.engine == Engine::Gmw {
        let planned = OpCost::chunked(case.count as u64, shares::BATCH as u64, |n| {
            case.cost(usize::try_from(n).unwrap_or(usize::MAX))
        })?;
        if planned.bytes() != found.online.bytes {
            let (planned, moved) = (planned.bytes(), found.online.bytes);
            let text = format!(
                "{}: {moved} bytes moved online, {planned} planned",
                case.name()
            );
            return Err(BenchError::Wrong(text));
        }
    }
    let n = case.count as f64;
    let total = found.offline_seconds + found.online_seconds;
    let bytes = found.offline.bytes + found.online.bytes;
    Ok(json!({
        "op": case.op.name(), "engine": case.engine.name(),
        "shape": shape_name(case), "client_share": client_share(case), "link": case.link,
        "bits": case.ring.bits(), "count": case.count, "mismatches": 0,
        "setup_seconds": found.setup_seconds,
        "offline_seconds": found.offline_seconds, "online_seconds": found.online_seconds,
        "offline_bytes": found.offline.bytes, "online_bytes": found.online.bytes,
        "offline_flights": found.offline.flights, "online_flights": found.online.flights,
        "total_us_each": 1e6 * total / n, "online_us_each": 1e6 * found.online_seconds / n,
        "total_bits_each": 8.0 * bytes as f64 / n,
        "online_bits_each": 8.0 * found.online.bytes as f64 / n,
        "cpu_us_each_both": cpu.map(|s| 1e6 * s / n),
    }))
}

fn shape_name(case: &Case) -> String {
    let online = Shape {
        client: Operand::Online,
        ..case.shape
    };
    match (case.engine, online) {
        (Engine::Gc, _) => "netlist".to_owned(),
        (_, Shape::FEW_TRANSFERS) => "few transfers".to_owned(),
        (_, Shape::FEW_BITS) => "few bits".to_owned(),
        (_, other) => format!("{:?} {:?} {:?}", other.leaves, other.tree, other.products),
    }
}

const fn client_share(case: &Case) -> &'static str {
    match (case.engine, case.shape.client) {
        (Engine::Gmw, Operand::Ahead) => "ahead",
        (Engine::Gmw | Engine::OtTree | Engine::Gc, _) => "online",
    }
}

fn party<P: Machine>(ch: &mut Channel, case: &Case, x: &Shares<P>) -> Result<Found, BenchError> {
    let mut found = match case.engine {
        Engine::Gmw => shares::prepared(ch, case, x)?,
        Engine::OtTree => shares::tree(ch, case, x)?,
        Engine::Gc => garbled::party(ch, case, x)?,
    };
    ch.flush()?;
    found.count(ch);
    Ok(found)
}

fn check(case: &Case, values: &[i64], theirs: &[u64], ours: &[u64]) -> Result<(), BenchError> {
    let opened = theirs.iter().zip(ours).map(|(c, s)| match case.op.form() {
        Form::Bit => i64::from((c ^ s) & 1 == 1),
        Form::Sum => case.ring.wrap(c.wrapping_add(*s).cast_signed()),
        Form::Opened => c.cast_signed(),
    });
    let expected = values
        .chunks(case.op.cells())
        .map(|cells| case.op.clear(cells));
    let got = theirs.len().min(ours.len());
    let differs = opened.zip(expected).position(|(got, want)| got != want);
    if got == case.count && differs.is_none() {
        return Ok(());
    }
    Err(BenchError::Wrong(format!(
        "{}: {got} results, instance {differs:?} is not the clear one",
        case.name()
    )))
}
