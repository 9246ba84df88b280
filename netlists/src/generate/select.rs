//! Choice: multiplexer, ReLU, clamp, maximum, argmax.

use crate::builder::{Bit, Builder};
use crate::error::Error;
use crate::generate::{width, within};
use crate::netlist::Netlist;

/// `y = a` where `s = 1`, else `b`: `bits` ANDs.
///
/// # Errors
///
/// [`Error::Parameter`] for a width outside 1..=64.
pub fn mux(bits: u32) -> Result<Netlist, Error> {
    width("mux", bits)?;
    let mut builder = Builder::new();
    let s = builder.input("s", 1);
    let a = builder.input("a", bits);
    let b = builder.input("b", bits);
    let s = s.first().copied().unwrap_or(Bit::FALSE);
    let y = builder.mux_word(s, &a, &b);
    builder.output("y", &y);
    builder.finish()
}

/// `y = max(a, 0)`, `a` signed: `bits − 1` ANDs. The top bit of `y` is the constant 0.
///
/// # Errors
///
/// [`Error::Parameter`] for a width outside 1..=64.
pub fn relu(bits: u32) -> Result<Netlist, Error> {
    width("relu", bits)?;
    let mut builder = Builder::new();
    let a = builder.input("a", bits);
    let y = builder.relu(&a);
    builder.output("y", &y);
    builder.finish()
}

/// `y = min(max(a, lo), hi)`, signed.
///
/// # Errors
///
/// [`Error::Parameter`] for a width outside 1..=64 or unless `lo <= hi` are numbers of that width.
pub fn clamp(bits: u32, lo: i64, hi: i64) -> Result<Netlist, Error> {
    width("clamp", bits)?;
    let (least, greatest) = (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits));
    if !(least <= lo && lo <= hi && hi <= greatest) {
        let reason = format!("bounds {lo} and {hi} are not in order in {least}..={greatest}");
        return Err(Error::Parameter {
            block: "clamp",
            reason,
        });
    }
    let mut builder = Builder::new();
    let a = builder.input("a", bits);
    let y = builder.clamp(&a, lo, hi);
    builder.output("y", &y);
    builder.finish()
}

/// `y` = the greatest of `count` signed words `x0`, `x1`, …: `2·bits` ANDs for each but one.
///
/// # Errors
///
/// [`Error::Parameter`] for a width outside 1..=64 or a count outside 1..=4096.
pub fn max(bits: u32, count: u32) -> Result<Netlist, Error> {
    extreme("max", bits, count, Builder::max)
}

/// `y` = the least of `count` signed words: `2·bits` ANDs for each but one.
///
/// # Errors
///
/// As [`max`].
pub fn min(bits: u32, count: u32) -> Result<Netlist, Error> {
    extreme("min", bits, count, Builder::min)
}

/// `y` = the greatest of a window of `height × width` signed words, row by row.
///
/// # Errors
///
/// As [`max`].
pub fn max_pool(bits: u32, height: u32, width: u32) -> Result<Netlist, Error> {
    extreme("max_pool", bits, height.saturating_mul(width), Builder::max)
}

/// `y` = the index of the greatest of `count` signed words, the lowest index among equals.
///
/// A tree of comparisons: a node's new index bit is the comparison itself, the bits below are
/// chosen from the two sides, and at the root no value is chosen.
///
/// # Errors
///
/// As [`max`].
pub fn argmax(bits: u32, count: u32) -> Result<Netlist, Error> {
    let (mut builder, words) = words("argmax", bits, count)?;
    let (index, _) = best_index(&mut builder, words, Builder::less_signed, false);
    builder.output("y", &index);
    builder.finish()
}

/// As [`argmax`], with the greatest value as a second output `v`.
///
/// # Errors
///
/// As [`max`].
pub fn argmax_value(bits: u32, count: u32) -> Result<Netlist, Error> {
    let (mut builder, words) = words("argmax_value", bits, count)?;
    let (index, value) = best_index(&mut builder, words, Builder::less_signed, true);
    builder.output("y", &index);
    builder.output("v", &value);
    builder.finish()
}

/// Width of the index output of [`argmax`].
#[must_use]
pub fn index_bits(count: u32) -> u32 {
    u32::BITS - count.saturating_sub(1).leading_zeros()
}

