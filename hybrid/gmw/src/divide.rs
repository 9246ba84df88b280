//! Exact division by a public constant.
//!
//! - Functionality: from shares of x in Z_2^l, shares of `floor((x + h) / D)` in Z_2^m, for public D and h < D, the sum exact.
//! - Secure against: semi-honest, either side; perfect, in the model of prepared material.
//! - From: CrypTFlow2 (eprint 2020/457), §4.3. Differs: one share is split with its sign, so that the remainders' sum lies in three
//!   ranges instead of five; what the wrap chooses is chosen on bits; a divisor of the ring's size needs one comparison less.
//! - Cost: `privet_plan::cost::gmw::Division::cost`, to the byte.

use privet_plan::compare::Shape;
use privet_plan::cost::gmw::{Division, MAX_DIVISOR, OpCost};
use privet_prim::Prg;
use privet_ring::{Party, Ring, Shares};
use zeroize::{Zeroize, Zeroizing};

use crate::and::{And, Operands};
use crate::compare::Compare;
use crate::context::Context;
use crate::convert::ToNumbers;
use crate::error::{ApiMisuse, Error};
use crate::flights::{Flights, receive_parts, send_parts};
use crate::material::Material;
use crate::relu::carry_operand;

/// A batch of divisions.
///
/// With a the client's share and b the server's of `x + 2^(l−1)`, and w whether they wrap, `x = a + (b − 2^(l−1)) − 2^l·w`. Write
/// `a = a₁D + a₀`, `b − 2^(l−1) + h = b₁D + b₀` and `2^l = qD + r`. The quotient is `a₁ + b₁ − q·w` and what `a₀ + b₀ − r·w` adds:
/// without a wrap 1 from D on; with one 1 from D + r on, and −1 below r.
pub(crate) struct Divide<P: Party> {
    form: Division,
    stage: Stage<P>,
    /// This party's quotient.
    local: Vec<u64>,
    material: Material<P>,
    expected: Vec<usize>,
}

enum Stage<P: Party> {
    /// Whether the shares wrap, and where the remainders' sum lies.
    Compare(Option<Compare<P>>, Vec<Compare<P>>),
    /// One more or not, by the wrap; the wrap itself.
    Choose(And<P>, Zeroizing<Vec<u64>>, Zeroizing<Vec<u64>>),
    /// One more, one less, the wrap.
    Numbers([Option<ToNumbers>; 3]),
}

impl<P: Party> Divide<P> {
    /// Of this party's shares.
    pub(crate) fn new(
        form: Division,
        shape: Shape,
        x: &[u64],
        material: &mut Material<P>,
        prg: &mut Prg,
    ) -> Result<Self, Error> {
        let ring = Ring::new(form.ring_bits)?;
        let whole = form.divides_ring();
        let half = if P::ADDS_PUBLIC {
            1 << (ring.bits() - 1)
        } else {
            0
        };
        let raised = x.iter().map(|v| v.wrapping_add(half) & ring.mask());
        let raised = Zeroizing::new(raised.collect::<Vec<u64>>());
        let wrap = (!whole || form.wrap_bits() > 0).then(|| {
            let operand = Zeroizing::new(carry_operand::<P>(&raised, ring.bits()));
            Compare::new(shape, ring.bits(), None, &operand, material, prg)
        });
        let wrap = wrap.transpose()?;
        let (local, rest) = split::<P>(form, &raised);
        let mut rests = Vec::new();
        for which in [Above::Divisor, Above::Both, Above::Rest] {
            if whole && which != Above::Divisor {
                continue;
            }
            let operand = Zeroizing::new(operand::<P>(form, which, &rest));
            let bits = form.rest_bits();
            rests.push(Compare::new(shape, bits, None, &operand, material, prg)?);
        }
        let words = x.len().div_ceil(64);
        let mut own = Material::default();
        if !whole {
            own.put_common(material.take_common(words)?);
        }
        let numbers = words * (usize::from(form.wrap_bits() > 0) + if whole { 1 } else { 2 });
        if P::ADDS_PUBLIC {
            own.put_picks(material.take_picks(numbers)?);
        } else {
            own.put_pairs(material.take_pairs(numbers)?);
        }
        Ok(Self {
            form,
            stage: Stage::Compare(wrap, rests),
            local,
            material: own,
            expected: Vec::new(),
        })
    }

    /// This party's shares of the quotient, in the low bits.
    pub(crate) fn finish(mut self) -> Vec<u64> {
        let mut sum = std::mem::take(&mut self.local);
        let (quotient, _) = self.form.of_ring();
        let quotient = u64::try_from(quotient).unwrap_or_default();
        let factors = [1, u64::MAX, quotient.wrapping_neg()];
        if let Stage::Numbers(numbers) = &mut self.stage {
            for (number, factor) in numbers.iter_mut().zip(factors) {
                let number = number.take().map(ToNumbers::finish);
                for (sum, bit) in sum.iter_mut().zip(number.iter().flat_map(|n| n.iter())) {
                    *sum = sum.wrapping_add(bit.wrapping_mul(factor));
                }
            }
        }
        sum
    }

