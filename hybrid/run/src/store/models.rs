//! Random identities of served models, which outlive a restart.
//!
//! Material holds for one network only, weights included, and nothing that depends on weights may
//! go over the wire. So a model gets a random number; which model has which is kept here, by a
//! digest that the store's key enters.

use serde::{Deserialize, Serialize};

use super::Store;
use super::error::StoreError;
use super::seal::random;
use super::shelf::{read_small, replace};

const MAGIC: &[u8; 16] = b"privet-models--1";

/// Most models that are remembered; then the oldest goes.
const MAX_MODELS: usize = 1000;

/// Largest file, bytes.
const MAX_FILE: u64 = 64 << 10;

#[derive(Serialize, Deserialize)]
struct Named {
    digest: [u8; 32],
    id: [u8; 16],
}

impl Store {
    /// The random identity of the model whose every byte is in `content`; a new one is remembered.
    ///
    /// # Errors
    /// The machine's; [`StoreError::Damaged`] when the list cannot be read.
    pub fn model_id(&self, content: &[u8]) -> Result<[u8; 16], StoreError> {
        let _gate = self.locked();
        let digest = self.key.digest(content);
        let mut models = self.models()?;
        if let Some(named) = models.iter().find(|named| named.digest == digest) {
            return Ok(named.id);
        }
        let id = random()?;
        if models.len() >= MAX_MODELS {
            models.remove(0);
        }
        models.push(Named { digest, id });
        let mut bytes = MAGIC.to_vec();
        let body = postcard::to_allocvec(&models)
            .map_err(|_| StoreError::Misuse("the list of models cannot be encoded"))?;
        bytes.extend_from_slice(&body);
        replace(&*self.files, &self.root, "models", &bytes)?;
        Ok(id)
    }

    fn models(&self) -> Result<Vec<Named>, StoreError> {
        let path = self.root.join("models");
        let Some(bytes) = read_small(&*self.files, &path, MAX_FILE)? else {
            return Ok(Vec::new());
        };
        let body = bytes.strip_prefix(MAGIC);
        match body.map(postcard::take_from_bytes::<Vec<Named>>) {
            Some(Ok((models, []))) if models.len() <= MAX_MODELS => Ok(models),
            _ => Err(StoreError::damaged(
                &path,
                "is no list of models; remove it, and the models get new identities",
            )),
        }
    }
}
