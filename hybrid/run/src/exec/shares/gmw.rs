//! A netlist on shared bits, level by level.
//!
//! - Functionality: shares by exclusive or of the inputs become shares of the outputs, for many instances.
//! - Secure against: semi-honest, either side; perfect given the triples: each AND opens its operands under
//!   a triple's mask, used once.
//! - From: GMW (STOC 1987) with Beaver's triples (CRYPTO 1991).
//! - Differs: all ANDs of a level travel together, instances packed eight to a byte.
//! - Cost for n instances: per level of g ANDs `2·g·⌈n/8⌉` bytes in both directions at once, one latency, and
//!   `⌈g·⌈n/8⌉/8⌉` words of triples.

use privet_net::Channel;
use privet_netlists::netlist::{Gate, Netlist, OutputBit};
use zeroize::Zeroizing;

use super::bits::Bits;
use super::planes::Planes;
use crate::error::RunError;

const BROKEN: RunError = RunError::Contradiction("a netlist refers to a wire that does not exist");

/// Gates by level: first those that send nothing, then the ANDs whose results belong to the next level.
pub(crate) struct Levels {
    levels: Vec<[Vec<usize>; 2]>,
}

impl Levels {
    pub(crate) fn new(netlist: &Netlist) -> Self {
        let mut depth = vec![0usize; netlist.input_bits()];
        let mut levels: Vec<[Vec<usize>; 2]> = Vec::new();
        let at = |depth: &[usize], wire: u32| depth.get(wire as usize).copied().unwrap_or(0);
        for (index, gate) in netlist.gates().iter().enumerate() {
            let (level, and) = match *gate {
                Gate::Inv(a) => (at(&depth, a), false),
                Gate::Xor(a, b) => (at(&depth, a).max(at(&depth, b)), false),
                Gate::And(a, b) => (at(&depth, a).max(at(&depth, b)), true),
            };
            if levels.len() <= level {
                levels.resize_with(level + 1, Default::default);
            }
            if let Some(gates) = levels
                .get_mut(level)
                .and_then(|l| l.get_mut(usize::from(and)))
            {
                gates.push(index);
            }
            depth.push(level + usize::from(and));
        }
        Self { levels }
    }
}

/// One party's evaluation of one netlist over instances that lie side by side.
pub(crate) struct Evaluation<'a> {
    pub(crate) netlist: &'a Netlist,
    pub(crate) levels: &'a Levels,
    pub(crate) is_server: bool,
}

impl Evaluation<'_> {
    /// The outputs of `len` instances whose inputs are the planes given, in port order.
    pub(crate) fn run(
        &self,
        channel: &mut Channel,
        inputs: Planes,
        len: usize,
        bits: &mut Bits,
    ) -> Result<Planes, RunError> {
        let stride = len.div_ceil(8);
        if inputs.bytes().len() != self.netlist.input_bits() * stride {
            return Err(RunError::Contradiction(
                "a netlist's inputs do not fit its ports",
            ));
        }
        let mut wires = Zeroizing::new(vec![0u8; self.netlist.wire_count() * stride]);
        for (to, from) in wires.iter_mut().zip(inputs.bytes()) {
            *to = *from;
        }
        drop(inputs);
        for [linear, ands] in &self.levels.levels {
            for gate in linear {
                self.linear(&mut wires, stride, *gate)?;
            }
            if !ands.is_empty() {
                self.ands(channel, &mut wires, stride, ands, bits)?;
            }
        }
        let mut out = Planes::zeros(len, self.netlist.output_bits());
        for (bit, wire) in self.netlist.output_wires().iter().enumerate() {
            let plane = out.plane_mut(bit)?;
            match *wire {
                OutputBit::Wire(wire) => {
                    plane.copy_from_slice(span(&wires, stride, wire as usize)?);
                }
                OutputBit::Const(value) => {
                    plane.fill(0u8.wrapping_sub(u8::from(value && self.is_server)));
                }
            }
        }
        Ok(out)
    }

    fn gate(&self, index: usize) -> Result<Gate, RunError> {
        self.netlist.gates().get(index).copied().ok_or(BROKEN)
    }

    fn linear(&self, wires: &mut [u8], stride: usize, index: usize) -> Result<(), RunError> {
        let start = (self.netlist.input_bits() + index) * stride;
        let (before, after) = wires.split_at_mut_checked(start).ok_or(BROKEN)?;
        let out = after.get_mut(..stride).ok_or(BROKEN)?;
        match self.gate(index)? {
            Gate::Inv(a) => {
                let flip = 0u8.wrapping_sub(u8::from(self.is_server));
                for (out, a) in out.iter_mut().zip(span(before, stride, a as usize)?) {
                    *out = a ^ flip;
                }
            }
            Gate::Xor(a, b) => {
                let a = span(before, stride, a as usize)?;
                let b = span(before, stride, b as usize)?;
                for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                    *out = a ^ b;
                }
            }
            Gate::And(..) => return Err(BROKEN),
        }
        Ok(())
    }

    fn ands(
        &self,
        channel: &mut Channel,
        wires: &mut [u8],
        stride: usize,
        ands: &[usize],
        bits: &mut Bits,
    ) -> Result<(), RunError> {
        let len = ands.len() * stride;
        let taken = bits.triples(len.div_ceil(8))?;
        let [b] = &taken.b;
        let [c] = &taken.c;
        // Both operands under the triple's masks: x ⊕ a, then y ⊕ b.
        let mut ours = Zeroizing::new(Vec::with_capacity(2 * len));
        for side in 0..2 {
            for gate in ands {
                let Gate::And(x, y) = self.gate(*gate)? else {
                    return Err(BROKEN);
                };
                let wire = if side == 0 { x } else { y };
                ours.extend_from_slice(span(wires, stride, wire as usize)?);
            }
        }
        let (x, y) = ours.split_at_mut(len);
        mask(x, &taken.a);
        mask(y, b);
        channel.send(&ours)?;
        let theirs = channel.recv_slice(2 * len)?;
        for (ours, theirs) in ours.iter_mut().zip(theirs) {
            *ours ^= theirs;
        }
        let (d, e) = ours.split_at(len);
        let both = 0u8.wrapping_sub(u8::from(self.is_server));
        let material = bytes(&taken.a).zip(bytes(b)).zip(bytes(c));
        let mut results = d.iter().zip(e).zip(material);
        for gate in ands {
            let start = (self.netlist.input_bits() + gate) * stride;
            let out = wires.get_mut(start..start + stride).ok_or(BROKEN)?;
            for (out, ((d, e), ((a, b), c))) in out.iter_mut().zip(results.by_ref()) {
                *out = c ^ (d & b) ^ (e & a) ^ (d & e & both);
            }
        }
        Ok(())
    }
}

fn span(wires: &[u8], stride: usize, wire: usize) -> Result<&[u8], RunError> {
    wires.get(wire * stride..(wire + 1) * stride).ok_or(BROKEN)
}

fn bytes(words: &[u64]) -> impl Iterator<Item = u8> + '_ {
    words.iter().flat_map(|word| word.to_le_bytes())
}

fn mask(values: &mut [u8], words: &[u64]) {
    for (chunk, word) in values.chunks_mut(8).zip(words) {
        for (value, byte) in chunk.iter_mut().zip(word.to_le_bytes()) {
            *value ^= byte;
        }
    }
}
