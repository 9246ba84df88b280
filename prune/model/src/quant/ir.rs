//! The quantised graph: what both parties know ([`Graph`]) and what the server alone holds ([`Params`]).
//!
//! A graph never contains a weight, a measured range or a hash over weights: it is sent to the
//! client and hashed into the plan. Ranges are whole bits.

use privet_netlists::generate::MAX_DROP;
use privet_ring::Ring;
use serde::{Deserialize, Serialize};

use super::sparsity::Sparsity;
use crate::bounded;
use crate::preprocess::Preprocess;

/// Index of a tensor in [`Graph::tensors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TensorId(pub u32);

/// A tensor of the quantised graph. Shapes carry no batch axis: `[C, H, W]` or `[F]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tensor {
    /// Name in the source model, for reports.
    pub name: String,
    /// Extents, outermost first; elements are stored row-major.
    #[serde(deserialize_with = "bounded::list::<_, _, { bounded::RANK }>")]
    pub shape: Vec<usize>,
    /// Ring in which the values live (value width B, or L behind a linear op).
    pub ring: Ring,
    /// Fraction bits f: the real value is v * 2^-f.
    pub frac_bits: u32,
    /// What is known of the values.
    pub range: Range,
}

/// `v` lies in `[-2^(bits-1), 2^(bits-1))`, and is not negative if `non_negative`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Width that holds every value, sign included.
    pub bits: u32,
    /// No value is below zero.
    pub non_negative: bool,
    /// Where the claim comes from.
    pub origin: RangeOrigin,
}

/// Where a range comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RangeOrigin {
    /// From the magnitudes of weights and inputs: holds for every input.
    Proven,
    /// The widest seen on stated data, plus the margin.
    Calibrated,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Name in the source model, for reports.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Operands, in the op's order.
    #[serde(deserialize_with = "bounded::list::<_, _, { bounded::NODES }>")]
    pub inputs: Vec<TensorId>,
    /// The one result.
    pub output: TensorId,
}

/// The closed set of operations. Their exact meaning is the oracle's (`ops/`), after the normative rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// `z = sum w*x + b mod 2^L`, L the output's ring. Weights `[out][in]`, bias `[out]`. Input is flat `[in]`.
    Linear(Linear),
    /// Convolution, same arithmetic. Weights `[out_channels][in_channels/groups][kh][kw]`, bias `[out_channels]`.
    Conv(Conv),
    /// `T_s`: floor(z / 2^shift), the result read in the output's ring.
    Trunc {
        /// Number of low bits dropped.
        shift: u32,
    },
    /// max(0, z).
    Relu,
    /// min(max(z, lo), hi) with integer bounds at the tensor's scale.
    Clip {
        /// Lower bound, a representative of the ring.
        lo: i64,
        /// Upper bound, not below `lo`.
        hi: i64,
    },
    /// A tabulated function with the meaning of a named netlist; input and output scales fixed by it.
    Table(Table),
    /// Maximum over windows; cells in the padding are absent.
    MaxPool(Pool),
    /// One floor((S + floor(D/2)) / D) per window, D = cells counted * 2^shift.
    AvgPool {
        /// Window geometry.
        pool: Pool,
        /// Padding cells count as zeros in the divisor (`count_include_pad`).
        count_padding: bool,
        /// Fraction bits dropped together with the division.
        shift: u32,
    },
    /// Element-wise sum of two or more tensors of one shape and scale.
    Add,
    /// Adds secret constants (one per element), already at the tensor's scale.
    AddConst,
    /// v * 2^k mod 2^L: raises a scale.
    Shl {
        /// Bits.
        k: u32,
    },
    /// The same value read in the output's (narrower or wider) ring: reduction mod 2^bits, or sign extension.
    Resize,
    /// Joins tensors along an axis.
    Concat {
        /// Axis, without batch.
        axis: usize,
    },
    /// The same elements in row-major order under another shape.
    Reshape,
    /// Permutes axes.
    Transpose {
        /// `output.shape[i] = input.shape[perm[i]]`.
        #[serde(deserialize_with = "bounded::list::<_, _, { bounded::RANK }>")]
        perm: Vec<usize>,
    },
    /// Surrounds with a public constant.
    Pad {
        /// Cells before each axis.
        #[serde(deserialize_with = "bounded::list::<_, _, { bounded::RANK }>")]
        before: Vec<usize>,
        /// Cells after each axis.
        #[serde(deserialize_with = "bounded::list::<_, _, { bounded::RANK }>")]
        after: Vec<usize>,
        /// The constant, at the tensor's scale.
        value: i64,
    },
    /// `y = s_c*x + b_c` mod the ring, at the tensor's scale, for the channel c of each element: its index along axis 0. The signs
    /// `s_c` (1 or -1) and the constants are secret. With a ReLU behind it and `|γ|` in the next linear layer this is a batch
    /// normalisation that no linear layer precedes: `max(0, γx + β) = |γ| * max(0, s*x + β/|γ|)`.
    Reflect,
}

impl Op {
    /// Width of the weights, where the op has any.
    #[must_use]
    pub const fn weight_bits(&self) -> Option<u32> {
        if let Self::Linear(Linear { weight_bits, .. }) | Self::Conv(Conv { weight_bits, .. }) =
            self
        {
            Some(*weight_bits)
        } else {
            None
        }
    }

    /// Which weights may differ from zero, where that is published.
    #[must_use]
    pub const fn sparsity(&self) -> Option<&Sparsity> {
        if let Self::Linear(Linear { sparsity, .. }) | Self::Conv(Conv { sparsity, .. }) = self {
            sparsity.as_ref()
        } else {
            None
        }
    }
}

