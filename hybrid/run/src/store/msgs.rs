//! The messages about stored material, validated when they are decoded.
//!
//! | client | | server |
//! |---|---|---|
//! | [`Holdings`] | → | |
//! | | ← | [`Holdings`], or none where the server keeps nothing |
//! | [`Prepare`], once per entry | → | |
//! | | ← | [`Granted`] |
//! | *the material is made* | | *the material is made* |
//! | [`Stored`] | ⇄ | [`Stored`] |
//! | [`Proposal`] | → | |
//! | *the half is burnt* | | *the half is burnt* |
//! | | ← | [`Verdict`] |
//! | [`Opened`], after an agreement; until both have opened theirs or nothing is left | → | |

use serde::{Deserialize, Serialize};

use super::entry::Epoch;

/// Most entries of a shelf.
pub const MAX_ENTRIES: usize = 1000;

/// Largest number of an entry.
pub const MAX_COUNTER: u64 = 1 << 48;

/// Largest message about stored material, encoded bytes.
pub const MAX_MESSAGE: usize = 64 << 10;

/// An entry that a party holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldEntry {
    /// Its number.
    pub counter: u64,
    /// The hash by which the two halves know each other.
    pub transcript: [u8; 32],
}

/// Everything that a party has on a shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedHoldings")]
pub struct Holdings {
    /// The shelf's generation; none where the party has no such shelf.
    epoch: Option<Epoch>,
    mark: u64,
    next: u64,
    held: Vec<HeldEntry>,
    /// This party's part in the name of a new generation.
    fresh: [u8; 16],
}

/// [`Holdings`] as they come from the wire.
#[derive(Deserialize)]
struct UncheckedHoldings {
    epoch: Option<Epoch>,
    mark: u64,
    next: u64,
    held: Vec<HeldEntry>,
    fresh: [u8; 16],
}

impl TryFrom<UncheckedHoldings> for Holdings {
    type Error = &'static str;

    fn try_from(u: UncheckedHoldings) -> Result<Self, Self::Error> {
        match u.epoch {
            None if u.held.is_empty() && u.mark == 0 && u.next == 1 => Ok(Self::none(u.fresh)),
            None => Err("entries without a generation"),
            Some(epoch) => Self::new(epoch, u.mark, u.next, u.held, u.fresh),
        }
    }
}

impl Holdings {
    /// Of a party that has no such shelf.
    #[must_use]
    pub const fn none(fresh: [u8; 16]) -> Self {
        Self {
            epoch: None,
            mark: 0,
            next: 1,
            held: Vec::new(),
            fresh,
        }
    }

    /// Of a shelf of generation `epoch`: `mark` is the highest number that was burnt, `next` the
    /// first that was never given.
    ///
    /// # Errors
    /// Numbers out of order, burnt already, never given, or too many.
    pub fn new(
        epoch: Epoch,
        mark: u64,
        next: u64,
        held: Vec<HeldEntry>,
        fresh: [u8; 16],
    ) -> Result<Self, &'static str> {
        if mark >= next || next > MAX_COUNTER {
            return Err("a high-water mark beyond what was given");
        }
        if held.len() > MAX_ENTRIES {
            return Err("too many entries");
        }
        let mut below = mark;
        for entry in &held {
            if entry.counter <= below {
                return Err("entries out of order or burnt already");
            }
            below = entry.counter;
        }
        if below >= next {
            return Err("an entry that was never given");
        }
        Ok(Self {
            epoch: Some(epoch),
            mark,
            next,
            held,
            fresh,
        })
    }

    /// The shelf's generation.
    #[must_use]
    pub const fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// The highest number that was burnt.
    #[must_use]
    pub const fn mark(&self) -> u64 {
        self.mark
    }

    /// The first number that was never given.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// What is there, by number.
    #[must_use]
    pub fn held(&self) -> &[HeldEntry] {
        &self.held
    }

    pub(super) const fn fresh(&self) -> [u8; 16] {
        self.fresh
    }
}

/// The client asks for one more entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepare {
    /// Its number to be.
    pub counter: u64,
}

/// The server's answer to [`Prepare`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Granted {
    /// The making of the material follows.
    Yes,
    /// One line for the user.
    No(String),
}

/// A party's half of an entry is stored and synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its number.
    pub counter: u64,
    /// Hash of what both parties saw of its making.
    pub transcript: [u8; 32],
}

/// What the client wants to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proposal {
    /// This entry.
    Use(HeldEntry),
    /// Nothing is left.
    Nothing,
}

/// Whether the client could read its half of what was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Opened {
    /// The inference follows.
    Yes,
    /// It is burnt on both sides; another proposal follows.
    No,
}

/// The server's answer to [`Proposal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The server's half is burnt and loaded.
    Agreed,
    /// The entry cannot be used: both burn everything up to this number, which is not below the
    /// proposed one.
    Burn {
        /// The server's high-water mark.
        mark: u64,
    },
}
