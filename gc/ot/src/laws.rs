//! The laws of the functionalities, for every implementation: one macro line each.
//!
//! A law runs both parties over a session in memory, each in its own thread, and compares what they got.

mod products;

pub use products::{many_delivers, oles_multiply, triples_multiply};

use std::thread;

use privet_net::{Channel, Session, Stats};
use privet_prim::Block;

use crate::error::Error;
use crate::rcot::{CotReceiver, CotSender, RcotReceiver, RcotSender};

/// Runs two parties against each other; gives their results and the first party's counters.
///
/// # Errors
/// The first error of either party.
///
/// # Panics
/// When a party does: this is for tests.
pub fn run<A: Send, B: Send>(
    left: impl FnOnce(&mut Channel) -> Result<A, Error> + Send,
    right: impl FnOnce(&mut Channel) -> Result<B, Error> + Send,
) -> Result<(A, B, Stats), Error> {
    let (here, there) = Session::pair(1);
    let (mut here, mut there) = (here.into_lanes(), there.into_lanes());
    let (here, there) = (here.remove(0), there.remove(0));
    thread::scope(|scope| {
        let right = scope.spawn(move || {
            let mut there = there;
            let result = right(&mut there).and_then(|value| Ok(there.flush().map(|()| value)?));
            (result, there)
        });
        let mut here = here;
        let left = left(&mut here).and_then(|value| Ok(here.flush().map(|()| value)?));
        let stats = here.stats();
        // The other party must not wait for one that has failed.
        let keep = left.is_ok().then_some(here);
        let joined = right.join().map_err(std::panic::resume_unwind);
        drop(keep);
        match joined {
            Ok((right, _)) => Ok((left?, right?, stats)),
            Err(never) => never,
        }
    })
}

/// Sizes that meet every edge of the chunks below.
pub const SIZES: [usize; 7] = [1, 0, 127, 128, 129, 4097, 10_000];

/// Some choices, neither constant nor periodic.
#[must_use]
pub fn choices(n: usize, seed: u64) -> Vec<bool> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 63 == 1
    };
    (0..n).map(|_| next()).collect()
}

/// `M = K ⊕ x·Δ` for every transfer of every size, and no key twice.
///
/// # Errors
/// What either party ran into.
pub fn cot_correlates<S: CotSender, R: CotReceiver>(
    sender: impl FnOnce(&mut Channel) -> Result<S, Error> + Send,
    receiver: impl FnOnce(&mut Channel) -> Result<R, Error> + Send,
) -> Result<(), Error> {
    let left = |ch: &mut Channel| {
        let mut sender = sender(ch)?;
        let mut all = Vec::new();
        for n in SIZES {
            let mut keys = vec![Block::ZERO; n];
            sender.send(ch, &mut keys)?;
            all.extend(keys);
        }
        Ok((sender.delta(), all))
    };
    let right = |ch: &mut Channel| {
        let mut receiver = receiver(ch)?;
        let (mut all, mut chosen) = (Vec::new(), Vec::new());
        for n in SIZES {
            let x = choices(n, 7 + n as u64);
            let mut macs = vec![Block::ZERO; n];
            receiver.receive(ch, &x, &mut macs)?;
            all.extend(macs);
            chosen.extend(x);
        }
        assert!(
            receiver.receive(ch, &[true], &mut []).is_err(),
            "lengths differ"
        );
        Ok((all, chosen))
    };
    let ((delta, keys), (macs, x), _) = run(left, right)?;
    check(delta, &keys, &macs, &x);
    Ok(())
}

