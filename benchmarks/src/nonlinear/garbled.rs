//! The garbled engine: shares enter a garbled netlist, a share comes out, as backend `gc+ot` does it.
//!
//! The server garbles; the client's share bits enter by a SoftSpoken extension. Nothing is made ahead: tables could be, at the
//! price of keeping them, and would move their bytes from online to offline; the sum stays.

use std::ops::Range;
use std::time::Instant;

use privet_garble::drive::{Stream, evaluate_stream, garble_stream};
use privet_garble::{Evaluator, Garbler, InputClass, Program, labels};
use privet_gmw::product::msgs::{Reader, Writer};
use privet_net::Channel;
use privet_ot::cot;
use privet_prim::{Block, Delta, Prg};
use privet_ring::{Party, Shares};

use super::BenchError;
use super::case::{Case, Found};
use super::op::Form;

/// Labels of the client's bits that are held at a time.
const LABELS: usize = 1 << 22;

/// Instances side by side.
const LANES: usize = 64;

/// Runs a party's part.
pub(super) fn party<P: Party>(
    ch: &mut Channel,
    case: &Case,
    x: &Shares<P>,
) -> Result<Found, BenchError> {
    let started = Instant::now();
    ch.set_phase("setup");
    let netlist = case.op.netlist(case.ring)?;
    let bits = case.ring.bits() as usize;
    let out = case.op.out_bits(case.ring);
    let inputs = bits * case.op.cells();
    let mut classes = vec![InputClass::Garbler; inputs];
    classes.extend(vec![InputClass::Evaluator; inputs]);
    let fresh = if case.op.form() == Form::Opened {
        0
    } else {
        out
    };
    classes.extend(vec![InputClass::Garbler; fresh as usize]);
    let shape = Shape {
        program: Program::compile(&netlist, &classes)?,
        bits,
        inputs,
        out,
        fresh,
        cells: case.op.cells(),
    };
    let mut seat = Seat::set_up::<P>(ch)?;
    ch.flush()?;
    let mut found = Found::new(started, case.count);
    ch.set_phase("online");
    let started = Instant::now();
    let batch = (LABELS / inputs).max(1);
    let mut tweak = 0;
    for first in (0..case.count).step_by(batch) {
        let n = batch.min(case.count - first);
        let words = x
            .values()
            .get(first * shape.cells..(first + n) * shape.cells);
        let words = words.unwrap_or_default();
        found
            .shares
            .extend(seat.batch(ch, &shape, words, n, tweak)?);
        tweak += (n * shape.program.tables_per_instance()) as u64;
    }
    found.online_seconds = started.elapsed().as_secs_f64();
    Ok(found)
}

/// The netlist and its widths.
struct Shape {
    program: Program,
    /// Width of a number.
    bits: usize,
    /// Bits of an instance's numbers.
    inputs: usize,
    /// Width of the result.
    out: u32,
    /// Width of the server's share of it.
    fresh: u32,
    cells: usize,
}

/// A party at the circuit.
enum Seat {
    Garbler(Garbler, Delta, cot::Sender),
    Evaluator(Evaluator, cot::Receiver),
}

impl Seat {
    fn set_up<P: Party>(ch: &mut Channel) -> Result<Self, BenchError> {
        if P::ADDS_PUBLIC {
            let delta = Delta::random();
            let ot = cot::Sender::setup(ch, delta.duplicate())?;
            let garbler = Garbler::new(delta.duplicate(), ot.hash_key());
            return Ok(Self::Garbler(garbler, delta, ot));
        }
        let ot = cot::Receiver::setup(ch)?;
        Ok(Self::Evaluator(Evaluator::new(ot.hash_key()), ot))
    }

