//! The functionality itself: plaintext posing as ciphertext. It hides nothing and serves as the meaning of all others.

use privet_prim::Prg;
use privet_ring::Ring;

use super::{Backend, Reply};
use crate::client::Plain;
use crate::error::{ApiMisuse, Error, PeerMisbehaved};
use crate::kernels::MAX_TERMS;
use crate::params::Parameters;
use crate::positions::Positions;
use crate::sample::words;

/// A value on the wire.
const VALUE: usize = 8;

/// Sums of products in `Z_2^64[x]/(x^degree + 1)`, by schoolbook.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ideal;

/// Coefficients modulo 2^64.
pub struct IdealPolynomial(Vec<u64>);

/// The ideal functionality's client: the source of its free values.
pub struct IdealKeys {
    parameters: Parameters,
    prg: Prg,
}

/// Polynomials by row and column, as their nonzero coefficients.
pub struct IdealWeights {
    degree: usize,
    rows: Vec<Vec<Vec<(usize, i64)>>>,
}

/// Sums by tile and row.
pub struct IdealProducts(Vec<Vec<IdealPolynomial>>);

impl IdealPolynomial {
    /// Adds the product with a polynomial, modulo `x^degree + 1`.
    fn add_product(&mut self, weights: &[(usize, i64)], input: &Self) {
        let degree = self.0.len();
        for (shift, weight) in weights {
            for (place, value) in input.0.iter().enumerate() {
                let (to, turned) = match place + shift {
                    to if to < degree => (to, 1i64),
                    to => (to - degree, -1),
                };
                if let Some(sum) = self.0.get_mut(to) {
                    let weight = weight.wrapping_mul(turned).cast_unsigned();
                    *sum = sum.wrapping_add(value.wrapping_mul(weight));
                }
            }
        }
    }
}

fn put(message: &mut Vec<u8>, value: u64) {
    message.extend_from_slice(&value.to_le_bytes());
}

/// The values of a message of known length, those beyond the ring refused.
fn values(msg: &'static str, ring: Ring, message: &[u8]) -> Result<Vec<u64>, PeerMisbehaved> {
    let (chunks, _) = message.as_chunks::<VALUE>();
    let all = chunks.iter().map(|bytes| match u64::from_le_bytes(*bytes) {
        value if value <= ring.mask() => Ok(value),
        _ => Err(PeerMisbehaved::SpareBits { msg }),
    });
    all.collect()
}

impl Backend for Ideal {
    type Keys = IdealKeys;
    type PublicKey = Parameters;
    type Ciphertext = IdealPolynomial;
    type Inputs = Vec<IdealPolynomial>;
    type Weights = IdealWeights;
    type Products = IdealProducts;
    type Product = IdealPolynomial;