/// Index and, if wanted, value of the greatest word.
pub(super) fn best_index(
    builder: &mut Builder,
    words: Vec<Vec<Bit>>,
    less: fn(&mut Builder, &[Bit], &[Bit]) -> Bit,
    value: bool,
) -> (Vec<Bit>, Vec<Bit>) {
    let count = u32::try_from(words.len()).unwrap_or(u32::MAX);
    let mut level: Vec<(Vec<Bit>, Vec<Bit>)> =
        words.into_iter().map(|word| (word, Vec::new())).collect();
    while level.len() > 1 {
        let wanted = value || level.len() > 2;
        let mut next = Vec::with_capacity(level.len().div_ceil(2));
        for pair in level.chunks(2) {
            next.push(match pair {
                // The left one wins ties.
                [left, right] => {
                    let take = less(builder, &left.0, &right.0);
                    let mut index = builder.mux_word(take, &right.1, &left.1);
                    index.push(take);
                    let wider = if wanted { &right.0[..] } else { &[] };
                    (builder.mux_word(take, wider, &left.0), index)
                }
                [one, ..] => (one.0.clone(), padded(&one.1, one.1.len() + 1)),
                [] => continue,
            });
        }
        level = next;
    }
    let (word, index) = level.pop().unwrap_or_default();
    (padded(&index, index_bits(count) as usize), word)
}

fn padded(bits: &[Bit], width: usize) -> Vec<Bit> {
    bits.iter()
        .copied()
        .chain(std::iter::repeat(Bit::FALSE))
        .take(width)
        .collect()
}

fn extreme(
    block: &'static str,
    bits: u32,
    count: u32,
    step: fn(&mut Builder, &[Bit], &[Bit]) -> Vec<Bit>,
) -> Result<Netlist, Error> {
    let (mut builder, words) = words(block, bits, count)?;
    let mut best: Option<Vec<Bit>> = None;
    for word in words {
        best = Some(match best {
            None => word,
            Some(best) => step(&mut builder, &best, &word),
        });
    }
    builder.output("y", &best.unwrap_or_default());
    builder.finish()
}

pub(super) fn words(
    block: &'static str,
    bits: u32,
    count: u32,
) -> Result<(Builder, Vec<Vec<Bit>>), Error> {
    width(block, bits)?;
    within(block, "count of words", u64::from(count), 1..=4096)?;
    let mut builder = Builder::new();
    let words = (0..count)
        .map(|i| builder.input(&format!("x{i}"), bits))
        .collect();
    Ok((builder, words))
}

impl Builder {
    /// `max(a, 0)`: one AND a bit but the top one, which is the constant 0.
    pub fn relu(&mut self, a: &[Bit]) -> Vec<Bit> {
        let Some((&sign, low)) = a.split_last() else {
            return Vec::new();
        };
        // Inverting the sign here leaves one INV gate for the whole word.
        let mut y = self.and_bit(low, !sign);
        y.push(Bit::FALSE);
        y
    }

    /// The greater of two signed words: two ANDs a bit.
    pub fn max(&mut self, a: &[Bit], b: &[Bit]) -> Vec<Bit> {
        let take = self.less_signed(a, b);
        self.mux_word(take, b, a)
    }

    /// The lesser of two signed words: two ANDs a bit.
    pub fn min(&mut self, a: &[Bit], b: &[Bit]) -> Vec<Bit> {
        let take = self.less_signed(b, a);
        self.mux_word(take, b, a)
    }

    /// `min(max(a, lo), hi)` for constants `lo <= hi` of the word's width.
    pub fn clamp(&mut self, a: &[Bit], lo: i64, hi: i64) -> Vec<Bit> {
        let bits = u32::try_from(a.len()).unwrap_or(u32::MAX);
        // Both bounds at once where they are the range of a shorter word: the bits above agree
        // with the sign, or every bit is its opposite.
        if let (Some(span), true) = (hi.checked_add(1), lo == -hi - 1)
            && span.count_ones() == 1
            && span.trailing_zeros() + 1 < bits
        {
            return self.saturate(a, span.trailing_zeros());
        }
        let (low, high) = (Self::constant(lo, bits), Self::constant(hi, bits));
        let below = self.less_signed(a, &low);
        let above = self.less_signed(&high, a);
        // Never both: their XOR is their OR.
        let outside = self.xor(below, above);
        let mut y = Vec::with_capacity(a.len());
        for ((&bit, low), high) in a.iter().zip(low).zip(high) {
            let bound = if low == high {
                low
            } else {
                above.flip(high == Bit::FALSE)
            };
            y.push(self.mux(outside, bound, bit));
        }
        y
    }

    /// Saturation to the range of `low + 1` signed bits: one AND a bit but one.
    fn saturate(&mut self, a: &[Bit], low: u32) -> Vec<Bit> {
        let Some((&sign, rest)) = a.split_last() else {
            return Vec::new();
        };
        let (kept, above) = rest.split_at(rest.len().min(low as usize));
        let mut fits = Bit::TRUE;
        for &bit in above {
            let differs = self.xor(bit, sign);
            fits = self.and(fits, !differs);
        }
        let full = vec![!sign; kept.len()];
        let mut y = self.mux_word(fits, kept, &full);
        y.resize(a.len(), sign);
        y
    }
}
