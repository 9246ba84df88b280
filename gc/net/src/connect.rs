//! The client's end of a session over TCP.

use crate::{
    channel::{Channel, Port},
    error::{Error, IoError, PeerMisbehaved, describe, hint_for},
    handshake::{Accept, Agreement, Connection, Done, First, Hello, Security, Token},
    identity::{Fingerprint, Identity},
    lane::{Lane, Shared, WorkCounter},
    link::{Link, Pacer},
    options::Options,
    reader,
    session::Session,
    tls::{Allow, Pinned, Side},
    writer::{Outlet, Writer},
};
use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::{Arc, Mutex, atomic::Ordering},
    thread,
    time::Instant,
};

/// Opens a session with the server at `addr` (`host:port`), whose key must have the fingerprint
/// `peer`.
///
/// With [`Options::insecure_plain`] neither `identity` nor `peer` is used.
///
/// # Errors
/// When the server cannot be reached, is another one, refuses this side, or differs in version or
/// settings.
pub fn connect(
    addr: &str,
    identity: &Identity,
    peer: Fingerprint,
    options: &Options,
) -> Result<Session, Error> {
    options.check()?;
    let (socket, at) = dial(addr, options)?;
    let limit = options.handshake_timeout;
    let deadline = Instant::now() + limit;
    let establish = |socket: TcpStream| {
        let security = (!options.insecure_plain).then(|| Security {
            identity,
            pinned: Pinned::new(Allow::List(vec![peer])),
        });
        Connection::establish(socket, Side::Client, security, deadline, limit)
    };
    let mut first = establish(socket)?;
    let hello = Hello::new(options)?;
    first.send(&First::Open(hello.clone()))?;
    let accept: Accept = first.recv()?;
    let agreement = hello.agree(&accept.hello, Side::Client)?;
    let mut connections = Vec::from([first]);
    let join_lane = |lane| {
        let socket = TcpStream::connect_timeout(&at, options.connect_timeout)
            .map_err(|e| connect_error(addr, &e))?;
        join(establish(socket)?, accept.token, lane)
    };
    // All at once: on a long link each takes several round trips.
    thread::scope(|scope| {
        let joining: Vec<_> = (1..agreement.lanes)
            .map(|lane| scope.spawn(move || join_lane(lane)))
            .collect();
        for thread in joining {
            let gone = || Err(Error::lost("a thread of this side ended unexpectedly"));
            connections.push(thread.join().unwrap_or_else(|_| gone())?);
        }
        Ok::<(), Error>(())
    })?;
    if let Some(first) = connections.first_mut()
        && first.recv::<Done>()? != Done::Ready
    {
        return Err(PeerMisbehaved::Handshake("not ready").into());
    }
    begin(connections, &agreement, options)
}

fn join(mut connection: Connection, token: Token, lane: usize) -> Result<Connection, Error> {
    let lane = u8::try_from(lane).unwrap_or(u8::MAX);
    connection.send(&First::Join { token, lane })?;
    match connection.recv()? {
        Done::Joined => Ok(connection),
        Done::Ready => Err(PeerMisbehaved::Handshake("ready before all lanes are").into()),
    }
}

/// Tries each address of the host in turn.
fn dial(addr: &str, options: &Options) -> Result<(TcpStream, SocketAddr), Error> {
    let mut last = None;
    for at in addr
        .to_socket_addrs()
        .map_err(|e| connect_error(addr, &e))?
    {
        match TcpStream::connect_timeout(&at, options.connect_timeout) {
            Ok(socket) => return Ok((socket, at)),
            Err(error) => last = Some(error),
        }
    }
    let none = || io::Error::new(ErrorKind::NotFound, "the name has no address");
    Err(connect_error(addr, &last.unwrap_or_else(none)))
}

fn connect_error(addr: &str, error: &io::Error) -> Error {
    let hints = [
        (
            ErrorKind::ConnectionRefused,
            "is the server running, and is this its port?",
        ),
        (ErrorKind::TimedOut, "check the address and the firewalls"),
        (ErrorKind::WouldBlock, "check the address and the firewalls"),
        (ErrorKind::HostUnreachable, "is this machine online?"),
        (ErrorKind::NetworkUnreachable, "is this machine online?"),
        (ErrorKind::InvalidInput, "an address is written host:port"),
    ];
    let hint = hint_for(error, &hints, "check the address");
    IoError::Connect {
        address: addr.into(),
        reason: describe(error),
        hint,
    }
    .into()
}

/// Starts the threads of a session whose lanes are all there, in order.
pub(crate) fn begin(
    connections: Vec<Connection>,
    agreement: &Agreement,
    options: &Options,
) -> Result<Session, Error> {
    let peer = connections.first().and_then(|c| c.peer);
    let (work, peer_work) = (WorkCounter::default(), WorkCounter::default());
    let shared = Arc::new(Shared::new(
        agreement.id,
        peer,
        work,
        peer_work,
        options,
        agreement.window,
    ));
    let pacer = pacer(agreement.link);
    let mut lanes = Vec::new();
    for connection in connections {
        lanes.push(start_lane(
            connection,
            &shared,
            agreement,
            options,
            pacer.clone(),
        )?);
    }
    Ok(Session::new(lanes, shared))
}

pub(crate) fn pacer(link: Link) -> Option<Arc<Mutex<Pacer>>> {
    (link != Link::Loopback).then(|| Arc::new(Mutex::new(Pacer::new(link))))
}

fn start_lane(
    connection: Connection,
    shared: &Arc<Shared>,
    agreement: &Agreement,
    options: &Options,
    pacer: Option<Arc<Mutex<Pacer>>>,
) -> Result<Channel, Error> {
    let Connection {
        socket,
        source,
        mut sink,
        assembler,
        received,
        ..
    } = connection;
    sink.set_patience(options.stall)?;
    let lane = Lane::new(shared, agreement.credit, Arc::downgrade(&socket));
    lane.wire_received.store(received, Ordering::Relaxed);
    lane.wire_sent.store(sink.written(), Ordering::Relaxed);
    let outlet = Outlet::Wire(sink, options.heartbeat);
    let writer = Writer::new(Arc::clone(&lane), outlet, pacer);
    let (reading, dead) = (Arc::clone(&lane), options.dead);
    let threads = [
        spawn("privet-send", move || writer.run()),
        spawn("privet-recv", move || {
            reader::run(&reading, source, assembler, dead);
        }),
    ];
    if let Some(Err(error)) = threads.iter().find(|thread| thread.is_err()) {
        // The one that did start ends by itself.
        shared.fail(error);
        return Err(error.clone());
    }
    Ok(Channel::new(
        lane,
        Port::Wire(threads.into_iter().flatten().collect()),
    ))
}

pub(crate) fn spawn(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> Result<thread::JoinHandle<()>, Error> {
    thread::Builder::new()
        .name(name.into())
        .spawn(body)
        .map_err(|e| {
            IoError::System {
                what: "starting a thread",
                reason: describe(&e),
            }
            .into()
        })
}
