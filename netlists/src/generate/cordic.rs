//! CORDIC blocks.

use crate::builder::{Bit, Builder};
use crate::columns::Columns;
use crate::cordic::{Cordic, Curve, Iteration, Plan, Range};
use crate::error::Error;
use crate::netlist::Netlist;

/// Iterations whose result is looked up by their signs.
const LOOKED_UP: usize = 4;

/// `y = f(x)` by CORDIC, exactly [`Cordic::apply`] on [`Cordic::domain`].
///
/// # Errors
///
/// As [`Cordic::check`].
pub fn cordic(spec: Cordic) -> Result<Netlist, Error> {
    spec.check()?;
    let mut builder = Builder::new();
    let x = builder.input("x", spec.bits);
    let y = match spec.range {
        Range::Literal => builder.cordic_literal(&x, spec),
        Range::Full => builder.cordic_full(&x, spec),
    };
    builder.output("y", &y);
    builder.finish()
}

/// Bits of a two's complement number of magnitude at most `bound`.
fn signed_width(bound: i64) -> u32 {
    u64::BITS - bound.unsigned_abs().leading_zeros() + 1
}

/// The word shifted right by `shift`, as two's complement.
fn shifted(word: &[Bit], shift: u32) -> Vec<Bit> {
    let sign = word.last().copied().unwrap_or(Bit::FALSE);
    let rest = word.get(shift as usize..).filter(|rest| !rest.is_empty());
    rest.map_or_else(|| vec![sign], <[Bit]>::to_vec)
}

impl Builder {
    fn cordic_literal(&mut self, input: &[Bit], spec: Cordic) -> Vec<Bit> {
        let plan = spec.plan();
        let width = spec.frac + 2;
        let z: Vec<Bit> = input
            .iter()
            .copied()
            .take(signed_width(plan.bound) as usize)
            .collect();
        let signs = self.angle_signs(z, &plan);
        let table = looked_up(&plan, (plan.start, 0), |(x, y), shift, negative| {
            let sign = if negative { -1 } else { 1 };
            (x + sign * (y >> shift), y + sign * (x >> shift))
        });
        let products = self.products(signs.get(..LOOKED_UP).unwrap_or_default());
        let xs: Vec<i64> = table.iter().map(|&(x, _)| x).collect();
        let ys: Vec<i64> = table.iter().map(|&(_, y)| y).collect();
        let mut x = self.select_word(&products, &xs, width);
        let mut y = self.select_word(&products, &ys, width);
        let mut signs = signs.into_iter().skip(LOOKED_UP);
        for (it, negative) in plan.first.iter().skip(LOOKED_UP).zip(signs.by_ref()) {
            let next_x = self.add_signed(&x, &shifted(&y, it.shift), negative);
            y = self.add_signed(&y, &shifted(&x, it.shift), negative);
            x = next_x;
        }
        let signs: Vec<Bit> = signs.collect();
        let next_x = self.add_at_once(&x, &y, &plan.last, &signs);
        let y = self.add_at_once(&y, &x, &plan.last, &signs);
        let x = next_x;
        self.cordic_result(&x, &y, spec)
    }

    fn cordic_result(&mut self, x: &[Bit], y: &[Bit], spec: Cordic) -> Vec<Bit> {
        let steps = match spec.curve {
            Curve::Tanh => spec.frac,
            Curve::Sigmoid => spec.frac - 1,
            Curve::Exp => {
                let (x, y) = (Self::resize(x, spec.bits), Self::resize(y, spec.bits));
                return self.add(&x, &y, Bit::FALSE);
            }
        };
        let zeros = std::iter::repeat_n(Bit::FALSE, steps as usize);
        let mut quotient = self.non_restoring(y.to_vec(), zeros, x, Bit::FALSE);
        if spec.curve == Curve::Sigmoid {
            // One half more: the sign bit, weight -1/2, inverted, is a bit of weight 1/2.
            if let Some(sign) = quotient.last_mut() {
                *sign = !*sign;
            }
            quotient.push(Bit::FALSE);
        }
        Self::resize(&quotient, spec.bits)
    }

    fn cordic_full(&mut self, input: &[Bit], spec: Cordic) -> Vec<Bit> {
        let sign = input.last().copied().unwrap_or(Bit::FALSE);
        let precision = spec.precision() as usize;
        let s = self.cordic_exponent(input, sign, spec);
        let (fraction, whole) = s.split_at(precision.min(s.len()));
        let mut e = self.cordic_power(fraction, spec);
        for (level, &bit) in whole.iter().enumerate() {
            let moved = e.get(1usize << level..).unwrap_or_default().to_vec();
            let moved = moved.into_iter().chain(std::iter::repeat(Bit::FALSE));
            let moved: Vec<Bit> = moved.take(e.len()).collect();
            e = self.mux_word(bit, &moved, &e);
        }
        let numerator: Vec<Bit> = match spec.curve {
            Curve::Exp => {
                let mut y = e
                    .get(precision - (spec.bits as usize - 1)..)
                    .unwrap_or_default()
                    .to_vec();
                y.push(Bit::FALSE);
                return y;
            }
            Curve::Tanh => e.iter().map(|&bit| !bit).collect(),
            Curve::Sigmoid => vec![Bit::TRUE; e.len()],
        };
        // Divisor 1 + e, both with a sign bit.
        let mut divisor = e;
        divisor.extend([Bit::TRUE, Bit::FALSE]);
        let mut remainder = numerator;
        remainder.extend([Bit::FALSE, Bit::FALSE]);
        let zeros = std::iter::repeat_n(Bit::FALSE, spec.frac as usize);
        let quotient = self.non_restoring(remainder, zeros, &divisor, Bit::FALSE);
        let value = quotient.get(..spec.frac as usize).unwrap_or_default();
        let mut y = self.xor_bit(value, sign);
        let above = if spec.curve == Curve::Tanh {
            sign
        } else {
            Bit::FALSE
        };
        y.resize(input.len(), above);
        y
    }

