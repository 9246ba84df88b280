//! The greater and the lesser of two numbers, and public limits.
//!
//! - Functionality: from shares of a and b, shares of `b + max(a − b, 0)`, which is their maximum where `|a − b| < 2^(l−1)`; likewise
//!   `a − max(a − b, 0)`; and of a number kept within public limits by one after the other. All modulo 2^l, as the oracle has it. The
//!   sign may be read in fewer bits than the shares have: where all numbers fit there, the rest is not compared.
//! - Secure against: semi-honest, either side; perfect, in the model of prepared material.
//! - From: [`relu`](crate::relu) of differences, which are local.
//! - Cost: that of the ReLUs: `privet_plan::cost::gmw::{max, clip}`, to the byte.

use privet_ring::{Party, Ring, Shares};

use crate::context::Context;
use crate::error::{ApiMisuse, Error};

impl<P: Party> Context<'_, P> {
    /// Shares of the greater of a and b, pair by pair.
    ///
    /// # Errors
    /// Different rings or lengths; material has run out; a failing channel or a misbehaving peer.
    pub fn max(&mut self, a: &Shares<P>, b: &Shares<P>) -> Result<Shares<P>, Error> {
        self.max_within(a, b, a.ring().bits())
    }

    /// Shares of b, or of a where `a − b` modulo `2^sign_bits` is not negative: what [`max`](Self::max) is in that ring, in a's.
    ///
    /// # Errors
    /// More bits than the ring has; as [`max`](Self::max).
    pub fn max_within(
        &mut self,
        a: &Shares<P>,
        b: &Shares<P>,
        sign_bits: u32,
    ) -> Result<Shares<P>, Error> {
        let mut difference = a.duplicate();
        difference.sub_assign(b)?;
        let mut greater = self.positive(&difference, sign_bits)?;
        greater.add_assign(b)?;
        Ok(greater)
    }

    /// Shares of the lesser of a and b, pair by pair.
    ///
    /// # Errors
    /// As [`max`](Self::max).
    pub fn min(&mut self, a: &Shares<P>, b: &Shares<P>) -> Result<Shares<P>, Error> {
        let mut difference = a.duplicate();
        difference.sub_assign(b)?;
        let more = self.positive(&difference, a.ring().bits())?;
        let mut lesser = a.duplicate();
        lesser.sub_assign(&more)?;
        Ok(lesser)
    }

    /// Shares of `min(max(x, lo), hi)`; with limits 0 and 6·2^f it is ReLU6.
    ///
    /// # Errors
    /// Limits outside the ring or in the wrong order; as [`max`](Self::max).
    pub fn clip(&mut self, x: &Shares<P>, lo: i64, hi: i64) -> Result<Shares<P>, Error> {
        self.clip_within(x, lo, hi, x.ring().bits())
    }

    /// As [`clip`](Self::clip), with the signs of differences read in `sign_bits`, and the limits in the ring of that width.
    ///
    /// # Errors
    /// More bits than the ring has; as [`clip`](Self::clip).
    pub fn clip_within(
        &mut self,
        x: &Shares<P>,
        lo: i64,
        hi: i64,
        sign_bits: u32,
    ) -> Result<Shares<P>, Error> {
        let ring = Ring::new(sign_bits)?;
        ApiMisuse::within("lower limit", lo, ring.min(), ring.max())?;
        ApiMisuse::within("upper limit", hi, lo, ring.max())?;
        let mut above = x.duplicate();
        above.add_public(lo.wrapping_neg());
        let mut raised = self.positive(&above, sign_bits)?;
        raised.add_public(lo);
        self.at_most_within(&raised, hi, sign_bits)
    }

    /// Shares of `min(x, hi)`, with the sign of the difference read in `sign_bits`, and the limit in the ring of that width. After a ReLU
    /// this is what is left of [`clip`](Self::clip) from 0 on.
    ///
    /// # Errors
    /// More bits than the ring has; as [`clip`](Self::clip).
    pub fn at_most_within(
        &mut self,
        x: &Shares<P>,
        hi: i64,
        sign_bits: u32,
    ) -> Result<Shares<P>, Error> {
        let ring = Ring::new(sign_bits)?;
        ApiMisuse::within("upper limit", hi, ring.min(), ring.max())?;
        let mut beyond = x.duplicate();
        beyond.add_public(hi.wrapping_neg());
        let mut lesser = x.duplicate();
        lesser.sub_assign(&self.positive(&beyond, sign_bits)?)?;
        Ok(lesser)
    }

    /// Shares of x where it is not negative modulo `2^sign_bits`, else of 0.
    fn positive(&mut self, x: &Shares<P>, sign_bits: u32) -> Result<Shares<P>, Error> {
        if sign_bits == x.ring().bits() {
            return self.relu(x);
        }
        let signs = self.drelu(&x.reduce(Ring::new(sign_bits)?)?)?;
        self.mux(&signs, x)
    }
}
