//! Word-level operations of a [`Builder`]. Words are slices of bits, least significant first.

use crate::builder::{Bit, Builder};

impl Builder {
    /// Full adder: sum and carry of three bits, one AND, no INV whatever the operands' polarity.
    ///
    /// The majority is self-dual, and a single negated operand is absorbed by the choice of the
    /// operand the difference is added to.
    pub fn full_adder(&mut self, a: Bit, b: Bit, c: Bit) -> (Bit, Bit) {
        let negated = [a, b, c].iter().filter(|bit| bit.is_negated()).count();
        if negated >= 2 {
            let (sum, carry) = self.full_adder(!a, !b, !c);
            return (!sum, !carry);
        }
        // At most one operand is negated; it becomes `a`.
        let (a, b, c) = if b.is_negated() {
            (b, a, c)
        } else if c.is_negated() {
            (c, a, b)
        } else {
            (a, b, c)
        };
        let negated = a.is_negated();
        let ac = self.xor(a.flip(negated), c);
        let bc = self.xor(b, c);
        let both = self.and(ac, bc);
        let carry = self.xor(if negated { b } else { c }, both);
        let sum = self.xor(ac, b).flip(negated);
        (sum, carry)
    }

    /// The low `bits` of a constant, sign-extended from 64 bits.
    #[must_use]
    pub fn constant(value: i64, bits: u32) -> Vec<Bit> {
        (0..bits)
            .map(|i| Bit::constant(value >> i.min(63) & 1 == 1))
            .collect()
    }

    /// The word read as two's complement, extended or cut to `bits`.
    #[must_use]
    pub fn resize(word: &[Bit], bits: u32) -> Vec<Bit> {
        let sign = word.last().copied().unwrap_or(Bit::FALSE);
        word.iter()
            .copied()
            .chain(std::iter::repeat(sign))
            .take(bits as usize)
            .collect()
    }

    /// The word with every bit flipped where `mask` is 1.
    pub fn xor_bit(&mut self, word: &[Bit], mask: Bit) -> Vec<Bit> {
        word.iter().map(|&bit| self.xor(bit, mask)).collect()
    }

    /// The word where `mask` is 1, else 0: one AND a bit.
    pub fn and_bit(&mut self, word: &[Bit], mask: Bit) -> Vec<Bit> {
        word.iter().map(|&bit| self.and(bit, mask)).collect()
    }

    /// `if s { one } else { zero }`, as wide as the shorter word: one AND a bit.
    pub fn mux_word(&mut self, s: Bit, one: &[Bit], zero: &[Bit]) -> Vec<Bit> {
        one.iter()
            .zip(zero)
            .map(|(&one, &zero)| self.mux(s, one, zero))
            .collect()
    }

    /// `a + b + carry` modulo 2 to the width of the shorter word: one AND a bit but the top one.
    pub fn add(&mut self, a: &[Bit], b: &[Bit], carry: Bit) -> Vec<Bit> {
        let top = a.len().min(b.len()).saturating_sub(1);
        let mut carry = carry;
        let mut sum = Vec::with_capacity(top + 1);
        for (i, (&a, &b)) in a.iter().zip(b).enumerate() {
            if i == top {
                let ab = self.xor(a, b);
                sum.push(self.xor(ab, carry));
            } else {
                let (s, c) = self.full_adder(a, b, carry);
                sum.push(s);
                carry = c;
            }
        }
        sum
    }

    /// `a - b` modulo 2 to the width of the shorter word: one AND a bit but the top one.
    pub fn sub(&mut self, a: &[Bit], b: &[Bit]) -> Vec<Bit> {
        let inverted: Vec<Bit> = b.iter().map(|&bit| !bit).collect();
        self.add(a, &inverted, Bit::TRUE)
    }

    /// `-a`: one AND a bit but the two top ones.
    pub fn neg(&mut self, a: &[Bit]) -> Vec<Bit> {
        let mut any = Bit::FALSE;
        let mut out = Vec::with_capacity(a.len());
        for (i, &bit) in a.iter().enumerate() {
            out.push(self.xor(bit, any));
            if i + 1 < a.len() {
                any = self.or(any, bit);
            }
        }
        out
    }

    /// `|a|` modulo 2 to the width (the least number is its own): one AND a bit but the top one.
    pub fn abs(&mut self, a: &[Bit]) -> Vec<Bit> {
        let sign = a.last().copied().unwrap_or(Bit::FALSE);
        let flipped = self.xor_bit(a, sign);
        let zero = vec![Bit::FALSE; a.len()];
        self.add(&flipped, &zero, sign)
    }

    /// `a < b`, unsigned, the words of equal width: one AND a bit.
    pub fn less_unsigned(&mut self, a: &[Bit], b: &[Bit]) -> Bit {
        let mut borrow = Bit::FALSE;
        for (&a, &b) in a.iter().zip(b) {
            borrow = self.full_adder(!a, b, borrow).1;
        }
        borrow
    }

    /// `a < b`, two's complement, the words of equal width: one AND a bit.
    pub fn less_signed(&mut self, a: &[Bit], b: &[Bit]) -> Bit {
        self.less_unsigned(&flip_sign(a), &flip_sign(b))
    }

    /// `a == b`: one AND a bit but one, in a tree.
    pub fn equal(&mut self, a: &[Bit], b: &[Bit]) -> Bit {
        let mut level: Vec<Bit> = a.iter().zip(b).map(|(&a, &b)| !self.xor(a, b)).collect();
        while level.len() > 1 {
            let and = |pair: &[Bit]| match *pair {
                [a, b] => self.and(a, b),
                [one, ..] => one,
                [] => Bit::TRUE,
            };
            level = level.chunks(2).map(and).collect();
        }
        level.first().copied().unwrap_or(Bit::TRUE)
    }
}

/// The word with its top bit flipped: two's complement order becomes unsigned order.
pub(crate) fn flip_sign(word: &[Bit]) -> Vec<Bit> {
    let mut out = word.to_vec();
    if let Some(top) = out.last_mut() {
        *top = !*top;
    }
    out
}
