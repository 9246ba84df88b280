//! The owner of the weights: receives ciphertexts, answers with masked products.
//!
//! - Functionality: from ciphertexts of `m_k` and weights `w_k` to a reply from which the client learns the wanted coefficients of
//!   `Σ_k w_k·m_k + mask` modulo `2^l`, and nothing else about the weights.
//! - Secure against: a semi-honest client. The second component is hidden by a fresh encryption of zero under the client's public key,
//!   at full Q (RLWE with a ternary secret of the server's); the sum's error and that of the encryption of zero, which the client could
//!   compute from the first component, by flooding ([`noise::hiding_bits`](crate::noise::hiding_bits)); the value by a mask that is an
//!   exact multiple of the scale.
//! - From: re-randomisation and flooding as in Gentry's thesis (2009, chapter 21); rescaling as in Cheetah (eprint 2022/207).
//!   Differs: the flood takes the place of the zero encryption's own error in the first component; both components are rescaled directly
//!   from Q to a power of two; coefficients that nobody wants are not sent.
//! - Cost for n answers: 1 message, server → client, of [`sizes::reply`] bytes; per answer and prime three transforms.

use privet_prim::{Block, Prg};
use privet_ring::Ring;
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::backend::Reply;
use crate::basis::{Basis, MAX_PRIMES, Residues, round};
use crate::client::{FREE_PART, stream};
use crate::error::{ApiMisuse, Error, PeerMisbehaved};
use crate::kernels::active;
use crate::lines::{Line, SecretLines, words, words_mut, zeroed};
use crate::packing::{Reader, Writer, mask};
use crate::params::{HIGH_BITS, LOW_BITS, Parameters};
use crate::positions::Positions;
use crate::products::Product;
use crate::sample;
use crate::sizes;

/// Components of a ciphertext.
pub(crate) const PARTS: usize = 2;

/// A client's input under encryption: evaluations of both components modulo each prime.
pub struct Ciphertext {
    pub(crate) basis: &'static Basis,
    /// By component and prime.
    pub(crate) parts: [Vec<Vec<Line>>; PARTS],
}

/// What the server needs to encrypt zero: evaluations of both components modulo each prime.
pub struct PublicKey {
    basis: &'static Basis,
    parts: [Vec<Vec<Line>>; PARTS],
}

/// A product, and what of it the client shall learn.
pub type Answer<'a> = Reply<'a, Product>;

/// Splits a message into its seed and the rest.
fn seed(message: &[u8]) -> (Block, &[u8]) {
    match message.split_first_chunk::<{ sizes::SEED }>() {
        Some((seed, rest)) => (Block::from_bytes(*seed), rest),
        None => (Block::ZERO, message),
    }
}

impl PublicKey {
    /// Reads the message of [`Keys::public_key`](crate::Keys::public_key).
    ///
    /// # Errors
    /// A message of another length, or with numbers that are no residues.
    pub fn parse(parameters: Parameters, message: &[u8]) -> Result<Self, Error> {
        const MSG: &str = "he/public-key";
        let basis = parameters.basis();
        PeerMisbehaved::length(MSG, sizes::public_key(parameters), message.len())?;
        let (seed, rest) = seed(message);
        let mut reader = Reader::new(rest);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for (part, q) in basis.moduli().enumerate() {
            let mut a = zeroed(parameters.degree());
            sample::residues(
                &mut Prg::with_stream(seed, part as u64),
                q,
                words_mut(&mut a),
            );
            second.push(a);
            let mut b = zeroed(parameters.degree());
            for (place, word) in words_mut(&mut b).iter_mut().enumerate() {
                *word = residue(&mut reader, q, (MSG, part, place))?;
            }
            first.push(b);
        }
        reader.finish(MSG)?;
        Ok(Self {
            basis,
            parts: [first, second],
        })
    }

    /// The parameter set of the key.
    #[must_use]
    pub const fn parameters(&self) -> Parameters {
        self.basis.parameters
    }

