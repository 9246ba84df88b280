//! Bridges under garbled circuits: shares become labels, labels become shares.
//!
//! - Functionality: as the bridge of the plan says; the client's output share is its own, the server's
//!   the fresh mask that it brought into the netlist.
//! - Secure against: semi-honest, either side, as half-gates and the extension's OTs.
//! - From: ABY (NDSS 2015), A2Y and Y2A. Differs: the activation stands in the same netlist.
//! - Cost: OTs for the client's share bits, rows of tables, one bit for each output bit.

use privet_garble::{InputClass, labels};
use privet_net::Channel;
use privet_plan::{Bridge, Domain, LANES, units};
use privet_prim::{Block, Lines};
use zeroize::Zeroizing;

use super::super::{Worker, on_lanes};
use super::words::Words;
use super::{NO_SEAT, ShareExecutor, first, workers};
use crate::error::RunError;
use crate::seat::{AnySeat, Seat};

const BAD_PORT: RunError = RunError::Contradiction("a netlist's input does not fit its buffer");

/// Where a port's blocks come from.
enum PortBlocks<'a> {
    /// Bits that the server knows: its values, on its side.
    Server(Option<&'a [u64]>),
    /// Bits that the client knows: blocks by OT, `[element][bit]`.
    Client(&'a [Block]),
    /// Labels, `[element][bit]`.
    Labels(&'a [Block]),
}

impl ShareExecutor<'_> {
    pub(super) fn bridge(
        &mut self,
        lanes: &mut [Channel],
        seats: &mut [AnySeat],
        step: &Bridge,
        tweak: u64,
    ) -> Result<(), RunError> {
        let (source, target) = (self.buffer(step.from)?, self.buffer(step.out)?);
        let netlist = step
            .block
            .netlist()
            .map_err(|_| RunError::Contradiction("a planned netlist cannot be made"))?;
        let widths: Vec<usize> = netlist.inputs().iter().map(|p| p.bits as usize).collect();
        let (from_shares, to_shares) = (
            source.domain == Domain::Arith,
            target.domain == Domain::Arith,
        );
        let mut classes = match from_shares {
            true => vec![InputClass::Garbler, InputClass::Evaluator],
            false => vec![InputClass::Mixed],
        };
        if to_shares {
            classes.push(InputClass::Garbler);
        }
        if classes.len() != widths.len() || netlist.output_bits() != target.bits as usize {
            return Err(BAD_PORT);
        }
        let program = self.labels.programs.get(&step.block, &classes)?;
        let is_server = self.side.is_server();
        let fresh = match is_server && to_shares {
            true => Words::random(target.bits, target.elements),
            false => Words::zeros(target.bits, 0),
        };
        let by_ot = match from_shares {
            true => {
                let width = widths.get(1).copied().ok_or(BAD_PORT)?;
                let seat = seats.first_mut().ok_or(NO_SEAT)?;
                self.client_bits(first(lanes)?, seat, step, width)?
            }
            false => Lines::new(),
        };
        let mut ports = Vec::with_capacity(widths.len());
        if from_shares {
            let own = is_server.then(|| self.words(step.from)).transpose()?;
            ports.push(PortBlocks::Server(own.map(|w| w.values.as_slice())));
            ports.push(PortBlocks::Client(&by_ot));
        } else {
            ports.push(PortBlocks::Labels(self.labels.labels(step.from)?));
        }
        if to_shares {
            ports.push(PortBlocks::Server(is_server.then_some(&fresh.values)));
        }
        let width = target.bits as usize;
        let mut out = Lines::zeroed(target.labels());
        let all: Vec<_> = units(source.elements, LANES).collect();
        let mut workers = workers(lanes, seats);
        on_lanes(
            &mut workers,
            all.len(),
            |unit, worker| {
                let range = all.get(unit).cloned().unwrap_or_default();
                let count = range.len();
                let mut inputs = Lines::zeroed(program.program.inputs() * count);
                let mut rest = &mut inputs[..];
                for (port, bits) in ports.iter().zip(&widths) {
                    let (now, later) = rest.split_at_mut_checked(bits * count).ok_or(BAD_PORT)?;
                    fill(worker, port, range.clone(), *bits, now)?;
                    rest = later;
                }
                let mut results = Lines::zeroed(width * count);
                let base = tweak + range.start as u64 * program.tweaks();
                worker
                    .seat
                    .call(worker.channel, &program, base, count, &inputs, &mut results)?;
                Ok(results)
            },
            |unit, results| {
                let range = all.get(unit).cloned().unwrap_or_default();
                let count = range.len();
                for (lane, element) in range.enumerate() {
                    let word = out.get_mut(element * width..(element + 1) * width);
                    let from = results.iter().skip(lane).step_by(count);
                    for (label, from) in word.ok_or(BAD_PORT)?.iter_mut().zip(from) {
                        *label = *from;
                    }
                }
                Ok(())
            },
        )?;
        if !to_shares {
            self.labels.put_buffer(step.out, out);
            return Ok(());
        }
        let colours = packed(&out);
        let channel = first(lanes)?;
        if is_server {
            channel.send(&colours)?;
            channel.flush()?;
            return self.put(step.out, super::Held::Words(fresh));
        }
        let theirs = channel.recv_slice(colours.len())?;
        let bits = colours.iter().zip(theirs).map(|(a, b)| a ^ b);
        let bits: Zeroizing<Vec<u8>> = Zeroizing::new(bits.collect());
        let bit = |at: usize| {
            let byte = bits.get(at / 8).copied().unwrap_or(0);
            u64::from(byte >> (at % 8) & 1)
        };
        let word =
            |element: usize| (0..width).fold(0u64, |word, b| word | bit(element * width + b) << b);
        let values = (0..target.elements).map(word).collect();
        self.put_words(step.out, values)
    }

    /// Blocks of the client's share bits, by OT: `[element][bit]`.
    fn client_bits(
        &self,
        channel: &mut Channel,
        seat: &mut AnySeat,
        step: &Bridge,
        width: usize,
    ) -> Result<Lines, RunError> {
        let words = self.words(step.from)?;
        let mut blocks = Lines::zeroed(words.values.len() * width);
        if self.side.is_server() {
            seat.client_bits(channel, None, &mut blocks)?;
            labels::known_keys(&mut blocks);
            return Ok(blocks);
        }
        let bits = words.values.iter();
        let bits = bits.flat_map(|word| (0..width).map(move |b| word >> b & 1 == 1));
        let bits: Zeroizing<Vec<bool>> = Zeroizing::new(bits.collect());
        seat.client_bits(channel, Some(&bits), &mut blocks)?;
        labels::known_macs(&mut blocks, &bits)?;
        Ok(blocks)
    }
}

/// One port's part of a unit's inputs, `[bit][lane]`.
fn fill(
    worker: &mut Worker<'_, AnySeat>,
    port: &PortBlocks<'_>,
    range: std::ops::Range<usize>,
    bits: usize,
    target: &mut [Block],
) -> Result<(), RunError> {
    match port {
        PortBlocks::Server(values) => {
            let words = match values {
                None => None,
                Some(values) => Some(values.get(range).ok_or(BAD_PORT)?),
            };
            worker.seat.secret_words(words, bits, target)
        }
        PortBlocks::Client(blocks) | PortBlocks::Labels(blocks) => {
            let lanes = range.len();
            for (lane, element) in range.enumerate() {
                super::super::cells::scatter(target, lanes, lane, blocks, element * bits, bits)?;
            }
            Ok(())
        }
    }
}

/// Colours, eight to a byte.
fn packed(labels: &[Block]) -> Vec<u8> {
    labels
        .chunks(8)
        .map(|labels| {
            let bits = labels.iter().enumerate();
            bits.fold(0, |byte, (i, label)| byte | u8::from(label.colour()) << i)
        })
        .collect()
}
