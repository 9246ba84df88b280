//! What lies in a store, for people; nothing is locked or changed.

use std::path::Path;

use privet_plan::Party;
use serde::Serialize;

use super::entry::{self, ShelfKey, hex};
use super::error::StoreError;
use super::files::Files;
use super::open::{Stage, parse};
use super::shelf::ShelfState;

/// What lies in a store.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Listing {
    /// By peer and model.
    pub shelves: Vec<ShelfLine>,
    /// One line for each file that cannot be used.
    pub damaged: Vec<String>,
}

/// Entries that can stand in for each other.
#[derive(Debug, Clone, Serialize)]
pub struct ShelfLine {
    /// The other party's fingerprint.
    pub peer: String,
    /// Which half lies here: client or server.
    pub half: String,
    /// The model's name.
    pub model: String,
    /// The model's random identity, hexadecimal.
    pub model_id: String,
    /// Hash of the plan, hexadecimal.
    pub plan: String,
    /// How the network is evaluated.
    pub backend: String,
    /// Generation, hexadecimal.
    pub epoch: String,
    /// Highest number that was burnt.
    pub burnt_to: u64,
    /// Entries that may be used.
    pub ready: usize,
    /// Entries whose other half may be missing.
    pub pending: usize,
    /// Bytes of all entries' files.
    pub bytes: u64,
    /// The entries by number.
    pub entries: Vec<EntryLine>,
}

/// An entry.
#[derive(Debug, Clone, Serialize)]
pub struct EntryLine {
    /// Its number.
    pub counter: u64,
    /// How far it is.
    pub state: EntryState,
    /// Bytes of its material.
    pub bytes: u64,
}

/// How far an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryState {
    /// Stored here.
    Pending,
    /// Stored by both parties.
    Ready,
}

impl Listing {
    /// Reads the store in `root`; empty where there is none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn read(files: &dyn Files, root: &Path) -> Result<Self, StoreError> {
        let dir = root.join("material");
        let mut listing = Self::default();
        let mut folders = files.list(&dir).map_err(|e| StoreError::io(&dir, e))?;
        folders.sort_unstable();
        for folder in folders {
            match shelf(files, &dir.join(&folder), &mut listing.damaged) {
                Ok(line) => listing.shelves.extend(line),
                Err(error) => listing.damaged.push(error.to_string()),
            }
        }
        listing
            .shelves
            .sort_by(|a, b| (&a.peer, &a.model).cmp(&(&b.peer, &b.model)));
        Ok(listing)
    }
}

fn shelf(
    files: &dyn Files,
    dir: &Path,
    damaged: &mut Vec<String>,
) -> Result<Option<ShelfLine>, StoreError> {
    let Some(state) = ShelfState::read(files, dir)? else {
        return Ok(None);
    };
    let ShelfKey {
        peer,
        half,
        model,
        plan,
    } = &state.key;
    let mut line = ShelfLine {
        peer: peer.to_string(),
        half: match half {
            Party::Client => "client".to_owned(),
            Party::Server => "server".to_owned(),
        },
        model: state.about.model.clone(),
        model_id: model.iter().map(hex).collect(),
        plan: plan.iter().map(hex).collect(),
        backend: state.about.backend.clone(),
        epoch: state.epoch.text(),
        burnt_to: state.mark,
        ready: 0,
        pending: 0,
        bytes: 0,
        entries: Vec::new(),
    };
    let dir = dir.join(&line.epoch);
    for name in files.list(&dir).map_err(|e| StoreError::io(&dir, e))? {
        let (counter, entry_state) = match parse(&name) {
            Some((counter, Stage::Pending)) if counter > state.mark => {
                (counter, EntryState::Pending)
            }
            Some((counter, Stage::Ready)) if counter > state.mark => (counter, EntryState::Ready),
            _ => continue,
        };
        match entry::open(files, &dir.join(&name)) {
            Ok(opened) => line.entries.push(EntryLine {
                counter,
                state: entry_state,
                bytes: opened.header.payload,
            }),
            Err(error) => damaged.push(error.to_string()),
        }
    }
    line.entries.sort_unstable_by_key(|entry| entry.counter);
    let in_state = |s| line.entries.iter().filter(|e| e.state == s).count();
    (line.ready, line.pending) = (in_state(EntryState::Ready), in_state(EntryState::Pending));
    line.bytes = line.entries.iter().map(|entry| entry.bytes).sum();
    Ok(Some(line))
}
