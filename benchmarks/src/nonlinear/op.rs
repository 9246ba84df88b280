//! What is computed: the clear meaning, the values it is tried on, and the netlist between shares.

use std::str::FromStr;
use std::sync::Arc;

use privet_netlists::activation::{Function, Table};
use privet_netlists::generate::{DivConst, Share};
use privet_netlists::{Bit, BlockSpec, Builder, Gate, Netlist, OutputBit};
use privet_prim::{Block, Prg};
use privet_ring::{Ring, floor_shift};

/// Dropped bits of [`Op::ReluTrunc`] and [`Op::Trunc`].
pub(crate) const SHIFT: u32 = 12;

/// What is computed on each instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// The bit `x ≥ 0`.
    Drelu,
    /// `max(x, 0)`.
    Relu,
    /// `⌊max(x, 0) / 2^12⌋`, exactly.
    ReluTrunc,
    /// `⌊x / 2^12⌋`, exactly.
    Trunc,
    /// The greatest of four numbers.
    Max,
    /// The lowest index of a greatest of ten numbers, opened to the client.
    Argmax,
    /// The sum of a window of 49 numbers, which costs nothing, divided by 49 and rounded to nearest.
    AvgPool,
    /// Sigmoid by its table of straight pieces, 12 bits behind the point.
    Sigmoid,
}

/// Width of the sigmoid's table: 16 bits, 12 behind the point.
const TABLE_BITS: u32 = 16;

/// Cells of an average's window.
pub(crate) const WINDOW: u64 = 49;

/// How the parties hold a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// By exclusive or.
    Bit,
    /// By addition in the ring of the operands.
    Sum,
    /// The client has it.
    Opened,
}