    /// The message from which the client learns the answers, of [`sizes::reply`] bytes. `prg` must be secret.
    ///
    /// # Errors
    /// A ring that the set does not serve; products, positions or masks that do not belong together.
    pub fn reply(
        &self,
        ring: Ring,
        prg: &mut Prg,
        answers: Vec<Answer<'_>>,
    ) -> Result<Vec<u8>, Error> {
        let parameters = self.basis.parameters;
        parameters.serves(ring)?;
        for answer in &answers {
            answer.product.belongs_to(parameters)?;
            let degree = parameters.degree();
            ApiMisuse::length("degree of positions", degree, answer.wanted.degree())?;
            ApiMisuse::length("masks", answer.wanted.len(), answer.masks.len())?;
        }
        let mut seeds = Zeroizing::new(vec![Block::ZERO; answers.len()]);
        prg.fill_blocks(&mut seeds);
        let parts: Vec<Vec<u8>> = answers
            .into_par_iter()
            .zip(seeds.par_iter())
            .map(|(answer, seed)| self.answer(ring, answer, Prg::new(*seed)))
            .collect();
        Ok(parts.concat())
    }

    fn answer(&self, ring: Ring, answer: Answer<'_>, mut prg: Prg) -> Vec<u8> {
        let parameters = self.basis.parameters;
        let [first, second] = self.rerandomise(answer.product, &mut prg);
        let (first, second) = (coefficients(&first), coefficients(&second));
        let (low, high) = (ring.bits() + LOW_BITS, ring.bits() + HIGH_BITS);
        let mut bytes = Vec::with_capacity(sizes::answer(parameters, ring, answer.wanted.len()));
        let mut writer = Writer::new(&mut bytes);
        for place in 0..parameters.degree() {
            let fraction = self.basis.fraction(&at(&second, place));
            writer.put(round(fraction, high), high);
        }
        let floods = sample::floods(&mut prg, parameters.flood_bits(ring), answer.wanted.len());
        for ((place, mask), flood) in answer.wanted.iter().zip(answer.masks).zip(floods.iter()) {
            let mut residues = at(&first, place);
            let flood = self.basis.residues(*flood);
            for ((residue, q), flood) in residues.iter_mut().zip(self.basis.moduli()).zip(flood) {
                *residue = q.add(*residue, flood);
            }
            // A mask m adds Q·m/2^l before rescaling, which is m·2^4 exactly behind it.
            let rescaled = round(self.basis.fraction(&residues), low);
            writer.put(rescaled.wrapping_add(mask << LOW_BITS), low);
        }
        writer.finish();
        bytes
    }

    /// Adds an encryption of zero; gives coefficients. Its error in the first component is left to the flood.
    fn rerandomise(&self, product: Product, prg: &mut Prg) -> [Vec<SecretLines>; PARTS] {
        let degree = self.basis.parameters.degree();
        let digits = sample::ternary(prg, degree);
        let digit = |i: usize| digits.get(i).copied().map_or(0, i64::from);
        let random = self.basis.evaluate(active(), digit);
        let errors = sample::errors(prg, degree);
        let mut parts = product.into_parts();
        for (part, (own, key)) in parts.iter_mut().zip(&self.parts).enumerate() {
            let with = own.iter_mut().zip(key).zip(&random).zip(&self.basis.primes);
            for (((own, key), random), prime) in with {
                let q = prime.table.modulus;
                let zero = words(key).iter().zip(random.words());
                for (x, (k, u)) in own.words_mut().iter_mut().zip(zero) {
                    *x = q.add(*x, q.mul(*k, *u));
                }
                (active().inverse)(&prime.table, own.lines_mut());
                if part == 1 {
                    for (x, e) in own.words_mut().iter_mut().zip(errors.iter()) {
                        *x = q.add(*x, q.signed(i64::from(*e)));
                    }
                }
            }
        }
        parts
    }
}

