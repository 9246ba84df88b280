//! Opening a store: its lock, its key, and the sweep that ends what a crash left half done.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use super::entry::{self, EntryId, Epoch, MAX_PAYLOAD};
use super::error::StoreError;
use super::files::{Disk, Files};
use super::seal::{StoreKey, random};
use super::shelf::{ShelfState, read_small, replace};
use super::{DEFAULT_LIMIT, Store, make_dir};

const KEY_MAGIC: &[u8; 16] = b"privet-storekey1";

impl Store {
    /// Opens the store in `root`, which is made if need be, and ends what a crash left half done.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when another process has it open, [`StoreError::Exposed`] when other
    /// users can read it, and the machine's.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Self::open_with(root, Box::new(Disk))
    }

    /// As [`Self::open`], on other files than the machine's.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(root: &Path, files: Box<dyn Files>) -> Result<Self, StoreError> {
        make_dir(&*files, root)?;
        refuse_exposed(&*files, root)?;
        let lock = root.join("lock");
        let held = files
            .lock(&lock)
            .map_err(|e| StoreError::io(&lock, e))?
            .ok_or_else(|| StoreError::Busy {
                path: root.to_owned(),
            })?;
        for dir in ["material", "keys"] {
            make_dir(&*files, &root.join(dir))?;
        }
        let key = load_key(&*files, &root.join("keys"))?;
        let store = Self {
            root: root.to_owned(),
            files,
            key,
            limit: AtomicU64::new(DEFAULT_LIMIT),
            bytes: AtomicU64::new(0),
            gate: Mutex::new(()),
            warnings: Mutex::new(Vec::new()),
            _held: held,
        };
        store.sweep()?;
        Ok(store)
    }

    /// Ends what a crash left half done; what cannot be understood is told and left alone.
    fn sweep(&self) -> Result<(), StoreError> {
        let mut live = Vec::new();
        for folder in self.names(&self.shelves_dir())? {
            let dir = self.shelf_dir(&folder);
            let swept = match ShelfState::read(&*self.files, &dir) {
                Ok(Some(state)) if state.key.folder() == folder => {
                    self.sweep_shelf(&folder, &state, &mut live)
                }
                // Without a state nothing on the shelf can ever be used.
                Ok(None) if is_hex(&folder) => self.erase_shelf(&folder),
                Ok(_) => Err(StoreError::damaged(&dir, "is not a shelf of this store")),
                Err(error) => Err(error),
            };
            if let Err(error) = swept {
                self.warn(&error);
            }
        }
        // Not before: what was erased above was never counted.
        live.iter().for_each(|path| self.count(path));
        Ok(())
    }

    /// Appends the files of entries that stay.
    fn sweep_shelf(
        &self,
        folder: &str,
        state: &ShelfState,
        stay: &mut Vec<PathBuf>,
    ) -> Result<(), StoreError> {
        let current = state.epoch.text();
        let dir = self.shelf_dir(folder);
        // Burnt entries go below: what they say of the mark must not go with them.
        if ShelfState::stored(&*self.files, &dir)?.is_none_or(|s| s.mark != state.mark) {
            state.write(&*self.files, &dir)?;
        }
        for name in self.names(&self.shelf_dir(folder))? {
            if name != current && is_hex(&name) {
                self.erase_generation(folder, &name)?;
            }
        }
        let prefix = format!("{folder}.");
        for name in self.names(&self.keys_dir())? {
            if let Some(epoch) = name.strip_prefix(&prefix)
                && epoch != current
            {
                self.erase_generation(folder, epoch)?;
            }
        }
        let mut live = Vec::new();
        for name in self.names(&self.entries_dir(folder, &current))? {
            let path = self.entries_dir(folder, &current).join(&name);
            match parse(&name) {
                Some((counter, Stage::Pending | Stage::Ready)) if counter > state.mark => {
                    live.push(counter);
                    if let Err(error) = entry::open(&*self.files, &path) {
                        self.warn(&error);
                    }
                    stay.push(path);
                }
                Some((counter, _)) => {
                    self.erase_entry(folder, state.epoch, counter)?;
                }
                None => self.warn(&StoreError::damaged(&path, "is no file of this store")),
            }
        }
        let keys = self.entry_keys_dir(folder, &current);
        for name in self.names(&keys)? {
            let counter = name.strip_suffix(".key").and_then(|n| n.parse().ok());
            match counter {
                Some(counter) if live.contains(&counter) => {}
                Some(counter) => self.erase_entry(folder, state.epoch, counter)?,
                None => self.warn(&StoreError::damaged(
                    &keys.join(name),
                    "is no file of this store",
                )),
            }
        }
        Ok(())
    }

    /// Adds a file to the bytes that the store takes.
    pub(super) fn count(&self, path: &Path) {
        if let Ok((size, _)) = self.files.open(path) {
            self.bytes.fetch_add(size, Ordering::AcqRel);
        }
    }

    /// Takes a file off the bytes that the store takes.
    pub(super) fn discount(&self, path: &Path) {
        if let Ok((size, _)) = self.files.open(path) {
            self.release(size);
        }
    }

    /// Adds bytes to those that the store takes, if there is room.
    pub(super) fn claim(&self, bytes: u64) -> Result<(), StoreError> {
        let more = |held: u64| self.with(held, bytes);
        let claimed = self
            .bytes
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        claimed.map(drop).map_err(|held| full(held, bytes))
    }

    /// Refuses bytes for which there is no room now.
    pub(super) fn check_room(&self, bytes: u64) -> Result<(), StoreError> {
        let held = self.bytes();
        let sum = self.with(held, bytes);
        sum.map(drop).ok_or_else(|| full(held, bytes))
    }

    /// What the store takes with so many bytes more, if that is within its limit.
    fn with(&self, held: u64, bytes: u64) -> Option<u64> {
        let sum = held.checked_add(bytes)?;
        (bytes <= MAX_PAYLOAD && sum <= self.limit()).then_some(sum)
    }

    /// Takes bytes off again.
    pub(super) fn release(&self, bytes: u64) {
        let less = |held: u64| Some(held.saturating_sub(bytes));
        // Always some.
        let _before = self
            .bytes
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
    }

    pub(super) fn names(&self, dir: &Path) -> Result<Vec<String>, StoreError> {
        self.files.list(dir).map_err(|e| StoreError::io(dir, e))
    }

    /// Removes an entry, whatever is left of it: first its key for good, then the rest.
    pub(super) fn erase_entry(
        &self,
        folder: &str,
        epoch: Epoch,
        counter: u64,
    ) -> Result<(), StoreError> {
        self.erase_key(folder, epoch, counter)?;
        let dir = self.entries_dir(folder, &epoch.text());
        let mut removed = false;
        for stage in Stage::ALL {
            let path = dir.join(stage.name(counter));
            if matches!(stage, Stage::Pending | Stage::Ready) {
                self.discount(&path);
            }
            removed |= self.remove(&path)?;
        }
        if removed {
            self.sync_dir(&dir)?;
        }
        Ok(())
    }

    /// Overwrites and removes an entry's key; returns once both are certain.
    fn erase_key(&self, folder: &str, epoch: Epoch, counter: u64) -> Result<(), StoreError> {
        if self.overwrite_key(folder, epoch, counter)? {
            self.sync_dir(&self.entry_keys_dir(folder, &epoch.text()))?;
        }
        Ok(())
    }

    /// Overwrites and removes an entry's key; returns once it is certain that its content is gone.
    /// False where there was none.
    pub(super) fn overwrite_key(
        &self,
        folder: &str,
        epoch: Epoch,
        counter: u64,
    ) -> Result<bool, StoreError> {
        let dir = self.entry_keys_dir(folder, &epoch.text());
        let path = dir.join(format!("{counter}.key"));
        match self.files.erase(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(StoreError::io(&path, error)),
        }
        self.remove(&path)?;
        Ok(true)
    }

    /// Removes all entries of a generation and its folders.
    pub(super) fn erase_generation(&self, folder: &str, epoch: &str) -> Result<(), StoreError> {
        let keys = self.entry_keys_dir(folder, epoch);
        for name in self.names(&keys)? {
            let path = keys.join(name);
            self.files
                .erase(&path)
                .map_err(|e| StoreError::io(&path, e))?;
            self.remove(&path)?;
        }
        self.remove_dir(&keys)?;
        let dir = self.entries_dir(folder, epoch);
        for name in self.names(&dir)? {
            let path = dir.join(&name);
            if let Some((_, Stage::Pending | Stage::Ready)) = parse(&name) {
                self.discount(&path);
            }
            self.remove(&path)?;
        }
        self.remove_dir(&dir)
    }

    /// Removes a shelf with everything on it.
    pub(super) fn erase_shelf(&self, folder: &str) -> Result<(), StoreError> {
        let prefix = format!("{folder}.");
        for name in self.names(&self.keys_dir())? {
            if let Some(epoch) = name.strip_prefix(&prefix) {
                self.erase_generation(folder, epoch)?;
            }
        }
        let dir = self.shelf_dir(folder);
        for name in self.names(&dir)? {
            if is_hex(&name) {
                self.erase_generation(folder, &name)?;
            } else {
                self.remove(&dir.join(&name))?;
            }
        }
        self.remove_dir(&dir)
    }

    /// Removes a file; false where there is none.
    pub(super) fn remove(&self, path: &Path) -> Result<bool, StoreError> {
        match self.files.remove(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io(path, error)),
        }
    }

    fn remove_dir(&self, dir: &Path) -> Result<(), StoreError> {
        match self.files.remove_dir(dir) {
            Ok(()) => dir.parent().map_or(Ok(()), |parent| self.sync_dir(parent)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StoreError::io(dir, error)),
        }
    }

    pub(super) fn sync_dir(&self, dir: &Path) -> Result<(), StoreError> {
        self.files.sync_dir(dir).map_err(|e| StoreError::io(dir, e))
    }

    pub(super) fn entry_path(&self, folder: &str, id: EntryId, stage: Stage) -> PathBuf {
        self.entries_dir(folder, &id.epoch.text())
            .join(stage.name(id.counter))
    }
}