/// `M = K ⊕ x·Δ` with x the colour of M, keys of colour 0, no key twice, choices balanced.
///
/// # Errors
/// What either party ran into.
pub fn rcot_correlates<S: RcotSender, R: RcotReceiver>(
    sender: impl FnOnce(&mut Channel) -> Result<S, Error> + Send,
    receiver: impl FnOnce(&mut Channel) -> Result<R, Error> + Send,
) -> Result<(), Error> {
    let left = |ch: &mut Channel| {
        let mut sender = sender(ch)?;
        let mut all = Vec::new();
        for n in SIZES {
            let mut keys = vec![Block::ZERO; n];
            sender.random_keys(ch, &mut keys)?;
            all.extend(keys);
        }
        Ok((sender.delta(), sender.hash_key(), all))
    };
    let right = |ch: &mut Channel| {
        let mut receiver = receiver(ch)?;
        let mut all = Vec::new();
        for n in SIZES {
            let mut macs = vec![Block::ZERO; n];
            receiver.random_macs(ch, &mut macs)?;
            all.extend(macs);
        }
        Ok((receiver.hash_key(), all))
    };
    let ((delta, left_key, keys), (right_key, macs), _) = run(left, right)?;
    assert_eq!(left_key, right_key, "hash keys differ");
    assert!(keys.iter().all(|key| !key.colour()), "a key has colour 1");
    let x: Vec<bool> = macs.iter().map(|mac| mac.colour()).collect();
    check(delta, &keys, &macs, &x);
    let ones = x.iter().filter(|&&bit| bit).count();
    // 14,482 fair coins: six standard deviations are 361.
    assert!(
        ones.abs_diff(x.len() / 2) < 361,
        "{ones} choices of {} are 1",
        x.len()
    );
    Ok(())
}

fn check(delta: Block, keys: &[Block], macs: &[Block], x: &[bool]) {
    assert!(delta.colour(), "the colour of Δ is 0");
    assert_eq!(keys.len(), SIZES.iter().sum::<usize>());
    assert!(
        keys.len() == macs.len() && keys.len() == x.len(),
        "numbers differ"
    );
    for (i, ((key, mac), &choice)) in keys.iter().zip(macs).zip(x).enumerate() {
        assert!(
            *mac == *key ^ delta.select(choice),
            "transfer {i} does not correlate"
        );
    }
    let mut sorted: Vec<u128> = keys.iter().map(|key| u128::from(*key)).collect();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), keys.len(), "keys repeat");
}

/// A test that an implementation of [`CotSender`] and [`CotReceiver`] obeys the laws.
///
/// `cot_laws!(name, sender, receiver)`: two closures from `&mut Channel` to the party.
#[macro_export]
macro_rules! cot_laws {
    ($name:ident, $sender:expr, $receiver:expr) => {
        #[test]
        fn $name() -> Result<(), $crate::Error> {
            $crate::laws::cot_correlates($sender, $receiver)
        }
    };
}

/// A test that an implementation of [`RcotSender`] and [`RcotReceiver`] obeys the laws.
///
/// `rcot_laws!(name, sender, receiver)`: two closures from `&mut Channel` to the party.
#[macro_export]
macro_rules! rcot_laws {
    ($name:ident, $sender:expr, $receiver:expr) => {
        #[test]
        fn $name() -> Result<(), $crate::Error> {
            $crate::laws::rcot_correlates($sender, $receiver)
        }
    };
}

/// A test that an implementation of the two OLE roles obeys the laws: `ole_laws!(name, sender, receiver)`.
#[macro_export]
macro_rules! ole_laws {
    ($name:ident, $sender:expr, $receiver:expr) => {
        #[test]
        fn $name() -> Result<(), $crate::Error> {
            $crate::laws::oles_multiply($sender, $receiver)
        }
    };
}

/// A test that two makers of triples obey the laws, with one and with two products: `triple_laws!(name, first, second)`.
#[macro_export]
macro_rules! triple_laws {
    ($name:ident, $first:expr, $second:expr) => {
        #[test]
        fn $name() -> Result<(), $crate::Error> {
            $crate::laws::triples_multiply($first, $second)
        }
    };
}

/// A test that the two roles of 1-of-2^m OT obey the laws: `many_laws!(name, sender, receiver)`.
#[macro_export]
macro_rules! many_laws {
    ($name:ident, $sender:expr, $receiver:expr) => {
        #[test]
        fn $name() -> Result<(), $crate::Error> {
            $crate::laws::many_delivers($sender, $receiver)
        }
    };
}
