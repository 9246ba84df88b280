//! Truncation of numbers of any sign, and changes of ring.
//!
//! - Functionality: from shares of x in Z_2^l, shares of `floor(x / 2^f)` in Z_2^m; f = 0 extends or reduces the ring.
//! - Secure against: semi-honest, either side; perfect, in the model of prepared material.
//! - From: CrypTFlow2 (eprint 2020/457), Algorithm 4. Differs: the carry out of the low f bits is a node of the wrap's own tree; neither
//!   is computed where the result's ring does not read it; known signs need no comparison for the wrap.
//! - Cost: `privet_plan::cost::gmw::Truncation::cost`, to the byte.

pub mod local;

use privet_plan::compare::Shape;
use privet_plan::cost::gmw::{OpCost, Sign, Truncation};
use privet_prim::Prg;
use privet_ring::{Party, Ring, Shares};
use zeroize::{Zeroize, Zeroizing};

use crate::compare::Compare;
use crate::context::Context;
use crate::convert::ToNumbers;
use crate::error::{ApiMisuse, Error};
use crate::flights::{Flights, receive_parts, send_parts};
use crate::material::Material;
use crate::relu::{carry_operand, top_bits};

/// A batch of truncations.
///
/// With `u = x + 2^(l−1)`, or x itself where it is not negative, and a and b the shares of u:
/// `floor(u / 2^f) = (a >> f) + (b >> f) + c − 2^(l−f)·w`, c the carry out of the low f bits, w the one out of all l.
pub(crate) struct Trunc<P: Party> {
    form: Truncation,
    compare: Option<Compare<P>>,
    carry: Option<ToNumbers>,
    wrap: Option<ToNumbers>,
    /// What is local of the result.
    local: Vec<u64>,
    /// For the conversions that wait for the comparison.
    material: Material<P>,
    expected: Vec<usize>,
}

impl<P: Party> Trunc<P> {
    /// Of this party's shares.
    pub(crate) fn new(
        form: Truncation,
        shape: Shape,
        x: &[u64],
        material: &mut Material<P>,
        prg: &mut Prg,
    ) -> Result<Self, Error> {
        let ring = Ring::new(form.ring_bits)?;
        let raised = Zeroizing::new(raised::<P>(form, x, ring));
        let compare = form.compared().map(|(bits, cut)| {
            let operand = Zeroizing::new(carry_operand::<P>(&raised, bits));
            Compare::new(shape, bits, cut, &operand, material, prg)
        });
        let wraps = form.wrap_bits() > 0;
        let wrap = (wraps && form.sign == Sign::NonNegative).then(|| {
            let tops = top_bits(&raised, ring);
            ToNumbers::or(form.wrap_bits(), tops, x.len(), material)
        });
        let late = usize::from(form.has_carry()) + usize::from(wraps && wrap.is_none());
        let words = late * x.len().div_ceil(64);
        let mut own = Material::default();
        if P::ADDS_PUBLIC {
            own.put_picks(material.take_picks(words)?);
        } else {
            own.put_pairs(material.take_pairs(words)?);
        }
        Ok(Self {
            compare: compare.transpose()?,
            carry: None,
            wrap: wrap.transpose()?,
            local: local::<P>(form, &raised),
            material: own,
            form,
            expected: Vec::new(),
        })
    }

    /// This party's shares of the result, in the low bits.
    pub(crate) fn finish(mut self) -> Vec<u64> {
        let mut sum = std::mem::take(&mut self.local);
        if let Some(carry) = self.carry.take() {
            for (sum, c) in sum.iter_mut().zip(carry.finish().iter()) {
                *sum = sum.wrapping_add(*c);
            }
        }
        if let Some(wrap) = self.wrap.take() {
            let high = self.form.ring_bits - self.form.shift;
            for (sum, w) in sum.iter_mut().zip(wrap.finish().iter()) {
                *sum = sum.wrapping_sub(w << high);
            }
        }
        sum
    }

    /// Starts the conversions of what was compared.
    fn convert(&mut self) -> Result<(), Error> {
        let Some(mut compare) = self.compare.take_if(|compare| compare.done()) else {
            return Ok(());
        };
        let (form, len) = (self.form, self.local.len());
        let cut = compare.take_cut();
        let whole = compare.finish();
        let both = form.wrap_bits() > 0 && form.sign == Sign::Any;
        let (carry, wrap) = match cut {
            Some(below) => (Some(below), Some(whole)),
            None if both => (None, Some(whole)),
            None => (Some(whole), None),
        };
        if let Some(words) = carry {
            let to = ToNumbers::xor(form.out_bits, words, len, &mut self.material)?;
            self.carry = Some(to);
        }
        if let Some(words) = wrap {
            let to = ToNumbers::xor(form.wrap_bits(), words, len, &mut self.material)?;
            self.wrap = Some(to);
        }
        Ok(())
    }
}

