//! The thread that sends a lane's frames, and shows every few seconds that this party lives.

use crate::{
    channel::QUEUED_FRAMES,
    error::Error,
    frame::{Frame, Kind},
    lane::{Lane, State, locked},
    link::Pacer,
    transport::Sink,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

/// A condition variable wakes up to this much late; the rest of a wait is spent yielding.
const WAKE_LATE: Duration = Duration::from_micros(120);

/// Where a writer thread puts frames.
#[derive(Debug)]
pub(crate) enum Outlet {
    /// The peer's lane in the same process.
    Memory(Arc<Lane>),
    /// A connection, with the interval of its heartbeats.
    Wire(Sink, Duration),
}

/// A thread with nothing to do looks around this often; it is woken when there is something.
const IDLE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Writer {
    lane: Arc<Lane>,
    outlet: Outlet,
    pacer: Option<Arc<Mutex<Pacer>>>,
    /// On the shaped link: the moment of arrival, and the frame.
    under_way: VecDeque<(Instant, Frame)>,
    heartbeat_at: Option<Instant>,
}

#[derive(Debug)]
enum Job {
    Data(Frame),
    Heartbeat,
    Credit(u64),
    Abort(String),
    Close,
    /// The session has failed: nothing more can be said.
    Leave,
    /// Until then there is nothing to do.
    Yield(Instant),
}

impl Writer {
    pub(crate) fn new(lane: Arc<Lane>, outlet: Outlet, pacer: Option<Arc<Mutex<Pacer>>>) -> Self {
        let heartbeat_at = match &outlet {
            Outlet::Memory(_) => None,
            Outlet::Wire(..) => Some(Instant::now()),
        };
        Self {
            lane,
            outlet,
            pacer,
            under_way: VecDeque::new(),
            heartbeat_at,
        }
    }

    /// Sends until the lane has ended.
    pub(crate) fn run(mut self) {
        let _guard = self.lane.guard();
        loop {
            let job = self.next_job();
            let last = matches!(job, Job::Abort(_) | Job::Close | Job::Leave);
            if let Err(error) = self.perform(job) {
                self.broken(&error);
                break;
            }
            if last {
                break;
            }
        }
        self.lane.writer_done();
    }

    /// The socket fails a moment before the reader says why: the peer's reason comes first.
    fn broken(&self, error: &Error) {
        if matches!(self.outlet, Outlet::Wire(..)) {
            self.lane.wait_for_reader(Duration::from_millis(500));
        }
        self.lane.shared.fail(error);
    }

    fn perform(&mut self, job: Job) -> Result<(), Error> {
        match (job, &mut self.outlet) {
            (Job::Yield(until), _) => {
                while Instant::now() < until {
                    thread::yield_now();
                }
                Ok(())
            }
            (job, Outlet::Memory(peer)) => {
                match job {
                    Job::Data(frame) => peer.deliver(frame),
                    Job::Close => peer.peer_closed(),
                    Job::Heartbeat
                    | Job::Credit(_)
                    | Job::Abort(_)
                    | Job::Leave
                    | Job::Yield(_) => {}
                }
                Ok(())
            }
            (job, Outlet::Wire(sink, interval)) => {
                if matches!(job, Job::Heartbeat) {
                    self.heartbeat_at = Some(Instant::now() + *interval);
                }
                let before = sink.written();
                let sent = send(sink, job, &self.lane);
                self.lane
                    .wire_sent
                    .fetch_add(sink.written() - before, Ordering::Relaxed);
                sent
            }
        }
    }

    fn next_job(&mut self) -> Job {
        let lane = Arc::clone(&self.lane);
        let mut state = lane.lock();
        loop {
            let now = Instant::now();
            if let Some(job) = self
                .ending(&mut state)
                .or_else(|| self.due(&mut state, now))
            {
                return job;
            }
            if state.closing && state.outbound.is_empty() && self.under_way.is_empty() {
                return Job::Close;
            }
            let mut wait = self.next_change(&state, now);
            if let Some((arrives, _)) = self.under_way.front() {
                let arrival = arrives.saturating_duration_since(now);
                if arrival <= WAKE_LATE {
                    return Job::Yield(*arrives);
                }
                wait = wait.min(arrival - WAKE_LATE);
            }
            state = lane.wait(&lane.writer, state, wait);
        }
    }

    fn ending(&self, state: &mut State) -> Option<Job> {
        if let Some(reason) = state.abort.take() {
            return Some(Job::Abort(reason));
        }
        if state.failure.is_some() {
            return Some(Job::Leave);
        }
        let over = state.closing || matches!(self.outlet, Outlet::Wire(..));
        (state.peer_closed && over).then_some(Job::Close)
    }

    /// What can be sent now.
    fn due(&mut self, state: &mut MutexGuard<'_, State>, now: Instant) -> Option<Job> {
        if self.heartbeat_at.is_some_and(|at| at <= now) {
            return Some(Job::Heartbeat);
        }
        if state.credit_due >= self.lane.shared.window / 4 {
            return Some(Job::Credit(std::mem::take(&mut state.credit_due)));
        }
        self.start_frames(state, now);
        match &self.pacer {
            None => {
                let next = state.outbound.pop_front()?;
                self.queue_moved(state);
                Some(Job::Data(next.frame))
            }
            Some(_) => {
                self.under_way
                    .front()
                    .filter(|(arrives, _)| *arrives <= now)?;
                self.under_way
                    .pop_front()
                    .map(|(_, frame)| Job::Data(frame))
            }
        }
    }

    /// Puts waiting frames on the shaped link as it becomes free.
    fn start_frames(&mut self, state: &mut MutexGuard<'_, State>, now: Instant) {
        let Some(pacer) = &self.pacer else {
            return;
        };
        let mut pacer = locked(pacer);
        while pacer.busy_until(now).is_none()
            && let Some(next) = state.outbound.pop_front()
        {
            let arrives = pacer.occupy(next.frame.wire_len(), next.ready);
            self.under_way.push_back((arrives, next.frame));
            self.queue_moved(state);
        }
    }

    /// The protocol thread may wait for room in the queue.
    fn queue_moved(&self, state: &State) {
        if state.outbound.len() + 1 == QUEUED_FRAMES {
            self.lane.owner.notify_one();
        }
    }

    /// How long until a heartbeat is due or the shaped link is free for a waiting frame.
    fn next_change(&self, state: &State, now: Instant) -> Duration {
        let free = match &self.pacer {
            Some(pacer) if !state.outbound.is_empty() => locked(pacer).busy_until(now),
            _ => None,
        };
        let next = [free, self.heartbeat_at].into_iter().flatten().min();
        next.map_or(IDLE, |at| at.saturating_duration_since(now))
    }
}

fn send(sink: &mut Sink, job: Job, lane: &Lane) -> Result<(), Error> {
    match job {
        Job::Data(mut frame) => {
            sink.data(&mut frame)?;
            let buffer = frame.into_buffer();
            if Frame::worth_keeping(&buffer) {
                lane.lock().recycle(buffer);
            }
            Ok(())
        }
        Job::Heartbeat => sink.control(Kind::Heartbeat, &lane.shared.work.value().to_le_bytes()),
        Job::Credit(credit) => sink.control(Kind::Credit, &credit.to_le_bytes()),
        Job::Abort(reason) => {
            sink.control(Kind::Abort, reason.as_bytes())?;
            sink.finish()
        }
        Job::Close => {
            sink.control(Kind::Close, &[])?;
            sink.finish()
        }
        Job::Leave => {
            lane.shut_socket();
            Ok(())
        }
        Job::Yield(_) => Ok(()),
    }
}
