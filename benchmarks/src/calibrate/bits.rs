//! Messages, transfers, and work on shares of bits.

use std::time::Instant;

use privet_gmw::ahead::Carries;
use privet_gmw::{Context, Live, Stored};
use privet_net::Channel;
use privet_ot::cot;
use privet_plan::Rates;
use privet_plan::compare::Shape;
use privet_plan::cost::gmw::{self, Demand, OpCost, TableShape};
use privet_prim::{Delta, Prg};
use privet_ring::{Client, Party, Ring, Server, Shares};

use super::{CalibrateError, Pair, fit, least};
use crate::nonlinear::shares::Machine;

/// Round trips of the probe of messages.
const TRIPS: u32 = 2000;

/// Transfers of a probe: more than a silent instance makes in one go.
const TRANSFERS: u64 = 1 << 22;

/// Elements of the probes of work on shares, and their ring: so many that their material comes from memory, as a network's does.
const ELEMENTS: usize = 1 << 19;
const RING: u32 = 37;
const SHIFT: u32 = 12;

/// One-way messages a second that the other side waits for.
pub(super) fn flights(pair: &Pair) -> Result<f64, CalibrateError> {
    let seconds = least(|| {
        let (seconds, ()) = pair.channels(
            |ch| -> Result<f64, CalibrateError> {
                let began = Instant::now();
                for _ in 0..TRIPS {
                    ch.send(&[0; 64])?;
                    ch.flush()?;
                    ch.recv(&mut [0; 64])?;
                }
                Ok(began.elapsed().as_secs_f64())
            },
            |ch| {
                for _ in 0..TRIPS {
                    ch.recv(&mut [0; 64])?;
                    ch.send(&[0; 64])?;
                    ch.flush()?;
                }
                Ok(())
            },
        )?;
        Ok(seconds)
    })?;
    Ok(f64::from(2 * TRIPS) / seconds)
}

/// Correlated OTs by extension, as input bits of garbled circuits take them.
#[expect(clippy::cast_precision_loss, reason = "a rate")]
pub(super) fn extension(pair: &Pair) -> Result<f64, CalibrateError> {
    const N: usize = 1 << 20;
    let seconds = least(|| {
        let (seconds, ()) = pair.channels(
            |ch| -> Result<f64, CalibrateError> {
                let mut receiver = cot::Receiver::setup(ch)?;
                let began = Instant::now();
                std::hint::black_box(receiver.extend(ch, &vec![true; N])?);
                ch.recv(&mut [0])?;
                Ok(began.elapsed().as_secs_f64())
            },
            |ch| {
                let mut sender = cot::Sender::setup(ch, Delta::random())?;
                std::hint::black_box(sender.extend(ch, N)?);
                ch.send(&[0])?;
                Ok(ch.flush()?)
            },
        )?;
        Ok(seconds)
    })?;
    Ok(N as f64 / seconds)
}

/// Rates of random correlated OTs by what they are hashed to.
pub(super) struct Found {
    pub(super) bits: f64,
    pub(super) numbers: f64,
    pub(super) tables: f64,
    pub(super) directions: f64,
}

/// Material of each kind alone.
#[expect(clippy::cast_precision_loss, reason = "rates")]
pub(super) fn material(pair: &Pair) -> Result<Found, CalibrateError> {
    let words = TRANSFERS / 64;
    let table = TableShape {
        choice_bits: 4,
        message_bits: 2,
    };
    let tables = [(table, words / 4)].into_iter().collect();
    let probes = [
        Demand {
            server_oles: words,
            ..Demand::default()
        },
        Demand {
            server_transfers: words,
            ..Demand::default()
        },
        Demand {
            tables,
            ..Demand::default()
        },
        Demand {
            triples: words,
            ..Demand::default()
        },
    ];
    let mut seconds = [f64::INFINITY; 4];
    for _ in 0..super::REPEATS {
        let (times, _) = pair.channels(
            |ch| made::<Client>(ch, &probes),
            |ch| made::<Server>(ch, &probes),
        )?;
        for (least, time) in seconds.iter_mut().zip(times) {
            *least = least.min(time);
        }
    }
    let [one, numbers, tables, both] = seconds;
    let rate = |seconds: f64| TRANSFERS as f64 / seconds;
    Ok(Found {
        bits: rate(one),
        numbers: rate(numbers),
        tables: rate(tables),
        directions: (both / one).clamp(1.0, 2.0),
    })
}

