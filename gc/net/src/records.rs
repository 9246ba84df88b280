//! The record layer of TLS, apart from any socket.
//!
//! `rustls` without its buffers: a reader thread decrypts in its own buffer, a writer thread
//! encrypts into its own, and the connection's lock is held for that alone, never for a system
//! call.

use crate::error::{Error, PeerMisbehaved, TlsError};
use rustls::{
    CommonState,
    client::{ClientConnectionData, UnbufferedClientConnection},
    server::{ServerConnectionData, UnbufferedServerConnection},
    unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus},
};
use std::fmt;

/// How far the connection is after its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The handshake needs more input.
    Handshaking,
    /// Data may be sent.
    Open,
    /// The peer has closed its direction.
    PeerClosed,
}

/// A TLS connection of either side.
pub(crate) struct Records {
    connection: Box<dyn Side>,
    /// Records of the protocol itself that must leave before anything that is encrypted later.
    pending: Outbox,
    /// A read has failed.
    dead: bool,
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Records(secret)")
    }
}

impl Records {
    pub(crate) fn client(connection: UnbufferedClientConnection) -> Self {
        Self {
            connection: Box::new(connection),
            pending: Outbox::default(),
            dead: false,
        }
    }

    pub(crate) fn server(connection: UnbufferedServerConnection) -> Self {
        Self {
            connection: Box::new(connection),
            pending: Outbox::default(),
            dead: false,
        }
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.common().is_handshaking()
    }

    /// Takes whole records from `incoming` and hands their content on.
    ///
    /// Returns how many bytes of `incoming` are used up, and how far the connection is; the rest
    /// must be at the front of the next `incoming`. After an error nothing can be read or written.
    pub(crate) fn read(
        &mut self,
        incoming: &mut [u8],
        plain: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(usize, Progress), ReadError> {
        if self.dead {
            return Err(ReadError::Content(dead()));
        }
        let mut used = 0;
        let result = self
            .connection
            .read(incoming, &mut used, &mut self.pending, plain);
        let rest = incoming.get_mut(used..).unwrap_or_default();
        let progress = result.inspect_err(|error| {
            self.dead = true;
            if matches!(error, ReadError::Tls(_)) {
                self.connection.alerts(rest, &mut self.pending);
            }
        })?;
        if progress == Progress::Open && !self.is_handshaking() && begins_with_record(rest) {
            // A part of a message of TLS itself, of which the connection remembers where in
            // `incoming` it is; writing would then go wrong. No peer has a reason to send one.
            self.dead = true;
            let text = "a message of TLS in pieces";
            return Err(ReadError::Content(PeerMisbehaved::Handshake(text).into()));
        }
        Ok((used, progress))
    }

    /// Moves what the protocol itself has to say to `out`.
    pub(crate) fn take_pending(&mut self, out: &mut Outbox) {
        out.take_all(&mut self.pending);
    }

    /// Appends `plain`, encrypted, to `out`.
    pub(crate) fn write(&mut self, plain: &[u8], out: &mut Outbox) -> Result<(), Error> {
        self.ready(out)?;
        self.connection.write(plain, out)
    }

    /// Appends the farewell of TLS to `out`.
    pub(crate) fn close(&mut self, out: &mut Outbox) -> Result<(), Error> {
        self.ready(out)?;
        self.connection.close(out)
    }

    /// Brings the connection to where it accepts data; what is pending leaves first.
    fn ready(&mut self, out: &mut Outbox) -> Result<(), Error> {
        let ready = if self.dead {
            Err(dead())
        } else {
            self.connection.ready(&mut self.pending)
        };
        self.take_pending(out);
        ready
    }
}

/// Why input was not accepted.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// TLS objects.
    Tls(rustls::Error),
    /// The receiver of the content objects.
    Content(Error),
}

/// What client and server connections have in common; `rustls` gives them two types.
trait Side: Send {
    fn common(&self) -> &CommonState;
    fn read(
        &mut self,
        incoming: &mut [u8],
        used: &mut usize,
        pending: &mut Outbox,
        plain: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<Progress, ReadError>;
    fn alerts(&mut self, incoming: &mut [u8], pending: &mut Outbox);
    fn ready(&mut self, pending: &mut Outbox) -> Result<(), Error>;
    fn write(&mut self, plain: &[u8], out: &mut Outbox) -> Result<(), Error>;
    fn close(&mut self, out: &mut Outbox) -> Result<(), Error>;
}

trait Step: Send {
    type Data;
    fn state(&self) -> &CommonState;
    fn step<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Step for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn state(&self) -> &CommonState {
        self
    }

    fn step<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
}

impl Step for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn state(&self) -> &CommonState {
        self
    }

    fn step<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
}

impl<C: Step> Side for C {
    fn common(&self) -> &CommonState {
        self.state()
    }

