//! Bytes that no honest peer sends.

use super::parties::{SOON, dial, joined, listen, plain, quick, within};
use privet_net::{Error, IoError, Listener, Options, PROTOCOL_VERSION, PeerMisbehaved, Session};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend([kind, 0, 0, 0]);
    bytes.extend(payload);
    bytes
}

fn refusal(listener: &Listener) -> Error {
    let error = listener.accept().unwrap_err();
    if let Error::Connection { error, .. } = error {
        *error
    } else {
        error
    }
}

#[test]
fn garbage_costs_one_connection_and_not_the_listener() {
    let garbage: [&[u8]; 7] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        &[0; 64],
        &[0xff; 4096],
        &[0x16, 3, 1, 0xff, 0xff, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0x16, 3, 1, 0, 4, 1, 0, 0, 0],
        b"",
    ];
    for options in [plain(), quick()] {
        let listener = listen(&Options {
            handshake_timeout: Duration::from_millis(300),
            ..options.clone()
        });
        for bytes in garbage {
            let mut socket = TcpStream::connect(listener.local_addr()).unwrap();
            socket.write_all(bytes).unwrap();
            socket.shutdown(std::net::Shutdown::Write).unwrap();
            let error = within(SOON, || listener.accept().unwrap_err());
            assert!(matches!(error, Error::Connection { .. }));
            assert!(!error.to_string().contains('\n'), "{error}");
        }
        let session = dial(&listener, &options).unwrap();
        assert_eq!(session.id(), listener.accept().unwrap().id());
    }
}

#[test]
fn a_client_that_says_nothing_does_not_block_others() {
    for options in [plain(), quick()] {
        let listener = listen(&Options {
            handshake_timeout: Duration::from_millis(300),
            ..options.clone()
        });
        let silent: Vec<_> = (0..5)
            .map(|_| TcpStream::connect(listener.local_addr()).unwrap())
            .collect();
        let session = within(SOON, || {
            let _client = dial(&listener, &options).unwrap();
            listener.accept().unwrap()
        });
        drop(session);
        for _ in &silent {
            let error = refusal(&listener);
            assert!(
                matches!(error, Error::Io(IoError::HandshakeTimeout { .. })),
                "{error}"
            );
        }
    }
}

#[test]
fn too_many_unfinished_connections_are_turned_away_and_room_comes_back() {
    let short = Options {
        handshake_timeout: Duration::from_millis(300),
        ..plain()
    };
    let listener = listen(&short);
    let crowd: Vec<_> = (0..70)
        .map(|_| TcpStream::connect(listener.local_addr()).unwrap())
        .collect();
    let mut turned_away = 0;
    for _ in 0..crowd.len() - 6 {
        let error = refusal(&listener).to_string();
        turned_away += usize::from(error.contains("too many"));
    }
    assert!(turned_away >= 1, "{turned_away}");
    assert!(dial(&listener, &short).is_ok());
}

#[test]
fn another_version_is_named_on_both_sides() {
    let listener = listen(&plain());
    let mut socket = TcpStream::connect(listener.local_addr()).unwrap();
    let mut hello = b"privet\r\n".to_vec();
    hello.extend(99u32.to_le_bytes());
    hello.extend([1, 2, 3]);
    socket.write_all(&frame(6, &hello)).unwrap();
    let error = refusal(&listener).to_string();
    assert_eq!(
        error,
        format!("incompatible peer: the protocol version here is {PROTOCOL_VERSION}, there 99")
    );
    let mut answer = [0; 20];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!((answer[4], &answer[8..16]), (6, &b"privet\r\n"[..]));
    assert_eq!(answer[16..20], PROTOCOL_VERSION.to_le_bytes());
}

