//! Tweakable circular correlation robust hash, re-keyed for every use.
//!
//! - Functionality: `H(x, i) = AES_{s ⊕ i}(σ(x)) ⊕ σ(x)` for a session secret `s` and a 64-bit index
//!   `i`, with σ of [`Block::sigma`].
//! - Secure against: any use in which no index meets more than the two blocks `x, x ⊕ Δ` of one
//!   label pair; 128 bits in the ideal cipher model, as each key then enciphers two blocks only and
//!   nothing is lost with the number of calls. Both parties know the key, so σ is not optional: in
//!   `H(x) ⊕ H(x ⊕ Δ) ⊕ Δ` the feed-forward without it would cancel Δ, leave
//!   `AES(x) ⊕ AES(x ⊕ Δ)`, and deciphering would give Δ to who knows `x`. With it
//!   `σ(Δ)` or `σ(Δ) ⊕ Δ` stays, which is not zero since σ is an orthomorphism.
//! - From: GKWWY20 (eprint 2019/1168) "Better concrete security for half-gates", circular correlation
//!   robustness with σ from GKWY20 (eprint 2019/074). Differs: the key is the secret of a session
//!   (known to both parties, not to others) xor the index.
//! - Cost: one AES key schedule and one AES block for a hash; no message.

use std::fmt;

use zeroize::Zeroize;

use crate::kernels::{Kernels, active};
use crate::{Block, Error};

/// A hash input that never repeats under one session secret: an index derived from the plan
/// (domain, instance, gate or OT number, half), never from the order of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tweak(pub u64);

/// The hash with its session secret. Garbling, OT and every other domain take different secrets.
pub struct Tccr {
    session: Block,
    kernels: &'static Kernels,
}

impl Tccr {
    /// The hash of the session with this secret.
    #[must_use]
    pub fn new(session_secret: Block) -> Self {
        Self::with_kernels(active(), session_secret)
    }

    /// The same with a kernel of the caller's choice, for comparisons.
    #[must_use]
    pub const fn with_kernels(kernels: &'static Kernels, session_secret: Block) -> Self {
        Self {
            session: session_secret,
            kernels,
        }
    }

    pub(crate) const fn kernels(&self) -> &'static Kernels {
        self.kernels
    }

    pub(crate) const fn session(&self) -> Block {
        self.session
    }

    /// `H(x, tweak)`.
    #[must_use]
    pub fn hash(&self, x: Block, tweak: Tweak) -> Block {
        let mut out = [x];
        (self.kernels.hash)(self.session, tweak.0, &mut out);
        out[0]
    }

    /// Replaces block `j` by `H(block, first + j)`. Sixteen and more at once fill the pipeline.
    ///
    /// # Errors
    /// [`Error::TweakRange`] if `first + blocks.len()` runs past 2^64.
    pub fn hash_in_place(&self, first: Tweak, blocks: &mut [Block]) -> Result<(), Error> {
        if first.0.checked_add(blocks.len() as u64).is_none() {
            return Err(Error::TweakRange {
                base: first.0,
                count: blocks.len() as u128,
            });
        }
        (self.kernels.hash)(self.session, first.0, blocks);
        Ok(())
    }

    /// Replaces block `j` of `zeros` by `H(block, first + j)` and fills `ones` with `H(block ⊕ Δ, first + j)`.
    ///
    /// # Errors
    /// [`Error::Length`] if the slices differ in length, [`Error::TweakRange`] if `first + zeros.len()` runs past 2^64.
    pub fn hash_pairs(
        &self,
        first: Tweak,
        delta: Block,
        zeros: &mut [Block],
        ones: &mut [Block],
    ) -> Result<(), Error> {
        Error::check("blocks of hash output", zeros.len(), ones.len())?;
        if first.0.checked_add(zeros.len() as u64).is_none() {
            return Err(Error::TweakRange {
                base: first.0,
                count: zeros.len() as u128,
            });
        }
        (self.kernels.hash_pairs)(self.session, first.0, delta, zeros, ones);
        Ok(())
    }

    /// Writes `H(input[j], first + j)` to `out[j]`.
    ///
    /// # Errors
    /// [`Error::Length`] if the slices differ in length, [`Error::TweakRange`] if
    /// `first + input.len()` runs past 2^64.
    pub fn hash_many(&self, input: &[Block], first: Tweak, out: &mut [Block]) -> Result<(), Error> {
        Error::check("blocks of hash output", input.len(), out.len())?;
        out.copy_from_slice(input);
        self.hash_in_place(first, out)
    }
}

impl Drop for Tccr {
    fn drop(&mut self) {
        self.session.zeroize();
    }
}

