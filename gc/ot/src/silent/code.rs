//! The 10-local linear code: each output is ten entries of the secret, at public places.

use privet_prim::Block;

use super::kernels;

/// Entries of the secret in one output. Ferret (eprint 2020/924), §4.1: d = 10.
pub(super) const WEIGHT: usize = 10;

/// Bits from one place to the next within a word of 64.
pub(super) const FIELD: u32 = 21;

/// Adds to `out[i]` the ten entries of `secret` that row `first + i` of code `number` names.
///
/// Row r takes its places from two blocks, AES under `key` of `2r` and `2r + 1` with `number` above: four words of three 21-bit
/// fields each, in order; the first ten, modulo the secret's length.
///
/// The secret's length must be a power of two up to 2^21; others are cut down to it by the mask.
pub(super) fn encode(key: Block, number: u64, first: u64, secret: &[Block], out: &mut [Block]) {
    (kernels::active().encode)(key, number, first, secret, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_do_not_depend_on_how_they_are_cut() {
        let secret: Vec<Block> = (0..512).map(|_| Block::random()).collect();
        let key = Block::from(9);
        let mut whole = vec![Block::ZERO; 700];
        encode(key, 4, 0, &secret, &mut whole);
        for cut in [1, 127, 128, 300] {
            let mut parts = vec![Block::ZERO; 700];
            let (a, b) = parts.split_at_mut(cut);
            encode(key, 4, 0, &secret, a);
            encode(key, 4, cut as u64, &secret, b);
            assert_eq!(parts, whole);
        }
        let mut other = vec![Block::ZERO; 700];
        encode(key, 5, 0, &secret, &mut other);
        assert_ne!(other, whole);
    }

    #[test]
    fn each_row_sums_ten_places_that_cover_the_secret_evenly() {
        // One bit of the secret per place: a row's sum shows which places it has an odd number of times.
        let key = Block::from(10);
        let secret: Vec<Block> = (0..128).map(|i| Block::from(1u128 << i)).collect();
        let mut out = vec![Block::ZERO; 4096];
        encode(key, 0, 0, &secret, &mut out);
        let mut hits = [0u32; 128];
        for row in &out {
            let row = u128::from(*row);
            assert!(row.count_ones() <= 10 && row.count_ones() % 2 == 0);
            (0..128).for_each(|i| hits[i] += u32::from(row >> i & 1 == 1));
        }
        // Expectation 4096·10/128·(1 − 9/128…) ≈ 298, deviation 17.
        assert!(hits.iter().all(|&h| (190..410).contains(&h)), "{hits:?}");
    }
}
