//! Shaped links: bandwidth and delay as asked, in memory and over a socket.

use super::parties::{joined, plain, quick};
use privet_net::{Options, Session};
use std::{
    thread,
    time::{Duration, Instant},
};

/// Seconds for `bytes` one way and one byte back.
fn transfer((mut a, mut b): (Session, Session), bytes: usize) -> f64 {
    let start = Instant::now();
    let lanes = a.lane_count();
    thread::scope(|scope| {
        for lane in a.lanes_mut() {
            scope.spawn(move || {
                lane.send(&vec![1; bytes / lanes]).unwrap();
                lane.recv(&mut [0]).unwrap();
            });
        }
        for lane in b.lanes_mut() {
            scope.spawn(move || {
                lane.recv_slice(bytes / lanes).unwrap();
                lane.send(&[1]).unwrap();
                lane.flush().unwrap();
            });
        }
    });
    start.elapsed().as_secs_f64()
}

/// Seconds for `count` round trips of one byte.
fn ping((mut a, mut b): (Session, Session), count: usize) -> f64 {
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..count {
                b.lanes_mut()[0].recv(&mut [0]).unwrap();
                b.lanes_mut()[0].send(&[1]).unwrap();
                b.lanes_mut()[0].flush().unwrap();
            }
        });
        let start = Instant::now();
        for _ in 0..count {
            a.lanes_mut()[0].send(&[1]).unwrap();
            a.lanes_mut()[0].recv(&mut [0]).unwrap();
        }
        start.elapsed().as_secs_f64()
    })
}

/// Measures until the time is in the range: a busy machine makes things late, for seconds on end, but
/// nothing may ever be early.
fn measure(range: std::ops::Range<f64>, mut once: impl FnMut() -> f64) {
    let mut last = 0.0;
    for _ in 0..100 {
        last = once();
        assert!(last >= range.start, "{last} s is too early for {range:?}");
        if last < range.end {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{last} s is too late for {range:?}");
}

/// In memory, under TLS, over plain TCP.
fn sessions(options: &Options, kind: usize) -> (Session, Session) {
    let secure = Options {
        link: options.link,
        lanes: options.lanes,
        ..quick()
    };
    let open = Options {
        link: options.link,
        lanes: options.lanes,
        ..plain()
    };
    match kind {
        0 => Session::pair_with(options).unwrap(),
        1 => joined(&secure, &without_wish(options.lanes)),
        _ => joined(&open, &open),
    }
}

/// A server without a wish of its own adopts the client's link.
fn without_wish(lanes: usize) -> Options {
    Options { lanes, ..quick() }
}

#[test]
fn bandwidth_is_as_asked_for_one_lane_and_for_all_together() {
    for lanes in [1, 3] {
        let options = Options {
            link: "200,2".parse().unwrap(),
            lanes,
            ..Options::default()
        };
        for kind in 0..3 {
            // 4 MB at 200 Mbit/s is 0.16 s, and 2 ms for the way there and back.
            measure(0.162..0.175, || {
                transfer(sessions(&options, kind), 4_000_000)
            });
        }
    }
}

#[test]
fn a_round_trip_is_as_long_as_asked() {
    let options = Options {
        link: "1000,10".parse().unwrap(),
        ..Options::default()
    };
    for kind in 0..3 {
        measure(0.03..0.032, || ping(sessions(&options, kind), 3));
    }
}

#[test]
fn a_long_link_carries_its_full_bandwidth_through_the_smallest_window() {
    let options = Options {
        link: "400,100".parse().unwrap(),
        window: 1 << 20,
        ..Options::default()
    };
    // 10 MB at 400 Mbit/s is 0.2 s; a window of 1 MiB alone would allow 10 MB/s: 1 s.
    measure(0.3..0.33, || transfer(sessions(&options, 0), 10_000_000));
}

#[test]
fn both_directions_have_the_bandwidth_at_once() {
    let options = Options {
        link: "200,2".parse().unwrap(),
        ..Options::default()
    };
    let run = |mut session: Session| {
        let lane = &mut session.lanes_mut()[0];
        lane.send(&vec![1; 2_500_000]).unwrap();
        lane.recv_slice(2_500_000).unwrap();
    };
    measure(0.1..0.12, || {
        let (a, b) = Session::pair_with(&options).unwrap();
        let start = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| run(a));
            run(b);
        });
        start.elapsed().as_secs_f64()
    });
}

#[test]
fn what_is_under_way_arrives_after_a_drop() {
    let options = Options {
        link: "100,50".parse().unwrap(),
        ..Options::default()
    };
    for (mut a, mut b) in (0..3).map(|kind| sessions(&options, kind)) {
        a.lanes_mut()[0].send(&[3; 500_000]).unwrap();
        drop(a);
        assert!(
            b.lanes_mut()[0]
                .recv_slice(500_000)
                .unwrap()
                .iter()
                .all(|byte| *byte == 3)
        );
    }
}
