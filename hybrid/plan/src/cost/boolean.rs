//! What a netlist costs under GMW.
//!
//! Instances lie side by side: a wire is a plane of `⌈n / 8⌉` bytes. The ANDs of a level are done at
//! once: two masked planes for each travel in both directions, one latency a level, and each eight
//! bytes take a word of 64 triples.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use privet_netlists::catalogue::BlockSpec;
use privet_netlists::{Gate, Netlist};

use super::gmw::Demand;
use super::{Round, StepCost};
use crate::error::PlanError;

/// Instances that are evaluated side by side, at most.
pub const LANES: usize = 1 << 16;

/// ANDs of each level, first to last: an AND's level is one above the highest that it depends on.
#[must_use]
pub fn levels(netlist: &Netlist) -> Vec<u64> {
    let mut depth = vec![0usize; netlist.input_bits()];
    let mut counts = Vec::new();
    let at = |depth: &[usize], wire: u32| depth.get(wire as usize).copied().unwrap_or(0);
    for gate in netlist.gates() {
        let level = match *gate {
            Gate::Inv(a) => at(&depth, a),
            Gate::Xor(a, b) => at(&depth, a).max(at(&depth, b)),
            Gate::And(a, b) => {
                let level = at(&depth, a).max(at(&depth, b));
                if counts.len() <= level {
                    counts.resize(level + 1, 0);
                }
                if let Some(count) = counts.get_mut(level) {
                    *count += 1;
                }
                level + 1
            }
        };
        depth.push(level);
    }
    counts
}

/// Words of 64 triples that a level of `ands` ANDs over `instances` takes.
#[must_use]
pub const fn words(ands: u64, instances: usize) -> u64 {
    (ands * instances.div_ceil(8) as u64).div_ceil(8)
}

/// Instances of each unit, in order.
pub fn units(instances: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..instances)
        .step_by(LANES)
        .map(move |start| start..instances.min(start + LANES))
}

/// Inference and material of `instances` of a netlist with these levels.
#[must_use]
pub fn cost(levels: &[u64], instances: usize) -> (StepCost, Demand) {
    let (mut online, mut demand) = (StepCost::default(), Demand::default());
    for unit in units(instances) {
        for ands in levels {
            let words = words(*ands, unit.len());
            demand.triples += words;
            online.triples += 64 * words;
            let bytes = 2 * ands * unit.len().div_ceil(8) as u64;
            online.client_bytes += bytes;
            online.server_bytes += bytes;
            online.flights.then(Round::BOTH.into());
        }
    }
    (online, demand)
}

/// [`levels`] of a block, counted once.
///
/// # Errors
/// The netlist cannot be made.
pub fn block_levels(layer: &str, block: &BlockSpec) -> Result<Vec<u64>, PlanError> {
    static KNOWN: OnceLock<Mutex<HashMap<BlockSpec, Vec<u64>>>> = OnceLock::new();
    let known = KNOWN.get_or_init(Mutex::default);
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known.get(block) {
        return Ok(found.clone());
    }
    let netlist = block.netlist().map_err(|source| PlanError::Netlist {
        layer: layer.to_owned(),
        block: block.name(),
        source,
    })?;
    let counted = levels(&netlist);
    known.insert(*block, counted.clone());
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_add_up_to_the_netlists_own_counts() {
        for block in [
            BlockSpec::AddShallow { bits: 28 },
            BlockSpec::Relu { bits: 16 },
            BlockSpec::ArgmaxShallow { bits: 9, count: 10 },
        ] {
            let netlist = block.netlist().unwrap();
            let counts = netlist.counts();
            let levels = levels(&netlist);
            assert_eq!(levels.iter().sum::<u64>(), counts.ands);
            assert!(levels.len() >= counts.and_depth as usize);
            assert!(levels.iter().all(|ands| *ands > 0));
        }
    }

    #[test]
    fn large_layers_are_cut() {
        let (online, demand) = cost(&[3], LANES + 1);
        assert_eq!(online.flights.count(), 2);
        assert_eq!(online.client_bytes, 6 * (LANES as u64 / 8 + 1));
        assert_eq!(online.triples, 64 * (3 * LANES as u64 / 64 + 1));
        assert_eq!(64 * demand.triples, online.triples);
    }
}
