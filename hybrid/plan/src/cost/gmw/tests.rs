//! What work by comparison costs beside the netlists that it stands in for.

use privet_netlists::catalogue::BlockSpec;
use privet_netlists::generate::{DivConst, Share};

use super::{Argmax, Division, OpCost, Truncation, clip};
use crate::compare::{Shape, transfers};
use crate::cost::boolean;
use crate::tournament::Tournament;

const N: u64 = 1 << 12;
const SHAPE: Shape = Shape::FEW_TRANSFERS;

/// Transfers, bytes and delays of a netlist for each of `n` instances.
fn netlists(blocks: &[(BlockSpec, u64)]) -> (u64, u64, u32) {
    let mut sum = (0, 0, 0);
    for (block, instances) in blocks {
        let levels = boolean::levels(&block.netlist().unwrap());
        let (step, demand) = boolean::cost(&levels, usize::try_from(*instances).unwrap());
        sum.0 += transfers(&demand);
        sum.1 += step.bytes();
        sum.2 += step.flights.count();
    }
    sum
}

fn cheaper(name: &str, cost: &OpCost, blocks: &[(BlockSpec, u64)]) {
    let (made, bytes, _) = netlists(blocks);
    let (own, own_bytes) = (transfers(&cost.demand), cost.bytes());
    assert!(own < made, "{name}: {own} transfers, a netlist {made}");
    assert!(
        own_bytes < bytes,
        "{name}: {own_bytes} bytes, a netlist {bytes}"
    );
}

#[test]
fn comparisons_are_cheaper_than_netlists() {
    for (bits, shift, out) in [
        (8, 3, 8),
        (16, 4, 12),
        (28, 12, 28),
        (37, 12, 25),
        (37, 12, 37),
    ] {
        let own = Truncation::floor(bits, shift, out).cost(N, SHAPE).unwrap();
        let share = BlockSpec::Share(Share {
            ring_bits: bits,
            shift,
            out_bits: out,
            relu: false,
            shallow: true,
        });
        cheaper("truncation", &own, &[(share, N)]);
        let add = BlockSpec::AddShallow { bits };
        let sub = BlockSpec::SubShallow { bits };
        for divisor in [9, 49, 64, 169 << 4] {
            if divisor >> (bits - 1) > 0 {
                // Nothing is left of such a quotient, nor of its netlist.
                continue;
            }
            let own = Division::nearest(bits, divisor, bits)
                .cost(N, SHAPE)
                .unwrap();
            let divide = BlockSpec::DivConst(DivConst {
                in_bits: bits,
                out_bits: bits,
                divisor,
            });
            cheaper("division", &own, &[(add, N), (divide, N), (sub, N)]);
        }
        let (lo, hi) = (0, 60);
        let limits = BlockSpec::Clip { bits, lo, hi };
        let own = clip(N, bits, bits, SHAPE).unwrap();
        cheaper("limits", &own, &[(add, N), (limits, N), (sub, N)]);
    }
}

#[test]
fn pools_and_rankings_are_cheaper_than_netlists() {
    for bits in [16, 28, 37] {
        let add = BlockSpec::AddShallow { bits };
        // 2×2 windows side by side, N of them.
        let windows = (0..64).map(|i| vec![vec![4 * i, 4 * i + 1], vec![4 * i + 2, 4 * i + 3]]);
        let windows = Tournament::new(256, windows).unwrap();
        let own = windows.cost(N / 64, bits, bits, SHAPE, 1 << 15).unwrap();
        let pool = BlockSpec::MaxPool {
            rows: 2,
            columns: 2,
            bits,
        };
        let sub = BlockSpec::SubShallow { bits };
        cheaper("max-pool", &own, &[(add, 4 * N), (pool, N), (sub, N)]);
        let (count, value_bits) = (10, bits);
        // The answer is truncated into the wider ring that differences need.
        let ranking = Argmax {
            ring_bits: bits + 1,
            value_bits,
            count,
        };
        let own = ranking.cost(64, SHAPE, 1 << 15).unwrap();
        let argmax = BlockSpec::ArgmaxShallow { bits, count };
        cheaper("ranking", &own, &[(add, 640), (argmax, 64)]);
    }
}

/// Bits online, transfers and delays of one element.
fn figures(cost: &OpCost) -> (u64, u64, u32) {
    (
        8 * cost.bytes() / N,
        transfers(&cost.demand) / N,
        cost.flights().count(),
    )
}

#[test]
fn figures_of_37_bits() {
    let trunc = |out| Truncation::floor(37, 12, out).cost(N, SHAPE).unwrap();
    let mean = Division::nearest(37, 169 << 12, 25).cost(N, SHAPE).unwrap();
    let all = [trunc(25), trunc(37), mean].map(|cost| figures(&cost));
    assert_eq!(all, [(126, 17, 5), (412, 57, 7), (988, 144, 9)]);
}
