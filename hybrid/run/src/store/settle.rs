//! Two parties compare what they hold, and agree on what may still be used.
//!
//! - Functionality: both learn the entries that both hold with equal transcript hashes and that
//!   neither has burnt; all others are burnt.
//! - Secure against: crashes, lost messages, and a backup that one side restored: it has the other
//!   side's mark against it. A rollback of *both* sides together leaves no trace and is not noticed.
//! - From: high-water marks, as in monotonic counters; both sides' randomness names a generation.
//! - Cost: one message each way, at most 64 KiB, about 40 bytes an entry.

use privet_plan::Party;
use sha2::{Digest, Sha256};

use super::entry::Epoch;
use super::msgs::{HeldEntry, Holdings};

/// What a party does with its shelf after both have said what they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The generations differ, or one side has none: all entries go, a new generation begins.
    Renew(Epoch),
    /// One generation.
    Keep {
        /// All numbers up to this one are burnt.
        mark: u64,
        /// First number that neither side has given.
        next: u64,
        /// What stays.
        ready: Vec<u64>,
        /// What this side burns.
        burn: Vec<u64>,
    },
}

/// The settlement from the view of the party `me`, which holds `ours`.
#[must_use]
pub fn settle(me: Party, ours: &Holdings, theirs: &Holdings) -> Settlement {
    if ours.epoch().is_none() || ours.epoch() != theirs.epoch() {
        return Settlement::Renew(new_epoch(me, ours, theirs));
    }
    let mark = ours.mark().max(theirs.mark());
    let (ready, burn): (Vec<&HeldEntry>, Vec<&HeldEntry>) = ours
        .held()
        .iter()
        .partition(|entry| entry.counter > mark && has(theirs, entry));
    let numbers = |entries: Vec<&HeldEntry>| entries.iter().map(|e| e.counter).collect();
    Settlement::Keep {
        mark,
        next: ours.next().max(theirs.next()),
        ready: numbers(ready),
        burn: numbers(burn),
    }
}

fn has(holdings: &Holdings, entry: &HeldEntry) -> bool {
    holdings
        .held()
        .binary_search_by_key(&entry.counter, |e| e.counter)
        .ok()
        .and_then(|at| holdings.held().get(at))
        .is_some_and(|other| other.transcript == entry.transcript)
}

/// A name to which both sides contributed: neither can bring an old one back.
fn new_epoch(me: Party, ours: &Holdings, theirs: &Holdings) -> Epoch {
    let (client, server) = match me {
        Party::Client => (ours, theirs),
        Party::Server => (theirs, ours),
    };
    let mut hasher = Sha256::new();
    hasher.update(b"privet epoch 1");
    hasher.update(client.fresh());
    hasher.update(server.fresh());
    let mut epoch = [0; 16];
    epoch
        .iter_mut()
        .zip(hasher.finalize())
        .for_each(|(e, h)| *e = h);
    Epoch(epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Epoch = Epoch([1; 16]);

    fn holds(mark: u64, next: u64, held: &[u64]) -> Holdings {
        let held = held
            .iter()
            .map(|&counter| HeldEntry {
                counter,
                transcript: [u8::try_from(counter).unwrap(); 32],
            })
            .collect();
        Holdings::new(EPOCH, mark, next, held, [9; 16]).unwrap()
    }

    #[test]
    fn both_sides_keep_the_same_entries() {
        let cases = [
            (holds(0, 6, &[1, 2, 3, 4, 5]), holds(0, 6, &[1, 2, 3, 4, 5])),
            (holds(0, 6, &[1, 2, 3]), holds(2, 6, &[3, 4, 5])),
            (holds(3, 9, &[5, 6, 8]), holds(1, 7, &[2, 4, 5, 6])),
            (holds(5, 6, &[]), holds(0, 6, &[1, 2, 3, 4, 5])),
        ];
        let expected: [&[u64]; 4] = [&[1, 2, 3, 4, 5], &[3], &[5, 6], &[]];
        for ((client, server), expected) in cases.iter().zip(expected) {
            let (c, s) = (
                settle(Party::Client, client, server),
                settle(Party::Server, server, client),
            );
            let mark = client.mark().max(server.mark());
            let next = client.next().max(server.next());
            for (settlement, holdings) in [(&c, client), (&s, server)] {
                let Settlement::Keep {
                    mark: m,
                    next: n,
                    ready,
                    burn,
                } = settlement
                else {
                    panic!("{settlement:?}")
                };
                assert_eq!((*m, *n, ready.as_slice()), (mark, next, expected));
                let mut all = [ready.as_slice(), burn].concat();
                all.sort_unstable();
                let held: Vec<u64> = holdings.held().iter().map(|e| e.counter).collect();
                assert_eq!(all, held, "kept or burnt");
            }
        }
    }

    #[test]
    fn halves_of_different_material_are_burnt() {
        let ours = holds(0, 3, &[1, 2]);
        let mut other = ours.held().to_vec();
        other[1].transcript[31] ^= 1;
        let theirs = Holdings::new(EPOCH, 0, 3, other, [9; 16]).unwrap();
        let Settlement::Keep { ready, burn, .. } = settle(Party::Client, &ours, &theirs) else {
            panic!()
        };
        assert_eq!((ready, burn), (vec![1], vec![2]));
    }

    #[test]
    fn another_generation_discards_everything_under_a_name_of_both() {
        let ours = holds(0, 3, &[1, 2]);
        let none = Holdings::none([3; 16]);
        let other = Holdings::new(Epoch([2; 16]), 0, 3, ours.held().to_vec(), [4; 16]).unwrap();
        let mut names = Vec::new();
        for (a, b) in [
            (&ours, &none),
            (&none, &ours),
            (&none, &none),
            (&ours, &other),
        ] {
            let (c, s) = (settle(Party::Client, a, b), settle(Party::Server, b, a));
            assert_eq!(c, s);
            let Settlement::Renew(epoch) = c else {
                panic!("{c:?}")
            };
            assert!(!names.contains(&epoch) && epoch != EPOCH);
            names.push(epoch);
        }
    }

    #[test]
    fn holdings_that_contradict_themselves_are_refused() {
        let entry = |counter| HeldEntry {
            counter,
            transcript: [0; 32],
        };
        let new = |mark, next, held: Vec<HeldEntry>| {
            Holdings::new(EPOCH, mark, next, held, [0; 16]).is_ok()
        };
        assert!(new(0, 1, vec![]) && new(4, 7, vec![entry(5), entry(6)]));
        for (mark, next, held) in [
            (1, 1, vec![]),
            (0, u64::MAX, vec![]),
            (4, 7, vec![entry(4)]),
            (4, 7, vec![entry(7)]),
            (4, 7, vec![entry(6), entry(5)]),
            (4, 7, vec![entry(5), entry(5)]),
            (0, 5000, (1..=1001).map(entry).collect()),
        ] {
            assert!(!new(mark, next, held.clone()), "{mark} {next} {held:?}");
        }
    }
}