impl fmt::Debug for Tccr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tccr(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Aes128;
    use crate::kernels::available;

    #[test]
    fn equals_its_definition() {
        let session = Block::random();
        let tccr = Tccr::new(session);
        for i in [0, 1, 0xffff_ffff, 0x1_0000_0000, u64::MAX] {
            let x = Block::random();
            let aes = Aes128::new(session ^ Block::from_words(i, 0));
            assert_eq!(tccr.hash(x, Tweak(i)), aes.encrypt(x.sigma()) ^ x.sigma());
        }
    }

    /// Who knows `x`, the key and a half gate's row must not find `x ⊕ Δ` by deciphering.
    #[test]
    fn a_row_does_not_decipher_to_the_other_label() {
        use aes::cipher::{Array, BlockCipherDecrypt, KeyInit};
        for kernels in available() {
            let session = Block::random();
            let tccr = Tccr::with_kernels(kernels, session);
            for i in 0..200 {
                let (x, delta) = (Block::random(), Block::random().with_colour(true));
                let tweak = Tweak(i);
                let key = session ^ Block::from_words(i, 0);
                let aes = Aes128::new(key);
                let pair = tccr.hash(x, tweak) ^ tccr.hash(x ^ delta, tweak);
                for row in [pair, pair ^ delta] {
                    for known in [x, x.sigma()] {
                        let mut y = Array((row ^ aes.encrypt(known)).to_bytes());
                        ::aes::Aes128::new(&Array(key.to_bytes())).decrypt_block(&mut y);
                        let found = Block::from_bytes(y.0);
                        assert_ne!(found ^ x, delta, "{}", kernels.name());
                        assert_ne!(found ^ x.sigma(), delta.sigma(), "{}", kernels.name());
                    }
                }
            }
        }
    }

    #[test]
    fn every_kernel_equals_portable() {
        let session = Block::random();
        let portable = Tccr::with_kernels(available()[0], session);
        for kernels in available() {
            let tccr = Tccr::with_kernels(kernels, session);
            for n in (0..70).chain([257]) {
                for first in [0, 5, 0xffff_fff0, u64::MAX - n as u64] {
                    let input: Vec<Block> = (0..n).map(|_| Block::random()).collect();
                    let (mut a, mut b) = (input.clone(), input.clone());
                    portable.hash_many(&input, Tweak(first), &mut a).unwrap();
                    tccr.hash_in_place(Tweak(first), &mut b).unwrap();
                    assert_eq!(a, b, "{} {n} {first}", kernels.name());
                    for (j, x) in input.iter().enumerate() {
                        assert_eq!(a[j], portable.hash(*x, Tweak(first + j as u64)));
                    }
                }
            }
        }
    }

    #[test]
    fn pairs_are_two_hashes_under_one_tweak() {
        let (session, delta) = (Block::random(), Block::random());
        let portable = Tccr::with_kernels(available()[0], session);
        for kernels in available() {
            let tccr = Tccr::with_kernels(kernels, session);
            for n in (0..40).chain([257]) {
                let input: Vec<Block> = (0..n).map(|_| Block::random()).collect();
                let (mut zeros, mut ones) = (input.clone(), vec![Block::ONES; n]);
                let first = u64::from(u32::MAX) - 3;
                tccr.hash_pairs(Tweak(first), delta, &mut zeros, &mut ones)
                    .unwrap();
                for (j, x) in input.iter().enumerate() {
                    let tweak = Tweak(first + j as u64);
                    assert_eq!(zeros[j], portable.hash(*x, tweak), "{}", kernels.name());
                    assert_eq!(ones[j], portable.hash(*x ^ delta, tweak));
                }
            }
            let one = || [Block::ZERO];
            assert!(
                tccr.hash_pairs(Tweak(0), delta, &mut one(), &mut [])
                    .is_err()
            );
            let last = Tweak(u64::MAX);
            assert!(
                tccr.hash_pairs(last, delta, &mut one(), &mut one())
                    .is_err()
            );
        }
    }

    #[test]
    fn wrong_lengths_and_ranges_are_errors() {
        let tccr = Tccr::new(Block::random());
        let mut out = [Block::ZERO; 3];
        assert!(matches!(
            tccr.hash_many(&[Block::ZERO; 2], Tweak(0), &mut out),
            Err(Error::Length {
                expected: 2,
                got: 3,
                ..
            })
        ));
        assert!(matches!(
            tccr.hash_in_place(Tweak(u64::MAX - 1), &mut out),
            Err(Error::TweakRange { count: 3, .. })
        ));
        assert_eq!(format!("{tccr:?}"), "Tccr(secret)");
    }
}
