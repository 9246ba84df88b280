//! What the threads of one lane share: queues, the window, and how it ended.
//!
//! Flow control. A party may have at most `window` bytes under way that the peer's protocol has
//! not taken yet; taking a frame gives its cost back. The thread that reads a socket therefore
//! never has to wait for room: it always drains, heartbeats never queue behind data, and a write
//! to a socket always comes to its end while the peer lives. A protocol thread that waits for the
//! window takes arriving frames into its backlog, which gives the peer its window back: of two
//! parties that both send a lot, both get on, as long as the smaller of the two volumes stays
//! below window + backlog.

use crate::{
    error::{Error, IoError},
    frame::Frame,
    identity::Fingerprint,
};
use std::{
    collections::VecDeque,
    net::{Shutdown, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Buffers kept for reuse on a lane.
const KEPT_BUFFERS: usize = 32;

/// Locks; a thread that panicked while it held the lock left counters and queues, all valid.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts the work of one party; its value travels with the heartbeats.
#[derive(Debug, Clone, Default)]
pub struct WorkCounter(Arc<AtomicU64>);

impl WorkCounter {
    /// Tells the peer that this party got on: call it at least every few seconds of computing.
    pub fn progress(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// What all lanes of one party's session share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) id: [u8; 16],
    pub(crate) peer: Option<Fingerprint>,
    pub(crate) work: WorkCounter,
    /// The peer's own counter in memory; over a socket, what its heartbeats said last.
    pub(crate) peer_work: WorkCounter,
    pub(crate) stall: Duration,
    pub(crate) window: u64,
    pub(crate) backlog: u64,
    lanes: Mutex<Vec<Weak<Lane>>>,
    first_failure: OnceLock<Error>,
}

impl Shared {
    pub(crate) const fn new(
        id: [u8; 16],
        peer: Option<Fingerprint>,
        work: WorkCounter,
        peer_work: WorkCounter,
        options: &crate::Options,
        window: u64,
    ) -> Self {
        Self {
            id,
            peer,
            work,
            peer_work,
            stall: options.stall,
            window,
            backlog: options.backlog,
            lanes: Mutex::new(Vec::new()),
            first_failure: OnceLock::new(),
        }
    }

    /// Ends every lane of the session with this error, unless another one came first.
    pub(crate) fn fail(&self, error: &Error) {
        // All lanes know the reason before the first socket closes: the peer's answer to that
        // would otherwise be another reason for some of them.
        let first = self.first_failure.get_or_init(|| error.clone());
        let lanes = self.lanes();
        lanes.iter().for_each(|lane| lane.fail(first));
        lanes.iter().for_each(|lane| lane.shut_socket());
    }

    /// Ends every lane of the session; those with a socket tell the peer why.
    pub(crate) fn abort(&self, reason: &str, error: &Error) {
        let first = self.first_failure.get_or_init(|| error.clone());
        for lane in self.lanes() {
            lane.lock().abort.get_or_insert_with(|| reason.into());
            lane.fail(first);
        }
    }

    fn lanes(&self) -> Vec<Arc<Lane>> {
        locked(&self.lanes)
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

/// One lane of one party.
#[derive(Debug)]
pub(crate) struct Lane {
    state: Mutex<State>,
    /// Wakes the protocol thread.
    pub(crate) owner: Condvar,
    /// Wakes the writer thread.
    pub(crate) writer: Condvar,
    /// Wakes a thread of the lane that waits for the end of the other one.
    ended: Condvar,
    pub(crate) shared: Arc<Shared>,
    /// Held by the lane's threads: it closes when both have ended.
    socket: Weak<TcpStream>,
    pub(crate) wire_sent: AtomicU64,
    pub(crate) wire_received: AtomicU64,
}

/// A frame and the moment it was ready to leave.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) frame: Frame,
    pub(crate) ready: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// Arrived and not yet taken.
    pub(crate) inbound: VecDeque<Frame>,
    /// What the peer has sent beyond what was given back to it.
    pub(crate) outstanding: u64,
    /// Waits for the writer thread.
    pub(crate) outbound: VecDeque<Outgoing>,
    /// What this party may still send.
    pub(crate) credit: u64,
    /// Taken, but not yet given back to the peer.
    pub(crate) credit_due: u64,
    pub(crate) failure: Option<Error>,
    /// The peer has said that it sends nothing more.
    pub(crate) peer_closed: bool,
    /// This party's channel was dropped: send what is queued, then close.
    pub(crate) closing: bool,
    /// This party gives up: tell the peer why.
    pub(crate) abort: Option<String>,
    /// When the writer thread ended.
    writer_done: Option<Instant>,
    /// Whether the reader thread has ended.
    reader_done: bool,
    free: Vec<Vec<u8>>,
}

impl State {
    pub(crate) fn take_buffer(&mut self) -> Vec<u8> {
        self.free.pop().unwrap_or_default()
    }

    pub(crate) fn recycle(&mut self, buffer: Vec<u8>) {
        if Frame::worth_keeping(&buffer) && self.free.len() < KEPT_BUFFERS {
            self.free.push(buffer);
        }
    }
}

impl Lane {
    /// A lane that belongs to `shared` and starts with the peer's window as its credit.
    pub(crate) fn new(shared: &Arc<Shared>, credit: u64, socket: Weak<TcpStream>) -> Arc<Self> {
        let lane = Arc::new(Self {
            state: Mutex::new(State {
                credit,
                ..State::default()
            }),
            owner: Condvar::new(),
            writer: Condvar::new(),
            ended: Condvar::new(),
            shared: Arc::clone(shared),
            socket,
            wire_sent: AtomicU64::new(0),
            wire_received: AtomicU64::new(0),
        });
        locked(&shared.lanes).push(Arc::downgrade(&lane));
        lane
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// Puts an arrived frame in front of the protocol.
    pub(crate) fn deliver(&self, frame: Frame) {
        let mut state = self.lock();
        state.outstanding += frame.cost();
        state.inbound.push_back(frame);
        drop(state);
        self.owner.notify_one();
    }

    /// The peer has consumed that much of what this party sent.
    pub(crate) fn grant(&self, credit: u64) {
        let mut state = self.lock();
        state.credit = state
            .credit
            .saturating_add(credit)
            .min(self.shared.window_limit());
        drop(state);
        self.owner.notify_one();
    }

    /// The peer sends nothing more.
    pub(crate) fn peer_closed(&self) {
        self.lock().peer_closed = true;
        self.owner.notify_one();
        self.writer.notify_one();
    }

    fn fail(&self, error: &Error) {
        self.lock().failure.get_or_insert_with(|| error.clone());
        self.owner.notify_one();
        self.writer.notify_one();
        self.ended.notify_all();
    }

    /// Wakes every thread that waits on the socket.
    pub(crate) fn shut_socket(&self) {
        if let Some(socket) = self.socket.upgrade() {
            // A socket that is gone already needs no end.
            let _gone = socket.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn writer_done(&self) {
        self.lock().writer_done = Some(Instant::now());
        self.ended.notify_all();
    }

    /// How long ago this side said its last word.
    pub(crate) fn finished_for(&self) -> Option<Duration> {
        self.lock().writer_done.map(|at| at.elapsed())
    }

    pub(crate) fn reader_done(&self) {
        self.lock().reader_done = true;
        self.ended.notify_all();
    }

    /// Waits until the reader has ended or the lane has failed, but no longer than `limit`.
    pub(crate) fn wait_for_reader(&self, limit: Duration) {
        self.wait_for_end(limit, |state| state.reader_done || state.failure.is_some());
    }

    /// Waits until the writer has ended, but no longer than `limit`.
    pub(crate) fn wait_for_writer(&self, limit: Duration) {
        self.wait_for_end(limit, |state| state.writer_done.is_some());
    }

    fn wait_for_end(&self, limit: Duration, ended: impl Fn(&State) -> bool) {
        let until = Instant::now() + limit;
        let mut state = self.lock();
        while !ended(&state) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.wait(&self.ended, state, left);
        }
    }

    /// To be held by a thread of the lane: if it panics, the session ends instead of hanging.
    pub(crate) fn guard(self: &Arc<Self>) -> ThreadGuard {
        ThreadGuard(Arc::clone(self))
    }

    pub(crate) fn wait<'a>(
        &self,
        wakes: &Condvar,
        state: MutexGuard<'a, State>,
        limit: Duration,
    ) -> MutexGuard<'a, State> {
        wakes
            .wait_timeout(state, limit)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

/// Ends the session when the thread that holds it panics.
#[derive(Debug)]
pub(crate) struct ThreadGuard(Arc<Lane>);

impl Drop for ThreadGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0
                .shared
                .fail(&Error::lost("a thread of this side ended unexpectedly"));
            self.0.writer_done();
            self.0.reader_done();
        }
    }
}

impl Shared {
    /// No peer can be given more than the largest window that exists.
    const fn window_limit(&self) -> u64 {
        crate::options::MAX_WINDOW
    }
}

/// Measures for how long the peer has made no progress while this party waits for it.
#[derive(Debug)]
pub(crate) struct StallClock {
    seen: u64,
    since: Instant,
}

impl StallClock {
    pub(crate) fn start(shared: &Shared) -> Self {
        Self {
            seen: shared.peer_work.value(),
            since: Instant::now(),
        }
    }

    /// How long to sleep before looking again.
    pub(crate) fn tick(shared: &Shared) -> Duration {
        (shared.stall / 8).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }

    pub(crate) fn check(&mut self, shared: &Shared) -> Result<(), Error> {
        let value = shared.peer_work.value();
        if value != self.seen {
            *self = Self {
                seen: value,
                since: Instant::now(),
            };
        }
        let waited = self.since.elapsed();
        if waited < shared.stall {
            Ok(())
        } else {
            Err(IoError::Stalled { waited }.into())
        }
    }
}
