//! Peers that say what an honest one never says.

use privet_plan::Party;
use privet_run::RunError;
use privet_run::store::drive::{self, Wire};
use privet_run::store::msgs::{
    Granted, HeldEntry, Holdings, Opened, Prepare, Proposal, Stored, Verdict,
};
use privet_run::store::{Epoch, Settled, Store, StoreError};
use zeroize::Zeroizing;

use super::ledger::{about, key, open};
use super::sim::{Machine, Pipe, pipes};
use crate::it::models::Stream;

/// A store with three entries that are ready, and the wire to a script.
struct Party1 {
    store: Store,
    settled: Settled,
    wire: Pipe,
    peer: Pipe,
}

fn party(half: Party) -> Party1 {
    let (machine, peer) = (Machine::new(1), Machine::new(2));
    let store = open(&machine).unwrap();
    let theirs = Holdings::none([1; 16]);
    let (settled, _) = store.settle(&key(half), &about(), None, &theirs).unwrap();
    for n in 1..=3 {
        let slot = store.reserve(&settled, None).unwrap();
        let payload = Zeroizing::new(vec![n; 50]);
        let pending = store.put(&settled, slot, &about(), [n; 32], payload);
        store.ready(&settled, &pending.unwrap()).unwrap();
    }
    let (wire, peer) = pipes(&machine, &peer);
    Party1 {
        store,
        settled,
        wire,
        peer,
    }
}

fn entry(counter: u64) -> HeldEntry {
    HeldEntry {
        counter,
        transcript: [counter as u8; 32],
    }
}

#[test]
fn a_server_that_refuses_without_a_mark_misbehaves() {
    for (verdicts, expected) in [
        (vec![Verdict::Burn { mark: 0 }], "misbehaved"),
        (
            vec![Verdict::Burn { mark: 1 }, Verdict::Burn { mark: 1 }],
            "misbehaved",
        ),
        (vec![Verdict::Burn { mark: u64::MAX }], "beyond all numbers"),
    ] {
        let mut p = party(Party::Client);
        for verdict in verdicts {
            p.peer.send(&verdict).unwrap();
        }
        let outcome = drive::take(&mut p.wire, &p.store, &p.settled).map(|_| ());
        let line = outcome.unwrap_err().to_string();
        assert!(line.contains(expected), "{line}");
    }
}

#[test]
fn a_refused_entry_is_never_proposed_again() {
    let mut p = party(Party::Client);
    for verdict in [Verdict::Burn { mark: 2 }, Verdict::Agreed] {
        p.peer.send(&verdict).unwrap();
    }
    let burnt = drive::take(&mut p.wire, &p.store, &p.settled)
        .unwrap()
        .unwrap();
    assert_eq!(burnt.id().counter, 3);
    assert_eq!(*burnt.into_payload(), vec![3; 50]);
    for counter in [1, 3] {
        let proposal: Proposal = p.peer.recv().unwrap();
        assert_eq!(proposal, Proposal::Use(entry(counter)));
    }
    assert_eq!(p.store.ready_count(&p.settled).unwrap(), 0);
}

#[test]
fn a_replayed_or_invented_proposal_releases_nothing() {
    let mut p = party(Party::Server);
    let other = HeldEntry {
        transcript: [9; 32],
        ..entry(2)
    };
    p.peer.send(&Proposal::Use(entry(1))).unwrap();
    p.peer.send(&Opened::Yes).unwrap();
    for proposal in [entry(1), other, entry(2), entry(99)] {
        p.peer.send(&Proposal::Use(proposal)).unwrap();
    }
    let first = drive::give(&mut p.wire, &p.store, &p.settled)
        .unwrap()
        .unwrap();
    assert_eq!(first.id().counter, 1);
    let rest = drive::give(&mut p.wire, &p.store, &p.settled).map(|_| ());
    assert!(matches!(rest, Err(RunError::PeerMisbehaved(_))), "{rest:?}");
    let mut verdicts = Vec::new();
    for _ in 0..4 {
        verdicts.push(p.peer.recv::<Verdict>().unwrap());
    }
    let burn = |mark| Verdict::Burn { mark };
    assert_eq!(verdicts, [Verdict::Agreed, burn(1), burn(2), burn(2)]);
    // What was not named is still there.
    assert_eq!(p.store.first_ready(&p.settled).unwrap(), Some(entry(3)));
}

