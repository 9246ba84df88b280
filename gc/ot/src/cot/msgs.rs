//! The message of the set-up that follows the base OTs, validated on decode.
//!
//! The extension's own message is bulk: 16·⌈n/128⌉ bytes per tree and chunk, written into and read from borrowed buffers.

use privet_prim::Block;

use crate::error::PeerMisbehaved;
use crate::pprf::LEVEL_BYTES;

/// Bytes of [`Corrections`]: 128 tree levels whatever the field size.
pub const CORRECTION_BYTES: usize = 128 * LEVEL_BYTES;

/// Receiver → sender: per tree and level the masked sums of left and right nodes.
#[derive(Clone, PartialEq, Eq)]
pub struct Corrections {
    pub(crate) levels: Vec<[Block; 2]>,
}

impl Corrections {
    const NAME: &'static str = "cot/corrections";

    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.levels
            .iter()
            .flatten()
            .flat_map(|block| block.to_bytes())
            .collect()
    }

    /// Reads and validates the message.
    ///
    /// # Errors
    /// Another length than [`CORRECTION_BYTES`].
    pub fn decode(bytes: &[u8]) -> Result<Self, PeerMisbehaved> {
        let wrong = PeerMisbehaved::Length {
            msg: Self::NAME,
            expected: CORRECTION_BYTES,
            got: bytes.len(),
        };
        if bytes.len() != CORRECTION_BYTES {
            return Err(wrong);
        }
        let (blocks, _) = bytes.as_chunks::<16>();
        let (pairs, _) = blocks.as_chunks::<2>();
        Ok(Self {
            levels: pairs
                .iter()
                .map(|pair| pair.map(Block::from_bytes))
                .collect(),
        })
    }
}
