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

/// Inputs whose weights are evaluated and multiplied together, so that both happen in the nearer caches.
pub(crate) const BATCH: usize = 8;

/// Lines that are laid out together: every polynomial is read a few cache lines at a time.
const CHUNK: usize = 8;

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
    /// `[batch][prime][line][column of the batch][row]`.
    Polynomials(Vec<Line>),
    /// `[batch][prime][column of the batch][row]`: weights that are constants.
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
        let mut encoder = Encoder::new(parameters, (rows, columns), &fill)?;
        let mut groups = Vec::with_capacity(rows.div_ceil(ROWS));
        for group in 0..rows.div_ceil(ROWS) {
            let basis = encoder.basis;
            let whole = basis.primes.len() * basis.lines() * columns * height(rows, group);
            let mut lines = Vec::with_capacity(whole);
            for batch in 0..columns.div_ceil(BATCH) {
                lines.extend_from_slice(encoder.evaluate(group, batch)?);
            }
            groups.push(Group::Polynomials(lines));
        }
        Ok(Self {
            basis: encoder.basis,
            rows,
            columns,
            groups,
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
            for first in (0..columns).step_by(BATCH) {
                for q in basis.moduli() {
                    for place in 0..BATCH.min(columns - first) * height {
                        let column = first + place / height;
                        let weight = weight(ROWS * group + place % height, column);
                        small(&[weight])?;
                        all.push(q.signed(weight));
                    }
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

/// A weight's residue: what is below the modulus takes an addition, and which moduli are so large is known of the set.
#[inline]
const fn residue(q: Modulus, weight: i64) -> u64 {
    if MAX_WEIGHT < q.value() {
        q.signed_below(weight)
    } else {
        q.signed(weight)
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

/// Evaluates weights of a block, some columns of a group of rows at a time, in the same memory.
pub(crate) struct Encoder<'f, F> {
    pub(crate) basis: &'static Basis,
    rows: usize,
    columns: usize,
    fill: &'f F,
    /// `[column][row][prime][line]`.
    polynomials: Vec<Line>,
    /// `[prime][line][column][row]`.
    laid_out: Vec<Line>,
}

impl<'f, F: Fn(usize, usize, &mut [i64]) + Sync> Encoder<'f, F> {
    /// For a block of such a size.
    pub(crate) fn new(
        parameters: Parameters,
        (rows, columns): (usize, usize),
        fill: &'f F,
    ) -> Result<Self, ApiMisuse> {
        check(rows, columns)?;
        let basis = parameters.basis();
        let most = BATCH.min(columns) * ROWS.min(rows);
        let words = basis.primes.len() * parameters.degree() * most;
        Ok(Self {
            basis,
            rows,
            columns,
            fill,
            polynomials: zeroed(words),
            laid_out: zeroed(words),
        })
    }

    /// A batch of a group's columns, as [`Group::Polynomials`] has them.
    pub(crate) fn evaluate(&mut self, group: usize, batch: usize) -> Result<&[Line], ApiMisuse> {
        let (basis, fill) = (self.basis, self.fill);
        let (first, height) = (BATCH * batch, height(self.rows, group));
        let count = BATCH.min(self.columns - first) * height;
        let size = basis.primes.len() * basis.lines();
        let polynomials = &mut self.polynomials[..count * size];
        let each = polynomials.par_chunks_mut(size).enumerate();
        each.try_for_each(|(place, out)| {
            let (column, row) = (first + place / height, ROWS * group + place % height);
            evaluate(basis, out, |coefficients| fill(row, column, coefficients))
        })?;
        let polynomials = &*polynomials;
        let laid_out = &mut self.laid_out[..count * size];
        let runs = laid_out.par_chunks_mut(CHUNK * count).enumerate();
        runs.for_each(|(run, out)| {
            for (place, polynomial) in polynomials.chunks_exact(size).enumerate() {
                let lines = &polynomial[CHUNK * run..CHUNK * (run + 1)];
                for (out, line) in out[place..].iter_mut().step_by(count).zip(lines) {
                    *out = *line;
                }
            }
        });
        Ok(laid_out)
    }
}

/// Evaluations modulo each prime, `[prime][line]`, of the polynomial that `fill` writes over zeros.
fn evaluate(basis: &Basis, out: &mut [Line], fill: impl Fn(&mut [i64])) -> Result<(), ApiMisuse> {
    // Coefficients stand where the last prime's residues will.
    let (others, last) = out.split_at_mut((basis.primes.len() - 1) * basis.lines());
    let coefficients: &mut [i64] = bytemuck::cast_slice_mut(last);
    coefficients.fill(0);
    fill(coefficients);
    small(coefficients)?;
    let parts = others.chunks_exact_mut(basis.lines()).zip(&basis.primes);
    for (part, prime) in parts {
        let words = words_mut(part).iter_mut().zip(coefficients.iter());
        words.for_each(|(word, weight)| *word = residue(prime.table.modulus, *weight));
        (active().forward)(&prime.table, part);
    }
    if let Some(prime) = basis.primes.last() {
        let weights = coefficients.iter_mut();
        weights.for_each(|w| *w = residue(prime.table.modulus, *w).cast_signed());
        (active().forward)(&prime.table, last);
    }
    Ok(())
}

/// The inputs of one sum of products, laid out beside each other.
pub struct Inputs {
    pub(crate) basis: &'static Basis,
    pub(crate) columns: usize,
    /// `[batch][prime][line][column of the batch][component]`, in the kernel's form.
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
        let size = basis.primes.len() * basis.lines();
        let mut all = zeroed(size * WORDS * columns * PARTS);
        let batches = all.chunks_mut(BATCH * PARTS * size);
        for (out, inputs) in batches.zip(ciphertexts.chunks(BATCH)) {
            let run = inputs.len() * PARTS;
            let runs = out.par_chunks_mut(CHUNK * run).enumerate();
            runs.for_each(|(place, out)| {
                let (prime, first) = (CHUNK * place / basis.lines(), CHUNK * place % basis.lines());
                for (place, part) in inputs.iter().flat_map(|input| &input.parts).enumerate() {
                    let lines = &part[prime][first..first + CHUNK];
                    for (out, line) in out[place..].iter_mut().step_by(run).zip(lines) {
                        *out = *line;
                    }
                }
                (active().form)(&basis.primes[prime].table, out);
            });
        }
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

    /// Those of a batch, and their number.
    pub(crate) fn batch(&self, batch: usize) -> (&[Line], usize) {
        let size = BATCH * PARTS * self.basis.primes.len() * self.basis.lines();
        let terms = BATCH.min(self.columns - BATCH * batch);
        (part(&self.lines, batch, size), terms)
    }
}

/// Part `index` of those of a size, of which the last may be shorter.
pub(crate) fn part<T>(whole: &[T], index: usize, size: usize) -> &[T] {
    &whole[index * size..whole.len().min((index + 1) * size)]
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
