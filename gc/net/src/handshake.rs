//! How two parties agree on a session before its threads start.
//!
//! Client → server on lane 0: `Open`; server → client: `Accept` with the token. On each further
//! lane, client → server: `Join` with the token; server → client: `Joined`. When all lanes are
//! there, server → client on lane 0: `Ready`. Every message starts with the magic bytes and the
//! version, so that any two versions can tell each other what they are.

use crate::{
    assemble::{Assembler, Event},
    error::{Error, IoError, PeerMisbehaved, TlsError},
    frame::Kind,
    identity::{Fingerprint, Identity},
    lane::locked,
    link::Link,
    options::{MAX_LANES, MAX_WINDOW, MIN_WINDOW, Options, window_for},
    records::{Progress, ReadError, Records},
    tls::{self, Pinned, Side},
    transport::{Fill, Sink, Source},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::{
    net::TcpStream,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const MAGIC: [u8; 8] = *b"privet\r\n";
/// The version of everything that this crate puts on the wire.
pub const PROTOCOL_VERSION: u32 = 2;

/// What each party brings to a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hello {
    lanes: u8,
    window: u64,
    heartbeat_ms: u64,
    dead_ms: u64,
    link: Link,
    nonce: [u8; 32],
}

/// The first message of a client's connection.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum First {
    Open(Hello),
    Join { token: Token, lane: u8 },
}

/// A server's answer to [`First::Open`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Accept {
    pub(crate) hello: Hello,
    pub(crate) token: Token,
}

/// A server's answer to [`First::Join`], and its last word on lane 0.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Done {
    Joined,
    Ready,
}

/// Proves that a connection belongs to the session whose lane 0 carried it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Token([u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(secret)")
    }
}

impl Token {
    pub(crate) fn random() -> Result<Self, Error> {
        random().map(Self)
    }
}

/// What both parties computed from the two hellos.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Agreement {
    pub(crate) id: [u8; 16],
    pub(crate) lanes: usize,
    pub(crate) link: Link,
    /// Bytes this side buffers for the peer.
    pub(crate) window: u64,
    /// Bytes the peer buffers for this side.
    pub(crate) credit: u64,
}

impl Hello {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self {
            lanes: u8::try_from(options.lanes).unwrap_or(u8::MAX),
            window: options.window,
            heartbeat_ms: millis(options.heartbeat),
            dead_ms: millis(options.dead),
            link: options.link,
            nonce: random()?,
        })
    }

    /// What this party (`self`) and the peer agree on; both come to the same result.
    pub(crate) fn agree(&self, peer: &Self, side: Side) -> Result<Agreement, Error> {
        peer.check()?;
        let link = match (self.link, peer.link) {
            (ours, theirs) if ours == theirs => ours,
            (Link::Loopback, theirs) => theirs,
            (ours, Link::Loopback) => ours,
            (ours, theirs) => return Err(differ("the link to imitate", &ours, &theirs)),
        };
        if self.dead_ms < 2 * peer.heartbeat_ms || peer.dead_ms < 2 * self.heartbeat_ms {
            let times = |h: &Self| format!("{} ms, dead after {} ms", h.heartbeat_ms, h.dead_ms);
            return Err(differ("the heartbeat", &times(self), &times(peer)));
        }
        let (client, server) = match side {
            Side::Client => (self, peer),
            Side::Server => (peer, self),
        };
        let mut hash = Sha256::new_with_prefix(b"privet session id");
        hash.update(client.nonce);
        hash.update(server.nonce);
        let digest: [u8; 32] = hash.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(digest.split_at(16).0);
        Ok(Agreement {
            id,
            lanes: usize::from(self.lanes.min(peer.lanes)),
            link,
            window: window_for(self.window, link),
            credit: window_for(peer.window, link),
        })
    }

    fn check(&self) -> Result<(), Error> {
        let fault = if !(1..=MAX_LANES).contains(&usize::from(self.lanes)) {
            "a number of lanes out of range"
        } else if !(MIN_WINDOW..=MAX_WINDOW).contains(&self.window) {
            "a window out of range"
        } else if self.heartbeat_ms == 0 || self.heartbeat_ms > 1 << 40 || self.dead_ms > 1 << 40 {
            "times out of range"
        } else {
            return Ok(());
        };
        Err(PeerMisbehaved::Handshake(fault).into())
    }
}

fn differ(what: &'static str, ours: &dyn ToString, theirs: &dyn ToString) -> Error {
    Error::Incompatible {
        what,
        ours: ours.to_string(),
        theirs: theirs.to_string(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis())
        .unwrap_or(u64::MAX)
        .clamp(1, 1 << 40)
}

fn random() -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| IoError::System {
        what: "the machine's randomness",
        reason: e.to_string(),
    })?;
    Ok(bytes)
}

