//! A lane as a protocol thread sees it.

use crate::{
    error::{ApiMisuse, Error, IoError, PeerMisbehaved, one_line},
    frame::{FRAME_BYTES, Frame, MAX_FRAME},
    lane::{Lane, Outgoing, StallClock, WorkCounter},
    record::Recording,
    stats::{Meter, Stats},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::Instant,
};

/// Frames that wait for the writer thread before the protocol thread waits for it.
pub(crate) const QUEUED_FRAMES: usize = 6;

/// One lane of a session: an ordered stream of bytes in each direction.
///
/// What is sent is collected into frames; a frame leaves when it is full, on [`flush`], and before
/// this side waits in any of the `recv` calls. The peer sees a stream: where frames end has no
/// meaning. Both parties may send at the same time: see `window` and `backlog` in
/// [`Options`](crate::Options); of two volumes sent at once the smaller one must fit into both
/// together.
///
/// Dropping a channel sends what is pending, closes the lane in order and waits for its threads.
///
/// [`flush`]: Self::flush
#[derive(Debug)]
pub struct Channel {
    lane: Arc<Lane>,
    port: Port,
    out: Frame,
    arrived: Frame,
    taken: usize,
    backlog: VecDeque<Frame>,
    backlog_bytes: u64,
    assembled: Vec<u8>,
    meter: Meter,
    recording: Option<Recording>,
}

/// Where frames go.
#[derive(Debug)]
pub(crate) enum Port {
    /// To the peer's lane in the same process.
    Direct(Arc<Lane>),
    /// To the peer's lane in the same process, through a thread that delays them.
    Delayed(Arc<Lane>, Vec<JoinHandle<()>>),
    /// To a socket, through the lane's threads.
    Wire(Vec<JoinHandle<()>>),
    /// Nowhere; what arrives was recorded.
    Replay { recording: Recording, next: usize },
}

impl Channel {
    pub(crate) fn new(lane: Arc<Lane>, port: Port) -> Self {
        Self {
            lane,
            port,
            out: Frame::default(),
            arrived: Frame::default(),
            taken: 0,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            assembled: Vec::new(),
            meter: Meter::new(),
            recording: None,
        }
    }

    /// Appends bytes to the current outgoing frame.
    ///
    /// # Errors
    /// When the session has ended, or both parties send more than is buffered.
    pub fn send(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        self.meter.sent_bytes(bytes.len());
        while !bytes.is_empty() {
            if self.out.len() >= FRAME_BYTES {
                self.dispatch(false)?;
            }
            let room = FRAME_BYTES.saturating_sub(self.out.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.fresh_buffer(now.len());
            self.out.append(now);
            bytes = later;
        }
        Ok(())
    }

    /// Reserves exactly `len` bytes, contiguous, in the current outgoing frame.
    ///
    /// Every byte must be written: the slice holds what an earlier frame of this lane held.
    ///
    /// # Errors
    /// As [`send`](Self::send); [`ApiMisuse::FrameTooLong`] above [`MAX_FRAME`].
    pub fn frame_mut(&mut self, len: usize) -> Result<&mut [u8], Error> {
        if len > MAX_FRAME {
            return Err(ApiMisuse::FrameTooLong {
                asked: len,
                limit: MAX_FRAME,
            }
            .into());
        }
        if self.out.len() > 0 && self.out.len() + len > FRAME_BYTES {
            self.dispatch(false)?;
        }
        self.meter.sent_bytes(len);
        self.fresh_buffer(len);
        Ok(self.out.reserve(len))
    }

    /// Receives exactly as many bytes as `into` has, after flushing.
    ///
    /// # Errors
    /// When the session ends before they came; [`IoError::Stalled`] when the peer stops working.
    pub fn recv(&mut self, into: &mut [u8]) -> Result<(), Error> {
        self.meter.received_bytes(into.len());
        let mut rest = into;
        while !rest.is_empty() {
            let available = self.available()?;
            let len = available.len().min(rest.len());
            let (now, later) = rest.split_at_mut(len);
            now.copy_from_slice(available.split_at(len).0);
            self.taken += len;
            rest = later;
        }
        Ok(())
    }

    /// Receives `len` bytes and lends them: without a copy when one frame holds them all.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_slice(&mut self, len: usize) -> Result<&[u8], Error> {
        self.meter.received_bytes(len);
        if len == 0 {
            return Ok(&[]);
        }
        if self.available()?.len() >= len {
            let from = self.taken;
            self.taken += len;
            return Ok(self
                .arrived
                .payload()
                .get(from..from + len)
                .unwrap_or_default());
        }
        self.assembled.clear();
        while self.assembled.len() < len {
            let missing = len - self.assembled.len();
            let mut assembled = std::mem::take(&mut self.assembled);
            let available = self.available()?;
            let now = available.split_at(available.len().min(missing)).0;
            assembled.extend_from_slice(now);
            self.taken += now.len();
            self.assembled = assembled;
        }
        Ok(&self.assembled)
    }

