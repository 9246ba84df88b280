//! Kills and power losses at every operation and message, and restored backups.

use privet_plan::Party;

use super::ledger::{Pair, Script, script};
use crate::it::models::Stream;

const BOTH: [Party; 2] = [Party::Client, Party::Server];

fn other(party: Party) -> Party {
    match party {
        Party::Client => Party::Server,
        Party::Server => Party::Client,
    }
}

/// Ticks of an undisturbed session on `party`'s machine.
fn length(seed: u64, victim: Party, part: Script) -> u64 {
    let mut pair = prepared(seed);
    pair.machine(victim).set_fuse(None);
    assert!(pair.session(part));
    pair.machine(victim).ticks()
}

fn prepared(seed: u64) -> Pair {
    let mut pair = Pair::new(seed);
    assert!(pair.session(script(3, 1)));
    pair
}

/// A session that prepares one and uses two, ended at each of its operations and messages in turn.
#[test]
fn a_death_at_any_point_loses_at_most_what_was_in_use() {
    let part = script(3, 2);
    let mut deaths = 0;
    for victim in BOTH {
        for point in 1..=length(1, victim, part) {
            for power_loss in [false, true] {
                let mut pair = prepared(point);
                pair.machine(victim).set_fuse(Some(point));
                let ended = pair.session(part);
                let died = pair.machine(victim).is_dead();
                assert_eq!(!ended || died, died, "only the dead end early");
                deaths += usize::from(died);
                pair.machine(victim).restart(power_loss);
                pair.check();
                // What is left can all be used.
                let left = pair.ledger.alive().len();
                let before = pair.ledger.releases();
                assert!(pair.session(script(0, left)));
                assert_eq!(pair.ledger.releases() - before, 2 * left);
                pair.check();
            }
        }
    }
    assert!(deaths > 300, "{deaths} deaths");
}

/// A first session, ended at each of its operations and messages in turn.
#[test]
fn a_death_at_any_point_of_the_first_session_leaves_a_usable_store() {
    let part = script(1, 1);
    for victim in BOTH {
        let mut pair = Pair::new(1);
        assert!(pair.session(part));
        for point in 1..=pair.machine(victim).ticks() {
            for power_loss in [false, true] {
                let mut pair = Pair::new(point);
                pair.machine(victim).set_fuse(Some(point));
                let _died = pair.session(part);
                pair.machine(victim).restart(power_loss);
                pair.check();
                assert!(pair.session(script(2, 2)));
                pair.check();
            }
        }
    }
}

/// Twenty inferences are prepared; while they are used, either party dies 200 times at random
/// points, and old copies of one side's store are put back in between.
#[test]
fn two_hundred_deaths_and_restored_backups() {
    let mut random = Stream(20);
    let mut pair = Pair::new(77);
    let (mut deaths, mut restored, mut sessions) = (0, 0, 0);
    let mut copies = Vec::new();
    while deaths < 200 || restored < 40 {
        sessions += 1;
        assert!(sessions < 3000, "{deaths} deaths, {restored} copies");
        assert!(pair.session(script(20, 0)));
        pair.check();
        while !pair.ledger.alive().is_empty() && sessions < 3000 {
            sessions += 1;
            if random.next().is_multiple_of(4) {
                let party = BOTH[random.next() as usize % 2];
                copies.push((party, pair.machine(party).image(), pair.holds(party)));
            }
            let victim = BOTH[random.next() as usize % 2];
            let point = 1 + random.next() % 400;
            pair.machine(victim).set_fuse(Some(point));
            let survived = pair.session(script(0, 1 + random.next() as usize % 3));
            let died = pair.machine(victim).is_dead();
            assert!(survived || died);
            deaths += usize::from(died);
            pair.machine(victim).set_fuse(None);
            if died {
                pair.machine(victim)
                    .restart(random.next().is_multiple_of(2));
            }
            if !copies.is_empty() && random.next().is_multiple_of(6) {
                let at = random.next() as usize % copies.len();
                let (party, image, holds) = copies.swap_remove(at);
                pair.machine(party).restore(image);
                // The other side has its own memory: it holds what it held.
                let theirs = pair.holds(other(party));
                pair.ledger
                    .restored(&holds.intersection(&theirs).copied().collect());
                restored += 1;
            }
            pair.check();
        }
    }
    assert!(pair.ledger.releases() > 400, "{}", pair.ledger.releases());
}
