//! A block of weights, evaluated and laid out for the sums of products.
#![expect(
    clippy::indexing_slicing,
    reason = "places of a block whose size was computed from the same counts"
)]

use rayon::prelude::*;

use crate::basis::Basis;
use crate::error::{ApiMisuse, Error};
use crate::kernels::{MAX_TERMS, ROWS, active};
use crate::lines::{Line, WORDS, words_mut, zeroed};
use crate::modulus::Modulus;
use crate::params::Parameters;
use crate::server::{Ciphertext, PARTS};

/// Lines that are worked on together: all rows of a block see an input's lines while they are in the nearest cache.
pub(crate) const CHUNK: usize = 8;

/// Terms that are transformed before they are laid out, so that runs of several lines are written.
const TERMS: usize = 4;

/// Largest absolute value of a weight.
pub const MAX_WEIGHT: u64 = 1 << 48;

/// Weights of `rows` outputs for `columns` inputs each. Not a secret from the server; erased by nobody.
pub struct Weights {
    pub(crate) basis: &'static Basis,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Groups of up to [`ROWS`] rows.
    pub(crate) groups: Vec<Group>,
}

pub(crate) enum Group {
    /// `[prime][line][column][row]`.
    Polynomials(Vec<Line>),
    /// `[prime][column][row]`: weights that are constants.
    Constants(Vec<u64>),
}

/// Rows of group `group` out of `rows`.
pub(crate) const fn height(rows: usize, group: usize) -> usize {
    let rest = rows - ROWS * group;
    if rest < ROWS { rest } else { ROWS }
}

impl Weights {
    /// Encodes polynomials: `fill(row, column, coefficients)` finds zeros and writes the signed weights.
    ///
    /// # Errors
    /// No row, no column or more than 4096 columns; a weight beyond [`MAX_WEIGHT`].
    pub fn encode(
        parameters: Parameters,
        (rows, columns): (usize, usize),
        fill: impl Fn(usize, usize, &mut [i64]) + Sync,
    ) -> Result<Self, Error> {
        let basis = parameters.basis();
        check(rows, columns)?;
        let groups = (0..rows.div_ceil(ROWS)).into_par_iter().map(|group| {
            let size = (group, height(rows, group), columns);
            encode_group(basis, size, &fill).map(Group::Polynomials)
        });
        Ok(Self {
            basis,
            rows,
            columns,
            groups: groups.collect::<Result<_, _>>()?,
        })
    }

    /// Encodes constants, which need no transform and next to no memory.
    ///
    /// # Errors
    /// As [`Weights::encode`].
    pub fn constants(
        parameters: Parameters,
        (rows, columns): (usize, usize),
        weight: impl Fn(usize, usize) -> i64,
    ) -> Result<Self, Error> {
        let basis = parameters.basis();
        check(rows, columns)?;
        let group = |group: usize| {
            let height = height(rows, group);
            let mut all = Vec::with_capacity(basis.primes.len() * columns * height);
            for q in basis.moduli() {
                for place in 0..columns * height {
                    let weight = weight(ROWS * group + place % height, place / height);
                    small(&[weight])?;
                    all.push(q.signed(weight));
                }
            }
            Ok(Group::Constants(all))
        };
        Ok(Self {
            basis,
            rows,
            columns,
            groups: (0..rows.div_ceil(ROWS))
                .map(group)
                .collect::<Result<_, Error>>()?,
        })
    }

    /// Memory that a block of polynomials takes, in bytes.
    #[must_use]
    pub fn bytes(parameters: Parameters, (rows, columns): (usize, usize)) -> usize {
        parameters.moduli().len() * parameters.degree() * 8 * rows * columns
    }

    /// Number of outputs.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Number of inputs of each output.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }
}

fn check(rows: usize, columns: usize) -> Result<(), ApiMisuse> {
    ApiMisuse::within("rows of a block of weights", rows, 1, usize::MAX)?;
    ApiMisuse::within("columns of a block of weights", columns, 1, MAX_TERMS)
}

/// Residues of weights: what is below the modulus takes an addition, and which moduli are so large is known of the set.
fn residues(q: Modulus, weights: &[i64], out: &mut [u64]) {
    let each = out.iter_mut().zip(weights);
    if MAX_WEIGHT < q.value() {
        each.for_each(|(word, weight)| *word = q.signed_below(*weight));
    } else {
        each.for_each(|(word, weight)| *word = q.signed(*weight));
    }
}

