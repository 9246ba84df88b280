//! A training run on disk: written after every epoch and where it is stopped, refused if it belongs to another run.

use std::io::Write;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::Dataset;
use crate::error::Error;

/// First bytes of a checkpoint.
const MAGIC: &[u8; 16] = b"privet-pass-0002";

/// What a checkpoint belongs to: a hash over everything that decides the run's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key([u8; 32]);

impl std::fmt::Display for Key {
    /// The first 16 hexadecimal digits: enough to tell files apart.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().take(8).try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl Key {
    /// The key of a run with these settings on this data.
    ///
    /// # Errors
    /// [`Error::Data`] if the settings cannot be serialised.
    pub fn new(settings: &impl Serialize, data: &[Option<&Dataset>]) -> Result<Self, Error> {
        let mut hash = Sha256::new();
        let bytes = postcard::to_allocvec(settings)
            .map_err(|e| Error::Data(format!("settings cannot be serialised: {e}")))?;
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
        for data in data {
            let Some(data) = data else {
                hash.update([0]);
                continue;
            };
            hash.update([1]);
            hash.update((data.len() as u64).to_le_bytes());
            hash.update((data.features() as u64).to_le_bytes());
            for row in data.samples().outer_iter() {
                let bytes: Vec<u8> = row.iter().flat_map(|v| v.to_le_bytes()).collect();
                hash.update(bytes);
            }
            for label in data.labels() {
                hash.update((*label as u64).to_le_bytes());
            }
        }
        Ok(Self(hash.finalize().into()))
    }
}

/// Writes `value` under `key`, replacing the file in one step.
///
/// # Errors
/// [`Error::Io`], or [`Error::Checkpoint`] if the value cannot be serialised.
pub fn save(path: &Path, key: Key, value: &impl Serialize) -> Result<(), Error> {
    let damaged = |reason: String| Error::Checkpoint {
        path: path.to_owned(),
        reason,
    };
    let payload = postcard::to_allocvec(value).map_err(|e| damaged(e.to_string()))?;
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = std::path::PathBuf::from(name);
    let mut file = std::fs::File::create(&new).map_err(io)?;
    for part in [&MAGIC[..], &key.0, &Sha256::digest(&payload), &payload] {
        file.write_all(part).map_err(io)?;
    }
    file.sync_all().map_err(io)?;
    drop(file);
    std::fs::rename(&new, path).map_err(io)
}

/// Reads what was saved under `key`; none if there is no file.
///
/// # Errors
/// [`Error::Io`]; [`Error::Checkpoint`] if the file is damaged or has another key.
pub fn load<T: DeserializeOwned>(path: &Path, key: Key) -> Result<Option<T>, Error> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(Error::Io {
                path: path.to_owned(),
                source,
            });
        }
    };
    let damaged = |reason: &str| Error::Checkpoint {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or_else(|| damaged("this is not a checkpoint"))?;
    let (Some(own), Some(hash), Some(payload)) = (rest.get(..32), rest.get(32..64), rest.get(64..))
    else {
        return Err(damaged("it is truncated; delete it to start anew"));
    };
    if own != key.0 {
        return Err(damaged(
            "it belongs to a run with other settings, network or data; delete it or name another",
        ));
    }
    if hash != Sha256::digest(payload).as_slice() {
        return Err(damaged("it is damaged; delete it to start anew"));
    }
    postcard::from_bytes(payload)
        .map(Some)
        .map_err(|e| damaged(&e.to_string()))
}