/// The parts that may be under way, in the order in which they travel.
macro_rules! parts {
    ($self:ident) => {{
        let compare = $self.compare.as_mut().map(|c| c as &mut dyn Flights);
        let carry = $self.carry.as_mut().map(|c| c as &mut dyn Flights);
        let wrap = $self.wrap.as_mut().map(|c| c as &mut dyn Flights);
        [compare, carry, wrap].into_iter().flatten()
    }};
}

impl<P: Party> Flights for Trunc<P> {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        send_parts(parts!(self), out, &mut self.expected)
    }

    fn receive(&mut self, msg: &[u8]) -> Result<(), Error> {
        receive_parts(parts!(self), msg, &self.expected)?;
        self.convert()
    }

    fn done(&self) -> bool {
        let done = |to: &Option<ToNumbers>| to.as_ref().is_none_or(Flights::done);
        self.compare.is_none() && done(&self.carry) && done(&self.wrap)
    }
}

impl<P: Party> Drop for Trunc<P> {
    fn drop(&mut self) {
        self.local.zeroize();
    }
}

/// Shares of x + 2^(l−1), which is not negative; of x where it is known not to be.
fn raised<P: Party>(form: Truncation, x: &[u64], ring: Ring) -> Vec<u64> {
    let raise = form.sign == Sign::Any && P::ADDS_PUBLIC;
    let half = if raise { 1 << (ring.bits() - 1) } else { 0 };
    let sums = x.iter().map(|v| v.wrapping_add(half) & ring.mask());
    sums.collect()
}

/// The shares' high bits, without what was added.
fn local<P: Party>(form: Truncation, raised: &[u64]) -> Vec<u64> {
    let lowered = form.sign == Sign::Any && P::ADDS_PUBLIC;
    let less = if lowered {
        1 << (form.ring_bits - 1 - form.shift)
    } else {
        0
    };
    let highs = raised.iter().map(|v| (v >> form.shift).wrapping_sub(less));
    highs.collect()
}

impl<P: Party> Context<'_, P> {
    /// Shares of `floor(x / 2^shift)` in ring `out`, exact for every x.
    ///
    /// # Errors
    /// A shift not below the ring's bits; material has run out; a failing channel or a misbehaving peer.
    pub fn trunc(&mut self, x: &Shares<P>, shift: u32, out: Ring) -> Result<Shares<P>, Error> {
        let form = Truncation::floor(x.ring().bits(), shift, out.bits());
        self.truncate(x, form)
    }

    /// The same values in another ring: modulo a narrower one, with their sign in a wider one. A narrower ring sends nothing.
    ///
    /// # Errors
    /// As [`trunc`](Self::trunc).
    pub fn resize(&mut self, x: &Shares<P>, out: Ring) -> Result<Shares<P>, Error> {
        self.trunc(x, 0, out)
    }

    /// Any [`Truncation`], also with a known sign. Where the sign is not the one claimed, the result means nothing.
    ///
    /// # Errors
    /// Another ring than that of x; as [`trunc`](Self::trunc).
    pub fn truncate(&mut self, x: &Shares<P>, form: Truncation) -> Result<Shares<P>, Error> {
        let bits = i64::from(x.ring().bits());
        ApiMisuse::within("ring of a truncation", form.ring_bits.into(), bits, bits)?;
        ApiMisuse::within("bits dropped", form.shift.into(), 0, bits - 1)?;
        let (shape, chunk, out) = (self.shape(), self.chunk(), Ring::new(form.out_bits)?);
        let mut y = Shares::new(out, Vec::with_capacity(x.len()));
        let cost = OpCost::chunked(x.len() as u64, chunk as u64, |n| form.cost(n, shape))?;
        self.side_by_side(
            &cost,
            x.values().chunks(chunk),
            |x, material, prg| Trunc::new(form, shape, x, material, prg),
            |core| Ok(y.append(&Shares::new(out, core.finish()))?),
        )?;
        Ok(y)
    }
}
