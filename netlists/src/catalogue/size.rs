//! How large a block is, before it is made.

use crate::catalogue::BlockSpec;
use crate::generate::Sum;

impl BlockSpec {
    /// An estimate of the ANDs that costs nothing and is never far below the truth (0 for blocks
    /// that are small whatever their parameters). A party asks it before it makes a block that the
    /// other one wants.
    #[must_use]
    pub fn rough_ands(&self) -> u64 {
        let product = |factors: &[u32]| {
            factors
                .iter()
                .fold(1u64, |product, &f| product.saturating_mul(f.into()))
        };
        match *self {
            Self::Max { bits, count }
            | Self::Min { bits, count }
            | Self::Argmax { bits, count }
            | Self::ArgmaxValue { bits, count } => product(&[2, bits, count]),
            Self::MaxShallow { bits, count } | Self::ArgmaxShallow { bits, count } => {
                product(&[4, bits, count])
            }
            Self::MatVec { rows, dot } => product(&[rows, dot.terms, dot.a_bits, dot.w_bits]),
            Self::TopK { bits, count, best } => {
                // Keys are words above their indices.
                let key = bits.saturating_add(crate::generate::index_bits(count));
                product(&[2, key, count, best])
            }
            Self::MaxPool {
                bits,
                rows,
                columns,
            } => product(&[2, bits, rows, columns]),
            Self::Dot(spec) | Self::DotStandalone(spec) => {
                product(&[spec.terms, spec.a_bits, spec.w_bits])
            }
            Self::Sum(Sum { terms, a_bits, .. }) => product(&[terms, a_bits]),
            Self::AvgPool { cells, division } => product(&[cells, division.in_bits]),
            Self::Add { .. }
            | Self::Sub { .. }
            | Self::Neg { .. }
            | Self::Abs { .. }
            | Self::Cmp { .. }
            | Self::CmpUnsigned { .. }
            | Self::Eq { .. }
            | Self::Mux { .. }
            | Self::Relu { .. }
            | Self::Clamp { .. }
            | Self::Clip { .. }
            | Self::DivConst(_)
            | Self::Sigmoid { .. }
            | Self::Tanh { .. }
            | Self::Fine { .. }
            | Self::Cordic(_)
            | Self::Mul(_)
            | Self::MulConst(_)
            | Self::Div(_)
            | Self::Share(_)
            | Self::AddShallow { .. }
            | Self::SubShallow { .. }
            | Self::CmpShallow { .. } => 0,
        }
    }
}