fn full(held: u64, bytes: u64) -> StoreError {
    StoreError::Full {
        what: format!("{held} bytes of material and {bytes} more"),
    }
}

/// The last part of an entry's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Being written.
    New,
    Pending,
    Ready,
    Burnt,
}

impl Stage {
    pub(super) const ALL: [Self; 4] = [Self::New, Self::Pending, Self::Ready, Self::Burnt];

    const fn ending(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Burnt => "burnt",
        }
    }

    pub(super) fn name(self, counter: u64) -> String {
        format!("{counter}.{}", self.ending())
    }
}

/// Number and stage of an entry's file.
pub(super) fn parse(name: &str) -> Option<(u64, Stage)> {
    let (counter, ending) = name.split_once('.')?;
    let stage = Stage::ALL.into_iter().find(|s| s.ending() == ending)?;
    let number = counter.parse().ok()?;
    (stage.name(number) == name).then_some((number, stage))
}

pub(super) fn is_hex(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit())
}

fn load_key(files: &dyn Files, dir: &Path) -> Result<StoreKey, StoreError> {
    let path = dir.join("store.key");
    if let Some(bytes) = read_small(files, &path, 64)?.map(Zeroizing::new) {
        refuse_exposed(files, &path)?;
        let key = bytes
            .strip_prefix(KEY_MAGIC)
            .and_then(|rest| <[u8; 32]>::try_from(rest).ok())
            .ok_or_else(|| StoreError::damaged(&path, "is no key of a store"))?;
        return Ok(StoreKey::new(Zeroizing::new(key)));
    }
    let key = Zeroizing::new(random()?);
    let mut bytes = Zeroizing::new(Vec::with_capacity(64));
    bytes.extend_from_slice(KEY_MAGIC);
    bytes.extend_from_slice(&*key);
    replace(files, dir, "store.key", &bytes)?;
    Ok(StoreKey::new(key))
}

fn refuse_exposed(files: &dyn Files, path: &Path) -> Result<(), StoreError> {
    match files.mode(path).map_err(|e| StoreError::io(path, e))? {
        Some(mode) if mode & 0o077 != 0 => Err(StoreError::Exposed {
            path: path.to_owned(),
            mode,
        }),
        _ => Ok(()),
    }
}
