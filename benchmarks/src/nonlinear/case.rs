//! One measurement: what it is, what it should take, and what it took.

use std::thread;
use std::time::Instant;

use privet_net::{Channel, Link};
use privet_plan::compare::{Operand, Shape};
use privet_plan::cost::gmw::OpCost;
use privet_plan::cost::{LinkModel, Rates};
use privet_prim::Prg;
use privet_ring::{Client, Ring, Server, Shares, share};
use serde_json::{Value, json};

use super::op::{Form, Op};
use super::shares::{self, Machine};
use super::{BenchError, Engine, garbled};
use crate::machine::cpu_seconds;
use crate::ot::loopback;

/// The link as the cost model sees it.
fn model(link: Link) -> LinkModel {
    match link {
        Link::Loopback => LinkModel::LOOPBACK,
        Link::Shaped {
            megabits,
            round_trip_ms,
        } => LinkModel::shaped(megabits, round_trip_ms),
    }
}

/// The planner's choice.
pub(super) fn planned(op: Op, ring: Ring, count: usize, link: Link) -> Result<Shape, BenchError> {
    let (bits, cut) = op.compared(ring);
    let rates = Rates::default();
    Ok(Shape::choose(
        count as u64,
        bits,
        cut,
        &model(link),
        &rates,
    )?)
}

/// Seconds of computing in a session's set-up.
const SETUP_SECONDS: f64 = 0.05;

/// Round trips of a session's set-up: base transfers and extensions in both directions.
const SETUP_ROUND_TRIPS: f64 = 8.0;

/// Seconds of the first expansion of silent OT in both directions: few instances take as much as many.
const EXPANSION_SECONDS: f64 = 0.1;

/// One measurement.
#[derive(Clone, Copy)]
pub(super) struct Case {
    pub(super) op: Op,
    pub(super) ring: Ring,
    pub(super) count: usize,
    pub(super) link: Link,
    pub(super) engine: Engine,
    pub(super) shape: Shape,
}

impl Case {
    /// What a batch takes on shares.
    pub(super) fn cost(&self, n: usize) -> Result<OpCost, BenchError> {
        let chunk = shares::chunk(self.link) as u64;
        self.op.cost(n as u64, self.ring, self.shape, chunk)
    }

    /// All batches.
    fn whole(&self) -> Result<OpCost, BenchError> {
        OpCost::chunked(self.count as u64, shares::BATCH as u64, |n| {
            self.cost(usize::try_from(n).unwrap_or(usize::MAX))
        })
    }

