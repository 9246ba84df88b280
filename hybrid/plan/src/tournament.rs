//! The greatest of sets of numbers, by pairs: which numbers meet in which round.
//!
//! A window's rows come first: adjacent pairs, left to right, an odd last number carried, until one is left; then the rows' winners
//! likewise. A pair that several windows have in common meets once, so windows that overlap by rows share their rows' winners.
//! Pure: both parties and the cost model agree.

use std::collections::HashMap;

use serde::Serialize;

use crate::compare::{Shape, ShapeError};
use crate::cost::gmw::{OpCost, max};

/// Rounds of pairs over one plane of numbers. Nodes are numbered: the numbers, then the winners in order of rounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tournament {
    inputs: u32,
    rounds: Vec<Vec<(u32, u32)>>,
    winners: Vec<u32>,
}

/// A window that no tournament exists for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TournamentError {
    /// Nothing in a window.
    #[error("a window without numbers")]
    Empty,
    /// A number that is not there, or more than 2^32.
    #[error("number {number} of {inputs}")]
    Number {
        /// Its index.
        number: usize,
        /// How many there are.
        inputs: usize,
    },
}

impl Tournament {
    /// For windows over `inputs` numbers, each a list of rows of numbers.
    ///
    /// # Errors
    /// An empty row or window; a number that is not there.
    pub fn new(
        inputs: usize,
        windows: impl IntoIterator<Item = Vec<Vec<u32>>>,
    ) -> Result<Self, TournamentError> {
        let none = TournamentError::Number {
            number: inputs,
            inputs,
        };
        let mut draft = Draft {
            inputs: u32::try_from(inputs).map_err(|_| none)?,
            ..Draft::default()
        };
        let mut winners = Vec::new();
        for window in windows {
            for cell in window.iter().flatten() {
                if *cell >= draft.inputs {
                    let number = *cell as usize;
                    return Err(TournamentError::Number { number, inputs });
                }
            }
            let rows = window.into_iter().map(|row| draft.winner(row));
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            winners.push(draft.winner(rows)?);
        }
        Ok(draft.finish(winners))
    }

    /// The greatest of all `inputs` numbers.
    ///
    /// # Errors
    /// There are none, or more than 2^32.
    pub fn of_all(inputs: usize) -> Result<Self, TournamentError> {
        let number = TournamentError::Number {
            number: inputs,
            inputs,
        };
        let last = u32::try_from(inputs).map_err(|_| number)?;
        Self::new(inputs, [vec![(0..last).collect()]])
    }

    /// Numbers of a plane.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.inputs as usize
    }

    /// Pairs of each round; those of one round meet at once. Every node is below those of the round.
    #[must_use]
    pub fn rounds(&self) -> &[Vec<(u32, u32)>] {
        &self.rounds
    }

    /// Node of each window's greatest number.
    #[must_use]
    pub fn winners(&self) -> &[u32] {
        &self.winners
    }

    /// Pairs in all.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.rounds.iter().map(Vec::len).sum()
    }

    /// What `planes` planes take in a ring of `ring_bits`, signs of differences read in `sign_bits`, in batches of `chunk` pairs.
    ///
    /// # Errors
    /// A shape that does not exist.
    pub fn cost(
        &self,
        planes: u64,
        sign_bits: u32,
        ring_bits: u32,
        shape: Shape,
        chunk: u64,
    ) -> Result<OpCost, ShapeError> {
        let mut cost = OpCost::default();
        for round in &self.rounds {
            let pairs = planes * round.len() as u64;
            let round = OpCost::chunked(pairs, chunk, |n| max(n, sign_bits, ring_bits, shape))?;
            cost.then(&round, 1);
        }
        Ok(cost)
    }
}

/// Pairs in the order in which they were thought of; a node above the numbers is a pair.
#[derive(Default)]
struct Draft {
    inputs: u32,
    pairs: Vec<((u32, u32), usize)>,
    known: HashMap<(u32, u32), u32>,
}

impl Draft {
    /// Round in which a node is decided; numbers are given.
    fn round(&self, node: u32) -> Result<usize, TournamentError> {
        let Some(pair) = node.checked_sub(self.inputs) else {
            return Ok(0);
        };
        let pair = self.pairs.get(pair as usize);
        pair.map(|(_, round)| *round)
            .ok_or(TournamentError::Number {
                number: node as usize,
                inputs: self.inputs as usize,
            })
    }

    fn meet(&mut self, a: u32, b: u32) -> Result<u32, TournamentError> {
        if let Some(known) = self.known.get(&(a, b)) {
            return Ok(*known);
        }
        let round = 1 + self.round(a)?.max(self.round(b)?);
        let number = self.inputs as usize + self.pairs.len();
        let node = u32::try_from(number).map_err(|_| TournamentError::Number {
            number,
            inputs: self.inputs as usize,
        })?;
        self.pairs.push(((a, b), round));
        self.known.insert((a, b), node);
        Ok(node)
    }