impl Op {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Drelu,
        Self::Relu,
        Self::ReluTrunc,
        Self::Trunc,
        Self::Max,
        Self::Argmax,
        Self::AvgPool,
        Self::Sigmoid,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drelu => "drelu",
            Self::Relu => "relu",
            Self::ReluTrunc => "relu-trunc",
            Self::Trunc => "trunc",
            Self::Max => "max",
            Self::Argmax => "argmax",
            Self::AvgPool => "avgpool",
            Self::Sigmoid => "sigmoid",
        }
    }

    /// Numbers that an instance takes.
    #[must_use]
    pub const fn cells(self) -> usize {
        match self {
            Self::Drelu
            | Self::Relu
            | Self::ReluTrunc
            | Self::Trunc
            | Self::AvgPool
            | Self::Sigmoid => 1,
            Self::Max => 4,
            Self::Argmax => 10,
        }
    }

    /// Whether the client's share of the one number compared can be known ahead.
    pub(crate) const fn reads_one(self) -> bool {
        match self {
            Self::Drelu | Self::Relu | Self::ReluTrunc | Self::Trunc => true,
            Self::Max | Self::Argmax | Self::AvgPool | Self::Sigmoid => false,
        }
    }

    pub(crate) const fn form(self) -> Form {
        match self {
            Self::Drelu => Form::Bit,
            Self::Relu
            | Self::ReluTrunc
            | Self::Trunc
            | Self::Max
            | Self::AvgPool
            | Self::Sigmoid => Form::Sum,
            Self::Argmax => Form::Opened,
        }
    }

    /// Width of a result.
    pub(crate) const fn out_bits(self, ring: Ring) -> u32 {
        match self.form() {
            Form::Bit => 1,
            Form::Sum => ring.bits(),
            // An index below ten.
            Form::Opened => 4,
        }
    }

    /// Bits of the numbers, with sign: what is ranked must not lie too far apart, and a sum rounded must not wrap.
    pub(crate) fn value_bits(self, ring: Ring) -> u32 {
        match self {
            Self::Drelu | Self::Relu | Self::ReluTrunc | Self::Trunc => ring.bits(),
            Self::Max | Self::AvgPool => ring.bits() - 1,
            Self::Argmax => (ring.bits() - 1).min(56),
            // What the table is made for: -8 to 8.
            Self::Sigmoid => SHIFT + 4,
        }
    }

    /// The clear result of an instance.
    pub(crate) fn clear(self, cells: &[i64]) -> i64 {
        let x = cells.first().copied().unwrap_or_default();
        match self {
            Self::Drelu => (x >= 0).into(),
            Self::Relu => x.max(0),
            Self::ReluTrunc => floor_shift(x.max(0), SHIFT),
            Self::Trunc => floor_shift(x, SHIFT),
            Self::Max => cells.iter().copied().max().unwrap_or_default(),
            Self::Argmax => {
                let greatest = cells.iter().max();
                let first = cells.iter().position(|x| Some(x) == greatest);
                first
                    .and_then(|i| i64::try_from(i).ok())
                    .unwrap_or_default()
            }
            Self::AvgPool => {
                let divisor = WINDOW.cast_signed();
                (x + divisor / 2).div_euclid(divisor)
            }
            Self::Sigmoid => sigmoid(x),
        }
    }

    /// Edges of the numbers and of the truncation, equal ones, then random values.
    pub(crate) fn values(self, ring: Ring, count: usize) -> Vec<i64> {
        let unit = 1i64 << SHIFT;
        let spare = 64 - self.value_bits(ring);
        let (most, least) = (i64::MAX >> spare, i64::MIN >> spare);
        let mut values = vec![0, 1, -1, most, -most, least];
        for v in [unit - 1, unit, unit + 1] {
            values.extend([v, -v]);
        }
        values.extend([least; 10]);
        values.extend([most; 10]);
        let mut prg = Prg::new(Block::from(u128::from(ring.bits())));
        let total = count * self.cells();
        while values.len() < total {
            values.push(prg.next_u64().cast_signed() >> spare);
        }
        values.truncate(total);
        values
    }

    /// From shares to a share: ports are the server's shares, the client's, and the server's fresh share of the result.
    pub(crate) fn netlist(self, ring: Ring) -> Result<Arc<Netlist>, privet_netlists::Error> {
        self.netlist_with(ring, false)
    }

    /// The same with few levels of ANDs, for work on shared bits, if `shallow`.
    pub(crate) fn netlist_with(
        self,
        ring: Ring,
        shallow: bool,
    ) -> Result<Arc<Netlist>, privet_netlists::Error> {
        let bits = ring.bits();
        let share = |shift, relu| {
            let block = BlockSpec::Share(Share {
                ring_bits: bits,
                shift,
                out_bits: bits,
                relu,
                shallow,
            });
            block.netlist()
        };
        match self {
            Self::Relu => share(0, true),
            Self::ReluTrunc => share(SHIFT, true),
            Self::Trunc => share(SHIFT, false),
            Self::Drelu => self.around(bits, shallow, |_, cells| {
                let top = cells.first().and_then(|x| x.last()).copied();
                Ok(vec![!top.unwrap_or(Bit::FALSE)])
            }),
            Self::Max | Self::Argmax | Self::AvgPool => {
                let block = self.block(ring).netlist()?;
                self.around(bits, shallow, |builder, cells| {
                    Ok(embed(builder, &block, cells))
                })
            }
            Self::Sigmoid => {
                let block = self.block(ring).netlist()?;
                self.around(bits, shallow, |builder, cells| {
                    let given = cells.first().map(Vec::as_slice).unwrap_or_default();
                    let low = Builder::resize(given, TABLE_BITS);
                    let y = embed(builder, &block, &[low]);
                    Ok(Builder::resize(&y, bits))
                })
            }
        }
    }

    /// The block between sum and share of those operations that have one.
    fn block(self, ring: Ring) -> BlockSpec {
        let bits = ring.bits();
        let count = u32::try_from(self.cells()).unwrap_or(u32::MAX);
        match self {
            Self::Max => BlockSpec::Max { bits, count },
            Self::Argmax => BlockSpec::Argmax { bits, count },
            Self::AvgPool => BlockSpec::DivConst(DivConst {
                in_bits: bits,
                out_bits: bits,
                divisor: WINDOW,
            }),
            Self::Sigmoid => BlockSpec::Sigmoid {
                bits: TABLE_BITS,
                frac: SHIFT,
            },
            Self::Drelu | Self::Relu | Self::ReluTrunc | Self::Trunc => BlockSpec::Relu { bits },
        }
    }

    /// Adds the shares of all cells, applies `work`, and hides the result under the server's share.
    fn around(
        self,
        bits: u32,
        shallow: bool,
        work: impl FnOnce(&mut Builder, &[Vec<Bit>]) -> Result<Vec<Bit>, privet_netlists::Error>,
    ) -> Result<Arc<Netlist>, privet_netlists::Error> {
        let mut builder = Builder::new();
        let mut port = |kind: &str| -> Vec<Vec<Bit>> {
            let cells = 0..self.cells();
            cells
                .map(|i| builder.input(&format!("{kind}{i}"), bits))
                .collect()
        };
        let (server, client) = (port("s"), port("c"));
        let sums = server.iter().zip(&client);
        let sums: Vec<Vec<Bit>> = sums.map(|(s, c)| builder.add(s, c, Bit::FALSE)).collect();
        let value = work(&mut builder, &sums)?;
        let y = if self.form() == Form::Opened {
            value
        } else {
            let width = u32::try_from(value.len()).unwrap_or(u32::MAX);
            let fresh = builder.input("r", width);
            match shallow {
                true => builder.sub_shallow(&value, &fresh),
                false => builder.sub(&value, &fresh),
            }
        };
        builder.output("y", &y);
        Ok(Arc::new(builder.finish()?))
    }
}

