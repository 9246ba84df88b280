//! Peers that die, fall silent or stop working.

use super::parties::{SOON, dial, joined, listen, plain, quick, within};
use privet_net::{Error, IoError, Options};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::mpsc::{Sender, channel},
    thread,
    time::Duration,
};

/// What a relay does to a connection on demand.
enum Fault {
    Cut,
    Freeze,
}

/// A relay between a client and `to`: passes bytes on until the fault comes.
fn relay(to: std::net::SocketAddr) -> (String, Sender<Fault>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let (sender, faults) = channel();
    thread::spawn(move || {
        let (near, _) = listener.accept().unwrap();
        let far = TcpStream::connect(to).unwrap();
        let frozen = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        for (mut from, mut into) in [
            (near.try_clone().unwrap(), far.try_clone().unwrap()),
            (far.try_clone().unwrap(), near.try_clone().unwrap()),
        ] {
            let frozen = frozen.clone();
            thread::spawn(move || {
                let mut buffer = vec![0; 65536];
                while let Ok(bytes @ 1..) = from.read(&mut buffer) {
                    while frozen.load(std::sync::atomic::Ordering::Relaxed) {
                        thread::sleep(Duration::from_millis(20));
                    }
                    if into.write_all(&buffer[..bytes]).is_err() {
                        break;
                    }
                }
                let _ended = into.shutdown(Shutdown::Write);
            });
        }
        match faults.recv() {
            Ok(Fault::Cut) => {
                near.shutdown(Shutdown::Both).unwrap();
                far.shutdown(Shutdown::Both).unwrap();
            }
            Ok(Fault::Freeze) => frozen.store(true, std::sync::atomic::Ordering::Relaxed),
            Err(_) => {}
        }
        thread::sleep(Duration::from_secs(5));
    });
    (at, sender)
}

fn through_relay(options: &Options) -> (privet_net::Session, privet_net::Session, Sender<Fault>) {
    let listener = listen(options);
    let (at, faults) = relay(listener.local_addr());
    let (server, client) = super::parties::identities();
    let session = privet_net::connect(&at, client, server.fingerprint(), options).unwrap();
    (session, listener.accept().unwrap(), faults)
}

#[test]
fn a_cut_connection_is_reported_at_once() {
    for options in [plain(), quick()] {
        let (mut a, mut b, faults) = through_relay(&options);
        let waiting = thread::spawn(move || {
            let error = b.lanes_mut()[0].recv(&mut [0]).unwrap_err();
            (b, error)
        });
        thread::sleep(Duration::from_millis(30));
        faults.send(Fault::Cut).unwrap();
        let (_b, error) = within(SOON, || waiting.join().unwrap());
        assert!(
            matches!(error, Error::Io(IoError::ConnectionLost { .. })),
            "{error}"
        );
        let error = a.lanes_mut()[0].recv(&mut [0]).unwrap_err();
        assert!(
            matches!(error, Error::Io(IoError::ConnectionLost { .. })),
            "{error}"
        );
    }
}

#[test]
fn a_silent_peer_is_dead_for_one_that_receives_and_one_that_sends() {
    let (mut a, mut b, faults) = through_relay(&quick());
    thread::sleep(Duration::from_millis(1300));
    a.lanes_mut()[0].send(&[1]).unwrap();
    a.lanes_mut()[0].flush().unwrap();
    b.lanes_mut()[0].recv(&mut [0]).unwrap();
    faults.send(Fault::Freeze).unwrap();
    let sending = thread::spawn(move || {
        let error = loop {
            if let Err(error) = b.lanes_mut()[0].send(&[0; 100_000]) {
                break error;
            }
        };
        within(SOON, || drop(b));
        error
    });
    // Some bytes may have passed before the relay froze.
    let error = within(SOON, || {
        loop {
            if let Err(error) = a.lanes_mut()[0].recv(&mut [0]) {
                break error;
            }
        }
    });
    assert!(matches!(error, Error::Io(IoError::Dead { .. })), "{error}");
    let error = within(SOON, || sending.join().unwrap());
    assert!(matches!(error, Error::Io(IoError::Dead { .. })), "{error}");
    within(SOON, || drop(a));
}

#[test]
fn a_peer_that_computes_long_is_neither_dead_nor_stuck() {
    let options = Options {
        stall: Duration::from_millis(1200),
        ..quick()
    };
    let (mut a, mut b) = joined(&options, &options);
    let computing = thread::spawn(move || {
        for _ in 0..8 {
            thread::sleep(Duration::from_millis(200));
            b.lanes_mut()[0].progress();
        }
        b.lanes_mut()[0].send(&[1]).unwrap();
    });
    assert_eq!(a.lanes_mut()[0].recv(&mut [0]), Ok(()));
    computing.join().unwrap();
}

#[test]
fn a_peer_that_lives_without_progress_is_stuck() {
    let options = Options {
        stall: Duration::from_millis(300),
        ..quick()
    };
    let (mut a, mut b) = joined(&options, &options);
    thread::sleep(Duration::from_millis(100));
    let error = within(SOON, || a.lanes_mut()[0].recv(&mut [0]).unwrap_err());
    assert!(
        matches!(error, Error::Io(IoError::Stalled { .. })),
        "{error}"
    );
    let error = b.lanes_mut()[0].recv(&mut [0]).unwrap_err().to_string();
    assert!(
        error.starts_with("the peer aborted: gave up: the peer is stuck"),
        "{error}"
    );
}

#[test]
fn a_full_window_does_not_hide_a_death() {
    let options = Options {
        window: 1 << 20,
        ..quick()
    };
    let (mut a, b, faults) = through_relay(&options);
    let sending = thread::spawn(move || {
        loop {
            if let Err(error) = a.lanes_mut()[0].send(&[0; 100_000]) {
                return error;
            }
        }
    });
    thread::sleep(Duration::from_millis(1400));
    assert!(
        !sending.is_finished(),
        "the window is full, the peer computes"
    );
    faults.send(Fault::Cut).unwrap();
    let error = within(SOON, || sending.join().unwrap());
    assert!(
        matches!(error, Error::Io(IoError::ConnectionLost { .. })),
        "{error}"
    );
    drop(b);
}

#[test]
fn dropping_a_session_that_the_peer_ignores_does_not_hang() {
    let (a, mut b) = joined(&quick(), &quick());
    let computing = thread::spawn(move || {
        thread::sleep(Duration::from_millis(1300));
        b.lanes_mut()[0].recv(&mut [0]).unwrap_err()
    });
    drop(a);
    assert!(
        !computing.is_finished(),
        "the drop waited for the peer's protocol"
    );
    assert_eq!(computing.join().unwrap(), Error::Io(IoError::Closed));
}

#[test]
fn a_listener_ends_without_hanging() {
    let listener = listen(&quick());
    let silent = TcpStream::connect(listener.local_addr()).unwrap();
    within(SOON, || drop(listener));
    drop(silent);
    let listener = listen(&plain());
    assert!(
        listener
            .accept_within(Duration::from_millis(20))
            .unwrap()
            .is_none()
    );
    drop(dial(&listener, &plain()).unwrap());
}