    fn read(
        &mut self,
        incoming: &mut [u8],
        used: &mut usize,
        pending: &mut Outbox,
        plain: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<Progress, ReadError> {
        loop {
            let status = self.step(incoming.get_mut(*used..).unwrap_or_default());
            let discard = status.discard;
            let state = status.state.map_err(|error| {
                *used += discard;
                ReadError::Tls(error)
            })?;
            let progress = match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(ReadError::Tls)?;
                        plain(record.payload).map_err(ReadError::Content)?;
                    }
                    None
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    pending
                        .grow_and_fill(|room| data.encode(room).map_err(|e| encode_needs(&e)))
                        .map_err(ReadError::Content)?;
                    None
                }
                ConnectionState::TransmitTlsData(data) => {
                    data.done();
                    None
                }
                ConnectionState::BlockedHandshake => Some(Progress::Handshaking),
                ConnectionState::WriteTraffic(_) => Some(Progress::Open),
                ConnectionState::PeerClosed | ConnectionState::Closed => Some(Progress::PeerClosed),
                other @ (ConnectionState::ReadEarlyData(_) | _) => {
                    let text = format!("unexpected state {other:?}");
                    return Err(ReadError::Content(TlsError::Protocol(text).into()));
                }
            };
            *used += discard;
            if let Some(progress) = progress {
                return Ok(progress);
            }
        }
    }

    /// After an error: what TLS has to say about it. `incoming` is what the error left.
    fn alerts(&mut self, mut incoming: &mut [u8], pending: &mut Outbox) {
        loop {
            let status = self.step(incoming);
            let discard = status.discard;
            let Ok(ConnectionState::EncodeTlsData(mut data)) = status.state else {
                return;
            };
            if pending
                .grow_and_fill(|room| data.encode(room).map_err(|e| encode_needs(&e)))
                .is_err()
            {
                return;
            }
            incoming = incoming.get_mut(discard..).unwrap_or_default();
        }
    }

    fn ready(&mut self, pending: &mut Outbox) -> Result<(), Error> {
        match self.read(&mut [], &mut 0, pending, &mut |_| Ok(())) {
            Ok(_) => Ok(()),
            Err(ReadError::Content(error)) => Err(error),
            Err(ReadError::Tls(error)) => Err(TlsError::Protocol(error.to_string()).into()),
        }
    }

    fn write(&mut self, plain: &[u8], out: &mut Outbox) -> Result<(), Error> {
        match self.step(&mut []).state {
            Ok(ConnectionState::WriteTraffic(mut traffic)) => out
                .grow_and_fill(|room| traffic.encrypt(plain, room).map_err(|e| encrypt_needs(&e))),
            other => Err(closed(&other)),
        }
    }

    fn close(&mut self, out: &mut Outbox) -> Result<(), Error> {
        match self.step(&mut []).state {
            Ok(ConnectionState::WriteTraffic(mut traffic)) => out.grow_and_fill(|room| {
                traffic
                    .queue_close_notify(room)
                    .map_err(|e| encrypt_needs(&e))
            }),
            other => Err(closed(&other)),
        }
    }
}

fn dead() -> Error {
    TlsError::Protocol("the connection has failed before".into()).into()
}

/// Whether a whole record is at the front: its header has the length in bytes 3 and 4.
fn begins_with_record(bytes: &[u8]) -> bool {
    match bytes {
        [_, _, _, high, low, rest @ ..] => {
            rest.len() >= usize::from(u16::from_be_bytes([*high, *low]))
        }
        _ => false,
    }
}

fn closed(state: &dyn fmt::Debug) -> Error {
    TlsError::Protocol(format!("cannot send in state {state:?}")).into()
}

/// What an encoder answers that did not succeed: the room it needs, or its reason.
type Needs = Result<usize, String>;

fn encode_needs(error: &EncodeError) -> Needs {
    match error {
        EncodeError::InsufficientSize(size) => Ok(size.required_size),
        EncodeError::AlreadyEncoded => Err(error.to_string()),
    }
}

fn encrypt_needs(error: &EncryptError) -> Needs {
    match error {
        EncryptError::InsufficientSize(size) => Ok(size.required_size),
        EncryptError::EncryptExhausted => Err(error.to_string()),
    }
}

/// Bytes on their way out, in a buffer that is zeroed once and then reused.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    buffer: Vec<u8>,
    len: usize,
}

impl Outbox {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    pub(crate) const fn clear(&mut self) {
        self.len = 0;
    }

    fn take_all(&mut self, other: &mut Self) {
        if other.len > 0 {
            self.buffer.truncate(self.len);
            self.buffer.extend_from_slice(other.bytes());
            self.len = self.buffer.len();
            other.clear();
        }
    }

    /// Lets `fill` write behind the end, with the room that it asks for.
    fn grow_and_fill(
        &mut self,
        mut fill: impl FnMut(&mut [u8]) -> Result<usize, Needs>,
    ) -> Result<(), Error> {
        for _ in 0..2 {
            match fill(self.buffer.get_mut(self.len..).unwrap_or_default()) {
                Ok(written) => {
                    self.len += written;
                    return Ok(());
                }
                Err(Ok(required)) => self.buffer.resize(self.len + required, 0),
                Err(Err(reason)) => return Err(TlsError::Protocol(reason).into()),
            }
        }
        Err(TlsError::Protocol("a record of unknown size".into()).into())
    }
}
