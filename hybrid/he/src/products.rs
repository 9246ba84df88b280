//! Sums of products under encryption.
#![expect(
    clippy::indexing_slicing,
    reason = "places of buffers whose sizes were computed from the same counts"
)]

use rayon::prelude::*;

use crate::basis::Basis;
use crate::error::{ApiMisuse, Error};
use crate::kernels::{Constants, ROWS, Sum, active};
use crate::lines::{Line, SecretLines, WORDS, zeroed};
use crate::params::Parameters;
use crate::server::PARTS;
use crate::weights::{CHUNK, Group, Inputs, Weights, height, same};

/// Sums of `rows` outputs for each of several tiles: tiles share weights, not inputs.
///
/// ```compile_fail,E0599
/// let products = privet_he::Products::new(privet_he::Parameters::Pair50, 1, 1);
/// let twice = products.clone();
/// ```
pub struct Products {
    basis: &'static Basis,
    tiles: usize,
    rows: usize,
    /// `[prime][chunk][group][tile][line of the chunk][row of the group][component]`.
    lines: Vec<Line>,
}

/// One ciphertext: a sum of products, evaluated.
pub struct Product {
    basis: &'static Basis,
    parts: [Vec<SecretLines>; PARTS],
}

impl Products {
    /// Sums of nothing.
    ///
    /// # Errors
    /// No tile or no row.
    pub fn new(parameters: Parameters, tiles: usize, rows: usize) -> Result<Self, Error> {
        ApiMisuse::within("tiles", tiles, 1, usize::MAX)?;
        ApiMisuse::within("rows", rows, 1, usize::MAX)?;
        let basis = parameters.basis();
        let words = basis.primes.len() * parameters.degree() * PARTS * tiles * rows;
        Ok(Self {
            basis,
            tiles,
            rows,
            lines: zeroed(words),
        })
    }

    /// Adds `weights · inputs` to each tile's sums. `inputs` has one entry for each tile. May be called again with other columns.
    ///
    /// # Errors
    /// Blocks that do not belong together.
    pub fn accumulate(&mut self, weights: &Weights, inputs: &[&Inputs]) -> Result<(), Error> {
        let parameters = self.basis.parameters;
        same("weights", parameters, weights.basis.parameters)?;
        ApiMisuse::length("rows of weights", self.rows, weights.rows)?;
        ApiMisuse::length("tiles", self.tiles, inputs.len())?;
        for inputs in inputs {
            same("inputs", parameters, inputs.basis.parameters)?;
            ApiMisuse::length("ciphertexts of a sum", weights.columns, inputs.columns)?;
        }
        let chunks = self.basis.lines() / CHUNK;
        let size = CHUNK * PARTS * self.tiles * self.rows;
        let each = self.lines.par_chunks_mut(size).enumerate();
        each.for_each(|(place, out)| {
            add_chunk(weights, inputs, (place / chunks, place % chunks), out);
        });
        Ok(())
    }

    /// The sum of one row for one tile; each may be taken once.
    ///
    /// # Errors
    /// A tile or row that does not exist.
    pub fn take(&mut self, tile: usize, row: usize) -> Result<Product, Error> {
        ApiMisuse::within("tile", tile, 0, self.tiles - 1)?;
        ApiMisuse::within("row", row, 0, self.rows - 1)?;
        let (group, within) = (row / ROWS, row % ROWS);
        let height = height(self.rows, group);
        let chunk_size = CHUNK * PARTS * self.tiles * self.rows;
        let start = CHUNK * PARTS * (ROWS * group * self.tiles + height * tile);
        let chunks = self.basis.lines() / CHUNK;
        let one = |part: usize, prime: usize| {
            let mut lines = SecretLines::zeroed(self.basis.parameters.degree());
            for (place, line) in lines.lines_mut().iter_mut().enumerate() {
                let (chunk, inner) = (place / CHUNK, place % CHUNK);
                let base = (prime * chunks + chunk) * chunk_size + start;
                *line = self.lines[base + (inner * height + within) * PARTS + part];
            }
            lines
        };
        let primes = 0..self.basis.primes.len();
        Ok(Product {
            basis: self.basis,
            parts: [
                primes.clone().map(|prime| one(0, prime)).collect(),
                primes.map(|prime| one(1, prime)).collect(),
            ],
        })
    }
}

/// Adds to the sums of one chunk of lines modulo one prime.
fn add_chunk(
    weights: &Weights,
    inputs: &[&Inputs],
    (prime, chunk): (usize, usize),
    out: &mut [Line],
) {
    let basis = weights.basis;
    let (table, columns) = (&basis.primes[prime].table, weights.columns);
    let first = prime * basis.lines() + chunk * CHUNK;
    let mut rest = out;
    for (group, block) in weights.groups.iter().enumerate() {
        let rows = height(weights.rows, group);
        for inputs in inputs {
            let (out, after) = rest.split_at_mut(CHUNK * PARTS * rows);
            rest = after;
            let run = PARTS * columns;
            let inputs = &inputs.lines[first * run..(first + CHUNK) * run];
            match block {
                Group::Polynomials(lines) => {
                    let run = rows * columns;
                    let sum = Sum {
                        weights: &lines[first * run..(first + CHUNK) * run],
                        inputs,
                        terms: columns,
                        rows,
                    };
                    (active().accumulate)(table, sum, out);
                }
                Group::Constants(words) => {
                    let run = rows * columns;
                    let sum = Constants {
                        weights: &words[prime * run..(prime + 1) * run],
                        inputs,
                        terms: columns,
                        rows,
                    };
                    (active().accumulate_constants)(table, sum, out);
                }
            }
        }
    }
}

impl Product {
    pub(crate) fn belongs_to(&self, parameters: Parameters) -> Result<(), ApiMisuse> {
        same("product", parameters, self.basis.parameters)
    }

    /// Evaluations by component and prime.
    pub(crate) fn into_parts(self) -> [Vec<SecretLines>; PARTS] {
        self.parts
    }
}

const _: () = assert!((4096 / WORDS).is_multiple_of(CHUNK));
