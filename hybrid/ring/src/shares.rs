//! Additive shares of many ring elements at once.

use std::marker::PhantomData;

use zeroize::Zeroize;

use crate::{Client, Party, Ring, Server};

/// Shares that do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("shares of {left} and of {right} {what} do not fit together")]
pub struct Mismatch {
    /// What was compared: `elements` or `bits`.
    pub what: &'static str,
    /// On the left.
    pub left: usize,
    /// On the right.
    pub right: usize,
}

impl Mismatch {
    pub(crate) const fn check(what: &'static str, left: usize, right: usize) -> Result<(), Self> {
        if left == right {
            Ok(())
        } else {
            Err(Self { what, left, right })
        }
    }
}

/// Party `P`'s additive shares: the value is the sum of both parties' modulo `2^bits`.
///
/// Opening takes one of each; two of the same do not compile:
///
/// ```compile_fail,E0308
/// use privet_ring::{Client, Ring, Shares, open};
/// let mine = Shares::<Client>::zeros(Ring::new(16)?, 1);
/// open(&mine, &mine);
/// # Ok::<(), privet_ring::WidthError>(())
/// ```
///
/// They do not print, and are erased when dropped.
pub struct Shares<P: Party> {
    ring: Ring,
    values: Vec<u64>,
    party: PhantomData<P>,
}

impl<P: Party> Shares<P> {
    /// Takes values modulo the ring.
    #[must_use]
    pub fn new(ring: Ring, mut values: Vec<u64>) -> Self {
        let mask = ring.mask();
        values.iter_mut().for_each(|v| *v &= mask);
        Self {
            ring,
            values,
            party: PhantomData,
        }
    }

    /// Zeros: of public zeros, or of values that the peer alone knows.
    #[must_use]
    pub fn zeros(ring: Ring, len: usize) -> Self {
        Self::new(ring, vec![0; len])
    }

    /// This party's share of public values.
    #[must_use]
    pub fn public(ring: Ring, values: &[i64]) -> Self {
        if P::ADDS_PUBLIC {
            Self::private(ring, values)
        } else {
            Self::zeros(ring, values.len())
        }
    }

    /// This party's share of values that it alone knows; the peer's are zeros.
    #[must_use]
    pub fn private(ring: Ring, values: &[i64]) -> Self {
        Self::new(ring, values.iter().map(|v| v.cast_unsigned()).collect())
    }

    /// A second copy: shares, unlike prepared material, may be read more than once.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::new(self.ring, self.values.clone())
    }

    /// Appends others of the same ring.
    ///
    /// # Errors
    /// Another ring.
    pub fn append(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.same_ring(other)?;
        self.values.extend_from_slice(&other.values);
        Ok(())
    }

    /// Adds element by element.
    ///
    /// # Errors
    /// Another ring or length.
    pub fn add_assign(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.zip(other, u64::wrapping_add)
    }

    /// Subtracts element by element.
    ///
    /// # Errors
    /// Another ring or length.
    pub fn sub_assign(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.zip(other, u64::wrapping_sub)
    }

    /// Adds a public constant to every element.
    pub fn add_public(&mut self, constant: i64) {
        if P::ADDS_PUBLIC {
            let mask = self.ring.mask();
            for v in &mut self.values {
                *v = v.wrapping_add(constant.cast_unsigned()) & mask;
            }
        }
    }

    /// Multiplies every element by a public constant.
    pub fn mul_public(&mut self, constant: i64) {
        let mask = self.ring.mask();
        for v in &mut self.values {
            *v = v.wrapping_mul(constant.cast_unsigned()) & mask;
        }
    }

    /// The same values modulo a ring that is not wider: no message.
    ///
    /// # Errors
    /// A wider ring.
    pub fn reduce(&self, ring: Ring) -> Result<Self, Mismatch> {
        if ring.bits() > self.ring.bits() {
            let (left, right) = (self.ring.bits() as usize, ring.bits() as usize);
            let what = "bits";
            return Err(Mismatch { what, left, right });
        }
        Ok(Self::new(ring, self.values.clone()))
    }

    /// The elements in a range.
    ///
    /// # Errors
    /// A range beyond the last element.
    pub fn range(&self, from: usize, len: usize) -> Result<Self, Mismatch> {
        let end = from.saturating_add(len);
        let values = self.values.get(from..end).ok_or(Mismatch {
            what: "elements",
            left: self.values.len(),
            right: end,
        })?;
        Ok(Self::new(self.ring, values.to_vec()))
    }

    /// The elements at the given places, in that order.
    ///
    /// # Errors
    /// A place beyond the last element.
    pub fn gather(&self, places: impl Iterator<Item = usize>) -> Result<Self, Mismatch> {
        let found = places.map(|right| {
            let left = self.values.len();
            let what = "elements";
            let value = self.values.get(right).copied();
            value.ok_or(Mismatch { what, left, right })
        });
        Ok(Self::new(self.ring, found.collect::<Result<_, _>>()?))
    }

    /// The ring.
    #[must_use]
    pub const fn ring(&self) -> Ring {
        self.ring
    }

    /// How many elements.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The residues, each below `2^bits`.
    #[must_use]
    pub fn values(&self) -> &[u64] {
        &self.values
    }

    /// The residues, for work in place; [`Shares::new`] takes them back.
    #[must_use]
    pub fn into_values(mut self) -> Vec<u64> {
        std::mem::take(&mut self.values)
    }

    fn same_ring(&self, other: &Self) -> Result<(), Mismatch> {
        let (left, right) = (self.ring.bits() as usize, other.ring.bits() as usize);
        Mismatch::check("bits", left, right)
    }

    fn zip(&mut self, other: &Self, f: impl Fn(u64, u64) -> u64) -> Result<(), Mismatch> {
        self.same_ring(other)?;
        Mismatch::check("elements", self.len(), other.len())?;
        let mask = self.ring.mask();
        for (v, w) in self.values.iter_mut().zip(&other.values) {
            *v = f(*v, *w) & mask;
        }
        Ok(())
    }
}

