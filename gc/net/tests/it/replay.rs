//! One party alone, from what it received.

use super::parties::{joined, quick};
use privet_net::{Channel, Error, IoError, Session};
use std::thread;

/// A party whose output depends on all its input.
fn party(lane: &mut Channel, rounds: usize) -> u64 {
    let mut sum = 0u64;
    for round in 0..rounds {
        lane.send_msg(&sum).unwrap();
        let bytes = lane.recv_slice(round * 40_000 + 1).unwrap();
        sum = bytes
            .iter()
            .fold(sum, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte));
    }
    sum
}

fn peer(lane: &mut Channel, rounds: usize) {
    for round in 0..rounds {
        let seen: u64 = lane.recv_msg(16).unwrap();
        let byte = seen.to_le_bytes()[0] ^ 0x5a;
        lane.send(&vec![byte; round * 40_000 + 1]).unwrap();
        lane.flush().unwrap();
    }
}

#[test]
fn a_replayed_party_comes_to_the_same_result() {
    for (mut a, mut b) in [Session::pair(1), joined(&quick(), &quick())] {
        let (sum, recording) = thread::scope(|scope| {
            scope.spawn(|| peer(&mut b.lanes_mut()[0], 12));
            let lane = &mut a.lanes_mut()[0];
            lane.start_recording();
            (party(lane, 12), lane.take_recording())
        });
        assert_eq!(
            recording.bytes(),
            (0..12).map(|round| round * 40_000 + 1).sum()
        );
        for _ in 0..2 {
            let mut lane = recording.replay();
            assert_eq!(party(&mut lane, 12), sum);
            assert_eq!(lane.session_id(), a.id());
            assert_eq!(
                lane.stats().total().sent_bytes,
                a.stats().total().sent_bytes
            );
            assert_eq!(lane.recv(&mut [0]), Err(Error::Io(IoError::Closed)));
        }
    }
}

#[test]
fn a_recording_begins_in_the_middle_of_a_frame() {
    let (mut a, mut b) = Session::pair(1);
    a.lanes_mut()[0].send(b"0123456789").unwrap();
    a.lanes_mut()[0].flush().unwrap();
    let lane = &mut b.lanes_mut()[0];
    lane.recv(&mut [0; 4]).unwrap();
    lane.start_recording();
    lane.recv(&mut [0; 6]).unwrap();
    assert_eq!(lane.take_recording().concat(), b"456789");
}
