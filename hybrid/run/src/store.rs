//! Prepared material at rest: kept by each party for itself, used at most once by either.
//!
//! - Functionality: an entry is *pending* once a party has stored its half, *ready* once both know
//!   that both have, *burnt* from the moment that its use begins. Its payload leaves the store by
//!   move, inside a [`Burnt`], after the store has synced that it is burnt and erased its key.
//! - Secure against: crashes and power loss of either party at any moment, and an old copy of one
//!   party's store that is put back: the other party's high-water mark refuses what was burnt since.
//!   An old copy put back on *both* sides leaves no trace; nothing here notices it. Copies of
//!   `keys/` from before an entry was burnt still open it: keep `keys/` out of backups. Erasing
//!   overwrites the file; what a medium keeps elsewhere of old blocks is beyond it.
//! - From: this project's own protocol; each part names its source ([`settle`], `seal`).
//! - Cost: an entry's file is its payload and 16 bytes for each MiB; see `seal`.
//!
//! ```text
//! DIR/lock                                   one process at a time
//! DIR/models                                 which random identity a served model has
//! DIR/material/SHELF/state                   peer, model, plan, generation, mark, next number
//! DIR/material/SHELF/GENERATION/N.pending    | .ready | .burnt: sealed halves
//! DIR/keys/store.key                         wraps the entries' keys
//! DIR/keys/SHELF.GENERATION/N.key            an entry's own key, wrapped; erased when it is burnt
//! ```
//!
//! A payload cannot be had before its entry is burnt, nor twice:
//!
//! ```compile_fail
//! # use privet_run::store::Burnt;
//! fn twice(burnt: Burnt) -> (usize, usize) {
//!     (burnt.into_payload().len(), burnt.into_payload().len())
//! }
//! ```
//!
//! ```compile_fail
//! # use privet_run::store::Pending;
//! fn early(pending: Pending) -> usize {
//!     pending.into_payload().len()
//! }
//! ```

pub mod drive;
mod entry;
mod error;
mod files;
mod life;
mod list;
mod meet;
mod models;
pub mod msgs;
mod open;
mod seal;
mod settle;
mod shelf;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

pub use entry::{About, EntryId, Epoch, MAX_PAYLOAD, ShelfKey};
pub use error::StoreError;
pub use files::{Disk, Files, Held, Sink};
pub use list::{EntryLine, EntryState, Listing, ShelfLine};
pub use settle::{Settlement, settle};

use seal::StoreKey;

/// Bytes that a store takes unless told otherwise.
pub const DEFAULT_LIMIT: u64 = 64 << 30;

/// One party's store. Threads may share it; processes take turns.
pub struct Store {
    root: PathBuf,
    files: Box<dyn Files>,
    key: StoreKey,
    /// Most bytes of sealed material.
    limit: AtomicU64,
    /// Bytes of sealed material that are there.
    bytes: AtomicU64,
    /// Every change of a shelf's state or of an entry's name happens under it.
    gate: Mutex<()>,
    warnings: Mutex<Vec<String>>,
    _held: Box<dyn Held>,
}

/// Proof that both parties have settled what their shelves hold, in this session.
#[derive(Clone)]
pub struct Settled {
    key: ShelfKey,
    epoch: Epoch,
}

/// A number that no other entry has had or will have.
pub struct Slot {
    id: EntryId,
}

/// An entry that is stored and synced, whose other half may not be.
pub struct Pending {
    id: EntryId,
}

/// An entry whose use has begun: nothing on this machine can open it any more.
pub struct Burnt {
    id: EntryId,
    payload: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store in {}", self.root.display())
    }
}

impl Burnt {
    /// Which entry this was.
    #[must_use]
    pub const fn id(&self) -> EntryId {
        self.id
    }

    /// The material, once.
    #[must_use]
    pub fn into_payload(self) -> Zeroizing<Vec<u8>> {
        self.payload
    }
}

impl Pending {
    /// Which entry this is.
    #[must_use]
    pub const fn id(&self) -> EntryId {
        self.id
    }
}

impl Slot {
    /// Which entry this will be.
    #[must_use]
    pub const fn id(&self) -> EntryId {
        self.id
    }
}

impl Settled {
    /// The shelf.
    #[must_use]
    pub const fn key(&self) -> &ShelfKey {
        &self.key
    }
}

impl Store {
    /// Where it lies.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Another limit on the sealed bytes than [`DEFAULT_LIMIT`].
    pub fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::Release);
    }

    fn limit(&self) -> u64 {
        self.limit.load(Ordering::Acquire)
    }

    /// Bytes of sealed material.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// One line for each file that could not be used, since the last call.
    #[must_use]
    pub fn take_warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut warnings)
    }

    fn warn(&self, error: &StoreError) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        // A folder full of foreign files must not fill the memory.
        if warnings.len() < 100 {
            warnings.push(error.to_string());
        }
    }

    fn locked(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shelves_dir(&self) -> PathBuf {
        self.root.join("material")
    }

    fn keys_dir(&self) -> PathBuf {
        self.root.join("keys")
    }

    fn shelf_dir(&self, folder: &str) -> PathBuf {
        self.shelves_dir().join(folder)
    }

    fn entries_dir(&self, folder: &str, epoch: &str) -> PathBuf {
        self.shelf_dir(folder).join(epoch)
    }

    fn entry_keys_dir(&self, folder: &str, epoch: &str) -> PathBuf {
        self.keys_dir().join(format!("{folder}.{epoch}"))
    }

    /// Makes a folder within the store, durably.
    fn make_dir(&self, dir: &Path) -> Result<(), StoreError> {
        make_dir(&*self.files, dir)
    }
}

fn make_dir(files: &dyn Files, dir: &Path) -> Result<(), StoreError> {
    let failed = |e| StoreError::io(dir, e);
    files.make_dir(dir).map_err(failed)?;
    dir.parent()
        .map_or(Ok(()), |parent| files.sync_dir(parent))
        .map_err(failed)
}
