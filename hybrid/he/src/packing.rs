//! Numbers of a given width side by side, the least bit first.
#![expect(
    clippy::cast_possible_truncation,
    reason = "low bits are taken on purpose"
)]

use crate::error::PeerMisbehaved;

/// The lowest `bits` ones; `bits ≤ 64`.
pub(crate) const fn mask(bits: u32) -> u64 {
    if bits == 0 {
        0
    } else {
        u64::MAX >> (64 - bits)
    }
}

/// Appends numbers to a buffer.
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    held: u128,
    count: u32,
}

impl<'a> Writer<'a> {
    pub(crate) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            held: 0,
            count: 0,
        }
    }

    /// The low `bits` bits of `value`, at most 64.
    #[inline]
    pub(crate) fn put(&mut self, value: u64, bits: u32) {
        self.held |= u128::from(value & mask(bits)) << self.count;
        self.count += bits;
        if self.count >= 64 {
            self.out
                .extend_from_slice(&(self.held as u64).to_le_bytes());
            self.held >>= 64;
            self.count -= 64;
        }
    }

    /// The low `bits` bits of `value`, at most 128.
    #[inline]
    pub(crate) fn put_wide(&mut self, value: u128, bits: u32) {
        self.put(value as u64, bits.min(64));
        self.put((value >> 64) as u64, bits.saturating_sub(64));
    }

    /// Zeros up to the next byte.
    pub(crate) fn finish(self) {
        let bytes = self.held.to_le_bytes();
        let rest = bytes.iter().take(self.count.div_ceil(8) as usize);
        self.out.extend(rest);
    }
}

/// Takes numbers from a buffer of known length; beyond its end it finds zeros.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    held: u128,
    count: u32,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            held: 0,
            count: 0,
        }
    }

    /// The next `bits` bits, at most 64.
    #[inline]
    pub(crate) fn take(&mut self, bits: u32) -> u64 {
        if self.count < bits {
            let word = if let Some((word, rest)) = self.rest.split_first_chunk::<8>() {
                self.rest = rest;
                u64::from_le_bytes(*word)
            } else {
                let mut word = [0; 8];
                word.iter_mut()
                    .zip(self.rest)
                    .for_each(|(to, from)| *to = *from);
                self.rest = &[];
                u64::from_le_bytes(word)
            };
            self.held |= u128::from(word) << self.count;
            self.count += 64;
        }
        let value = self.held as u64 & mask(bits);
        self.held >>= bits;
        self.count -= bits;
        value
    }

    /// The next `bits` bits, at most 127, as a number in two's complement.
    #[inline]
    pub(crate) fn take_signed(&mut self, bits: u32) -> i128 {
        let low = self.take(bits.min(64));
        let high = self.take(bits.saturating_sub(64));
        let value = (u128::from(high) << 64) | u128::from(low);
        (value << (128 - bits)).cast_signed() >> (128 - bits)
    }

    /// Refuses set bits in what is left.
    pub(crate) const fn finish(self, msg: &'static str) -> Result<(), PeerMisbehaved> {
        if self.held == 0 && self.rest.is_empty() {
            return Ok(());
        }
        Err(PeerMisbehaved::SpareBits { msg })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let mut state = 3u128;
        let numbers: Vec<(u128, u32)> = (0..2000)
            .map(|i| {
                state = state.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645) + 11;
                let bits = 1 + (state >> 77) as u32 % 127;
                let value = if i % 3 == 0 { u128::MAX } else { state };
                (value & (u128::MAX >> (128 - bits)), bits)
            })
            .collect();
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        for (value, bits) in &numbers {
            writer.put_wide(*value, *bits);
        }
        writer.finish();
        let all: u32 = numbers.iter().map(|(_, bits)| bits).sum();
        assert_eq!(bytes.len(), all.div_ceil(8) as usize);
        let mut reader = Reader::new(&bytes);
        for (value, bits) in &numbers {
            let signed = reader.take_signed(*bits);
            assert_eq!(
                signed.cast_unsigned() << (128 - bits),
                value << (128 - bits)
            );
            assert!(signed >= -(1i128 << (bits - 1)) && signed < 1i128 << (bits - 1));
        }
        assert!(reader.finish("numbers").is_ok());
    }

    #[test]
    fn spare_bits_are_refused() {
        let mut reader = Reader::new(&[0b1000_0001]);
        assert_eq!(reader.take(5), 1);
        assert!(reader.finish("byte").is_err());
        let mut reader = Reader::new(&[1, 0]);
        assert_eq!(reader.take(5), 1);
        assert!(reader.finish("bytes").is_ok());
    }
}