/// A connection whose session has not begun.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: Arc<TcpStream>,
    pub(crate) source: Source,
    pub(crate) sink: Sink,
    pub(crate) assembler: Assembler,
    pub(crate) peer: Option<Fingerprint>,
    /// Bytes read from the socket so far.
    pub(crate) received: u64,
    tls: Option<(Arc<Mutex<Records>>, Arc<Pinned>, Fingerprint)>,
    side: Side,
    deadline: Instant,
    limit: Duration,
}

/// The TLS that a connection is to speak.
pub(crate) struct Security<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) pinned: Arc<Pinned>,
}

impl Connection {
    /// Brings a fresh socket to where messages can be exchanged.
    pub(crate) fn establish(
        socket: TcpStream,
        side: Side,
        security: Option<Security<'_>>,
        deadline: Instant,
        limit: Duration,
    ) -> Result<Self, Error> {
        socket.set_nodelay(true).map_err(|e| Error::from_io(&e))?;
        let socket = Arc::new(socket);
        let tls = match security {
            None => None,
            Some(Security { identity, pinned }) => {
                let records = match side {
                    Side::Client => Records::client(tls::client(identity, &pinned)?),
                    Side::Server => Records::server(tls::server(identity, &pinned)?),
                };
                Some((
                    Arc::new(Mutex::new(records)),
                    pinned,
                    identity.fingerprint(),
                ))
            }
        };
        let records = tls.as_ref().map(|(records, ..)| Arc::clone(records));
        let mut connection = Self {
            source: Source::new(Arc::clone(&socket), records.clone()),
            sink: Sink::new(Arc::clone(&socket), records, limit),
            socket,
            assembler: Assembler::default(),
            peer: None,
            received: 0,
            tls,
            side,
            deadline,
            limit,
        };
        connection.sink.set_patience(connection.left()?)?;
        connection.secure()?;
        Ok(connection)
    }

