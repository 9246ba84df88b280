//! What can go wrong with stored material.

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with stored material. Its text is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The machine: a file cannot be read, written or synced.
    #[error("store: {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the machine said.
        source: io::Error,
    },
    /// Another process uses the store.
    #[error("store: {path} is in use by another process of privet; wait for its end")]
    Busy {
        /// The store's folder.
        path: PathBuf,
    },
    /// Other users of the machine may read the store.
    #[error("store: {path} may be read by others (mode {mode:o}); chmod go= it")]
    Exposed {
        /// The folder or file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file that is not what it should be: cut off, changed, or not of this store.
    #[error("store: {path}: {reason}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// In what way.
        reason: &'static str,
    },
    /// No room for another entry.
    #[error("store: full: {what}; use or discard material first (privet store --discard)")]
    Full {
        /// The limit that is reached.
        what: String,
    },
    /// The entry is burnt, discarded or was never here.
    #[error("store: entry {counter} is not here or may not be used any more")]
    Gone {
        /// Its number.
        counter: u64,
    },
    /// The machine gives no randomness.
    #[error("store: the operating system gives no randomness: {0}")]
    Randomness(String),
    /// A name or size beyond what an entry can carry.
    #[error("store: {0}")]
    Misuse(&'static str),
}

impl StoreError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn damaged(path: &Path, reason: &'static str) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            reason,
        }
    }
}
