//! A socket as a source and a sink of frames, with or without TLS.

use crate::{
    assemble::Assembler,
    error::{Error, IoError},
    frame::{Frame, Header, Kind},
    lane::locked,
    records::{Outbox, Progress, ReadError, Records},
};
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Bytes asked of the socket at once under TLS: several records, decrypted under one lock.
const TLS_READ: usize = 128 * 1024;
/// Bytes asked of a plain socket when no large payload is under way.
const PLAIN_READ: usize = 16 * 1024;

/// The reading half of a connection.
#[derive(Debug)]
pub(crate) struct Source {
    socket: Arc<TcpStream>,
    tls: Option<Arc<Mutex<Records>>>,
    buffer: Vec<u8>,
    filled: usize,
}

/// What one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// That many bytes came from the socket.
    Bytes(usize),
    /// Nothing came within the socket's time limit.
    Nothing,
    /// The peer has closed its direction.
    End,
}

impl Source {
    pub(crate) fn new(socket: Arc<TcpStream>, tls: Option<Arc<Mutex<Records>>>) -> Self {
        let size = if tls.is_some() { TLS_READ } else { PLAIN_READ };
        Self {
            socket,
            tls,
            buffer: vec![0; size],
            filled: 0,
        }
    }

    /// Reads once from the socket and hands the content on.
    pub(crate) fn fill(&mut self, assembler: &mut Assembler) -> Result<Fill, ReadError> {
        match self.tls.clone() {
            Some(tls) => self.fill_tls(&tls, assembler),
            None => self.fill_plain(assembler).map_err(ReadError::Content),
        }
    }

    fn fill_plain(&mut self, assembler: &mut Assembler) -> Result<Fill, Error> {
        if assembler.missing().len() >= PLAIN_READ {
            let fill = read_once(&self.socket, assembler.missing())?;
            if let Fill::Bytes(bytes) = fill {
                assembler.advance(bytes)?;
            }
            return Ok(fill);
        }
        let fill = read_once(&self.socket, &mut self.buffer)?;
        if let Fill::Bytes(bytes) = fill {
            assembler.feed(self.buffer.get(..bytes).unwrap_or_default())?;
        }
        Ok(fill)
    }

    fn fill_tls(
        &mut self,
        tls: &Mutex<Records>,
        assembler: &mut Assembler,
    ) -> Result<Fill, ReadError> {
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let fill = read_once(&self.socket, room).map_err(ReadError::Content)?;
        if let Fill::Bytes(bytes) = fill {
            self.filled += bytes;
            if self.decrypt(tls, assembler)? == Progress::PeerClosed {
                return Ok(Fill::End);
            }
        }
        Ok(fill)
    }

    /// Decrypts the whole records in the buffer and keeps the rest.
    pub(crate) fn decrypt(
        &mut self,
        tls: &Mutex<Records>,
        assembler: &mut Assembler,
    ) -> Result<Progress, ReadError> {
        let incoming = self.buffer.get_mut(..self.filled).unwrap_or_default();
        let mut feed = |plain: &[u8]| assembler.feed(plain).map_err(Error::from);
        let (used, progress) = locked(tls).read(incoming, &mut feed)?;
        self.buffer.copy_within(used..self.filled, 0);
        self.filled -= used;
        Ok(progress)
    }

    /// Reads from the socket into the buffer alone, for the handshake of TLS.
    pub(crate) fn fetch(&mut self) -> Result<Fill, Error> {
        let fill = read_once(
            &self.socket,
            self.buffer.get_mut(self.filled..).unwrap_or_default(),
        )?;
        if let Fill::Bytes(bytes) = fill {
            self.filled += bytes;
        }
        Ok(fill)
    }

    /// The bytes at the front of the buffer, used or not.
    pub(crate) fn front(&self) -> &[u8] {
        &self.buffer
    }

