//! Random and chosen OT, and peers that end or lie.

use privet_net::Session;
use privet_ot::{Error, PeerMisbehaved, chosen, cot, laws, rot};
use privet_prim::{Block, Delta};

#[test]
fn random_ot_gives_the_chosen_key_only() {
    let n = 5000;
    let x = laws::choices(n, 3);
    let (pairs, keys, _) = laws::run(
        |ch| {
            let mut rot = rot::Sender::new(cot::Sender::setup(ch, Delta::random())?);
            let mut pairs = rot.extend(ch, 1000)?;
            pairs.extend(rot.extend(ch, n - 1000)?);
            Ok(pairs)
        },
        |ch| {
            let mut rot = rot::Receiver::new(cot::Receiver::setup(ch)?);
            let mut keys = rot.extend(ch, &x[..1000])?;
            keys.extend(rot.extend(ch, &x[1000..])?);
            Ok(keys)
        },
    )
    .unwrap();
    let mut all = Vec::new();
    for ((pair, key), &choice) in pairs.iter().zip(&keys).zip(&x) {
        assert_eq!(pair[usize::from(choice)], *key);
        all.extend(pair.map(u128::from));
    }
    // Hashing has removed the correlation: no key and no difference of a pair repeats.
    let mut differences: Vec<u128> = pairs.iter().map(|[a, b]| u128::from(*a ^ *b)).collect();
    for list in [&mut all, &mut differences] {
        let len = list.len();
        list.sort_unstable();
        list.dedup();
        assert_eq!(list.len(), len);
    }
}

#[test]
fn chosen_ot_delivers_the_chosen_messages() {
    let n = 9000;
    let x = laws::choices(n, 5);
    let message = |i: usize, b: u128| Block::from((i as u128) << 1 | b);
    let pairs: Vec<[Block; 2]> = (0..n).map(|i| [message(i, 0), message(i, 1)]).collect();
    let ((), got, stats) = laws::run(
        |ch| {
            let mut rot = rot::Sender::new(cot::Sender::setup(ch, Delta::random())?);
            chosen::drive::send(ch, &mut rot, &pairs)
        },
        |ch| {
            let mut rot = rot::Receiver::new(cot::Receiver::setup(ch)?);
            chosen::drive::receive(ch, &mut rot, &x)
        },
    )
    .unwrap();
    for i in 0..n {
        assert_eq!(got[i], message(i, u128::from(x[i])));
    }
    assert_eq!(
        stats.total().sent_bytes,
        cot::setup_bytes().sender + 32 * n as u64
    );
}

#[test]
fn a_lying_peer_is_named() {
    let (_, _, error) = {
        let (here, there) = Session::pair(1);
        let (mut here, mut there) = (here.into_lanes(), there.into_lanes());
        // 32 bytes that are no point.
        there[0].send(&[0xff; 32]).unwrap();
        there[0].flush().unwrap();
        let error = cot::Sender::setup(&mut here[0], Delta::random()).err();
        (here, there, error)
    };
    assert!(matches!(
        error,
        Some(Error::PeerMisbehaved(PeerMisbehaved::InvalidPoint {
            index: 0,
            ..
        }))
    ));
}

#[test]
fn a_peer_that_ends_early_is_an_error() {
    // Every prefix of what an honest sender would send, then the end.
    for sent in [0usize, 1, 31, 32, 33] {
        let (here, there) = Session::pair(1);
        let (mut here, mut there) = (here.into_lanes(), there.into_lanes());
        there[0].send(&[7; 40][..sent]).unwrap();
        drop(there);
        let result = cot::Receiver::setup(&mut here[0]);
        assert!(matches!(result.err(), Some(Error::Net(_))), "{sent}");
    }
}
