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
use crate::weights::{BATCH, Encoder, Group, Inputs, Weights, height, part, same};

/// Lines of a polynomial that a thread adds to.
const CHUNK: usize = 32;

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
    /// `[group][tile][prime][line][row of the group][component]`.
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
        same("weights", self.basis.parameters, weights.basis.parameters)?;
        self.belong((weights.rows, weights.columns), inputs)?;
        for (group, block) in weights.groups.iter().enumerate() {
            for batch in 0..weights.columns.div_ceil(BATCH) {
                self.add(
                    (group, batch),
                    Factors::kept(self.basis, block, batch, height(self.rows, group)),
                    inputs,
                );
            }
        }
        Ok(())
    }

    /// Adds products with polynomials that are needed but once, as [`Weights::encode`] and [`accumulate`](Self::accumulate) would:
    /// they are multiplied as soon as they are evaluated, in the memory of a few.
    ///
    /// # Errors
    /// As of these two; sums are unusable then.
    pub fn accumulate_fresh(
        &mut self,
        (rows, columns): (usize, usize),
        fill: impl Fn(usize, usize, &mut [i64]) + Sync,
        inputs: &[&Inputs],
    ) -> Result<(), Error> {
        self.belong((rows, columns), inputs)?;
        let mut encoder = Encoder::new(self.basis.parameters, (rows, columns), &fill)?;
        // Within the pool as a whole: each of these short loops would wake it.
        rayon::scope(|_| {
            for group in 0..rows.div_ceil(ROWS) {
                for batch in 0..columns.div_ceil(BATCH) {
                    let lines = encoder.evaluate(group, batch)?;
                    self.add((group, batch), Factors::Lines(lines), inputs);
                }
            }
            Ok(())
        })
    }

    /// Refuses weights of another size than these sums', and inputs of another size than the weights'.
    fn belong(&self, (rows, columns): (usize, usize), inputs: &[&Inputs]) -> Result<(), ApiMisuse> {
        ApiMisuse::length("rows of weights", self.rows, rows)?;
        ApiMisuse::length("tiles", self.tiles, inputs.len())?;
        for inputs in inputs {
            same("inputs", self.basis.parameters, inputs.basis.parameters)?;
            ApiMisuse::length("ciphertexts of a sum", columns, inputs.columns)?;
        }
        Ok(())
    }

    /// Lines of one row's sum for one tile.
    fn size(&self) -> usize {
        PARTS * self.basis.primes.len() * self.basis.lines()
    }

    /// Adds the products of a batch of columns to the sums of a group of rows.
    fn add(&mut self, (group, batch): (usize, usize), weights: Factors<'_>, inputs: &[&Inputs]) {
        let (basis, rows) = (self.basis, height(self.rows, group));
        let start = ROWS * group * self.tiles * self.size();
        let end = start + rows * self.tiles * self.size();
        let own = &mut self.lines[start..end];
        let lines = basis.lines();
        let chunks = lines / CHUNK;
        let each = own.par_chunks_mut(CHUNK * PARTS * rows).enumerate();
        each.for_each(|(place, out)| {
            let (polynomial, first) = (place / chunks, CHUNK * (place % chunks));
            let (tile, prime) = (
                polynomial / basis.primes.len(),
                polynomial % basis.primes.len(),
            );
            let (from, terms) = inputs[tile].batch(batch);
            let range = |run: usize| {
                let start = (prime * lines + first) * run;
                start..start + CHUNK * run
            };
            let inputs = &from[range(PARTS * terms)];
            let table = &basis.primes[prime].table;
            match weights {
                Factors::Lines(weights) => {
                    let weights = &weights[range(terms * rows)];
                    let sum = Sum {
                        weights,
                        inputs,
                        terms,
                        rows,
                    };
                    (active().accumulate)(table, sum, out);
                }
                Factors::Words(weights) => {
                    let run = terms * rows;
                    let weights = &weights[prime * run..(prime + 1) * run];
                    let sum = Constants {
                        weights,
                        inputs,
                        terms,
                        rows,
                    };
                    (active().accumulate_constants)(table, sum, out);
                }
            }
        });
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
        let start = self.size() * (ROWS * group * self.tiles + height * tile);
        let run = PARTS * height;
        let one = |part: usize, prime: usize| {
            let mut lines = SecretLines::zeroed(self.basis.parameters.degree());
            let from = start + prime * self.basis.lines() * run + PARTS * within + part;
            let sums = self.lines[from..].iter().step_by(run);
            for (line, sum) in lines.lines_mut().iter_mut().zip(sums) {
                *line = *sum;
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

/// Weights of a batch of columns for a group of rows.
#[derive(Clone, Copy)]
enum Factors<'a> {
    /// `[prime][line][column][row]`.
    Lines(&'a [Line]),
    /// `[prime][column][row]`.
    Words(&'a [u64]),
}

impl<'a> Factors<'a> {
    /// A batch of those that are kept.
    fn kept(basis: &Basis, block: &'a Group, batch: usize, height: usize) -> Self {
        let size = BATCH * height * basis.primes.len();
        match block {
            Group::Polynomials(lines) => Factors::Lines(part(lines, batch, size * basis.lines())),
            Group::Constants(words) => Factors::Words(part(words, batch, size)),
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

#[cfg(test)]
mod tests {
    use privet_prim::{Block, Prg};

    use super::*;
    use crate::lines::{words, words_mut};
    use crate::sample;
    use crate::server::Ciphertext;

    fn random(basis: &'static Basis, prg: &mut Prg) -> Ciphertext {
        let mut part = || -> Vec<Vec<Line>> {
            let residues = |q| {
                let mut lines = zeroed(basis.parameters.degree());
                sample::residues(prg, q, words_mut(&mut lines));
                lines
            };
            basis.moduli().map(residues).collect()
        };
        let parts = [part(), part()];
        Ciphertext { basis, parts }
    }

    /// A few coefficients of either sign that tell rows, columns and places apart.
    fn fill(row: usize, column: usize, out: &mut [i64]) {
        let degree = out.len();
        for place in [0, 7 * row + column, degree / 2 + row, degree - 1 - column] {
            out[place] = (1000 * row + 10 * column + place) as i64 - 4000;
        }
    }

    /// Word by word, by the specification.
    fn reference(inputs: &[Ciphertext], row: usize, part: usize, prime: usize) -> Vec<u64> {
        let basis = inputs[0].basis;
        let table = &basis.primes[prime].table;
        let mut sum = vec![0; table.degree];
        for (column, input) in inputs.iter().enumerate() {
            let mut weights = vec![0; table.degree];
            fill(row, column, &mut weights);
            let mut lines = zeroed(table.degree);
            let residues = weights.iter().map(|w| table.modulus.signed(*w));
            words_mut(&mut lines)
                .iter_mut()
                .zip(residues)
                .for_each(|(to, from)| *to = from);
            (crate::kernels::available()[0].forward)(table, &mut lines);
            let products = words(&lines).iter().zip(words(&input.parts[part][prime]));
            for (sum, (w, x)) in sum.iter_mut().zip(products) {
                *sum = table.modulus.add(*sum, table.modulus.mul(*w, *x));
            }
        }
        sum
    }

    #[test]
    fn kept_and_fresh_weights_give_the_sums() {
        let mut prg = Prg::new(Block::from(3));
        let sizes = [(1, 1), (4, BATCH), (6, BATCH + 1), (9, 2 * BATCH + 3)];
        for parameters in Parameters::ALL {
            for (tiles, size) in [1, 2].into_iter().flat_map(|t| sizes.map(|s| (t, s))) {
                let basis = parameters.basis();
                let mut tile = || (0..size.1).map(|_| random(basis, &mut prg)).collect();
                let ciphertexts: Vec<Vec<Ciphertext>> = (0..tiles).map(|_| tile()).collect();
                let beside =
                    |tile: &Vec<Ciphertext>| Inputs::new(&tile.iter().collect::<Vec<_>>()).unwrap();
                let inputs: Vec<Inputs> = ciphertexts.iter().map(beside).collect();
                let inputs: Vec<&Inputs> = inputs.iter().collect();
                let new = || Products::new(parameters, tiles, size.0).unwrap();
                let (mut kept, mut fresh) = (new(), new());
                let weights = Weights::encode(parameters, size, fill).unwrap();
                kept.accumulate(&weights, &inputs).unwrap();
                fresh.accumulate_fresh(size, fill, &inputs).unwrap();
                for (tile, row) in (0..tiles).flat_map(|t| (0..size.0).map(move |r| (t, r))) {
                    let both = [&mut kept, &mut fresh].map(|p| p.take(tile, row).unwrap());
                    for (part, prime) in
                        (0..PARTS).flat_map(|p| (0..basis.primes.len()).map(move |q| (p, q)))
                    {
                        let expected = reference(&ciphertexts[tile], row, part, prime);
                        for product in &both {
                            assert_eq!(product.parts[part][prime].words(), expected, "{size:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn fresh_weights_are_checked_as_kept_ones_are() {
        let basis = Parameters::Pair50.basis();
        let ciphertext = random(basis, &mut Prg::new(Block::from(4)));
        let inputs = Inputs::new(&[&ciphertext, &ciphertext]).unwrap();
        let mut sums = Products::new(Parameters::Pair50, 1, 2).unwrap();
        let large = |_: usize, column: usize, out: &mut [i64]| {
            out[1] = (crate::MAX_WEIGHT << column).cast_signed();
        };
        assert!(sums.accumulate_fresh((2, 2), large, &[&inputs]).is_err());
        assert!(Weights::encode(Parameters::Pair50, (2, 2), large).is_err());
        for (size, inputs) in [((1, 2), 1), ((2, 1), 1), ((2, 2), 0), ((2, 2), 2)]
            .map(|(size, n)| (size, vec![&inputs; n]))
        {
            assert!(sums.accumulate_fresh(size, fill, &inputs).is_err());
        }
        assert!(sums.accumulate_fresh((2, 2), fill, &[&inputs]).is_ok());
    }
}
