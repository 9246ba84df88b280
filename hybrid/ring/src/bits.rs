//! XOR shares of bits, 64 to a word, and the way from integers to bit planes and back.

use std::marker::PhantomData;

use zeroize::Zeroize;

use crate::shares::Mismatch;
use crate::{Client, Party, Server};

/// Party `P`'s shares of `len` bits: bit i is bit `i mod 64` of word `i / 64`; what is beyond the last means nothing.
///
/// They do not print, and are erased when dropped.
///
/// ```compile_fail,E0308
/// use privet_ring::{BitShares, Client, open_bits};
/// let mine = BitShares::<Client>::zeros(1);
/// open_bits(&mine, &mine);
/// ```
pub struct BitShares<P: Party> {
    len: usize,
    words: Vec<u64>,
    party: PhantomData<P>,
}

impl<P: Party> BitShares<P> {
    /// Takes `⌈len / 64⌉` words.
    ///
    /// # Errors
    /// Another number of words.
    pub fn new(len: usize, words: Vec<u64>) -> Result<Self, Mismatch> {
        Mismatch::check("words of bits", len.div_ceil(64), words.len())?;
        Ok(Self {
            len,
            words,
            party: PhantomData,
        })
    }

    /// Shares of public zeros, or of bits that the peer alone knows.
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        let words = vec![0; len.div_ceil(64)];
        Self {
            len,
            words,
            party: PhantomData,
        }
    }

    /// Exchanges 0 and 1.
    pub fn invert(&mut self) {
        if P::ADDS_PUBLIC {
            self.words.iter_mut().for_each(|w| *w = !*w);
        }
    }

    /// XOR, bit by bit.
    ///
    /// # Errors
    /// Another length.
    pub fn xor_assign(&mut self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check("bits", self.len, other.len)?;
        let pairs = self.words.iter_mut().zip(&other.words);
        pairs.for_each(|(v, w)| *v ^= w);
        Ok(())
    }

    /// A second copy.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            len: self.len,
            words: self.words.clone(),
            party: PhantomData,
        }
    }

    /// How many bits.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The words.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The words, for work in place.
    #[must_use]
    pub fn into_words(mut self) -> Vec<u64> {
        std::mem::take(&mut self.words)
    }
}

impl<P: Party> Drop for BitShares<P> {
    fn drop(&mut self) {
        self.words.zeroize();
    }
}

/// The bits that two shares make.
///
/// # Errors
/// Shares of different lengths.
pub fn open_bits(
    client: &BitShares<Client>,
    server: &BitShares<Server>,
) -> Result<Vec<bool>, Mismatch> {
    Mismatch::check("bits", client.len, server.len)?;
    let words = client.words.iter().zip(&server.words);
    let bits = words.flat_map(|(c, s)| (0..64).map(move |i| (c ^ s) >> i & 1 == 1));
    Ok(bits.take(client.len).collect())
}

/// Transposes a 64 × 64 bit matrix in place: bit j of word i becomes bit i of word j.
pub fn transpose_64(block: &mut [u64; 64]) {
    let mut width = 32;
    let mut mask = u64::MAX >> 32;
    while width > 0 {
        for pair in block.chunks_exact_mut(2 * width) {
            let (low, high) = pair.split_at_mut(width);
            for (a, b) in low.iter_mut().zip(high) {
                let moved = (*a >> width ^ *b) & mask;
                *a ^= moved << width;
                *b ^= moved;
            }
        }
        width /= 2;
        mask ^= mask << width;
    }
}

/// The lowest `bits` bits of each value as planes, one after the other, each of `⌈len / 64⌉` words.
#[must_use]
pub fn to_planes(values: &[u64], bits: usize) -> Vec<u64> {
    let stride = values.len().div_ceil(64);
    let mut planes = vec![0; bits * stride];
    let mut block = [0u64; 64];
    for (word, values) in values.chunks(64).enumerate() {
        block.fill(0);
        block.iter_mut().zip(values).for_each(|(b, v)| *b = *v);
        transpose_64(&mut block);
        let column = planes.iter_mut().skip(word).step_by(stride.max(1));
        column.zip(block).for_each(|(plane, bits)| *plane = bits);
    }
    block.zeroize();
    planes
}

/// Back from planes of `⌈len / 64⌉` words each, at most 64 of them, to `len` values.
#[must_use]
pub fn from_planes(planes: &[u64], len: usize) -> Vec<u64> {
    let stride = len.div_ceil(64);
    let mut values = vec![0; len];
    let mut block = [0u64; 64];
    for (word, values) in values.chunks_mut(64).enumerate() {
        block.fill(0);
        let column = planes.iter().skip(word).step_by(stride);
        block.iter_mut().zip(column).for_each(|(b, p)| *b = *p);
        transpose_64(&mut block);
        values.iter_mut().zip(block).for_each(|(v, b)| *v = b);
    }
    block.zeroize();
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize) -> Vec<u64> {
        (1..=n as u64)
            .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .collect()
    }

    #[test]
    fn transposing_moves_every_bit() {
        let rows: [u64; 64] = values(64).try_into().unwrap();
        let mut block = rows;
        transpose_64(&mut block);
        for (i, row) in rows.iter().enumerate() {
            for (j, column) in block.iter().enumerate() {
                assert_eq!(row >> j & 1, column >> i & 1, "{i} {j}");
            }
        }
    }

    #[test]
    fn planes_hold_the_bits_of_any_length() {
        for n in [0, 1, 63, 64, 65, 200] {
            let values = values(n);
            for bits in [1, 37, 64] {
                let planes = to_planes(&values, bits);
                let stride = n.div_ceil(64);
                for (i, v) in values.iter().enumerate() {
                    for bit in 0..bits {
                        let plane = planes[bit * stride + i / 64];
                        assert_eq!(plane >> (i % 64) & 1, v >> bit & 1);
                    }
                }
                let mask = u64::MAX >> (64 - bits);
                let back = from_planes(&planes, n);
                assert!(back.iter().zip(&values).all(|(b, v)| *b == v & mask));
            }
        }
    }

    #[test]
    fn inverting_changes_the_opened_bits() {
        let mut c = BitShares::<Client>::zeros(70);
        let mut s = BitShares::<Server>::zeros(70);
        c.invert();
        s.invert();
        assert_eq!(open_bits(&c, &s).unwrap(), vec![true; 70]);
        assert!(BitShares::<Client>::new(65, vec![0]).is_err());
    }
}
