//! Chunks of a dot product at double scale, and of the sum of the activations.

use serde::{Deserialize, Serialize};

use crate::builder::{Bit, Builder};
use crate::columns::Columns;
use crate::error::Error;
use crate::generate::{MAX_BITS, width, within};
use crate::netlist::Netlist;
use crate::word::flip_sign;

/// Widths of a dot product chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dot {
    /// Number of products m.
    pub terms: u32,
    /// Width of the signed activations.
    pub a_bits: u32,
    /// Number of digits of the weights: their width.
    pub w_bits: u32,
    /// Width L of the ring of the result; the accumulator has one bit more.
    pub ring_bits: u32,
    /// Columns of each product that are omitted, counted at double scale: below the activations' width; 0 for exact products.
    pub drop: u32,
}

/// Most columns that may be omitted.
pub const MAX_DROP: u64 = 24;

/// Widths of a chunk of a sum of signed words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sum {
    /// Number of words m.
    pub terms: u32,
    /// Width of the signed words.
    pub a_bits: u32,
    /// Width of the accumulator.
    pub acc_bits: u32,
}

/// One chunk: inputs `a0…`, `w0…` (digit bits, [`dot::digits`](crate::dot::digits)) and `acc`,
/// output `acc`, both of `ring_bits + 1` bits:
/// `acc' = acc + Σ_j Σ_i 2^i·(u_ji less its lowest drop − i bits)`, where `u_ji` is `a_j` with every bit flipped where digit `i` of
/// `w_j` is 1 and then its top bit flipped, read as an unsigned number. How the chunks become a dot
/// product stands in [`dot`](crate::dot).
///
/// Terms are summed one after the other, so that few wires are alive at a time. One AND for each
/// bit of a row below the top column, less what the top column saves.
///
/// # Errors
///
/// [`Error::Parameter`] unless `terms` is in 1..=4096, the widths in 1..=64, `ring_bits` at most 63, and `drop` below `a_bits`
/// and at most [`MAX_DROP`].
pub fn dot(spec: Dot) -> Result<Netlist, Error> {
    chunk(spec, true)
}

/// As [`dot`] with an accumulator of 0: a dot product of one chunk, without the input `acc`.
///
/// # Errors
///
/// As [`dot`].
pub fn dot_standalone(spec: Dot) -> Result<Netlist, Error> {
    chunk(spec, false)
}

/// A chunk of a matrix-vector product: the [`dot`] chunk for each of `rows` rows of weights and the
/// same activations. Inputs `a0…`, then for each row `i` the digits `w{i}_0…` and `acc{i}`; outputs
/// `acc0…`.
///
/// # Errors
///
/// As [`dot`], or `rows` outside 1..=4096.
pub fn mat_vec(rows: u32, spec: Dot) -> Result<Netlist, Error> {
    check(spec)?;
    within("mat_vec", "number of rows", rows.into(), 1..=4096)?;
    let mut builder = Builder::new();
    let a = words(&mut builder, "a", spec.terms, spec.a_bits);
    let mut weights = Vec::new();
    for row in 0..rows {
        let w = words(&mut builder, &format!("w{row}_"), spec.terms, spec.w_bits);
        let acc = builder.input(&format!("acc{row}"), spec.ring_bits + 1);
        weights.push((w, acc));
    }
    for (row, (w, acc)) in weights.iter().enumerate() {
        let sum = accumulate(&mut builder, &a, w, acc, spec);
        builder.output(&format!("acc{row}"), &sum);
    }
    builder.finish()
}

fn check(spec: Dot) -> Result<(), Error> {
    within("dot", "number of terms", spec.terms.into(), 1..=4096)?;
    width("dot", spec.a_bits)?;
    width("dot", spec.w_bits)?;
    let most = u64::from(spec.a_bits - 1).min(MAX_DROP);
    within(
        "dot",
        "number of columns omitted",
        spec.drop.into(),
        0..=most,
    )?;
    within(
        "dot",
        "ring width",
        spec.ring_bits.into(),
        1..=u64::from(MAX_BITS - 1),
    )
}

fn words(builder: &mut Builder, name: &str, count: u32, bits: u32) -> Vec<Vec<Bit>> {
    (0..count)
        .map(|j| builder.input(&format!("{name}{j}"), bits))
        .collect()
}

fn chunk(spec: Dot, with_acc: bool) -> Result<Netlist, Error> {
    check(spec)?;
    let mut builder = Builder::new();
    let a = words(&mut builder, "a", spec.terms, spec.a_bits);
    let w = words(&mut builder, "w", spec.terms, spec.w_bits);
    let acc = if with_acc {
        builder.input("acc", spec.ring_bits + 1)
    } else {
        Vec::new()
    };
    let sum = accumulate(&mut builder, &a, &w, &acc, spec);
    builder.output("acc", &sum);
    builder.finish()
}

/// The rows of every term, term by term, on top of `acc`.
fn accumulate(
    builder: &mut Builder,
    a: &[Vec<Bit>],
    w: &[Vec<Bit>],
    acc: &[Bit],
    spec: Dot,
) -> Vec<Bit> {
    let mut columns = Columns::new(spec.ring_bits + 1);
    columns.push_word(0, acc);
    for (j, (a, w)) in a.iter().zip(w).enumerate() {
        if j > 0 {
            columns.settle(builder);
        }
        for (i, &digit) in w.iter().enumerate() {
            let row = row(builder, a, digit);
            let omitted = (spec.drop as usize).saturating_sub(i);
            columns.push_word(i + omitted, row.get(omitted..).unwrap_or_default());
        }
    }
    columns.finish(builder)
}

/// The activation with its bits flipped by the digit, the sign bit once more.
fn row(builder: &mut Builder, a: &[Bit], digit: Bit) -> Vec<Bit> {
    let row = builder.xor_bit(a, digit);
    flip_sign(&row)
}

/// One chunk of a sum: inputs `a0…` (signed) and `acc`, output `acc = acc + Σ a_j mod 2^acc_bits`.
///
/// # Errors
///
/// [`Error::Parameter`] unless `terms` is in 1..=4096 and the widths in 1..=64.
pub fn sum(spec: Sum) -> Result<Netlist, Error> {
    within("sum", "number of terms", spec.terms.into(), 1..=4096)?;
    width("sum", spec.a_bits)?;
    width("sum", spec.acc_bits)?;
    let mut builder = Builder::new();
    let words: Vec<Vec<Bit>> = (0..spec.terms)
        .map(|j| builder.input(&format!("a{j}"), spec.a_bits))
        .collect();
    let acc = builder.input("acc", spec.acc_bits);
    let mut columns = Columns::new(spec.acc_bits);
    columns.push_word(0, &acc);
    for word in &words {
        columns.push_signed(0, word);
        columns.settle(&mut builder);
    }
    let sum = columns.finish(&mut builder);
    builder.output("acc", &sum);
    builder.finish()
}
