//! Signs, ReLU, and ReLU with exact truncation in one.
//!
//! - Functionality: from shares of x: of `x >= 0`; of `max(x, 0)`; of `floor(max(x, 0) / 2^f)` in a ring of the reader's.
//! - Secure against: semi-honest, either side; perfect, in the model of prepared material.
//! - From: CrypTFlow2 (eprint 2020/457), §4, for the sign. Differs: truncation takes the carry below bit f from a node of the sign's own
//!   tree, and the wrap from the known sign; one selection serves both. See [`relu_trunc`](crate::Context::relu_trunc).
//! - Cost: `privet_plan::cost::gmw::{drelu, relu, relu_trunc}`, to the byte.

use privet_plan::compare::Shape;
use privet_plan::cost::gmw::{self as cost, OpCost};
use privet_prim::Prg;
use privet_ring::{BitShares, Party, Ring, Shares};
use zeroize::Zeroize;

use crate::compare::Compare;
use crate::context::Context;
use crate::error::{ApiMisuse, Error};
use crate::flights::Flights;
use crate::material::Material;
use crate::select::{Cross, Mux};

/// This party's number for the carry of two shares out of `bits` bits: the client's bits, the complement of the server's.
pub(crate) fn carry_operand<P: Party>(x: &[u64], bits: u32) -> Vec<u64> {
    let mask = u64::MAX >> (64 - bits);
    let flip = if P::ADDS_PUBLIC { u64::MAX } else { 0 };
    x.iter().map(|v| (v ^ flip) & mask).collect()
}

/// The top bits of this party's shares, 64 to a word.
pub(crate) fn top_bits(x: &[u64], ring: Ring) -> Vec<u64> {
    let top = ring.bits() - 1;
    let words = x.chunks(64).map(|x| {
        let bits = x.iter().enumerate();
        bits.fold(0, |word, (i, v)| word | (v >> top & 1) << i)
    });
    words.collect()
}

/// Words of `x >= 0` from those of the carry below the top bit.
fn sign<P: Party>(mut carry: Vec<u64>, top: &[u64]) -> Vec<u64> {
    for (carry, top) in carry.iter_mut().zip(top) {
        *carry ^= top;
        if P::ADDS_PUBLIC {
            *carry = !*carry;
        }
    }
    carry
}

/// A batch of ReLUs with truncation.
pub(crate) struct ReluTrunc<P: Party> {
    compare: Option<Compare<P>>,
    top: Vec<u64>,
    /// The local part of t, without carry and wrap.
    local: Vec<u64>,
    wrap: Option<Cross>,
    carry: Option<(Cross, Vec<u64>)>,
    mux: Option<Mux>,
    supplied: bool,
    cut: bool,
    out: Ring,
    /// l − f: where the wrap counts.
    high: u32,
    material: Material<P>,
    flight: Vec<(Part, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Compare,
    Wrap,
    Carry,
    Mux,
}

impl<P: Party> ReluTrunc<P> {
    pub(crate) fn new(
        shape: Shape,
        ring: Ring,
        shift: u32,
        out: Ring,
        x: &[u64],
        material: &mut Material<P>,
        prg: &mut Prg,
    ) -> Result<Self, Error> {
        let low = ring.bits() - 1;
        let cut = (shift > 0).then_some(shift);
        let compare = Compare::new(shape, low, cut, &carry_operand::<P>(x, low), material, prg)?;
        let top = top_bits(x, ring);
        let high = ring.bits() - shift;
        let wrap = out.bits().checked_sub(high).filter(|bits| *bits > 0);
        let wrap = wrap.map(|bits| {
            // m_C OR m_S = m_C + m_S − m_C·m_S.
            let numbers = || {
                let tops = x.iter().map(|v| v >> (ring.bits() - 1) & 1);
                tops.map(u64::wrapping_neg).collect()
            };
            Cross::new(bits, x.len(), numbers, || top.clone(), material)
        });
        let words = x.len().div_ceil(64);
        let mut own = Material::default();
        if cut.is_some() {
            if P::ADDS_PUBLIC {
                own.put_picks(material.take_picks(words)?);
            } else {
                own.put_pairs(material.take_pairs(words)?);
            }
        }
        let wrap = wrap.transpose()?;
        own.put_pairs(material.take_pairs(words)?);
        own.put_picks(material.take_picks(words)?);
        Ok(Self {
            compare: Some(compare),
            local: x.iter().map(|v| v >> shift).collect(),
            top,
            wrap,
            carry: None,
            mux: None,
            supplied: false,
            cut: cut.is_some(),
            out,
            high,
            material: own,
            flight: Vec::new(),
        })
    }

    /// Starts whatever has become possible.
    fn advance(&mut self) -> Result<(), Error> {
        let len = self.local.len();
        if self.cut
            && self.carry.is_none()
            && let Some(below) = self.compare.as_mut().and_then(Compare::take_cut)
        {
            let cross = Cross::b2a(self.out.bits(), &below, len, &mut self.material)?;
            self.carry = Some((cross, below));
        }
        let late = self
            .carry
            .as_ref()
            .is_none_or(|(cross, _)| cross.left() > 1);
        if self.cut && late {
            return Ok(());
        }
        if self.mux.is_none()
            && self.wrap.as_ref().is_none_or(|wrap| wrap.left() <= 1)
            && self.compare.as_ref().is_some_and(Flights::done)
            && let Some(compare) = self.compare.take()
        {
            let sign = sign::<P>(compare.finish(), &self.top);
            self.mux = Some(Mux::new(self.out, &sign, len, &mut self.material)?);
        }
        Ok(())
    }