    /// s, never negative on the domain: `precision` fraction bits, then the whole ones.
    fn cordic_exponent(&mut self, input: &[Bit], sign: Bit, spec: Cordic) -> Vec<Bit> {
        let (constant, shift) = spec.log2_e();
        let whole_bits = spec.bits - 1 - spec.frac;
        // |x| < 2^whole_bits; log2 e is below 2, and tanh doubles.
        let int_bits = match spec.curve {
            Curve::Tanh => whole_bits + 2,
            Curve::Sigmoid => whole_bits + 1,
            // 2^whole_bits·log2 e + whole_bits < 2^(whole_bits + 1) for 2 to 5.
            Curve::Exp => whole_bits + 1,
        };
        let width = spec.precision() + int_bits;
        let word = match spec.curve {
            Curve::Exp => input.to_vec(),
            Curve::Tanh | Curve::Sigmoid => {
                let (_, low) = input.split_last().unwrap_or((&Bit::FALSE, &[]));
                let mut word = vec![Bit::TRUE];
                word.extend(self.xor_bit(low, sign));
                word.push(Bit::FALSE);
                word
            }
        };
        let product = self.multiply_const(&word, constant, width + shift);
        let product = product.get(shift as usize..).unwrap_or_default();
        if spec.curve == Curve::Exp {
            let whole = Self::constant(i64::from(whole_bits) << spec.precision(), width);
            return self.sub(&whole, product);
        }
        product.to_vec()
    }

    /// `2^−fraction`, `precision` bits.
    fn cordic_power(&mut self, fraction: &[Bit], spec: Cordic) -> Vec<Bit> {
        let plan = spec.plan();
        // Between iterations u may pass 1, and is shifted as a signed word.
        let width = spec.precision() + 2;
        // One half less: the top bit becomes a sign bit, inverted.
        let mut w = fraction.to_vec();
        if let Some(top) = w.last_mut() {
            *top = !*top;
        }
        let signs = self.angle_signs(w, &plan);
        let table = looked_up(&plan, plan.start, |u, shift, negative| {
            if negative {
                u + (u >> shift)
            } else {
                u - (u >> shift)
            }
        });
        let products = self.products(signs.get(..LOOKED_UP).unwrap_or_default());
        let mut u = self.select_word(&products, &table, width);
        let mut signs = signs.into_iter().skip(LOOKED_UP);
        for (it, negative) in plan.first.iter().skip(LOOKED_UP).zip(signs.by_ref()) {
            u = self.add_signed(&u, &shifted(&u, it.shift), !negative);
        }
        let minus: Vec<Bit> = signs.map(|negative| !negative).collect();
        let mut u = self.add_at_once(&u, &u, &plan.last, &minus);
        // In the end u is below 1.
        u.truncate(spec.precision() as usize);
        u
    }

    /// The sign of what is left of the angle before every iteration: 1 where it is negative. The
    /// word narrows as its bound does.
    fn angle_signs(&mut self, z: Vec<Bit>, plan: &Plan) -> Vec<Bit> {
        let mut z = z;
        let mut bound = plan.bound;
        let mut signs = Vec::new();
        for it in plan.first.iter().chain(&plan.last) {
            let negative = z.last().copied().unwrap_or(Bit::FALSE);
            signs.push(negative);
            bound = it.angle.max(bound - it.angle);
            let width = signed_width(bound);
            let angle = Self::constant(it.angle, width);
            let row = self.xor_bit(&angle, !negative);
            z = self.add(&Self::resize(&z, width), &row, !negative);
        }
        signs
    }

    /// `a + b`, or `a − b` where `minus` is 1, in a's width.
    fn add_signed(&mut self, a: &[Bit], b: &[Bit], minus: Bit) -> Vec<Bit> {
        let width = u32::try_from(a.len()).unwrap_or(u32::MAX);
        let row = self.xor_bit(&Self::resize(b, width), minus);
        self.add(a, &row, minus)
    }

    /// `a + Σ (b >> shift, its ones' complement where the sign is 1)`, in a's width.
    fn add_at_once(&mut self, a: &[Bit], b: &[Bit], its: &[Iteration], minus: &[Bit]) -> Vec<Bit> {
        let mut columns = Columns::new(u32::try_from(a.len()).unwrap_or(u32::MAX));
        columns.push_word(0, a);
        for (it, &minus) in its.iter().zip(minus) {
            let row = self.xor_bit(&shifted(b, it.shift), minus);
            columns.push_signed(0, &row);
        }
        columns.finish(self)
    }

    /// The entry of a table of numbers, `width` bits each.
    fn select_word(&mut self, products: &[Bit], table: &[i64], width: u32) -> Vec<Bit> {
        (0..width)
            .map(|i| {
                let column: Vec<bool> = table.iter().map(|v| v >> i & 1 == 1).collect();
                self.select(products, &column)
            })
            .collect()
    }
}

/// The state after the looked-up iterations, for every pattern of their signs.
fn looked_up<S: Copy>(plan: &Plan, start: S, step: impl Fn(S, u32, bool) -> S) -> Vec<S> {
    let patterns = 0..1u32 << LOOKED_UP;
    let state = |pattern: u32| {
        let its = plan.first.iter().take(LOOKED_UP).enumerate();
        its.fold(start, |state, (j, it)| {
            step(state, it.shift, pattern >> j & 1 == 1)
        })
    };
    patterns.map(state).collect()
}
