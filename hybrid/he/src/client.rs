//! The key owner: encrypts inputs, decrypts replies.
//!
//! - Functionality: for each polynomial `m` over `Z_2^l` the server gets a ciphertext of it; coefficients marked free are uniform and
//!   chosen here. From a reply the client gets the wanted coefficients of a product plus the server's mask.
//! - Secure against: a semi-honest server, under RLWE with ternary secret (see [`Parameters`]). Keys and randomness are fresh for
//!   every [`Keys`]; a seed expands one message.
//! - From: RLWE encryption in the form of BFV (eprint 2012/144), symmetric, the second component from a seed. Differs: the scale is
//!   exactly `Q/2^l`, so that wrapping modulo `2^l` costs nothing; free coefficients are *defined* by a seed: with `y = −a·s + e`,
//!   `v = round(2^l·y/Q)` and `T` from the seed, `r = T − v`, and `y + round(Q·r/2^l) − round(Q·T/2^l)` is short. `T` being uniform and
//!   independent of `y`, the joint law of `r` and the ciphertext is that of an ordinary encryption of a uniform `r`.
//! - Cost for n ciphertexts: 1 message, client → server, of [`sizes::upload`] bytes; per ciphertext and prime an inverse transform.

use privet_prim::{Block, Prg};
use privet_ring::Ring;
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::basis::{Basis, Residues, round};
use crate::error::{ApiMisuse, Error, PeerMisbehaved};
use crate::kernels::active;
use crate::lines::{SecretLines, words_mut, zeroed};
use crate::packing::{Reader, Writer, mask};
use crate::params::{HIGH_BITS, LOW_BITS, Parameters};
use crate::positions::Positions;
use crate::sample;
use crate::sizes;

/// The part of a ciphertext's streams that holds the defining values of free coefficients; smaller ones hold the second component.
pub(crate) const FREE_PART: u64 = 3;

/// The stream of part `part` of ciphertext `index` under one seed.
pub(crate) const fn stream(index: usize, part: u64) -> u64 {
    4 * index as u64 + part
}

/// A polynomial to encrypt.
#[derive(Clone, Copy)]
pub struct Plain<'a> {
    /// One value for every coefficient, modulo `2^l`; values at free coefficients are ignored.
    pub values: &'a [u64],
    /// Coefficients whose values may be chosen here.
    pub free: &'a Positions,
}

/// The secret key, and the source of this client's randomness. Erased on drop, never printed, used for one preparation.
pub struct Keys {
    basis: &'static Basis,
    /// The secret's evaluations modulo each prime.
    secret: Vec<SecretLines>,
    prg: Prg,
}

impl Keys {
    /// A fresh secret from `prg`.
    #[must_use]
    pub fn generate(parameters: Parameters, mut prg: Prg) -> Self {
        let basis = parameters.basis();
        let digits = sample::ternary(&mut prg, parameters.degree());
        let digit = |i: usize| digits.get(i).copied().map_or(0, i64::from);
        Self {
            basis,
            secret: basis.evaluate(active(), digit),
            prg,
        }
    }

    /// The message with which the server can encrypt zero, of [`sizes::public_key`] bytes: a seed, and `−a·s + e` evaluated.
    pub fn public_key(&mut self) -> Vec<u8> {
        let parameters = self.basis.parameters;
        let seed = self.prg.next_block();
        let errors = sample::errors(&mut self.prg, parameters.degree());
        let error = |i: usize| errors.get(i).copied().map_or(0, i64::from);
        let errors = self.basis.evaluate(active(), error);
        let mut message = Vec::with_capacity(sizes::public_key(parameters));
        message.extend_from_slice(&seed.to_bytes());
        let mut writer = Writer::new(&mut message);
        for (place, q) in self.basis.moduli().enumerate() {
            let mut a = zeroed(parameters.degree());
            sample::residues(
                &mut Prg::with_stream(seed, place as u64),
                q,
                words_mut(&mut a),
            );
            let (secret, errors) = (self.secret.get(place), errors.get(place));
            let secret = secret.into_iter().flat_map(|s| s.words());
            let errors = errors.into_iter().flat_map(|e| e.words());
            for ((a, s), e) in words_mut(&mut a).iter().zip(secret).zip(errors) {
                writer.put(q.sub(*e, q.mul(*a, *s)), q.bits());
            }
        }
        writer.finish();
        message
    }

