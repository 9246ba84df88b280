//! From a transfer's hash to one mask per product.

use bytemuck::AnyBitPattern;
use privet_prim::{Block, Prg};

/// A mask's unsigned type: at least as wide as the field it hides.
pub(super) trait Slot: AnyBitPattern {
    /// Bytes of a mask.
    const BYTES: usize;

    fn word(self) -> u64;
}

macro_rules! slot {
    ($($t:ty),*) => {$(
        impl Slot for $t {
            const BYTES: usize = size_of::<$t>();

            #[inline]
            fn word(self) -> u64 {
                Self::from_le(self).into()
            }
        }
    )*};
}

slot!(u16, u32, u64);

/// `n` masks: the hash itself where it has room for them, else the stream that it seeds. Which of both is public.
pub(super) fn expand<S: Slot>(hash: Block, n: usize, scratch: &mut Vec<Block>) -> &[S] {
    let blocks = (n * S::BYTES).div_ceil(size_of::<Block>());
    scratch.resize(blocks, Block::ZERO);
    match scratch.as_mut_slice() {
        [one] => *one = hash,
        many => Prg::new(hash).fill_blocks(many),
    }
    bytemuck::cast_slice(scratch).split_at(n).0
}
