//! Addition, subtraction, negation, comparison.

use crate::builder::{Bit, Builder};
use crate::error::Error;
use crate::generate::width;
use crate::netlist::Netlist;

/// `y = a + b mod 2^bits`: `bits − 1` ANDs.
///
/// # Errors
///
/// [`Error::Parameter`] for a width outside 1..=64.
pub fn add(bits: u32) -> Result<Netlist, Error> {
    binary("add", bits, |builder, a, b| builder.add(a, b, Bit::FALSE))
}

/// `y = a − b mod 2^bits`: `bits − 1` ANDs.
///
/// # Errors
///
/// [`Error::Parameter`] for a width outside 1..=64.
pub fn sub(bits: u32) -> Result<Netlist, Error> {
    binary("sub", bits, Builder::sub)
}

/// `y = −a mod 2^bits`: `bits − 2` ANDs.
///
/// # Errors
///
/// [`Error::Parameter`] for a width outside 1..=64.
pub fn neg(bits: u32) -> Result<Netlist, Error> {
    unary("neg", bits, Builder::neg)
}

/// `y = |a| mod 2^bits`, `a` signed: `bits − 1` ANDs.
///
/// # Errors
///
/// [`Error::Parameter`] for a width outside 1..=64.
pub fn abs(bits: u32) -> Result<Netlist, Error> {
    unary("abs", bits, Builder::abs)
}

/// `y = 1` where `a < b`, signed: `bits` ANDs.
///
/// # Errors
///
/// [`Error::Parameter`] for a width outside 1..=64.
pub fn cmp(bits: u32) -> Result<Netlist, Error> {
    binary("cmp", bits, |builder, a, b| vec![builder.less_signed(a, b)])
}

/// `y = 1` where `a < b`, unsigned: `bits` ANDs.
///
/// # Errors
///
/// [`Error::Parameter`] for a width outside 1..=64.
pub fn cmp_unsigned(bits: u32) -> Result<Netlist, Error> {
    binary("cmp_unsigned", bits, |builder, a, b| {
        vec![builder.less_unsigned(a, b)]
    })
}

/// `y = 1` where `a = b`: `bits − 1` ANDs.
///
/// # Errors
///
/// [`Error::Parameter`] for a width outside 1..=64.
pub fn eq(bits: u32) -> Result<Netlist, Error> {
    binary("eq", bits, |builder, a, b| vec![builder.equal(a, b)])
}

fn unary(
    block: &'static str,
    bits: u32,
    make: impl FnOnce(&mut Builder, &[Bit]) -> Vec<Bit>,
) -> Result<Netlist, Error> {
    width(block, bits)?;
    let mut builder = Builder::new();
    let a = builder.input("a", bits);
    let y = make(&mut builder, &a);
    builder.output("y", &y);
    builder.finish()
}

pub(super) fn binary(
    block: &'static str,
    bits: u32,
    make: impl FnOnce(&mut Builder, &[Bit], &[Bit]) -> Vec<Bit>,
) -> Result<Netlist, Error> {
    width(block, bits)?;
    let mut builder = Builder::new();
    let a = builder.input("a", bits);
    let b = builder.input("b", bits);
    let y = make(&mut builder, &a, &b);
    builder.output("y", &y);
    builder.finish()
}