    /// This party's shares of the results of `n` instances.
    fn batch(
        &mut self,
        ch: &mut Channel,
        shape: &Shape,
        words: &[u64],
        n: usize,
        tweak_base: u64,
    ) -> Result<Vec<u64>, BenchError> {
        let stream = Stream {
            program: &shape.program,
            tweak_base,
            instances: n,
            lanes: LANES,
        };
        let (own, out) = (shape.inputs, shape.out as usize);
        let mut colours = vec![0u64; n];
        let mut blocks = vec![Block::ZERO; n * shape.inputs];
        let mask = u64::MAX.checked_shr(64 - shape.fresh).unwrap_or(0);
        match self {
            Self::Garbler(garbler, delta, ot) => {
                ot.extend_into(ch, &mut blocks)?;
                labels::known_keys(&mut blocks);
                let mut prg = Prg::random();
                let shares: Vec<u64> = (0..n).map(|_| prg.next_u64() & mask).collect();
                let load = |range: Range<usize>, to: &mut [Block]| {
                    let lanes = range.len();
                    let (known, rest) = to.split_at_mut(own * lanes);
                    let (theirs, masks) = rest.split_at_mut(own * lanes);
                    let column = known.chunks_exact_mut(shape.bits * lanes);
                    for (cell, to) in column.enumerate() {
                        let numbers = words.iter().skip(range.start * shape.cells + cell);
                        let numbers = numbers.step_by(shape.cells).take(lanes);
                        let numbers: Vec<u64> = numbers.copied().collect();
                        labels::known_blocks(delta, &numbers, shape.bits, to)?;
                    }
                    scatter(theirs, &blocks, range.clone(), own);
                    let fresh_words = shares.get(range).unwrap_or_default();
                    labels::known_blocks(delta, fresh_words, shape.fresh as usize, masks)
                };
                let store = |range, outputs: &[Block]| seen(&mut colours, range, outputs, out);
                garble_stream(ch, garbler, &stream, load, store)?;
                let (mut writer, mut bytes) = (Writer::default(), Vec::new());
                for word in &colours {
                    writer.push(*word, shape.out, &mut bytes);
                }
                writer.finish(&mut bytes);
                ch.send(&bytes)?;
                ch.flush()?;
                Ok(shares)
            }
            Self::Evaluator(evaluator, ot) => {
                let each = words.iter();
                let choices = each.flat_map(|w| (0..shape.bits).map(move |b| w >> b & 1 == 1));
                let choices: Vec<bool> = choices.collect();
                ot.extend_into(ch, &choices, &mut blocks)?;
                labels::known_macs(&mut blocks, &choices)?;
                let load = |range: Range<usize>, to: &mut [Block]| {
                    let lanes = range.len();
                    to.fill(Block::ZERO);
                    let (_, rest) = to.split_at_mut(own * lanes);
                    let (theirs, _) = rest.split_at_mut(own * lanes);
                    scatter(theirs, &blocks, range, own);
                    Ok(())
                };
                let store = |range, outputs: &[Block]| seen(&mut colours, range, outputs, out);
                evaluate_stream(ch, evaluator, &stream, load, store)?;
                let total = n as u64 * u64::from(shape.out);
                let mut reader = Reader::default();
                let bytes = ch.recv_slice(reader.needs(total))?;
                let mut fields = reader.fields(total, bytes)?;
                let shares = colours.iter();
                let shares = shares.map(|own| own ^ fields.next(shape.out)).collect();
                reader.finish()?;
                Ok(shares)
            }
        }
    }
}

/// From `[instance][bit]` of all to `[bit][lane]` of a range.
fn scatter(to: &mut [Block], from: &[Block], range: Range<usize>, bits: usize) {
    let lanes = range.len();
    for (lane, instance) in range.enumerate() {
        let own = from.get(instance * bits..(instance + 1) * bits);
        let column = to.iter_mut().skip(lane).step_by(lanes.max(1));
        for (to, from) in column.zip(own.unwrap_or_default()) {
            *to = *from;
        }
    }
}

/// Notes the colours of a range's outputs.
fn seen(
    colours: &mut [u64],
    range: Range<usize>,
    outputs: &[Block],
    bits: usize,
) -> Result<(), privet_garble::Error> {
    let words = colours.get_mut(range).unwrap_or_default();
    labels::colours(outputs, bits, words)
}
