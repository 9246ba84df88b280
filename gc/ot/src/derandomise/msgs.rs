//! The message of derandomisation, validated on decode.

use privet_prim::Block;

use crate::error::{ApiMisuse, PeerMisbehaved};

/// Receiver → sender: wished choice ⊕ random choice, 8 to a byte, lowest bit first; bits beyond the last are 0.
#[derive(Clone, PartialEq, Eq)]
pub struct Flips {
    packed: Vec<u8>,
    n: usize,
}

impl Flips {
    const NAME: &'static str = "derandomise/flips";

    /// From the receiver's wishes and its random MACs, whose colours are the random choices.
    ///
    /// # Errors
    /// Different numbers of choices and MACs.
    pub fn new(choices: &[bool], macs: &[Block]) -> Result<Self, ApiMisuse> {
        let (expected, got) = (choices.len(), macs.len());
        if expected != got {
            return Err(ApiMisuse::Length {
                what: "MACs to derandomise",
                expected,
                got,
            });
        }
        let packed = choices
            .chunks(8)
            .zip(macs.chunks(8))
            .map(|(choices, macs)| {
                let bits = choices
                    .iter()
                    .zip(macs)
                    .map(|(&choice, mac)| choice ^ mac.colour());
                bits.enumerate()
                    .fold(0u8, |byte, (i, bit)| byte | u8::from(bit) << i)
            })
            .collect();
        Ok(Self {
            packed,
            n: choices.len(),
        })
    }

    /// The sender's keys for the wished choices: `K ⊕ flip·Δ`.
    ///
    /// # Errors
    /// Another number of keys than flips.
    pub fn apply(&self, delta: Block, keys: &mut [Block]) -> Result<(), ApiMisuse> {
        let (expected, got) = (self.n, keys.len());
        if expected != got {
            return Err(ApiMisuse::Length {
                what: "keys to derandomise",
                expected,
                got,
            });
        }
        for (byte, keys) in self.packed.iter().zip(keys.chunks_mut(8)) {
            for (i, key) in keys.iter_mut().enumerate() {
                *key ^= delta.select(byte >> i & 1 == 1);
            }
        }
        Ok(())
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> &[u8] {
        &self.packed
    }

    /// Reads and validates the message for `n` transfers.
    ///
    /// # Errors
    /// Another length than ⌈n/8⌉ bytes, or a bit set beyond the last transfer.
    pub fn decode(bytes: &[u8], n: usize) -> Result<Self, PeerMisbehaved> {
        let (expected, got) = (n.div_ceil(8), bytes.len());
        if expected != got {
            return Err(PeerMisbehaved::Length {
                msg: Self::NAME,
                expected,
                got,
            });
        }
        let spare = bytes
            .last()
            .is_some_and(|last| !n.is_multiple_of(8) && last >> (n % 8) != 0);
        if spare {
            return Err(PeerMisbehaved::SpareBits { msg: Self::NAME });
        }
        Ok(Self {
            packed: bytes.to_vec(),
            n,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_random_choices_into_wished_ones() {
        let delta = Block::ONES;
        for n in [0, 1, 7, 8, 9, 100] {
            let wish: Vec<bool> = (0..n).map(|i| i % 3 == 0).collect();
            let keys: Vec<Block> = (0..n).map(|i| Block::from((i as u128) << 9)).collect();
            let macs: Vec<Block> = keys
                .iter()
                .enumerate()
                .map(|(i, k)| *k ^ delta.select(i % 2 == 0))
                .collect();
            let flips = Flips::new(&wish, &macs).unwrap();
            let flips = Flips::decode(flips.encode(), n).unwrap();
            let mut derandomised = keys.clone();
            flips.apply(delta, &mut derandomised).unwrap();
            for i in 0..n {
                assert_eq!(macs[i], derandomised[i] ^ delta.select(wish[i]), "{n} {i}");
            }
            assert!(Flips::decode(&vec![0; n.div_ceil(8) + 1], n).is_err());
            assert!(flips.apply(delta, &mut vec![Block::ZERO; n + 1]).is_err());
        }
        assert_eq!(
            Flips::decode(&[0b100], 2).err(),
            Some(PeerMisbehaved::SpareBits { msg: Flips::NAME })
        );
    }
}
