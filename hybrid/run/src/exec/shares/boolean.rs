//! Netlists under GMW, moves of shared bits, and the opening of the answer.

use privet_gmw::netlist::Levels;
use privet_gmw::netlist::planes::{Planes, bit, set};
use privet_net::Channel;
use privet_plan::cost::boolean::units;
use privet_plan::{Bridge, BufferId, CellStep, Domain, Port, Source, WireStep, WireWords};

use super::words::Words;
use super::{Held, ShareExecutor};
use crate::error::RunError;

const NO_NETLIST: RunError = RunError::Contradiction("a planned netlist cannot be made");
const BAD_PORT: RunError = RunError::Contradiction("a netlist's input does not fit its buffer");

impl ShareExecutor<'_> {
    pub(super) fn boolean_cells(
        &mut self,
        channel: &mut Channel,
        step: &CellStep,
    ) -> Result<(), RunError> {
        let netlist = step.block.netlist().map_err(|_| NO_NETLIST)?;
        let levels = Levels::new(&netlist);
        let planned = self.buffer(step.out)?;
        let mut out = match self
            .held
            .get_mut(step.out.0 as usize)
            .and_then(Option::take)
        {
            Some(Held::Bits(bits)) => bits,
            _ => Planes::zeros(planned.elements, planned.bits as usize),
        };
        if netlist.output_bits() != out.bits() && planned.elements > 0 {
            return Err(RunError::Contradiction(
                "a netlist's output does not fit its buffer",
            ));
        }
        for unit in units(step.instances) {
            let mut inputs = Planes::zeros(unit.len(), netlist.input_bits());
            let mut at = 0;
            for (port, declared) in step.ports.iter().zip(netlist.inputs()) {
                let Port::Words { buffer, index } = port else {
                    return Err(RunError::Contradiction("constants outside shares"));
                };
                let from = self.bits(*buffer)?;
                if from.bits() != declared.bits as usize {
                    return Err(BAD_PORT);
                }
                for b in 0..declared.bits as usize {
                    let plane = from.plane(b)?;
                    let to = inputs.plane_mut(at + b)?;
                    for (lane, instance) in unit.clone().enumerate() {
                        let element = place(index, instance)?;
                        set(to, lane, bit(plane, element)?)?;
                    }
                }
                at += declared.bits as usize;
            }
            let results = self
                .supply
                .bits
                .netlist(channel, &netlist, &levels, &inputs)?;
            for b in 0..netlist.output_bits() {
                let plane = results.plane(b)?;
                let to = out.plane_mut(b)?;
                for (lane, instance) in unit.clone().enumerate() {
                    set(to, place(&step.outputs, instance)?, bit(plane, lane)?)?;
                }
            }
        }
        self.put(step.out, Held::Bits(out))
    }

    pub(super) fn boolean_bridge(
        &mut self,
        channel: &mut Channel,
        step: &Bridge,
    ) -> Result<(), RunError> {
        let netlist = step.block.netlist().map_err(|_| NO_NETLIST)?;
        let levels = Levels::new(&netlist);
        let (source, target) = (self.buffer(step.from)?, self.buffer(step.out)?);
        let is_server = self.side.is_server();
        // The server's fresh share of what comes out as shares.
        let fresh = match (target.domain, is_server) {
            (Domain::Arith, true) => Words::random(target.bits, target.elements),
            _ => Words::zeros(target.bits, target.elements),
        };
        let mut bits = Planes::zeros(target.elements, target.bits as usize);
        if netlist.output_bits() != target.bits as usize {
            return Err(RunError::Contradiction(
                "a netlist's output does not fit its buffer",
            ));
        }
        for unit in units(source.elements) {
            let mut inputs = Planes::zeros(unit.len(), netlist.input_bits());
            let mut at = 0;
            for (n, port) in netlist.inputs().iter().enumerate() {
                let width = port.bits as usize;
                let given = match (source.domain, n) {
                    (Domain::Arith, 0 | 1) => {
                        // The first port is the server's share, the second the client's.
                        let words = self.words(step.from)?;
                        (is_server == (n == 0))
                            .then(|| of_range(&words.values, &unit, width))
                            .transpose()?
                    }
                    (Domain::Bool, 0) => {
                        let from = self.bits(step.from)?;
                        if from.bits() != width {
                            return Err(BAD_PORT);
                        }
                        Some(cut(from, &unit)?)
                    }
                    _ if target.domain == Domain::Arith => {
                        Some(of_range(&fresh.values, &unit, width)?)
                    }
                    _ => return Err(BAD_PORT),
                };
                if let Some(given) = given {
                    for b in 0..width {
                        inputs.plane_mut(at + b)?.copy_from_slice(given.plane(b)?);
                    }
                }
                at += width;
            }
            let results = self
                .supply
                .bits
                .netlist(channel, &netlist, &levels, &inputs)?;
            // Units begin at multiples of eight.
            for b in 0..target.bits as usize {
                let plane = bits.plane_mut(b)?;
                let to = plane.get_mut(unit.start / 8..unit.end.div_ceil(8));
                to.ok_or(BAD_PORT)?.copy_from_slice(results.plane(b)?);
            }
        }
        if target.domain == Domain::Bool {
            return self.put(step.out, Held::Bits(bits));
        }
        if is_server {
            channel.send(bits.bytes())?;
            channel.flush()?;
            return self.put(step.out, Held::Words(fresh));
        }
        let theirs = channel.recv_slice(bits.bytes().len())?;
        for (ours, theirs) in bits.bytes_mut().iter_mut().zip(theirs) {
            *ours ^= theirs;
        }
        self.put_words(step.out, bits.words())
    }

    /// Renames bits; public ones are the server's to set.
    pub(super) fn move_bits(&mut self, step: &WireStep) -> Result<(), RunError> {
        let planned = self.buffer(step.out)?;
        let mut out = Planes::zeros(planned.elements, planned.bits as usize);
        for b in 0..planned.bits {
            let to = out.plane_mut(b as usize)?;
            match &step.words {
                WireWords::Same(buffer) => {
                    let from = self.bits(*buffer)?;
                    let width = self.buffer(*buffer)?.bits;
                    if let Some(source) = step.bits.source(b, width) {
                        let plane = from.plane(source as usize)?;
                        if plane.len() != to.len() {
                            return Err(BAD_PORT);
                        }
                        to.copy_from_slice(plane);
                    }
                }
                WireWords::Each(words) => {
                    for (index, word) in words.iter().enumerate() {
                        let value = match word {
                            Source::Constant(value) => {
                                let bit = value >> b.min(63) & 1 == 1;
                                u8::from(bit && self.side.is_server())
                            }
                            Source::Word { buffer, element } => {
                                let width = self.buffer(*buffer)?.bits;
                                match step.bits.source(b, width) {
                                    None => 0,
                                    Some(source) => {
                                        let plane = self.bits(*buffer)?.plane(source as usize)?;
                                        bit(plane, *element as usize)?
                                    }
                                }
                            }
                        };
                        set(to, index, value)?;
                    }
                }
            }
        }
        self.put(step.out, Held::Bits(out))
    }

    /// The opened bits on the client's side, nothing on the server's.
    pub(super) fn open_bits(
        &mut self,
        channel: &mut Channel,
        from: BufferId,
    ) -> Result<Option<Vec<bool>>, RunError> {
        let planned = self.buffer(from)?;
        if planned.labels() == 0 {
            return Ok((!self.side.is_server()).then(Vec::new));
        }
        let own = self.bits(from)?;
        if self.side.is_server() {
            channel.send(own.bytes())?;
            channel.flush()?;
            return Ok(None);
        }
        let theirs = channel.recv_slice(own.bytes().len())?.to_vec();
        let stride = own.stride();
        let mut opened = Vec::with_capacity(planned.labels());
        for element in 0..planned.elements {
            for b in 0..planned.bits as usize {
                let there = theirs.get(b * stride..(b + 1) * stride).ok_or(BAD_PORT)?;
                opened.push(bit(own.plane(b)?, element)? ^ bit(there, element)? == 1);
            }
        }
        Ok(Some(opened))
    }
}

/// Where instance `instance` reads or writes.
fn place(index: &[u32], instance: usize) -> Result<usize, RunError> {
    match index {
        [] => Ok(instance),
        listed => listed
            .get(instance)
            .map(|element| *element as usize)
            .ok_or(RunError::Contradiction("an instance without a place")),
    }
}

fn of_range(
    values: &[u64],
    unit: &std::ops::Range<usize>,
    bits: usize,
) -> Result<Planes, RunError> {
    let values = values.get(unit.clone()).ok_or(BAD_PORT)?;
    Ok(Planes::of_words(values, bits))
}

/// A unit's part of all planes; units begin at multiples of eight.
fn cut(from: &Planes, unit: &std::ops::Range<usize>) -> Result<Planes, RunError> {
    let mut part = Planes::zeros(unit.len(), from.bits());
    for b in 0..from.bits() {
        let plane = from.plane(b)?;
        let taken = plane.get(unit.start / 8..unit.end.div_ceil(8));
        part.plane_mut(b)?.copy_from_slice(taken.ok_or(BAD_PORT)?);
    }
    Ok(part)
}
