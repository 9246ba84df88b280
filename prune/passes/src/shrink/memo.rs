//! Finished steps of a search on disk.

use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::data::Split;
use crate::error::Error;
use crate::train::checkpoint::{self, Key};

/// Finished steps; without a folder, none are kept.
pub(super) struct Memo {
    folder: Option<PathBuf>,
    search: Key,
}

impl Memo {
    /// The steps of one search: what it starts from and on which data.
    pub(super) fn new(
        folder: Option<PathBuf>,
        start: &impl Serialize,
        split: &Split,
    ) -> Result<Self, Error> {
        if let Some(path) = &folder {
            std::fs::create_dir_all(path).map_err(|source| Error::Io {
                path: path.clone(),
                source,
            })?;
        }
        let search = Key::new(start, &[Some(&split.train), Some(&split.validation)])?;
        Ok(Self { folder, search })
    }

    /// The step's result, from disk if it was finished before. `settings` hold all that decides it.
    pub(super) fn run<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        settings: &impl Serialize,
        make: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(folder) = &self.folder else {
            return make();
        };
        let key = Key::new(&(self.search, name, settings), &[])?;
        let path = folder.join(format!("{name}-{key}.pass"));
        if let Some(found) = checkpoint::load(&path, key)? {
            return Ok(found);
        }
        let made = make()?;
        checkpoint::save(&path, key, &made)?;
        Ok(made)
    }
}
