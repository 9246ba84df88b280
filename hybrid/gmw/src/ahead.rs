//! Comparisons whose client numbers are known before the input: their material is turned to them ahead.
//!
//! Behind a linear layer the client's share is what was drawn with the layer's products, so no input enters here. Afterwards the
//! server's masks lie where the client's own digits choose, and products have the client's bits for their random operand: online
//! the server alone speaks. See [`Shape::ahead`].
//!
//! - Functionality: from random transfers and bit products those with the client's digits for choices; nobody learns anything.
//! - Secure against: semi-honest, either side; perfect, in the model of random transfers and bit products: the server sees digit ⊕
//!   choice, and a choice is uniform, used for this alone and taken out of the random material for good.
//! - From: Bea95. Differs: what is turned goes back to material, of a kind of its own, and is stored like any other.
//! - Cost: `OpCost::ahead_bytes` of the comparison, one message from client to server; no hash.

use privet_net::Channel;
use privet_plan::compare::{Leaves, Shape};
use privet_ring::{Client, Ring, Server, Shares, to_planes};
use zeroize::Zeroizing;

use crate::compare::leaves::turn;
use crate::compare::{private_planes, slots};
use crate::error::Error;
use crate::material::{Kind, Material};
use crate::relu::carry_operand;
use crate::wire::{fields, lane_bytes, lanes, put_lanes, put_words, split};

const MESSAGE: &str = "gmw/numbers ahead";

/// Carries of shares out of their low bits, as signs and truncations compare for them.
#[derive(Debug, Clone, Copy)]
pub struct Carries {
    /// How they are compared.
    pub shape: Shape,
    /// How many low bits.
    pub bits: u32,
    /// Where the comparison is cut.
    pub cut: Option<u32>,
    /// Elements of one batch, as the operation has them.
    pub chunk: usize,
}

impl Carries {
    /// Those of `drelu` and `relu`, where nothing is dropped, or of `relu_trunc` on shares in a ring.
    #[must_use]
    pub fn relu(shape: Shape, ring: Ring, shift: u32, chunk: usize) -> Self {
        Self {
            shape,
            bits: ring.bits() - 1,
            cut: (shift > 0).then_some(shift),
            chunk,
        }
    }

    /// The client: turns material to its shares, tells the server what to do.
    ///
    /// # Errors
    /// Material has run out; a failing channel.
    pub fn fix_own(
        &self,
        ch: &mut Channel,
        x: &Shares<Client>,
        material: &mut Material<Client>,
    ) -> Result<(), Error> {
        for x in x.values().chunks(self.chunk()) {
            let msg = self.own(x, material)?;
            ch.send(&msg)?;
            ch.flush()?;
        }
        Ok(())
    }

    /// The server: turns its part for `len` elements.
    ///
    /// # Errors
    /// Material has run out; a failing channel or a misbehaving peer.
    pub fn fix_theirs(
        &self,
        ch: &mut Channel,
        len: usize,
        material: &mut Material<Server>,
    ) -> Result<(), Error> {
        for start in (0..len).step_by(self.chunk()) {
            let part = (len - start).min(self.chunk());
            let msg = ch.recv_slice(self.bytes(part)?)?;
            self.theirs(part, msg, material)?;
        }
        Ok(())
    }

    fn chunk(&self) -> usize {
        self.chunk.div_ceil(64).max(1).saturating_mul(64)
    }

    fn layout(&self) -> Result<privet_plan::compare::Layout, Error> {
        Ok(self.shape.layout(self.bits, self.cut)?)
    }

    /// Bytes of the message for a batch.
    fn bytes(&self, len: usize) -> Result<usize, Error> {
        Ok(match self.shape.leaves {
            _ if !self.shape.fixed() => 0,
            Leaves::PrivateAnd | Leaves::SharedAnd => 8 * self.bits as usize * len.div_ceil(64),
            Leaves::Transfer { .. } => {
                let groups = self.layout()?.groups();
                let planes = groups
                    .iter()
                    .map(|(shape, n)| n * u64::from(shape.choice_bits));
                lane_bytes(
                    usize::try_from(planes.sum::<u64>()).unwrap_or(usize::MAX),
                    len,
                )
            }
        })
    }

    /// The client's core: the message for a batch.
    fn own(&self, x: &[u64], material: &mut Material<Client>) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.bytes(x.len())?));
        if !self.shape.fixed() {
            return Ok(out);
        }
        let numbers = Zeroizing::new(carry_operand::<Client>(x, self.bits));
        let stride = x.len().div_ceil(64);
        if self.shape.leaves == Leaves::PrivateAnd {
            let planes = private_planes::<Client>(&numbers, self.bits);
            let (mut random, share) = material.take_private(Kind::Random, planes.len())?;
            let masked = random.iter_mut().zip(&planes);
            masked.for_each(|(random, plane)| *random ^= plane);
            put_words(&random, &mut out);
            material.put_fixed_oles(planes, share);
            return Ok(out);
        }
        let planes = Zeroizing::new(to_planes(&numbers, self.bits as usize));
        let layout = self.layout()?;
        let mut leaves = layout.leaves.as_slice();
        for (shape, count) in layout.groups() {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let run = leaves
                .split_off(..count.min(leaves.len()))
                .unwrap_or_default();
            let mut tables = material.take_tables(Kind::Random, shape, count * stride)?;
            let wishes = turn(shape, run, &planes, stride, &mut tables);
            put_lanes(&wishes, shape.choice_bits as usize, x.len(), &mut out);
            material.fixed_table_pool(shape).put(tables);
        }
        Ok(out)
    }

    /// The server's core.
    fn theirs(
        &self,
        len: usize,
        mut msg: &[u8],
        material: &mut Material<Server>,
    ) -> Result<(), Error> {
        let (expected, got) = (self.bytes(len)?, msg.len());
        if expected != got {
            let msg = MESSAGE;
            return Err(crate::PeerMisbehaved::Length { msg, expected, got }.into());
        }
        if !self.shape.fixed() {
            return Ok(());
        }
        let stride = len.div_ceil(64);
        if self.shape.leaves == Leaves::PrivateAnd {
            let words = self.bits as usize * stride;
            let turned = fields(MESSAGE, 64, words, msg)?;
            let (own, mut share) = material.take_private(Kind::Random, words)?;
            // a·b for the client's own b: where it differs from the random one, a is added.
            for ((share, own), turned) in share.iter_mut().zip(&own).zip(&turned) {
                *share ^= own & turned;
            }
            material.put_fixed_oles(own, share);
            return Ok(());
        }
        for (shape, count) in self.layout()?.groups() {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let choice = shape.choice_bits as usize;
            let part = split(MESSAGE, count * lane_bytes(choice, len), &mut msg)?;
            let wishes = lanes(MESSAGE, choice, count, len, part)?;
            let mut tables = material.take_tables(Kind::Random, shape, count * stride)?;
            let units = tables.chunks_exact_mut(shape.table_bits() as usize);
            for (table, wish) in units.zip(wishes.chunks_exact(choice)) {
                slots::permute(shape, wish, table);
            }
            material.fixed_table_pool(shape).put(tables);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
