//! The meaning of each block on one unsigned integer per port.

use crate::activation::{Function, Precision, Table};
use crate::catalogue::BlockSpec;
use crate::error::Error;
use crate::eval::{signed, unsigned};
use crate::generate::{Div, DivConst, Dot, MulConst, Share, Sum};
use crate::meaning;

impl BlockSpec {
    /// What the block computes: one integer per input port (in port order, as
    /// [`eval::integers`](crate::eval::integers) takes them) to one per output port, computed on
    /// integers, without any gate.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for a wrong number of values; [`Error::Parameter`] where the block does not
    /// exist.
    pub fn meaning(&self, inputs: &[u64]) -> Result<Vec<u64>, Error> {
        let ports = Ports(inputs);
        let one = |value: i64, bits: u32| Ok(vec![unsigned(value, bits)]);
        match *self {
            Self::Add { bits } | Self::AddShallow { bits } => {
                let [a, b] = ports.signed(bits)?;
                one(a.wrapping_add(b), bits)
            }
            Self::Sub { bits } | Self::SubShallow { bits } => {
                let [a, b] = ports.signed(bits)?;
                one(a.wrapping_sub(b), bits)
            }
            Self::Neg { bits } => {
                let [a] = ports.signed(bits)?;
                one(a.wrapping_neg(), bits)
            }
            Self::Abs { bits } => {
                let [a] = ports.signed(bits)?;
                one(a.wrapping_abs(), bits)
            }
            Self::Cmp { bits } | Self::CmpShallow { bits } => {
                let [a, b] = ports.signed(bits)?;
                one((a < b).into(), 1)
            }
            Self::CmpUnsigned { .. } => {
                let [a, b] = ports.all()?;
                one((a < b).into(), 1)
            }
            Self::Eq { .. } => {
                let [a, b] = ports.all()?;
                one((a == b).into(), 1)
            }
            Self::Mux { .. } => {
                let [s, a, b] = ports.all()?;
                Ok(vec![if s == 1 { a } else { b }])
            }
            Self::Relu { bits } => {
                let [a] = ports.signed(bits)?;
                one(meaning::relu(a), bits)
            }
            Self::Clamp { bits, lo, hi } => {
                let [a] = ports.signed(bits)?;
                one(a.max(lo).min(hi), bits)
            }
            Self::Max { bits, count } | Self::MaxShallow { bits, count } => {
                let values = ports.words(count, bits)?;
                one(values.iter().copied().max().unwrap_or(0), bits)
            }
            Self::Min { bits, count } => {
                let values = ports.words(count, bits)?;
                one(values.iter().copied().min().unwrap_or(0), bits)
            }
            Self::Argmax { bits, count } | Self::ArgmaxShallow { bits, count } => {
                let values = ports.words(count, bits)?;
                Ok(vec![meaning::argmax(&values) as u64])
            }
            Self::TopK { bits, count, best } => {
                let values = ports.words(count, bits)?;
                let mut order: Vec<(i64, u64)> = values.into_iter().zip(0..).collect();
                order.sort_by_key(|&(value, index)| (std::cmp::Reverse(value), index));
                Ok(order
                    .into_iter()
                    .take(best as usize)
                    .map(|(_, index)| index)
                    .collect())
            }
            Self::MaxPool {
                bits,
                rows,
                columns,
            } => {
                let values = ports.words(rows.saturating_mul(columns), bits)?;
                one(meaning::modular_max_pool(&values, columns, bits), bits)
            }
            Self::Clip { bits, lo, hi } => {
                let [a] = ports.signed(bits)?;
                one(meaning::modular_clip(a, lo, hi, bits), bits)
            }
            Self::Dot(spec) => dot(spec, ports, true),
            Self::DotStandalone(spec) => dot(spec, ports, false),
            Self::Sum(spec) => sum(spec, ports),
            Self::DivConst(DivConst {
                in_bits,
                out_bits,
                divisor,
            }) => {
                let [a] = ports.signed(in_bits)?;
                one(meaning::div_const(a, divisor), out_bits)
            }
            Self::AvgPool {
                cells,
                division:
                    DivConst {
                        in_bits,
                        out_bits,
                        divisor,
                    },
            } => {
                let values = ports.words(cells, in_bits)?;
                let sum: i128 = values.into_iter().map(i128::from).sum();
                one(meaning::div_const_wide(sum, divisor), out_bits)
            }
            Self::Sigmoid { bits, frac } => {
                table(Function::Sigmoid, bits, frac, Precision::Few, ports)
            }
            Self::Tanh { bits, frac } => table(Function::Tanh, bits, frac, Precision::Few, ports),
            Self::Fine {
                function,
                bits,
                frac,
            } => table(function, bits, frac, Precision::Fine, ports),
            Self::Cordic(spec) => {
                spec.check()?;
                let [x] = ports.signed(spec.bits)?;
                let (lo, hi) = spec.domain();
                one(spec.apply(x.clamp(lo, hi)), spec.bits)
            }
            Self::Mul(spec) => {
                let [a, b] = ports.signed(spec.bits)?;
                one(meaning::mul(a, b, spec), spec.out_bits)
            }
            Self::MulConst(MulConst {
                bits,
                out_bits,
                constant,
            }) => {
                let [a] = ports.signed(bits)?;
                one(a.wrapping_mul(constant), out_bits)
            }
            Self::Div(Div { bits, frac }) => {
                let [a, b] = ports.signed(bits)?;
                one(meaning::div(a, b, frac), bits)
            }
            Self::ArgmaxValue { bits, count } => {
                let values = ports.words(count, bits)?;
                let index = meaning::argmax(&values);
                let value = values.get(index).copied().unwrap_or(0);
                Ok(vec![index as u64, unsigned(value, bits)])
            }
            Self::MatVec { rows, dot } => mat_vec(rows, dot, ports),
            Self::Share(spec) => share(spec, ports),
        }
    }
}

