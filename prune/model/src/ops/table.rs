//! Tabulated functions: the integer meaning of a netlist of the catalogue, element by element.

use std::sync::Arc;

use privet_netlists::activation;
use privet_netlists::catalogue::BlockSpec;

use super::rule::{self, OpError};
use crate::quant::ir::{Function, Table, Tensor};

/// The netlist must be known, be the one meant, and take words of the tensors' ring and scale.
pub(crate) fn check(op: &Table, inputs: &[&Tensor], output: &Tensor) -> Result<u64, OpError> {
    let input = rule::one(inputs)?;
    let fail = |what| {
        Err(OpError::Table {
            netlist: op.netlist.clone(),
            what,
        })
    };
    let Some((bits, frac)) = widths(op) else {
        return fail("is not in the catalogue, or not this function");
    };
    rule::shape("result", &input.shape, &output.shape)?;
    rule::equal("ring", bits, input.ring.bits())?;
    rule::equal("fraction bits", frac, input.frac_bits)?;
    rule::same_type(input, output)?;
    match named(op.function, bits, frac) {
        Some(table) if table.netlist_sha256 == op.netlist_sha256 => rule::work(&output.shape),
        Some(_) => fail("differs from the one the model was quantised with"),
        None => fail("cannot be made"),
    }
}

/// By the netlist's meaning; an input outside of its domain is taken modulo the domain's size.
pub(crate) fn table(op: &Table, x: &[i64]) -> Vec<i64> {
    match resolve(op) {
        Some(table) => x.iter().map(|&x| table.apply(x)).collect(),
        None => Vec::new(),
    }
}

/// Inputs for which the table means its function; `None` for an unknown table.
pub(crate) fn domain(op: &Table) -> Option<[i64; 2]> {
    let (lo, hi) = resolve(op)?.domain();
    Some([lo, hi])
}

/// Least and greatest result; `None` for an unknown table.
pub(crate) fn bounds(op: &Table) -> Option<[i64; 2]> {
    let table = resolve(op)?;
    let (lo, hi) = table.domain();
    let results = || (lo..=hi).map(|x| table.apply(x));
    Some([results().min()?, results().max()?])
}

/// The table of a function on values of `bits` bits with `frac` fraction bits, if there is one.
pub(crate) fn named(function: Function, bits: u32, frac: u32) -> Option<Table> {
    let block = block(function, bits, frac);
    Some(Table {
        function,
        netlist: block.name(),
        netlist_sha256: block.netlist().ok()?.sha256(),
    })
}

fn block(function: Function, bits: u32, frac: u32) -> BlockSpec {
    match function {
        Function::Sigmoid => BlockSpec::Sigmoid { bits, frac },
        Function::Tanh => BlockSpec::Tanh { bits, frac },
    }
}

/// Width and fraction bits that a netlist's name states.
fn widths(op: &Table) -> Option<(u32, u32)> {
    let (head, frac) = op.netlist.rsplit_once("_f")?;
    let bits = head.trim_start_matches(|c: char| !c.is_ascii_digit());
    let (bits, frac) = (bits.parse().ok()?, frac.parse().ok()?);
    (block(op.function, bits, frac).name() == op.netlist).then_some((bits, frac))
}

fn resolve(op: &Table) -> Option<Arc<activation::Table>> {
    let (bits, frac) = widths(op)?;
    activation::Table::new(of(op.function), bits, frac).ok()
}

const fn of(function: Function) -> activation::Function {
    match function {
        Function::Sigmoid => activation::Function::Sigmoid,
        Function::Tanh => activation::Function::Tanh,
    }
}
