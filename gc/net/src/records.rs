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
    /// Changes the keys of this direction, as happens by itself after very many records.
    #[cfg(test)]
    fn new_keys(&mut self);
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

    #[cfg(test)]
    fn new_keys(&mut self) {
        match self.step(&mut []).state {
            Ok(ConnectionState::WriteTraffic(traffic)) => traffic.refresh_traffic_keys().unwrap(),
            other => panic!("not open: {other:?}"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::Identity,
        tls::{self, Allow, Pinned},
    };

    /// Carries bytes between two connections until neither has more to say.
    struct Pair {
        ends: [Records; 2],
        wires: [Vec<u8>; 2],
        plain: [Vec<u8>; 2],
    }

    impl Pair {
        fn new() -> Self {
            let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
            let to_b = Pinned::new(Allow::List(vec![b.fingerprint()]));
            let to_a = Pinned::new(Allow::List(vec![a.fingerprint()]));
            let client = Records::client(tls::client(&a, &to_b).unwrap());
            let server = Records::server(tls::server(&b, &to_a).unwrap());
            let mut pair = Self {
                ends: [client, server],
                wires: Default::default(),
                plain: Default::default(),
            };
            for _ in 0..6 {
                pair.carry(0).unwrap();
                pair.carry(1).unwrap();
            }
            assert!(!pair.ends[0].is_handshaking() && !pair.ends[1].is_handshaking());
            pair
        }

        /// Lets one end read what is on its wire, and puts its answer on the other's.
        fn carry(&mut self, end: usize) -> Result<Progress, ReadError> {
            let plain = &mut self.plain[end];
            let mut keep = |bytes: &[u8]| {
                plain.extend_from_slice(bytes);
                Ok(())
            };
            let result = self.ends[end].read(&mut self.wires[end], &mut keep);
            let mut out = Outbox::default();
            self.ends[end].take_pending(&mut out);
            self.wires[1 - end].extend_from_slice(out.bytes());
            result.map(|(used, progress)| {
                self.wires[end].drain(..used);
                progress
            })
        }

        fn send(&mut self, end: usize, bytes: &[u8]) {
            let mut out = Outbox::default();
            self.ends[end].write(bytes, &mut out).unwrap();
            self.wires[1 - end].extend_from_slice(out.bytes());
        }
    }

    #[test]
    fn data_passes_both_ways_and_new_keys_change_nothing() {
        let mut pair = Pair::new();
        let data: Vec<u8> = (0..50_000u32).flat_map(u32::to_le_bytes).collect();
        for round in 0..4 {
            pair.send(round % 2, &data);
            pair.send(1 - round % 2, b"short");
            pair.ends[round % 2].connection.new_keys();
            pair.send(round % 2, &data);
            for _ in 0..3 {
                pair.carry(0).unwrap();
                pair.carry(1).unwrap();
            }
            let [here, there] = [round % 2, 1 - round % 2].map(|i| pair.plain[i].split_off(0));
            assert!(there == [&data[..], &data[..]].concat(), "round {round}");
            assert_eq!(here, b"short");
        }
    }

    #[test]
    fn a_changed_byte_is_found_and_the_connection_is_over() {
        let mut pair = Pair::new();
        pair.send(0, b"attack at dawn");
        pair.wires[1][10] ^= 1;
        assert!(matches!(
            pair.carry(1),
            Err(ReadError::Tls(rustls::Error::DecryptError))
        ));
        assert_eq!(pair.plain[1], b"");
        assert!(pair.ends[1].write(b"x", &mut Outbox::default()).is_err());
        assert!(matches!(pair.carry(1), Err(ReadError::Content(_))));
        // The alert tells the other end.
        assert!(matches!(
            pair.carry(0),
            Err(ReadError::Tls(rustls::Error::AlertReceived(_)))
        ));
    }

    #[test]
    fn a_record_in_pieces_waits_for_its_rest() {
        let mut pair = Pair::new();
        pair.send(0, &[7; 1000]);
        let rest = pair.wires[1].split_off(600);
        assert_eq!(pair.carry(1).unwrap(), Progress::Open);
        pair.send(1, b"meanwhile");
        pair.wires[1].extend(rest);
        pair.carry(1).unwrap();
        pair.carry(0).unwrap();
        assert_eq!(
            (pair.plain[1].len(), &pair.plain[0][..]),
            (1000, &b"meanwhile"[..])
        );
    }

    #[test]
    fn a_farewell_is_told_from_a_cut() {
        let mut pair = Pair::new();
        let mut out = Outbox::default();
        pair.ends[0].close(&mut out).unwrap();
        pair.wires[1].extend_from_slice(out.bytes());
        assert_eq!(pair.carry(1).unwrap(), Progress::PeerClosed);
        pair.send(1, b"still open in this direction");
    }

    #[test]
    fn whole_records_at_the_front_are_recognised() {
        assert!(!begins_with_record(&[]));
        assert!(!begins_with_record(&[23, 3, 3, 0]));
        assert!(!begins_with_record(&[23, 3, 3, 0, 3, 1, 2]));
        assert!(begins_with_record(&[23, 3, 3, 0, 3, 1, 2, 3]));
        assert!(begins_with_record(&[23, 3, 3, 0, 0, 9]));
    }
}