impl<P: Party> Drop for Shares<P> {
    fn drop(&mut self) {
        self.values.zeroize();
    }
}

/// Splits values with masks that must be uniform, secret and used for nothing else: the client's share is the mask.
///
/// # Errors
/// Another number of masks.
pub fn share(
    ring: Ring,
    values: &[i64],
    masks: Vec<u64>,
) -> Result<(Shares<Client>, Shares<Server>), Mismatch> {
    Mismatch::check("elements", values.len(), masks.len())?;
    let rest = values.iter().zip(&masks);
    let server = rest
        .map(|(v, m)| v.cast_unsigned().wrapping_sub(*m))
        .collect();
    Ok((Shares::new(ring, masks), Shares::new(ring, server)))
}

/// The signed values that two shares make.
///
/// # Errors
/// Shares of different rings or lengths.
pub fn open(client: &Shares<Client>, server: &Shares<Server>) -> Result<Vec<i64>, Mismatch> {
    let (left, right) = (client.ring.bits() as usize, server.ring.bits() as usize);
    Mismatch::check("bits", left, right)?;
    Mismatch::check("elements", client.len(), server.len())?;
    let pairs = client.values.iter().zip(&server.values);
    Ok(pairs
        .map(|(c, s)| client.ring.wrap(c.wrapping_add(*s).cast_signed()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_open_to_their_values_and_add() {
        for bits in [8, 16, 37, 64] {
            let ring = Ring::new(bits).unwrap();
            let values = [0, 1, -1, ring.min(), ring.max()];
            let masks: Vec<u64> = (1..=5u64)
                .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                .collect();
            let (mut c, mut s) = share(ring, &values, masks).unwrap();
            assert_eq!(open(&c, &s).unwrap(), values);
            c.add_public(3);
            s.add_public(3);
            c.mul_public(-2);
            s.mul_public(-2);
            let expected = values.map(|v| ring.wrap(v.wrapping_add(3).wrapping_mul(-2)));
            assert_eq!(open(&c, &s).unwrap(), expected);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let ring = |bits| Ring::new(bits).unwrap();
        let mut a = Shares::<Client>::zeros(ring(8), 2);
        assert!(a.add_assign(&Shares::zeros(ring(9), 2)).is_err());
        assert!(a.add_assign(&Shares::zeros(ring(8), 3)).is_err());
        assert!(a.reduce(ring(9)).is_err());
        assert!(a.range(1, usize::MAX).is_err());
        assert!(a.gather([2].into_iter()).is_err());
        assert!(open(&a, &Shares::zeros(ring(8), 1)).is_err());
        assert!(share(ring(8), &[1], vec![]).is_err());
    }
}
