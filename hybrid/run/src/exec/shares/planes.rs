//! Shares of bits by exclusive or, a plane of bytes for each bit of a word.

use privet_ring::bits::{from_planes, to_planes};
use zeroize::Zeroizing;

use crate::error::RunError;

const OUTSIDE: RunError = RunError::Contradiction("a word outside its buffer");

/// One party's shares of `len` words: plane b holds bit b of each, eight to a byte.
pub(crate) struct Planes {
    len: usize,
    bytes: Zeroizing<Vec<u8>>,
}

impl Planes {
    pub(crate) fn zeros(len: usize, bits: usize) -> Self {
        Self {
            len,
            bytes: Zeroizing::new(vec![0; bits * len.div_ceil(8)]),
        }
    }

    /// The low `bits` bits of each value.
    pub(crate) fn of_words(values: &[u64], bits: usize) -> Self {
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
    pub(crate) fn words(&self) -> Vec<u64> {
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

    /// Bytes of a plane.
    pub(crate) const fn stride(&self) -> usize {
        self.len.div_ceil(8)
    }

    /// Number of planes.
    pub(crate) fn bits(&self) -> usize {
        self.bytes.len() / self.stride().max(1)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub(crate) fn plane(&self, bit: usize) -> Result<&[u8], RunError> {
        let stride = self.stride();
        self.bytes
            .get(bit * stride..(bit + 1) * stride)
            .ok_or(OUTSIDE)
    }

    pub(crate) fn plane_mut(&mut self, bit: usize) -> Result<&mut [u8], RunError> {
        let stride = self.stride();
        self.bytes
            .get_mut(bit * stride..(bit + 1) * stride)
            .ok_or(OUTSIDE)
    }
}

/// Bit `index` of a plane.
pub(crate) fn bit(plane: &[u8], index: usize) -> Result<u8, RunError> {
    let byte = plane.get(index / 8).ok_or(OUTSIDE)?;
    Ok(byte >> (index % 8) & 1)
}

/// Sets bit `index` of a plane, which is zero so far.
pub(crate) fn set(plane: &mut [u8], index: usize, value: u8) -> Result<(), RunError> {
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
