//! Numbers with signs that the server knows.
//!
//! - Functionality: from additive shares of x_i and the server's bits c_i, shares of `(1 − 2·c_i)·x_i` mod 2^l.
//! - Secure against: semi-honest, either side; perfect, in the model of random transfers.
//! - From: Gil99 over random transfers, for the client's share; the server mirrors its own. Differs: twice a product is determined by
//!   the product mod 2^(l−1), so transfers are a bit shorter.
//! - Cost for n: two flights; ⌈n/64⌉ words from the server, n·(l−1) bits from the client; no hash online.

use privet_plan::cost::gmw::{self as cost, OpCost};
use privet_ring::{Party, Shares};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::{ApiMisuse, Error};
use crate::select::{Cross, each_bit};

impl<P: Party> Context<'_, P> {
    /// Shares of x, negated where the server's bit is 1. The server gives its bits, 64 to a word; the client gives none.
    ///
    /// # Errors
    /// Bits that are not as many as numbers; a ring of one bit; material has run out; a failing channel or a misbehaving peer.
    pub fn mirror(&mut self, x: &Shares<P>, flips: &[u64]) -> Result<Shares<P>, Error> {
        let words = if P::ADDS_PUBLIC {
            x.len().div_ceil(64)
        } else {
            0
        };
        ApiMisuse::length("words of signs", words, flips.len())?;
        let (ring, chunk) = (x.ring(), self.chunk());
        ApiMisuse::within("bits of a ring", ring.bits().into(), 2, 64)?;
        let cost = OpCost::chunked(x.len() as u64, chunk as u64, |n| {
            Ok::<_, Error>(cost::mirror(n, ring.bits()))
        })?;
        let mut products = Zeroizing::new(Vec::with_capacity(x.len()));
        self.side_by_side(
            &cost,
            x.values().chunks(chunk).enumerate(),
            |(index, x), material, _| {
                let flips = flips.iter().skip(index * (chunk / 64));
                let flips = || flips.take(x.len().div_ceil(64)).copied().collect();
                let half = ring.bits() - 1;
                Ok(Cross::new(half, x.len(), || x.to_vec(), flips, material)?)
            },
            |cross| {
                products.append(&mut cross.finish());
                Ok(())
            },
        )?;
        let own = own::<P>(x.values(), flips);
        let sum = own.iter().zip(products.iter());
        let sum = sum.map(|(own, product)| own.wrapping_sub(product.wrapping_mul(2)));
        Ok(Shares::new(ring, sum.collect()))
    }
}

/// What a party does with its own share: the server negates it where its bit says so.
fn own<P: Party>(x: &[u64], flips: &[u64]) -> Vec<u64> {
    if !P::ADDS_PUBLIC {
        return x.to_vec();
    }
    let signs = each_bit(flips, x.len()).map(|bit| 0u64.wrapping_sub(bit));
    let each = x.iter().zip(signs);
    each.map(|(x, sign)| (x ^ sign).wrapping_sub(sign))
        .collect()
}
