//! Which terms the rows of a linear layer have, and which rows are worked on alike.
//!
//! Where the server publishes which weights may differ from zero, rows leave the others out. Rows that share their inputs share the sum
//! of those, too, so a row of its own sum pays only if it leaves enough out: [`Cut`] decides by the gates of the blocks.

use std::collections::BTreeMap;
use std::ops::Range;

use privet_model::quant::Sparsity;

use super::element;
use super::linear::chunks;
use crate::error::PlanError;
use crate::step::{LinearGroup, Row, Sums, TapSet};

/// Filters that have the same live weights.
pub(super) struct Pattern {
    /// By position in the filter; none: all weights are terms.
    live: Option<Vec<bool>>,
    pub(super) filters: Vec<usize>,
}

impl Pattern {
    /// The taps that are terms.
    pub(super) fn of(&self, taps: &TapSet) -> TapSet {
        let Some(live) = &self.live else {
            return taps.clone();
        };
        let pairs = taps.elements.iter().zip(&taps.weights);
        let (elements, weights) = pairs
            .filter(|(_, weight)| live.get(**weight as usize) == Some(&true))
            .unzip();
        TapSet { elements, weights }
    }
}

/// What a term costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// Rows of tables for a term of a sum of inputs.
    pub(super) sum: u64,
    /// Rows of tables for a term of a dot product.
    pub(super) dot: u64,
}

impl Cut {
    /// Whether `rows` rows with `live` of `terms` terms are cheaper with a sum of their own.
    const fn pays(self, rows: u64, live: u64, terms: u64) -> bool {
        live * self.sum + rows * live * self.dot < rows * terms * self.dot
    }
}

/// Filters `range` by their live weights, `length` to a filter; those that had better share their terms come first, together.
pub(super) fn patterns(
    map: Option<&Sparsity>,
    range: Range<usize>,
    length: usize,
    cut: Cut,
) -> Vec<Pattern> {
    let mut dense = Vec::new();
    let mut sparse: BTreeMap<Vec<bool>, Vec<usize>> = BTreeMap::new();
    for filter in range {
        match map {
            None => dense.push(filter),
            Some(map) => {
                let live = (0..length).map(|i| map.is_live(filter * length + i));
                sparse.entry(live.collect()).or_default().push(filter);
            }
        }
    }
    sparse.retain(|live, filters| {
        let terms = live.iter().filter(|live| **live).count() as u64;
        let pays = cut.pays(filters.len() as u64, terms, length as u64);
        if !pays {
            dense.append(filters);
        }
        pays
    });
    dense.sort_unstable();
    // What none of them reads need not be summed up.
    let read = map.map(|map| {
        let read = |i| dense.iter().any(|f| map.is_live(f * length + i));
        (0..length).map(read).collect::<Vec<bool>>()
    });
    let all = (!dense.is_empty()).then_some(Pattern {
        live: read.filter(|read| read.contains(&false)),
        filters: dense,
    });
    let own = sparse.into_iter().map(|(live, filters)| Pattern {
        live: Some(live),
        filters,
    });
    all.into_iter().chain(own).collect()
}

/// Groups by number of terms and by how their sums are made.
#[derive(Default)]
pub(super) struct Groups(BTreeMap<(usize, Sums), LinearGroup>);

impl Groups {
    /// Rows for `(filter, output)` that read `taps`. A single row has a sum of its own, rows without
    /// terms have none.
    pub(super) fn add(
        &mut self,
        layer: &str,
        taps: TapSet,
        rows: impl ExactSizeIterator<Item = (usize, usize)>,
    ) -> Result<(), PlanError> {
        let terms = taps.elements.len();
        let sums = if terms == 0 || rows.len() == 1 {
            Sums::Own
        } else {
            Sums::Shared
        };
        let group = self.0.entry((terms, sums)).or_insert_with(|| LinearGroup {
            sums,
            terms,
            chunks: chunks(terms),
            tapsets: Vec::new(),
            rows: Vec::new(),
        });
        let mut tapset = element(layer, group.tapsets.len())?;
        for (filter, output) in rows {
            group.rows.push(Row {
                tapset,
                filter: element(layer, filter)?,
                output: element(layer, output)?,
            });
            if terms == 0 {
                group.tapsets.push(TapSet::default());
                tapset += 1;
            }
        }
        if terms > 0 {
            group.tapsets.push(taps);
        }
        Ok(())
    }

    /// The groups, fewest terms first.
    pub(super) fn into_groups(self) -> Vec<LinearGroup> {
        self.0.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUT: Cut = Cut { sum: 10, dot: 40 };

    fn map(rows: &[&[u8]]) -> Option<Sparsity> {
        Sparsity::from_live(rows.concat().into_iter().map(|live| live == 1))
    }

    #[test]
    fn filters_with_the_same_live_weights_stand_together() {
        let map = map(&[&[1, 0, 0, 1], &[0, 0, 0, 0], &[1, 0, 0, 1], &[1, 1, 1, 1]]);
        let found = patterns(map.as_ref(), 0..4, 4, CUT);
        let filters: Vec<_> = found.iter().map(|p| p.filters.clone()).collect();
        assert_eq!(filters, [vec![3], vec![1], vec![0, 2]]);
        let taps = TapSet {
            elements: vec![10, 11, 13],
            weights: vec![0, 1, 3],
        };
        let terms: Vec<_> = found.iter().map(|p| p.of(&taps).elements).collect();
        assert_eq!(terms, [vec![10, 11, 13], vec![], vec![10, 13]]);
    }

    #[test]
    fn a_sum_of_its_own_must_pay() {
        // One of six terms left out: 5 sums and 5 products cost more than 6 products.
        let one = map(&[&[1, 1, 1, 1, 1, 0], &[0, 1, 1, 1, 1, 1]]);
        let found = patterns(one.as_ref(), 0..2, 6, CUT);
        assert_eq!((found.len(), &found[0].live), (1, &None));
        // What neither reads is left out all the same.
        let one = map(&[&[1, 1, 0, 1, 1, 0], &[0, 1, 0, 1, 1, 1]]);
        let found = patterns(one.as_ref(), 0..2, 6, Cut { sum: 40, dot: 40 });
        let read = Some(vec![true, true, false, true, true, true]);
        assert_eq!((found.len(), &found[0].live), (1, &read));
        // Two rows share a sum: 5 and 10 against 12.
        let two = map(&[&[1, 1, 1, 1, 1, 0], &[1, 1, 1, 1, 1, 0]]);
        assert!(patterns(two.as_ref(), 0..2, 6, CUT)[0].live.is_some());
        assert_eq!(patterns(None, 0..2, 6, CUT).len(), 1);
    }
}
