//! A table of every function of four variables with fewest ANDs.
//!
//! XOR and inversion are free, so functions that differ by an affine function cost the same: 2^11
//! classes remain. The table is filled from the cheap end: products of two affine functions cost
//! one AND; a class costs k if it is a product of two sums of affine functions and of the k − 1
//! products made before it. Three ANDs reach every class (Boyar and Peralta, "The multiplicative
//! complexity of Boolean functions on four and five variables", 2014: the greatest is 3).
#![expect(
    clippy::indexing_slicing,
    reason = "classes are below their number; steps name earlier steps"
)]

use std::sync::OnceLock;

/// Truth tables of the variables: bit `i` of a table is the value where the variables spell `i`.
pub const VARIABLES: [u16; 4] = [0xaaaa, 0xcccc, 0xf0f0, 0xff00];
/// Variables and products a sum may contain.
pub const TERMS: usize = 7;

/// A sum: bit `i < 4` is variable `i`, bit `4 + j` is product `j`, bit 7 is the constant 1.
pub type Sum = u8;

/// A function as products of sums, and a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Circuit {
    /// The factors of each product, in order.
    pub products: [(Sum, Sum); 3],
    /// How many products there are.
    pub ands: usize,
    /// The function.
    pub output: Sum,
}

/// A circuit with fewest ANDs of the function with this truth table.
#[must_use]
pub fn circuit(table: u16) -> Circuit {
    let classes = classes();
    let (class, affine) = reduce(table);
    let mut found = classes[class as usize >> 5].unwrap_or_default();
    found.output ^= affine;
    found
}

/// The truth table of a circuit.
#[must_use]
pub fn evaluate(circuit: &Circuit) -> u16 {
    let mut terms = Vec::from(VARIABLES);
    for &(a, b) in circuit.products.iter().take(circuit.ands) {
        let product = sum(&terms, a) & sum(&terms, b);
        terms.push(product);
    }
    sum(&terms, circuit.output)
}

fn sum(terms: &[u16], sum: Sum) -> u16 {
    let constant = if sum >> 7 == 1 { u16::MAX } else { 0 };
    let chosen = terms.iter().enumerate().filter(|(i, _)| sum >> i & 1 == 1);
    chosen.fold(constant, |total, (_, term)| total ^ term)
}

/// The class of a function: its algebraic normal form without the affine part, as an index whose low
/// five bits are free; and the affine part.
fn reduce(table: u16) -> (u16, Sum) {
    let mut normal = table;
    for (step, mask) in [(1, 0x5555), (2, 0x3333), (4, 0x0f0f), (8, 0x00ffu16)] {
        normal ^= (normal & mask) << step;
    }
    let affine = [(0, 7), (1, 0), (2, 1), (4, 2), (8, 3)];
    let part = |total: Sum, &(coefficient, place): &(u16, u8)| {
        total | (u8::from(normal >> coefficient & 1 == 1) << place)
    };
    let sum = affine.iter().fold(0, part);
    // The eleven coefficients of products, packed above five free bits.
    let products = [3u16, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15];
    let pack =
        |total: u16, (place, &at): (usize, &u16)| total | ((normal >> at & 1) << (place + 5));
    (products.iter().enumerate().fold(0, pack), sum)
}

type Classes = Vec<Option<Circuit>>;

fn classes() -> &'static Classes {
    static CLASSES: OnceLock<Classes> = OnceLock::new();
    CLASSES.get_or_init(|| {
        let mut classes: Classes = vec![None; 1 << 11];
        classes[0] = Some(Circuit::default());
        let mut frontier = vec![Circuit::default()];
        while !frontier.is_empty() && classes.iter().any(Option::is_none) {
            frontier = extend(&mut classes, &frontier);
        }
        classes
    })
}

/// Adds one product to each circuit in every way; the circuits whose products span something new.
fn extend(classes: &mut Classes, frontier: &[Circuit]) -> Vec<Circuit> {
    let mut next = Vec::new();
    let mut spans = std::collections::BTreeSet::new();
    for circuit in frontier {
        let mut terms = Vec::from(VARIABLES);
        for &(a, b) in circuit.products.iter().take(circuit.ands) {
            let product = sum(&terms, a) & sum(&terms, b);
            terms.push(product);
        }
        let sums: Vec<(Sum, u16)> = (0..=u8::MAX)
            .filter(|s| (s & 0x7f) >> terms.len() == 0)
            .map(|s| (s, sum(&terms, s)))
            .collect();
        for (i, &(a, first)) in sums.iter().enumerate() {
            for &(b, second) in sums.iter().skip(i + 1) {
                let product = first & second;
                let mut longer = *circuit;
                longer.products[circuit.ands] = (a, b);
                longer.ands += 1;
                let mut made: Vec<u16> = terms[4..].iter().map(|&t| reduce(t).0).collect();
                made.push(reduce(product).0);
                if made.last() == Some(&0) || !spans.insert(span(&made)) {
                    continue;
                }
                record(classes, &longer, &terms, product);
                next.push(longer);
            }
        }
        if circuit.ands == 2 && classes.iter().all(Option::is_some) {
            break;
        }
    }
    next
}

/// The classes spanned, as a sorted list.
fn span(made: &[u16]) -> Vec<u16> {
    let combine = |chosen: usize| {
        let taken = made
            .iter()
            .enumerate()
            .filter(|(i, _)| chosen >> i & 1 == 1);
        taken.fold(0, |total, (_, class)| total ^ class)
    };
    let mut all: Vec<u16> = (0..1 << made.len()).map(combine).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Notes every sum of the products that contains the last one.
fn record(classes: &mut Classes, circuit: &Circuit, terms: &[u16], product: u16) {
    let mut terms = terms.to_vec();
    terms.push(product);
    let last = 1u8 << (terms.len() - 1);
    for earlier in 0..1u8 << (circuit.ands - 1) {
        let output = last | (earlier << 4);
        let (class, affine) = reduce(sum(&terms, output));
        let entry = &mut classes[class as usize >> 5];
        if entry.is_none() {
            *entry = Some(Circuit {
                output: output ^ affine,
                ..*circuit
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_right_and_no_more_than_three() {
        let mut histogram = [0u32; 4];
        for table in 0..=u16::MAX {
            let found = circuit(table);
            assert_eq!(evaluate(&found), table, "{table:#06x}");
            histogram[found.ands] += 1;
        }
        // Affine functions; x·y and affinely equal ones; the rest.
        assert_eq!(histogram[0], 32);
        assert_eq!(histogram[1], 35 * 32);
        assert_eq!(histogram.iter().sum::<u32>(), 1 << 16);
    }

    #[test]
    fn known_costs() {
        let [a, b, c, d] = VARIABLES;
        assert_eq!(circuit((a & b) ^ (a & c) ^ (b & c)).ands, 1);
        assert_eq!(circuit((a & b) | (!a & c)).ands, 1);
        assert_eq!(circuit(a & b & c).ands, 2);
        assert_eq!(circuit((a & b) ^ (c & d)).ands, 2);
        assert_eq!(circuit(a & b & c & d).ands, 3);
    }
}
