//! The ideal functionalities: a trusted third party that sees both shares, computes in the clear and shares the result afresh.
//!
//! They say what each operation of [`Context`](crate::Context) means, for tests: **they protect nothing**.

use privet_prim::Prg;
use privet_ring::{
    BitShares, Client, Mismatch, Ring, Server, Shares, floor_shift, open, open_bits,
};

/// Both parties' shares of the same numbers.
pub type Both = (Shares<Client>, Shares<Server>);

/// The trusted third party.
pub struct Ideal {
    prg: Prg,
}

impl Default for Ideal {
    fn default() -> Self {
        Self { prg: Prg::random() }
    }
}

impl Ideal {
    /// Fresh shares.
    ///
    /// # Errors
    /// None: the masks are as many as the values.
    pub fn share(&mut self, ring: Ring, values: &[i64]) -> Result<Both, Mismatch> {
        let masks = values.iter().map(|_| self.prg.next_u64()).collect();
        privet_ring::share(ring, values, masks)
    }

    /// Number by number, into ring `out`.
    ///
    /// # Errors
    /// Shares that do not fit together.
    pub fn map(&mut self, x: &Both, out: Ring, f: impl Fn(i64) -> i64) -> Result<Both, Mismatch> {
        let values: Vec<i64> = open(&x.0, &x.1)?
            .into_iter()
            .map(|v| out.wrap(f(v)))
            .collect();
        self.share(out, &values)
    }

    /// `x >= 0`.
    ///
    /// # Errors
    /// Shares that do not fit together.
    pub fn drelu(&mut self, x: &Both) -> Result<(BitShares<Client>, BitShares<Server>), Mismatch> {
        let signs = open(&x.0, &x.1)?;
        let mask: Vec<u64> = signs.chunks(64).map(|_| self.prg.next_u64()).collect();
        let words = signs.chunks(64).zip(&mask).map(|(signs, mask)| {
            let bits = signs.iter().enumerate();
            mask ^ bits.fold(0, |word, (i, v)| word | u64::from(*v >= 0) << i)
        });
        let server = BitShares::new(signs.len(), words.collect())?;
        Ok((BitShares::new(signs.len(), mask)?, server))
    }

    /// `b·x`.
    ///
    /// # Errors
    /// Shares that do not fit together.
    pub fn mux(
        &mut self,
        bits: &(BitShares<Client>, BitShares<Server>),
        x: &Both,
    ) -> Result<Both, Mismatch> {
        let (chosen, values) = (open_bits(&bits.0, &bits.1)?, open(&x.0, &x.1)?);
        let pairs = chosen.iter().zip(&values);
        let values: Vec<i64> = pairs.map(|(b, v)| i64::from(*b).wrapping_mul(*v)).collect();
        self.share(x.0.ring(), &values)
    }

    /// Bits as numbers.
    ///
    /// # Errors
    /// Shares that do not fit together.
    pub fn b2a(
        &mut self,
        bits: &(BitShares<Client>, BitShares<Server>),
        ring: Ring,
    ) -> Result<Both, Mismatch> {
        let bits = open_bits(&bits.0, &bits.1)?;
        let values: Vec<i64> = bits.iter().map(|b| ring.wrap(i64::from(*b))).collect();
        self.share(ring, &values)
    }

    /// `floor(max(x, 0) / 2^shift)` in ring `out`.
    ///
    /// # Errors
    /// Shares that do not fit together.
    pub fn relu_trunc(&mut self, x: &Both, shift: u32, out: Ring) -> Result<Both, Mismatch> {
        self.map(x, out, |v| floor_shift(v.max(0), shift))
    }

    /// `floor(x / 2^shift)` in ring `out`.
    ///
    /// # Errors
    /// Shares that do not fit together.
    pub fn trunc(&mut self, x: &Both, shift: u32, out: Ring) -> Result<Both, Mismatch> {
        self.map(x, out, |v| floor_shift(v, shift))
    }

    /// `floor((x + add) / divisor)` in ring `out`.
    ///
    /// # Errors
    /// Shares that do not fit together.
    pub fn div(&mut self, x: &Both, divisor: u64, add: u64, out: Ring) -> Result<Both, Mismatch> {
        let quotient = |v: i64| {
            let sum = i128::from(v) + i128::from(add);
            out.wrap_wide(sum.div_euclid(i128::from(divisor.max(1))))
        };
        self.map(x, out, quotient)
    }
}
