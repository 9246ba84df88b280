//! The standard blocks and their AND budgets.

use crate::activation::Function;
use crate::catalogue::BlockSpec;
use crate::cordic::{Cordic, Curve, Range};
use crate::generate::{Div, DivConst, Dot, Mul, MulConst, Share, Sum};

/// One standard block a line: its name, and the generator's ANDs and other gates. The ANDs may
/// shrink.
const BUDGETS: &str = include_str!("budgets.txt");

/// The AND budget of a standard block, `None` for any other.
#[must_use]
pub fn budget(spec: &BlockSpec) -> Option<u64> {
    generated(spec).map(|(ands, _)| ands)
}

/// The generator's ANDs and other gates for a standard block.
pub(super) fn generated(spec: &BlockSpec) -> Option<(u64, u64)> {
    let name = spec.name();
    let line = BUDGETS
        .lines()
        .find_map(|line| line.strip_prefix(&name)?.strip_prefix(' '))?;
    let (ands, others) = line.split_once(' ')?;
    Some((ands.parse().ok()?, others.parse().ok()?))
}

/// The standard block of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<BlockSpec> {
    standard().into_iter().find(|spec| spec.name() == name)
}

/// The standard blocks: 8, 16 and 32 bits where the block has a width, the dot products of the
/// usual ring widths, the activations at 16 bits with 12, 11 and 10 fraction bits.
#[must_use]
pub fn standard() -> Vec<BlockSpec> {
    let mut blocks = Vec::new();
    for bits in [8, 16, 32] {
        blocks.extend(words(bits));
    }
    for (bits, frac, drop) in [(8, 5, 3), (16, 12, 8), (32, 16, 12)] {
        blocks.extend(products(bits, frac, drop));
        blocks.extend(shallow(bits));
    }
    blocks.extend(shares());
    for bits in [37, 64] {
        blocks.extend([
            BlockSpec::Add { bits },
            BlockSpec::Sub { bits },
            BlockSpec::Cmp { bits },
            BlockSpec::Mux { bits },
            BlockSpec::Relu { bits },
            BlockSpec::AddShallow { bits },
            BlockSpec::CmpShallow { bits },
        ]);
    }
    blocks.extend(linear());
    blocks.extend(activations());
    // Different layers share some blocks: each is listed where it first appears.
    let mut seen = std::collections::BTreeSet::new();
    blocks.retain(|spec| seen.insert(*spec));
    blocks
}

fn words(bits: u32) -> Vec<BlockSpec> {
    let half = 1i64 << (bits - 2);
    vec![
        BlockSpec::Add { bits },
        BlockSpec::Sub { bits },
        BlockSpec::Neg { bits },
        BlockSpec::Abs { bits },
        BlockSpec::Cmp { bits },
        BlockSpec::CmpUnsigned { bits },
        BlockSpec::Eq { bits },
        BlockSpec::Mux { bits },
        BlockSpec::Relu { bits },
        BlockSpec::Clamp {
            bits,
            lo: -half,
            hi: half - 1,
        },
        BlockSpec::Clip {
            bits,
            lo: 0,
            hi: half,
        },
        BlockSpec::Max { bits, count: 2 },
        BlockSpec::Max { bits, count: 10 },
        BlockSpec::Min { bits, count: 2 },
        BlockSpec::Argmax { bits, count: 10 },
        BlockSpec::Argmax { bits, count: 26 },
        BlockSpec::ArgmaxValue { bits, count: 10 },
        BlockSpec::TopK {
            bits,
            count: 10,
            best: 3,
        },
        BlockSpec::MaxPool {
            bits,
            rows: 1,
            columns: 2,
        },
        BlockSpec::MaxPool {
            bits,
            rows: 2,
            columns: 2,
        },
        BlockSpec::MaxPool {
            bits,
            rows: 3,
            columns: 3,
        },
        BlockSpec::DivConst(DivConst {
            in_bits: bits,
            out_bits: bits,
            divisor: 9,
        }),
        BlockSpec::DivConst(DivConst {
            in_bits: bits,
            out_bits: bits,
            divisor: 169,
        }),
        BlockSpec::AvgPool {
            cells: 4,
            division: DivConst {
                in_bits: bits,
                out_bits: bits,
                divisor: 4,
            },
        },
        BlockSpec::AvgPool {
            cells: 9,
            division: DivConst {
                in_bits: bits,
                out_bits: bits,
                divisor: 9,
            },
        },
    ]
}

