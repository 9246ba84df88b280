//! Tabulated functions: the integer meaning of a netlist of the catalogue, element by element.

use std::sync::Arc;

use privet_netlists::{BlockSpec, activation};

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
    match block(op.function, bits, frac).netlist() {
        Ok(netlist) if netlist.sha256() == op.netlist_sha256 => rule::work(&output.shape),
        Ok(_) => fail("differs from the one the model was quantised with"),
        Err(_) => fail("cannot be made"),
    }
}

impl Table {
    /// The block of the catalogue that the table names, if it is one of this function; its ports
    /// have the width and its meaning the fraction bits of the tensors.
    #[must_use]
    pub fn block(&self) -> Option<BlockSpec> {
        let (bits, frac) = widths(self)?;
        Some(block(self.function, bits, frac))
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

const fn block(function: Function, bits: u32, frac: u32) -> BlockSpec {
    match function {
        Function::Sigmoid => BlockSpec::Sigmoid { bits, frac },
        Function::Tanh => BlockSpec::Tanh { bits, frac },
    }
}

/// Width and fraction bits that a netlist's name states: its last two numbers.
fn widths(op: &Table) -> Option<(u32, u32)> {
    let numbers = op.netlist.split(|c: char| !c.is_ascii_digit());
    let mut numbers = numbers.filter(|n| !n.is_empty()).rev();
    let (frac, bits) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
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
