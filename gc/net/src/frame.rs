//! Frames: the unit that travels on a lane.
//!
//! A frame on the wire is an 8-byte header and its payload: the payload's length (u32, little
//! endian), the kind (one byte), the flight that a data frame belongs to (24 bits, little endian;
//! zero in other kinds). Each kind bounds the length; the bound is checked before anything is
//! allocated. What a peer says of flights is counted and nothing else.

use crate::error::PeerMisbehaved;

/// Bytes of a frame header.
pub(crate) const HEADER: usize = 8;
/// Payload bytes after which a data frame leaves by itself.
pub const FRAME_BYTES: usize = 256 * 1024;
/// The largest payload of a data frame, in bytes.
pub const MAX_FRAME: usize = 256 * 1024;
/// What a frame costs of the window beyond its payload: its share of queues and allocations.
pub(crate) const FRAME_COST: u64 = 256;
/// Payloads up to this size are kept in buffers of their own size.
const SMALL: usize = 4096;
/// The payload starts here in a buffer, the header right before it.
const START: usize = 16;

/// The kind of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Application bytes.
    Data = 1,
    /// The sender lives; its work counter (u64).
    Heartbeat = 2,
    /// The sender has consumed that many bytes (u64) of the window.
    Credit = 3,
    /// The sender gives up: one line of text.
    Abort = 4,
    /// The sender has nothing more to send.
    Close = 5,
    /// A message of the handshake.
    Hello = 6,
}

impl Kind {
    /// The largest payload of this kind, in bytes.
    pub(crate) const fn limit(self) -> usize {
        match self {
            Self::Data => MAX_FRAME,
            Self::Heartbeat | Self::Credit => 8,
            Self::Abort => crate::error::MAX_REASON,
            Self::Close => 0,
            Self::Hello => 1024,
        }
    }
}

/// A checked frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) len: usize,
    /// The low 24 bits of a data frame's flight.
    pub(crate) flight: u32,
}

impl Header {
    /// Of a frame that is part of no flight.
    pub(crate) const fn control(kind: Kind, len: usize) -> Self {
        let flight = 0;
        Self { kind, len, flight }
    }

    pub(crate) fn encode(self) -> [u8; HEADER] {
        let [a, b, c, d] = u32::try_from(self.len).unwrap_or(u32::MAX).to_le_bytes();
        let [e, f, g, _] = self.flight.to_le_bytes();
        [a, b, c, d, self.kind as u8, e, f, g]
    }

    pub(crate) fn decode(bytes: [u8; HEADER]) -> Result<Self, PeerMisbehaved> {
        let [a, b, c, d, kind, e, f, g] = bytes;
        let flight = u32::from_le_bytes([e, f, g, 0]);
        if flight != 0 && kind != Kind::Data as u8 {
            return Err(PeerMisbehaved::NoFrame);
        }
        let kind = match kind {
            1 => Kind::Data,
            2 => Kind::Heartbeat,
            3 => Kind::Credit,
            4 => Kind::Abort,
            5 => Kind::Close,
            6 => Kind::Hello,
            _ => return Err(PeerMisbehaved::Kind { kind }),
        };
        let len = u32::from_le_bytes([a, b, c, d]);
        match usize::try_from(len) {
            Ok(len) if len <= kind.limit() => Ok(Self { kind, len, flight }),
            _ => Err(PeerMisbehaved::Length {
                what: "a frame",
                got: u64::from(len),
                limit: kind.limit() as u64,
            }),
        }
    }
}

/// A data frame in a recycled buffer that leaves room for the header before the payload.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    buffer: Vec<u8>,
    len: usize,
    /// The low 24 bits of its flight.
    pub(crate) flight: u32,
}

impl Frame {
    /// An empty frame in a buffer that may have been used before.
    pub(crate) const fn recycled(buffer: Vec<u8>) -> Self {
        let (len, flight) = (0, 0);
        Self {
            buffer,
            len,
            flight,
        }
    }

    /// A frame of `len` payload bytes to be overwritten.
    pub(crate) fn of_len(buffer: Vec<u8>, len: usize) -> Self {
        let mut frame = Self::recycled(buffer);
        frame.reserve(len);
        frame
    }