impl Ciphertext {
    /// Reads the message of [`Keys::encrypt`](crate::Keys::encrypt) for polynomials with these free coefficients.
    ///
    /// # Errors
    /// A message of another length, or with numbers that are no residues; a ring or degree that does not belong to the set.
    pub fn parse(
        parameters: Parameters,
        ring: Ring,
        message: &[u8],
        free: &[&Positions],
    ) -> Result<Vec<Self>, Error> {
        parameters.serves(ring)?;
        for free in free {
            ApiMisuse::length("degree of positions", parameters.degree(), free.degree())?;
        }
        let expected = sizes::upload(parameters, ring, free.iter().copied());
        PeerMisbehaved::length(MSG, expected, message.len())?;
        let (seed, mut rest) = seed(message);
        let mut parts = Vec::with_capacity(free.len());
        for free in free {
            let (part, after) = rest.split_at(sizes::ciphertext(parameters, ring, free.len()));
            parts.push((part, *free));
            rest = after;
        }
        let basis = parameters.basis();
        parts
            .into_par_iter()
            .enumerate()
            .map(|(index, (bytes, free))| {
                Ok(Self::parse_one(basis, ring, bytes, free, (seed, index))?)
            })
            .collect()
    }

    fn parse_one(
        basis: &'static Basis,
        ring: Ring,
        bytes: &[u8],
        free: &Positions,
        (seed, index): (Block, usize),
    ) -> Result<Self, PeerMisbehaved> {
        let degree = basis.parameters.degree();
        let second = (0..).zip(basis.moduli()).map(|(part, q)| {
            let mut a = zeroed(degree);
            let mut public = Prg::with_stream(seed, stream(index, part));
            sample::residues(&mut public, q, words_mut(&mut a));
            a
        });
        let second = second.collect();
        let mut targets = Prg::with_stream(seed, stream(index, FREE_PART));
        let targets = sample::words(&mut targets, free.len());
        let mut targets = targets.iter();
        let mut first: Vec<Vec<Line>> = basis.moduli().map(|_| zeroed(degree)).collect();
        let mut reader = Reader::new(bytes);
        let short = basis.parameters.modulus_bits() - ring.bits();
        for (place, free) in free.flags().enumerate() {
            let residues = if free {
                let target = targets.next().copied().unwrap_or_default() & mask(ring.bits());
                let mut residues = basis.residues(reader.take_signed(short));
                let target = basis.encode(ring, target);
                for ((residue, q), target) in residues.iter_mut().zip(basis.moduli()).zip(target) {
                    *residue = q.add(*residue, target);
                }
                residues
            } else {
                let mut residues = Residues::default();
                for (value, q) in residues.iter_mut().zip(basis.moduli()) {
                    *value = residue(&mut reader, q, (MSG, index, place))?;
                }
                residues
            };
            for (lines, residue) in first.iter_mut().zip(residues) {
                if let Some(word) = words_mut(lines).get_mut(place) {
                    *word = residue;
                }
            }
        }
        reader.finish(MSG)?;
        for (lines, prime) in first.iter_mut().zip(&basis.primes) {
            (active().forward)(&prime.table, lines);
        }
        Ok(Self {
            basis,
            parts: [first, second],
        })
    }
}

const MSG: &str = "he/upload";

/// The next residue of a message.
fn residue(
    reader: &mut Reader<'_>,
    q: crate::modulus::Modulus,
    (msg, polynomial, coefficient): (&'static str, usize, usize),
) -> Result<u64, PeerMisbehaved> {
    let value = reader.take(q.bits());
    if value < q.value() {
        return Ok(value);
    }
    Err(PeerMisbehaved::Residue {
        msg,
        polynomial,
        coefficient,
        value,
        modulus: q.value(),
    })
}

/// The words of each prime's polynomial.
fn coefficients(parts: &[SecretLines]) -> Vec<&[u64]> {
    parts.iter().map(SecretLines::words).collect()
}

/// One coefficient's residues.
#[inline]
fn at(parts: &[&[u64]], place: usize) -> Residues {
    let mut residues = [0; MAX_PRIMES];
    for (residue, words) in residues.iter_mut().zip(parts) {
        *residue = words.get(place).copied().unwrap_or_default();
    }
    residues
}
