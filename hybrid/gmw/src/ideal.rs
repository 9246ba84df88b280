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

    /// `x`, or `−x` where the server's bit is 1.
    ///
    /// # Errors
    /// Shares that do not fit together.
    pub fn mirror(&mut self, x: &Both, flips: &[u64]) -> Result<Both, Mismatch> {
        let (ring, numbers) = (x.0.ring(), open(&x.0, &x.1)?);
        let bits = crate::select::each_bit(flips, numbers.len());
        let mirrored = numbers.iter().zip(bits).map(|(v, flip)| match flip {
            0 => *v,
            _ => ring.wrap(v.wrapping_neg()),
        });
        let mirrored: Vec<i64> = mirrored.collect();
        self.share(ring, &mirrored)
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

    /// `b + max(a − b, 0)` modulo the ring.
    ///
    /// # Errors
    /// Shares that do not fit together.
    pub fn max(&mut self, a: &Both, b: &Both) -> Result<Both, Mismatch> {
        let (ring, right) = (a.0.ring(), open(&b.0, &b.1)?);
        let pairs = open(&a.0, &a.1)?.into_iter().zip(right);
        let values: Vec<i64> = pairs.map(|(a, b)| greater(ring, a, b)).collect();
        self.share(ring, &values)
    }

    /// `a − max(a − b, 0)` modulo the ring.
    ///
    /// # Errors
    /// Shares that do not fit together.
    pub fn min(&mut self, a: &Both, b: &Both) -> Result<Both, Mismatch> {
        let (ring, right) = (a.0.ring(), open(&b.0, &b.1)?);
        let pairs = open(&a.0, &a.1)?.into_iter().zip(right);
        let values: Vec<i64> = pairs.map(|(a, b)| lesser(ring, a, b)).collect();
        self.share(ring, &values)
    }

    /// `min(max(x, lo), hi)` modulo the ring.
    ///
    /// # Errors
    /// Shares that do not fit together.
    pub fn clip(&mut self, x: &Both, lo: i64, hi: i64) -> Result<Both, Mismatch> {
        let ring = x.0.ring();
        self.map(x, ring, |v| lesser(ring, greater(ring, v, lo), hi))
    }

    /// The greatest of each window's numbers; windows name elements of a plane.
    ///
    /// # Errors
    /// Shares that do not fit together, or a place outside a plane.
    pub fn max_pool(
        &mut self,
        x: &Both,
        planes: usize,
        windows: &[Vec<usize>],
    ) -> Result<Both, Mismatch> {
        let values = open(&x.0, &x.1)?;
        let mut greatest = Vec::new();
        for plane in values.chunks((values.len() / planes.max(1)).max(1)) {
            for window in windows {
                let cells = window.iter().filter_map(|place| plane.get(*place));
                greatest.extend(cells.max().copied());
            }
        }
        let (what, left, right) = ("windows", planes * windows.len(), greatest.len());
        if left != right {
            return Err(Mismatch { what, left, right });
        }
        self.share(x.0.ring(), &greatest)
    }

    /// The lowest index of a greatest number of each group, for the client.
    ///
    /// # Errors
    /// Shares that do not fit together.
    pub fn argmax(&mut self, x: &Both, groups: usize) -> Result<Vec<u32>, Mismatch> {
        let values = open(&x.0, &x.1)?;
        let groups = values.chunks((values.len() / groups.max(1)).max(1));
        let best = groups.map(|group| {
            let start = (0u32, i64::MIN);
            let best = (0..).zip(group).fold(
                start,
                |best, (i, v)| {
                    if *v > best.1 { (i, *v) } else { best }
                },
            );
            best.0
        });
        Ok(best.collect())
    }
}

fn greater(ring: Ring, a: i64, b: i64) -> i64 {
    ring.wrap(b.wrapping_add(ring.wrap(a.wrapping_sub(b)).max(0)))
}

fn lesser(ring: Ring, a: i64, b: i64) -> i64 {
    ring.wrap(a.wrapping_sub(ring.wrap(a.wrapping_sub(b)).max(0)))
}
