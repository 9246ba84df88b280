//! What a lane received, kept to run one party alone.

use crate::{
    channel::{Channel, Port},
    lane::{Lane, Shared, WorkCounter},
    options::{MAX_WINDOW, Options},
};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Weak};

/// The frames that one party received on one lane, in order.
///
/// A deterministic party (fixed seeds) can be run again from it without its peer: for a benchmark
/// of one role, or a transcript test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    session: [u8; 16],
    frames: Arc<Vec<Vec<u8>>>,
}

impl Recording {
    pub(crate) fn start(session: [u8; 16]) -> Self {
        Self {
            session,
            frames: Arc::default(),
        }
    }

    pub(crate) fn push(&mut self, payload: &[u8]) {
        Arc::make_mut(&mut self.frames).push(payload.to_vec());
    }

    pub(crate) fn frame(&self, index: usize) -> Option<&[u8]> {
        self.frames.get(index).map(Vec::as_slice)
    }

    /// Bytes recorded.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.frames.iter().map(Vec::len).sum()
    }

    /// All bytes recorded, in order.
    #[must_use]
    pub fn concat(&self) -> Vec<u8> {
        self.frames.concat()
    }

    /// A channel that receives what was recorded, discards what it is sent, and ends with
    /// [`IoError::Closed`](crate::IoError::Closed) after the last recorded byte.
    #[must_use]
    pub fn replay(&self) -> Channel {
        let (work, peer_work) = (WorkCounter::default(), WorkCounter::default());
        let options = Options::default();
        let shared = Shared::new(self.session, None, work, peer_work, &options, MAX_WINDOW);
        let lane = Lane::new(&Arc::new(shared), MAX_WINDOW, Weak::new());
        Channel::new(
            lane,
            Port::Replay {
                recording: self.clone(),
                next: 0,
            },
        )
    }
}
