//! The cheapest split of a layer.

use super::super::geometry::{Conv, Geometry, GeometryError};
use super::Packing;

/// What a split may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// N: coefficients of a polynomial.
    pub degree: usize,
    /// Filters in one output polynomial, at most.
    pub filters: usize,
}

/// What a split amounts to, over all tiles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Input polynomials.
    pub inputs: u64,
    /// Output polynomials.
    pub outputs: u64,
    /// Products of an input and a weight polynomial.
    pub products: u64,
    /// Weight polynomials: all tiles use the same.
    pub weights: u64,
    /// Coefficients of inputs that outputs depend on.
    pub up: u64,
    /// Coefficients that hold outputs.
    pub down: u64,
}

impl Packing {
    /// The split of least `cost` within the limits; `cost` sees an upper bound of [`Counts::up`].
    ///
    /// # Errors
    /// A layer that [`Geometry::convolution`] refuses, or of which a single output needs more than N coefficients.
    pub fn cheapest(
        conv: &Conv,
        limits: Limits,
        cost: impl Fn(&Counts) -> f64,
    ) -> Result<Self, GeometryError> {
        Geometry::convolution(conv)?;
        let whole = Self::whole(conv, limits.degree)?;
        // Columns are cut only where a full row does not fit.
        let columns = pieces(whole.columns.outputs);
        let rows = pieces(whole.rows.outputs);
        let mut best: Option<(f64, Self)> = None;
        for column in columns {
            for row in &rows {
                let mut packing = whole.clone();
                packing.rows.cut(*row);
                packing.columns.cut(column);
                packing.split.tile = [*row, column];
                packing.cheaper(limits, &cost, &mut best);
            }
            if best.is_some() {
                break;
            }
        }
        best.map(|(_, packing)| packing).ok_or(GeometryError::Size {
            what: "a window for one polynomial",
        })
    }

    /// Tries all splits of planes and filters for the tiles as they are.
    fn cheaper(
        &mut self,
        limits: Limits,
        cost: &impl Fn(&Counts) -> f64,
        best: &mut Option<(f64, Self)>,
    ) {
        let room = limits.degree / self.plane_size();
        for planes in pieces(self.planes().max(1)) {
            let most = (room / planes)
                .min(limits.filters)
                .min(self.conv.out_channels);
            if most == 0 {
                continue;
            }
            self.split.planes = planes;
            // As many polynomials with fewer filters each are quieter.
            let blocks = self.conv.out_channels.div_ceil(most);
            self.split.filters = self.conv.out_channels.div_ceil(blocks);
            let this = cost(&counts(self));
            if best.as_ref().is_none_or(|(least, _)| this < *least) {
                *best = Some((this, self.clone()));
            }
        }
    }
}

/// The sizes `⌈n / k⌉` for all k, largest first.
fn pieces(n: usize) -> Vec<usize> {
    // From ⌈n / k⌉ = s to the first k with less: ⌈n / (s − 1)⌉. There are at most 2·√n, however many channels a peer states.
    let smaller = |size: &usize| (*size > 1).then(|| n.div_ceil(n.div_ceil(size - 1)));
    std::iter::successors((n > 0).then_some(n), smaller).collect()
}

/// Counts of a split; `up` from above.
pub(super) fn counts(packing: &Packing) -> Counts {
    let (tiles, split) = (packing.tiles() as u64, packing.split);
    let outputs = packing.outputs();
    let weights: u64 = if packing.conv.groups == 1 {
        (packing.inputs() * outputs) as u64
    } else {
        (0..outputs)
            .map(|output| packing.sources(output).len() as u64)
            .sum()
    };
    let inputs = tiles * packing.inputs() as u64;
    let reach = packing.rows.reach() * packing.columns.reach();
    let wide = (2 * split.filters - 1) * split.planes * reach;
    let cells = packing.rows.outputs * packing.columns.outputs;
    Counts {
        inputs,
        outputs: tiles * outputs as u64,
        products: tiles * weights,
        weights,
        up: inputs * wide.min(packing.degree) as u64,
        down: (packing.conv.out_channels * cells) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn pieces_are_every_quotient_once() {
        for n in 0..400usize {
            let mut all: Vec<usize> = (1..=n).map(|k| n.div_ceil(k)).collect();
            all.dedup();
            assert_eq!(pieces(n), all, "{n}");
        }
        assert!(pieces(1 << 40).len() <= 1 << 21);
    }
}