    /// Sends a control message: its length (u32, little endian), then its postcard encoding.
    ///
    /// # Errors
    /// As [`send`](Self::send); [`ApiMisuse::Encode`] for a message that cannot be encoded.
    pub fn send_msg<T: Serialize + ?Sized>(&mut self, message: &T) -> Result<(), Error> {
        let bytes = postcard::to_allocvec(message).map_err(|e| ApiMisuse::Encode(e.to_string()))?;
        let len = u32::try_from(bytes.len())
            .map_err(|_| ApiMisuse::Encode(format!("{} bytes", bytes.len())))?;
        self.send(&len.to_le_bytes())?;
        self.send(&bytes)
    }

    /// Receives a control message of at most `max_len` encoded bytes.
    ///
    /// # Errors
    /// As [`recv`](Self::recv); [`PeerMisbehaved::Length`] for a longer message,
    /// [`PeerMisbehaved::Decode`] for one that does not decode or has bytes left over.
    pub fn recv_msg<T: DeserializeOwned>(&mut self, max_len: usize) -> Result<T, Error> {
        let what = std::any::type_name::<T>();
        let mut prefix = [0; 4];
        self.recv(&mut prefix)?;
        let stated = u32::from_le_bytes(prefix);
        let len = usize::try_from(stated).unwrap_or(usize::MAX);
        if len > max_len {
            return Err(PeerMisbehaved::Length {
                what: "a message",
                got: u64::from(stated),
                limit: max_len as u64,
            }
            .into());
        }
        let bytes = self.recv_slice(len)?;
        let refuse = |reason: String| PeerMisbehaved::Decode { what, reason };
        match postcard::take_from_bytes(bytes) {
            Ok((message, [])) => Ok(message),
            Ok((_, rest)) => Err(refuse(format!("{} bytes left over", rest.len())).into()),
            Err(error) => Err(refuse(error.to_string()).into()),
        }
    }

