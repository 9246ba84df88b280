//! Silent OT over iterations and lanes, its limits, its cost, its distribution, and peers that lie.

use std::thread;

use privet_net::{Channel, Session};
use privet_ot::rcot::{RcotReceiver, RcotSender};
use privet_ot::silent::{self, Parameters};
use privet_ot::{ApiMisuse, Error, laws};
use privet_prim::{Block, Delta};

const SET: Parameters = Parameters::Secret17;

fn correlated(delta: Block, keys: &[Block], macs: &[Block]) {
    assert_eq!(keys.len(), macs.len());
    for (i, (key, mac)) in keys.iter().zip(macs).enumerate() {
        assert!(!key.colour());
        assert!(*mac == *key ^ delta.select(mac.colour()), "transfer {i}");
    }
}

#[test]
fn correlation_goes_on_over_iterations() {
    let given = SET.given_trees() * SET.leaves();
    // Into the third iteration, in pieces that do and do not end with a tree.
    let pieces = [5, given - 6, 1, 3 * SET.leaves() + 7, given, 100];
    let total: usize = pieces.iter().sum();
    let ((delta, keys, counters), macs, stats) = laws::run(
        |ch| {
            let mut sender = silent::Sender::setup(ch, Delta::random(), SET)?;
            let mut keys = vec![Block::ZERO; total];
            let mut rest = &mut keys[..];
            for piece in pieces {
                let (now, later) = rest.split_at_mut(piece);
                sender.random_keys(ch, now)?;
                rest = later;
            }
            Ok((sender.delta(), keys, sender.counters()))
        },
        |ch| {
            let mut receiver = silent::Receiver::setup(ch, SET)?;
            let mut macs = vec![Block::ZERO; total];
            receiver.random_macs(ch, &mut macs)?;
            assert_eq!(receiver.counters().iterations, 3);
            Ok(macs)
        },
    )
    .unwrap();
    correlated(delta, &keys, &macs);
    let mut sorted: Vec<u128> = keys.iter().map(|k| u128::from(*k)).collect();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), total, "keys repeat");
    assert_eq!((counters.used, counters.iterations), (total as u64, 3));
    assert_eq!(counters.made, (total.next_multiple_of(SET.leaves())) as u64);
    // Cost functions: set-up and trees, to the byte; one stream after the set-up.
    let setup = silent::drive::setup_bytes(SET);
    assert_eq!(stats.total().received_bytes, setup.receiver);
    assert_eq!(
        stats.total().sent_bytes,
        setup.sender + SET.bytes(total as u64)
    );
    assert_eq!(stats.flights(), 4);
}

#[test]
fn several_lanes_give_what_one_gives() {
    let n = 40 * SET.leaves() + 9;
    let run = |lanes: usize| {
        let (mut here, mut there) = Session::pair(lanes);
        thread::scope(|scope| {
            let right = scope.spawn(move || {
                let lanes = there.lanes_mut();
                let mut receiver = silent::Receiver::setup(&mut lanes[0], SET).unwrap();
                let mut macs = vec![Block::ZERO; n];
                let (one, two) = macs.split_at_mut(3000);
                receiver.random_macs_over(lanes, one).unwrap();
                receiver.random_macs_over(lanes, two).unwrap();
                (macs, there)
            });
            let lanes = here.lanes_mut();
            let mut sender = silent::Sender::setup(&mut lanes[0], Delta::random(), SET).unwrap();
            let mut keys = vec![Block::ZERO; n];
            let (one, two) = keys.split_at_mut(3000);
            sender.random_keys_over(lanes, one).unwrap();
            sender.random_keys_over(lanes, two).unwrap();
            lanes.iter_mut().for_each(|lane| lane.flush().unwrap());
            let (macs, _) = right.join().unwrap();
            correlated(sender.delta(), &keys, &macs);
        });
    };
    [1, 2, 3].into_iter().for_each(run);
}

#[test]
fn both_directions_at_once() {
    let n = 5000;
    let party = |setup: fn(&mut Channel, Delta, Parameters) -> _| {
        move |ch: &mut Channel| {
            let (mut sender, mut receiver): (silent::Sender, silent::Receiver) =
                setup(ch, Delta::random(), SET)?;
            let (mut keys, mut macs) = (vec![Block::ZERO; n], vec![Block::ZERO; n]);
            sender.random_keys(ch, &mut keys)?;
            receiver.random_macs(ch, &mut macs)?;
            Ok((sender.delta(), keys, macs))
        }
    };
    let (first, second, _) =
        laws::run(party(silent::setup_first), party(silent::setup_second)).unwrap();
    assert_ne!(first.0, second.0, "each instance has its own offset");
    correlated(first.0, &first.1, &second.2);
    correlated(second.0, &second.1, &first.2);
}