    pub(crate) fn copy_of(payload: &[u8]) -> Self {
        let mut frame = Self::recycled(Vec::with_capacity(START + payload.len()));
        frame.append(payload);
        frame
    }

    pub(crate) const fn is_small(len: usize) -> bool {
        len <= SMALL
    }

    pub(crate) fn has_large_buffer(&self) -> bool {
        Self::worth_keeping(&self.buffer)
    }

    /// Drops the payload and keeps the buffer.
    pub(crate) const fn clear(&mut self) {
        self.len = 0;
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// What the frame takes of the window.
    pub(crate) const fn cost(&self) -> u64 {
        self.len as u64 + FRAME_COST
    }

    /// Bytes of header and payload.
    pub(crate) const fn wire_len(&self) -> u64 {
        (HEADER + self.len) as u64
    }

    pub(crate) fn payload(&self) -> &[u8] {
        self.buffer.get(START..START + self.len).unwrap_or_default()
    }

    pub(crate) fn payload_mut(&mut self) -> &mut [u8] {
        self.buffer
            .get_mut(START..START + self.len)
            .unwrap_or_default()
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len()).copy_from_slice(bytes);
    }

    /// Lengthens the payload by `len` bytes and returns them; they hold old content.
    pub(crate) fn reserve(&mut self, len: usize) -> &mut [u8] {
        let from = START + self.len;
        let to = from + len;
        if self.buffer.len() < to {
            // Grow in one step to the size that bulk needs; small frames stay small.
            let size = if Self::is_small(self.len + len) {
                to
            } else {
                to.max(START + FRAME_BYTES)
            };
            self.buffer.resize(size, 0);
        }
        self.len += len;
        self.buffer.get_mut(from..to).unwrap_or_default()
    }

    /// Header and payload as one run of bytes.
    pub(crate) fn wire_bytes(&mut self) -> &[u8] {
        let header = Header {
            kind: Kind::Data,
            len: self.len,
            flight: self.flight,
        }
        .encode();
        if let Some(place) = self.buffer.get_mut(START - HEADER..START) {
            place.copy_from_slice(&header);
        }
        self.buffer
            .get(START - HEADER..START + self.len)
            .unwrap_or_default()
    }

    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// Whether the buffer is large enough to be worth keeping.
    pub(crate) fn worth_keeping(buffer: &[u8]) -> bool {
        buffer.len() > FRAME_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive_and_bounds_hold() {
        for kind in [
            Kind::Data,
            Kind::Heartbeat,
            Kind::Credit,
            Kind::Abort,
            Kind::Close,
            Kind::Hello,
        ] {
            let header = Header {
                flight: if kind == Kind::Data { 0xab_cdef } else { 0 },
                ..Header::control(kind, kind.limit())
            };
            assert_eq!(Header::decode(header.encode()), Ok(header));
            let over = Header::control(kind, kind.limit() + 1);
            assert!(matches!(
                Header::decode(over.encode()),
                Err(PeerMisbehaved::Length { got, .. }) if got == kind.limit() as u64 + 1
            ));
        }
        assert_eq!(
            Header::decode([0, 0, 0, 0, 7, 0, 0, 0]),
            Err(PeerMisbehaved::Kind { kind: 7 })
        );
        assert_eq!(
            Header::decode([0, 0, 0, 0, 2, 0, 1, 0]),
            Err(PeerMisbehaved::NoFrame)
        );
        assert!(Header::decode(*b"GET / HT").is_err());
    }

    #[test]
    fn a_frame_carries_its_header_before_its_payload() {
        let mut frame = Frame::default();
        frame.append(b"abc");
        frame.reserve(2).copy_from_slice(b"de");
        assert_eq!(frame.payload(), b"abcde");
        assert_eq!(frame.wire_bytes(), b"\x05\0\0\0\x01\0\0\0abcde");
        let mut again = Frame::of_len(frame.into_buffer(), 2);
        assert_eq!(again.payload(), b"ab");
        again.payload_mut().copy_from_slice(b"xy");
        again.flight = 0x3_0201;
        assert_eq!(again.wire_bytes(), b"\x02\0\0\0\x01\x01\x02\x03xy");
    }
}
