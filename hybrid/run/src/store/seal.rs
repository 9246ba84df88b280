//! Encryption at rest: a fresh key for every entry, wrapped under the store's key.
//!
//! - Functionality: without the wrapped key *and* the store's key, an entry's file is noise; who
//!   changes, cuts or exchanges a part of it is noticed.
//! - Secure against: who reads or changes the files; ChaCha20-Poly1305 as an AEAD, 128 bits and more.
//! - From: RFC 8439 (payload), draft-irtf-cfrg-xchacha (wrapping, with random nonces of 24 bytes).
//!   Differs: the payload is cut into chunks, numbered in the nonce, the last one marked, as in
//!   STREAM (eprint 2015/189).
//! - Cost for n bytes: 16 bytes for each [`CHUNK`], and a key file of [`WRAPPED`] bytes.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Tag, XChaCha20Poly1305};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::StoreError;

/// Payload bytes that are sealed at once.
pub(super) const CHUNK: usize = 1 << 20;

/// Bytes of an authentication tag.
pub(super) const TAG: usize = 16;

/// Bytes of a wrapped key: nonce, key, tag.
pub(super) const WRAPPED: usize = 24 + 32 + TAG;

const TOO_LONG: StoreError = StoreError::Misuse("a chunk is too long to be sealed");

pub(super) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| StoreError::Randomness(e.to_string()))?;
    Ok(bytes)
}

/// The key that wraps the entries' keys.
pub(super) struct StoreKey {
    bytes: Zeroizing<[u8; 32]>,
    cipher: XChaCha20Poly1305,
}

impl StoreKey {
    pub(super) fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        let cipher = XChaCha20Poly1305::new((&*bytes).into());
        Self { bytes, cipher }
    }

    /// Binds `data` to this store: without its key nobody can test a guess of `data`.
    pub(super) fn digest(&self, data: &[u8]) -> [u8; 32] {
        // The key comes first and has a fixed length, and the digest stays in the store.
        let mut hasher = Sha256::new();
        hasher.update(b"privet store digest 1");
        hasher.update(*self.bytes);
        hasher.update(data);
        hasher.finalize().into()
    }
}

/// The key of one entry.
pub(super) struct EntryKey {
    bytes: Zeroizing<[u8; 32]>,
    cipher: ChaCha20Poly1305,
}

impl EntryKey {
    pub(super) fn fresh() -> Result<Self, StoreError> {
        Ok(Self::new(Zeroizing::new(random()?)))
    }

    fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        let cipher = ChaCha20Poly1305::new((&*bytes).into());
        Self { bytes, cipher }
    }

    /// The key as it lies on the disk, bound to the entry that `header` names.
    pub(super) fn wrap(
        &self,
        store: &StoreKey,
        header: &[u8; 32],
    ) -> Result<[u8; WRAPPED], StoreError> {
        let nonce: [u8; 24] = random()?;
        let mut key = self.bytes.clone();
        let tag = store
            .cipher
            .encrypt_inout_detached(&nonce.into(), header, key.as_mut_slice().into())
            .map_err(|_| TOO_LONG)?;
        let mut wrapped = [0; WRAPPED];
        let parts = nonce.iter().chain(key.iter()).chain(tag.iter());
        wrapped.iter_mut().zip(parts).for_each(|(w, p)| *w = *p);
        Ok(wrapped)
    }

    /// The key again; `None` when it is another entry's, another store's, erased or changed.
    pub(super) fn unwrap_with(
        store: &StoreKey,
        header: &[u8; 32],
        wrapped: &[u8; WRAPPED],
    ) -> Option<Self> {
        let (nonce, rest) = wrapped.split_first_chunk::<24>()?;
        let (key, tag) = rest.split_first_chunk::<32>()?;
        let tag = Tag::try_from(tag).ok()?;
        let mut key = Zeroizing::new(*key);
        store
            .cipher
            .decrypt_inout_detached(nonce.into(), header, key.as_mut_slice().into(), &tag)
            .ok()?;
        Some(Self::new(key))
    }

    /// Seals chunk `index` in place and gives its tag.
    pub(super) fn seal(
        &self,
        index: u64,
        last: bool,
        header: &[u8; 32],
        chunk: &mut [u8],
    ) -> Result<Tag, StoreError> {
        self.cipher
            .encrypt_inout_detached(&nonce(index, last).into(), header, chunk.into())
            .map_err(|_| TOO_LONG)
    }

    /// Opens chunk `index` in place; false when anything was changed.
    pub(super) fn open(
        &self,
        index: u64,
        last: bool,
        header: &[u8; 32],
        chunk: &mut [u8],
        tag: &[u8; TAG],
    ) -> bool {
        self.cipher
            .decrypt_inout_detached(
                &nonce(index, last).into(),
                header,
                chunk.into(),
                &Tag::from(*tag),
            )
            .is_ok()
    }
}

/// The chunk's number and whether it is the last; the key is used for one entry only.
fn nonce(index: u64, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    let parts = index.to_le_bytes().into_iter().chain([u8::from(last)]);
    nonce.iter_mut().zip(parts).for_each(|(n, p)| *n = p);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_only_its_own_entry_in_its_own_store() {
        let store = StoreKey::new(Zeroizing::new([1; 32]));
        let other = StoreKey::new(Zeroizing::new([2; 32]));
        let key = EntryKey::fresh().unwrap();
        let wrapped = key.wrap(&store, &[7; 32]).unwrap();
        let again = EntryKey::unwrap_with(&store, &[7; 32], &wrapped).unwrap();
        assert_eq!(*again.bytes, *key.bytes);
        assert!(EntryKey::unwrap_with(&other, &[7; 32], &wrapped).is_none());
        assert!(EntryKey::unwrap_with(&store, &[8; 32], &wrapped).is_none());
        assert!(EntryKey::unwrap_with(&store, &[7; 32], &[0; WRAPPED]).is_none());
        for byte in 0..WRAPPED {
            let mut changed = wrapped;
            changed[byte] ^= 1;
            assert!(EntryKey::unwrap_with(&store, &[7; 32], &changed).is_none());
        }
        // Equal keys do not look equal.
        assert_ne!(key.wrap(&store, &[7; 32]).unwrap(), wrapped);
    }

    #[test]
    fn chunks_keep_their_places() {
        let key = EntryKey::fresh().unwrap();
        let mut chunk = *b"material of one inference";
        let tag: [u8; TAG] = key.seal(3, false, &[7; 32], &mut chunk).unwrap().into();
        assert_ne!(&chunk, b"material of one inference");
        let open = |index, last, header: u8, flip: u8| {
            let mut copy = chunk;
            copy[0] ^= flip;
            key.open(index, last, &[header; 32], &mut copy, &tag)
                .then_some(copy)
        };
        assert_eq!(open(3, false, 7, 0), Some(*b"material of one inference"));
        assert_eq!(open(4, false, 7, 0), None);
        assert_eq!(open(3, true, 7, 0), None);
        assert_eq!(open(3, false, 8, 0), None);
        assert_eq!(open(3, false, 7, 1), None);
    }
}
