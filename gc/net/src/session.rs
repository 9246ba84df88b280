//! A session: the lanes between two parties.

use crate::{
    channel::{Channel, Port},
    connect::{pacer, spawn},
    error::{ApiMisuse, Error},
    identity::Fingerprint,
    lane::{Lane, Shared, WorkCounter},
    link::Pacer,
    options::{MAX_LANES, Options, window_for},
    stats::Stats,
    writer::{Outlet, Writer},
};
use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, Weak},
};

/// The lanes between two parties, and what both agreed on.
///
/// Dropping a session sends what is pending on every lane and closes it in order.
#[derive(Debug)]
pub struct Session {
    lanes: Vec<Channel>,
    shared: Arc<Shared>,
}

impl Session {
    pub(crate) const fn new(lanes: Vec<Channel>, shared: Arc<Shared>) -> Self {
        Self { lanes, shared }
    }

    /// Two parties in one process, without sockets, with the default options.
    ///
    /// The number of lanes is brought into 1 to [`MAX_LANES`].
    #[must_use]
    pub fn pair(lanes: usize) -> (Self, Self) {
        let options = Options {
            lanes: lanes.clamp(1, MAX_LANES),
            ..Options::default()
        };
        let (left, right) = lanes_in_memory(&options);
        let ends = left.lanes.iter().zip(&right.lanes);
        let channels = ends.map(|(l, r)| (direct(l, r), direct(r, l))).unzip();
        (
            Self::new(channels.0, left.shared),
            Self::new(channels.1, right.shared),
        )
    }

    /// Two parties in one process that follow `options`, link shaping included.
    ///
    /// # Errors
    /// For options that contradict themselves, or when a shaped link gets no threads.
    pub fn pair_with(options: &Options) -> Result<(Self, Self), Error> {
        options.check()?;
        let (left, right) = lanes_in_memory(options);
        let (left_pacer, right_pacer) = (pacer(options.link), pacer(options.link));
        let (mut from_left, mut from_right) = (Vec::new(), Vec::new());
        for (l, r) in left.lanes.iter().zip(&right.lanes) {
            from_left.push(maybe_delayed(l, r, left_pacer.clone())?);
            from_right.push(maybe_delayed(r, l, right_pacer.clone())?);
        }
        Ok((
            Self::new(from_left, left.shared),
            Self::new(from_right, right.shared),
        ))
    }

    /// All lanes, 1 to [`MAX_LANES`]; lane i here is lane i there.
    #[must_use]
    pub fn lanes_mut(&mut self) -> &mut [Channel] {
        &mut self.lanes
    }

    /// Lane `index`, from 0 to [`lane_count`](Self::lane_count) - 1. Lane 0 always exists.
    ///
    /// # Errors
    /// [`ApiMisuse::NoLane`] beyond the last lane.
    pub fn lane(&mut self, index: usize) -> Result<&mut Channel, Error> {
        let lanes = self.lanes.len();
        self.lanes
            .get_mut(index)
            .ok_or_else(|| ApiMisuse::NoLane { index, lanes }.into())
    }

    /// How many lanes the session has.
    #[must_use]
    pub fn lane_count(&self) -> usize {
        self.lanes.len()
    }

    /// Gives the lanes up to their caller, each to be closed by dropping it.
    #[must_use]
    pub fn into_lanes(mut self) -> Vec<Channel> {
        std::mem::take(&mut self.lanes)
    }

    /// The 16 bytes that name the session; both parties contributed to them.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        self.shared.id
    }

    /// The peer's fingerprint; `None` in memory and over plain TCP.
    #[must_use]
    pub fn peer(&self) -> Option<Fingerprint> {
        self.shared.peer
    }

    /// The work counter whose value travels with the heartbeats.
    #[must_use]
    pub fn work_counter(&self) -> WorkCounter {
        self.shared.work.clone()
    }

    /// The sum of all lanes' counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for lane in &self.lanes {
            stats.merge(&lane.stats());
        }
        stats
    }

    /// Ends the session and tells the peer why: see [`Channel::abort`].
    pub fn abort(&mut self, reason: &str) {
        if let Some(lane) = self.lanes.first_mut() {
            lane.abort(reason);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // All lanes start to close before any is waited for.
        self.lanes.iter_mut().for_each(Channel::begin_close);
    }
}

/// One party's lanes before they are connected.
struct Party {
    shared: Arc<Shared>,
    lanes: Vec<Arc<Lane>>,
}

fn lanes_in_memory(options: &Options) -> (Party, Party) {
    let (left_work, right_work) = (WorkCounter::default(), WorkCounter::default());
    let window = window_for(options.window, options.link);
    let id = in_memory_id();
    let party = |work: &WorkCounter, peer_work: &WorkCounter| {
        let (work, peer_work) = (work.clone(), peer_work.clone());
        let shared = Arc::new(Shared::new(id, None, work, peer_work, options, window));
        let lanes = (0..options.lanes)
            .map(|_| Lane::new(&shared, window, Weak::new()))
            .collect();
        Party { shared, lanes }
    };
    (
        party(&left_work, &right_work),
        party(&right_work, &left_work),
    )
}

fn direct(own: &Arc<Lane>, peer: &Arc<Lane>) -> Channel {
    Channel::new(Arc::clone(own), Port::Direct(Arc::clone(peer)))
}

fn maybe_delayed(
    own: &Arc<Lane>,
    peer: &Arc<Lane>,
    pacer: Option<Arc<Mutex<Pacer>>>,
) -> Result<Channel, Error> {
    if pacer.is_none() {
        return Ok(direct(own, peer));
    }
    let writer = Writer::new(Arc::clone(own), Outlet::Memory(Arc::clone(peer)), pacer);
    let thread = spawn("privet-send", move || writer.run())?;
    Ok(Channel::new(
        Arc::clone(own),
        Port::Delayed(Arc::clone(peer), vec![thread]),
    ))
}

/// A name for a session inside one process; the hashers are keyed by the operating system.
fn in_memory_id() -> [u8; 16] {
    let mut id = [0; 16];
    for (i, half) in id.chunks_exact_mut(8).enumerate() {
        half.copy_from_slice(&RandomState::new().hash_one(i).to_le_bytes());
    }
    id
}
