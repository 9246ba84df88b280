//! Non-linear work on shares: two parties, a thread each, over loopback TCP or a shaped link; every result is compared with the clear one.

use std::str::FromStr;
use std::thread;
use std::time::Instant;

use privet_gmw::{Context, Live, Stored};
use privet_net::{Channel, Link};
use privet_ot::silent::Parameters;
use privet_plan::compare::{Shape, ShapeError};
use privet_plan::cost::gmw::{self as cost, OpCost};
use privet_prim::{Block, Prg};
use privet_ring::{Client, Party, Ring, Server, Shares, floor_shift, open, share};
use serde_json::json;

use crate::machine::cpu_seconds;
use crate::ot::loopback;
use crate::table::Table;

/// The set that material is made from.
const SET: Parameters = Parameters::Secret17;

/// Elements whose material is made at once; memory grows with it, delays shrink.
const BATCH: usize = 1 << 17;

/// What is computed on each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// The bit `x ≥ 0`.
    Drelu,
    /// `max(x, 0)`.
    Relu,
    /// `⌊max(x, 0) / 2^12⌋`, exactly.
    ReluTrunc,
}

/// Dropped bits of [`Op::ReluTrunc`].
const SHIFT: u32 = 12;

impl Op {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drelu => "drelu",
            Self::Relu => "relu",
            Self::ReluTrunc => "relu-trunc",
        }
    }

    fn clear(self, v: i64) -> i64 {
        match self {
            Self::Drelu => (v >= 0).into(),
            Self::Relu => v.max(0),
            Self::ReluTrunc => floor_shift(v.max(0), SHIFT),
        }
    }

    fn cost(self, n: u64, bits: u32, shape: Shape) -> Result<OpCost, ShapeError> {
        match self {
            Self::Drelu => cost::drelu(n, bits, shape),
            Self::Relu => cost::relu(n, bits, shape),
            Self::ReluTrunc => cost::relu_trunc(n, bits, SHIFT, bits, shape),
        }
    }

    /// This party's shares of the results; bits are opened modulo 2.
    fn work<P: Party>(
        self,
        context: &mut Context<'_, P>,
        x: &Shares<P>,
    ) -> Result<Vec<u64>, privet_gmw::Error> {
        Ok(match self {
            Self::Drelu => {
                let bits = context.drelu(x)?;
                let each = |i: usize| bits.words().get(i / 64).map_or(0, |w| w >> (i % 64) & 1);
                (0..bits.len()).map(each).collect()
            }
            Self::Relu => context.relu(x)?.into_values(),
            Self::ReluTrunc => context.relu_trunc(x, SHIFT, x.ring())?.into_values(),
        })
    }
}

impl FromStr for Op {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        [Self::Drelu, Self::Relu, Self::ReluTrunc]
            .into_iter()
            .find(|op| op.name() == s)
            .ok_or_else(|| format!("'{s}' is not drelu, relu or relu-trunc"))
    }
}