#[test]
fn running_out_is_an_error_until_more_is_allowed() {
    let (error, (), _) = laws::run(
        |ch| {
            let mut sender = silent::Sender::setup(ch, Delta::random(), SET)?;
            sender.set_limit(Some(100));
            sender.random_keys(ch, &mut [Block::ZERO; 60])?;
            let error = sender.random_keys(ch, &mut [Block::ZERO; 41]).err();
            assert_eq!(sender.counters().used, 60, "a refused request uses nothing");
            sender.random_keys(ch, &mut [Block::ZERO; 40])?;
            sender.set_limit(None);
            sender.random_keys(ch, &mut vec![Block::ZERO; 5000])?;
            Ok(error)
        },
        |ch| {
            let mut receiver = silent::Receiver::setup(ch, SET)?;
            receiver.set_limit(Some(100));
            receiver.random_macs(ch, &mut [Block::ZERO; 100])?;
            let more = receiver.random_macs(ch, &mut [Block::ZERO; 1]);
            let expected = ApiMisuse::Exhausted {
                what: "random correlated transfers",
                asked: 1,
                left: 0,
            };
            assert!(matches!(more, Err(Error::ApiMisuse(misuse)) if misuse == expected));
            receiver.set_limit(Some(5000));
            receiver.random_macs(ch, &mut vec![Block::ZERO; 5000])
        },
    )
    .unwrap();
    assert!(matches!(
        error,
        Some(Error::ApiMisuse(ApiMisuse::Exhausted {
            asked: 41,
            left: 40,
            ..
        }))
    ));
}

#[test]
fn views_look_random() {
    // Bits of the choices, of the keys, and of the sum of neighbouring keys: each balanced to six standard deviations.
    let n = 1 << 16;
    let (keys, macs, _) = laws::run(
        |ch| {
            let mut sender = silent::Sender::setup(ch, Delta::random(), SET)?;
            let mut keys = vec![Block::ZERO; n];
            sender.random_keys(ch, &mut keys)?;
            Ok(keys)
        },
        |ch| {
            let mut receiver = silent::Receiver::setup(ch, SET)?;
            let mut macs = vec![Block::ZERO; n];
            receiver.random_macs(ch, &mut macs)?;
            Ok(macs)
        },
    )
    .unwrap();
    let bound = |count: usize| {
        assert!(count.abs_diff(n / 2) < 6 * 128, "{count} of {n}");
    };
    for view in [&keys, &macs] {
        for bit in 1..128 {
            bound(
                view.iter()
                    .filter(|b| u128::from(**b) >> bit & 1 == 1)
                    .count(),
            );
        }
        for pair in view.chunks_exact(2).take(64) {
            let distance = u128::from(pair[0] ^ pair[1]).count_ones();
            assert!((24..=104).contains(&distance));
        }
    }
    bound(macs.iter().filter(|mac| mac.colour()).count());
    let turns = macs
        .windows(2)
        .filter(|pair| pair[0].colour() != pair[1].colour())
        .count();
    bound(turns);
}

#[test]
fn a_corrupted_tree_gives_wrong_macs_and_wrong_lengths_are_errors() {
    let (sender, receiver, _) = laws::run(
        |ch| silent::Sender::setup(ch, Delta::random(), SET),
        |ch| silent::Receiver::setup(ch, SET),
    )
    .unwrap();
    let (mut keys, mut macs) = (
        vec![Block::ZERO; SET.leaves()],
        vec![Block::ZERO; SET.leaves()],
    );
    let mut msg = vec![0; SET.tree_bytes()];
    sender
        .danger_iteration()
        .make_tree(3, &mut keys, &mut msg)
        .unwrap();
    receiver
        .danger_iteration()
        .open_tree(3, &msg, &mut macs)
        .unwrap();
    correlated(sender.delta(), &keys, &macs);
    for bit in [0, 7, 8 * msg.len() - 1] {
        let mut bad = msg.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        receiver
            .danger_iteration()
            .open_tree(3, &bad, &mut macs)
            .unwrap();
        let wrong = keys
            .iter()
            .zip(&macs)
            .filter(|(key, mac)| **mac != **key ^ sender.delta().select(mac.colour()))
            .count();
        assert!(wrong > 0, "bit {bit}");
    }
    for len in [0, msg.len() - 1, msg.len() + 1] {
        let bad = vec![0; len];
        assert!(
            receiver
                .danger_iteration()
                .open_tree(3, &bad, &mut macs)
                .is_err()
        );
    }
    assert!(
        receiver
            .danger_iteration()
            .open_tree(SET.trees(), &msg, &mut macs)
            .is_err()
    );
    assert!(
        sender
            .danger_iteration()
            .make_tree(0, &mut keys[1..], &mut msg)
            .is_err()
    );
}