    pub(crate) fn set_timeout(&self, timeout: Duration) -> Result<(), Error> {
        let timeout = timeout.max(Duration::from_millis(1));
        self.socket
            .set_read_timeout(Some(timeout))
            .map_err(|e| Error::from_io(&e))
    }
}

/// The writing half of a connection.
#[derive(Debug)]
pub(crate) struct Sink {
    socket: Arc<TcpStream>,
    tls: Option<Arc<Mutex<Records>>>,
    out: Outbox,
    patience: Duration,
    written: u64,
}

impl Sink {
    /// A sink that gives up when the socket takes no byte for as long as `patience`.
    pub(crate) fn new(
        socket: Arc<TcpStream>,
        tls: Option<Arc<Mutex<Records>>>,
        patience: Duration,
    ) -> Self {
        Self {
            socket,
            tls,
            out: Outbox::default(),
            patience,
            written: 0,
        }
    }

    pub(crate) fn set_patience(&mut self, patience: Duration) -> Result<(), Error> {
        self.patience = patience;
        let tick = (patience / 8).clamp(Duration::from_millis(1), Duration::from_secs(1));
        self.socket
            .set_write_timeout(Some(tick))
            .map_err(|e| Error::from_io(&e))
    }

    /// Bytes written to the socket so far.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    pub(crate) fn data(&mut self, frame: &mut Frame) -> Result<(), Error> {
        self.bytes(frame.wire_bytes())
    }

    pub(crate) fn control(&mut self, kind: Kind, payload: &[u8]) -> Result<(), Error> {
        let mut bytes = Header::control(kind, payload.len()).encode().to_vec();
        bytes.extend_from_slice(payload);
        self.bytes(&bytes)
    }

    /// Says farewell and closes this direction.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        if let Some(tls) = &self.tls {
            self.out.clear();
            locked(tls).close(&mut self.out)?;
            self.write_out()?;
        }
        match self.socket.shutdown(std::net::Shutdown::Write) {
            // The peer has torn down the connection behind its own farewell: nothing is left to close.
            Err(e) if e.kind() == std::io::ErrorKind::NotConnected => Ok(()),
            closed => closed.map_err(|e| Error::from_io(&e)),
        }
    }

    /// Sends what TLS itself has to say.
    pub(crate) fn pending(&mut self) -> Result<(), Error> {
        if let Some(tls) = &self.tls {
            self.out.clear();
            locked(tls).take_pending(&mut self.out);
            self.write_out()?;
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match &self.tls {
            None => {
                write_all(&self.socket, bytes, self.patience)?;
                self.written += bytes.len() as u64;
                Ok(())
            }
            Some(tls) => {
                self.out.clear();
                let encrypted = locked(tls).write(bytes, &mut self.out);
                self.write_out()?;
                encrypted
            }
        }
    }

    fn write_out(&mut self) -> Result<(), Error> {
        write_all(&self.socket, self.out.bytes(), self.patience)?;
        self.written += self.out.bytes().len() as u64;
        Ok(())
    }
}

fn read_once(mut socket: &TcpStream, into: &mut [u8]) -> Result<Fill, Error> {
    loop {
        match socket.read(into) {
            Ok(0) => return Ok(Fill::End),
            Ok(bytes) => return Ok(Fill::Bytes(bytes)),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(Fill::Nothing);
            }
            Err(e) => return Err(Error::from_io(&e)),
        }
    }
}

fn write_all(mut socket: &TcpStream, mut bytes: &[u8], patience: Duration) -> Result<(), Error> {
    let mut moved = Instant::now();
    while !bytes.is_empty() {
        match socket.write(bytes) {
            Ok(0) => return Err(Error::lost("closed by the peer")),
            Ok(written) => {
                bytes = bytes.split_at(written.min(bytes.len())).1;
                moved = Instant::now();
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let waited = moved.elapsed();
                if waited >= patience {
                    return Err(IoError::Stalled { waited }.into());
                }
            }
            Err(e) => return Err(Error::from_io(&e)),
        }
    }
    Ok(())
}