/// What to measure: every combination.
#[derive(Debug, Clone)]
pub struct Options {
    /// Operations.
    pub ops: Vec<Op>,
    /// Widths of the ring, 16 to 64.
    pub bits: Vec<u32>,
    /// Numbers of elements.
    pub counts: Vec<usize>,
    /// Links.
    pub links: Vec<Link>,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Work on shares.
    #[error(transparent)]
    Gmw(#[from] privet_gmw::Error),
    /// The connection.
    #[error(transparent)]
    Connection(#[from] crate::ot::BenchError),
    /// A width.
    #[error(transparent)]
    Width(#[from] privet_ring::WidthError),
    /// A comparison that does not exist.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A result is not the clear one.
    #[error("{0}")]
    Wrong(String),
}

/// Runs all combinations, each with comparisons of few transfers and of few bits.
///
/// # Errors
/// A run fails or a result is not the clear one.
pub fn run(options: &Options) -> Result<Table, BenchError> {
    let mut table = Table::new("nonlinear");
    for link in &options.links {
        for op in &options.ops {
            for bits in &options.bits {
                for count in &options.counts {
                    for (name, shape) in [
                        ("few transfers", Shape::FEW_TRANSFERS),
                        ("few bits", Shape::FEW_BITS),
                    ] {
                        let case = Case {
                            op: *op,
                            ring: Ring::new(*bits)?,
                            count: *count,
                            link: *link,
                            shape,
                        };
                        measure(&mut table, &case, name)?;
                    }
                }
            }
        }
    }
    Ok(table)
}

/// One measurement.
#[derive(Clone, Copy)]
struct Case {
    op: Op,
    ring: Ring,
    count: usize,
    link: Link,
    shape: Shape,
}

/// What a party found.
struct Found {
    shares: Vec<u64>,
    setup_seconds: f64,
    offline_seconds: f64,
    online_seconds: f64,
    offline_bytes: u64,
    online_bytes: u64,
    latencies: u64,
}

#[expect(clippy::cast_precision_loss, reason = "figures per element")]
fn measure(table: &mut Table, case: &Case, shape: &str) -> Result<(), BenchError> {
    let values = values(case.ring, case.count);
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
    let planned = OpCost::chunked(case.count as u64, BATCH as u64, |n| {
        case.op.cost(n, case.ring.bits(), case.shape)
    })?;
    if planned.bytes() != found.online_bytes {
        let (planned, moved) = (planned.bytes(), found.online_bytes);
        let text = format!("{moved} bytes moved online, {planned} planned");
        return Err(BenchError::Wrong(text));
    }
    let n = case.count as f64;
    let total = found.offline_seconds + found.online_seconds;
    table.rows.push(json!({
        "op": case.op.name(), "engine": "gmw", "shape": shape, "link": case.link,
        "bits": case.ring.bits(), "count": case.count, "mismatches": 0,
        "setup_seconds": found.setup_seconds,
        "offline_seconds": found.offline_seconds, "online_seconds": found.online_seconds,
        "offline_bytes": found.offline_bytes, "online_bytes": found.online_bytes,
        "online_latencies": found.latencies,
        "total_us_each": 1e6 * total / n, "online_us_each": 1e6 * found.online_seconds / n,
        "total_bits_each": 8.0 * (found.offline_bytes + found.online_bytes) as f64 / n,
        "online_bits_each": 8.0 * found.online_bytes as f64 / n,
        "cpu_us_each_both": cpu.map(|s| 1e6 * s / n),
    }));
    Ok(())
}

/// Edges of the ring and of the truncation, then random values.
fn values(ring: Ring, count: usize) -> Vec<i64> {
    let unit = 1i64 << SHIFT;
    let mut values = vec![0, 1, -1, ring.max(), -ring.max(), ring.min()];
    for v in [unit - 1, unit, unit + 1] {
        values.extend([v, -v]);
    }
    let mut prg = Prg::new(Block::from(u128::from(ring.bits())));
    while values.len() < count {
        values.push(ring.wrap(prg.next_u64().cast_signed()));
    }
    values.truncate(count);
    values
}

/// Makes material and uses it, batch by batch.
fn party<P: Party>(ch: &mut Channel, case: &Case, x: &Shares<P>) -> Result<Found, BenchError> {
    let started = Instant::now();
    ch.set_phase("setup");
    let mut live = Live::<P, _, _>::setup(ch, SET)?;
    let mut found = Found {
        shares: Vec::with_capacity(case.count),
        setup_seconds: started.elapsed().as_secs_f64(),
        offline_seconds: 0.0,
        online_seconds: 0.0,
        offline_bytes: 0,
        online_bytes: 0,
        latencies: 0,
    };
    while found.shares.len() < case.count {
        let len = (case.count - found.shares.len()).min(BATCH);
        let x = x
            .range(found.shares.len(), len)
            .map_err(privet_gmw::Error::from)?;
        let cost = case.op.cost(len as u64, case.ring.bits(), case.shape)?;
        ch.set_phase("offline");
        let started = Instant::now();
        let mut stored = Stored::new(live.prepare(ch, &cost.demand)?);
        found.offline_seconds += started.elapsed().as_secs_f64();
        ch.set_phase("online");
        let started = Instant::now();
        let mut context = Context::new(ch, &mut stored)
            .with_shape(case.shape)
            .with_chunk(BATCH);
        found.shares.extend(case.op.work(&mut context, &x)?);
        found.online_seconds += started.elapsed().as_secs_f64();
    }
    for phase in &ch.stats().phases {
        let bytes = phase.sent_bytes + phase.received_bytes;
        match phase.name.as_str() {
            "offline" => found.offline_bytes += bytes,
            "online" => {
                found.online_bytes += bytes;
                found.latencies += phase.flights_received;
            }
            _ => {}
        }
    }
    Ok(found)
}

fn check(case: &Case, values: &[i64], theirs: &[u64], ours: &[u64]) -> Result<(), BenchError> {
    let wrong = |e: privet_ring::Mismatch| BenchError::Wrong(e.to_string());
    let got: Vec<i64> = match case.op {
        Op::Drelu => theirs
            .iter()
            .zip(ours)
            .map(|(c, s)| i64::from((c ^ s) & 1 == 1))
            .collect(),
        Op::Relu | Op::ReluTrunc => {
            let client = Shares::<Client>::new(case.ring, theirs.to_vec());
            let server = Shares::<Server>::new(case.ring, ours.to_vec());
            open(&client, &server).map_err(wrong)?
        }
    };
    let expected = values.iter().map(|v| case.op.clear(*v));
    match got
        .iter()
        .zip(expected)
        .position(|(got, want)| *got != want)
    {
        None if got.len() == values.len() => Ok(()),
        found => Err(BenchError::Wrong(format!(
            "{} of {} bits: element {found:?} is not the clear result",
            case.op.name(),
            case.ring.bits()
        ))),
    }
}
