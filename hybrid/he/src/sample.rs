//! Sampling: uniform residues and bits from a public seed; secrets, errors and flooding without a branch on what is drawn.
#![expect(
    clippy::cast_possible_truncation,
    reason = "digits below three, and counts of at most 21 bits"
)]

use privet_prim::{Block, Prg};
use zeroize::Zeroizing;

use crate::modulus::Modulus;
use crate::packing::mask;
use crate::params::{ERROR_COINS, FLOOD_TERMS};

/// Ternary digits from one block: their joint distance from uniform is below `3^32 / 2^128 < 2^-77`.
const DIGITS: usize = 32;

/// `count` words of a stream.
pub(crate) fn words(prg: &mut Prg, count: usize) -> Zeroizing<Vec<u64>> {
    let mut words = Zeroizing::new(vec![0u64; count]);
    prg.fill_bytes(bytemuck::cast_slice_mut(&mut words));
    if cfg!(target_endian = "big") {
        words
            .iter_mut()
            .for_each(|word| *word = u64::from_le(*word));
    }
    words
}

/// Uniform residues from a public stream: the low bits of its words, those that are no residue passed over.
pub(crate) fn residues(prg: &mut Prg, modulus: Modulus, out: &mut [u64]) {
    let mut filled = 0;
    while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        // Whole blocks, so that the words form one stream.
        let drawn = words(prg, rest.len().next_multiple_of(2));
        let fitting = drawn
            .iter()
            .map(|word| word & mask(modulus.bits()))
            .filter(|word| *word < modulus.value());
        for (place, word) in rest.iter_mut().zip(fitting) {
            *place = word;
            filled += 1;
        }
    }
}

/// Uniform in {−1, 0, 1}.
pub(crate) fn ternary(prg: &mut Prg, count: usize) -> Zeroizing<Vec<i8>> {
    let mut blocks = Zeroizing::new(vec![Block::ZERO; count.div_ceil(DIGITS)]);
    prg.fill_blocks(&mut blocks);
    let mut digits = Zeroizing::new(vec![0i8; count]);
    for (digits, block) in digits.chunks_mut(DIGITS).zip(blocks.iter()) {
        // The block is a fraction in base 2^128; each step takes its first digit in base three.
        let mut fraction = u128::from(*block);
        for digit in digits {
            let (high, low) = (fraction >> 64, fraction & u128::from(u64::MAX));
            let low = 3 * low;
            let high = 3 * high + (low >> 64);
            *digit = (high >> 64) as i8 - 1;
            fraction = (high << 64) | (low & u128::from(u64::MAX));
        }
    }
    digits
}

/// Centred binomial: the difference of two sums of [`ERROR_COINS`] coins.
pub(crate) fn errors(prg: &mut Prg, count: usize) -> Zeroizing<Vec<i8>> {
    let drawn = words(prg, count);
    let coins = mask(ERROR_COINS);
    let error = |word: &u64| {
        let (ups, downs) = (word & coins, (word >> ERROR_COINS) & coins);
        ups.count_ones() as i8 - downs.count_ones() as i8
    };
    Zeroizing::new(drawn.iter().map(error).collect())
}

/// Sums of [`FLOOD_TERMS`] uniform values in `[−2^(bits−1), 2^(bits−1))`.
pub(crate) fn floods(prg: &mut Prg, bits: u32, count: usize) -> Zeroizing<Vec<i128>> {
    let (terms, width) = (FLOOD_TERMS as usize, bits.div_ceil(64) as usize);
    let drawn = words(prg, terms * width * count);
    let centre = i128::from(FLOOD_TERMS) << (bits - 1);
    let flood = |words: &[u64]| {
        let values = words.chunks_exact(width).map(|words| {
            let wide = words
                .iter()
                .fold(0u128, |wide, word| (wide << 64) | u128::from(*word));
            (wide & (u128::MAX >> (128 - bits))).cast_signed()
        });
        values.sum::<i128>() - centre
    };
    Zeroizing::new(drawn.chunks_exact(terms * width).map(flood).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Parameters;

    const COUNT: usize = 1 << 18;

    fn prg() -> Prg {
        Prg::new(Block::from(77))
    }

    #[test]
    fn ternary_digits_are_the_fractions_digits() {
        let mut block = [Block::ZERO];
        prg().fill_blocks(&mut block);
        let mut fraction = u128::from(block[0]);
        for digit in ternary(&mut prg(), DIGITS).iter() {
            // ⌊3·fraction / 2^128⌋ by comparison with the thirds.
            let third = u128::MAX / 3;
            let expected = i8::from(fraction > third) + i8::from(fraction > 2 * third) - 1;
            assert_eq!(*digit, expected);
            fraction = fraction.wrapping_mul(3);
        }
    }

    #[test]
    fn ternary_is_even_and_independent() {
        let digits = ternary(&mut prg(), COUNT);
        let mut pairs = [0u32; 9];
        for pair in digits.chunks_exact(2) {
            pairs[(3 * (pair[0] + 1) + pair[1] + 1) as usize] += 1;
        }
        let expected = COUNT as f64 / 18.0;
        let chi: f64 = pairs
            .iter()
            .map(|n| (f64::from(*n) - expected).powi(2) / expected)
            .sum();
        // Eight degrees of freedom: above 50 once in 10^7.
        assert!(chi < 50.0, "{chi}");
    }

    #[test]
    fn errors_are_binomial() {
        let errors = errors(&mut prg(), COUNT);
        let mean = errors.iter().map(|e| f64::from(*e)).sum::<f64>() / COUNT as f64;
        let square = errors.iter().map(|e| f64::from(*e).powi(2)).sum::<f64>() / COUNT as f64;
        assert!(mean.abs() < 0.04, "{mean}");
        assert!((square - 10.5).abs() < 0.16, "{square}");
        assert!(errors.iter().any(|e| *e > 12) && errors.iter().any(|e| *e < -12));
    }

    #[test]
    fn floods_have_the_width_of_eight_uniforms() {
        for bits in [20, 59, 64, 65, 109] {
            let floods = floods(&mut prg(), bits, COUNT);
            let unit = 2f64.powi(bits.cast_signed());
            let scaled = floods.iter().map(|f| *f as f64 / unit);
            let mean = scaled.clone().sum::<f64>() / COUNT as f64;
            let square = scaled.clone().map(|f| f * f).sum::<f64>() / COUNT as f64;
            let fourth = scaled.clone().map(|f| f.powi(4)).sum::<f64>() / COUNT as f64;
            assert!(mean.abs() < 0.01, "{bits}: {mean}");
            assert!((square - 8.0 / 12.0).abs() < 0.01, "{bits}: {square}");
            // Irwin–Hall of eight: kurtosis 3 − 6/(5·8).
            assert!((fourth / square.powi(2) - 2.85).abs() < 0.05, "{bits}");
            assert!(scaled.clone().all(|f| f.abs() <= 4.0));
        }
    }

    #[test]
    fn residues_are_one_stream_and_below_the_modulus() {
        for set in Parameters::ALL {
            for modulus in set.moduli() {
                let mut whole = vec![0; 5000];
                residues(&mut prg(), *modulus, &mut whole);
                assert!(whole.iter().all(|x| *x < modulus.value()));
                let stream = words(&mut prg(), 6000);
                let expected: Vec<u64> = stream
                    .iter()
                    .map(|word| word & mask(modulus.bits()))
                    .filter(|word| *word < modulus.value())
                    .take(5000)
                    .collect();
                assert_eq!(whole, expected);
            }
        }
    }
}
