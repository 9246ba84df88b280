//! Tabulated functions: the integer meaning of a netlist of the catalogue.

use super::rule::OpError;
use crate::quant::ir::{Table, Tensor};

/// The netlist must be known.
pub(crate) fn check(op: &Table, _inputs: &[&Tensor], _output: &Tensor) -> Result<u64, OpError> {
    Err(OpError::Table {
        netlist: op.netlist.clone(),
        what: "is not in the catalogue",
    })
}

/// Element by element.
pub(crate) fn table(_op: &Table, _input: &Tensor, x: &[i64]) -> Vec<i64> {
    x.to_vec()
}
