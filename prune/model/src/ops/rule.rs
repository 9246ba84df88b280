//! The vocabulary of shape rules.

use crate::quant::ir::Tensor;

/// Narrowest weights.
pub const MIN_WEIGHT_BITS: u32 = 2;
/// Widest weights.
pub const MAX_WEIGHT_BITS: u32 = i32::BITS;

/// A node that does not fit its operands, its result or its parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpError {
    /// Wrong number of operands.
    #[error("takes {expected} operands, has {got}")]
    Operands {
        /// How many the op takes.
        expected: &'static str,
        /// How many there are.
        got: usize,
    },
    /// Wrong shape of an operand or of the result.
    #[error("{what}: shape {got:?} instead of {expected}")]
    Shape {
        /// Which tensor.
        what: &'static str,
        /// What the rule asks for.
        expected: String,
        /// What is there.
        got: Vec<usize>,
    },
    /// A number that another one determines.
    #[error("{what}: {got} instead of {expected}")]
    Number {
        /// Which number.
        what: &'static str,
        /// What the rule asks for.
        expected: u64,
        /// What is there.
        got: u64,
    },
    /// A number outside what the op allows.
    #[error("{what}: {got} is out of bounds")]
    Bounds {
        /// Which number.
        what: &'static str,
        /// What is there.
        got: i64,
    },
    /// A window that does not fit.
    #[error("{0}")]
    Window(String),
    /// A size that no machine holds.
    #[error("its size overflows")]
    Size,
    /// Something is wrong with the secret integers.
    #[error("parameters {0}")]
    Params(&'static str),
    /// A sparsity map in a form that maps do not have.
    #[error("its sparsity map {0}")]
    Sparsity(&'static str),
    /// A tabulated function that is not in the catalogue, or not this one.
    #[error("table {netlist}: {what}")]
    Table {
        /// Name of the netlist.
        netlist: String,
        /// What is wrong.
        what: &'static str,
    },
}

/// The product of extents.
pub(crate) fn product(extents: &[usize]) -> Result<usize, OpError> {
    extents
        .iter()
        .try_fold(1usize, |n, &e| n.checked_mul(e))
        .ok_or(OpError::Size)
}

/// The product of extents as a count of operations.
pub(crate) fn work(factors: &[usize]) -> Result<u64, OpError> {
    factors
        .iter()
        .try_fold(1u64, |n, &f| n.checked_mul(u64::try_from(f).ok()?))
        .ok_or(OpError::Size)
}

/// The only operand.
pub(crate) fn one<'a>(inputs: &[&'a Tensor]) -> Result<&'a Tensor, OpError> {
    match inputs {
        [input] => Ok(input),
        _ => Err(OpError::Operands {
            expected: "1",
            got: inputs.len(),
        }),
    }
}

/// Two numbers must be equal.
pub(crate) fn equal<T: TryInto<u64>>(
    what: &'static str,
    expected: T,
    got: T,
) -> Result<(), OpError> {
    let number = |v: T| v.try_into().unwrap_or(u64::MAX);
    let (expected, got) = (number(expected), number(got));
    if expected == got {
        Ok(())
    } else {
        Err(OpError::Number {
            what,
            expected,
            got,
        })
    }
}

/// A shape must be the expected one.
pub(crate) fn shape(what: &'static str, expected: &[usize], got: &[usize]) -> Result<(), OpError> {
    if expected == got {
        Ok(())
    } else {
        Err(OpError::Shape {
            what,
            expected: format!("{expected:?}"),
            got: got.to_vec(),
        })
    }
}

/// Same ring and scale.
pub(crate) fn same_type(input: &Tensor, output: &Tensor) -> Result<(), OpError> {
    equal("ring", input.ring.bits(), output.ring.bits())?;
    equal("fraction bits", input.frac_bits, output.frac_bits)
}

/// `[C, H, W]`.
pub(crate) fn image(what: &'static str, tensor: &Tensor) -> Result<[usize; 3], OpError> {
    <[usize; 3]>::try_from(&tensor.shape[..]).map_err(|_| OpError::Shape {
        what,
        expected: "[channels, height, width]".to_owned(),
        got: tensor.shape.clone(),
    })
}