    /// Encrypts a batch: the message of [`sizes::upload`] bytes, and for every polynomial the values at its free coefficients.
    ///
    /// # Errors
    /// A ring that the set does not serve, or polynomials of another degree.
    pub fn encrypt(
        &mut self,
        ring: Ring,
        batch: &[Plain<'_>],
    ) -> Result<(Vec<u8>, Vec<Vec<u64>>), Error> {
        let parameters = self.basis.parameters;
        parameters.serves(ring)?;
        for plain in batch {
            let degree = parameters.degree();
            ApiMisuse::length("values of a polynomial", degree, plain.values.len())?;
            ApiMisuse::length("degree of positions", degree, plain.free.degree())?;
        }
        let seed = self.prg.next_block();
        let mut own = Zeroizing::new(vec![Block::ZERO; batch.len()]);
        self.prg.fill_blocks(&mut own);
        let work = batch.par_iter().zip(own.par_iter()).enumerate();
        let parts: Vec<(Vec<u8>, Vec<u64>)> = work
            .map(|(index, (plain, own))| self.encrypt_one(ring, *plain, (seed, index), *own))
            .collect();
        let free = batch.iter().map(|plain| plain.free);
        let mut message = Vec::with_capacity(sizes::upload(parameters, ring, free));
        message.extend_from_slice(&seed.to_bytes());
        let mut chosen = Vec::with_capacity(parts.len());
        for (bytes, values) in parts {
            message.extend_from_slice(&bytes);
            chosen.push(values);
        }
        Ok((message, chosen))
    }

    fn encrypt_one(
        &self,
        ring: Ring,
        plain: Plain<'_>,
        (seed, index): (Block, usize),
        own: Block,
    ) -> (Vec<u8>, Vec<u64>) {
        let basis = self.basis;
        let parameters = basis.parameters;
        let errors = sample::errors(&mut Prg::new(own), parameters.degree());
        let hidden = self.hide(seed, index, &errors);
        let hidden: Vec<&[u64]> = hidden.iter().map(SecretLines::words).collect();
        let mut targets = Prg::with_stream(seed, stream(index, FREE_PART));
        let targets = sample::words(&mut targets, plain.free.len());
        let mut targets = targets.iter();
        let mut bytes = Vec::with_capacity(sizes::ciphertext(parameters, ring, plain.free.len()));
        let mut writer = Writer::new(&mut bytes);
        let mut chosen = Vec::with_capacity(plain.free.len());
        let short = parameters.modulus_bits() - ring.bits();
        for ((place, free), value) in plain.free.flags().enumerate().zip(plain.values) {
            let mut residues = Residues::default();
            for (residue, words) in residues.iter_mut().zip(&hidden) {
                *residue = words.get(place).copied().unwrap_or_default();
            }
            if free {
                let target = targets.next().copied().unwrap_or_default() & ring.mask();
                let near = round(basis.fraction(&residues), ring.bits());
                let value = target.wrapping_sub(near) & ring.mask();
                let (own, public) = (basis.encode(ring, value), basis.encode(ring, target));
                for ((residue, q), (own, public)) in residues
                    .iter_mut()
                    .zip(basis.moduli())
                    .zip(own.into_iter().zip(public))
                {
                    *residue = q.sub(q.add(*residue, own), public);
                }
                writer.put_wide(basis.integer(&residues).cast_unsigned(), short);
                chosen.push(value);
            } else {
                let encoded = basis.encode(ring, *value & ring.mask());
                for ((residue, q), encoded) in residues.iter().zip(basis.moduli()).zip(encoded) {
                    writer.put(q.add(*residue, encoded), q.bits());
                }
            }
        }
        writer.finish();
        (bytes, chosen)
    }

    /// The coefficients of `−a·s + e` modulo each prime.
    fn hide(&self, seed: Block, index: usize, errors: &[i8]) -> Vec<SecretLines> {
        let one = |(part, (prime, secret)): (u64, (&crate::basis::Prime, &SecretLines))| {
            let q = prime.table.modulus;
            let mut a = SecretLines::zeroed(self.basis.parameters.degree());
            let mut public = Prg::with_stream(seed, stream(index, part));
            sample::residues(&mut public, q, a.words_mut());
            for (a, s) in a.words_mut().iter_mut().zip(secret.words()) {
                *a = q.neg(q.mul(*a, *s));
            }
            (active().inverse)(&prime.table, a.lines_mut());
            for (a, e) in a.words_mut().iter_mut().zip(errors) {
                *a = q.add(*a, q.signed(i64::from(*e)));
            }
            a
        };
        (0..)
            .zip(self.basis.primes.iter().zip(&self.secret))
            .map(one)
            .collect()
    }

    /// Decrypts a reply with these wanted coefficients: for each polynomial its values modulo `2^l` at them.
    ///
    /// # Errors
    /// A message of another length than [`sizes::reply`], or with spare bits set; a ring or degree that does not belong to the set.
    pub fn decrypt(
        &self,
        ring: Ring,
        message: &[u8],
        wanted: &[&Positions],
    ) -> Result<Vec<Vec<u64>>, Error> {
        let parameters = self.basis.parameters;
        parameters.serves(ring)?;
        for wanted in wanted {
            ApiMisuse::length("degree of positions", parameters.degree(), wanted.degree())?;
        }
        let expected = sizes::reply(parameters, ring, wanted.iter().copied());
        PeerMisbehaved::length("he/reply", expected, message.len())?;
        let mut rest = message;
        let mut parts = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let (part, after) = rest.split_at(sizes::answer(parameters, ring, wanted.len()));
            parts.push((part, *wanted));
            rest = after;
        }
        parts
            .into_par_iter()
            .map(|(part, wanted)| Ok(self.decrypt_one(ring, part, wanted)?))
            .collect()
    }

