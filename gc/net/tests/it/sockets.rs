//! Sessions over TCP, plain and under TLS.

use super::parties::{SOON, dial, identities, joined, listen, plain, quick, within};
use privet_net::{Allow, Error, Identity, IoError, Listener, Options, TlsError, connect};
use std::{net::TcpListener, thread, time::Duration};

fn both(test: impl Fn(Options)) {
    test(plain());
    test(quick());
}

#[test]
fn both_parties_see_the_same_session() {
    both(|options| {
        let server = Options {
            lanes: 3,
            ..options
        };
        let (mut a, mut b) = joined(
            &Options {
                lanes: 5,
                ..options
            },
            &server,
        );
        assert_eq!(a.id(), b.id());
        assert_ne!(a.id(), joined(&options, &options).0.id());
        assert_eq!((a.lane_count(), b.lane_count()), (3, 3));
        let expected = (!options.insecure_plain).then(identities);
        assert_eq!(a.peer(), expected.map(|(server, _)| server.fingerprint()));
        assert_eq!(b.peer(), expected.map(|(_, client)| client.fingerprint()));
        for lane in 0..3u8 {
            let from = &mut a.lanes_mut()[usize::from(lane)];
            from.send(&[lane; 5]).unwrap();
            from.flush().unwrap();
        }
        for lane in 0..3u8 {
            let mut got = [9; 5];
            b.lanes_mut()[usize::from(lane)].recv(&mut got).unwrap();
            assert_eq!(got, [lane; 5]);
        }
    });
}

#[test]
fn bytes_arrive_in_order_whatever_the_cuts() {
    both(|options| {
        let (mut a, mut b) = joined(&options, &options);
        let data: Vec<u8> = (0..3_000_000u32)
            .map(|i| (i * 31 + i / 251).to_le_bytes()[0])
            .collect();
        thread::scope(|scope| {
            scope.spawn(|| {
                let lane = &mut a.lanes_mut()[0];
                let mut rest = &data[..];
                for len in [1, 7, 4095, 4097, 131_072, 262_144, 0, 3]
                    .into_iter()
                    .cycle()
                {
                    let (now, later) = rest.split_at(rest.len().min(len));
                    lane.frame_mut(now.len()).unwrap().copy_from_slice(now);
                    rest = later;
                    if rest.is_empty() {
                        break;
                    }
                    if len == 7 {
                        lane.flush().unwrap();
                    }
                }
                lane.flush().unwrap();
            });
            let lane = &mut b.lanes_mut()[0];
            let mut got = Vec::new();
            while got.len() < data.len() {
                let len = (got.len() * 3 % 300_001 + 1).min(data.len() - got.len());
                got.extend_from_slice(lane.recv_slice(len).unwrap());
            }
            assert!(got == data);
        });
        let (sent, received) = (a.stats(), b.stats());
        assert_eq!(sent.total().sent_bytes, 3_000_000);
        assert_eq!(received.total().received_bytes, 3_000_000);
        assert!(sent.overhead_sent() > 0 && sent.overhead_sent() < 30_000);
        assert!(received.overhead_received() < 30_000);
    });
}

#[test]
fn two_parties_that_both_send_a_lot_both_finish() {
    both(|options| {
        let (a, b) = joined(&options, &options);
        let len = 24 << 20;
        let run = |mut session: privet_net::Session, fill: u8| {
            let lane = &mut session.lanes_mut()[0];
            lane.send(&vec![fill; len]).unwrap();
            let mut got = vec![0; len];
            lane.recv(&mut got).unwrap();
            assert!(got.iter().all(|byte| *byte == 3 - fill));
        };
        thread::scope(|scope| {
            scope.spawn(|| run(a, 1));
            run(b, 2);
        });
    });
}

#[test]
fn pending_bytes_arrive_before_the_close() {
    both(|options| {
        let (mut a, mut b) = joined(&options, &options);
        let len = 3_000_000;
        a.lanes_mut()[0].send(&vec![7; len]).unwrap();
        let closing = thread::spawn(move || drop(a));
        thread::sleep(Duration::from_millis(50));
        let lane = &mut b.lanes_mut()[0];
        assert!(lane.recv_slice(len).unwrap().iter().all(|byte| *byte == 7));
        assert_eq!(lane.recv(&mut [0]), Err(Error::Io(IoError::Closed)));
        within(SOON, || closing.join().unwrap());
        within(SOON, || drop(b));
    });
}

#[test]
fn an_abort_reaches_every_lane_as_one_line() {
    both(|options| {
        let options = Options {
            lanes: 2,
            ..options
        };
        let (mut a, mut b) = joined(&options, &options);
        b.lanes_mut()[1].abort("no such\nmodel");
        for lane in a.lanes_mut() {
            let error = within(SOON, || lane.recv(&mut [0]).unwrap_err());
            assert_eq!(error.to_string(), "the peer aborted: no such model");
        }
        within(SOON, || drop((a, b)));
    });
}

