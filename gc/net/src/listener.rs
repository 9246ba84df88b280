//! The server's end of sessions over TCP.
//!
//! A thread accepts connections; each connection has its own thread and deadline until its
//! session is whole. A port scanner, a client that sends nothing, or one with the wrong key costs
//! one thread for at most the handshake's time limit, and is reported as an error of its own.

use crate::{
    connect::{begin, spawn},
    error::{ApiMisuse, Error, IoError, PeerMisbehaved, describe, hint_for},
    handshake::{Accept, Agreement, Connection, Done, First, Hello, Security, Token},
    identity::Identity,
    lane::locked,
    options::Options,
    session::Session,
    tls::{Allow, Pinned, Side},
};
use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Connections whose session is not whole yet; further ones are turned away.
const MAX_HANDSHAKES: usize = 64;
/// Sessions and errors that wait for [`Listener::accept`].
const MAX_WAITING: usize = 64;

/// Accepts sessions at an address.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    results: Mutex<Receiver<Result<Session, Error>>>,
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Server {
    identity: Identity,
    allow: Allow,
    options: Options,
    stopped: AtomicBool,
    handshakes: AtomicUsize,
    /// Sessions whose lanes are still arriving.
    gathering: Mutex<BTreeMap<Token, Gathering>>,
    /// Rung when a lane has joined.
    joined: Condvar,
    results: SyncSender<Result<Session, Error>>,
}

/// A place among the unfinished connections, given back when it is dropped.
struct Place {
    server: Arc<Server>,
    /// How many others there were.
    number: usize,
}