    fn decrypt_one(
        &self,
        ring: Ring,
        bytes: &[u8],
        wanted: &Positions,
    ) -> Result<Vec<u64>, PeerMisbehaved> {
        let basis = self.basis;
        let (low, high) = (ring.bits() + LOW_BITS, ring.bits() + HIGH_BITS);
        let mut reader = Reader::new(bytes);
        let second: Vec<i64> = (0..basis.parameters.degree())
            .map(|_| (reader.take(high) << (64 - high)).cast_signed() >> (64 - high))
            .collect();
        let value = |i: usize| second.get(i).copied().unwrap_or_default();
        let mut products = basis.evaluate(active(), value);
        for ((lines, prime), secret) in products.iter_mut().zip(&basis.primes).zip(&self.secret) {
            let q = prime.table.modulus;
            for (x, s) in lines.words_mut().iter_mut().zip(secret.words()) {
                *x = q.mul(*x, *s);
            }
            (active().inverse)(&prime.table, lines.lines_mut());
        }
        let products: Vec<&[u64]> = products.iter().map(SecretLines::words).collect();
        let mut values = Zeroizing::new(Vec::with_capacity(wanted.len()));
        for place in wanted.iter() {
            let mut residues = Residues::default();
            for (residue, words) in residues.iter_mut().zip(&products) {
                *residue = words.get(place).copied().unwrap_or_default();
            }
            // Below 2^(l + 9 + 13), far from a quarter of Q; the low word decides modulo 2^(l + 10).
            #[expect(clippy::cast_possible_truncation, reason = "the low word")]
            let product = basis.integer(&residues).cast_unsigned() as u64;
            let first = reader.take(low) << (HIGH_BITS - LOW_BITS);
            let sum = first.wrapping_add(product) & mask(high);
            values.push((sum.wrapping_add(1 << (HIGH_BITS - 1)) >> HIGH_BITS) & ring.mask());
        }
        reader.finish("he/reply")?;
        Ok(std::mem::take(&mut *values))
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod vectors;
