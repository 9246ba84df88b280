//! Flights: the one-way delays that parties wait out.
//!
//! A flight is a delay between a message's leaving and the next one's that needed it: an inference has as many as the longest chain of
//! messages each of which leaves after the one before has arrived. Messages that follow each other without an answer between are one
//! flight, and so are those of both parties at once. What channels count means the
//! same.

use serde::{Serialize, Serializer};

/// Who sends in one round of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Round {
    /// The client.
    pub client: bool,
    /// The server.
    pub server: bool,
}

impl Round {
    /// Both at once.
    pub const BOTH: Self = Self {
        client: true,
        server: true,
    };
    /// The client alone.
    pub const CLIENT: Self = Self {
        client: true,
        server: false,
    };
    /// The server alone.
    pub const SERVER: Self = Self {
        client: false,
        server: true,
    };
}

/// The longest chains of messages between what each party knew before and what it knows after, which add up along steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flights {
    /// From before at the client and at the server, to after at the client; `None`: nothing of it has come there.
    client: [Option<u32>; 2],
    /// The same to after at the server.
    server: [Option<u32>; 2],
}

impl Default for Flights {
    /// Nothing is sent.
    fn default() -> Self {
        Self {
            client: [Some(0), None],
            server: [None, Some(0)],
        }
    }
}

impl From<Round> for Flights {
    fn from(round: Round) -> Self {
        let sent = |sends: bool| if sends { Some(1) } else { None };
        Self {
            client: [Some(0), sent(round.server)],
            server: [sent(round.client), Some(0)],
        }
    }
}

impl<'r> FromIterator<&'r Round> for Flights {
    fn from_iter<I: IntoIterator<Item = &'r Round>>(rounds: I) -> Self {
        let mut all = Self::default();
        rounds
            .into_iter()
            .for_each(|round| all.then((*round).into()));
        all
    }
}

impl Flights {
    /// So many chained one after the other, whoever sends them.
    #[must_use]
    pub const fn chain(count: u32) -> Self {
        let all = [Some(count); 2];
        Self {
            client: all,
            server: all,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        let all = self.client.iter().chain(&self.server);
        all.flatten().copied().max().unwrap_or_default()
    }

    /// Followed by others.
    pub const fn then(&mut self, next: Self) {
        let [c, s] = [self.client, self.server];
        self.client = through(next.client, c, s);
        self.server = through(next.server, c, s);
    }
}

/// The longer of the ways to a party by way of the client and of the server.
const fn through(
    to: [Option<u32>; 2],
    client: [Option<u32>; 2],
    server: [Option<u32>; 2],
) -> [Option<u32>; 2] {
    let [by_client, by_server] = to;
    let [[cc, cs], [sc, ss]] = [client, server];
    [
        longer(joined(by_client, cc), joined(by_server, sc)),
        longer(joined(by_client, cs), joined(by_server, ss)),
    ]
}

const fn joined(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        _ => None,
    }
}

const fn longer(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a > b { a } else { b }),
        (found, None) | (None, found) => found,
    }
}

impl Serialize for Flights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(rounds: &[Round]) -> u32 {
        rounds.iter().collect::<Flights>().count()
    }

    #[test]
    fn only_what_waits_is_a_flight() {
        let (client, server, both) = (Round::CLIENT, Round::SERVER, Round::BOTH);
        assert_eq!(count(&[]), 0);
        assert_eq!(count(&[Round::default(); 3]), 0);
        assert_eq!(count(&[client, client, client]), 1);
        assert_eq!(count(&[client, server, client]), 3);
        assert_eq!(count(&[both, both]), 2);
        assert_eq!(count(&[server, both]), 2);
        assert_eq!(count(&[server, both, client, client, server]), 3);
        // A party that sends again before it has heard: the other one's last word came a flight earlier.
        assert_eq!(count(&[client, both, server]), 2);
    }

    #[test]
    fn parts_add_up_in_order() {
        let rounds = [
            Round::CLIENT,
            Round::BOTH,
            Round::SERVER,
            Round::SERVER,
            Round::BOTH,
            Round::CLIENT,
        ];
        for cut in 0..rounds.len() {
            let (first, rest) = rounds.split_at(cut);
            let mut sum: Flights = first.iter().collect();
            sum.then(rest.iter().collect());
            assert_eq!(sum, rounds.iter().collect());
        }
        let mut sum = Flights::from(Round::SERVER);
        sum.then(Flights::chain(4));
        assert_eq!(sum.count(), 5);
    }
}
