//! The best of many words, by index, best first.

use crate::builder::{Bit, Builder};
use crate::error::Error;
use crate::generate::{index_bits, width, within};
use crate::netlist::Netlist;

/// `y0`, `y1`, … = the indices of the `best` greatest of `count` signed words, greatest first, the
/// lower index first among equals.
///
/// Each pass carries the greatest of the remaining keys along; a key is a word above the complement
/// of its index, so that keys never tie.
///
/// # Errors
///
/// [`Error::Parameter`] for a width outside 1..=52, a count outside 2..=4096 or unless
/// `1 <= best <= count`.
pub fn top_k(bits: u32, count: u32, best: u32) -> Result<Netlist, Error> {
    within("top_k", "width", u64::from(bits), 1..=52)?;
    within("top_k", "count of words", u64::from(count), 2..=4096)?;
    within(
        "top_k",
        "number of indices",
        u64::from(best),
        1..=u64::from(count),
    )?;
    let index = index_bits(count);
    width("top_k", bits + index)?;
    let mut builder = Builder::new();
    let mut keys: Vec<Vec<Bit>> = (0..count)
        .map(|i| {
            let mut key = Builder::constant(!i64::from(i), index);
            key.extend(builder.input(&format!("x{i}"), bits));
            key
        })
        .collect();
    for place in 0..best {
        let mut rest = Vec::with_capacity(keys.len());
        let mut keys_left = keys.into_iter();
        let mut leader = keys_left.next().unwrap_or_default();
        for key in keys_left {
            let greater = builder.less_signed(&leader, &key);
            // One AND a bit exchanges both: the difference is masked once.
            let differs = builder.xor_word(&leader, &key);
            let moved = builder.and_bit(&differs, greater);
            rest.push(builder.xor_word(&key, &moved));
            leader = builder.xor_word(&leader, &moved);
        }
        let winner: Vec<Bit> = leader
            .iter()
            .take(index as usize)
            .map(|bit| !*bit)
            .collect();
        builder.output(&format!("y{place}"), &winner);
        keys = rest;
    }
    builder.finish()
}

impl Builder {
    /// Bitwise exclusive or of two words of equal width; free.
    fn xor_word(&mut self, a: &[Bit], b: &[Bit]) -> Vec<Bit> {
        a.iter().zip(b).map(|(a, b)| self.xor(*a, *b)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{integers, unsigned};

    fn reference(words: &[i64], best: usize) -> Vec<u64> {
        let mut order: Vec<usize> = (0..words.len()).collect();
        order.sort_by_key(|i| (std::cmp::Reverse(words[*i]), *i));
        order.into_iter().take(best).map(|i| i as u64).collect()
    }

    #[test]
    fn all_triples_of_three_bits() {
        for best in 1..=3 {
            let netlist = top_k(3, 3, best).unwrap();
            for code in 0..512i64 {
                let words: Vec<i64> = (0..3).map(|i| ((code >> (3 * i)) & 7) - 4).collect();
                let inputs: Vec<u64> = words.iter().map(|w| unsigned(*w, 3)).collect();
                assert_eq!(
                    integers(&netlist, &inputs).unwrap(),
                    reference(&words, best as usize)
                );
            }
        }
    }

    #[test]
    fn ties_among_ten_go_to_the_lowest_index() {
        let netlist = top_k(16, 10, 5).unwrap();
        for words in [
            [5, 5, 5, 5, 5, 5, 5, 5, 5, 5],
            [1, 9, -3, 9, 32767, 0, -32768, 9, 1, 32767],
        ] {
            let inputs: Vec<u64> = words.iter().map(|w| unsigned(*w, 16)).collect();
            assert_eq!(integers(&netlist, &inputs).unwrap(), reference(&words, 5));
        }
        assert!(
            top_k(16, 10, 0).is_err() && top_k(16, 10, 11).is_err() && top_k(60, 10, 1).is_err()
        );
    }
}