    /// Estimated seconds, set-up included: the cost model's figures at its default rates.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn estimate(&self) -> Result<f64, BenchError> {
        let (rates, link) = (Rates::default(), model(self.link));
        let wire = |bytes: f64| link.bytes_per_second.map_or(0.0, |rate| bytes / rate);
        let setup = SETUP_SECONDS + SETUP_ROUND_TRIPS * link.round_trip;
        let work = match self.engine {
            Engine::Gmw => self.whole()?.seconds(&link, &rates) + EXPANSION_SECONDS,
            Engine::OtTree => {
                let cost = self.whole()?;
                let transfers = cost
                    .demand
                    .transfers_sent(true)
                    .max(cost.demand.transfers_sent(false));
                cost.seconds(&link, &rates) + wire(4.0 * transfers as f64)
            }
            Engine::Gc => {
                let ands = self.op.netlist(self.ring)?.counts().ands * self.count as u64;
                let inputs = (self.op.cells() * self.count) as f64 * f64::from(self.ring.bits());
                let work = ands as f64 / rates.gates + inputs / rates.cots;
                work.max(wire(32.0 * ands as f64 + 4.0 * inputs))
            }
        };
        Ok(setup + work)
    }

    /// The row of a case that was not measured.
    pub(super) fn left_out(&self, reason: &str) -> Value {
        let mut row = self.head();
        if let Value::Object(row) = &mut row {
            row.insert("left_out".to_owned(), json!(reason));
        }
        row
    }

    /// What it is.
    fn head(&self) -> Value {
        json!({
            "op": self.op.name(), "engine": self.engine.name(),
            "shape": self.shape_name(), "client_share": self.client_share(), "link": self.link,
            "bits": self.ring.bits(), "count": self.count,
        })
    }

    fn shape_name(&self) -> String {
        let online = Shape {
            client: Operand::Online,
            ..self.shape
        };
        match (self.engine, online) {
            (Engine::Gc, _) => "netlist".to_owned(),
            (_, Shape::FEW_TRANSFERS) => "few transfers".to_owned(),
            (_, Shape::FEW_BITS) => "few bits".to_owned(),
            (_, other) => format!("{:?} {:?} {:?}", other.leaves, other.tree, other.products),
        }
    }

    const fn client_share(&self) -> &'static str {
        match (self.engine, self.shape.client) {
            (Engine::Gmw, Operand::Ahead) => "ahead",
            (Engine::Gmw | Engine::OtTree | Engine::Gc, _) => "online",
        }
    }

    /// Runs both parties and compares.
    #[expect(clippy::cast_precision_loss, reason = "figures per instance")]
    pub(super) fn measure(&self) -> Result<Value, BenchError> {
        let values = self.op.values(self.ring, self.count);
        let mut prg = Prg::random();
        let masks = values.iter().map(|_| prg.next_u64()).collect();
        let (client, server) =
            share(self.ring, &values, masks).map_err(|e| BenchError::Wrong(e.to_string()))?;
        let (mut here, mut there) = loopback(self.link)?;
        let started = cpu_seconds();
        let (theirs, found) = thread::scope(|scope| {
            let peer = scope.spawn(|| party::<Client>(&mut there, self, &client));
            let found = party::<Server>(&mut here, self, &server);
            let died = || Err(BenchError::Wrong("a thread died".to_owned()));
            (peer.join().unwrap_or_else(|_| died()), found)
        });
        let (theirs, found) = (theirs?, found?);
        let cpu = cpu_seconds().zip(started).map(|(end, start)| end - start);
        check(self, &values, &theirs.shares, &found.shares)?;
        if self.engine == Engine::Gmw {
            let (planned, moved) = (self.whole()?.bytes(), found.online.bytes);
            if planned != moved {
                let name = self.name();
                let text = format!("{name}: {moved} bytes moved online, {planned} planned");
                return Err(BenchError::Wrong(text));
            }
        }
        let n = self.count as f64;
        let total = found.offline_seconds + found.online_seconds;
        let bytes = found.offline.bytes + found.online.bytes;
        let figures = json!({
            "mismatches": 0,
            "setup_seconds": found.setup_seconds,
            "offline_seconds": found.offline_seconds, "online_seconds": found.online_seconds,
            "offline_bytes": found.offline.bytes, "online_bytes": found.online.bytes,
            "offline_flights": found.offline.flights, "online_flights": found.online.flights,
            "total_us_each": 1e6 * total / n, "online_us_each": 1e6 * found.online_seconds / n,
            "total_bits_each": 8.0 * bytes as f64 / n,
            "online_bits_each": 8.0 * found.online.bytes as f64 / n,
            "cpu_us_each_both": cpu.map(|s| 1e6 * s / n),
            "left_out": null,
        });
        let mut row = self.head();
        if let (Value::Object(row), Value::Object(figures)) = (&mut row, figures) {
            row.extend(figures);
        }
        Ok(row)
    }

    pub(super) fn name(&self) -> String {
        let (op, engine) = (self.op.name(), self.engine.name());
        format!("{op} {} bits {} {engine}", self.ring.bits(), self.count)
    }
}

/// What a party found.
pub(super) struct Found {
    pub(super) shares: Vec<u64>,
    setup_seconds: f64,
    pub(super) offline_seconds: f64,
    pub(super) online_seconds: f64,
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
    pub(super) fn new(started: Instant, count: usize) -> Self {
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
            moved.flights += phase.flights;
        }
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