    /// Goes on to what has become possible.
    fn advance(&mut self) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Compare(wrap, rests) => {
                if !wrap.iter().chain(rests.iter()).all(Flights::done) {
                    return Ok(());
                }
                let wrap = wrap.take().map(Compare::finish);
                let rests = std::mem::take(rests).into_iter().map(Compare::finish);
                let rests: Vec<_> = rests.map(Zeroizing::new).collect();
                self.compared(wrap, rests)
            }
            Stage::Choose(and, above, wrap) if and.done() => {
                let wrap = std::mem::take(&mut **wrap);
                let mut more = std::mem::take(&mut **above);
                let idle = Stage::Numbers([None, None, None]);
                let Stage::Choose(and, ..) = std::mem::replace(&mut self.stage, idle) else {
                    return Ok(());
                };
                let [_, chosen, less] = and.finish();
                let chosen = Zeroizing::new(chosen);
                more.iter_mut()
                    .zip(chosen.iter())
                    .for_each(|(m, c)| *m ^= c);
                self.numbers(more, Some(less), Some(wrap))
            }
            Stage::Choose(..) | Stage::Numbers(_) => Ok(()),
        }
    }

    /// `one more = w ? g₂ : g₁`, `one less = w·¬g₃`.
    fn compared(
        &mut self,
        wrap: Option<Vec<u64>>,
        mut rests: Vec<Zeroizing<Vec<u64>>>,
    ) -> Result<(), Error> {
        let (Some(wrap), [above, both, rest]) = (&wrap, rests.as_slice()) else {
            let above = rests.pop().map(|mut words| std::mem::take(&mut *words));
            return self.numbers(above.unwrap_or_default(), None, wrap);
        };
        let flip = if P::ADDS_PUBLIC { u64::MAX } else { 0 };
        let mut operands = Operands::default();
        operands.common.clone_from(wrap);
        operands.first = above.iter().zip(both.iter()).map(|(a, b)| a ^ b).collect();
        operands.second = rest.iter().map(|r| r ^ flip).collect();
        let (above, wrap) = (above.clone(), Zeroizing::new(wrap.clone()));
        let and = And::new(operands, &mut self.material)?;
        self.stage = Stage::Choose(and, above, wrap);
        Ok(())
    }

    fn numbers(
        &mut self,
        more: Vec<u64>,
        less: Option<Vec<u64>>,
        wrap: Option<Vec<u64>>,
    ) -> Result<(), Error> {
        let (len, bits) = (self.local.len(), self.form.out_bits);
        let mut to = |words, bits| ToNumbers::xor(bits, words, len, &mut self.material);
        let more = to(more, bits)?;
        let less = less.map(|words| to(words, bits)).transpose()?;
        let bits = self.form.wrap_bits();
        let wrap = wrap.filter(|_| bits > 0).map(|words| to(words, bits));
        self.stage = Stage::Numbers([Some(more), less, wrap.transpose()?]);
        Ok(())
    }

    fn parts(stage: &mut Stage<P>) -> Vec<&mut dyn Flights> {
        match stage {
            Stage::Compare(wrap, rests) => {
                let all = wrap.iter_mut().chain(rests);
                all.map(|c| c as &mut dyn Flights).collect()
            }
            Stage::Choose(and, ..) => vec![and],
            Stage::Numbers(numbers) => {
                let all = numbers.iter_mut().flatten();
                all.map(|n| n as &mut dyn Flights).collect()
            }
        }
    }
}

impl<P: Party> Flights for Divide<P> {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        send_parts(Self::parts(&mut self.stage), out, &mut self.expected)
    }

    fn receive(&mut self, msg: &[u8]) -> Result<(), Error> {
        receive_parts(Self::parts(&mut self.stage), msg, &self.expected)?;
        self.advance()
    }

    fn done(&self) -> bool {
        match &self.stage {
            Stage::Numbers(numbers) => numbers.iter().flatten().all(Flights::done),
            Stage::Compare(..) | Stage::Choose(..) => false,
        }
    }
}

impl<P: Party> Drop for Divide<P> {
    fn drop(&mut self) {
        self.local.zeroize();
    }
}

/// From where on the sum of both remainders is asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Above {
    /// D.
    Divisor,
    /// D + r.
    Both,
    /// r.
    Rest,
}

