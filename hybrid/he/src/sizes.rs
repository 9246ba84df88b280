//! Lengths of the messages, in bytes: pure functions of public parameters.

use privet_ring::Ring;

use crate::params::{HIGH_BITS, LOW_BITS, Parameters};
use crate::positions::Positions;

/// A seed.
pub const SEED: usize = 16;

/// The public key: a seed and one polynomial modulo Q.
#[must_use]
pub fn public_key(parameters: Parameters) -> usize {
    SEED + (parameters.degree() * parameters.modulus_bits() as usize).div_ceil(8)
}

/// One ciphertext from client to server with `free` free coefficients: those take `⌈log2 Q⌉ − bits`, all others `⌈log2 Q⌉` bits.
#[must_use]
pub fn ciphertext(parameters: Parameters, ring: Ring, free: usize) -> usize {
    let all = parameters.degree() * parameters.modulus_bits() as usize;
    (all - free.min(parameters.degree()) * ring.bits() as usize).div_ceil(8)
}

/// A message of ciphertexts: a seed, then each of them.
#[must_use]
pub fn upload<'a>(
    parameters: Parameters,
    ring: Ring,
    free: impl IntoIterator<Item = &'a Positions>,
) -> usize {
    let each = free.into_iter();
    SEED + each
        .map(|free| ciphertext(parameters, ring, free.len()))
        .sum::<usize>()
}

/// One ciphertext from server to client of which `wanted` coefficients are decrypted.
#[must_use]
pub fn answer(parameters: Parameters, ring: Ring, wanted: usize) -> usize {
    let second = parameters.degree() * (ring.bits() + HIGH_BITS) as usize;
    (second + wanted * (ring.bits() + LOW_BITS) as usize).div_ceil(8)
}

/// A message of answers.
#[must_use]
pub fn reply<'a>(
    parameters: Parameters,
    ring: Ring,
    wanted: impl IntoIterator<Item = &'a Positions>,
) -> usize {
    let each = wanted.into_iter();
    each.map(|wanted| answer(parameters, ring, wanted.len()))
        .sum()
}
