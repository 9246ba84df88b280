//! The float graph: a network as it was trained, reduced to a closed set of operations.
//!
//! Shapes carry no batch axis: `[C, H, W]` or `[F]`. What an importer can express by these operations it does:
//! batch normalisation and arithmetic with constants are [`Affine`], a global average is an average pool over the
//! whole extent, a one-dimensional convolution stands between two reshapes, padding that an average counts is an
//! explicit [`Op::Pad`].

mod builder;
mod check;
mod listing;
mod shapes;

pub use builder::Builder;
pub use listing::{Line, Listing};
pub use shapes::Rounding;

pub use crate::quant::ir::Window;

use crate::preprocess::Preprocess;

/// Most elements that one tensor may have.
pub const MAX_ELEMENTS: usize = 1 << 26;
/// Most axes of a tensor, batch excluded.
pub const MAX_RANK: usize = 7;
/// Most nodes of a graph.
pub const MAX_NODES: usize = 1 << 16;

/// Index of a value in [`Graph::values`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

impl ValueId {
    /// As an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A tensor that flows through the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Name in the source model.
    pub name: String,
    /// Extents without the batch axis, outermost first; elements are stored row-major.
    pub shape: Vec<usize>,
}

impl Value {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// A graph never holds one; true only for a shape with a zero extent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Name in the source model.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Operands, in the op's order.
    pub inputs: Vec<ValueId>,
    /// The one result.
    pub output: ValueId,
}

/// The closed set of float operations.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// `y = W x + b` on a vector `[in]`.
    Linear(Linear),
    /// Convolution of `[C, H, W]`.
    Conv(Conv),
    /// `y = scale * x + shift` with constants.
    Affine(Affine),
    /// max(0, x).
    Relu,
    /// min(max(x, lo), hi); a missing bound is an infinity.
    Clip {
        /// Lower bound, may be negative infinity.
        lo: f32,
        /// Upper bound, not below `lo`, may be infinity.
        hi: f32,
    },
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// tanh x.
    Tanh,
    /// Maximum over windows of `[C, H, W]`; cells outside the input are absent.
    MaxPool(Pool),
    /// Mean over windows of `[C, H, W]`; cells outside the input are absent and not counted in the divisor.
    AvgPool(Pool),
    /// Element-wise sum of two or more tensors of one shape.
    Add,
    /// Joins tensors along an axis.
    Concat {
        /// Axis, without batch.
        axis: usize,
    },
    /// The same elements in row-major order under another shape.
    Reshape {
        /// The new extents.
        shape: Vec<usize>,
    },
    /// Permutes axes.
    Transpose {
        /// `output.shape[i] = input.shape[perm[i]]`.
        perm: Vec<usize>,
    },
    /// Surrounds with a constant.
    Pad {
        /// Cells before each axis.
        before: Vec<usize>,
        /// Cells after each axis.
        after: Vec<usize>,
        /// The constant.
        value: f32,
    },
}

/// A fully connected layer.
#[derive(Clone, PartialEq)]
pub struct Linear {
    /// Input features.
    pub inputs: usize,
    /// Output features.
    pub outputs: usize,
    /// `[outputs][inputs]`.
    pub weights: Vec<f32>,
    /// `[outputs]`, zeros where the model has none.
    pub bias: Vec<f32>,
}

/// A two-dimensional convolution.
#[derive(Clone, PartialEq)]
pub struct Conv {
    /// Input channels.
    pub in_channels: usize,
    /// Output channels.
    pub out_channels: usize,
    /// Channel groups; divides both channel counts.
    pub groups: usize,
    /// Window geometry; padding cells are zeros.
    pub window: Window,
    /// `[out_channels][in_channels / groups][kh][kw]`.
    pub weights: Vec<f32>,
    /// `[out_channels]`, zeros where the model has none.
    pub bias: Vec<f32>,
}

