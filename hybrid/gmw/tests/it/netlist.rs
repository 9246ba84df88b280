//! Netlists under GMW against their clear meaning.

use privet_gmw::netlist::Levels;
use privet_gmw::netlist::planes::Planes;
use privet_netlists::catalogue::BlockSpec;
use privet_plan::cost::gmw::OpCost;
use privet_plan::cost::{Round, boolean};
use privet_prim::{Block, Prg};
use privet_ring::Ring;

use super::pair::{Setting, check_cost, run};

/// Runs a block on words of all its ports side by side; gives the words of its output.
fn evaluate(block: BlockSpec, words: &[u64]) -> Vec<u64> {
    let netlist = block.netlist().unwrap();
    let levels = Levels::new(&netlist);
    let mut prg = Prg::new(Block::from(3));
    let masks: Vec<u64> = words.iter().map(|_| prg.next_u64()).collect();
    let rest: Vec<u64> = words.iter().zip(&masks).map(|(w, m)| w ^ m).collect();
    let bits = netlist.input_bits();
    let (c, s) = (
        Planes::of_words(&masks, bits),
        Planes::of_words(&rest, bits),
    );
    let (c, s, moved) = run(
        Setting::default(),
        |p| p.netlist(&netlist, &levels, &c),
        |p| p.netlist(&netlist, &levels, &s),
    );
    let (step, demand) = boolean::cost(&boolean::levels(&netlist), words.len());
    let cost = OpCost {
        demand,
        client_bytes: step.client_bytes,
        server_bytes: step.server_bytes,
        rounds: vec![Round::BOTH; boolean::levels(&netlist).len()],
        ..OpCost::default()
    };
    check_cost(&moved, &cost);
    assert_eq!(moved.flights, u64::from(cost.flights().count()));
    let (c, s) = (c.words(), s.words());
    c.iter().zip(&s).map(|(c, s)| c ^ s).collect()
}

#[test]
fn netlists_mean_what_they_say() {
    let ring = Ring::new(8).unwrap();
    let signed = |word: u64| ring.wrap(word.cast_signed());
    let all: Vec<u64> = (0..256).collect();
    let relu = evaluate(BlockSpec::Relu { bits: 8 }, &all);
    let clip = BlockSpec::Clip {
        bits: 8,
        lo: -5,
        hi: 77,
    };
    let clip = evaluate(clip, &all);
    for ((word, relu), clip) in all.iter().zip(relu).zip(clip) {
        assert_eq!(signed(relu), signed(*word).max(0));
        if (-51..=122).contains(&signed(*word)) {
            assert_eq!(signed(clip), signed(*word).clamp(-5, 77));
        }
    }
    let pairs: Vec<u64> = (0..1 << 16).step_by(7).collect();
    for block in [
        BlockSpec::Add { bits: 8 },
        BlockSpec::AddShallow { bits: 8 },
    ] {
        let sums = evaluate(block, &pairs);
        for (pair, sum) in pairs.iter().zip(sums) {
            assert_eq!(sum, ((pair & 255) + (pair >> 8)) & 255);
        }
    }
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let netlist = BlockSpec::Add { bits: 8 }.netlist().unwrap();
    let levels = Levels::new(&netlist);
    let narrow = Planes::zeros(9, 15);
    let (refused, _, moved) = run(
        Setting::default(),
        |p| Ok(p.netlist(&netlist, &levels, &narrow).is_err()),
        |p| {
            // Made for both, used by neither.
            let refused = p.netlist(&netlist, &levels, &Planes::zeros(9, 17));
            Ok(refused.is_err())
        },
    );
    assert!(refused);
    assert_eq!(moved.client, 0);
}