/// The table, without gates.
fn sigmoid(x: i64) -> i64 {
    let table = Table::new(Function::Sigmoid, TABLE_BITS, SHIFT);
    table.map_or(0, |table| table.apply(x))
}

/// A netlist's gates on given words.
fn embed(builder: &mut Builder, netlist: &Netlist, words: &[Vec<Bit>]) -> Vec<Bit> {
    let mut wires: Vec<Bit> = words.concat();
    for gate in netlist.gates() {
        let at = |wire: u32| wires.get(wire as usize).copied().unwrap_or(Bit::FALSE);
        let made = match *gate {
            Gate::Inv(a) => !at(a),
            Gate::Xor(a, b) => {
                let (a, b) = (at(a), at(b));
                builder.xor(a, b)
            }
            Gate::And(a, b) => {
                let (a, b) = (at(a), at(b));
                builder.and(a, b)
            }
        };
        wires.push(made);
    }
    let outputs = netlist.output_wires().iter();
    outputs
        .map(|wire| match *wire {
            OutputBit::Wire(wire) => wires.get(wire as usize).copied().unwrap_or(Bit::FALSE),
            OutputBit::Const(value) => Bit::constant(value),
        })
        .collect()
}

impl FromStr for Op {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|op| op.name() == s);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|op| op.name()).collect();
            format!("'{s}' is not one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use privet_netlists::eval;

    use super::*;

    /// The netlists mean what the clear functions say, with the fresh share taken off.
    #[test]
    fn netlists_mean_the_clear_function() {
        for op in Op::ALL {
            for bits in [16, 37, 64] {
                let ring = Ring::new(bits).unwrap();
                let netlist = op.netlist_with(ring, bits == 37).unwrap();
                let out = op.out_bits(ring);
                let mut prg = Prg::new(Block::from(7));
                let values = op.values(ring, 20);
                for cells in values.chunks(op.cells()) {
                    let server: Vec<u64> = cells
                        .iter()
                        .map(|_| prg.next_u64() & eval::mask(bits))
                        .collect();
                    let client = cells.iter().zip(&server);
                    let client: Vec<u64> = client
                        .map(|(v, s)| v.cast_unsigned().wrapping_sub(*s) & eval::mask(bits))
                        .collect();
                    let hides = op.form() != Form::Opened;
                    let fresh = if hides {
                        prg.next_u64() & eval::mask(out)
                    } else {
                        0
                    };
                    let fresh_port = if hides { vec![fresh] } else { Vec::new() };
                    let inputs = [server, client, fresh_port].concat();
                    let y = eval::integers(&netlist, &inputs).unwrap()[0];
                    let expected = op.clear(cells).cast_unsigned() & eval::mask(out);
                    assert_eq!(
                        y.wrapping_add(fresh) & eval::mask(out),
                        expected,
                        "{} {bits}",
                        op.name()
                    );
                }
            }
        }
    }
}