/// `y = scale * x + shift`. Kept in f64: it is folded into a neighbour before anything is rounded.
#[derive(Clone, PartialEq)]
pub struct Affine {
    /// Which elements share an entry.
    pub per: Per,
    /// Factors, one per entry.
    pub scale: Vec<f64>,
    /// Summands, one per entry.
    pub shift: Vec<f64>,
}

/// Which elements of a tensor share a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// All: one entry.
    Tensor,
    /// Those of one index along axis 0.
    Channel,
    /// None: one entry per element, row-major.
    Element,
}

/// Pooling windows over `[C, H, W]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Geometry. The padding is the model's own, not enlarged in ceil mode.
    pub window: Window,
    /// Output extents `[height, width]`, ceil mode resolved: a last window may reach past the padding,
    /// where cells are as absent as in it. Every window has at least one cell inside the input.
    pub output: [usize; 2],
}

/// An operation at the end of the model that does not change the label and is not computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Name of the node in the source model.
    pub name: String,
    /// Its operator there: `Softmax`, `LogSoftmax` or `ArgMax`.
    pub op: String,
}

/// A network in floats.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// Name of the model.
    pub name: String,
    /// All tensors; every node's output follows its inputs.
    pub values: Vec<Value>,
    /// Operations in topological order.
    pub nodes: Vec<Node>,
    /// The network's one input.
    pub input: ValueId,
    /// The logits.
    pub output: ValueId,
    /// Operations behind the logits that are left out.
    pub dropped: Vec<Dropped>,
    /// How a raw sample becomes the input, if the model says so.
    pub preprocess: Option<Preprocess>,
    /// Names of the classes, if the model has them.
    pub classes: Option<Vec<String>>,
    /// SHA-256 of the file it was read from; zeros for a graph built in memory.
    pub source_sha256: [u8; 32],
}

impl Graph {
    /// The value with that index, if there is one.
    #[must_use]
    pub fn value(&self, id: ValueId) -> Option<&Value> {
        self.values.get(id.index())
    }

    /// Shape of the network's input.
    #[must_use]
    pub fn input_shape(&self) -> &[usize] {
        self.value(self.input).map_or(&[], |v| &v.shape)
    }

    /// Shape of the logits.
    #[must_use]
    pub fn output_shape(&self) -> &[usize] {
        self.value(self.output).map_or(&[], |v| &v.shape)
    }
}

impl Op {
    /// Its name in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Linear(_) => "Linear",
            Self::Conv(_) => "Conv",
            Self::Affine(_) => "Affine",
            Self::Relu => "Relu",
            Self::Clip { .. } => "Clip",
            Self::Sigmoid => "Sigmoid",
            Self::Tanh => "Tanh",
            Self::MaxPool(_) => "MaxPool",
            Self::AvgPool(_) => "AvgPool",
            Self::Add => "Add",
            Self::Concat { .. } => "Concat",
            Self::Reshape { .. } => "Reshape",
            Self::Transpose { .. } => "Transpose",
            Self::Pad { .. } => "Pad",
        }
    }
}

/// A graph that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// An operation does not fit its operands.
    #[error("{node} ({op}): {what}")]
    Shape {
        /// Name of the node.
        node: String,
        /// Its operation.
        op: &'static str,
        /// What is wrong.
        what: String,
    },
    /// A value is named that no earlier node makes.
    #[error("{node}: operand {id} does not exist before this node")]
    Operand {
        /// Name of the node.
        node: String,
        /// The index asked for.
        id: u32,
    },
    /// The input or the graph as a whole is out of bounds.
    #[error("{what}")]
    Bounds {
        /// What is out of bounds.
        what: String,
    },
}

impl std::fmt::Debug for Linear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Linear({} -> {}, secret)", self.inputs, self.outputs)
    }
}

impl std::fmt::Debug for Conv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conv")
            .field("in_channels", &self.in_channels)
            .field("out_channels", &self.out_channels)
            .field("groups", &self.groups)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Affine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Affine(per {:?}, secret)", self.per)
    }
}
