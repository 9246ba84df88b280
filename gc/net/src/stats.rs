//! What travelled: application bytes, frames and flights by phase; the wire's bytes apart.

use serde::{Deserialize, Serialize};

/// Counters of one phase of one party.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseStats {
    /// The name given to [`Channel::set_phase`](crate::Channel::set_phase).
    pub name: String,
    /// Application bytes sent.
    pub sent_bytes: u64,
    /// Application bytes received, counted when the protocol takes them.
    pub received_bytes: u64,
    /// Frames sent.
    pub sent_frames: u64,
    /// Frames received.
    pub received_frames: u64,
    /// Times this party began to send after it had received (or first of all).
    pub flights_sent: u64,
    /// Times this party began to receive after it had sent (or first of all).
    pub flights_received: u64,
}

/// Counters of a lane or of a whole session, of one party.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// The phases in order of first use. Their bytes are application bytes: no frame headers,
    /// no heartbeats, no TLS.
    pub phases: Vec<PhaseStats>,
    /// Bytes written to sockets, everything included; 0 in memory.
    pub wire_sent: u64,
    /// Bytes read from sockets, everything included; 0 in memory.
    pub wire_received: u64,
}

impl Stats {
    /// The sum of all phases.
    #[must_use]
    pub fn total(&self) -> PhaseStats {
        let mut total = PhaseStats {
            name: "total".into(),
            ..PhaseStats::default()
        };
        for phase in &self.phases {
            total.add(phase);
        }
        total
    }

    /// One-way flights of a phase or of the whole, both directions together.
    #[must_use]
    pub fn flights(&self) -> u64 {
        let total = self.total();
        total.flights_sent + total.flights_received
    }

    /// What framing, heartbeats and TLS added to the bytes sent; 0 in memory.
    #[must_use]
    pub fn overhead_sent(&self) -> u64 {
        self.wire_sent.saturating_sub(self.total().sent_bytes)
    }

    /// What framing, heartbeats and TLS added to the bytes received; 0 in memory.
    #[must_use]
    pub fn overhead_received(&self) -> u64 {
        self.wire_received
            .saturating_sub(self.total().received_bytes)
    }

    /// Adds the counters of another lane; phases of the same name are summed.
    pub fn merge(&mut self, other: &Self) {
        for phase in &other.phases {
            match self.phases.iter_mut().find(|p| p.name == phase.name) {
                Some(mine) => mine.add(phase),
                None => self.phases.push(phase.clone()),
            }
        }
        self.wire_sent += other.wire_sent;
        self.wire_received += other.wire_received;
    }
}

impl PhaseStats {
    fn add(&mut self, other: &Self) {
        self.sent_bytes += other.sent_bytes;
        self.received_bytes += other.received_bytes;
        self.sent_frames += other.sent_frames;
        self.received_frames += other.received_frames;
        self.flights_sent += other.flights_sent;
        self.flights_received += other.flights_received;
    }
}

/// Counts on behalf of one channel.
#[derive(Debug)]
pub(crate) struct Meter {
    phases: Vec<PhaseStats>,
    current: usize,
    last: Option<Direction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Sent,
    Received,
}

impl Meter {
    pub(crate) fn new() -> Self {
        let start = PhaseStats {
            name: "start".into(),
            ..PhaseStats::default()
        };
        Self {
            phases: vec![start],
            current: 0,
            last: None,
        }
    }

    pub(crate) fn set_phase(&mut self, name: &str) {
        self.current = match self.phases.iter().position(|p| p.name == name) {
            Some(found) => found,
            None => {
                self.phases.push(PhaseStats {
                    name: name.into(),
                    ..PhaseStats::default()
                });
                self.phases.len() - 1
            }
        };
    }

    pub(crate) fn sent_bytes(&mut self, bytes: usize) {
        if let Some(phase) = self.phases.get_mut(self.current) {
            phase.sent_bytes += bytes as u64;
        }
    }

    pub(crate) fn sent_frame(&mut self) {
        if let Some(phase) = self.phases.get_mut(self.current) {
            phase.sent_frames += 1;
            phase.flights_sent += u64::from(self.last != Some(Direction::Sent));
        }
        self.last = Some(Direction::Sent);
    }

    pub(crate) fn received_bytes(&mut self, bytes: usize) {
        if let Some(phase) = self.phases.get_mut(self.current) {
            phase.received_bytes += bytes as u64;
        }
    }

    pub(crate) fn received_frame(&mut self) {
        if let Some(phase) = self.phases.get_mut(self.current) {
            phase.received_frames += 1;
            phase.flights_received += u64::from(self.last != Some(Direction::Received));
        }
        self.last = Some(Direction::Received);
    }

    pub(crate) fn stats(&self) -> Stats {
        let used = |p: &&PhaseStats| {
            p.sent_frames + p.received_frames + p.sent_bytes + p.received_bytes > 0
        };
        Stats {
            phases: self.phases.iter().filter(used).cloned().collect(),
            ..Stats::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(phase: &str, sent: usize, received: usize) -> Stats {
        let mut meter = Meter::new();
        meter.set_phase(phase);
        meter.sent_bytes(sent);
        meter.sent_frame();
        meter.received_bytes(received);
        meter.received_frame();
        Stats {
            wire_sent: sent as u64 + 8,
            wire_received: received as u64 + 8,
            ..meter.stats()
        }
    }

    #[test]
    fn lanes_add_up_by_phase_and_survive_encoding() {
        let mut stats = lane("a / b", 10, 1);
        stats.merge(&lane("c", 20, 2));
        stats.merge(&lane("a / b", 40, 4));
        let by_name: Vec<_> = stats
            .phases
            .iter()
            .map(|p| {
                (
                    p.name.as_str(),
                    p.sent_bytes,
                    p.received_bytes,
                    p.flights_sent,
                )
            })
            .collect();
        assert_eq!(by_name, [("a / b", 50, 5, 2), ("c", 20, 2, 1)]);
        let total = stats.total();
        assert_eq!(
            (total.sent_bytes, total.received_bytes, stats.flights()),
            (70, 7, 6)
        );
        assert_eq!((stats.overhead_sent(), stats.overhead_received()), (24, 24));
        let bytes = postcard::to_allocvec(&stats).unwrap();
        assert_eq!(postcard::from_bytes::<Stats>(&bytes).unwrap(), stats);
    }

    #[test]
    fn bytes_received_in_a_later_phase_than_their_frame_are_counted_there() {
        let mut meter = Meter::new();
        meter.received_frame();
        meter.set_phase("later");
        meter.received_bytes(5);
        let stats = meter.stats();
        assert_eq!(stats.phases[0].received_frames, 1);
        assert_eq!(
            (
                stats.phases[1].name.as_str(),
                stats.phases[1].received_bytes
            ),
            ("later", 5)
        );
    }
}
