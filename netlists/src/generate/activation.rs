//! Sigmoid and tanh by tables of 64 pieces.

use crate::activation::{Function, Precision, Table};
use crate::builder::{Bit, Builder};
use crate::columns::Columns;
use crate::error::Error;
use crate::netlist::Netlist;

/// `y = sigmoid(x)`, both of `bits` bits with `frac` behind the point, exactly
/// [`Table::apply`]; the input is expected in [`Table::domain`].
///
/// # Errors
///
/// As [`Table::new`].
pub fn sigmoid(bits: u32, frac: u32) -> Result<Netlist, Error> {
    tabulated(Function::Sigmoid, bits, frac, Precision::Few)
}

/// `y = tanh(x)`, both of `bits` bits with `frac` behind the point, exactly [`Table::apply`]; the
/// input is expected in [`Table::domain`].
///
/// # Errors
///
/// As [`Table::new`].
pub fn tanh(bits: u32, frac: u32) -> Result<Netlist, Error> {
    tabulated(Function::Tanh, bits, frac, Precision::Few)
}

/// `y` = the function of either table ([`Table::with_precision`]).
///
/// # Errors
///
/// As [`Table::new`].
pub fn tabulated(
    function: Function,
    bits: u32,
    frac: u32,
    precision: Precision,
) -> Result<Netlist, Error> {
    let table = Table::with_precision(function, bits, frac, precision)?;
    let mut builder = Builder::new();
    let x = builder.input("x", bits);
    let y = builder.tabulated(&x, &table);
    builder.output("y", &y);
    builder.finish()
}

impl Builder {
    /// The table's function of a word: an AND for each product of index bits, and the additions of
    /// the slope's rows, which are XORs of position bits and digits.
    pub fn tabulated(&mut self, x: &[Bit], table: &Table) -> Vec<Bit> {
        let layout = table.layout;
        let magnitude = table.magnitude as usize;
        let sign = x.get(magnitude).copied().unwrap_or(Bit::FALSE);
        let y = self.xor_bit(x.get(..magnitude).unwrap_or_default(), sign);
        let (position, index) = y.split_at(y.len() - table.index as usize);
        let position = position.get(layout.drop as usize..).unwrap_or_default();
        let products = self.products(index);

        // The result's top bit: constant for sigmoid, whose magnitude is at least one half.
        let value_bits = match table.function {
            Function::Sigmoid => table.frac - 1,
            Function::Tanh => table.frac,
        };
        let mut columns = Columns::new(value_bits + layout.places());
        let half = layout.half();
        for column in 0..value_bits + layout.places() {
            let bit = |offset: i64| (offset - half) >> column & 1 == 1;
            let entries = table.pieces.iter().map(|piece| bit(piece.offset));
            let bit = self.select(&products, &entries.collect::<Vec<_>>());
            columns.push(column as usize, bit);
        }
        columns.push(layout.places() as usize - 1, !sign);
        for r in 0..layout.digits {
            let entries = table.pieces.iter().map(|piece| piece.digits >> r & 1 == 1);
            let digit = self.select(&products, &entries.collect::<Vec<_>>());
            let row = self.xor_bit(position, digit);
            let cut = layout.cut.saturating_sub(r) as usize;
            columns.push_word(
                r.saturating_sub(layout.cut) as usize,
                row.get(cut..).unwrap_or_default(),
            );
        }
        let sum = columns.finish(self);
        let value = sum.get(layout.places() as usize..).unwrap_or_default();
        let mut out = self.xor_bit(value, sign);
        if table.function == Function::Sigmoid {
            out.push(!sign);
        }
        let above = match table.function {
            Function::Sigmoid => Bit::FALSE,
            Function::Tanh => sign,
        };
        out.resize(x.len(), above);
        out
    }

    /// All products of subsets of the bits, entry `s` the product of the bits set in `s`:
    /// `2^k − k − 1` ANDs for k bits.
    pub fn products(&mut self, bits: &[Bit]) -> Vec<Bit> {
        let mut products = vec![Bit::TRUE];
        for &bit in bits {
            for subset in 0..products.len() {
                let product = products.get(subset).copied().unwrap_or(Bit::TRUE);
                products.push(self.and(product, bit));
            }
        }
        products
    }

    /// The entry of a public table that the index bits choose, from their
    /// [`products`](Self::products): an XOR of products, by the table's algebraic normal form.
    pub fn select(&mut self, products: &[Bit], table: &[bool]) -> Bit {
        let mut normal = table.to_vec();
        normal.resize(products.len(), false);
        let mut step = 1;
        while step < normal.len() {
            for block in normal.chunks_mut(2 * step) {
                let (low, high) = block.split_at_mut(step);
                for (high, low) in high.iter_mut().zip(low) {
                    *high ^= *low;
                }
            }
            step *= 2;
        }
        let mut out = Bit::FALSE;
        for (&product, used) in products.iter().zip(normal) {
            if used {
                out = self.xor(out, product);
            }
        }
        out
    }
}
