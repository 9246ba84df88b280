//! This crate's own scheme.

use privet_prim::Prg;
use privet_ring::Ring;

use super::{Backend, Reply};
use crate::client::{Keys, Plain};
use crate::error::Error;
use crate::params::Parameters;
use crate::positions::Positions;
use crate::products::{Product, Products};
use crate::server::{Ciphertext, PublicKey};
use crate::sizes;
use crate::weights::{Inputs, Weights};

/// RLWE on the processor.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rlwe;

impl Backend for Rlwe {
    type Keys = Keys;
    type PublicKey = PublicKey;
    type Ciphertext = Ciphertext;
    type Inputs = Inputs;
    type Weights = Weights;
    type Products = Products;
    type Product = Product;

    fn name(&self) -> &'static str {
        "rlwe"
    }

    fn public_key_bytes(&self, parameters: Parameters) -> usize {
        sizes::public_key(parameters)
    }

    fn upload_bytes(&self, parameters: Parameters, ring: Ring, free: &[&Positions]) -> usize {
        sizes::upload(parameters, ring, free.iter().copied())
    }

    fn reply_bytes(&self, parameters: Parameters, ring: Ring, wanted: &[&Positions]) -> usize {
        sizes::reply(parameters, ring, wanted.iter().copied())
    }

    fn generate(&self, parameters: Parameters, prg: Prg) -> Keys {
        Keys::generate(parameters, prg)
    }

    fn public_key(&self, keys: &mut Keys) -> Vec<u8> {
        keys.public_key()
    }

    fn encrypt(
        &self,
        keys: &mut Keys,
        ring: Ring,
        batch: &[Plain<'_>],
    ) -> Result<(Vec<u8>, Vec<Vec<u64>>), Error> {
        keys.encrypt(ring, batch)
    }

    fn decrypt(
        &self,
        keys: &Keys,
        ring: Ring,
        message: &[u8],
        wanted: &[&Positions],
    ) -> Result<Vec<Vec<u64>>, Error> {
        keys.decrypt(ring, message, wanted)
    }

    fn receive_key(&self, parameters: Parameters, message: &[u8]) -> Result<PublicKey, Error> {
        PublicKey::parse(parameters, message)
    }

    fn receive(
        &self,
        parameters: Parameters,
        ring: Ring,
        message: &[u8],
        free: &[&Positions],
    ) -> Result<Vec<Ciphertext>, Error> {
        Ciphertext::parse(parameters, ring, message, free)
    }

    fn inputs(&self, ciphertexts: &[&Ciphertext]) -> Result<Inputs, Error> {
        Inputs::new(ciphertexts)
    }

    fn weights(
        &self,
        parameters: Parameters,
        size: (usize, usize),
        fill: &(dyn Fn(usize, usize, &mut [i64]) + Sync),
    ) -> Result<Weights, Error> {
        Weights::encode(parameters, size, fill)
    }

    fn constants(
        &self,
        parameters: Parameters,
        size: (usize, usize),
        weight: &dyn Fn(usize, usize) -> i64,
    ) -> Result<Weights, Error> {
        Weights::constants(parameters, size, weight)
    }

    fn products(
        &self,
        parameters: Parameters,
        tiles: usize,
        rows: usize,
    ) -> Result<Products, Error> {
        Products::new(parameters, tiles, rows)
    }

    fn accumulate(
        &self,
        products: &mut Products,
        weights: &Weights,
        inputs: &[&Inputs],
    ) -> Result<(), Error> {
        products.accumulate(weights, inputs)
    }

    fn take(&self, products: &mut Products, tile: usize, row: usize) -> Result<Product, Error> {
        products.take(tile, row)
    }

    fn reply(
        &self,
        key: &PublicKey,
        ring: Ring,
        prg: &mut Prg,
        answers: Vec<Reply<'_, Product>>,
    ) -> Result<Vec<u8>, Error> {
        key.reply(ring, prg, answers)
    }
}
