//! Homomorphic encryption behind one trait: the ideal functionality, RLWE, and whatever else computes the same.

mod ideal;
mod rlwe;

pub use ideal::Ideal;
pub use rlwe::Rlwe;

use privet_prim::Prg;
use privet_ring::Ring;

use crate::client::Plain;
use crate::error::Error;
use crate::params::Parameters;
use crate::positions::Positions;

/// Products of a client's polynomials with a server's, masked: what a linear layer needs.
///
/// Every value is public to its holder's side only. The laws in `laws` hold for every implementation.
pub trait Backend: Sync {
    /// The client's key.
    type Keys: Send + Sync;
    /// The server's copy of the public key.
    type PublicKey: Send + Sync;
    /// An input at the server.
    type Ciphertext: Send + Sync;
    /// Inputs of one sum.
    type Inputs: Send + Sync;
    /// A block of weights.
    type Weights: Send + Sync;
    /// Sums of products.
    type Products: Send + Sync;
    /// One sum.
    type Product: Send + Sync;

    /// The name in reports.
    fn name(&self) -> &'static str;

    /// Bytes of [`Backend::public_key`].
    fn public_key_bytes(&self, parameters: Parameters) -> usize;

    /// Bytes of the message of [`Backend::encrypt`].
    fn upload_bytes(&self, parameters: Parameters, ring: Ring, free: &[&Positions]) -> usize;

    /// Bytes of the message of [`Backend::reply`].
    fn reply_bytes(&self, parameters: Parameters, ring: Ring, wanted: &[&Positions]) -> usize;

    /// Client: a fresh key.
    fn generate(&self, parameters: Parameters, prg: Prg) -> Self::Keys;

    /// Client: the message that carries the public key.
    fn public_key(&self, keys: &mut Self::Keys) -> Vec<u8>;

    /// Client: encrypts; the message, and the values chosen at free coefficients.
    ///
    /// # Errors
    /// Arguments that do not fit the set.
    fn encrypt(
        &self,
        keys: &mut Self::Keys,
        ring: Ring,
        batch: &[Plain<'_>],
    ) -> Result<(Vec<u8>, Vec<Vec<u64>>), Error>;

    /// Client: the wanted coefficients of products plus masks.
    ///
    /// # Errors
    /// A malformed message.
    fn decrypt(
        &self,
        keys: &Self::Keys,
        ring: Ring,
        message: &[u8],
        wanted: &[&Positions],
    ) -> Result<Vec<Vec<u64>>, Error>;

    /// Server: reads the public key.
    ///
    /// # Errors
    /// A malformed message.
    fn receive_key(&self, parameters: Parameters, message: &[u8])
    -> Result<Self::PublicKey, Error>;

    /// Server: reads inputs.
    ///
    /// # Errors
    /// A malformed message.
    fn receive(
        &self,
        parameters: Parameters,
        ring: Ring,
        message: &[u8],
        free: &[&Positions],
    ) -> Result<Vec<Self::Ciphertext>, Error>;

    /// Server: lays out the inputs of one sum.
    ///
    /// # Errors
    /// Arguments that do not belong together.
    fn inputs(&self, ciphertexts: &[&Self::Ciphertext]) -> Result<Self::Inputs, Error>;

    /// Server: weights as polynomials, `(rows, columns)` of them; `fill(row, column, coefficients)` finds zeros.
    ///
    /// # Errors
    /// A size or weight out of range.
    fn weights(
        &self,
        parameters: Parameters,
        size: (usize, usize),
        fill: &(dyn Fn(usize, usize, &mut [i64]) + Sync),
    ) -> Result<Self::Weights, Error>;

    /// Server: weights as constants.
    ///
    /// # Errors
    /// A size or weight out of range.
    fn constants(
        &self,
        parameters: Parameters,
        size: (usize, usize),
        weight: &dyn Fn(usize, usize) -> i64,
    ) -> Result<Self::Weights, Error>;

    /// Server: sums of nothing.
    ///
    /// # Errors
    /// A size of zero.
    fn products(
        &self,
        parameters: Parameters,
        tiles: usize,
        rows: usize,
    ) -> Result<Self::Products, Error>;

    /// Server: adds `weights · inputs` to the sums of each tile.
    ///
    /// # Errors
    /// Arguments that do not belong together.
    fn accumulate(
        &self,
        products: &mut Self::Products,
        weights: &Self::Weights,
        inputs: &[&Self::Inputs],
    ) -> Result<(), Error>;

    /// Server: one sum.
    ///
    /// # Errors
    /// A tile or row that does not exist.
    fn take(
        &self,
        products: &mut Self::Products,
        tile: usize,
        row: usize,
    ) -> Result<Self::Product, Error>;

    /// Server: the message that carries the wanted coefficients of sums plus masks.
    ///
    /// # Errors
    /// Arguments that do not belong together.
    fn reply(
        &self,
        key: &Self::PublicKey,
        ring: Ring,
        prg: &mut Prg,
        answers: Vec<Reply<'_, Self::Product>>,
    ) -> Result<Vec<u8>, Error>;
}

/// A sum, and what of it the client shall learn.
pub struct Reply<'a, P> {
    /// The sum: given away.
    pub product: P,
    /// Coefficients to send.
    pub wanted: &'a Positions,
    /// What is added to them, modulo `2^l`: uniform, fresh.
    pub masks: &'a [u64],
}
