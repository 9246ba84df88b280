//! The masked messages of chosen OT, validated on decode.

use privet_prim::Block;

use crate::error::{ApiMisuse, PeerMisbehaved};

/// Bytes per transfer.
pub const PAIR_BYTES: usize = 32;

/// Sender → receiver: `m_b ⊕ k_b` for both b of every transfer.
#[derive(Clone, PartialEq, Eq)]
pub struct Masked {
    pairs: Vec<[Block; 2]>,
}

impl Masked {
    const NAME: &'static str = "chosen-ot/masked";

    /// Masks messages with the keys of random OTs, which are used up.
    ///
    /// # Errors
    /// Different numbers of messages and keys.
    pub fn new(messages: &[[Block; 2]], mut keys: Vec<[Block; 2]>) -> Result<Self, ApiMisuse> {
        let (expected, got) = (messages.len(), keys.len());
        if expected != got {
            return Err(ApiMisuse::Length {
                what: "random OT keys",
                expected,
                got,
            });
        }
        for (key, message) in keys.iter_mut().zip(messages) {
            key.iter_mut().zip(message).for_each(|(k, m)| *k ^= *m);
        }
        Ok(Self { pairs: keys })
    }

    /// The message of each choice.
    ///
    /// # Errors
    /// Different numbers of choices, keys and masked messages.
    pub fn open(self, choices: &[bool], mut keys: Vec<Block>) -> Result<Vec<Block>, ApiMisuse> {
        let expected = self.pairs.len();
        for got in [choices.len(), keys.len()] {
            if got != expected {
                return Err(ApiMisuse::Length {
                    what: "choices or keys of chosen OT",
                    expected,
                    got,
                });
            }
        }
        for ((key, [zero, one]), &choice) in keys.iter_mut().zip(self.pairs).zip(choices) {
            *key ^= zero ^ (zero ^ one).select(choice);
        }
        Ok(keys)
    }

    /// The `32·n` bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.pairs
            .iter()
            .flatten()
            .flat_map(|block| block.to_bytes())
            .collect()
    }

    /// Reads and validates the message for `n` transfers.
    ///
    /// # Errors
    /// Another length than `32·n` bytes.
    pub fn decode(bytes: &[u8], n: usize) -> Result<Self, PeerMisbehaved> {
        let (expected, got) = (n.saturating_mul(PAIR_BYTES), bytes.len());
        if expected != got {
            return Err(PeerMisbehaved::Length {
                msg: Self::NAME,
                expected,
                got,
            });
        }
        let (blocks, _) = bytes.as_chunks::<16>();
        let (pairs, _) = blocks.as_chunks::<2>();
        Ok(Self {
            pairs: pairs
                .iter()
                .map(|pair| pair.map(Block::from_bytes))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_what_was_chosen() {
        let block = |i: u128| Block::from(i * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let messages: Vec<[Block; 2]> = (0..9).map(|i| [block(i), block(i + 50)]).collect();
        let keys: Vec<[Block; 2]> = (0..9).map(|i| [block(i + 100), block(i + 200)]).collect();
        let choices: Vec<bool> = (0..9).map(|i| i % 3 == 1).collect();
        let chosen = keys
            .iter()
            .zip(&choices)
            .map(|(k, &c)| k[usize::from(c)])
            .collect();
        let masked = Masked::new(&messages, keys).unwrap();
        let masked = Masked::decode(&masked.encode(), 9).unwrap();
        let got = masked.open(&choices, chosen).unwrap();
        for i in 0..9 {
            assert_eq!(got[i], messages[i][usize::from(choices[i])]);
        }
    }

    #[test]
    fn wrong_lengths_are_errors() {
        for len in [0, 31, 33, 64] {
            assert!(matches!(
                Masked::decode(&vec![0; len], 1),
                Err(PeerMisbehaved::Length { expected: 32, .. })
            ));
        }
        assert!(Masked::new(&[[Block::ZERO; 2]], vec![]).is_err());
        assert!(
            Masked::decode(&[0; 32], 1)
                .unwrap()
                .open(&[], vec![])
                .is_err()
        );
    }
}
