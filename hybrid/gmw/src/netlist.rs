//! A netlist on shared bits, level by level.
//!
//! - Functionality: shares by exclusive or of the inputs become shares of the outputs, for many instances.
//! - Secure against: semi-honest, either side; perfect given the triples: each AND opens its operands under
//!   a triple's mask, used once.
//! - From: GMW (STOC 1987) with Beaver's triples (CRYPTO 1991).
//! - Differs: all ANDs of a level travel together, instances packed eight to a byte.
//! - Cost for n instances: `privet_plan::cost::boolean::cost`: per level of g ANDs `2·g·⌈n/8⌉` bytes in both directions at once, one
//!   latency, and `⌈g·⌈n/8⌉/8⌉` words of triples.

pub mod planes;

use privet_netlists::netlist::{Gate, Netlist, OutputBit};
use privet_ot::triples::Triples;
use privet_plan::cost::boolean;
use privet_plan::cost::gmw::{Demand, OpCost};
use privet_ring::Party;
use zeroize::{Zeroize, Zeroizing};

use crate::context::Context;
use crate::error::{ApiMisuse, Error, PeerMisbehaved};
use crate::flights::Flights;
use crate::material::Material;
use planes::Planes;

const BROKEN: ApiMisuse = ApiMisuse::Netlist {
    what: "a wire that does not exist",
};
const OPENED: &str = "gmw/netlist";

/// Gates by level: first those that send nothing, then the ANDs whose results belong to the next level.
pub struct Levels {
    levels: Vec<[Vec<usize>; 2]>,
}

impl Levels {
    /// Of all gates of a netlist.
    #[must_use]
    pub fn new(netlist: &Netlist) -> Self {
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

    /// Triples of each level, in words, for so many instances.
    fn words(&self, len: usize) -> impl Iterator<Item = u64> + '_ {
        let ands = self.levels.iter().map(|[_, ands]| ands.len() as u64);
        ands.map(move |ands| boolean::words(ands, len))
    }
}

/// One party's evaluation of one netlist over instances that lie side by side.
pub(crate) struct Evaluate<'n, P: Party> {
    netlist: &'n Netlist,
    levels: &'n Levels,
    /// A plane of each wire.
    wires: Zeroizing<Vec<u8>>,
    len: usize,
    /// The level whose ANDs come next.
    level: usize,
    triples: Material<P>,
    /// Those of the level that travels, and what was opened with them.
    taken: Option<Triples<1>>,
    opened: Vec<u8>,
}

impl<'n, P: Party> Evaluate<'n, P> {
    /// Of instances whose inputs are the planes given, in port order.
    pub(crate) fn new(
        netlist: &'n Netlist,
        levels: &'n Levels,
        inputs: &Planes,
        material: &mut Material<P>,
    ) -> Result<Self, Error> {
        let len = inputs.len();
        let stride = len.div_ceil(8);
        let expected = netlist.input_bits() * stride;
        ApiMisuse::length(
            "bytes of a netlist's inputs",
            expected,
            inputs.bytes().len(),
        )?;
        let mut wires = Zeroizing::new(vec![0u8; netlist.wire_count() * stride]);
        for (to, from) in wires.iter_mut().zip(inputs.bytes()) {
            *to = *from;
        }
        let words = levels.words(len).sum::<u64>();
        let mut triples = Material::default();
        triples.put_triples(material.take_triples(usize::try_from(words).unwrap_or(usize::MAX))?);
        let mut begun = Self {
            netlist,
            levels,
            wires,
            len,
            level: 0,
            triples,
            taken: None,
            opened: Vec::new(),
        };
        begun.advance()?;
        Ok(begun)
    }

    /// The outputs.
    pub(crate) fn finish(self) -> Result<Planes, Error> {
        let stride = self.len.div_ceil(8);
        let mut out = Planes::zeros(self.len, self.netlist.output_bits());
        for (bit, wire) in self.netlist.output_wires().iter().enumerate() {
            let plane = out.plane_mut(bit)?;
            match *wire {
                OutputBit::Wire(wire) => {
                    plane.copy_from_slice(span(&self.wires, stride, wire as usize)?);
                }
                OutputBit::Const(value) => {
                    plane.fill(0u8.wrapping_sub(u8::from(value && P::ADDS_PUBLIC)));
                }
            }
        }
        Ok(out)
    }

    /// Computes what needs no message, up to the next level with ANDs.
    fn advance(&mut self) -> Result<(), Error> {
        while let Some([linear, ands]) = self.levels.levels.get(self.level) {
            for gate in linear {
                self.linear(*gate)?;
            }
            if !ands.is_empty() {
                return Ok(());
            }
            self.level += 1;
        }
        Ok(())
    }

