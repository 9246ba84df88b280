//! Shares of bits by exclusive or, a plane of bytes for each bit of a word.

use privet_ring::bits::{from_planes, to_planes};
use zeroize::Zeroizing;

use crate::error::{ApiMisuse, Error};

const OUTSIDE: ApiMisuse = ApiMisuse::Netlist {
    what: "a bit outside its planes",
};

/// One party's shares of `len` words: plane b holds bit b of each, eight to a byte.
pub struct Planes {
    len: usize,
    bytes: Zeroizing<Vec<u8>>,
}

impl Planes {
    /// Zeros: of public zeros, or of words that the peer alone knows.
    #[must_use]
    pub fn zeros(len: usize, bits: usize) -> Self {
        Self {
            len,
            bytes: Zeroizing::new(vec![0; bits * len.div_ceil(8)]),
        }
    }

    /// The low `bits` bits of each value.
    #[must_use]
    pub fn of_words(values: &[u64], bits: usize) -> Self {
        let mut planes = Self::zeros(values.len(), bits);
        let words = Zeroizing::new(to_planes(values, bits));
        let stride = planes.stride();
        let from = words.chunks_exact(values.len().div_ceil(64).max(1));
        for (plane, words) in planes.bytes.chunks_exact_mut(stride.max(1)).zip(from) {
            for (to, word) in plane.chunks_mut(8).zip(words) {
                for (to, from) in to.iter_mut().zip(word.to_le_bytes()) {
                    *to = from;
                }
            }
        }
        planes
    }

    /// The words, of at most 64 bits.
    #[must_use]
    pub fn words(&self) -> Vec<u64> {
        let stride = self.len.div_ceil(64);
        let mut words = Zeroizing::new(vec![0u64; stride * self.bits()]);
        let planes = self.bytes.chunks_exact(self.stride().max(1));
        for (words, plane) in words.chunks_exact_mut(stride.max(1)).zip(planes) {
            for (word, bytes) in words.iter_mut().zip(plane.chunks(8)) {
                *word = bytes
                    .iter()
                    .rev()
                    .fold(0, |word, byte| word << 8 | u64::from(*byte));
            }
        }
        from_planes(&words, self.len)
    }

    /// Number of words.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of a plane.
    #[must_use]
    pub const fn stride(&self) -> usize {
        self.len.div_ceil(8)
    }

    /// Number of planes.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.bytes.len() / self.stride().max(1)
    }

    /// All planes, one after the other.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All planes, to be written.
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The plane of one bit.
    ///
    /// # Errors
    /// There is none.
    pub fn plane(&self, bit: usize) -> Result<&[u8], Error> {
        let stride = self.stride();
        self.bytes
            .get(bit * stride..(bit + 1) * stride)
            .ok_or_else(|| OUTSIDE.into())
    }

    /// The plane of one bit, to be written.
    ///
    /// # Errors
    /// There is none.
    pub fn plane_mut(&mut self, bit: usize) -> Result<&mut [u8], Error> {
        let stride = self.stride();
        self.bytes
            .get_mut(bit * stride..(bit + 1) * stride)
            .ok_or_else(|| OUTSIDE.into())
    }
}

/// Bit `index` of a plane.
///
/// # Errors
/// There is none.
pub fn bit(plane: &[u8], index: usize) -> Result<u8, Error> {
    let byte = plane.get(index / 8).ok_or(OUTSIDE)?;
    Ok(byte >> (index % 8) & 1)
}

/// Sets bit `index` of a plane, which is zero so far.
///
/// # Errors
/// There is none.
pub fn set(plane: &mut [u8], index: usize, value: u8) -> Result<(), Error> {
    *plane.get_mut(index / 8).ok_or(OUTSIDE)? |= value << (index % 8);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back() {
        for len in [0usize, 1, 7, 8, 9, 64, 65, 200] {
            for bits in [1, 28, 64] {
                let values: Vec<u64> = (1..=len as u64)
                    .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                    .collect();
                let planes = Planes::of_words(&values, bits);
                let mask = u64::MAX >> (64 - bits);
                let expected: Vec<u64> = values.iter().map(|v| v & mask).collect();
                assert_eq!(planes.words(), expected);
                if len > 0 {
                    let first = planes.plane(bits - 1).unwrap();
                    let top = u64::from(bit(first, len - 1).unwrap());
                    assert_eq!(top, values[len - 1] >> (bits - 1) & 1);
                }
                assert!(planes.plane(bits).is_err() || len == 0);
            }
        }
    }
}