    fn winner(&mut self, mut nodes: Vec<u32>) -> Result<u32, TournamentError> {
        loop {
            match nodes.as_slice() {
                [] => return Err(TournamentError::Empty),
                [only] => return Ok(*only),
                _ => {}
            }
            let pairs = nodes.chunks(2).map(|pair| match pair {
                [a, b] => self.meet(*a, *b),
                _ => pair.first().copied().ok_or(TournamentError::Empty),
            });
            nodes = pairs.collect::<Result<_, _>>()?;
        }
    }

    /// Numbers the nodes anew, in order of rounds.
    fn finish(self, winners: Vec<u32>) -> Tournament {
        let mut order: Vec<usize> = (0..self.pairs.len()).collect();
        order.sort_by_key(|pair| self.pairs.get(*pair).map(|(_, round)| *round));
        let mut place = vec![0u32; self.pairs.len()];
        for (node, pair) in (self.inputs..).zip(&order) {
            if let Some(place) = place.get_mut(*pair) {
                *place = node;
            }
        }
        let at = |node: u32| {
            let pair = node.checked_sub(self.inputs);
            pair.and_then(|pair| place.get(pair as usize).copied())
                .unwrap_or(node)
        };
        let mut rounds: Vec<Vec<(u32, u32)>> = Vec::new();
        for ((a, b), round) in order.iter().filter_map(|pair| self.pairs.get(*pair)) {
            rounds.resize_with(rounds.len().max(*round), Vec::new);
            if let Some(last) = rounds.last_mut() {
                last.push((at(*a), at(*b)));
            }
        }
        Tournament {
            inputs: self.inputs,
            winners: winners.into_iter().map(at).collect(),
            rounds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greatest(t: &Tournament, numbers: &[i64]) -> Vec<i64> {
        let mut nodes = numbers.to_vec();
        for round in t.rounds() {
            let won = round
                .iter()
                .map(|(a, b)| nodes[*a as usize].max(nodes[*b as usize]));
            let won: Vec<i64> = won.collect();
            nodes.extend(won);
        }
        let winners = t.winners().iter();
        winners.map(|node| nodes[*node as usize]).collect()
    }

    /// 3×3 windows with stride 2 share their rows: 24 % fewer pairs, four rounds.
    #[test]
    fn overlapping_windows_share_their_rows() {
        let (side, out) = (15u32, 7u32);
        let windows = (0..out * out).map(|w| {
            let (y, x) = (2 * (w / out), 2 * (w % out));
            let row = |y| (0..3).map(|i| y * side + x + i).collect();
            (y..y + 3).map(row).collect()
        });
        let t = Tournament::new(225, windows).unwrap();
        assert_eq!(t.rounds().len(), 4);
        assert_eq!(t.pairs(), 15 * 7 * 2 + 49 * 2);
        assert!((t.pairs() as f64) < 0.8 * 8.0 * 49.0);
        let numbers: Vec<i64> = (0..225).map(|i| i * 7919 % 1000 - 500).collect();
        let got = greatest(&t, &numbers);
        for (w, got) in (0..).zip(got) {
            let (y, x) = (2 * (w / 7), 2 * (w % 7));
            let cells = (0..9).map(|i| numbers[(y + i / 3) * 15 + x + i % 3]);
            assert_eq!(Some(got), cells.max());
        }
    }

    #[test]
    fn all_numbers_meet() {
        for n in 1..20usize {
            let t = Tournament::of_all(n).unwrap();
            assert_eq!(t.pairs(), n - 1);
            assert_eq!(
                t.rounds().len(),
                n.next_power_of_two().trailing_zeros() as usize
            );
            for best in 0..n {
                let numbers: Vec<i64> = (0..n).map(|i| i64::from(i == best)).collect();
                assert_eq!(greatest(&t, &numbers), [1]);
            }
        }
    }

    #[test]
    fn windows_of_nothing_and_numbers_that_are_not_there_are_refused() {
        assert_eq!(Tournament::of_all(0), Err(TournamentError::Empty));
        assert_eq!(Tournament::new(3, [vec![]]), Err(TournamentError::Empty));
        assert_eq!(
            Tournament::new(3, [vec![vec![]]]),
            Err(TournamentError::Empty)
        );
        for row in [vec![3], vec![0, 5], vec![u32::MAX, 1]] {
            let pair = vec![vec![0, 1]];
            assert!(Tournament::new(3, [pair, vec![row]]).is_err());
        }
    }
}