#[test]
fn a_lane_of_no_session_is_refused() {
    let listener = listen(&plain());
    let mut socket = TcpStream::connect(listener.local_addr()).unwrap();
    let mut join = b"privet\r\n".to_vec();
    join.extend(PROTOCOL_VERSION.to_le_bytes());
    join.push(1);
    join.extend([7; 32]);
    join.push(1);
    socket.write_all(&frame(6, &join)).unwrap();
    let error = refusal(&listener);
    assert_eq!(
        error,
        PeerMisbehaved::Handshake("a lane of no session").into()
    );
}

#[test]
fn a_hello_in_pieces_is_a_hello_and_a_cut_one_is_an_error() {
    let listener = listen(&plain());
    let mut hello = b"privet\r\n".to_vec();
    hello.extend(PROTOCOL_VERSION.to_le_bytes());
    hello.extend([0, 1]);
    for cut in [3, 8, 12, 20] {
        let mut socket = TcpStream::connect(listener.local_addr()).unwrap();
        socket.write_all(&frame(6, &hello)[..cut]).unwrap();
        drop(socket);
        let error = refusal(&listener);
        assert!(
            matches!(error, Error::Io(IoError::ConnectionLost { .. })),
            "{error}"
        );
    }
    let mut socket = TcpStream::connect(listener.local_addr()).unwrap();
    for byte in frame(6, &hello) {
        socket.write_all(&[byte]).unwrap();
    }
    let error = refusal(&listener);
    assert!(
        matches!(error, Error::PeerMisbehaved(PeerMisbehaved::Handshake(_))),
        "{error}"
    );
}

/// A session whose peer is a bare socket behind the handshake.
fn session_with_bare_peer() -> (Session, TcpStream) {
    let listener = listen(&plain());
    let mut socket = TcpStream::connect(listener.local_addr()).unwrap();
    let mut open = b"privet\r\n".to_vec();
    open.extend(PROTOCOL_VERSION.to_le_bytes());
    // Open { lanes 1, window 2^20, heartbeat 50 ms, dead 400 ms, link "loopback", nonce }
    open.extend([0, 1, 0x80, 0x80, 0x40, 50, 0x90, 3, 8]);
    open.extend(b"loopback");
    open.extend([5; 32]);
    socket.write_all(&frame(6, &open)).unwrap();
    let session = listener.accept().unwrap();
    (session, socket)
}

#[test]
fn frames_that_break_the_rules_end_the_session_and_say_why() {
    let mut over = 0x10_0000_u32.to_le_bytes().to_vec();
    over.extend([1, 0, 0, 0]);
    let cases: [(Vec<u8>, &str); 7] = [
        (over, "a frame of 1048576 bytes, at most 262144 allowed"),
        (frame(9, b""), "frame of kind 9"),
        (
            b"\x01\0\0\0\x02\0\0\x01x".to_vec(),
            "bytes that are no frame",
        ),
        (frame(3, b"abc"), "a number of 3 bytes"),
        (frame(6, b"privet"), "repeated after the session began"),
        (
            frame(4, &[b'x'; 513]),
            "a frame of 513 bytes, at most 512 allowed",
        ),
        (frame(5, b"!"), "a frame of 1 bytes, at most 0 allowed"),
    ];
    for (bytes, text) in cases {
        let (mut session, mut socket) = session_with_bare_peer();
        socket.write_all(&bytes).unwrap();
        let error = within(SOON, || session.lanes_mut()[0].recv(&mut [0]).unwrap_err());
        assert!(matches!(error, Error::PeerMisbehaved(_)), "{error}");
        assert!(error.to_string().contains(text), "{error}");
        let mut told = Vec::new();
        let _reset = socket.read_to_end(&mut told);
        assert!(
            String::from_utf8_lossy(&told).contains(text),
            "the peer is told why"
        );
        within(SOON, || drop(session));
    }
}

#[test]
fn a_peer_that_ignores_the_window_is_stopped() {
    let (mut session, mut socket) = session_with_bare_peer();
    let data = frame(1, &vec![0; 262_144]);
    let mut sent = 0;
    while sent < 64 << 20 && socket.write_all(&data).is_ok() {
        sent += data.len();
    }
    assert!(sent < 64 << 20, "nothing stopped the peer");
    let error = session.lanes_mut()[0].recv(&mut [0]).unwrap_err();
    assert!(
        matches!(error, Error::PeerMisbehaved(PeerMisbehaved::Window { .. })),
        "{error}"
    );
}

