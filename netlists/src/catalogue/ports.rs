//! Ports of the blocks.

use crate::catalogue::BlockSpec;
use crate::generate::{Dot, index_bits};
use crate::netlist::Port;

impl BlockSpec {
    /// Input and output ports, in order: those of [`BlockSpec::netlist`].
    #[must_use]
    pub fn ports(&self) -> (Vec<Port>, Vec<Port>) {
        let a_to_y = |from: u32, to: u32| (vec![port("a", from)], vec![port("y", to)]);
        let a_b_to_y =
            |from: u32, to: u32| (vec![port("a", from), port("b", from)], vec![port("y", to)]);
        let x_to_y = |bits: u32| (vec![port("x", bits)], vec![port("y", bits)]);
        let xs_to_y =
            |count: u32, bits: u32, to: u32| (numbered("x", count, bits), vec![port("y", to)]);
        match *self {
            Self::Add { bits }
            | Self::Sub { bits }
            | Self::AddShallow { bits }
            | Self::SubShallow { bits } => a_b_to_y(bits, bits),
            Self::Cmp { bits }
            | Self::CmpUnsigned { bits }
            | Self::Eq { bits }
            | Self::CmpShallow { bits } => a_b_to_y(bits, 1),
            Self::Neg { bits }
            | Self::Abs { bits }
            | Self::Relu { bits }
            | Self::Clamp { bits, .. } => a_to_y(bits, bits),
            Self::Mux { bits } => (
                vec![port("s", 1), port("a", bits), port("b", bits)],
                vec![port("y", bits)],
            ),
            Self::Clip { bits, .. }
            | Self::Sigmoid { bits, .. }
            | Self::Tanh { bits, .. }
            | Self::Fine { bits, .. } => x_to_y(bits),
            Self::Cordic(spec) => x_to_y(spec.bits),
            Self::Max { bits, count }
            | Self::Min { bits, count }
            | Self::MaxShallow { bits, count } => xs_to_y(count, bits, bits),
            Self::MaxPool {
                bits,
                rows,
                columns,
            } => xs_to_y(rows.saturating_mul(columns), bits, bits),
            Self::Argmax { bits, count } | Self::ArgmaxShallow { bits, count } => {
                xs_to_y(count, bits, index_bits(count))
            }
            Self::ArgmaxValue { bits, count } => {
                let outputs = vec![port("y", index_bits(count)), port("v", bits)];
                (numbered("x", count, bits), outputs)
            }
            Self::TopK { bits, count, best } => (
                numbered("x", count, bits),
                numbered("y", best, index_bits(count)),
            ),
            Self::Dot(spec) => {
                let (mut inputs, outputs) = dot(spec);
                inputs.push(port("acc", spec.ring_bits + 1));
                (inputs, outputs)
            }
            Self::DotStandalone(spec) => dot(spec),
            Self::MatVec { rows, dot } => mat_vec(rows, dot),
            Self::Sum(spec) => {
                let mut inputs = numbered("a", spec.terms, spec.a_bits);
                inputs.push(port("acc", spec.acc_bits));
                (inputs, vec![port("acc", spec.acc_bits)])
            }
            Self::DivConst(spec) => a_to_y(spec.in_bits, spec.out_bits),
            Self::AvgPool { cells, division } => {
                xs_to_y(cells, division.in_bits, division.out_bits)
            }
            Self::Mul(spec) => a_b_to_y(spec.bits, spec.out_bits),
            Self::MulConst(spec) => a_to_y(spec.bits, spec.out_bits),
            Self::Div(spec) => a_b_to_y(spec.bits, spec.bits),
            Self::Share(spec) => {
                let (ring, out) = (spec.ring_bits, spec.out_bits);
                (
                    vec![port("x0", ring), port("x1", ring), port("r", out)],
                    vec![port("y", out)],
                )
            }
        }
    }
}

fn dot(spec: Dot) -> (Vec<Port>, Vec<Port>) {
    let mut inputs = numbered("a", spec.terms, spec.a_bits);
    inputs.extend(numbered("w", spec.terms, spec.w_bits));
    (inputs, vec![port("acc", spec.ring_bits + 1)])
}

fn mat_vec(rows: u32, spec: Dot) -> (Vec<Port>, Vec<Port>) {
    let mut inputs = numbered("a", spec.terms, spec.a_bits);
    for row in 0..rows {
        inputs.extend(numbered(&format!("w{row}_"), spec.terms, spec.w_bits));
        inputs.push(port(&format!("acc{row}"), spec.ring_bits + 1));
    }
    (inputs, numbered("acc", rows, spec.ring_bits + 1))
}

fn port(name: &str, bits: u32) -> Port {
    Port {
        name: name.to_owned(),
        bits,
    }
}

fn numbered(name: &str, count: u32, bits: u32) -> Vec<Port> {
    (0..count)
        .map(|i| port(&format!("{name}{i}"), bits))
        .collect()
}
