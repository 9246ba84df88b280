//! Names of blocks.

use crate::catalogue::BlockSpec;
use crate::cordic::{Cordic, Curve, Range};
use crate::generate::{Div, DivConst, Dot, Mul, MulConst, Share, Sum};

impl BlockSpec {
    /// The block's name, which says all parameters: `add16`, `dot_m8_a16_w16_l28`.
    #[must_use]
    pub fn name(&self) -> String {
        match *self {
            Self::Add { bits } => format!("add{bits}"),
            Self::Sub { bits } => format!("sub{bits}"),
            Self::Neg { bits } => format!("neg{bits}"),
            Self::Abs { bits } => format!("abs{bits}"),
            Self::Cmp { bits } => format!("cmp{bits}"),
            Self::CmpUnsigned { bits } => format!("cmpu{bits}"),
            Self::Eq { bits } => format!("eq{bits}"),
            Self::Mux { bits } => format!("mux{bits}"),
            Self::Relu { bits } => format!("relu{bits}"),
            Self::Clamp { bits, lo, hi } => format!("clamp{bits}_{lo}_{hi}"),
            Self::Max { bits, count } => format!("max{bits}_n{count}"),
            Self::Min { bits, count } => format!("min{bits}_n{count}"),
            Self::Argmax { bits, count } => format!("argmax{bits}_n{count}"),
            Self::TopK { bits, count, best } => format!("topk{bits}_n{count}_k{best}"),
            Self::MaxPool {
                bits,
                rows,
                columns,
            } => format!("maxpool{bits}_{rows}x{columns}"),
            Self::Clip { bits, lo, hi } => format!("clip{bits}_{lo}_{hi}"),
            Self::Dot(Dot {
                terms,
                a_bits,
                w_bits,
                ring_bits,
                drop,
            }) => {
                format!(
                    "dot_m{terms}_a{a_bits}_w{w_bits}_l{ring_bits}{}",
                    omitted(drop)
                )
            }
            Self::DotStandalone(Dot {
                terms,
                a_bits,
                w_bits,
                ring_bits,
                drop,
            }) => {
                format!(
                    "dot1_m{terms}_a{a_bits}_w{w_bits}_l{ring_bits}{}",
                    omitted(drop)
                )
            }
            Self::Sum(Sum {
                terms,
                a_bits,
                acc_bits,
            }) => {
                format!("sum_m{terms}_a{a_bits}_acc{acc_bits}")
            }
            Self::DivConst(DivConst {
                in_bits,
                out_bits,
                divisor,
            }) => {
                format!("divconst{in_bits}_{out_bits}_d{divisor}")
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
                format!("avgpool{in_bits}_{out_bits}_n{cells}_d{divisor}")
            }
            Self::Sigmoid { bits, frac } => format!("sigmoid{bits}_f{frac}"),
            Self::Tanh { bits, frac } => format!("tanh{bits}_f{frac}"),
            Self::Fine {
                function,
                bits,
                frac,
            } => {
                format!("{}{bits}_f{frac}_fine", function.name())
            }
            Self::Cordic(Cordic {
                curve,
                range,
                bits,
                frac,
            }) => {
                let curve = match curve {
                    Curve::Tanh => "tanh",
                    Curve::Sigmoid => "sigmoid",
                    Curve::Exp => "exp",
                };
                let range = match range {
                    Range::Literal => "literal",
                    Range::Full => "full",
                };
                format!("cordic_{curve}{bits}_f{frac}_{range}")
            }
            Self::Mul(Mul {
                bits,
                shift,
                out_bits,
                drop: 0,
            }) => {
                format!("mul{bits}_s{shift}_o{out_bits}")
            }
            Self::Mul(Mul {
                bits,
                shift,
                out_bits,
                drop,
            }) => {
                format!("mul{bits}_s{shift}_o{out_bits}_drop{drop}")
            }
            Self::MulConst(MulConst {
                bits,
                out_bits,
                constant,
            }) => {
                format!("mulconst{bits}_{out_bits}_c{constant}")
            }
            Self::Div(Div { bits, frac }) => format!("div{bits}_f{frac}"),
            Self::ArgmaxValue { bits, count } => format!("argmaxvalue{bits}_n{count}"),
            Self::MatVec {
                rows,
                dot:
                    Dot {
                        terms,
                        a_bits,
                        w_bits,
                        ring_bits,
                        drop,
                    },
            } => {
                let end = omitted(drop);
                format!("matvec_r{rows}_m{terms}_a{a_bits}_w{w_bits}_l{ring_bits}{end}")
            }
            Self::Share(Share {
                ring_bits,
                shift,
                out_bits,
                relu,
                shallow,
            }) => {
                let act = if relu { "relu_" } else { "" };
                let end = if shallow { "_shallow" } else { "" };
                format!("share_{act}trunc{ring_bits}_s{shift}_o{out_bits}{end}")
            }
            Self::AddShallow { bits } => format!("add{bits}_shallow"),
            Self::SubShallow { bits } => format!("sub{bits}_shallow"),
            Self::CmpShallow { bits } => format!("cmp{bits}_shallow"),
            Self::MaxShallow { bits, count } => format!("max{bits}_n{count}_shallow"),
            Self::ArgmaxShallow { bits, count } => format!("argmax{bits}_n{count}_shallow"),
        }
    }
}

/// The end of a dot product's name.
fn omitted(drop: u32) -> String {
    if drop == 0 {
        return String::new();
    }
    format!("_drop{drop}")
}
