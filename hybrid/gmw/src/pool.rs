//! Greatest numbers and averages of windows.
//!
//! - Functionality: from shares of planes of numbers, shares of each window's greatest, or of its sum divided by a public constant
//!   and rounded to nearest.
//! - Secure against: semi-honest, either side; perfect, in the model of prepared material.
//! - From: [`max`](crate::max) in the rounds of a [`Tournament`], which shares what windows have in common; [`divide`](crate::divide).
//! - Cost: `Tournament::cost`, `privet_plan::cost::gmw::average`, to the byte.

use privet_plan::tournament::Tournament;
use privet_ring::{Party, Ring, Shares};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::{ApiMisuse, Error};

impl<P: Party> Context<'_, P> {
    /// Shares of the greatest number of each window, plane by plane; x holds `planes` planes, one after the other. Exact where the
    /// numbers of a window lie less than `2^(l−1)` apart.
    ///
    /// # Errors
    /// Another number of elements than the planes have; material has run out; a failing channel or a misbehaving peer.
    pub fn max_pool(
        &mut self,
        x: &Shares<P>,
        planes: usize,
        windows: &Tournament,
    ) -> Result<Shares<P>, Error> {
        self.max_pool_within(x, planes, windows, x.ring().bits())
    }

    /// As [`max_pool`](Self::max_pool), with the signs of differences read in `sign_bits`.
    ///
    /// # Errors
    /// More bits than the ring has; as [`max_pool`](Self::max_pool).
    pub fn max_pool_within(
        &mut self,
        x: &Shares<P>,
        planes: usize,
        windows: &Tournament,
        sign_bits: u32,
    ) -> Result<Shares<P>, Error> {
        let (ring, inputs) = (x.ring(), windows.inputs());
        let expected = planes.saturating_mul(inputs);
        ApiMisuse::length("elements of planes", expected, x.len())?;
        let stride = inputs + windows.pairs();
        let mut nodes = Zeroizing::new(vec![0u64; planes.saturating_mul(stride)]);
        for (nodes, x) in nodes
            .chunks_mut(stride.max(1))
            .zip(x.values().chunks(inputs.max(1)))
        {
            nodes.iter_mut().zip(x).for_each(|(node, x)| *node = *x);
        }
        let mut filled = inputs;
        for round in windows.rounds() {
            let side = |pick: fn(&(u32, u32)) -> u32| {
                gather(&nodes, stride, ring, &round.iter().map(pick))
            };
            let (a, b) = (side(|pair| pair.0)?, side(|pair| pair.1)?);
            let won = self.max_within(&a, &b, sign_bits)?;
            let won = won.values().chunks(round.len().max(1));
            for (nodes, won) in nodes.chunks_mut(stride.max(1)).zip(won) {
                let nodes = nodes.iter_mut().skip(filled);
                nodes.zip(won).for_each(|(node, won)| *node = *won);
            }
            filled += round.len();
        }
        gather(&nodes, stride, ring, &windows.winners().iter().copied())
    }

    /// Shares of `floor((S + floor(divisor / 2)) / divisor)` in ring `out`, S each window's sum modulo x's ring. Elements are named by
    /// their place in x; the divisor is that of all windows.
    ///
    /// # Errors
    /// A place outside x; a divisor outside `1..=2^32`; material has run out; a failing channel or a misbehaving peer.
    pub fn avg_pool(
        &mut self,
        x: &Shares<P>,
        windows: &[Vec<u32>],
        divisor: u64,
        out: Ring,
    ) -> Result<Shares<P>, Error> {
        let mut sums = Vec::with_capacity(windows.len());
        for window in windows {
            let mut sum = 0u64;
            for place in window {
                let found = x
                    .values()
                    .get(*place as usize)
                    .ok_or(ApiMisuse::Parameter {
                        what: "place of a pooled element",
                        got: i64::from(*place),
                        least: 0,
                        most: i64::try_from(x.len()).unwrap_or(i64::MAX) - 1,
                    })?;
                sum = sum.wrapping_add(*found);
            }
            sums.push(sum);
        }
        self.average(&Shares::new(x.ring(), sums), divisor, out)
    }

    /// Shares of `floor((x + floor(divisor / 2)) / divisor)` in ring `out`; a divisor of 1 only changes the ring.
    ///
    /// # Errors
    /// As [`avg_pool`](Self::avg_pool).
    pub fn average(&mut self, x: &Shares<P>, divisor: u64, out: Ring) -> Result<Shares<P>, Error> {
        if divisor == 1 {
            return self.resize(x, out);
        }
        self.div(x, divisor, divisor / 2, out)
    }
}

/// The named nodes of every plane.
fn gather<P: Party>(
    nodes: &[u64],
    stride: usize,
    ring: Ring,
    named: &(impl ExactSizeIterator<Item = u32> + Clone),
) -> Result<Shares<P>, Error> {
    let planes = nodes.chunks(stride.max(1));
    let mut found = Vec::with_capacity(planes.len().saturating_mul(named.len()));
    for plane in planes {
        for node in named.clone() {
            let value = plane.get(node as usize).copied();
            found.push(value.ok_or(ApiMisuse::Parameter {
                what: "node of a tournament",
                got: i64::from(node),
                least: 0,
                most: i64::try_from(stride).unwrap_or(i64::MAX) - 1,
            })?);
        }
    }
    Ok(Shares::new(ring, found))
}
