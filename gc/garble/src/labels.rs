//! Blocks for inputs, bits from outputs. Buffers are `[bit][lane]`; a lane's value is a word whose
//! bit `i` belongs to input or output bit `i`.

use privet_prim::{Block, Delta};

use crate::Error;

/// The garbler's blocks of `Garbler` and `Public` inputs: bit·Δ for bit `i` of each lane's word.
///
/// # Errors
/// [`Error::Buffers`] unless `out` has `bits` blocks for each word.
pub fn known_blocks(
    delta: &Delta,
    words: &[u64],
    bits: usize,
    out: &mut [Block],
) -> Result<(), Error> {
    fill(words, bits, out, |bit| delta.block().select(bit))
}

/// The evaluator's blocks of `Public` inputs: 128 equal bits for bit `i` of each lane's word.
///
/// # Errors
/// [`Error::Buffers`] unless `out` has `bits` blocks for each word.
pub fn public_masks(words: &[u64], bits: usize, out: &mut [Block]) -> Result<(), Error> {
    fill(words, bits, out, Block::mask)
}

/// Active labels of the garbler's own `Mixed` inputs, to be sent: `zero ⊕ bit·Δ`.
///
/// # Errors
/// [`Error::Buffers`] unless `zero` and `out` have `bits` blocks for each word.
pub fn active_labels(
    delta: &Delta,
    zero: &[Block],
    words: &[u64],
    bits: usize,
    out: &mut [Block],
) -> Result<(), Error> {
    Error::length("blocks of zero-labels", words.len() * bits, zero.len())?;
    known_blocks(delta, words, bits, out)?;
    for (out, zero) in out.iter_mut().zip(zero) {
        *out ^= *zero;
    }
    Ok(())
}

/// Turns the keys of correlated OT into zero-labels of `Evaluator` inputs: colour 0.
pub fn known_keys(keys: &mut [Block]) {
    for key in keys {
        *key = key.with_colour(false);
    }
}

/// Turns the MACs of correlated OT into active labels of `Evaluator` inputs: the colour of MAC `i`
/// becomes `choices[i]`. With `M = K ⊕ x·Δ` and Δ of colour 1 this matches [`known_keys`].
///
/// # Errors
/// [`Error::Buffers`] unless there is a choice for each MAC.
pub fn known_macs(macs: &mut [Block], choices: &[bool]) -> Result<(), Error> {
    Error::length("choices", macs.len(), choices.len())?;
    for (mac, choice) in macs.iter_mut().zip(choices) {
        *mac = mac.with_colour(*choice);
    }
    Ok(())
}

/// Colour bits of labels, one word for each lane: what decodes outputs. The value of an output is
/// the colours of its zero-labels xor the colours of its active labels; whoever is to learn it gets
/// the colours that it lacks, and nobody sends labels.
///
/// # Errors
/// [`Error::Buffers`] unless there are at most 64 bits and `labels` has `bits` blocks for each of
/// the `words`.
pub fn colours(labels: &[Block], bits: usize, words: &mut [u64]) -> Result<(), Error> {
    Error::length("output bits above the 64 of a word", bits.min(64), bits)?;
    Error::length("blocks of outputs", words.len() * bits, labels.len())?;
    words.fill(0);
    if words.is_empty() {
        return Ok(());
    }
    for (bit, lanes) in labels.chunks_exact(words.len()).enumerate() {
        for (word, label) in words.iter_mut().zip(lanes) {
            *word |= u64::from(label.colour()) << bit;
        }
    }
    Ok(())
}

fn fill(
    words: &[u64],
    bits: usize,
    out: &mut [Block],
    block: impl Fn(bool) -> Block,
) -> Result<(), Error> {
    Error::length("input bits above the 64 of a word", bits.min(64), bits)?;
    Error::length("blocks of inputs", words.len() * bits, out.len())?;
    if words.is_empty() {
        return Ok(());
    }
    for (bit, lanes) in out.chunks_exact_mut(words.len()).enumerate() {
        for (to, word) in lanes.iter_mut().zip(words) {
            *to = block(word >> bit & 1 == 1);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_colours_are_inverse() {
        let delta = Delta::random();
        let words = [0, 1, 0x8000_0000_0000_0000, u64::MAX, 0x0123_4567_89ab_cdef];
        let mut blocks = [Block::ZERO; 5 * 64];
        let mut back = [0; 5];
        known_blocks(&delta, &words, 64, &mut blocks).unwrap();
        colours(&blocks, 64, &mut back).unwrap();
        assert_eq!(back, words);
        assert_eq!(blocks[5 * 63 + 2], delta.block());
        public_masks(&words, 64, &mut blocks).unwrap();
        assert_eq!(blocks[5 * 63 + 2], Block::ONES);
        assert_eq!(blocks[5 * 63], Block::ZERO);
    }

    #[test]
    fn labels_of_known_bits_keep_their_relation() {
        let delta = Delta::random();
        let choices: Vec<bool> = (0..40).map(|i| i % 3 == 0).collect();
        let mut keys: Vec<Block> = (0..40).map(|_| Block::random()).collect();
        let mut macs: Vec<Block> = keys
            .iter()
            .zip(&choices)
            .map(|(k, x)| *k ^ delta.block().select(*x))
            .collect();
        known_keys(&mut keys);
        known_macs(&mut macs, &choices).unwrap();
        for ((key, mac), choice) in keys.iter().zip(&macs).zip(&choices) {
            assert!(!key.colour());
            assert_eq!(*mac, *key ^ delta.block().select(*choice));
        }
    }

    #[test]
    fn active_labels_are_zero_labels_moved_by_delta() {
        let delta = Delta::random();
        let zero = [
            Block::random(),
            Block::random(),
            Block::random(),
            Block::random(),
        ];
        let mut active = [Block::ZERO; 4];
        active_labels(&delta, &zero, &[0b01, 0b10], 2, &mut active).unwrap();
        assert_eq!(active[0], zero[0] ^ delta.block());
        assert_eq!(active[1], zero[1]);
        assert_eq!(active[2], zero[2]);
        assert_eq!(active[3], zero[3] ^ delta.block());
    }

    #[test]
    fn wrong_lengths_are_errors() {
        let delta = Delta::random();
        assert!(known_blocks(&delta, &[0; 2], 3, &mut [Block::ZERO; 5]).is_err());
        assert!(known_blocks(&delta, &[0; 1], 65, &mut [Block::ZERO; 65]).is_err());
        assert!(colours(&[Block::ZERO; 5], 3, &mut [0; 2]).is_err());
        assert!(known_macs(&mut [Block::ZERO; 2], &[true]).is_err());
        assert!(active_labels(&delta, &[Block::ZERO], &[0; 2], 1, &mut [Block::ZERO; 2]).is_err());
    }
}