#[test]
fn numbers_are_granted_once() {
    for (counter, granted) in [
        (0, false),
        (3, false),
        (4, true),
        (40, true),
        (u64::MAX, false),
    ] {
        let mut p = party(Party::Server);
        p.peer.send(&Prepare { counter }).unwrap();
        let outcome = drive::grant(&mut p.wire, &p.store, &p.settled, 50);
        assert_eq!(outcome.is_ok(), granted, "{counter}");
        let answer: Granted = p.peer.recv().unwrap();
        assert_eq!(answer == Granted::Yes, granted);
        if let Granted::No(reason) = answer {
            assert!(!reason.contains("/machine"), "{reason}");
        }
    }
}

/// Neither party begins to make what has no place in its store.
#[test]
fn a_full_store_is_told_before_anything_is_made() {
    let mut p = party(Party::Server);
    p.store.set_limit(p.store.bytes() + 1000);
    for (bytes, granted) in [(1001, false), (u64::MAX, false), (1000, true)] {
        p.peer.send(&Prepare { counter: 4 }).unwrap();
        let outcome = drive::grant(&mut p.wire, &p.store, &p.settled, bytes);
        assert_eq!(outcome.is_ok(), granted, "{bytes}");
        let answer: Granted = p.peer.recv().unwrap();
        assert_eq!(answer == Granted::Yes, granted, "{answer:?}");
        if let Granted::No(reason) = answer {
            assert!(reason.contains("full"), "{reason}");
        }
    }
    let mut p = party(Party::Client);
    p.store.set_limit(p.store.bytes() + 1000);
    let outcome = drive::ask(&mut p.wire, &p.store, &p.settled, 1001).map(|_| ());
    let full = matches!(&outcome, Err(RunError::Store(StoreError::Full { .. })));
    assert!(full, "{outcome:?}");
}

#[test]
fn halves_of_different_preparations_are_erased() {
    let mut p = party(Party::Server);
    let slot = p.store.reserve(&p.settled, None).unwrap();
    let theirs = Stored {
        counter: 4,
        transcript: [7; 32],
    };
    p.peer.send(&theirs).unwrap();
    let payload = Zeroizing::new(vec![0; 10]);
    let kept = drive::keep(
        &mut p.wire,
        &p.store,
        &p.settled,
        slot,
        &about(),
        [8; 32],
        payload,
    );
    assert!(matches!(kept, Err(RunError::PeerMisbehaved(_))), "{kept:?}");
    let holdings = p.store.holdings(p.settled.key()).unwrap();
    assert_eq!(holdings.held().len(), 3);
}

#[test]
fn another_generation_ends_what_a_session_may_do() {
    let p = party(Party::Server);
    let theirs = Holdings::new(Epoch([9; 16]), 0, 1, vec![], [9; 16]).unwrap();
    let (now, _) = p
        .store
        .settle(p.settled.key(), &about(), None, &theirs)
        .unwrap();
    for outcome in [
        p.store.burn(&p.settled, &entry(1)).map(|_| ()),
        p.store.reserve(&p.settled, None).map(|_| ()),
        p.store.burn_to(&p.settled, 2),
    ] {
        assert!(
            matches!(outcome, Err(StoreError::Damaged { .. })),
            "{outcome:?}"
        );
    }
    assert_eq!(p.store.ready_count(&now).unwrap(), 0);
}

/// Random changes of encoded messages decode to something valid or to an error.
#[test]
fn bytes_that_are_no_message_are_refused() {
    let p = party(Party::Client);
    let holdings = p.store.holdings(p.settled.key()).unwrap();
    let bytes = postcard::to_allocvec(&holdings).unwrap();
    assert_eq!(postcard::from_bytes::<Holdings>(&bytes).unwrap(), holdings);
    let mut random = Stream(5);
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut changed = bytes.clone();
        for _ in 0..1 + random.next() % 3 {
            let at = random.next() as usize % changed.len();
            changed[at] = random.next() as u8;
        }
        changed.truncate(1 + random.next() as usize % changed.len());
        match postcard::from_bytes::<Holdings>(&changed) {
            Ok(h) => assert!(h.mark() < h.next() && h.held().len() < 1000),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 10_000, "{refused}");
}
