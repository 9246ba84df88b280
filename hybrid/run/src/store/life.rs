//! The life of an entry: a number, pending, ready, burnt.

use std::path::Path;

use zeroize::Zeroizing;

use super::entry::{self, About, EntryId, Header, ShelfKey};
use super::error::StoreError;
use super::msgs::{HeldEntry, MAX_COUNTER, MAX_ENTRIES};
use super::open::{Stage, is_hex, parse};
use super::seal::{EntryKey, WRAPPED};
use super::shelf::{ShelfState, read_small};
use super::{Burnt, Pending, Settled, Slot, Store};

/// Names of burnt entries that a shelf keeps.
const MANY_BURNT: usize = 64;

impl Store {
    /// Takes a number for a new entry: the next free one, or exactly `at`.
    ///
    /// # Errors
    /// [`StoreError::Full`]; [`StoreError::Gone`] when `at` was given already.
    pub fn reserve(&self, settled: &Settled, at: Option<u64>) -> Result<Slot, StoreError> {
        let _gate = self.locked();
        let mut state = self.state(settled)?;
        let counter = at.unwrap_or(state.next);
        if counter < state.next {
            return Err(StoreError::Gone { counter });
        }
        if counter >= MAX_COUNTER {
            return Err(StoreError::Full {
                what: "all numbers of this shelf were given".to_owned(),
            });
        }
        let folder = settled.key.folder();
        let entries = self.entry_count(&folder, &state)?;
        if entries >= MAX_ENTRIES {
            return Err(StoreError::Full {
                what: format!("{entries} entries for this model and peer"),
            });
        }
        if self.bytes() >= self.limit() {
            return Err(StoreError::Full {
                what: format!("{} bytes of material", self.bytes()),
            });
        }
        state.next = counter + 1;
        state.write(&*self.files, &self.shelf_dir(&folder))?;
        let epoch = settled.epoch;
        Ok(Slot {
            id: EntryId { epoch, counter },
        })
    }

    /// Refuses a payload of so many bytes for which there is no room: asked before it is made.
    ///
    /// # Errors
    /// [`StoreError::Full`].
    pub fn room_for(&self, bytes: u64) -> Result<(), StoreError> {
        self.check_room(bytes)
    }

    /// Seals and stores this party's half of an entry; it is synced when this returns.
    ///
    /// # Errors
    /// The machine's, and payloads beyond the limits.
    #[expect(clippy::needless_pass_by_value, reason = "a number is used once")]
    pub fn put(
        &self,
        settled: &Settled,
        slot: Slot,
        about: &About,
        transcript: [u8; 32],
        payload: Zeroizing<Vec<u8>>,
    ) -> Result<Pending, StoreError> {
        let id = slot.id;
        let size = payload.len() as u64;
        // Sessions that store at the same time share the room; the file itself is counted when it is there.
        self.claim(size)?;
        let header = Header {
            shelf: settled.key.clone(),
            about: about.clone(),
            epoch: id.epoch,
            counter: id.counter,
            transcript,
            payload: size,
        };
        let stored = self.write_half(settled, id, &header, payload);
        self.release(size);
        if stored.is_err() {
            // What is left of it would stay until the next start, and a full disk would stay full.
            let _gate = self.locked();
            if let Err(error) = self.erase_entry(&settled.key.folder(), id.epoch, id.counter) {
                self.warn(&error);
            }
        }
        stored.map(|()| Pending { id })
    }