    fn ands(&self) -> &'n [usize] {
        let level = self.levels.levels.get(self.level);
        level.map_or(&[], |[_, ands]| ands.as_slice())
    }

    fn linear(&mut self, index: usize) -> Result<(), ApiMisuse> {
        let stride = self.len.div_ceil(8);
        let start = (self.netlist.input_bits() + index) * stride;
        let (before, after) = self.wires.split_at_mut_checked(start).ok_or(BROKEN)?;
        let out = after.get_mut(..stride).ok_or(BROKEN)?;
        match gate(self.netlist, index)? {
            Gate::Inv(a) => {
                let flip = 0u8.wrapping_sub(u8::from(P::ADDS_PUBLIC));
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
}

impl<P: Party> Flights for Evaluate<'_, P> {
    /// Both operands of each AND under the triples' masks: all x ⊕ a, then all y ⊕ b.
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        let (stride, ands) = (self.len.div_ceil(8), self.ands());
        let len = ands.len() * stride;
        let taken = self.triples.take_triples(len.div_ceil(8))?;
        let mut ours = Vec::with_capacity(2 * len);
        for side in 0..2 {
            for index in ands {
                let Gate::And(x, y) = gate(self.netlist, *index)? else {
                    return Err(BROKEN.into());
                };
                let wire = if side == 0 { x } else { y };
                ours.extend_from_slice(span(&self.wires, stride, wire as usize)?);
            }
        }
        let (x, y) = ours.split_at_mut(len);
        let [b] = &taken.b;
        mask(x, &taken.a);
        mask(y, b);
        out.extend_from_slice(&ours);
        self.opened = ours;
        self.taken = Some(taken);
        Ok(2 * len)
    }

    fn receive(&mut self, msg: &[u8]) -> Result<(), Error> {
        let (expected, got) = (self.opened.len(), msg.len());
        if expected != got {
            let msg = OPENED;
            return Err(PeerMisbehaved::Length { msg, expected, got }.into());
        }
        let Some(mut taken) = self.taken.take() else {
            return Ok(());
        };
        for (ours, theirs) in self.opened.iter_mut().zip(msg) {
            *ours ^= theirs;
        }
        let (stride, ands) = (self.len.div_ceil(8), self.ands());
        let (d, e) = self.opened.split_at(ands.len() * stride);
        let both = 0u8.wrapping_sub(u8::from(P::ADDS_PUBLIC));
        {
            let ([b], [c]) = (&taken.b, &taken.c);
            let material = bytes(&taken.a).zip(bytes(b)).zip(bytes(c));
            let mut results = d.iter().zip(e).zip(material);
            for index in ands {
                let start = (self.netlist.input_bits() + index) * stride;
                let out = self.wires.get_mut(start..start + stride).ok_or(BROKEN)?;
                for (out, ((d, e), ((a, b), c))) in out.iter_mut().zip(results.by_ref()) {
                    *out = c ^ (d & b) ^ (e & a) ^ (d & e & both);
                }
            }
        }
        taken.a.zeroize();
        taken.b.zeroize();
        taken.c.zeroize();
        self.level += 1;
        self.advance()
    }

    fn done(&self) -> bool {
        self.level >= self.levels.levels.len()
    }
}

fn gate(netlist: &Netlist, index: usize) -> Result<Gate, ApiMisuse> {
    netlist.gates().get(index).copied().ok_or(BROKEN)
}

fn span(wires: &[u8], stride: usize, wire: usize) -> Result<&[u8], ApiMisuse> {
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

impl<P: Party> Context<'_, P> {
    /// Shares of a netlist's outputs for instances, at most [`boolean::LANES`], whose inputs are the planes given, in port order. The
    /// levels are those of the netlist.
    ///
    /// # Errors
    /// Planes that do not fit the inputs; material has run out; a failing channel or a misbehaving peer.
    pub fn netlist(
        &mut self,
        netlist: &Netlist,
        levels: &Levels,
        inputs: &Planes,
    ) -> Result<Planes, Error> {
        let demand = Demand {
            triples: levels.words(inputs.len()).sum(),
            ..Demand::default()
        };
        let cost = OpCost {
            demand,
            ..OpCost::default()
        };
        let mut out = Planes::zeros(0, 0);
        self.side_by_side(
            &cost,
            [inputs],
            |inputs, material, _| Evaluate::new(netlist, levels, inputs, material),
            |core| {
                out = core.finish()?;
                Ok(())
            },
        )?;
        Ok(out)
    }
}