    /// Supplies t to the selection once carry and wrap are there.
    fn supply(&mut self) -> Result<(), Error> {
        let waits = |cross: Option<&Cross>| cross.is_some_and(|cross| !cross.done());
        if self.supplied
            || waits(self.wrap.as_ref())
            || waits(self.carry.as_ref().map(|(cross, _)| cross))
        {
            return Ok(());
        }
        let Some(mux) = &mut self.mux else {
            return Ok(());
        };
        let mut t = std::mem::take(&mut self.local);
        let len = t.len();
        if let Some((cross, below)) = self.carry.take() {
            let carry = cross.finish_b2a(&below, len);
            t.iter_mut()
                .zip(&carry)
                .for_each(|(t, c)| *t = t.wrapping_add(*c));
        }
        if let Some(cross) = self.wrap.take() {
            let products = cross.finish();
            let tops = crate::select::each_bit(&self.top, len);
            for ((t, product), top) in t.iter_mut().zip(&products).zip(tops) {
                *t = t.wrapping_sub(product.wrapping_add(top) << self.high);
            }
        }
        mux.supply(&t)?;
        t.zeroize();
        self.supplied = true;
        Ok(())
    }

    fn part(&mut self, part: Part) -> Option<&mut dyn Flights> {
        let found: Option<&mut dyn Flights> = match part {
            Part::Compare => self.compare.as_mut().map(|core| core as &mut dyn Flights),
            Part::Wrap => self.wrap.as_mut().map(|core| core as &mut dyn Flights),
            Part::Carry => self
                .carry
                .as_mut()
                .map(|(core, _)| core as &mut dyn Flights),
            Part::Mux => self.mux.as_mut().map(|core| core as &mut dyn Flights),
        };
        found.filter(|core| !core.done())
    }

    fn finish(mut self) -> Shares<P> {
        let ring = self.out;
        self.mux
            .take()
            .map_or_else(|| Shares::zeros(ring, 0), Mux::finish)
    }
}

impl<P: Party> Flights for ReluTrunc<P> {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        self.advance()?;
        self.supply()?;
        self.flight.clear();
        for part in [Part::Compare, Part::Wrap, Part::Carry, Part::Mux] {
            if let Some(core) = self.part(part) {
                let expected = core.send(out)?;
                self.flight.push((part, expected));
            }
        }
        Ok(self.flight.iter().map(|(_, len)| len).sum())
    }

    fn receive(&mut self, mut msg: &[u8]) -> Result<(), Error> {
        for (part, len) in std::mem::take(&mut self.flight) {
            let bytes = crate::wire::split("gmw/relu", len, &mut msg)?;
            if let Some(core) = self.part(part) {
                core.receive(bytes)?;
            }
        }
        Ok(crate::wire::empty("gmw/relu", msg)?)
    }

    fn done(&self) -> bool {
        self.mux.as_ref().is_some_and(Flights::done)
    }
}

impl<P: Party> Drop for ReluTrunc<P> {
    fn drop(&mut self) {
        self.local.zeroize();
        self.top.zeroize();
    }
}

impl<P: Party> Context<'_, P> {
    /// Shares of `x >= 0`.
    ///
    /// # Errors
    /// Material has run out; a failing channel or a misbehaving peer.
    pub fn drelu(&mut self, x: &Shares<P>) -> Result<BitShares<P>, Error> {
        let (ring, shape, chunk) = (x.ring(), self.shape(), self.chunk());
        let low = ring.bits() - 1;
        let mut words = Vec::with_capacity(x.len().div_ceil(64));
        let cost = OpCost::chunked(x.len() as u64, chunk as u64, |n| {
            cost::drelu(n, ring.bits(), shape)
        })?;
        self.side_by_side(
            &cost,
            x.values().chunks(chunk),
            |x, material, prg| {
                let operand = carry_operand::<P>(x, low);
                Compare::new(shape, low, None, &operand, material, prg)
            },
            |compare| {
                words.extend(compare.finish());
                Ok(())
            },
        )?;
        let words = sign::<P>(words, &top_bits(x.values(), ring));
        Ok(BitShares::new(x.len(), words)?)
    }

    /// Shares of `max(x, 0)`.
    ///
    /// # Errors
    /// As [`drelu`](Self::drelu).
    pub fn relu(&mut self, x: &Shares<P>) -> Result<Shares<P>, Error> {
        self.relu_trunc(x, 0, x.ring())
    }

    /// Shares of `floor(max(x, 0) / 2^shift)`, exact, in ring `out`.
    ///
    /// With b = `x >= 0`, b·t for `t = (x_C >> f) + (x_S >> f) + c − 2^(l−f)·w`: c the carry of the shares out of their low f bits, w
    /// whether their sum wraps, which for `x >= 0` is `msb(x_C) OR msb(x_S)`. For negative x, t means nothing and b is 0.
    ///
    /// # Errors
    /// A shift not below `bits − 1`; as [`drelu`](Self::drelu).
    pub fn relu_trunc(&mut self, x: &Shares<P>, shift: u32, out: Ring) -> Result<Shares<P>, Error> {
        let (ring, shape, chunk) = (x.ring(), self.shape(), self.chunk());
        let most = i64::from(ring.bits()) - 2;
        ApiMisuse::within("bits dropped", shift.into(), 0, most)?;
        let mut y = Shares::new(out, Vec::with_capacity(x.len()));
        let cost = OpCost::chunked(x.len() as u64, chunk as u64, |n| {
            cost::relu_trunc(n, ring.bits(), shift, out.bits(), shape)
        })?;
        self.side_by_side(
            &cost,
            x.values().chunks(chunk),
            |x, material, prg| ReluTrunc::new(shape, ring, shift, out, x, material, prg),
            |core| Ok(y.append(&core.finish())?),
        )?;
        Ok(y)
    }
}
