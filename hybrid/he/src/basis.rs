//! A parameter set's constants: transforms, and conversion between residues, integers modulo Q and fractions of Q.

use std::sync::LazyLock;

use privet_ring::Ring;

use crate::kernels::Kernel;
use crate::lines::{SecretLines, WORDS};
use crate::modulus::Modulus;
use crate::params::Parameters;
use crate::table::Table;

/// Most primes of a set.
pub(crate) const MAX_PRIMES: usize = 3;

/// Fraction bits with which [`Basis::integer`] finds the multiple of Q: three quotients below one fit.
const QUOTIENT_BITS: u32 = 124;

/// One residue a prime; places beyond the set's primes are zero.
pub(crate) type Residues = [u64; MAX_PRIMES];

/// What belongs to one prime.
pub(crate) struct Prime {
    pub(crate) table: Table,
    /// `(Q/q)^−1` modulo q.
    cofactor_inverse: u64,
    /// `Q/q` modulo 2^128.
    cofactor: u128,
    /// `⌊2^128 / q⌋`, and `⌊2^192 / q⌋` modulo 2^64: together `2^192/q` but for a fraction.
    fraction: (u128, u64),
    /// `−2^−l` modulo q, for every `l` below 64.
    halvings: Vec<u64>,
}

/// The constants of a parameter set.
pub(crate) struct Basis {
    pub(crate) parameters: Parameters,
    pub(crate) primes: Vec<Prime>,
    /// Q modulo 2^128.
    product: u128,
}

static BASES: [LazyLock<Basis>; 3] = [
    LazyLock::new(|| Basis::new(Parameters::Pair50)),
    LazyLock::new(|| Basis::new(Parameters::Triple35)),
    LazyLock::new(|| Basis::new(Parameters::Strict)),
];

impl Parameters {
    pub(crate) fn basis(self) -> &'static Basis {
        let [pair, triple, strict] = &BASES;
        match self {
            Self::Pair50 => pair,
            Self::Triple35 => triple,
            Self::Strict => strict,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the low words of wide values are what is wanted"
)]
impl Basis {
    fn new(parameters: Parameters) -> Self {
        let moduli = parameters.moduli();
        let primes = moduli.iter().map(|q| {
            let others = moduli.iter().filter(|other| *other != q);
            let (cofactor, residue) = others.fold((1u128, 1), |(all, residue), other| {
                let wide = u128::from(other.value());
                (
                    all.wrapping_mul(wide),
                    q.mul(residue, q.reduce(other.value())),
                )
            });
            Prime::new(*q, parameters.degree(), cofactor, q.invert(residue))
        });
        Self {
            parameters,
            primes: primes.collect(),
            product: moduli
                .iter()
                .fold(1u128, |all, q| all.wrapping_mul(u128::from(q.value()))),
        }
    }

    pub(crate) fn moduli(&self) -> impl Iterator<Item = Modulus> {
        self.primes.iter().map(|prime| prime.table.modulus)
    }

    /// `round(Q·m / 2^l)` modulo each prime, for `m` modulo `2^l`. It is `(Q·m − d)/2^l` with `d` the signed residue of `Q·m`
    /// modulo `2^l`; modulo a prime, `−d/2^l`.
    #[inline]
    pub(crate) fn encode(&self, ring: Ring, m: u64) -> Residues {
        let rest = ring.wrap((self.product as u64).wrapping_mul(m).cast_signed());
        let mut residues = Residues::default();
        for (residue, prime) in residues.iter_mut().zip(&self.primes) {
            *residue = prime.halve(ring, rest);
        }
        residues
    }

    /// `⌊2^128·x / Q⌋` modulo 2^128, up to three units too small, for the value with these residues.
    #[inline]
    pub(crate) fn fraction(&self, residues: &Residues) -> u128 {
        let parts = residues.iter().zip(&self.primes);
        parts.fold(0, |sum, (residue, prime)| {
            let share = prime.table.modulus.mul(*residue, prime.cofactor_inverse);
            let low = (u128::from(share) * u128::from(prime.fraction.1)) >> 64;
            sum.wrapping_add(u128::from(share).wrapping_mul(prime.fraction.0))
                .wrapping_add(low)
        })
    }

    /// The integer with these residues, if its absolute value is below `2^127` and a quarter of Q.
    #[inline]
    pub(crate) fn integer(&self, residues: &Residues) -> i128 {
        let (mut sum, mut quotient) = (0u128, 1u128 << (QUOTIENT_BITS - 1));
        for (residue, prime) in residues.iter().zip(&self.primes) {
            let share = u128::from(prime.table.modulus.mul(*residue, prime.cofactor_inverse));
            sum = sum.wrapping_add(share.wrapping_mul(prime.cofactor));
            quotient += share * (prime.fraction.0 >> (128 - QUOTIENT_BITS));
        }
        sum.wrapping_sub((quotient >> QUOTIENT_BITS).wrapping_mul(self.product))
            .cast_signed()
    }

    /// The residues of a signed integer of up to 126 bits and sign.
    #[inline]
    pub(crate) fn residues(&self, x: i128) -> Residues {
        let mut residues = Residues::default();
        for (residue, q) in residues.iter_mut().zip(self.moduli()) {
            *residue = q.signed_wide(x);
        }
        residues
    }

    /// `value(i)` at every coefficient, modulo every prime, evaluated.
    pub(crate) fn evaluate(
        &self,
        kernel: &Kernel,
        value: impl Fn(usize) -> i64,
    ) -> Vec<SecretLines> {
        let one = |prime: &Prime| {
            let mut lines = SecretLines::zeroed(self.parameters.degree());
            for (i, word) in lines.words_mut().iter_mut().enumerate() {
                *word = prime.table.modulus.signed(value(i));
            }
            (kernel.forward)(&prime.table, lines.lines_mut());
            lines
        };
        self.primes.iter().map(one).collect()
    }

    /// Lines of a polynomial modulo one prime.
    pub(crate) const fn lines(&self) -> usize {
        self.parameters.degree() / WORDS
    }
}

/// A fraction with 128 bits, rounded to its first `bits` bits, modulo one; `1 ≤ bits ≤ 64`.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "at most 64 bits remain")]
pub(crate) const fn round(fraction: u128, bits: u32) -> u64 {
    (fraction.wrapping_add(1 << (127 - bits)) >> (128 - bits)) as u64
}

impl Prime {
    fn new(q: Modulus, degree: usize, cofactor: u128, cofactor_inverse: u64) -> Self {
        let wide = u128::from(q.value());
        let whole = u128::MAX / wide;
        // 2^128 = whole·q + rest, as q is odd and divides no power of two.
        let rest = u128::MAX % wide + 1;
        let half = q.invert(2);
        let halvings = (0..64u64).map(|l| q.neg(q.pow_vartime(half, l)));
        #[expect(clippy::cast_possible_truncation, reason = "rest < q")]
        let low = ((rest << 64) / wide) as u64;
        Self {
            table: Table::new(q, degree),
            cofactor_inverse,
            cofactor,
            fraction: (whole, low),
            halvings: halvings.collect(),
        }
    }

    /// `−d/2^l`.
    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "a ring served has fewer than 64 bits"
    )]
    fn halve(&self, ring: Ring, d: i64) -> u64 {
        let q = self.table.modulus;
        q.mul(q.signed(d), self.halvings[ring.bits() as usize])
    }
}
