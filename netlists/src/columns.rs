//! Carry-save addition: bits are collected by weight and compressed with full adders.
//!
//! A full adder turns three bits of a column into one there and one in the next for one AND: one
//! bit less each. A half adder also costs one AND and removes nothing, so a column waits with two
//! bits until a third one comes, and half adders appear only in [`Columns::finish`], at most one a
//! column. Carries out of the top column are never made: the top column costs no AND.
#![expect(
    clippy::indexing_slicing,
    reason = "columns are indexed below their number"
)]

use std::collections::VecDeque;

use crate::builder::{Bit, Builder};

/// Bits waiting to be summed modulo 2 to the number of columns.
#[derive(Debug, Clone)]
pub struct Columns {
    columns: Vec<VecDeque<Bit>>,
    constant: u128,
}

impl Columns {
    /// An empty sum modulo `2^width`, `width` at most 128.
    #[must_use]
    pub fn new(width: u32) -> Self {
        Self {
            columns: vec![VecDeque::new(); width.min(128) as usize],
            constant: 0,
        }
    }

    /// Adds `bit · 2^column`; a column beyond the top is nothing modulo the width.
    pub fn push(&mut self, column: usize, bit: Bit) {
        match bit.as_constant() {
            Some(false) => {}
            Some(true) if column < 128 => {
                self.constant = self.constant.wrapping_add(1 << column);
            }
            Some(true) => {}
            None => {
                if let Some(pool) = self.columns.get_mut(column) {
                    pool.push_back(bit);
                }
            }
        }
    }

    /// Adds an unsigned word times `2^column`.
    pub fn push_word(&mut self, column: usize, word: &[Bit]) {
        for (i, &bit) in word.iter().enumerate() {
            self.push(column + i, bit);
        }
    }

    /// Adds a two's complement word times `2^column`: the sign bit inverted, and a constant.
    pub fn push_signed(&mut self, column: usize, word: &[Bit]) {
        if let Some((&sign, low)) = word.split_last() {
            self.push_word(column, low);
            let top = column + low.len();
            self.push(top, !sign);
            if top < 128 {
                self.constant = self.constant.wrapping_sub(1 << top);
            }
        }
    }

    /// Adds a constant; all constants are added as one number in [`Columns::finish`].
    pub fn push_constant(&mut self, value: i128) {
        self.constant = self.constant.wrapping_add(value.cast_unsigned());
    }

    /// Compresses until no column holds more than two bits, the top one more than one.
    pub fn settle(&mut self, builder: &mut Builder) {
        for column in 0..self.columns.len() {
            self.reduce(builder, column, 2);
        }
    }

    /// The sum, one bit a column.
    pub fn finish(mut self, builder: &mut Builder) -> Vec<Bit> {
        for column in 0..self.columns.len() {
            if self.constant >> column & 1 == 1 {
                self.columns[column].push_back(Bit::TRUE);
            }
            self.reduce(builder, column, 1);
        }
        let bit = |pool: &VecDeque<Bit>| pool.front().copied().unwrap_or(Bit::FALSE);
        self.columns.iter().map(bit).collect()
    }

    /// Reduces one column to at most `keep` bits, oldest first.
    fn reduce(&mut self, builder: &mut Builder, column: usize, keep: usize) {
        let top = column + 1 == self.columns.len();
        let keep = if top { 1 } else { keep };
        while self.columns[column].len() > keep {
            let pool = &mut self.columns[column];
            let (Some(a), Some(b)) = (pool.pop_front(), pool.pop_front()) else {
                return;
            };
            let third = if top { None } else { pool.pop_front() };
            let (sum, carry) = match (top, third) {
                (true, _) => (builder.xor(a, b), Bit::FALSE),
                (false, third) => builder.full_adder(a, b, third.unwrap_or(Bit::FALSE)),
            };
            self.columns[column].push_back(sum);
            self.push(column + 1, carry);
        }
    }
}