impl Place {
    fn take(server: &Arc<Server>) -> Self {
        let number = server.handshakes.fetch_add(1, Ordering::Relaxed);
        Self {
            server: Arc::clone(server),
            number,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.server.handshakes.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Gathering {
    peer: Option<crate::Fingerprint>,
    /// Lanes 1 and up.
    lanes: Vec<Option<Connection>>,
}

impl Listener {
    /// Listens at `addr` (`host:port`; port 0 takes a free one) as `identity` for the clients in
    /// `allow`.
    ///
    /// With [`Options::insecure_plain`] neither `identity` nor `allow` is used.
    ///
    /// # Errors
    /// [`IoError::Bind`] when the address is taken or is not this machine's.
    pub fn bind(
        addr: &str,
        identity: &Identity,
        allow: Allow,
        options: Options,
    ) -> Result<Self, Error> {
        options.check()?;
        let listener = TcpListener::bind(addr).map_err(|e| bind_error(addr, &e))?;
        let address = listener.local_addr().map_err(|e| bind_error(addr, &e))?;
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let server = Arc::new(Server {
            identity: identity.clone(),
            allow,
            options,
            stopped: AtomicBool::new(false),
            handshakes: AtomicUsize::new(0),
            gathering: Mutex::new(BTreeMap::new()),
            joined: Condvar::new(),
            results: sender,
        });
        let accepting = Arc::clone(&server);
        let thread = spawn("privet-accept", move || accepting.accept_all(&listener))?;
        Ok(Self {
            address,
            results: Mutex::new(receiver),
            server,
            thread: Some(thread),
        })
    }

    /// The address that is listened at.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next session.
    ///
    /// # Errors
    /// [`Error::Connection`] for one connection that came to nothing: call again.
    pub fn accept(&self) -> Result<Session, Error> {
        locked(&self.results)
            .recv()
            .unwrap_or_else(|_| Err(stopped()))
    }

    /// Waits for the next session for at most `limit`; `None` when there is none.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn accept_within(&self, limit: Duration) -> Result<Option<Session>, Error> {
        match locked(&self.results).recv_timeout(limit) {
            Ok(result) => result.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(stopped()),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.server.stopped.store(true, Ordering::Relaxed);
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        // The accepting thread wakes for a connection; without one it ends with the process.
        if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _panicked = thread.join();
        }
    }
}

fn stopped() -> Error {
    IoError::System {
        what: "accepting connections",
        reason: "the listener has ended".into(),
    }
    .into()
}

fn bind_error(addr: &str, error: &io::Error) -> Error {
    let hints = [
        (
            ErrorKind::AddrInUse,
            "another program listens there: stop it or choose another port",
        ),
        (
            ErrorKind::PermissionDenied,
            "ports below 1024 need privileges: choose a higher one",
        ),
        (
            ErrorKind::AddrNotAvailable,
            "this is not an address of this machine",
        ),
    ];
    let hint = hint_for(error, &hints, "an address is written host:port");
    IoError::Bind {
        address: addr.into(),
        reason: describe(error),
        hint,
    }
    .into()
}

impl Server {
    fn accept_all(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let accepted = listener.accept();
            if self.stopped.load(Ordering::Relaxed) {
                return;
            }
            match accepted {
                Ok((socket, from)) => {
                    if let Err(error) = self.start(socket, from) {
                        self.report(from, error);
                    }
                }
                // Out of descriptors, or a connection that broke while it waited.
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn start(self: &Arc<Self>, socket: TcpStream, from: SocketAddr) -> Result<(), Error> {
        let place = Place::take(self);
        if place.number >= MAX_HANDSHAKES {
            return Err(ApiMisuse::Options("too many unfinished connections".into()).into());
        }
        spawn("privet-handshake", move || {
            let outcome = place.server.serve(socket);
            let server = Arc::clone(&place.server);
            drop(place);
            match outcome {
                Ok(Some(session)) => server.hand_over(session),
                Ok(None) => {}
                Err(error) => server.report(from, error),
            }
        })
        .map(drop)
    }

    /// Errors that nobody takes are dropped: a flood of them must not hold threads.
    fn report(&self, from: SocketAddr, error: Error) {
        let _full = self.results.try_send(Err(Error::Connection {
            from,
            error: Box::new(error),
        }));
    }

    fn hand_over(&self, session: Session) {
        if let Err(refused) = self.results.try_send(Ok(session)) {
            let (std::sync::mpsc::TrySendError::Full(result)
            | std::sync::mpsc::TrySendError::Disconnected(result)) = refused;
            if let Ok(mut session) = result {
                session.abort("the server has too many sessions waiting");
            }
        }
    }

    /// One connection: the first of a session, which waits for the others, or one of those.
    fn serve(&self, socket: TcpStream) -> Result<Option<Session>, Error> {
        let limit = self.options.handshake_timeout;
        let deadline = Instant::now() + limit;
        let security = (!self.options.insecure_plain).then(|| Security {
            identity: &self.identity,
            pinned: Pinned::new(self.allow.clone()),
        });
        let mut connection =
            Connection::establish(socket, Side::Server, security, deadline, limit)?;
        let outcome = match connection.recv() {
            Ok(First::Open(hello)) => return self.open(connection, &hello, deadline).map(Some),
            Ok(First::Join { token, lane }) => return self.join(connection, token, lane),
            Err(error) => error,
        };
        if matches!(outcome, Error::Incompatible { .. }) {
            // A peer of another version finds this side's version in the same place.
            let hello = Hello::new(&self.options)?;
            let _gone = connection.send(&Accept {
                hello,
                token: Token::random()?,
            });
        } else {
            connection.refuse(&outcome);
        }
        Err(outcome)
    }

    fn open(
        &self,
        mut connection: Connection,
        theirs: &Hello,
        deadline: Instant,
    ) -> Result<Session, Error> {
        let ours = Hello::new(&self.options)?;
        let token = Token::random()?;
        let agreement = match ours.agree(theirs, Side::Server) {
            Ok(agreement) => agreement,
            Err(error) => {
                if matches!(error, Error::Incompatible { .. }) {
                    connection.send(&Accept { hello: ours, token })?;
                } else {
                    connection.refuse(&error);
                }
                return Err(error);
            }
        };
        let lanes = (1..agreement.lanes).map(|_| None).collect();
        locked(&self.gathering).insert(
            token,
            Gathering {
                peer: connection.peer,
                lanes,
            },
        );
        let gathered = connection
            .send(&Accept { hello: ours, token })
            .and_then(|()| self.gather(token, deadline));
        locked(&self.gathering).remove(&token);
        match gathered {
            Ok(others) => self.complete(connection, others, &agreement),
            Err(error) => {
                connection.refuse(&error);
                Err(error)
            }
        }
    }

    fn complete(
        &self,
        mut first: Connection,
        others: Vec<Connection>,
        agreement: &Agreement,
    ) -> Result<Session, Error> {
        first.send(&Done::Ready)?;
        let mut connections = vec![first];
        connections.extend(others);
        begin(connections, agreement, &self.options)
    }

    /// Waits until every lane of the session has joined.
    fn gather(&self, token: Token, deadline: Instant) -> Result<Vec<Connection>, Error> {
        let mut gathering = locked(&self.gathering);
        loop {
            let whole = gathering
                .get_mut(&token)
                .filter(|g| g.lanes.iter().all(Option::is_some))
                .map(|g| std::mem::take(&mut g.lanes));
            if let Some(lanes) = whole {
                return Ok(lanes.into_iter().flatten().collect());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let limit = self.options.handshake_timeout;
                return Err(IoError::HandshakeTimeout { limit }.into());
            }
            gathering = self
                .joined
                .wait_timeout(gathering, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn join(
        &self,
        mut connection: Connection,
        token: Token,
        lane: u8,
    ) -> Result<Option<Session>, Error> {
        let mut gathering = locked(&self.gathering);
        let place = gathering
            .get_mut(&token)
            .filter(|g| g.peer == connection.peer)
            .and_then(|g| g.lanes.get_mut(usize::from(lane).checked_sub(1)?))
            .filter(|place| place.is_none());
        let Some(place) = place else {
            drop(gathering);
            let error = Error::from(PeerMisbehaved::Handshake("a lane of no session"));
            connection.refuse(&error);
            return Err(error);
        };
        // A few bytes into an empty socket buffer: this does not wait.
        connection.send(&Done::Joined)?;
        *place = Some(connection);
        drop(gathering);
        self.joined.notify_all();
        Ok(None)
    }
}