/// The input values by port.
#[derive(Clone, Copy)]
struct Ports<'a>(&'a [u64]);

impl Ports<'_> {
    fn all<const N: usize>(self) -> Result<[u64; N], Error> {
        self.0.try_into().map_err(|_| self.shape(N))
    }

    fn signed<const N: usize>(self, bits: u32) -> Result<[i64; N], Error> {
        Ok(self.all::<N>()?.map(|value| signed(value, bits)))
    }

    fn words(self, count: u32, bits: u32) -> Result<Vec<i64>, Error> {
        if self.0.len() != count as usize {
            return Err(self.shape(count as usize));
        }
        Ok(self.0.iter().map(|&value| signed(value, bits)).collect())
    }

    fn shape(self, expected: usize) -> Error {
        Error::Shape {
            what: "input ports",
            expected,
            got: self.0.len(),
        }
    }
}

fn dot(spec: Dot, ports: Ports<'_>, accumulate: bool) -> Result<Vec<u64>, Error> {
    let terms = spec.terms as usize;
    let expected = 2 * terms + usize::from(accumulate);
    let (a, rest) = ports
        .0
        .split_at_checked(terms)
        .ok_or_else(|| ports.shape(expected))?;
    let (w, acc) = rest
        .split_at_checked(terms)
        .ok_or_else(|| ports.shape(expected))?;
    let acc = match (accumulate, acc) {
        (true, &[acc]) => acc,
        (false, []) => 0,
        _ => return Err(ports.shape(expected)),
    };
    let a: Vec<i64> = a.iter().map(|&value| signed(value, spec.a_bits)).collect();
    Ok(vec![meaning::dot(acc, &a, w, spec)])
}

fn mat_vec(rows: u32, spec: Dot, ports: Ports<'_>) -> Result<Vec<u64>, Error> {
    let terms = spec.terms as usize;
    let expected = terms + rows as usize * (terms + 1);
    if ports.0.len() != expected {
        return Err(ports.shape(expected));
    }
    let (a, rest) = ports
        .0
        .split_at_checked(terms)
        .ok_or_else(|| ports.shape(expected))?;
    let mut outputs = Vec::with_capacity(rows as usize);
    for row in rest.chunks(terms + 1) {
        let inputs = [a, row].concat();
        outputs.extend(dot(spec, Ports(&inputs), true)?);
    }
    Ok(outputs)
}

fn share(spec: Share, ports: Ports<'_>) -> Result<Vec<u64>, Error> {
    let [x0, x1, r] = ports.all()?;
    let z = meaning::wrap(i128::from(x0) + i128::from(x1), spec.ring_bits);
    let z = if spec.relu { meaning::relu(z) } else { z };
    let y = (z >> spec.shift).wrapping_sub(r.cast_signed());
    Ok(vec![unsigned(y, spec.out_bits)])
}

fn sum(spec: Sum, ports: Ports<'_>) -> Result<Vec<u64>, Error> {
    let expected = spec.terms as usize + 1;
    match ports.0.split_last() {
        Some((&acc, a)) if ports.0.len() == expected => {
            let a = a
                .iter()
                .map(|&value| i128::from(signed(value, spec.a_bits)));
            let sum = a.sum::<i128>() + i128::from(acc);
            Ok(vec![unsigned(
                meaning::wrap(sum, spec.acc_bits),
                spec.acc_bits,
            )])
        }
        _ => Err(ports.shape(expected)),
    }
}

fn table(
    function: Function,
    bits: u32,
    frac: u32,
    precision: Precision,
    ports: Ports<'_>,
) -> Result<Vec<u64>, Error> {
    let [x] = ports.signed(bits)?;
    let table = Table::with_precision(function, bits, frac, precision)?;
    Ok(vec![unsigned(table.apply(x), bits)])
}