    /// Sends what is pending.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&mut self) -> Result<(), Error> {
        if self.out.len() == 0 {
            Ok(())
        } else {
            self.dispatch(false)
        }
    }

    /// Counts what follows under `phase`; parts of a phase are separated by ` / `.
    ///
    /// Pending bytes are counted where they were written, their frame where it leaves. A flight of a
    /// new phase follows all that came before on this side, be it that it waits for it or not.
    pub fn set_phase(&mut self, phase: &'static str) {
        self.meter.set_phase(phase);
    }

    /// Tells the peer, with the next heartbeat, that this party is at work.
    ///
    /// Sending and receiving count by themselves; a long computation calls this every few seconds.
    pub fn progress(&self) {
        self.lane.shared.work.progress();
    }

    /// The counter behind [`progress`](Self::progress), for a thread that computes.
    #[must_use]
    pub fn work_counter(&self) -> WorkCounter {
        self.lane.shared.work.clone()
    }

    /// What this lane has carried so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            wire_sent: self.lane.wire_sent.load(Ordering::Relaxed),
            wire_received: self.lane.wire_received.load(Ordering::Relaxed),
            ..self.meter.stats()
        }
    }

    /// The 16 bytes that both parties contributed to and that name the session.
    #[must_use]
    pub fn session_id(&self) -> [u8; 16] {
        self.lane.shared.id
    }

    /// Starts to record what this side receives from here on; bytes that have arrived but were not
    /// received yet are part of it.
    pub fn start_recording(&mut self) {
        let mut recording = Recording::start(self.lane.shared.id);
        let unread = self.arrived.payload().get(self.taken..).unwrap_or_default();
        if !unread.is_empty() {
            recording.push(unread);
        }
        self.recording = Some(recording);
    }

    /// Ends the recording and returns it; empty when none was started.
    pub fn take_recording(&mut self) -> Recording {
        self.recording.take().unwrap_or_default()
    }

    /// Ends the whole session and tells the peer why, in one line of at most
    /// [`MAX_REASON`](crate::MAX_REASON) bytes. The reason must not depend on a secret.
    pub fn abort(&mut self, reason: &str) {
        let reason = one_line(reason);
        if let Port::Direct(peer) | Port::Delayed(peer, _) = &self.port {
            peer.shared.fail(
                &IoError::PeerAborted {
                    reason: reason.clone(),
                }
                .into(),
            );
        }
        self.lane
            .shared
            .abort(&reason, &ApiMisuse::Aborted(reason.clone()).into());
    }

    /// Sends what is pending and starts the orderly close without waiting for it.
    pub(crate) fn begin_close(&mut self) {
        if self.lane.lock().closing {
            return;
        }
        if self.out.len() > 0 {
            // Nobody is left to be told that the session had ended before.
            let _ended = self.dispatch(true);
        }
        self.lane.lock().closing = true;
        match &self.port {
            Port::Direct(peer) => peer.peer_closed(),
            Port::Delayed(..) | Port::Wire(_) => self.lane.writer.notify_one(),
            Port::Replay { .. } => {}
        }
    }

    /// Unread bytes of the frame in hand; takes the next frame when there are none.
    fn available(&mut self) -> Result<&[u8], Error> {
        self.flush()?;
        while self.taken >= self.arrived.len() {
            let next = self.next_frame()?;
            let done = std::mem::replace(&mut self.arrived, next);
            self.taken = 0;
            self.meter.received_frame(self.arrived.flight);
            if let Some(recording) = &mut self.recording {
                recording.push(self.arrived.payload());
            }
            self.recycle(done.into_buffer());
        }
        Ok(self.arrived.payload().get(self.taken..).unwrap_or_default())
    }

    fn recycle(&self, buffer: Vec<u8>) {
        if Frame::worth_keeping(&buffer) {
            let keeper = match &self.port {
                Port::Direct(peer) | Port::Delayed(peer, _) => peer,
                Port::Wire(_) | Port::Replay { .. } => &self.lane,
            };
            keeper.lock().recycle(buffer);
        }
    }

    /// Gives the outgoing frame a used buffer when it is about to become a large one.
    fn fresh_buffer(&mut self, len: usize) {
        if !Frame::is_small(self.out.len() + len) && !self.out.has_large_buffer() {
            let mut large = Frame::recycled(self.lane.lock().take_buffer());
            large.append(self.out.payload());
            self.out = large;
        }
    }

    /// Waits for the next frame from the peer.
    fn next_frame(&mut self) -> Result<Frame, Error> {
        if let Some(frame) = self.backlog.pop_front() {
            self.backlog_bytes -= frame.cost();
            return Ok(frame);
        }
        if let Port::Replay { recording, next } = &mut self.port {
            let payload = recording.frame(*next).ok_or(IoError::Closed)?;
            *next += 1;
            let mut frame = Frame::recycled(self.lane.lock().take_buffer());
            frame.append(payload);
            return Ok(frame);
        }
        let shared = &self.lane.shared;
        let mut clock = StallClock::start(shared);
        let mut state = self.lane.lock();
        let frame = loop {
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            if let Some(frame) = state.inbound.pop_front() {
                break frame;
            }
            if state.peer_closed {
                return Err(IoError::Closed.into());
            }
            state = self
                .lane
                .wait(&self.lane.owner, state, StallClock::tick(shared));
            if state.inbound.is_empty()
                && let Err(error) = clock.check(shared)
            {
                drop(state);
                return Err(self.give_up(error));
            }
        };
        drop(state);
        self.give_back(frame.cost());
        shared.work.progress();
        Ok(frame)
    }

    /// Hands the outgoing frame on, when the window and the queue have room; `last` needs none.
    fn dispatch(&mut self, last: bool) -> Result<(), Error> {
        let replayed = matches!(self.port, Port::Replay { .. });
        let cost = if replayed { 0 } else { self.out.cost() };
        let queued = !matches!(self.port, Port::Direct(_));
        let mut clock = StallClock::start(&self.lane.shared);
        loop {
            let mut state = self.lane.lock();
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            if state.peer_closed {
                return Err(IoError::Closed.into());
            }
            let granted = state.credit >= cost;
            if last || (granted && !(queued && state.outbound.len() >= QUEUED_FRAMES)) {
                state.credit = state.credit.saturating_sub(cost);
                break;
            }
            if !granted && !state.inbound.is_empty() {
                let frames = std::mem::take(&mut state.inbound);
                drop(state);
                self.keep(frames)?;
                continue;
            }
            let shared = &self.lane.shared;
            let state = self
                .lane
                .wait(&self.lane.owner, state, StallClock::tick(shared));
            let waits_for_peer = state.credit < cost && state.inbound.is_empty();
            drop(state);
            if waits_for_peer && let Err(error) = clock.check(&self.lane.shared) {
                return Err(self.give_up(error));
            }
        }
        self.hand_on();
        Ok(())
    }

    /// Moves the outgoing frame to the peer or to the writer thread.
    fn hand_on(&mut self) {
        let flight = self.meter.sent_frame();
        self.lane.shared.work.progress();
        if matches!(self.port, Port::Replay { .. }) {
            self.out.clear();
            return;
        }
        let mut frame = if Frame::is_small(self.out.len()) {
            let copy = Frame::copy_of(self.out.payload());
            self.out.clear();
            copy
        } else {
            std::mem::take(&mut self.out)
        };
        frame.flight = flight;
        if let Port::Direct(peer) = &self.port {
            peer.deliver(frame);
        } else {
            self.lane.lock().outbound.push_back(Outgoing {
                frame,
                ready: Instant::now(),
            });
            self.lane.writer.notify_one();
        }
    }

    /// Takes arrived frames aside while this side waits to send, so that the peer can get on.
    fn keep(&mut self, frames: VecDeque<Frame>) -> Result<(), Error> {
        let cost = frames.iter().map(Frame::cost).sum();
        self.backlog_bytes += cost;
        self.backlog.extend(frames);
        let limit = self.lane.shared.backlog;
        if self.backlog_bytes > limit {
            return Err(ApiMisuse::Backlog {
                got: self.backlog_bytes,
                limit,
            }
            .into());
        }
        self.give_back(cost);
        Ok(())
    }

    /// Gives the peer back the part of the window that a frame took.
    fn give_back(&self, cost: u64) {
        let mut state = self.lane.lock();
        state.outstanding = state.outstanding.saturating_sub(cost);
        match &self.port {
            Port::Direct(peer) | Port::Delayed(peer, _) => {
                drop(state);
                peer.grant(cost);
            }
            Port::Replay { .. } => {}
            Port::Wire(_) => {
                state.credit_due += cost;
                let due = state.credit_due >= self.lane.shared.window / 4;
                drop(state);
                if due {
                    self.lane.writer.notify_one();
                }
            }
        }
    }

    /// Ends the session because of the peer; tells it when it can still listen.
    fn give_up(&self, error: Error) -> Error {
        self.lane.shared.abort(&format!("gave up: {error}"), &error);
        error
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.begin_close();
        if let Port::Delayed(_, threads) | Port::Wire(threads) = &mut self.port {
            for thread in threads.drain(..) {
                // A thread that panicked has nothing left to hand over.
                let _panicked = thread.join();
            }
        }
    }
}
