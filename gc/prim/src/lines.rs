//! Blocks that begin at a cache line.
#![expect(
    clippy::indexing_slicing,
    reason = "`len` never exceeds the blocks held"
)]

use std::fmt;
use std::ops::{Deref, DerefMut};

use bytemuck::{Pod, Zeroable};
use zeroize::Zeroize;

use crate::Block;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([Block; 4]);

/// A buffer of blocks whose first byte is at a multiple of 64, so that wide loads never straddle a
/// cache line. It keeps its allocation between uses and is erased on drop.
#[derive(Default)]
pub struct Lines {
    lines: Vec<Line>,
    len: usize,
}

impl Lines {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lines: Vec::new(),
            len: 0,
        }
    }

    /// A buffer of `len` zero blocks.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        let mut lines = Self::new();
        lines.resize(len);
        lines
    }

    /// Makes it `len` blocks long. Blocks kept keep their values; new ones may hold old values.
    pub fn resize(&mut self, len: usize) {
        let lines = len.div_ceil(4);
        if lines > self.lines.len() {
            // Growing a vector would copy the labels and leave the old ones unerased.
            let mut larger = vec![Line::zeroed(); lines];
            larger[..self.lines.len()].copy_from_slice(&self.lines);
            self.erase();
            self.lines = larger;
        }
        self.len = len;
    }

    fn erase(&mut self) {
        bytemuck::cast_slice_mut::<Line, Block>(&mut self.lines).zeroize();
    }
}

impl Deref for Lines {
    type Target = [Block];
    fn deref(&self) -> &[Block] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [Block] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.erase();
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lines({} blocks)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_and_kept_across_growth() {
        let mut lines = Lines::zeroed(3);
        assert_eq!(&lines[..], &[Block::ZERO; 3]);
        lines[2] = Block::ONES;
        lines.resize(1001);
        assert_eq!(lines.len(), 1001);
        assert_eq!(lines.as_ptr().align_offset(64), 0);
        assert_eq!(lines[2], Block::ONES);
        lines.resize(2);
        assert_eq!(lines.len(), 2);
        assert_eq!(format!("{lines:?}"), "Lines(2 blocks)");
    }
}
