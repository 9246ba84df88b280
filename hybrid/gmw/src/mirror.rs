//! Numbers with signs that the server knows.
//!
//! - Functionality: from additive shares of x_i and the server's bits c_i, shares of `(1 − 2·c_i)·x_i` mod 2^l.
//! - Secure against: semi-honest, either side; perfect, in the model of random transfers.
//! - From: Gil99 over random transfers, for the client's share; the server mirrors its own. Differs: twice a product is determined by
//!   the product mod 2^(l−1), so transfers are a bit shorter.
//! - Cost for n: two flights; ⌈n/64⌉ words from the server, n·(l−1) bits from the client; no hash online.

use privet_plan::cost::gmw as cost;
use privet_ring::{Party, Shares};

use crate::context::Context;
use crate::error::{ApiMisuse, Error};
use crate::flights::Together;
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
        let mut out = Shares::new(ring, Vec::with_capacity(x.len()));
        for (index, x) in x.values().chunks(chunk).enumerate() {
            let (material, _) = self.start(&cost::mirror(x.len() as u64, ring.bits()))?;
            let flips = flips.iter().skip(index * (chunk / 64));
            let flips: Vec<u64> = flips.take(x.len().div_ceil(64)).copied().collect();
            let own = own::<P>(x, &flips);
            let half = ring.bits() - 1;
            let mut cross = Cross::new(half, x.len(), || x.to_vec(), || flips, material)?;
            self.run(&mut Together::new(vec![&mut cross]))?;
            let products = cross.finish();
            let sum = own.iter().zip(&products);
            let sum = sum.map(|(own, product)| own.wrapping_sub(product.wrapping_mul(2)));
            out.append(&Shares::new(ring, sum.collect()))?;
        }
        Ok(out)
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
