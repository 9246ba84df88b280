//! Where prepared material comes from: made while it is asked for, or ahead.
//!
//! A [`Demand`] counts exactly; the cost functions of `privet-plan` give it for every operation. Both parties ask for the same
//! demands in the same order.

pub mod live;

pub use live::Live;
pub use privet_plan::cost::gmw::{Demand, TableShape};

use privet_net::Channel;
use privet_ring::Party;

use crate::error::{ApiMisuse, Error};
use crate::material::Material;

/// Hands out party `P`'s material.
pub trait Source<P: Party> {
    /// Makes sure that [`material`](Self::material) holds at least `demand`.
    ///
    /// # Errors
    /// It does not and no more can be made; a failing channel or a misbehaving peer.
    fn ready(&mut self, ch: &mut Channel, demand: &Demand) -> Result<(), Error>;

    /// The pools to take from.
    fn material(&mut self) -> &mut Material<P>;
}

/// What a source has made and given out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// Made so far.
    pub made: Demand,
    /// Given out so far.
    pub used: Demand,
}

/// Material made ahead; never makes more.
pub struct Stored<P: Party> {
    material: Material<P>,
    made: Demand,
}

impl<P: Party> Stored<P> {
    /// Takes over all that there is.
    #[must_use]
    pub fn new(material: Material<P>) -> Self {
        let made = material.left();
        Self { material, made }
    }

    /// From bytes that hold exactly the material for `demand`.
    ///
    /// # Errors
    /// Another party's, another format, or another length.
    pub fn from_bytes(demand: &Demand, bytes: &[u8]) -> Result<Self, ApiMisuse> {
        Ok(Self::new(Material::from_bytes(demand, bytes)?))
    }

    /// What is left, as bytes for [`from_bytes`](Self::from_bytes) with [`Material::left`] as demand; as secret as the material.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.material.into_bytes()
    }

    /// What was made and used.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            used: self.made.beyond(&self.material.left()),
            made: self.made.clone(),
        }
    }
}

impl<P: Party> Source<P> for Stored<P> {
    fn ready(&mut self, _: &mut Channel, demand: &Demand) -> Result<(), Error> {
        let left = self.material.left();
        let lacking = demand.beyond(&left);
        if lacking.is_empty() {
            return Ok(());
        }
        let by = |of: &Demand| of.transfers_sent(true) + of.transfers_sent(false);
        Err(ApiMisuse::Exhausted {
            what: "prepared correlated transfers",
            asked: by(demand),
            left: by(demand) - by(&lacking),
        }
        .into())
    }

    fn material(&mut self) -> &mut Material<P> {
        &mut self.material
    }
}
