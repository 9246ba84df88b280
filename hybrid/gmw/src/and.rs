//! Products of shared bits, many in one flight.
//!
//! - Functionality: from XOR shares of x and y, shares of x·y; and of x·y, x·y' for pairs with a common operand x.
//! - Secure against: semi-honest, either side; perfect, in the triple-hybrid model.
//! - From: Bea91. Differs: pairs with a common operand take one triple `a, b, b', a·b, a·b'` and open x once; words of 64 bits.
//! - Cost for n: one flight; 2n bits from each party for single products, 3n for a pair.

use privet_plan::compare::{Merge, Products};
use privet_ring::Party;
use zeroize::Zeroize;

use crate::error::{ApiMisuse, Error};
use crate::flights::Flights;
use crate::material::Material;
use crate::wire::{field_bytes, fields, put_words};

/// Operands of one flight: singles x·y, then pairs x·y, x·y', each kind concatenated; then the products in their place.
#[derive(Default)]
pub(crate) struct Operands {
    pub(crate) x: Vec<u64>,
    pub(crate) y: Vec<u64>,
    pub(crate) common: Vec<u64>,
    pub(crate) first: Vec<u64>,
    pub(crate) second: Vec<u64>,
}

/// One flight of products.
pub(crate) struct And<P: Party> {
    operands: Operands,
    /// a, b, c of the singles, then a, b, b', c, c' of the pairs.
    single: [Vec<u64>; 3],
    pair: [Vec<u64>; 5],
    /// What this party opens: masked operands in the order in which they travel.
    opened: Vec<u64>,
    done: bool,
    party: std::marker::PhantomData<P>,
}

const OPENED: &str = "gmw/and";

impl Operands {
    /// Empty, with room for so many words of singles and pairs: growing would leave copies behind.
    pub(crate) fn with_room(singles: usize, pairs: usize) -> Self {
        Self {
            x: Vec::with_capacity(singles),
            y: Vec::with_capacity(singles),
            common: Vec::with_capacity(pairs),
            first: Vec::with_capacity(pairs),
            second: Vec::with_capacity(pairs),
        }
    }

    /// Adds the products of a merge of two nodes.
    pub(crate) fn push_merge(
        &mut self,
        merge: &Merge,
        products: Products,
        common: &[u64],
        greater: &[u64],
        equal: &[u64],
    ) {
        match (merge.equal, products) {
            (true, Products::Common) => {
                self.common.extend_from_slice(common);
                self.first.extend_from_slice(greater);
                self.second.extend_from_slice(equal);
            }
            (also_equal, _) => {
                self.push(common, greater);
                if also_equal {
                    self.push(common, equal);
                }
            }
        }
    }

    pub(crate) fn push(&mut self, x: &[u64], y: &[u64]) {
        self.x.extend_from_slice(x);
        self.y.extend_from_slice(y);
    }
}

impl<P: Party> And<P> {
    /// Takes the triples that the operands need.
    pub(crate) fn new(operands: Operands, material: &mut Material<P>) -> Result<Self, ApiMisuse> {
        ApiMisuse::length("operands of products", operands.x.len(), operands.y.len())?;
        let pairs = operands.common.len();
        ApiMisuse::length("operands of products", pairs, operands.first.len())?;
        ApiMisuse::length("operands of products", pairs, operands.second.len())?;
        let single = material.take_triples(operands.x.len())?;
        let pair = material.take_common(pairs)?;
        let ([b], [c]) = (single.b, single.c);
        let ([b0, b1], [c0, c1]) = (pair.b, pair.c);
        Ok(Self {
            operands,
            single: [single.a, b, c],
            pair: [pair.a, b0, b1, c0, c1],
            opened: Vec::new(),
            done: false,
            party: std::marker::PhantomData,
        })
    }

    /// The products: x·y of the singles, and both of the pairs.
    pub(crate) fn finish(mut self) -> [Vec<u64>; 3] {
        let [_, _, single] = &mut self.single;
        let [_, _, _, first, second] = &mut self.pair;
        [single, first, second].map(std::mem::take)
    }

    fn operands(&self) -> [(&[u64], &[u64]); 5] {
        let ([a, b, _], [pa, pb, pc, _, _]) = (&self.single, &self.pair);
        let o = &self.operands;
        [
            (&o.x, a),
            (&o.y, b),
            (&o.common, pa),
            (&o.first, pb),
            (&o.second, pc),
        ]
    }
}

impl<P: Party> Flights for And<P> {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        let words = 2 * self.operands.x.len() + 3 * self.operands.common.len();
        let mut opened = Vec::with_capacity(words);
        for (operand, mask) in self.operands() {
            opened.extend(operand.iter().zip(mask).map(|(x, a)| x ^ a));
        }
        put_words(&opened, out);
        self.opened = opened;
        Ok(field_bytes(words, 64))
    }

    fn receive(&mut self, msg: &[u8]) -> Result<(), Error> {
        let theirs = fields(OPENED, 64, self.opened.len(), msg)?;
        for (mine, theirs) in self.opened.iter_mut().zip(&theirs) {
            *mine ^= theirs;
        }
        let (singles, pairs) = (self.operands.x.len(), self.operands.common.len());
        let (d, rest) = self.opened.split_at(singles);
        let (e, rest) = rest.split_at(singles);
        let [a, b, c] = &mut self.single;
        product::<P>(d, e, a, b, c);
        let (d, rest) = rest.split_at(pairs);
        let (e0, e1) = rest.split_at(pairs);
        let [a, b0, b1, c0, c1] = &mut self.pair;
        product::<P>(d, e0, a, b0, c0);
        product::<P>(d, e1, a, b1, c1);
        self.done = true;
        Ok(())
    }

    fn done(&self) -> bool {
        self.done
    }
}

/// `c ⊕ d·b ⊕ e·a`, and d·e once, for opened `d = x ⊕ a`, `e = y ⊕ b`.
fn product<P: Party>(d: &[u64], e: &[u64], a: &[u64], b: &[u64], c: &mut [u64]) {
    for ((((c, d), e), a), b) in c.iter_mut().zip(d).zip(e).zip(a).zip(b) {
        let both = if P::ADDS_PUBLIC { d & e } else { 0 };
        *c ^= d & b ^ e & a ^ both;
    }
}

impl Drop for Operands {
    fn drop(&mut self) {
        let Self {
            x,
            y,
            common,
            first,
            second,
        } = self;
        for part in [x, y, common, first, second] {
            part.zeroize();
        }
    }
}

impl<P: Party> Drop for And<P> {
    fn drop(&mut self) {
        self.single.zeroize();
        self.pair.zeroize();
    }
}
