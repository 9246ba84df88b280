//! What a party does to its shelf when it meets the other: see [`settle`] for what they agree on.

use std::path::Path;

use super::entry::{self, About, EntryId, Epoch, Opened, ShelfKey};
use super::error::StoreError;
use super::msgs::{HeldEntry, Holdings, MAX_ENTRIES};
use super::open::{Stage, parse};
use super::seal::random;
use super::settle::{Settlement, settle};
use super::shelf::ShelfState;
use super::{Settled, Store};

impl Store {
    /// What is on a shelf, as the peer is told.
    ///
    /// # Errors
    /// The machine's.
    pub fn holdings(&self, key: &ShelfKey) -> Result<Holdings, StoreError> {
        let _gate = self.locked();
        self.look(key)
    }

    /// Settles the shelf with what the peer holds: see [`settle`]. `told` is what the peer was told;
    /// none: it will be told what this returns.
    ///
    /// # Errors
    /// The machine's; [`StoreError::Misuse`] when the shelf began another generation meanwhile.
    pub fn settle(
        &self,
        key: &ShelfKey,
        about: &About,
        told: Option<Holdings>,
        theirs: &Holdings,
    ) -> Result<(Settled, Holdings), StoreError> {
        let _gate = self.locked();
        let ours = match told {
            None => self.look(key)?,
            Some(told) => {
                // Entries may have been burnt since; none may come back.
                let now = self.look(key)?;
                if now.epoch() != told.epoch() {
                    return Err(StoreError::Misuse("two sessions settle the same shelf"));
                }
                match now.epoch() {
                    None => told,
                    Some(epoch) => Holdings::new(
                        epoch,
                        now.mark(),
                        now.next(),
                        now.held().to_vec(),
                        told.fresh(),
                    )
                    .map_err(StoreError::Misuse)?,
                }
            }
        };
        let folder = key.folder();
        let epoch = match settle(key.half, &ours, theirs) {
            Settlement::Renew(epoch) => {
                let dir = self.shelf_dir(&folder);
                self.make_dir(&dir)?;
                let state = ShelfState {
                    key: key.clone(),
                    about: about.clone(),
                    epoch,
                    mark: 0,
                    next: 1,
                };
                state.write(&*self.files, &dir)?;
                self.erase_other_generations(&folder, &epoch.text())?;
                epoch
            }
            Settlement::Keep {
                mark,
                next,
                ready,
                burn,
            } => {
                let epoch = self.keep(key, &ours, (mark, next), &burn)?;
                for counter in ready {
                    self.promote(&folder, EntryId { epoch, counter })?;
                }
                epoch
            }
        };
        let settled = Settled {
            key: key.clone(),
            epoch,
        };
        Ok((settled, ours))
    }

    fn look(&self, key: &ShelfKey) -> Result<Holdings, StoreError> {
        let folder = key.folder();
        let dir = self.shelf_dir(&folder);
        let fresh = random()?;
        let state = match ShelfState::read(&*self.files, &dir) {
            Ok(Some(state)) if state.key == *key => state,
            Ok(_) => return Ok(Holdings::none(fresh)),
            // As good as lost: the peer will agree on a new generation.
            Err(error @ StoreError::Damaged { .. }) => {
                self.warn(&error);
                return Ok(Holdings::none(fresh));
            }
            Err(error) => return Err(error),
        };
        let entries = self.entries_dir(&folder, &state.epoch.text());
        let mut held = Vec::new();
        for name in self.names(&entries)? {
            let Some((counter, Stage::Pending | Stage::Ready)) = parse(&name) else {
                continue;
            };
            if counter <= state.mark || counter >= state.next {
                continue;
            }
            let path = entries.join(&name);
            match self.header(&path, key, &state, counter) {
                Ok(transcript) => held.push(HeldEntry {
                    counter,
                    transcript,
                }),
                Err(error @ StoreError::Damaged { .. }) => self.warn(&error),
                Err(error) => return Err(error),
            }
        }
        held.sort_unstable_by_key(|entry| entry.counter);
        held.dedup_by_key(|entry| entry.counter);
        held.truncate(MAX_ENTRIES);
        Holdings::new(state.epoch, state.mark, state.next, held, fresh).map_err(StoreError::Misuse)
    }

    /// The transcript hash of an entry that is what its place says.
    pub(super) fn header(
        &self,
        path: &Path,
        key: &ShelfKey,
        state: &ShelfState,
        counter: u64,
    ) -> Result<[u8; 32], StoreError> {
        let Opened { header, .. } = entry::open(&*self.files, path)?;
        if header.shelf != *key || header.epoch != state.epoch || header.counter != counter {
            return Err(StoreError::damaged(path, "belongs to another place"));
        }
        Ok(header.transcript)
    }

    /// Follows [`Settlement::Keep`], but for what becomes ready.
    fn keep(
        &self,
        key: &ShelfKey,
        ours: &Holdings,
        (mark, next): (u64, u64),
        burn: &[u64],
    ) -> Result<Epoch, StoreError> {
        let folder = key.folder();
        let dir = self.shelf_dir(&folder);
        let epoch = ours
            .epoch()
            .ok_or(StoreError::Misuse("a shelf without a generation"))?;
        let stored = ShelfState::stored(&*self.files, &dir)?
            .ok_or(StoreError::Misuse("a shelf without a state"))?;
        let state = ShelfState {
            mark,
            next,
            ..stored.clone()
        };
        if state != stored {
            state.write(&*self.files, &dir)?;
        }
        for counter in burn {
            self.erase_entry(&folder, epoch, *counter)?;
        }
        let settled = Settled {
            key: key.clone(),
            epoch,
        };
        self.erase_to(&folder, &settled, mark)?;
        Ok(epoch)
    }

    fn erase_other_generations(&self, folder: &str, current: &str) -> Result<(), StoreError> {
        let prefix = format!("{folder}.");
        let keys = self.names(&self.keys_dir())?;
        let shelves = self.names(&self.shelf_dir(folder))?;
        let epochs = keys
            .iter()
            .filter_map(|name| name.strip_prefix(&prefix))
            .chain(shelves.iter().map(String::as_str));
        let old: Vec<&str> = epochs.filter(|e| *e != current && e.len() == 32).collect();
        for epoch in old {
            self.erase_generation(folder, epoch)?;
        }
        Ok(())
    }
}