#[test]
fn a_peer_that_never_reads_does_not_hold_this_side_for_ever() {
    let listener = listen(&Options {
        stall: Duration::from_millis(400),
        ..plain()
    });
    let mut socket = TcpStream::connect(listener.local_addr()).unwrap();
    let mut open = b"privet\r\n".to_vec();
    open.extend(PROTOCOL_VERSION.to_le_bytes());
    open.extend([0, 1, 0x80, 0x80, 0x80, 0x40, 50, 0x90, 3, 8]);
    open.extend(b"loopback");
    open.extend([5; 32]);
    socket.write_all(&frame(6, &open)).unwrap();
    let mut session = listener.accept().unwrap();
    let heart = std::thread::spawn(move || {
        let mut work = 0u64;
        while socket.write_all(&frame(2, &work.to_le_bytes())).is_ok() {
            work += 1;
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let error = within(SOON, || {
        loop {
            if let Err(error) = session.lanes_mut()[0].send(&[0; 200_000]) {
                break error;
            }
        }
    });
    assert!(
        matches!(error, Error::Io(IoError::Stalled { .. })),
        "{error}"
    );
    within(SOON, || drop(session));
    heart.join().unwrap();
}

#[test]
fn flipped_bits_under_tls_end_the_session_and_never_reach_the_protocol() {
    let listener = listen(&quick());
    let at = {
        let relay = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = relay.local_addr().unwrap();
        let to = listener.local_addr();
        std::thread::spawn(move || {
            let (near, _) = relay.accept().unwrap();
            let far = TcpStream::connect(to).unwrap();
            let (mut near_in, mut far_out) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            let back = std::thread::spawn(move || {
                let (mut far_in, mut near_out) = (far, near);
                let _ended = std::io::copy(&mut far_in, &mut near_out);
                let _closed = near_out.shutdown(std::net::Shutdown::Both);
            });
            let (mut buffer, mut passed) = (vec![0; 65536], 0);
            while let Ok(bytes @ 1..) = near_in.read(&mut buffer) {
                // The handshake is below 4 kB; this hits a data record.
                if passed < 100_000 && passed + bytes >= 100_000 {
                    buffer[bytes / 2] ^= 0x10;
                }
                passed += bytes;
                if far_out.write_all(&buffer[..bytes]).is_err() {
                    break;
                }
            }
            back.join().unwrap();
        });
        at.to_string()
    };
    let (server, client) = super::parties::identities();
    let mut a = privet_net::connect(&at, client, server.fingerprint(), &quick()).unwrap();
    let mut b = listener.accept().unwrap();
    let sending = std::thread::spawn(move || {
        for _ in 0..100 {
            a.lanes_mut()[0].send(&[0x55; 10_000])?;
        }
        a.lanes_mut()[0].recv(&mut [0])
    });
    let lane = &mut b.lanes_mut()[0];
    let mut received = 0;
    let error = loop {
        match lane.recv_slice(1000) {
            Ok(bytes) => assert!(bytes.iter().all(|byte| *byte == 0x55)),
            Err(error) => break error,
        }
        received += 1000;
    };
    assert!(received < 1_000_000);
    assert!(matches!(error, Error::Tls(_)), "{error}");
    sending.join().unwrap().unwrap_err();
}

#[test]
fn closing_tls_without_a_farewell_is_a_loss() {
    let (mut a, b) = joined(&quick(), &quick());
    let mut b = b;
    b.abort("leaving");
    let error = a.lanes_mut()[0].recv(&mut [0]).unwrap_err();
    assert_eq!(
        error,
        IoError::PeerAborted {
            reason: "leaving".into()
        }
        .into()
    );
}