fn products(bits: u32, frac: u32, drop: u32) -> Vec<BlockSpec> {
    vec![
        BlockSpec::Mul(Mul::low(bits)),
        BlockSpec::Mul(Mul::full(bits)),
        BlockSpec::Mul(Mul::fixed(bits, frac)),
        BlockSpec::Mul(Mul {
            drop,
            ..Mul::fixed(bits, frac)
        }),
        BlockSpec::MulConst(MulConst {
            bits,
            out_bits: 2 * bits,
            constant: 89,
        }),
        BlockSpec::Div(Div { bits, frac: 0 }),
        BlockSpec::Div(Div { bits, frac }),
    ]
}

fn shallow(bits: u32) -> Vec<BlockSpec> {
    vec![
        BlockSpec::AddShallow { bits },
        BlockSpec::SubShallow { bits },
        BlockSpec::CmpShallow { bits },
        BlockSpec::MaxShallow { bits, count: 2 },
        BlockSpec::MaxShallow { bits, count: 4 },
        BlockSpec::MaxShallow { bits, count: 9 },
        BlockSpec::ArgmaxShallow { bits, count: 10 },
    ]
}

/// Rings of 16-bit and 25-bit values behind a layer with 12 fraction bits in its weights, and of 32
/// and 64 bits.
fn shares() -> Vec<BlockSpec> {
    let mut blocks = Vec::new();
    for (ring_bits, shift, out_bits) in [
        (28, 12, 28),
        (28, 12, 16),
        (32, 12, 32),
        (37, 12, 37),
        (37, 12, 25),
        (64, 12, 64),
    ] {
        for (relu, shallow) in [(true, false), (false, false), (true, true), (false, true)] {
            blocks.push(BlockSpec::Share(Share {
                ring_bits,
                shift,
                out_bits,
                relu,
                shallow,
            }));
        }
    }
    blocks
}

fn linear() -> Vec<BlockSpec> {
    let mut blocks = Vec::new();
    let shapes = [
        (8, 8, 8, 16, 0),
        (8, 16, 8, 28, 0),
        (8, 16, 13, 28, 0),
        (8, 16, 13, 28, 8),
        (8, 16, 16, 28, 0),
        (8, 16, 16, 28, 8),
        (32, 16, 16, 28, 0),
        (8, 25, 13, 37, 0),
    ];
    for (terms, a_bits, w_bits, ring_bits, drop) in shapes {
        let spec = Dot {
            terms,
            a_bits,
            w_bits,
            ring_bits,
            drop,
        };
        blocks.push(BlockSpec::Dot(spec));
        blocks.push(BlockSpec::DotStandalone(spec));
        if terms == 8 && a_bits <= 16 {
            blocks.push(BlockSpec::MatVec { rows: 4, dot: spec });
        }
        blocks.push(BlockSpec::Sum(Sum {
            terms,
            a_bits,
            acc_bits: ring_bits + 1,
        }));
    }
    blocks
}

fn activations() -> Vec<BlockSpec> {
    let mut blocks = Vec::new();
    for (bits, frac) in [(8, 5), (16, 12), (16, 11), (16, 10), (32, 12)] {
        blocks.push(BlockSpec::Sigmoid { bits, frac });
        blocks.push(BlockSpec::Tanh { bits, frac });
        for function in [Function::Sigmoid, Function::Tanh] {
            blocks.push(BlockSpec::Fine {
                function,
                bits,
                frac,
            });
        }
        let half = 1i64 << (frac + 2);
        if frac + 3 < bits {
            blocks.push(BlockSpec::Clamp {
                bits,
                lo: -half,
                hi: half - 1,
            });
        }
    }
    for range in [Range::Literal, Range::Full] {
        for curve in [Curve::Tanh, Curve::Sigmoid, Curve::Exp] {
            blocks.push(BlockSpec::Cordic(Cordic {
                curve,
                range,
                bits: 16,
                frac: 12,
            }));
        }
    }
    blocks
}
