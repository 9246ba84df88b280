//! Pseudo-random generator: AES-128 in counter mode.

use std::fmt;

use zeroize::Zeroize;

use crate::{Aes128, Block};

const BUFFERED: usize = 8;

/// Expands a seed into a stream of blocks: block `i` of stream `s` is AES under the seed of
/// `i + 2^64·s`.
///
/// Equal seed and stream give equal output on every machine and with every kernel. 128-bit
/// security for up to 2^48 blocks of a seed (the switching bound is 2^-33 there). Not `Clone`: two
/// holders of one stream would repeat it.
///
/// ```compile_fail,E0599
/// let prg = privet_prim::Prg::random();
/// let twin = prg.clone();
/// ```
pub struct Prg {
    cipher: Aes128,
    stream: u64,
    counter: u64,
    buffer: [Block; BUFFERED],
    /// Words of `buffer` already given out; `2 · BUFFERED` when empty.
    used: usize,
}

impl Prg {
    /// Stream 0 of `seed`.
    #[must_use]
    pub fn new(seed: Block) -> Self {
        Self::with_stream(seed, 0)
    }

    /// Stream `stream` of `seed`; different streams are independent.
    #[must_use]
    pub fn with_stream(seed: Block, stream: u64) -> Self {
        Self {
            cipher: Aes128::new(seed),
            stream,
            counter: 0,
            buffer: [Block::ZERO; BUFFERED],
            used: 2 * BUFFERED,
        }
    }

    /// A generator with a seed from the operating system.
    #[must_use]
    pub fn random() -> Self {
        Self::new(Block::random())
    }

    /// Fills `out` with the next `out.len()` blocks of the stream.
    pub fn fill_blocks(&mut self, out: &mut [Block]) {
        self.cipher.counter_mode(self.stream, self.counter, out);
        self.counter = self.counter.wrapping_add(out.len() as u64);
    }

    /// Fills `out` with the bytes of the next `⌈out.len() / 16⌉` blocks; what is left of the last
    /// block is dropped.
    pub fn fill_bytes(&mut self, out: &mut [u8]) {
        let mut chunk = [Block::ZERO; 64];
        for part in out.chunks_mut(16 * chunk.len()) {
            let blocks = part.len().div_ceil(16);
            for (from, block) in chunk.iter_mut().take(blocks).enumerate() {
                *block = Block::from_words(self.counter.wrapping_add(from as u64), self.stream);
            }
            let (used, _) = chunk.split_at_mut(blocks);
            self.cipher.encrypt_blocks(used);
            self.counter = self.counter.wrapping_add(blocks as u64);
            let (bytes, _) = bytemuck::cast_slice::<Block, u8>(used).split_at(part.len());
            part.copy_from_slice(bytes);
        }
        chunk.zeroize();
    }

    /// The next block.
    pub fn next_block(&mut self) -> Block {
        let mut out = [Block::ZERO];
        self.fill_blocks(&mut out);
        out[0]
    }

    /// The next 64 bits. They come from blocks drawn eight at a time, so mixing this with the
    /// other calls gives a stream of its own, still determined by the sequence of calls.
    pub fn next_u64(&mut self) -> u64 {
        if self.used >= 2 * BUFFERED {
            self.cipher
                .counter_mode(self.stream, self.counter, &mut self.buffer);
            self.counter = self.counter.wrapping_add(BUFFERED as u64);
            self.used = 0;
        }
        let words: &[u64] = bytemuck::cast_slice(&self.buffer);
        let word = words.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        u64::from_le(word)
    }
}

impl Drop for Prg {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

impl fmt::Debug for Prg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prg(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_i_is_the_encryption_of_i() {
        let seed = Block::random();
        let aes = Aes128::new(seed);
        let mut prg = Prg::with_stream(seed, 5);
        let mut out = [Block::ZERO; 40];
        prg.fill_blocks(&mut out[..7]);
        prg.fill_blocks(&mut out[7..]);
        for (i, block) in out.iter().enumerate() {
            assert_eq!(*block, aes.encrypt(Block::from_words(i as u64, 5)), "{i}");
        }
        assert_eq!(prg.next_block(), aes.encrypt(Block::from_words(40, 5)));
    }

    #[test]
    fn bytes_are_the_blocks_bytes() {
        let seed = Block::random();
        for len in [0, 1, 15, 16, 17, 1023, 1024, 1025, 5000] {
            let mut bytes = vec![0; len];
            let mut prg = Prg::new(seed);
            prg.fill_bytes(&mut bytes);
            let mut blocks = vec![Block::ZERO; len.div_ceil(16)];
            Prg::new(seed).fill_blocks(&mut blocks);
            assert_eq!(bytes, bytemuck::cast_slice::<Block, u8>(&blocks)[..len]);
            assert_eq!(prg.counter, len.div_ceil(16) as u64);
        }
    }

    #[test]
    fn words_are_the_blocks_words() {
        let seed = Block::random();
        let mut blocks = [Block::ZERO; 16];
        Prg::new(seed).fill_blocks(&mut blocks);
        let mut prg = Prg::new(seed);
        for block in blocks {
            let (low, high) = (prg.next_u64(), prg.next_u64());
            assert_eq!(block, Block::from_words(low, high));
        }
    }

    #[test]
    fn streams_differ_and_nothing_prints() {
        let seed = Block::random();
        assert_ne!(
            Prg::new(seed).next_block(),
            Prg::with_stream(seed, 1).next_block()
        );
        assert_eq!(format!("{:?}", Prg::new(seed)), "Prg(secret)");
    }
}
