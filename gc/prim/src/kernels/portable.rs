//! The specification: plain Rust over the `aes` crate, whose own fallback takes constant time.

mod halfgates;

use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

use super::Kernels;
use crate::Block;

pub(super) static KERNELS: Kernels = Kernels {
    name: "portable",
    rounds: None,
    hash: hash_many,
    hash_pairs,
    transpose,
    plane,
    garble: halfgates::garble,
    evaluate: halfgates::evaluate,
};

/// `H(x, i) = AES_{session ⊕ i}(σ(x)) ⊕ σ(x)`.
fn hash(session: Block, index: u64, x: Block) -> Block {
    let key = session ^ Block::from_words(index, 0);
    let x = x.sigma();
    let mut y = Array(x.to_bytes());
    aes::Aes128::new(&Array(key.to_bytes())).encrypt_block(&mut y);
    Block::from_bytes(y.0) ^ x
}

fn hash_many(session: Block, first: u64, blocks: &mut [Block]) {
    for (block, index) in blocks.iter_mut().zip(first..=u64::MAX) {
        *block = hash(session, index, *block);
    }
}

fn hash_pairs(session: Block, first: u64, delta: Block, zeros: &mut [Block], ones: &mut [Block]) {
    for ((zero, one), index) in zeros.iter_mut().zip(ones).zip(first..=u64::MAX) {
        *one = hash(session, index, *zero ^ delta);
        *zero = hash(session, index, *zero);
    }
}

pub(super) fn plane(blocks: &[Block; 64], position: u32) -> u64 {
    blocks
        .iter()
        .rev()
        .fold(0, |word, block| word << 1 | block.low() >> position & 1)
}

fn transpose(rows: &[&[u8]; 128], out: &mut [Block]) {
    for (byte, columns) in out.chunks_mut(8).enumerate() {
        let mut square = [0u128; 8];
        for (i, row) in rows.iter().enumerate() {
            let bits = row.get(byte).copied().unwrap_or_default();
            for (j, column) in square.iter_mut().enumerate() {
                *column |= u128::from(bits >> j & 1) << i;
            }
        }
        for (column, value) in columns.iter_mut().zip(square) {
            *column = value.into();
        }
    }
}