#[test]
fn a_wrong_server_is_named_on_both_sides() {
    let (server, client) = identities();
    let listener = listen(&quick());
    let expected = Identity::generate().unwrap().fingerprint();
    let at = listener.local_addr().to_string();
    let error = connect(&at, client, expected, &quick()).unwrap_err();
    assert_eq!(
        error,
        TlsError::WrongPeer {
            expected,
            got: server.fingerprint()
        }
        .into()
    );
    let error = listener.accept().unwrap_err().to_string();
    let got = format!(
        "refused this side's fingerprint: it got {}",
        server.fingerprint()
    );
    assert!(error.contains(&got), "{error}");
}

#[test]
fn a_client_that_is_not_allowed_is_named_on_both_sides() {
    let (server, _) = identities();
    let listener = listen(&quick());
    let stranger = Identity::generate().unwrap();
    let at = listener.local_addr().to_string();
    let error = connect(&at, &stranger, server.fingerprint(), &quick())
        .unwrap_err()
        .to_string();
    let got = format!(
        "refused this side's fingerprint: it got {}",
        stranger.fingerprint()
    );
    assert!(
        error.contains("the server") && error.contains(&got),
        "{error}"
    );
    let error = listener.accept().unwrap_err().to_string();
    assert!(
        error.contains(&format!("its fingerprint is {}", stranger.fingerprint())),
        "{error}"
    );
    assert!(dial(&listener, &quick()).is_ok());
}

#[test]
fn anyone_may_come_where_anyone_is_allowed() {
    let (server, _) = identities();
    let stranger = Identity::generate().unwrap();
    let listener = Listener::bind("127.0.0.1:0", server, Allow::Anyone, quick()).unwrap();
    let at = listener.local_addr().to_string();
    let _session = connect(&at, &stranger, server.fingerprint(), &quick()).unwrap();
    assert_eq!(
        listener.accept().unwrap().peer(),
        Some(stranger.fingerprint())
    );
}

#[test]
fn tls_and_plain_do_not_meet_silently() {
    let listener = listen(&quick());
    let error = dial(&listener, &plain()).unwrap_err();
    assert!(!error.to_string().contains('\n'));
    let error = listener.accept().unwrap_err().to_string();
    assert!(
        error.contains("here is TLS 1.3, there something else"),
        "{error}"
    );
    let listener = listen(&plain());
    let error = dial(&listener, &quick()).unwrap_err().to_string();
    assert!(
        error.contains("here is TLS 1.3, there something else"),
        "{error}"
    );
    let error = listener.accept().unwrap_err().to_string();
    assert!(
        error.contains("the transport here is plain TCP, there TLS"),
        "{error}"
    );
}

#[test]
fn settings_that_differ_are_named_on_both_sides() {
    let with_link = |text: &str| Options {
        link: text.parse().unwrap(),
        ..quick()
    };
    let listener = listen(&with_link("lan"));
    let error = dial(&listener, &with_link("wan")).unwrap_err().to_string();
    assert_eq!(
        error,
        "incompatible peer: the link to imitate here is wan, there lan"
    );
    let error = listener.accept().unwrap_err().to_string();
    assert!(
        error.ends_with("the link to imitate here is lan, there wan"),
        "{error}"
    );
}

#[test]
fn addresses_that_do_not_work_give_one_line_and_a_hint() {
    let (server, client) = identities();
    let taken = listen(&quick()).local_addr();
    let blocker = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = blocker.local_addr().unwrap().to_string();
    let error = Listener::bind(&at, server, Allow::Anyone, quick())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {at}: ")),
        "{error}"
    );
    assert!(error.contains("choose another port"), "{error}");
    let error = connect(&taken.to_string(), client, server.fingerprint(), &quick()).unwrap_err();
    assert!(
        error.to_string().contains("is the server running"),
        "{error}"
    );
    let error = connect("nonsense", client, server.fingerprint(), &quick()).unwrap_err();
    assert!(error.to_string().contains("host:port"), "{error}");
}

#[test]
fn options_that_contradict_themselves_are_refused() {
    let refused = [
        Options {
            lanes: 0,
            ..quick()
        },
        Options {
            lanes: 17,
            ..quick()
        },
        Options {
            window: 1000,
            ..quick()
        },
        Options {
            dead: Duration::from_millis(60),
            ..quick()
        },
    ];
    for options in refused {
        let error = privet_net::Session::pair_with(&options).unwrap_err();
        assert!(matches!(error, Error::ApiMisuse(_)), "{error}");
    }
}

#[test]
fn several_clients_at_once_keep_apart() {
    let options = Options {
        lanes: 4,
        ..quick()
    };
    let listener = listen(&options);
    thread::scope(|scope| {
        for tag in 0..6u8 {
            let (listener, options) = (&listener, &options);
            scope.spawn(move || {
                let mut session = dial(listener, options).unwrap();
                for lane in session.lanes_mut() {
                    lane.send(&[tag]).unwrap();
                    let mut back = [0; 17];
                    lane.recv(&mut back).unwrap();
                    assert_eq!(back[0], tag);
                }
                // Lanes count as used at once.
                assert_eq!(session.stats().flights(), 2);
            });
        }
        for _ in 0..6 {
            let mut session = listener.accept().unwrap();
            scope.spawn(move || {
                let id = session.id();
                for lane in session.lanes_mut() {
                    let mut tag = [0];
                    lane.recv(&mut tag).unwrap();
                    lane.send(&tag).unwrap();
                    lane.send(&id).unwrap();
                    lane.flush().unwrap();
                }
            });
        }
    });
}