/// Seconds of each demand, after a first one that nobody counts.
fn made<P: Party>(ch: &mut Channel, probes: &[Demand]) -> Result<Vec<f64>, CalibrateError> {
    let mut live = Live::<P, _, _>::setup(ch, privet_run::SILENT)?;
    let first = Demand {
        triples: 1 << 10,
        ..Demand::default()
    };
    drop(live.prepare(ch, &first)?);
    let mut seconds = Vec::with_capacity(probes.len());
    for demand in probes {
        meet(ch)?;
        let began = Instant::now();
        let material = live.prepare(ch, demand)?;
        meet(ch)?;
        seconds.push(began.elapsed().as_secs_f64());
        drop(material);
    }
    Ok(seconds)
}

/// Both parties have come here.
fn meet(ch: &mut Channel) -> Result<(), CalibrateError> {
    ch.send(&[0])?;
    ch.flush()?;
    Ok(ch.recv(&mut [0])?)
}

/// ANDs and bytes of work on shares: ReLU and truncation by comparisons of few bytes and of few ANDs.
#[expect(clippy::cast_precision_loss, reason = "counts")]
pub(super) fn shares(pair: &Pair, flights: f64) -> Result<(f64, f64), CalibrateError> {
    let mut probes = Vec::new();
    for shape in [Shape::FEW_TRANSFERS.ahead(), Shape::FEW_BITS.ahead()] {
        let wrong = |e: &dyn std::fmt::Display| CalibrateError::Probe(e.to_string());
        let chunk = privet_plan::share::COMPARED;
        let each = |n| gmw::relu_trunc(n, RING, SHIFT, RING - SHIFT, shape);
        let cost = OpCost::chunked(ELEMENTS as u64, chunk as u64, each).map_err(|e| wrong(&e))?;
        let seconds = least(|| {
            let (seconds, _) = pair.channels(
                |ch| relu::<Client>(ch, shape, &cost),
                |ch| relu::<Server>(ch, shape, &cost),
            )?;
            Ok(seconds)
        })?;
        let waiting = f64::from(cost.flights().count()) / flights;
        let ands = 64 * (cost.demand.triples + 2 * cost.demand.common_triples);
        let counts = [ands as f64, cost.bytes() as f64];
        probes.push((counts, (seconds - waiting).max(seconds / 10.0)));
    }
    let near = Rates::default();
    let [ands, bytes] = fit::kinds(&probes, [1.0 / near.ands, 1.0 / near.bytes])
        .ok_or_else(|| CalibrateError::Probe("work on shares took no time".to_owned()))?;
    Ok((1.0 / ands, 1.0 / bytes))
}

/// Online seconds of a ReLU with truncation, its material made and turned to the client's share before.
fn relu<P: Machine>(ch: &mut Channel, shape: Shape, cost: &OpCost) -> Result<f64, CalibrateError> {
    let wrong = |e: &dyn std::fmt::Display| CalibrateError::Probe(e.to_string());
    let (ring, narrow) = (
        Ring::new(RING).map_err(|e| wrong(&e))?,
        Ring::new(RING - SHIFT).map_err(|e| wrong(&e))?,
    );
    let mut prg = Prg::random();
    // Shares of numbers that are as random as shares are.
    let words = (0..ELEMENTS)
        .map(|_| prg.next_u64() & ring.mask())
        .collect();
    let x = Shares::<P>::new(ring, words);
    let mut live = Live::<P, _, _>::setup(ch, privet_run::SILENT)?;
    let mut material = live.prepare(ch, &cost.demand)?;
    let chunk = privet_plan::share::COMPARED;
    P::fix(
        &Carries::relu(shape, ring, SHIFT, chunk),
        ch,
        &x,
        &mut material,
    )?;
    let mut stored = Stored::new(material);
    meet(ch)?;
    let began = Instant::now();
    let mut context = Context::new(ch, &mut stored)
        .with_shape(shape)
        .with_chunk(chunk);
    std::hint::black_box(context.relu_trunc(&x, SHIFT, narrow)?);
    meet(ch)?;
    Ok(began.elapsed().as_secs_f64())
}
