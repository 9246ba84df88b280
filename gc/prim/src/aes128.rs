//! AES-128 under a fixed key.

use std::fmt;

use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use zeroize::Zeroize;

use crate::Block;
use crate::kernels::{Kernels, Rounds, active};

/// AES-128 (FIPS 197) in the encrypting direction, its round keys computed once.
///
/// A block's bytes are the cipher's bytes in the same order. The key is erased on drop.
pub struct Aes128(Schedule);

enum Schedule {
    Portable(Box<aes::Aes128>),
    Expanded(&'static Rounds, [Block; 11]),
}

impl Aes128 {
    /// Expands `key`.
    #[must_use]
    pub fn new(key: Block) -> Self {
        Self::with_kernels(active(), key)
    }

    /// The same with a kernel of the caller's choice, for comparisons.
    #[must_use]
    pub fn with_kernels(kernels: &'static Kernels, key: Block) -> Self {
        Self(kernels.rounds.as_ref().map_or_else(
            || Schedule::Portable(Box::new(aes::Aes128::new(&Array(key.to_bytes())))),
            |rounds| Schedule::Expanded(rounds, (rounds.expand)(key)),
        ))
    }

    /// The encryption of one block.
    #[must_use]
    pub fn encrypt(&self, block: Block) -> Block {
        let mut out = [block];
        self.encrypt_blocks(&mut out);
        out[0]
    }

    /// Encrypts every block where it stands. Many at once fill the pipeline: eight or more.
    pub fn encrypt_blocks(&self, blocks: &mut [Block]) {
        match &self.0 {
            Schedule::Portable(cipher) => encrypt_portable(cipher, blocks),
            Schedule::Expanded(rounds, keys) => (rounds.encrypt)(keys, blocks),
        }
    }

    /// Fills `out` with the encryptions of `counter, counter + 1, …` in the low 64 bits (wrapping)
    /// and `stream` in the high 64 bits.
    pub fn counter_mode(&self, stream: u64, counter: u64, out: &mut [Block]) {
        match &self.0 {
            Schedule::Portable(cipher) => {
                let mut next = counter;
                for block in out.iter_mut() {
                    *block = Block::from_words(next, stream);
                    next = next.wrapping_add(1);
                }
                encrypt_portable(cipher, out);
            }
            Schedule::Expanded(rounds, keys) => (rounds.counter)(keys, stream, counter, out),
        }
    }
}

fn encrypt_portable(cipher: &aes::Aes128, blocks: &mut [Block]) {
    let bytes: &mut [[u8; 16]] = bytemuck::cast_slice_mut(blocks);
    cipher.encrypt_blocks(Array::cast_slice_from_core_mut(bytes));
}

impl Drop for Aes128 {
    fn drop(&mut self) {
        // The portable cipher erases itself.
        if let Schedule::Expanded(_, keys) = &mut self.0 {
            keys.zeroize();
        }
    }
}

impl fmt::Debug for Aes128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aes128(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::available;

    fn hex(text: &str) -> Block {
        let bytes: Vec<u8> = (0..16)
            .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        Block::from_bytes(bytes.try_into().unwrap())
    }

    #[test]
    fn fips_197_appendices_b_and_c() {
        let cases = [
            (
                "2b7e151628aed2a6abf7158809cf4f3c",
                "3243f6a8885a308d313198a2e0370734",
                "3925841d02dc09fbdc118597196a0b32",
            ),
            (
                "000102030405060708090a0b0c0d0e0f",
                "00112233445566778899aabbccddeeff",
                "69c4e0d86a7b0430d8cdb78070b4c55a",
            ),
        ];
        for kernels in available() {
            for (key, plain, cipher) in cases {
                let aes = Aes128::with_kernels(kernels, hex(key));
                assert_eq!(aes.encrypt(hex(plain)), hex(cipher), "{}", kernels.name());
            }
        }
    }

    #[test]
    fn every_kernel_equals_portable_at_every_length() {
        let portable = available()[0];
        let key = Block::random();
        let reference = Aes128::with_kernels(portable, key);
        for kernels in available() {
            let aes = Aes128::with_kernels(kernels, key);
            for n in (0..70).chain([255, 256, 1000]) {
                let input: Vec<Block> = (0..n).map(|_| Block::random()).collect();
                let (mut a, mut b) = (input.clone(), input);
                reference.encrypt_blocks(&mut a);
                aes.encrypt_blocks(&mut b);
                assert_eq!(a, b, "{} ecb {n}", kernels.name());
                for counter in [0, 7, u64::MAX - 5] {
                    reference.counter_mode(3, counter, &mut a);
                    aes.counter_mode(3, counter, &mut b);
                    assert_eq!(a, b, "{} counter {n}", kernels.name());
                }
            }
        }
    }

    #[test]
    fn counter_mode_encrypts_the_counters() {
        let aes = Aes128::new(Block::random());
        let mut out = [Block::ZERO; 3];
        aes.counter_mode(9, u64::MAX, &mut out);
        assert_eq!(out[0], aes.encrypt(Block::from_words(u64::MAX, 9)));
        assert_eq!(out[1], aes.encrypt(Block::from_words(0, 9)));
        assert_eq!(out[2], aes.encrypt(Block::from_words(1, 9)));
        assert_eq!(format!("{aes:?}"), "Aes128(secret)");
    }
}