    /// Writes and syncs an entry's key and file, which is pending when this returns.
    fn write_half(
        &self,
        settled: &Settled,
        id: EntryId,
        header: &Header,
        payload: Zeroizing<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let folder = settled.key.folder();
        let epoch = id.epoch.text();
        let (dir, keys) = (
            self.entries_dir(&folder, &epoch),
            self.entry_keys_dir(&folder, &epoch),
        );
        self.make_dir(&dir)?;
        self.make_dir(&keys)?;
        let key = EntryKey::fresh()?;
        let wrapped = key.wrap(&self.key, &header.hash()?)?;
        let (new, pending) = (
            self.entry_path(&folder, id, Stage::New),
            self.entry_path(&folder, id, Stage::Pending),
        );
        let mut sink = self
            .files
            .create(&new)
            .map_err(|e| StoreError::io(&new, e))?;
        entry::write(&mut *sink, header, &key, payload).map_err(|e| StoreError::io(&new, e))?;
        drop(sink);
        self.write_key(&keys, id.counter, &wrapped)?;
        let _gate = self.locked();
        // Another session may have begun a new generation, or burnt beyond this number.
        if self.state(settled)?.mark >= id.counter {
            return Err(StoreError::Gone {
                counter: id.counter,
            });
        }
        self.files
            .rename(&new, &pending)
            .map_err(|e| StoreError::io(&pending, e))?;
        self.count(&pending);
        self.sync_dir(&dir)
    }

    /// Both halves are stored: the entry may be used from now on.
    ///
    /// # Errors
    /// The machine's; [`StoreError::Gone`] when it was burnt meanwhile.
    pub fn ready(&self, settled: &Settled, pending: &Pending) -> Result<(), StoreError> {
        let _gate = self.locked();
        if self.state(settled)?.mark >= pending.id.counter {
            return Err(StoreError::Gone {
                counter: pending.id.counter,
            });
        }
        self.promote(&settled.key.folder(), pending.id)
    }

