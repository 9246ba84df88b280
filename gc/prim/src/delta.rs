//! The global offset Δ of free-XOR labels and of correlated OT.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Block;

/// Global offset Δ: 127 random bits and colour bit 1. Fresh for every session; never printed,
/// erased on drop.
///
/// It is not `Copy`; who needs a second holder says so with [`Delta::duplicate`].
///
/// ```compile_fail,E0382
/// let delta = privet_prim::Delta::random();
/// let (one, two) = (delta, delta);
/// ```
pub struct Delta(Block);

impl Delta {
    /// Takes a block as Δ and sets its colour bit.
    #[must_use]
    pub fn new(block: Block) -> Self {
        Self(block.with_colour(true))
    }

    /// A fresh Δ from the operating system's generator.
    #[must_use]
    pub fn random() -> Self {
        Self::new(Block::random())
    }

    /// The offset itself, for arithmetic on labels.
    #[inline]
    #[must_use]
    pub const fn block(&self) -> Block {
        self.0
    }

    /// The same secret for a second holder (the OT that feeds labels and the garbler share Δ).
    #[must_use]
    pub const fn duplicate(&self) -> Self {
        Self(self.0)
    }
}

impl Drop for Delta {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Delta {}

impl fmt::Debug for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Delta(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_bit_is_one_and_nothing_prints() {
        for _ in 0..64 {
            assert!(Delta::random().block().colour());
        }
        assert!(Delta::new(Block::ZERO).block().colour());
        assert_ne!(Delta::random().block(), Delta::random().block());
        assert_eq!(format!("{:?}", Delta::random()), "Delta(secret)");
    }
}
