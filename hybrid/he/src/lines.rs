//! Buffers of 64-bit words that begin at a cache line.

use bytemuck::{Pod, Zeroable};
use zeroize::Zeroize;

/// Words of a line.
pub(crate) const WORDS: usize = 8;

/// Eight words: a cache line, and a vector of the widest kernel.
#[derive(Clone, Copy, Pod, Zeroable, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u64; WORDS]);

impl Line {
    pub(crate) const ZERO: Self = Self([0; WORDS]);
}

impl zeroize::DefaultIsZeroes for Line {}

impl Default for Line {
    fn default() -> Self {
        Self::ZERO
    }
}

/// `words` zero words; a multiple of eight.
pub(crate) fn zeroed(words: usize) -> Vec<Line> {
    vec![Line::ZERO; words / WORDS]
}

pub(crate) fn words(lines: &[Line]) -> &[u64] {
    bytemuck::cast_slice(lines)
}

pub(crate) fn words_mut(lines: &mut [Line]) -> &mut [u64] {
    bytemuck::cast_slice_mut(lines)
}

/// A secret polynomial, or a temporary that shows one: erased on drop, never printed.
pub(crate) struct SecretLines(Vec<Line>);

impl SecretLines {
    pub(crate) fn zeroed(words: usize) -> Self {
        Self(zeroed(words))
    }

    pub(crate) fn lines_mut(&mut self) -> &mut [Line] {
        &mut self.0
    }

    pub(crate) fn words(&self) -> &[u64] {
        words(&self.0)
    }

    pub(crate) fn words_mut(&mut self) -> &mut [u64] {
        words_mut(&mut self.0)
    }
}

impl Drop for SecretLines {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