    pub(crate) fn send<T: Serialize>(&mut self, message: &T) -> Result<(), Error> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&PROTOCOL_VERSION.to_le_bytes());
        let bytes = postcard::to_extend(message, bytes)
            .map_err(|_| PeerMisbehaved::Handshake("a message that does not encode"))?;
        self.sink.set_patience(self.left()?)?;
        let Err(broken) = self.sink.control(Kind::Hello, &bytes) else {
            return Ok(());
        };
        // A peer that refused this side said why before it closed.
        Err(match self.next_hello() {
            Err(reason @ (Error::Tls(_) | Error::Incompatible { .. })) => reason,
            Err(reason @ Error::Io(IoError::PeerAborted { .. })) => reason,
            _ => broken,
        })
    }

    pub(crate) fn recv<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        let bytes = self.next_hello()?;
        let (magic, rest) = bytes.split_at_checked(MAGIC.len()).unwrap_or_default();
        let (version, body) = rest.split_at_checked(4).unwrap_or_default();
        if magic != MAGIC {
            return Err(PeerMisbehaved::Handshake("not the protocol of this program").into());
        }
        let version = version
            .try_into()
            .map(u32::from_le_bytes)
            .unwrap_or_default();
        if version != PROTOCOL_VERSION {
            return Err(differ("the protocol version", &PROTOCOL_VERSION, &version));
        }
        match postcard::take_from_bytes(body) {
            Ok((message, [])) => Ok(message),
            _ => Err(PeerMisbehaved::Handshake("a message that does not decode").into()),
        }
    }

    /// Tells the peer why it is refused; it may be gone, or be no peer at all.
    pub(crate) fn refuse(&mut self, error: &Error) {
        if self
            .sink
            .control(Kind::Abort, error.to_string().as_bytes())
            .is_ok()
        {
            let _gone = self.sink.finish();
        }
    }

    fn next_hello(&mut self) -> Result<Vec<u8>, Error> {
        loop {
            match self.assembler.next_event() {
                Some(Event::Hello(bytes)) => return Ok(bytes),
                Some(Event::Abort(reason)) => return Err(IoError::PeerAborted { reason }.into()),
                Some(_) => {
                    let text = "a frame that belongs to a session";
                    return Err(PeerMisbehaved::Handshake(text).into());
                }
                None => self.fill()?,
            }
        }
    }

    fn fill(&mut self) -> Result<(), Error> {
        self.source.set_timeout(self.left()?)?;
        let first = self.received == 0;
        match self.source.fill(&mut self.assembler) {
            Ok(Fill::Bytes(bytes)) => self.received += bytes as u64,
            Ok(Fill::Nothing) => {}
            Ok(Fill::End) if self.assembler.next_is_some() => {}
            Ok(Fill::End) => return Err(Error::lost("closed by the peer during the handshake")),
            Err(ReadError::Tls(error)) => return Err(self.explain(&error)),
            Err(ReadError::Content(error)) => {
                // The first record of TLS: handshake (0x16), version 3.x.
                let tls =
                    self.tls.is_none() && first && self.source.front().starts_with(&[0x16, 3]);
                return Err(if tls {
                    differ("the transport", &"plain TCP", &"TLS")
                } else {
                    error
                });
            }
        }
        Ok(())
    }

    /// The handshake of TLS; the peer's key is verified in it.
    fn secure(&mut self) -> Result<(), Error> {
        let Some((records, pinned, _)) = self.tls.clone() else {
            return Ok(());
        };
        loop {
            let progress = self.source.decrypt(&records, &mut self.assembler);
            let pending = self.sink.pending();
            match progress {
                Ok(Progress::Open) if !locked(&records).is_handshaking() => break,
                Ok(Progress::PeerClosed) => return Err(Error::lost("closed during the handshake")),
                Ok(Progress::Open | Progress::Handshaking) => pending?,
                Err(ReadError::Tls(error)) => return Err(self.explain(&error)),
                Err(ReadError::Content(error)) => return Err(error),
            }
            self.source.set_timeout(self.left()?)?;
            match self.source.fetch()? {
                Fill::Bytes(bytes) => self.received += bytes as u64,
                Fill::Nothing => {}
                Fill::End => {
                    return Err(Error::lost("closed by the peer during the TLS handshake"));
                }
            }
        }
        self.peer = pinned.seen();
        if self.peer.is_none() {
            return Err(TlsError::Protocol("the peer showed no key".into()).into());
        }
        Ok(())
    }

    fn explain(&mut self, error: &rustls::Error) -> Error {
        // The alert, if the peer still listens.
        let _gone = self.sink.pending();
        match &self.tls {
            Some((_, pinned, ours)) => pinned.explain(error, *ours, self.side),
            None => TlsError::Protocol(error.to_string()).into(),
        }
    }

    fn left(&self) -> Result<Duration, Error> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(IoError::HandshakeTimeout { limit: self.limit }.into());
        }
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(options: &Options) -> Hello {
        Hello::new(options).unwrap()
    }

    #[test]
    fn both_sides_agree_on_the_same_session() {
        let ours = hello(&Options {
            lanes: 3,
            window: 1 << 20,
            ..Options::default()
        });
        let wan: Link = "wan".parse().unwrap();
        let theirs = hello(&Options {
            lanes: 5,
            link: wan,
            ..Options::default()
        });
        let a = ours.agree(&theirs, Side::Client).unwrap();
        let b = theirs.agree(&ours, Side::Server).unwrap();
        assert_eq!((a.id, a.lanes, a.link), (b.id, b.lanes, b.link));
        assert_eq!((a.lanes, a.link), (3, wan));
        assert_eq!((a.window, a.credit), (b.credit, b.window));
        assert!(a.window >= 4_000_000);
        let other = hello(&Options {
            lanes: 5,
            ..Options::default()
        });
        assert_ne!(ours.agree(&other, Side::Client).unwrap().id, a.id);
    }

    #[test]
    fn differences_are_named() {
        let link = |text: &str| Options {
            link: text.parse().unwrap(),
            ..Options::default()
        };
        let error = hello(&link("lan"))
            .agree(&hello(&link("wan")), Side::Client)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "incompatible peer: the link to imitate here is lan, there wan"
        );
        let slow = Options {
            heartbeat: Duration::from_secs(9),
            dead: Duration::from_secs(20),
            ..Options::default()
        };
        let error = hello(&slow)
            .agree(&hello(&Options::default()), Side::Server)
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::Incompatible {
                    what: "the heartbeat",
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_hostile_hello_is_refused() {
        let ours = hello(&Options::default());
        for change in [
            |h: &mut Hello| h.lanes = 0,
            |h: &mut Hello| h.lanes = 17,
            |h: &mut Hello| h.window = 0,
            |h: &mut Hello| h.window = u64::MAX,
            |h: &mut Hello| h.heartbeat_ms = u64::MAX,
            |h: &mut Hello| h.heartbeat_ms = 0,
            |h: &mut Hello| h.dead_ms = u64::MAX,
        ] {
            let mut theirs = hello(&Options::default());
            change(&mut theirs);
            let error = ours.agree(&theirs, Side::Server).unwrap_err();
            assert!(matches!(error, Error::PeerMisbehaved(_)), "{error}");
        }
    }
}