/// Refuses weights whose residues would be wrong.
fn small(weights: &[i64]) -> Result<(), ApiMisuse> {
    // The bits in which any of them differs from its sign.
    let bits = weights.iter().fold(0, |bits, w| bits | (w ^ (w >> 63)));
    if bits.cast_unsigned() < MAX_WEIGHT {
        return Ok(());
    }
    let largest = weights.iter().map(|w| w.unsigned_abs()).max();
    let largest = largest.unwrap_or_default();
    if largest <= MAX_WEIGHT {
        return Ok(());
    }
    Err(ApiMisuse::Range {
        what: "absolute value of a weight",
        got: largest,
        least: 0,
        most: MAX_WEIGHT,
    })
}

fn encode_group(
    basis: &Basis,
    (group, height, columns): (usize, usize, usize),
    fill: &(impl Fn(usize, usize, &mut [i64]) + Sync),
) -> Result<Vec<Line>, Error> {
    let (degree, lines) = (basis.parameters.degree(), basis.lines());
    let mut out = zeroed(basis.primes.len() * degree * columns * height);
    let mut coefficients = vec![0i64; degree];
    let mut scratch = zeroed(basis.primes.len() * degree * TERMS * height);
    for first in (0..columns).step_by(TERMS) {
        let terms = TERMS.min(columns - first);
        for place in 0..terms * height {
            let (column, row) = (first + place / height, ROWS * group + place % height);
            coefficients.fill(0);
            fill(row, column, &mut coefficients);
            ApiMisuse::length("coefficients of a weight", degree, coefficients.len())?;
            small(&coefficients)?;
            for (index, prime) in basis.primes.iter().enumerate() {
                let from = (index * TERMS * height + place) * lines;
                let part = &mut scratch[from..from + lines];
                residues(prime.table.modulus, &coefficients, words_mut(part));
                (active().forward)(&prime.table, part);
            }
        }
        for index in 0..basis.primes.len() {
            for line in 0..lines {
                let to = ((index * lines + line) * columns + first) * height;
                for (place, out) in out[to..to + terms * height].iter_mut().enumerate() {
                    *out = scratch[(index * TERMS * height + place) * lines + line];
                }
            }
        }
    }
    Ok(out)
}

/// The inputs of one sum of products, laid out beside each other.
pub struct Inputs {
    pub(crate) basis: &'static Basis,
    pub(crate) columns: usize,
    /// `[prime][line][column][component]`, in the kernel's form.
    pub(crate) lines: Vec<Line>,
}

impl Inputs {
    /// These ciphertexts, in the order of the weights' columns.
    ///
    /// # Errors
    /// No ciphertext, more than 4096, or of different sets.
    pub fn new(ciphertexts: &[&Ciphertext]) -> Result<Self, Error> {
        let columns = ciphertexts.len();
        ApiMisuse::within("ciphertexts of a sum", columns, 1, MAX_TERMS)?;
        let basis = ciphertexts[0].basis;
        for ciphertext in ciphertexts {
            same("ciphertext", basis.parameters, ciphertext.basis.parameters)?;
        }
        let lines = basis.lines();
        let mut all = zeroed(basis.primes.len() * lines * WORDS * columns * PARTS);
        let runs = all.par_chunks_mut(columns * PARTS).enumerate();
        runs.for_each(|(run, out)| {
            let (prime, line) = (run / lines, run % lines);
            for (place, out) in out.iter_mut().enumerate() {
                let ciphertext = ciphertexts[place / PARTS];
                *out = ciphertext.parts[place % PARTS][prime][line];
            }
            (active().form)(&basis.primes[prime].table, out);
        });
        Ok(Self {
            basis,
            columns,
            lines: all,
        })
    }

    /// Number of ciphertexts.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }
}

/// `Ok` when both are of one set.
pub(crate) fn same(
    what: &'static str,
    expected: Parameters,
    got: Parameters,
) -> Result<(), ApiMisuse> {
    if expected == got {
        return Ok(());
    }
    Err(ApiMisuse::Parameters {
        what,
        expected: expected.name(),
        got: got.name(),
    })
}
