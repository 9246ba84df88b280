//! One entry's file: a header that anybody may read, and the sealed payload.

use std::io::Read;
use std::path::Path;

use privet_net::Fingerprint;
use privet_plan::Party;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::StoreError;
use super::files::{Files, Sink};
use super::seal::{CHUNK, EntryKey, TAG};

/// First bytes of an entry's file; the digit is the format's version.
const MAGIC: &[u8; 16] = b"privet-material1";

/// Largest encoded header, bytes.
const MAX_HEADER: usize = 2048;

/// Largest payload, bytes.
pub const MAX_PAYLOAD: u64 = 64 << 30;

/// Longest model name or backend in an entry, bytes.
const MAX_NAME: usize = 256;

/// Which material goes together: entries of one shelf can stand in for each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShelfKey {
    /// The other party.
    pub peer: Fingerprint,
    /// Whose half this is: the client's or the server's.
    pub half: Party,
    /// The model's random identity.
    pub model: [u8; 16],
    /// Hash of the public plan.
    pub plan: [u8; 32],
}

impl ShelfKey {
    /// The shelf's folder.
    pub(super) fn folder(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(b"privet shelf 1");
        hasher.update(self.peer.as_bytes());
        hasher.update([match self.half {
            Party::Client => 0,
            Party::Server => 1,
        }]);
        hasher.update(self.model);
        hasher.update(self.plan);
        hasher.finalize().iter().take(16).map(hex).collect()
    }
}

/// What people call the material.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The model's name.
    pub model: String,
    /// How the network is evaluated.
    pub backend: String,
}

impl About {
    /// Printable and bounded, whoever chose the names.
    #[must_use]
    pub fn new(model: &str, backend: &str) -> Self {
        let bounded = |text: &str| {
            let mut text = crate::handshake::sanitise(text);
            while text.len() > MAX_NAME {
                text.pop();
            }
            text
        };
        Self {
            model: bounded(model),
            backend: bounded(backend),
        }
    }
}

/// The random name of a shelf's generation: both parties' shelves have it, or they do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch(pub [u8; 16]);

impl Epoch {
    pub(super) fn text(&self) -> String {
        self.0.iter().map(hex).collect()
    }
}

/// An entry of a shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryId {
    /// Generation of the shelf.
    pub epoch: Epoch,
    /// Number within it, from 1.
    pub counter: u64,
}

pub(super) fn hex(byte: &u8) -> String {
    format!("{byte:02x}")
}

/// What an entry's file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) shelf: ShelfKey,
    pub(super) about: About,
    pub(super) epoch: Epoch,
    pub(super) counter: u64,
    /// Hash by which both parties know that their halves belong together.
    pub(super) transcript: [u8; 32],
    /// Bytes of the payload.
    pub(super) payload: u64,
}

/// A header as it lies in the file, and its hash, to which key and payload are bound.
struct Encoded {
    bytes: Vec<u8>,
    hash: [u8; 32],
}

impl Header {
    /// What the entry's key and payload are bound to.
    pub(super) fn hash(&self) -> Result<[u8; 32], StoreError> {
        Ok(self.encode()?.hash)
    }

    fn encode(&self) -> Result<Encoded, StoreError> {
        let bytes = postcard::to_allocvec(self)
            .map_err(|_| StoreError::Misuse("an entry's header cannot be encoded"))?;
        if bytes.len() > MAX_HEADER {
            return Err(StoreError::Misuse("an entry's header is too long"));
        }
        let hash = Sha256::digest(&bytes).into();
        Ok(Encoded { bytes, hash })
    }

    /// Size of the whole file.
    fn file_size(&self, header: usize) -> u64 {
        let chunks = self.payload.div_ceil(CHUNK as u64).max(1);
        (MAGIC.len() + 4 + header) as u64 + self.payload + chunks * TAG as u64
    }
}

/// Writes and syncs an entry's file. The payload is sealed in place, so that no copy of it stays.
pub(super) fn write(
    sink: &mut dyn Sink,
    header: &Header,
    key: &EntryKey,
    mut payload: Zeroizing<Vec<u8>>,
) -> Result<(), std::io::Error> {
    let other = |e: StoreError| std::io::Error::other(e.to_string());
    let encoded = header.encode().map_err(other)?;
    let length = u32::try_from(encoded.bytes.len()).unwrap_or(u32::MAX);
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&length.to_le_bytes());
    head.extend_from_slice(&encoded.bytes);
    sink.write_all(&head)?;
    let chunks = payload.len().div_ceil(CHUNK).max(1);
    let mut rest = payload.as_mut_slice();
    for index in 0..chunks {
        let (chunk, after) = rest.split_at_mut(rest.len().min(CHUNK));
        rest = after;
        let last = index + 1 == chunks;
        let tag = key
            .seal(index as u64, last, &encoded.hash, chunk)
            .map_err(other)?;
        sink.write_all(chunk)?;
        sink.write_all(&tag)?;
    }
    sink.sync()
}

/// A file's header, and the rest of the file behind it.
pub(super) struct Opened {
    pub(super) header: Header,
    reader: Box<dyn Read + Send>,
}

/// Reads the header and compares the file's size with it.
pub(super) fn open(files: &dyn Files, path: &Path) -> Result<Opened, StoreError> {
    let damaged = |reason| StoreError::damaged(path, reason);
    let (size, mut reader) = files.open(path).map_err(|e| StoreError::io(path, e))?;
    let mut read = |into: &mut [u8]| {
        reader.read_exact(into).map_err(|e| {
            if e.kind() == std::io::ErrorKind::UnexpectedEof {
                damaged("is cut off")
            } else {
                StoreError::io(path, e)
            }
        })
    };
    let mut magic = [0; 16];
    read(&mut magic)?;
    if &magic != MAGIC {
        return Err(damaged("is no material of this version of privet"));
    }
    let mut length = [0; 4];
    read(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_HEADER {
        return Err(damaged("has a header that is too long"));
    }
    let mut bytes = vec![0; length];
    read(&mut bytes)?;
    let header = match postcard::take_from_bytes::<Header>(&bytes) {
        Ok((header, [])) if header.payload <= MAX_PAYLOAD => header,
        _ => return Err(damaged("has a header that cannot be read")),
    };
    if size != header.file_size(length) {
        return Err(damaged("has another size than its header says"));
    }
    Ok(Opened { header, reader })
}

impl Opened {
    /// The payload; `damaged` when any bit of the file was changed.
    pub(super) fn payload(
        mut self,
        path: &Path,
        key: &EntryKey,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let damaged = || StoreError::damaged(path, "was changed or belongs to another store");
        let hash = self.header.hash()?;
        let size = usize::try_from(self.header.payload).map_err(|_| damaged())?;
        let mut payload = Zeroizing::new(vec![0; size]);
        let chunks = size.div_ceil(CHUNK).max(1);
        let mut rest = payload.as_mut_slice();
        for index in 0..chunks {
            let (chunk, after) = rest.split_at_mut(rest.len().min(CHUNK));
            rest = after;
            let mut tag = [0; TAG];
            self.reader
                .read_exact(chunk)
                .and_then(|()| self.reader.read_exact(&mut tag))
                .map_err(|e| StoreError::io(path, e))?;
            if !key.open(index as u64, index + 1 == chunks, &hash, chunk, &tag) {
                return Err(damaged());
            }
        }
        Ok(payload)
    }
}