/// `a₀ + b₀ >= from` as `a₀ > from − 1 − b₀`, or `a₀ + 1 > from − b₀`; the server's side kept within what a remainder can reach.
fn operand<P: Party>(form: Division, above: Above, rest: &[u64]) -> Vec<u64> {
    let (divisor, (_, r)) = (form.divisor, form.of_ring());
    let number = |v: &u64| match (above, P::ADDS_PUBLIC) {
        (Above::Divisor | Above::Both, false) => *v,
        (Above::Rest, false) => v + 1,
        (Above::Divisor, true) => divisor - 1 - v,
        (Above::Both, true) => (divisor - 1).min(divisor - 1 - v + r),
        (Above::Rest, true) => r.saturating_sub(*v),
    };
    rest.iter().map(number).collect()
}

/// Quotients and remainders of this party's numbers.
fn split<P: Party>(form: Division, raised: &[u64]) -> (Vec<u64>, Zeroizing<Vec<u64>>) {
    let divisor = form.divisor;
    let reciprocal = u64::MAX / divisor;
    // The server's are lowered by 2^(l−1) and raised by h: the public part is split by itself.
    let (more, carried) = if P::ADDS_PUBLIC {
        let public = i128::from(form.add) - (1i128 << (form.ring_bits - 1));
        let (more, carried) = (
            public.div_euclid(i128::from(divisor)),
            public.rem_euclid(i128::from(divisor)),
        );
        let more = i64::try_from(more).unwrap_or_default().cast_unsigned();
        (more, u64::try_from(carried).unwrap_or_default())
    } else {
        (0, 0)
    };
    let mut rests = Zeroizing::new(Vec::with_capacity(raised.len()));
    let quotients = raised.iter().map(|v| {
        let (quotient, rest) = quotient(*v, divisor, reciprocal);
        let (again, rest) = reduced(rest + carried, divisor);
        rests.push(rest);
        quotient.wrapping_add(more).wrapping_add(again)
    });
    let quotients = quotients.collect();
    (quotients, rests)
}

/// Quotient and remainder in the same time for every number: by the reciprocal, which falls short by 2 at most.
fn quotient(v: u64, divisor: u64, reciprocal: u64) -> (u64, u64) {
    let estimate = (u128::from(v) * u128::from(reciprocal)) >> 64;
    let estimate = u64::try_from(estimate).unwrap_or_default();
    let rest = v.wrapping_sub(estimate.wrapping_mul(divisor));
    let (first, rest) = reduced(rest, divisor);
    let (second, rest) = reduced(rest, divisor);
    (estimate + first + second, rest)
}

/// One subtraction of the divisor, where it fits.
fn reduced(v: u64, divisor: u64) -> (u64, u64) {
    let fits = u64::from(v >= divisor);
    (fits, v - (divisor & 0u64.wrapping_sub(fits)))
}

impl<P: Party> Context<'_, P> {
    /// Shares of `floor((x + add) / divisor)` in ring `out`, exact for every x; the sum does not wrap.
    ///
    /// # Errors
    /// A divisor outside `2..=2^32`, or not above `add`; material has run out; a failing channel or a misbehaving peer.
    pub fn div(
        &mut self,
        x: &Shares<P>,
        divisor: u64,
        add: u64,
        out: Ring,
    ) -> Result<Shares<P>, Error> {
        let number = |v: u64| i64::try_from(v).unwrap_or(i64::MAX);
        let most = number(MAX_DIVISOR);
        ApiMisuse::within("divisor", number(divisor), 2, most)?;
        ApiMisuse::within(
            "what is added before a division",
            number(add),
            0,
            number(divisor) - 1,
        )?;
        let form = Division {
            ring_bits: x.ring().bits(),
            divisor,
            add,
            out_bits: out.bits(),
        };
        let (shape, chunk) = (self.shape(), self.chunk());
        let mut y = Shares::new(out, Vec::with_capacity(x.len()));
        let cost = OpCost::chunked(x.len() as u64, chunk as u64, |n| form.cost(n, shape))?;
        self.side_by_side(
            &cost,
            x.values().chunks(chunk),
            |x, material, prg| Divide::new(form, shape, x, material, prg),
            |core| Ok(y.append(&Shares::new(out, core.finish()))?),
        )?;
        Ok(y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_exact() {
        for divisor in [
            2,
            3,
            7,
            9,
            196,
            1 << 20,
            169 << 12,
            MAX_DIVISOR - 1,
            MAX_DIVISOR,
        ] {
            let reciprocal = u64::MAX / divisor;
            let edges = [
                0,
                1,
                divisor - 1,
                divisor,
                divisor + 1,
                u64::MAX,
                u64::MAX - 1,
            ];
            let top = u64::MAX / divisor * divisor;
            let random = (1..1000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            for v in edges.into_iter().chain([top, top - 1]).chain(random) {
                assert_eq!(quotient(v, divisor, reciprocal), (v / divisor, v % divisor));
            }
        }
    }
}