/// A fully connected layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linear {
    /// Input features.
    pub inputs: usize,
    /// Output features.
    pub outputs: usize,
    /// Width B_w of the signed weights (public, whole bits).
    pub weight_bits: u32,
    /// Fraction bits of the weights.
    pub weight_frac: u32,
    /// Which weights may differ from zero, where that is published.
    pub sparsity: Option<Sparsity>,
}

/// A two-dimensional convolution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv {
    /// Input channels.
    pub in_channels: usize,
    /// Output channels.
    pub out_channels: usize,
    /// Channel groups.
    pub groups: usize,
    /// Window geometry.
    pub window: Window,
    /// Width B_w of the signed weights (public, whole bits).
    pub weight_bits: u32,
    /// Fraction bits of the weights.
    pub weight_frac: u32,
    /// Which weights may differ from zero, where that is published.
    pub sparsity: Option<Sparsity>,
}

/// Geometry of a sliding window, `[height, width]` each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Kernel extent.
    pub kernel: [usize; 2],
    /// Step.
    pub strides: [usize; 2],
    /// Distance between taps.
    pub dilations: [usize; 2],
    /// Padding before (top, left).
    pub pads_before: [usize; 2],
    /// Padding after (bottom, right), as declared: what a pool's last window covers beyond it in
    /// ceil mode is no padding but absent.
    pub pads_after: [usize; 2],
}

/// A pooling window. Which cells a window covers at each position follows from the geometry alone
/// ([`Window::cells`], [`Window::counted`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Geometry; the output's extent is the tensor's shape: that of [`Window::output`], rounded down or
    /// in ceil mode up.
    pub window: Window,
}

/// Which tabulated function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Function {
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// tanh x.
    Tanh,
}

/// A tabulated function, named by its netlist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The function.
    pub function: Function,
    /// Name of the netlist in the catalogue whose integer meaning is the function's.
    pub netlist: String,
    /// SHA-256 of that netlist.
    pub netlist_sha256: [u8; 32],
}

/// How exactly the graph is to be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Profile {
    /// Bit for bit, on every backend.
    #[default]
    Exact,
    /// Bit for bit, with products that omit columns as the netlist `dot_…_dropK` does: under garbled circuits only. Layers with
    /// weights give `floor((2z − Σ omitted + n·compensation) / 2)` for their n terms
    /// ([`privet_netlists::dot::omitted`], [`privet_netlists::dot::compensation`]) in place of z.
    Drop {
        /// Columns omitted of each product at double scale.
        columns: u32,
    },
    /// The meaning is that of `Exact`, which a secure run follows to within one unit at truncations ([`Graph::approximated`]), whose
    /// bits the parties drop of their shares each by itself: on the backends `ot` and `hybrid`.
    Approx,
}

impl Profile {
    /// Columns omitted of each product.
    #[must_use]
    pub const fn dropped(self) -> u32 {
        match self {
            Self::Exact | Self::Approx => 0,
            Self::Drop { columns } => columns,
        }
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact => f.write_str("exact"),
            Self::Drop { columns } => write!(f, "drop-{columns}"),
            Self::Approx => f.write_str("approx"),
        }
    }
}

impl std::str::FromStr for Profile {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        for profile in [Self::Exact, Self::Approx] {
            if s == profile.to_string() {
                return Ok(profile);
            }
        }
        let columns = s.strip_prefix("drop-").and_then(|k| k.parse().ok());
        match columns {
            Some(columns) if (1..=MAX_DROP).contains(&u64::from(columns)) => {
                Ok(Self::Drop { columns })
            }
            _ => Err(format!(
                "'{s}' is none of exact, approx and drop-K, K from 1 to {MAX_DROP}"
            )),
        }
    }
}

/// The public part of a quantised network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// Name of the model.
    pub name: String,
    /// How exactly it is to be followed.
    pub profile: Profile,
    /// Value width B.
    pub value_bits: u32,
    /// What the client does to a raw input before quantising it.
    pub preprocess: Preprocess,
    /// All tensors.
    #[serde(deserialize_with = "bounded::list::<_, _, { bounded::TENSORS }>")]
    pub tensors: Vec<Tensor>,
    /// Operations in topological order.
    #[serde(deserialize_with = "bounded::list::<_, _, { bounded::NODES }>")]
    pub nodes: Vec<Node>,
    /// The network's input.
    pub input: TensorId,
    /// The truncated logits. The label is their argmax, lowest index first.
    pub output: TensorId,
    /// Names of the classes, if the model has them.
    #[serde(deserialize_with = "bounded::maybe::<_, _, { bounded::NODES }>")]
    pub classes: Option<Vec<String>>,
}

/// The secret integers of one node.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// Weights in the op's order; the signs of `Reflect`; empty for `AddConst`.
    pub weights: Vec<i32>,
    /// Bias (rounding constant included) or the constants of `AddConst` and `Reflect`.
    pub bias: Vec<i64>,
}

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Params({} weights, {} biases, secret)",
            self.weights.len(),
            self.bias.len()
        )
    }
}

/// A whole quantised network: the server's copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// What both parties know.
    pub graph: Graph,
    /// Secret integers, one entry per node (`None` where an op has none).
    pub params: Vec<Option<Params>>,
    /// SHA-256 of the source model file; never sent.
    pub source_sha256: [u8; 32],
}

#[cfg(test)]
mod tests {
    use super::Profile;

    #[test]
    fn profiles_have_names() {
        for text in ["exact", "drop-1", "drop-24", "approx"] {
            assert_eq!(text.parse::<Profile>().unwrap().to_string(), text);
        }
        for text in [
            "", "drop", "drop-", "drop-0", "drop-25", "drop--1", "approx-1", "Exact",
        ] {
            assert!(text.parse::<Profile>().is_err(), "{text}");
        }
    }
}
