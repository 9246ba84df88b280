//! What a shelf remembers beside its entries: generation, high-water mark, next number.

use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::entry::{About, Epoch, ShelfKey};
use super::error::StoreError;
use super::files::Files;
use super::open::{Stage, parse};

const MAGIC: &[u8; 16] = b"privet-shelf---1";

/// Largest file, bytes.
const MAX_FILE: u64 = 4096;

/// A shelf's own file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShelfState {
    pub(super) key: ShelfKey,
    pub(super) about: About,
    pub(super) epoch: Epoch,
    /// Highest number that was burnt: it and all below are never used again.
    pub(super) mark: u64,
    /// First number that was never given to an entry.
    pub(super) next: u64,
}

impl ShelfState {
    /// Replaces the file, at once and durably.
    pub(super) fn write(&self, files: &dyn Files, dir: &Path) -> Result<(), StoreError> {
        let body = postcard::to_allocvec(self)
            .map_err(|_| StoreError::Misuse("a shelf's state cannot be encoded"))?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&Sha256::digest(&body));
        bytes.extend_from_slice(&body);
        replace(files, dir, "state", &bytes)
    }

    /// The shelf's state; `None` where there is none yet. An entry whose name says that it is burnt
    /// raises the mark: its name is the first that is synced.
    pub(super) fn read(files: &dyn Files, dir: &Path) -> Result<Option<Self>, StoreError> {
        let Some(mut state) = Self::stored(files, dir)? else {
            return Ok(None);
        };
        let entries = dir.join(state.epoch.text());
        let names = files
            .list(&entries)
            .map_err(|e| StoreError::io(&entries, e))?;
        for name in names {
            match parse(&name) {
                Some((counter, Stage::Burnt)) if counter < state.next => {
                    state.mark = state.mark.max(counter);
                }
                _ => {}
            }
        }
        Ok(Some(state))
    }

    /// The shelf's state as its file has it.
    pub(super) fn stored(files: &dyn Files, dir: &Path) -> Result<Option<Self>, StoreError> {
        let path = dir.join("state");
        let damaged = |reason| StoreError::damaged(&path, reason);
        let Some(bytes) = read_small(files, &path, MAX_FILE)? else {
            return Ok(None);
        };
        let body = bytes
            .strip_prefix(MAGIC)
            .ok_or_else(|| damaged("is not the state of a shelf of this version of privet"))?;
        let Some((hash, body)) = body.split_first_chunk::<32>() else {
            return Err(damaged("is cut off"));
        };
        if Sha256::digest(body).as_slice() != hash {
            return Err(damaged("is cut off or was changed"));
        }
        match postcard::take_from_bytes::<Self>(body) {
            Ok((state, [])) if state.mark < state.next => Ok(Some(state)),
            _ => Err(damaged("cannot be read")),
        }
    }
}

/// A whole file of at most `limit` bytes; `None` where there is none.
pub(super) fn read_small(
    files: &dyn Files,
    path: &Path,
    limit: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let (size, reader) = match files.open(path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io(path, error)),
    };
    if size > limit {
        return Err(StoreError::damaged(path, "is larger than it can be"));
    }
    // At its full size from the start: a buffer that grows leaves copies behind, and keys are read so.
    let room = usize::try_from(size).unwrap_or(0).saturating_add(64);
    let mut bytes = Vec::with_capacity(room);
    reader
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|e| StoreError::io(path, e))?;
    Ok(Some(bytes))
}

/// Gives `dir/name` the content `bytes`, at once and durably.
pub(super) fn replace(
    files: &dyn Files,
    dir: &Path,
    name: &str,
    bytes: &[u8],
) -> Result<(), StoreError> {
    let (path, new) = (dir.join(name), dir.join(format!("{name}.new")));
    let failed = |e| StoreError::io(&new, e);
    match files.remove(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut sink = files.create(&new).map_err(failed)?;
    sink.write_all(bytes).map_err(failed)?;
    sink.sync().map_err(failed)?;
    drop(sink);
    files
        .rename(&new, &path)
        .and_then(|()| files.sync_dir(dir))
        .map_err(|e| StoreError::io(&path, e))
}
