//! The specification: transforms layer by layer, sums of products in 128 bits.
#![expect(
    clippy::indexing_slicing,
    reason = "positions below the length of the buffer by the loops' bounds"
)]

use super::{Constants, Kernel, Sum};
use crate::lines::{Line, WORDS, words, words_mut};
use crate::table::Table;

/// Components of a ciphertext.
const PARTS: usize = 2;

pub(super) fn kernel() -> Kernel {
    Kernel {
        name: "portable",
        aliases: &[],
        forward,
        inverse,
        form: |_, _| {},
        accumulate,
        accumulate_constants,
    }
}

/// Decimation in time, merged with the twist by ψ: Longa and Naehrig (eprint 2016/504), algorithm 1.
fn forward(table: &Table, lines: &mut [Line]) {
    let (q, a) = (table.modulus, words_mut(lines));
    let mut half = table.degree / 2;
    while half > 0 {
        let blocks = table.degree / (2 * half);
        for (block, part) in a.chunks_exact_mut(2 * half).enumerate() {
            let root = table.forward[blocks + block];
            let (low, high) = part.split_at_mut(half);
            for (x, y) in low.iter_mut().zip(high) {
                let product = root.times(q, *y);
                (*x, *y) = (q.add(*x, product), q.sub(*x, product));
            }
        }
        half /= 2;
    }
    swap_squares(a);
}

/// Its inverse: algorithm 2 of the same paper.
fn inverse(table: &Table, lines: &mut [Line]) {
    let (q, a) = (table.modulus, words_mut(lines));
    swap_squares(a);
    let mut half = 1;
    while half < table.degree {
        let blocks = table.degree / (2 * half);
        for (block, part) in a.chunks_exact_mut(2 * half).enumerate() {
            let root = table.inverse[blocks + block];
            let (low, high) = part.split_at_mut(half);
            for (x, y) in low.iter_mut().zip(high) {
                let less = q.sub(*x, *y);
                (*x, *y) = (q.add(*x, *y), root.times(q, less));
            }
        }
        half *= 2;
    }
    for x in a {
        *x = table.shrink.times(q, *x);
    }
}

/// Rows to columns in every 8×8 square.
fn swap_squares(a: &mut [u64]) {
    for square in a.chunks_exact_mut(WORDS * WORDS) {
        for row in 0..WORDS {
            for column in 0..row {
                square.swap(WORDS * row + column, WORDS * column + row);
            }
        }
    }
}

fn accumulate(table: &Table, sum: Sum<'_>, out: &mut [Line]) {
    let weights = sum.weights.chunks_exact(sum.terms * sum.rows);
    let inputs = sum.inputs.chunks_exact(sum.terms * PARTS);
    let out = out.chunks_exact_mut(sum.rows * PARTS);
    for ((weights, inputs), out) in weights.zip(inputs).zip(out) {
        for (place, line) in out.iter_mut().enumerate() {
            let (row, part) = (place / PARTS, place % PARTS);
            let weight = |term: usize, lane| weights[term * sum.rows + row].0[lane];
            add_products(table, inputs, (sum.terms, part), weight, line);
        }
    }
}

fn accumulate_constants(table: &Table, sum: Constants<'_>, out: &mut [Line]) {
    let inputs = sum.inputs.chunks_exact(sum.terms * PARTS);
    for (inputs, out) in inputs.zip(out.chunks_exact_mut(sum.rows * PARTS)) {
        for (place, line) in out.iter_mut().enumerate() {
            let (row, part) = (place / PARTS, place % PARTS);
            let weight = |term: usize, _| sum.weights[term * sum.rows + row];
            add_products(table, inputs, (sum.terms, part), weight, line);
        }
    }
}

/// Adds the products of one component of one line.
fn add_products(
    table: &Table,
    inputs: &[Line],
    (terms, part): (usize, usize),
    weight: impl Fn(usize, usize) -> u64,
    line: &mut Line,
) {
    for (lane, word) in line.0.iter_mut().enumerate() {
        let start = u128::from(*word);
        let sum = (0..terms).fold(start, |sum, term| {
            let input = words(inputs)[WORDS * (PARTS * term + part) + lane];
            sum + u128::from(weight(term, lane)) * u128::from(input)
        });
        *word = table.modulus.reduce_wide(sum);
    }
}
