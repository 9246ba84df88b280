//! Depth variants: few AND levels instead of the fewest ANDs, for protocols that pay a round trip
//! per level.

use crate::builder::{Bit, Builder};
use crate::error::Error;
use crate::generate::arithmetic::binary;
use crate::generate::select::{best_index, words};
use crate::netlist::Netlist;
use crate::word::flip_sign;

/// `y = a + b mod 2^bits` by a Sklansky prefix tree: `1 + ceil(log2(bits − 1))` AND levels.
///
/// # Errors
///
/// [`Error::Parameter`](crate::Error::Parameter) for a width outside 1..=64.
pub fn add_shallow(bits: u32) -> Result<Netlist, Error> {
    binary("add_shallow", bits, |builder, a, b| {
        builder.add_shallow(a, b, Bit::FALSE)
    })
}

/// `y = a − b mod 2^bits`, as deep as [`add_shallow`].
///
/// # Errors
///
/// [`Error::Parameter`](crate::Error::Parameter) for a width outside 1..=64.
pub fn sub_shallow(bits: u32) -> Result<Netlist, Error> {
    binary("sub_shallow", bits, Builder::sub_shallow)
}

/// `y = 1` where `a < b`, signed: `1 + ceil(log2(bits))` AND levels.
///
/// # Errors
///
/// [`Error::Parameter`](crate::Error::Parameter) for a width outside 1..=64.
pub fn cmp_shallow(bits: u32) -> Result<Netlist, Error> {
    binary("cmp_shallow", bits, |builder, a, b| {
        vec![builder.less_shallow(a, b)]
    })
}

/// `y` = the greatest of `count` signed words, by a tree of shallow comparisons.
///
/// # Errors
///
/// As [`max`](crate::generate::max).
pub fn max_shallow(bits: u32, count: u32) -> Result<Netlist, Error> {
    let (mut builder, mut round) = words("max_shallow", bits, count)?;
    while round.len() > 1 {
        let mut next = Vec::with_capacity(round.len().div_ceil(2));
        for pair in round.chunks(2) {
            next.push(match pair {
                [a, b] => {
                    let less = builder.less_shallow(a, b);
                    builder.mux_word(less, b, a)
                }
                [one, ..] => one.clone(),
                [] => continue,
            });
        }
        round = next;
    }
    builder.output("y", &round.pop().unwrap_or_default());
    builder.finish()
}

/// `y` = the index of the greatest of `count` signed words, the lowest among equals, by shallow
/// comparisons.
///
/// # Errors
///
/// As [`max`](crate::generate::max).
pub fn argmax_shallow(bits: u32, count: u32) -> Result<Netlist, Error> {
    let (mut builder, words) = words("argmax_shallow", bits, count)?;
    let (index, _) = best_index(&mut builder, words, Builder::less_shallow, false);
    builder.output("y", &index);
    builder.finish()
}

impl Builder {
    /// `a + b + carry` modulo 2 to the width, by a Sklansky prefix tree.
    pub fn add_shallow(&mut self, a: &[Bit], b: &[Bit], carry: Bit) -> Vec<Bit> {
        let width = a.len().min(b.len());
        let propagate: Vec<Bit> = a.iter().zip(b).map(|(&a, &b)| self.xor(a, b)).collect();
        // Below the top bit, and the carry as a position of its own that always generates it.
        let mut span: Vec<(Bit, Bit)> = vec![(carry, Bit::FALSE)];
        for (i, (&a, &b)) in a.iter().zip(b).enumerate().take(width.saturating_sub(1)) {
            // The lowest position meets the carry at once: one full adder.
            let first = i == 0 && carry != Bit::FALSE;
            let generate = if first {
                self.full_adder(a, b, carry).1
            } else {
                self.and(a, b)
            };
            let through = propagate.get(i).copied().unwrap_or(Bit::FALSE);
            span.push((generate, if first { Bit::FALSE } else { through }));
        }
        let carries = self.prefix(span);
        propagate
            .iter()
            .zip(carries)
            .map(|(&p, c)| self.xor(p, c))
            .collect()
    }

    /// `a − b` modulo 2 to the width, by a Sklansky prefix tree.
    pub fn sub_shallow(&mut self, a: &[Bit], b: &[Bit]) -> Vec<Bit> {
        let inverted: Vec<Bit> = b.iter().map(|&bit| !bit).collect();
        self.add_shallow(a, &inverted, Bit::TRUE)
    }

    /// `a < b`, signed, by a tree of (less, equal) pairs.
    pub fn less_shallow(&mut self, a: &[Bit], b: &[Bit]) -> Bit {
        let (a, b) = (flip_sign(a), flip_sign(b));
        let mut level = Vec::with_capacity(a.len());
        for (&a, &b) in a.iter().zip(&b) {
            let less = self.and(!a, b);
            let differ = self.xor(a, b);
            level.push((less, !differ));
        }
        while level.len() > 1 {
            let mut next = Vec::with_capacity(level.len().div_ceil(2));
            for pair in level.chunks(2) {
                next.push(match *pair {
                    [low, high] => self.join(low, high),
                    [one, ..] => one,
                    [] => continue,
                });
            }
            level = next;
        }
        level.first().map_or(Bit::FALSE, |&(less, _)| less)
    }

    /// (generate, propagate) of two neighbouring spans; an unused propagate is never emitted.
    fn join(&mut self, low: (Bit, Bit), high: (Bit, Bit)) -> (Bit, Bit) {
        let passed = self.and(high.1, low.0);
        (self.xor(high.0, passed), self.and(high.1, low.1))
    }

    /// The generate of every prefix: [Skl60].
    ///
    /// [Skl60]: J. Sklansky, Conditional-sum addition logic, IRE Trans. EC-9, 1960.
    fn prefix(&mut self, mut span: Vec<(Bit, Bit)>) -> Vec<Bit> {
        let mut step = 1;
        while step < span.len() {
            for block in span.chunks_mut(2 * step) {
                let Some((low, high)) = block.split_at_mut_checked(step) else {
                    continue;
                };
                if let Some(&last) = low.last() {
                    for position in high {
                        *position = self.join(last, *position);
                    }
                }
            }
            step *= 2;
        }
        span.into_iter().map(|(generate, _)| generate).collect()
    }
}
