//! What travelled: application bytes, frames and flights by phase; the wire's bytes apart.
//!
//! A flight is a one-way delay that a party waits out: flights are the longest chain of frames each
//! of which left after the one before had arrived. Messages that follow each other without an answer
//! between, and those of both parties at once, are one flight. A frame tells how long a chain it
//! ends, so both parties count alike.

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
    /// One-way delays, both directions together.
    pub flights: u64,
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

    /// One-way delays of all phases, one after the other.
    #[must_use]
    pub fn flights(&self) -> u64 {
        self.total().flights
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

    /// Adds the counters of another lane; phases of the same name are summed, their flights taken to
    /// be at once.
    pub fn merge(&mut self, other: &Self) {
        for phase in &other.phases {
            match self.phases.iter_mut().find(|p| p.name == phase.name) {
                Some(mine) => {
                    let flights = mine.flights.max(phase.flights);
                    mine.add(phase);
                    mine.flights = flights;
                }
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
        self.flights += other.flights;
    }
}

/// Counts on behalf of one channel.
#[derive(Debug)]
pub(crate) struct Meter {
    phases: Vec<PhaseStats>,
    current: usize,
    /// The longest chain that has arrived: what is sent now is one longer.
    arrived: u64,
    /// The longest chain that was sent or has arrived.
    longest: u64,
}

/// Bits of a chain's length that travel.
const FLIGHT_BITS: u32 = 24;

impl Meter {
    pub(crate) fn new() -> Self {
        let start = PhaseStats {
            name: "start".into(),
            ..PhaseStats::default()
        };
        Self {
            phases: vec![start],
            current: 0,
            arrived: 0,
            longest: 0,
        }
    }

    pub(crate) fn set_phase(&mut self, name: &str) {
        self.arrived = self.longest;
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

    /// Counts a frame; its flight's low bits.
    pub(crate) fn sent_frame(&mut self) -> u32 {
        if let Some(phase) = self.phases.get_mut(self.current) {
            phase.sent_frames += 1;
        }
        let flight = self.arrived.saturating_add(1);
        self.reach(flight);
        u32::try_from(flight & ((1 << FLIGHT_BITS) - 1)).unwrap_or_default()
    }

    fn reach(&mut self, flight: u64) {
        if let Some(phase) = self.phases.get_mut(self.current) {
            phase.flights += flight.saturating_sub(self.longest);
        }
        self.longest = self.longest.max(flight);
    }

    pub(crate) fn received_bytes(&mut self, bytes: usize) {
        if let Some(phase) = self.phases.get_mut(self.current) {
            phase.received_bytes += bytes as u64;
        }
    }

    /// Counts a frame of a flight whose low bits are given: the number next to those of late.
    pub(crate) fn received_frame(&mut self, low: u32) {
        if let Some(phase) = self.phases.get_mut(self.current) {
            phase.received_frames += 1;
        }
        let (whole, half) = (1u64 << FLIGHT_BITS, 1u64 << (FLIGHT_BITS - 1));
        let later = u64::from(low).wrapping_sub(self.longest) & (whole - 1);
        let flight = if later < half {
            self.longest.saturating_add(later)
        } else {
            self.longest.saturating_sub(whole - later)
        };
        self.arrived = self.arrived.max(flight);
        self.reach(flight);
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
        meter.received_frame(2);
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
            .map(|p| (p.name.as_str(), p.sent_bytes, p.received_bytes, p.flights))
            .collect();
        assert_eq!(by_name, [("a / b", 50, 5, 2), ("c", 20, 2, 2)]);
        let total = stats.total();
        assert_eq!(
            (total.sent_bytes, total.received_bytes, stats.flights()),
            (70, 7, 4)
        );
        assert_eq!((stats.overhead_sent(), stats.overhead_received()), (24, 24));
        let bytes = postcard::to_allocvec(&stats).unwrap();
        assert_eq!(postcard::from_bytes::<Stats>(&bytes).unwrap(), stats);
    }

    #[test]
    fn bytes_received_in_a_later_phase_than_their_frame_are_counted_there() {
        let mut meter = Meter::new();
        meter.received_frame(2);
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

    /// Two meters that hand each other's frames on.
    #[test]
    fn flights_are_the_longest_chain_of_frames_that_wait_for_each_other() {
        let (mut a, mut b) = (Meter::new(), Meter::new());
        let flights = |meter: &Meter| meter.stats().flights();
        // Both at once, twice over.
        for _ in 0..2 {
            let (from_a, from_b) = (a.sent_frame(), b.sent_frame());
            a.received_frame(from_b);
            b.received_frame(from_a);
        }
        assert_eq!((flights(&a), flights(&b)), (2, 2));
        // Several frames without an answer, then two answers.
        let sent: Vec<u32> = (0..3).map(|_| a.sent_frame()).collect();
        sent.into_iter().for_each(|frame| b.received_frame(frame));
        let answers = [b.sent_frame(), b.sent_frame()];
        answers
            .into_iter()
            .for_each(|frame| a.received_frame(frame));
        assert_eq!((flights(&a), flights(&b)), (4, 4));
        // Answers in turn, each to a message of the same flight.
        let (one, two) = (
            [a.sent_frame(), a.sent_frame()],
            [b.sent_frame(), b.sent_frame()],
        );
        for i in 0..2 {
            a.received_frame(two[i]);
            b.received_frame(one[i]);
            let (more, other) = (a.sent_frame(), b.sent_frame());
            if i == 1 {
                a.received_frame(other);
                b.received_frame(more);
            }
        }
        assert_eq!((flights(&a), flights(&b)), (6, 6));
        // A party that sent last begins a phase with a frame of its own: another flight.
        let last = a.sent_frame();
        a.set_phase("next");
        let first = a.sent_frame();
        b.received_frame(last);
        b.set_phase("next");
        b.received_frame(first);
        for meter in [&a, &b] {
            let stats = meter.stats();
            assert_eq!((stats.phases[0].flights, stats.phases[1].flights), (7, 1));
        }
    }

    #[test]
    fn chains_longer_than_their_bits_are_counted_on() {
        let (mut a, mut b) = (Meter::new(), Meter::new());
        (a.arrived, a.longest) = ((1 << FLIGHT_BITS) - 2, (1 << FLIGHT_BITS) - 2);
        (b.arrived, b.longest) = (a.arrived, a.longest);
        for _ in 0..4 {
            b.received_frame(a.sent_frame());
            a.received_frame(b.sent_frame());
        }
        assert_eq!(
            (a.longest, b.longest),
            ((1 << FLIGHT_BITS) + 6, (1 << FLIGHT_BITS) + 6)
        );
        // An old frame is not a new flight.
        let longest = b.longest;
        b.received_frame(2);
        assert_eq!(b.longest, longest);
    }
}
