//! Bytes of a socket, cut into frames.

use crate::{
    error::{PeerMisbehaved, one_line},
    frame::{Frame, HEADER, Header, Kind},
};
use std::collections::VecDeque;

/// What a frame says.
#[derive(Debug)]
pub(crate) enum Event {
    Data(Frame),
    Heartbeat(u64),
    Credit(u64),
    Abort(String),
    Close,
    Hello(Vec<u8>),
}

/// Collects bytes until they are frames; every length is checked before its buffer is made.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    header: [u8; HEADER],
    header_len: usize,
    payload: Option<Partial>,
    events: VecDeque<Event>,
    spare: Vec<u8>,
}

#[derive(Debug)]
struct Partial {
    kind: Kind,
    frame: Frame,
    filled: usize,
}

impl Assembler {
    /// A buffer for the next data frame.
    pub(crate) fn spare(&mut self, buffer: Vec<u8>) {
        self.spare = buffer;
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn next_is_some(&self) -> bool {
        !self.events.is_empty()
    }

    /// The missing part of the payload under way, to be read into directly.
    pub(crate) fn missing(&mut self) -> &mut [u8] {
        match &mut self.payload {
            Some(partial) => partial
                .frame
                .payload_mut()
                .get_mut(partial.filled..)
                .unwrap_or_default(),
            None => &mut [],
        }
    }

    /// That many bytes of [`missing`](Self::missing) have been read.
    pub(crate) fn advance(&mut self, bytes: usize) -> Result<(), PeerMisbehaved> {
        if let Some(partial) = &mut self.payload {
            partial.filled += bytes;
            if partial.filled >= partial.frame.len() {
                let done = self.payload.take();
                return done.map_or(Ok(()), |partial| self.finish(partial.kind, partial.frame));
            }
        }
        Ok(())
    }

    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), PeerMisbehaved> {
        while !bytes.is_empty() {
            if self.payload.is_some() {
                let missing = self.missing();
                let (now, later) = bytes.split_at(missing.len().min(bytes.len()));
                missing.split_at_mut(now.len()).0.copy_from_slice(now);
                self.advance(now.len())?;
                bytes = later;
            } else {
                bytes = self.feed_header(bytes)?;
            }
        }
        Ok(())
    }

    fn feed_header<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], PeerMisbehaved> {
        let room = self.header.get_mut(self.header_len..).unwrap_or_default();
        let (now, later) = bytes.split_at(room.len().min(bytes.len()));
        room.split_at_mut(now.len()).0.copy_from_slice(now);
        self.header_len += now.len();
        if self.header_len == HEADER {
            self.header_len = 0;
            let Header { kind, len, flight } = Header::decode(self.header)?;
            let large = kind == Kind::Data && !Frame::is_small(len);
            let buffer = if large {
                std::mem::take(&mut self.spare)
            } else {
                Vec::new()
            };
            let mut frame = Frame::of_len(buffer, len);
            frame.flight = flight;
            if len == 0 {
                self.finish(kind, frame)?;
            } else {
                self.payload = Some(Partial {
                    kind,
                    frame,
                    filled: 0,
                });
            }
        }
        Ok(later)
    }

    fn finish(&mut self, kind: Kind, frame: Frame) -> Result<(), PeerMisbehaved> {
        let number = || {
            <[u8; 8]>::try_from(frame.payload())
                .map(u64::from_le_bytes)
                .map_err(|_| PeerMisbehaved::Length {
                    what: "a number",
                    got: frame.len() as u64,
                    limit: 8,
                })
        };
        let event = match kind {
            Kind::Heartbeat => Event::Heartbeat(number()?),
            Kind::Credit => Event::Credit(number()?),
            Kind::Abort => Event::Abort(one_line(&String::from_utf8_lossy(frame.payload()))),
            Kind::Close => Event::Close,
            Kind::Hello => Event::Hello(frame.payload().to_vec()),
            Kind::Data => Event::Data(frame),
        };
        self.events.push_back(event);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(kind: Kind, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Header::control(kind, payload.len()).encode().to_vec();
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn frames_survive_any_cut() {
        let data: Vec<u8> = (0..9000u32).map(|i| (i % 253) as u8).collect();
        let mut stream = wire(Kind::Data, &data);
        stream.extend(wire(Kind::Heartbeat, &7u64.to_le_bytes()));
        stream.extend(wire(Kind::Abort, b"bye\n\xff"));
        stream.extend(wire(Kind::Data, b""));
        stream.extend(wire(Kind::Close, b""));
        for cut in [1, 2, 7, 8, 9, 1000, 20_000] {
            let mut assembler = Assembler::default();
            stream
                .chunks(cut)
                .for_each(|piece| assembler.feed(piece).unwrap());
            assert!(matches!(assembler.next_event(), Some(Event::Data(f)) if f.payload() == data));
            assert!(matches!(assembler.next_event(), Some(Event::Heartbeat(7))));
            assert!(matches!(assembler.next_event(), Some(Event::Abort(s)) if s == "bye \u{fffd}"));
            assert!(matches!(assembler.next_event(), Some(Event::Data(f)) if f.len() == 0));
            assert!(matches!(assembler.next_event(), Some(Event::Close)));
            assert!(assembler.next_event().is_none());
        }
    }

    #[test]
    fn numbers_have_eight_bytes() {
        let mut assembler = Assembler::default();
        assert!(assembler.feed(&wire(Kind::Credit, &[1, 2, 3])).is_err());
        assert!(
            Assembler::default()
                .feed(&wire(Kind::Heartbeat, &[]))
                .is_err()
        );
    }

    #[test]
    fn random_bytes_never_panic_and_allocate_within_bounds() {
        let mut x = 0x9e37_79b9_7f4a_7c15_u64;
        for round in (0..=255).cycle().take(2000) {
            let mut assembler = Assembler::default();
            let mut bytes = Vec::new();
            for _ in 0..40 {
                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                bytes.extend_from_slice(&x.to_le_bytes());
            }
            if round % 2 == 0 {
                // A header that passes, with a random length.
                bytes[3..8].copy_from_slice(&[0, round % 6 + 1, 0, 0, 0]);
            }
            let _refused = assembler.feed(&bytes);
            assert!(assembler.missing().len() <= crate::MAX_FRAME);
        }
    }
}