    /// Erases an entry whose other half is not what it should be.
    ///
    /// # Errors
    /// The machine's.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "there is nothing to go on with"
    )]
    pub fn abandon(&self, settled: &Settled, pending: Pending) -> Result<(), StoreError> {
        let _gate = self.locked();
        let Pending { id, .. } = pending;
        self.erase_entry(&settled.key.folder(), id.epoch, id.counter)
    }

    /// The entry that is to be used next, if there is one.
    ///
    /// # Errors
    /// The machine's.
    pub fn first_ready(&self, settled: &Settled) -> Result<Option<HeldEntry>, StoreError> {
        let _gate = self.locked();
        let state = self.state(settled)?;
        let dir = self.entries_dir(&settled.key.folder(), &settled.epoch.text());
        for counter in self.ready_numbers(settled, state.mark)? {
            let path = dir.join(Stage::Ready.name(counter));
            match self.header(&path, &settled.key, &state, counter) {
                Ok(transcript) => {
                    return Ok(Some(HeldEntry {
                        counter,
                        transcript,
                    }));
                }
                Err(error @ StoreError::Damaged { .. }) => self.warn(&error),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// How many entries are ready.
    ///
    /// # Errors
    /// The machine's.
    pub fn ready_count(&self, settled: &Settled) -> Result<usize, StoreError> {
        let _gate = self.locked();
        let mark = self.state(settled)?.mark;
        Ok(self.ready_numbers(settled, mark)?.len())
    }

    /// Burns an entry and takes its payload out: afterwards nothing here can open it again.
    /// Entries with lower numbers are burnt with it.
    ///
    /// # Errors
    /// [`StoreError::Gone`] when it may not be used, [`StoreError::Damaged`] when it cannot be
    /// read; it is burnt in either case.
    pub fn burn(&self, settled: &Settled, entry: &HeldEntry) -> Result<Burnt, StoreError> {
        let counter = entry.counter;
        let id = EntryId {
            epoch: settled.epoch,
            counter,
        };
        let folder = settled.key.folder();
        let burnt = self.entry_path(&folder, id, Stage::Burnt);
        {
            let _gate = self.locked();
            let mut state = self.state(settled)?;
            if counter <= state.mark || counter >= state.next {
                return Err(StoreError::Gone { counter });
            }
            let ready = self.entry_path(&folder, id, Stage::Ready);
            match self.files.rename(&ready, &burnt) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    state.mark = counter;
                    state.write(&*self.files, &self.shelf_dir(&folder))?;
                    self.erase_to(&folder, settled, counter)?;
                    return Err(StoreError::Gone { counter });
                }
                Err(error) => return Err(StoreError::io(&ready, error)),
            }
            self.files
                .sync(&burnt)
                .map_err(|e| StoreError::io(&burnt, e))?;
            // From here on the name is the mark: see `ShelfState::read`.
            self.sync_dir(&self.entries_dir(&folder, &id.epoch.text()))?;
        }
        let payload = self.load(settled, id, entry.transcript, &burnt);
        self.overwrite_key(&folder, id.epoch, counter)?;
        self.discount(&burnt);
        // The entry is burnt and its key is gone; that no room is left to tidy up must not cost it.
        if let Err(error) = self.clear_away(settled, &burnt, counter) {
            self.warn(&error);
        }
        Ok(Burnt {
            id,
            payload: payload?,
        })
    }

    /// Gives up the content of an entry that was loaded, and what is burnt with it.
    fn clear_away(&self, settled: &Settled, burnt: &Path, counter: u64) -> Result<(), StoreError> {
        self.files
            .empty(burnt)
            .map_err(|e| StoreError::io(burnt, e))?;
        let _gate = self.locked();
        self.erase_to(&settled.key.folder(), settled, counter)?;
        self.tidy(settled)
    }

    /// Burns everything up to `mark` without using it.
    ///
    /// # Errors
    /// The machine's; a mark beyond what was given.
    pub fn burn_to(&self, settled: &Settled, mark: u64) -> Result<(), StoreError> {
        let _gate = self.locked();
        let mut state = self.state(settled)?;
        if mark >= MAX_COUNTER {
            return Err(StoreError::Misuse("a high-water mark beyond all numbers"));
        }
        if mark > state.mark {
            state.mark = mark;
            state.next = state.next.max(mark + 1);
            state.write(&*self.files, &self.shelf_dir(&settled.key.folder()))?;
        }
        self.erase_to(&settled.key.folder(), settled, state.mark)
    }

    /// The shelf's high-water mark.
    ///
    /// # Errors
    /// The machine's.
    pub fn mark(&self, settled: &Settled) -> Result<u64, StoreError> {
        let _gate = self.locked();
        Ok(self.state(settled)?.mark)
    }

    /// Removes the shelves that `which` names, with all their entries, and says how many entries
    /// went.
    ///
    /// # Errors
    /// The machine's.
    pub fn discard(&self, which: impl Fn(&ShelfKey, &About) -> bool) -> Result<usize, StoreError> {
        let _gate = self.locked();
        let mut gone = 0;
        for folder in self.names(&self.shelves_dir())? {
            let dir = self.shelf_dir(&folder);
            let Ok(Some(state)) = ShelfState::read(&*self.files, &dir) else {
                continue;
            };
            if which(&state.key, &state.about) {
                gone += self.entry_count(&folder, &state)?;
                self.erase_shelf(&folder)?;
            }
        }
        Ok(gone)
    }

    /// Removes everything that was prepared, shelves that cannot be read included, and says how many
    /// entries went.
    ///
    /// # Errors
    /// The machine's.
    pub fn discard_all(&self) -> Result<usize, StoreError> {
        let gone = self.discard(|_, _| true)?;
        let _gate = self.locked();
        for folder in self.names(&self.shelves_dir())? {
            if is_hex(&folder) {
                self.erase_shelf(&folder)?;
            }
        }
        // Keys whose shelf somebody removed by hand.
        for name in self.names(&self.keys_dir())? {
            if let Some((folder, epoch)) = name.split_once('.')
                && is_hex(folder)
                && is_hex(epoch)
            {
                self.erase_generation(folder, epoch)?;
            }
        }
        Ok(gone)
    }

    /// The shelf's state, if it is still of the generation that was settled.
    fn state(&self, settled: &Settled) -> Result<ShelfState, StoreError> {
        let dir = self.shelf_dir(&settled.key.folder());
        match ShelfState::read(&*self.files, &dir)? {
            Some(state) if state.epoch == settled.epoch => Ok(state),
            _ => Err(StoreError::damaged(
                &dir,
                "was discarded or began another generation during this session",
            )),
        }
    }

    /// Numbers above `mark` that are ready, in order.
    fn ready_numbers(&self, settled: &Settled, mark: u64) -> Result<Vec<u64>, StoreError> {
        let dir = self.entries_dir(&settled.key.folder(), &settled.epoch.text());
        let ready = |name: &String| match parse(name) {
            Some((counter, Stage::Ready)) if counter > mark => Some(counter),
            _ => None,
        };
        let mut numbers: Vec<u64> = self.names(&dir)?.iter().filter_map(ready).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The payload of an entry that has just been burnt.
    fn load(
        &self,
        settled: &Settled,
        id: EntryId,
        transcript: [u8; 32],
        path: &Path,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let opened = entry::open(&*self.files, path)?;
        let header = &opened.header;
        if header.shelf != settled.key
            || header.epoch != id.epoch
            || header.counter != id.counter
            || header.transcript != transcript
        {
            return Err(StoreError::damaged(path, "belongs to another place"));
        }
        let keys = self.entry_keys_dir(&settled.key.folder(), &id.epoch.text());
        let key_path = keys.join(format!("{}.key", id.counter));
        let wrapped = read_small(&*self.files, &key_path, WRAPPED as u64)?
            .and_then(|bytes| <[u8; WRAPPED]>::try_from(bytes.as_slice()).ok())
            .and_then(|wrapped| EntryKey::unwrap_with(&self.key, &header.hash().ok()?, &wrapped));
        let key = wrapped.ok_or_else(|| {
            StoreError::damaged(&key_path, "is missing, changed, or of another store")
        })?;
        opened.payload(path, &key)
    }

    pub(super) fn promote(&self, folder: &str, id: EntryId) -> Result<(), StoreError> {
        let (pending, ready) = (
            self.entry_path(folder, id, Stage::Pending),
            self.entry_path(folder, id, Stage::Ready),
        );
        match self.files.rename(&pending, &ready) {
            Ok(()) => self.sync_dir(&self.entries_dir(folder, &id.epoch.text())),
            // Ready already.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StoreError::io(&ready, error)),
        }
    }

    /// Entries that are not burnt.
    fn entry_count(&self, folder: &str, state: &ShelfState) -> Result<usize, StoreError> {
        let live = |name: &&String| match parse(name) {
            Some((counter, Stage::New | Stage::Pending | Stage::Ready)) => counter > state.mark,
            _ => false,
        };
        let names = self.names(&self.entries_dir(folder, &state.epoch.text()))?;
        Ok(names.iter().filter(live).count())
    }

    /// Removes the names of entries that are burnt and loaded, once there are many, after the mark
    /// that they stand for is written.
    fn tidy(&self, settled: &Settled) -> Result<(), StoreError> {
        let folder = settled.key.folder();
        let dir = self.entries_dir(&folder, &settled.epoch.text());
        let burnt = |name: &String| matches!(parse(name), Some((_, Stage::Burnt)));
        let names: Vec<String> = self.names(&dir)?.into_iter().filter(burnt).collect();
        if names.len() < MANY_BURNT {
            return Ok(());
        }
        let state = self.state(settled)?;
        state.write(&*self.files, &self.shelf_dir(&folder))?;
        for name in names {
            let path = dir.join(name);
            let loaded = self.files.open(&path).is_ok_and(|(size, _)| size == 0);
            if loaded {
                self.remove(&path)?;
            }
        }
        Ok(())
    }

    /// Removes the entries up to `mark`; those that are being written or loaded belong to the
    /// thread that does so.
    pub(super) fn erase_to(
        &self,
        folder: &str,
        settled: &Settled,
        mark: u64,
    ) -> Result<(), StoreError> {
        for name in self.names(&self.entries_dir(folder, &settled.epoch.text()))? {
            if let Some((counter, Stage::Pending | Stage::Ready)) = parse(&name)
                && counter <= mark
            {
                self.erase_entry(folder, settled.epoch, counter)?;
            }
        }
        Ok(())
    }

    fn write_key(
        &self,
        dir: &Path,
        counter: u64,
        wrapped: &[u8; WRAPPED],
    ) -> Result<(), StoreError> {
        let path = dir.join(format!("{counter}.key"));
        let failed = |e| StoreError::io(&path, e);
        let mut sink = self.files.create(&path).map_err(failed)?;
        sink.write_all(wrapped).map_err(failed)?;
        sink.sync().map_err(failed)?;
        drop(sink);
        self.sync_dir(dir)
    }
}
