//! Two parties in one process.

use privet_net::{ApiMisuse, Channel, Error, IoError, Options, PeerMisbehaved, Session};
use std::{thread, time::Duration};

fn pair() -> (Channel, Channel) {
    let (left, right) = Session::pair(1);
    (left.into_lanes().remove(0), right.into_lanes().remove(0))
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i * 31 + i / 251).to_le_bytes()[0])
        .collect()
}

#[test]
fn bytes_arrive_in_order_whatever_the_cuts() {
    let (mut a, mut b) = pair();
    let data = pattern(1_000_000);
    let sent = data.clone();
    let sender = thread::spawn(move || {
        let mut rest = &sent[..];
        for len in [1, 7, 4095, 4097, 131_072, 200_000, 0, 3]
            .into_iter()
            .cycle()
        {
            let len = len.min(rest.len());
            let (now, later) = rest.split_at(len);
            if len % 2 == 1 {
                a.frame_mut(len).unwrap().copy_from_slice(now);
            } else {
                a.send(now).unwrap();
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        a.flush().unwrap();
        a
    });
    let mut got = vec![0; 100];
    b.recv(&mut got).unwrap();
    while got.len() < data.len() {
        let len = (got.len() * 3 % 70_001).min(data.len() - got.len());
        got.extend_from_slice(b.recv_slice(len).unwrap());
    }
    assert!(got == data);
    let a = sender.join().unwrap();
    assert_eq!(a.stats().total().sent_bytes, 1_000_000);
    assert_eq!(b.stats().total().received_bytes, 1_000_000);
    assert_eq!(
        a.stats().total().sent_frames,
        b.stats().total().received_frames
    );
}

#[test]
fn messages_are_bounded_and_complete() {
    let (mut a, mut b) = pair();
    let message = (7u32, "seven".to_string(), vec![1u8, 2, 3]);
    a.send_msg(&message).unwrap();
    a.send_msg(&message).unwrap();
    a.send_msg(&message).unwrap();
    a.send_msg(&5u8).unwrap();
    a.flush().unwrap();
    assert_eq!(b.recv_msg::<(u32, String, Vec<u8>)>(100).unwrap(), message);
    assert!(matches!(
        b.recv_msg::<(u32, String)>(100),
        Err(Error::PeerMisbehaved(PeerMisbehaved::Decode { .. }))
    ));
    assert!(matches!(
        b.recv_msg::<(u32, String, Vec<u8>)>(5),
        Err(Error::PeerMisbehaved(PeerMisbehaved::Length {
            got: 11,
            limit: 5,
            ..
        }))
    ));
}

#[test]
fn a_frame_has_a_largest_size() {
    let (mut a, _b) = pair();
    assert_eq!(
        a.frame_mut(privet_net::MAX_FRAME).unwrap().len(),
        privet_net::MAX_FRAME
    );
    assert!(matches!(
        a.frame_mut(privet_net::MAX_FRAME + 1),
        Err(Error::ApiMisuse(ApiMisuse::FrameTooLong { .. }))
    ));
}

#[test]
fn two_parties_that_both_send_a_lot_both_finish() {
    let (mut a, mut b) = pair();
    let len = 40 << 20;
    let run = move |ch: &mut Channel, fill: u8| {
        ch.send(&vec![fill; len]).unwrap();
        let mut got = vec![0; len];
        ch.recv(&mut got).unwrap();
        got.iter().all(|byte| *byte == 3 - fill)
    };
    let left = thread::spawn(move || run(&mut a, 1));
    assert!(run(&mut b, 2));
    assert!(left.join().unwrap());
}

#[test]
fn sending_at_once_beyond_the_backlog_is_an_error_and_no_deadlock() {
    let options = Options {
        window: 1 << 20,
        backlog: 1 << 20,
        ..Options::default()
    };
    let (a, b) = Session::pair_with(&options).unwrap();
    let run = |session: Session| {
        let mut ch = session.into_lanes().remove(0);
        let mut sent = Ok(());
        for _ in 0..64 {
            sent = sent.and_then(|()| ch.send(&[0; 100_000]));
        }
        sent.unwrap_err()
    };
    let left = thread::spawn(move || run(a));
    let errors = [run(b), left.join().unwrap()];
    assert!(
        errors
            .iter()
            .any(|e| matches!(e, Error::ApiMisuse(ApiMisuse::Backlog { .. }))),
        "{errors:?}"
    );
}

#[test]
fn pending_bytes_arrive_before_the_close() {
    let (mut a, mut b) = pair();
    a.send(b"last words").unwrap();
    drop(a);
    let mut got = [0; 10];
    b.recv(&mut got).unwrap();
    assert_eq!(&got, b"last words");
    assert_eq!(b.recv(&mut [0]), Err(Error::Io(IoError::Closed)));
    b.send(b"x").unwrap();
    assert_eq!(b.flush(), Err(Error::Io(IoError::Closed)));
}

#[test]
fn an_abort_reaches_every_lane_as_one_line() {
    let (mut a, mut b) = Session::pair(3);
    a.lanes_mut()[1].abort("no such\nmodel\u{1b}[0m");
    let error = b.lanes_mut()[2].recv(&mut [0]).unwrap_err();
    assert_eq!(error.to_string(), "the peer aborted: no such model [0m");
    let error = a.lanes_mut()[0].recv(&mut [0]).unwrap_err();
    assert!(matches!(error, Error::ApiMisuse(ApiMisuse::Aborted(_))));
}

#[test]
fn a_peer_that_makes_no_progress_is_stuck_and_one_that_works_is_not() {
    let options = Options {
        stall: Duration::from_millis(100),
        ..Options::default()
    };
    let (mut a, mut b) = Session::pair_with(&options).unwrap();
    let work = b.work_counter();
    let (mut a, ready) = thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            let mut got = [0; 1];
            let ready = a.lanes_mut()[0].recv(&mut got);
            (a, ready)
        });
        for _ in 0..15 {
            thread::sleep(Duration::from_millis(20));
            work.progress();
        }
        b.lanes_mut()[0].send(&[1]).unwrap();
        b.lanes_mut()[0].flush().unwrap();
        waiting.join().unwrap()
    });
    assert_eq!(ready, Ok(()));
    let error = a.lanes_mut()[0].recv(&mut [0]).unwrap_err();
    assert!(
        matches!(error, Error::Io(IoError::Stalled { .. })),
        "{error}"
    );
}

#[test]
fn flights_count_answers_to_answers() {
    let (mut a, mut b) = pair();
    let left = thread::spawn(move || {
        a.set_phase("ping");
        for _ in 0..3 {
            a.send(&[1; 10]).unwrap();
            a.flush().unwrap();
            a.send(&[1; 10]).unwrap();
            a.recv(&mut [0; 5]).unwrap();
        }
        a.set_phase("tail");
        a.send(&[2; 4]).unwrap();
        a.flush().unwrap();
        a.stats()
    });
    for _ in 0..3 {
        b.recv(&mut [0; 20]).unwrap();
        b.send(&[0; 5]).unwrap();
    }
    b.recv(&mut [0; 4]).unwrap();
    let stats = left.join().unwrap();
    let ping = &stats.phases[0];
    assert_eq!(
        (ping.sent_bytes, ping.received_bytes, ping.flights),
        (60, 15, 6)
    );
    assert_eq!((ping.sent_frames, ping.received_frames), (6, 3));
    assert_eq!(
        (stats.phases[1].sent_bytes, stats.phases[1].flights),
        (4, 1)
    );
    assert_eq!(stats.flights(), 7);
    assert_eq!(b.stats().flights(), 7);
}