    fn name(&self) -> &'static str {
        "ideal"
    }

    fn public_key_bytes(&self, _: Parameters) -> usize {
        0
    }

    fn upload_bytes(&self, parameters: Parameters, _: Ring, free: &[&Positions]) -> usize {
        VALUE * parameters.degree() * free.len()
    }

    fn reply_bytes(&self, _: Parameters, _: Ring, wanted: &[&Positions]) -> usize {
        VALUE * wanted.iter().map(|wanted| wanted.len()).sum::<usize>()
    }

    fn generate(&self, parameters: Parameters, prg: Prg) -> IdealKeys {
        IdealKeys { parameters, prg }
    }

    fn public_key(&self, _: &mut IdealKeys) -> Vec<u8> {
        Vec::new()
    }

    fn encrypt(
        &self,
        keys: &mut IdealKeys,
        ring: Ring,
        batch: &[Plain<'_>],
    ) -> Result<(Vec<u8>, Vec<Vec<u64>>), Error> {
        let degree = keys.parameters.degree();
        keys.parameters.serves(ring)?;
        let (mut message, mut chosen) = (Vec::new(), Vec::new());
        for plain in batch {
            ApiMisuse::length("values of a polynomial", degree, plain.values.len())?;
            ApiMisuse::length("degree of positions", degree, plain.free.degree())?;
            let drawn = words(&mut keys.prg, plain.free.len());
            let drawn: Vec<u64> = drawn.iter().map(|word| word & ring.mask()).collect();
            let mut next = drawn.iter();
            for (free, value) in plain.free.flags().zip(plain.values) {
                let own = if free { next.next() } else { None };
                put(&mut message, *own.unwrap_or(value) & ring.mask());
            }
            chosen.push(drawn);
        }
        Ok((message, chosen))
    }

    fn decrypt(
        &self,
        keys: &IdealKeys,
        ring: Ring,
        message: &[u8],
        wanted: &[&Positions],
    ) -> Result<Vec<Vec<u64>>, Error> {
        const MSG: &str = "he/reply";
        let expected = self.reply_bytes(keys.parameters, ring, wanted);
        PeerMisbehaved::length(MSG, expected, message.len())?;
        let values = values(MSG, ring, message)?;
        let mut values = values.into_iter();
        let take = |wanted: &&Positions| values.by_ref().take(wanted.len()).collect();
        Ok(wanted.iter().map(take).collect())
    }

    fn receive_key(&self, parameters: Parameters, message: &[u8]) -> Result<Parameters, Error> {
        PeerMisbehaved::length("he/public-key", 0, message.len())?;
        Ok(parameters)
    }

    fn receive(
        &self,
        parameters: Parameters,
        ring: Ring,
        message: &[u8],
        free: &[&Positions],
    ) -> Result<Vec<IdealPolynomial>, Error> {
        const MSG: &str = "he/upload";
        let expected = self.upload_bytes(parameters, ring, free);
        PeerMisbehaved::length(MSG, expected, message.len())?;
        let values = values(MSG, ring, message)?;
        let each = values.chunks_exact(parameters.degree());
        Ok(each
            .map(|values| IdealPolynomial(values.to_vec()))
            .collect())
    }

    fn inputs(&self, ciphertexts: &[&IdealPolynomial]) -> Result<Vec<IdealPolynomial>, Error> {
        ApiMisuse::within("ciphertexts of a sum", ciphertexts.len(), 1, MAX_TERMS)?;
        let copy = |polynomial: &&IdealPolynomial| IdealPolynomial(polynomial.0.clone());
        Ok(ciphertexts.iter().map(copy).collect())
    }

    fn weights(
        &self,
        parameters: Parameters,
        (rows, columns): (usize, usize),
        fill: &(dyn Fn(usize, usize, &mut [i64]) + Sync),
    ) -> Result<IdealWeights, Error> {
        ApiMisuse::within("rows of a block of weights", rows, 1, usize::MAX)?;
        ApiMisuse::within("columns of a block of weights", columns, 1, MAX_TERMS)?;
        let degree = parameters.degree();
        let one = |row, column| {
            let mut weights = vec![0; degree];
            fill(row, column, &mut weights);
            let all = weights.into_iter().enumerate();
            all.filter(|(_, weight)| *weight != 0).collect()
        };
        let rows = (0..rows).map(|row| (0..columns).map(|column| one(row, column)).collect());
        Ok(IdealWeights {
            degree,
            rows: rows.collect(),
        })
    }

    fn constants(
        &self,
        parameters: Parameters,
        size: (usize, usize),
        weight: &dyn Fn(usize, usize) -> i64,
    ) -> Result<IdealWeights, Error> {
        let (rows, columns) = size;
        let rows = (0..rows).map(|row| {
            let columns = (0..columns).map(|column| vec![(0, weight(row, column))]);
            columns.collect()
        });
        Ok(IdealWeights {
            degree: parameters.degree(),
            rows: rows.collect(),
        })
    }

    fn products(
        &self,
        parameters: Parameters,
        tiles: usize,
        rows: usize,
    ) -> Result<IdealProducts, Error> {
        ApiMisuse::within("tiles", tiles, 1, usize::MAX)?;
        ApiMisuse::within("rows", rows, 1, usize::MAX)?;
        let zero = || IdealPolynomial(vec![0; parameters.degree()]);
        let tile = || (0..rows).map(|_| zero()).collect();
        Ok(IdealProducts((0..tiles).map(|_| tile()).collect()))
    }

    fn accumulate(
        &self,
        products: &mut IdealProducts,
        weights: &IdealWeights,
        inputs: &[&Vec<IdealPolynomial>],
    ) -> Result<(), Error> {
        ApiMisuse::length("tiles", products.0.len(), inputs.len())?;
        for (sums, inputs) in products.0.iter_mut().zip(inputs) {
            ApiMisuse::length("rows of weights", sums.len(), weights.rows.len())?;
            for (sum, row) in sums.iter_mut().zip(&weights.rows) {
                ApiMisuse::length("ciphertexts of a sum", row.len(), inputs.len())?;
                ApiMisuse::length("coefficients of a weight", sum.0.len(), weights.degree)?;
                for (weight, input) in row.iter().zip(inputs.iter()) {
                    sum.add_product(weight, input);
                }
            }
        }
        Ok(())
    }

    fn take(
        &self,
        products: &mut IdealProducts,
        tile: usize,
        row: usize,
    ) -> Result<IdealPolynomial, Error> {
        let tiles = products.0.len();
        let sums = products.0.get_mut(tile);
        let rows = sums.as_ref().map_or(0, |sums| sums.len());
        let sum = sums.and_then(|sums| sums.get_mut(row));
        ApiMisuse::within("tile", tile, 0, tiles - 1)?;
        ApiMisuse::within("row", row, 0, rows - 1)?;
        let sum = sum.map(|sum| sum.0.clone());
        Ok(IdealPolynomial(sum.unwrap_or_default()))
    }

    fn reply(
        &self,
        key: &Parameters,
        ring: Ring,
        _: &mut Prg,
        answers: Vec<Reply<'_, IdealPolynomial>>,
    ) -> Result<Vec<u8>, Error> {
        let mut message = Vec::new();
        for answer in answers {
            ApiMisuse::length("degree of positions", key.degree(), answer.wanted.degree())?;
            ApiMisuse::length("masks", answer.wanted.len(), answer.masks.len())?;
            for (place, mask) in answer.wanted.iter().zip(answer.masks) {
                let value = answer.product.0.get(place).copied().unwrap_or_default();
                put(&mut message, value.wrapping_add(*mask) & ring.mask());
            }
        }
        Ok(message)
    }
}
