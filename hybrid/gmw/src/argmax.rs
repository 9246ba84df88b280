//! The place of the greatest number, opened to the client alone.
//!
//! - Functionality: from shares of groups of numbers, the client gets for each group the lowest index of a greatest number; nobody
//!   learns anything else.
//! - Secure against: semi-honest, either side; perfect, in the model of prepared material: the server's share of the index, fresh from
//!   the last selection, is all that the client gets.
//! - From: a tree of maxima as in CrypTFlow2 (eprint 2020/457), §B. Differs: each number is put above its place counted from the end,
//!   so that one selection moves both and the greatest key tells the lowest index.
//! - Cost: `privet_plan::cost::gmw::Argmax::cost`, to the byte.

use privet_plan::compare::ShapeError;
use privet_plan::cost::gmw::Argmax;
use privet_plan::tournament::Tournament;
use privet_ring::{Party, Ring, Shares};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::{ApiMisuse, Error, PeerMisbehaved};
use crate::flights::Flights;
use crate::wire::{field_bytes, fields, put_fields};

const INDICES: &str = "gmw/indices";

/// Numbers modulo `2^bits` opened to the client.
pub(crate) struct Reveal<P: Party> {
    bits: u32,
    /// This party's shares; then, at the client, the numbers.
    values: Zeroizing<Vec<u64>>,
    done: bool,
    party: std::marker::PhantomData<P>,
}

impl<P: Party> Reveal<P> {
    /// The low bits of these shares.
    pub(crate) fn new(bits: u32, mut values: Vec<u64>) -> Self {
        let mask = u64::MAX >> (64 - bits);
        values.iter_mut().for_each(|v| *v &= mask);
        Self {
            bits,
            values: Zeroizing::new(values),
            done: false,
            party: std::marker::PhantomData,
        }
    }

    /// The numbers, at the client.
    pub(crate) fn finish(mut self) -> Option<Vec<u64>> {
        (!P::ADDS_PUBLIC).then(|| std::mem::take(&mut *self.values))
    }
}

impl<P: Party> Flights for Reveal<P> {
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {
        if P::ADDS_PUBLIC {
            put_fields(self.bits, &self.values, out);
            return Ok(0);
        }
        Ok(field_bytes(self.values.len(), self.bits))
    }

    fn receive(&mut self, msg: &[u8]) -> Result<(), Error> {
        let n = if P::ADDS_PUBLIC { 0 } else { self.values.len() };
        let theirs = fields(INDICES, self.bits, n, msg)?;
        let mask = u64::MAX >> (64 - self.bits);
        for (own, theirs) in self.values.iter_mut().zip(&theirs) {
            *own = own.wrapping_add(*theirs) & mask;
        }
        self.done = true;
        Ok(())
    }

    fn done(&self) -> bool {
        self.done
    }
}

/// Opened numbers as indices of at most `most`.
fn indices(most: u64, opened: &[u64]) -> Result<Vec<u32>, PeerMisbehaved> {
    let index = |got: &u64| match u32::try_from(*got) {
        Ok(index) if *got <= most => Ok(index),
        _ => Err(PeerMisbehaved::Value {
            msg: INDICES,
            got: *got,
            most,
        }),
    };
    opened.iter().map(index).collect()
}

impl<P: Party> Context<'_, P> {
    /// For each of `groups` groups of numbers, one after the other, the index of the greatest, the lowest one of several: for the
    /// client alone, `None` at the server. The numbers have `value_bits` bits with sign.
    ///
    /// # Errors
    /// No groups or numbers, or more than 2^32; numbers and indices of more than 63 bits together; material has run out; a failing
    /// channel or a misbehaving peer.
    pub fn argmax(
        &mut self,
        x: &Shares<P>,
        groups: usize,
        value_bits: u32,
    ) -> Result<Option<Vec<u32>>, Error> {
        let shares = self.argmax_shared(x, groups, value_bits)?;
        let reveal = Reveal::<P>::new(shares.ring().bits(), shares.into_values());
        let reveal = self.run(reveal)?;
        let most = (x.len() / groups.max(1)).saturating_sub(1) as u64;
        let opened = reveal.and_then(Reveal::finish).map(Zeroizing::new);
        let indices = opened.map(|opened| indices(most, &opened));
        Ok(indices.transpose()?)
    }

    /// Shares of what [`argmax`](Self::argmax) opens, in the ring of [`Argmax::index_bits`].
    ///
    /// # Errors
    /// As [`argmax`](Self::argmax).
    pub fn argmax_shared(
        &mut self,
        x: &Shares<P>,
        groups: usize,
        value_bits: u32,
    ) -> Result<Shares<P>, Error> {
        let count = x.len() / groups.max(1);
        ApiMisuse::length("numbers in groups", groups.saturating_mul(count), x.len())?;
        let given = i64::from(x.ring().bits());
        ApiMisuse::within("bits of ranked numbers", value_bits.into(), 1, given)?;
        let most = i64::from(u32::MAX);
        let numbers = i64::try_from(count).unwrap_or(i64::MAX);
        ApiMisuse::within("numbers of a group", numbers, 1, most)?;
        let form = Argmax {
            ring_bits: x.ring().bits(),
            value_bits,
            count: u32::try_from(count).unwrap_or(u32::MAX),
        };
        let bits = form.key_bits();
        if bits > 64 {
            return Err(ShapeError::Bits { bits }.into());
        }
        // A place is counted from the end.
        let winners = self.winners(x, groups, form)?;
        let mut places = winners.reduce(Ring::new(form.index_bits())?)?;
        places.mul_public(-1);
        places.add_public(numbers - 1);
        Ok(places)
    }

    /// Keys of the greatest number of each group.
    fn winners(&mut self, x: &Shares<P>, groups: usize, form: Argmax) -> Result<Shares<P>, Error> {
        let wide = self.truncate(x, form.widened())?;
        let (places, count) = (form.index_bits(), u64::from(form.count));
        let mut keys = wide.into_values();
        for group in keys.chunks_mut(form.count as usize) {
            for (i, key) in (1..=count).zip(group) {
                let place = if P::ADDS_PUBLIC { count - i } else { 0 };
                *key = (*key << places).wrapping_add(place);
            }
        }
        let keys = Shares::new(Ring::new(form.key_bits())?, keys);
        let all = Tournament::of_all(form.count as usize);
        let all = all.map_err(|_| ApiMisuse::Parameter {
            what: "numbers of a group",
            got: form.count.into(),
            least: 1,
            most: u32::MAX.into(),
        })?;
        self.max_pool(&keys, groups, &all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_that_no_number_has_are_the_peers_fault() {
        assert_eq!(indices(9, &[9, 0, 3]), Ok(vec![9, 0, 3]));
        assert!(indices(9, &[10]).is_err() && indices(9, &[15]).is_err());
        assert!(indices(1 << 20, &[u64::MAX]).is_err());
    }
}
