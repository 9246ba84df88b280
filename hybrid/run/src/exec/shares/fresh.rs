//! Material that is made when a layer is due: for an inference before whose input nothing was prepared.
//!
//! - Functionality: as that of [`Material`](super::material::Material), of one step at a time: the products are those of the client's own share of
//!   what a layer reads, in place of a mask.
//! - Secure against: semi-honest, either side. Products and bits as where they are prepared; that the client's share is no longer a mask
//!   changes nothing, since the server sees it behind encryption, or behind the choices of transfers, alone, and it is never opened.
//! - From: Cheetah (eprint 2022/207) for products of shares under encryption, CrypTFlow2 (eprint 2020/457) by transfers. Differs: material for
//!   bits is made layer by layer too, so that memory is bounded by the largest layer.
//! - Cost: that of the plan, byte for byte; one key for all layers under encryption.

use privet_net::Channel;
use privet_plan::cost::gmw::Demand;
use privet_plan::{Plan, Products, ShareLinear};
use zeroize::Zeroizing;

use super::bits::Bits;
use super::correlated::Correlated;
use super::encrypted::Layers;
use super::material::{Owner, prepare};
use super::words::Words;
use crate::error::RunError;
use crate::weights::ModelWeights;

/// One party of one inference, ready to make what each step needs.
pub(crate) struct Fresh<'s> {
    plan: &'s Plan,
    owner: Owner<'s>,
    correlated: &'s mut Correlated,
    encrypted: Option<Layers<'s>>,
}

impl<'s> Fresh<'s> {
    /// Sends or receives the key of this inference, where the plan has layers under encryption.
    pub(crate) fn begin(
        plan: &'s Plan,
        owner: Owner<'s>,
        (correlated, weights): (&'s mut Correlated, Option<&'s ModelWeights>),
        channel: &mut Channel,
    ) -> Result<Self, RunError> {
        Ok(Self {
            plan,
            owner,
            correlated,
            encrypted: Layers::set_up(plan, owner, weights, channel)?,
        })
    }

    /// No material for bits.
    pub(super) fn none(&self) -> Bits {
        match self.owner {
            Owner::Client => Bits::client(privet_gmw::Material::default()),
            Owner::Server(_) => Bits::server(privet_gmw::Material::default()),
        }
    }

    /// Material for bits.
    pub(super) fn bits(
        &mut self,
        channel: &mut Channel,
        demand: &Demand,
    ) -> Result<Bits, RunError> {
        self.correlated.bits(channel, demand)
    }

    /// A party's share of the products of a layer's weights with the client's share of what it reads.
    pub(super) fn products(
        &mut self,
        channel: &mut Channel,
        linear: &ShareLinear,
        input: &Words,
    ) -> Result<Zeroizing<Vec<u64>>, RunError> {
        match &linear.products {
            Products::Encrypted(lattice) => {
                let layers = self.encrypted.as_mut();
                let layers = layers.ok_or(RunError::Contradiction("a layer without a key"))?;
                layers.multiply(channel, (linear, lattice), input)
            }
            Products::Transfers { inputs_choose } => prepare::products(
                (self.plan, self.owner),
                (self.correlated, channel),
                (linear, *inputs_choose),
                input,
            ),
        }
    }
}
