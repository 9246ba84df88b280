//! Stored material within a session: both parties settle, prepare ahead, and use what is ready.

use std::sync::Arc;

use privet_net::Session;
use privet_plan::{Party, Plan};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::engine::Engine;
use crate::error::RunError;
use crate::exec::shares::material::{Material, Owner};
use crate::report::Phase;
use crate::store::{About, EntryId, Settled, ShelfKey, Store, drive};

/// Bytes before the material in an entry: what making it took.
const HEAD: usize = 24;

/// A party's part of the store that a session may use.
pub(crate) struct Shelf {
    store: Arc<Store>,
    key: ShelfKey,
    about: About,
    settled: Option<Settled>,
}

/// An entry that was made and stored by both parties.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Made {
    /// Its number.
    pub counter: u64,
    /// What making it took.
    pub offline: Phase,
    /// Bytes of this party's half.
    pub bytes: u64,
}

/// Material that came out of the store.
pub(crate) struct Taken {
    pub(crate) material: Material,
    /// What making it took, in the session of then.
    pub(crate) offline: Phase,
}

const UNSETTLED: &str = "it speaks of prepared material before holdings were compared";

impl Shelf {
    /// None where there is no store, no authenticated peer, or nothing that is prepared.
    pub(crate) fn new(
        store: Option<&Arc<Store>>,
        session: &Session,
        half: Party,
        model: [u8; 16],
        plan: &Plan,
    ) -> Option<Self> {
        let (store, peer) = (store?, session.peer()?);
        let prepares = plan.options.backend.shares() && !plan.options.all_online;
        prepares.then(|| Self {
            store: Arc::clone(store),
            key: ShelfKey {
                peer,
                half,
                model,
                plan: plan.hash,
            },
            about: About::new(&plan.graph.name, &plan.options.backend.to_string()),
            settled: None,
        })
    }

    /// Whether anything lies here that a settlement could make usable.
    pub(crate) fn has_entries(&self) -> Result<bool, RunError> {
        Ok(!self.store.holdings(&self.key)?.held().is_empty())
    }

    /// Compares holdings with the server; false when it keeps no material for this session.
    pub(crate) fn settle_client(&mut self, session: &mut Session) -> Result<bool, RunError> {
        let wire = session.lane(0)?;
        self.settled = drive::settle_client(wire, &self.store, &self.key, &self.about)?;
        Ok(self.settled.is_some())
    }

    /// Compares holdings with the client; says which numbers are ready.
    pub(crate) fn settle_server(&mut self, session: &mut Session) -> Result<(), RunError> {
        let wire = session.lane(0)?;
        let settled = drive::settle_server(wire, &self.store, &self.key, &self.about)?;
        self.settled = Some(settled);
        Ok(())
    }

    /// Entries that are ready.
    pub(crate) fn ready(&self) -> Result<usize, RunError> {
        match &self.settled {
            Some(settled) => Ok(self.store.ready_count(settled)?),
            None => Ok(0),
        }
    }

    /// Makes and stores one entry with the peer.
    pub(crate) fn prepare(
        &self,
        session: &mut Session,
        engine: &mut Engine,
        plan: &Plan,
        owner: Owner<'_>,
    ) -> Result<Made, RunError> {
        let settled = self.settled()?;
        let wire = session.lane(0)?;
        let bytes = (HEAD + Material::bytes(plan, self.key.half)) as u64;
        let slot = match owner {
            Owner::Client => drive::ask(wire, &self.store, settled, bytes)?,
            Owner::Server(_) => drive::grant(wire, &self.store, settled, bytes)?,
        };
        let (material, offline) = engine.prepare(session, plan, owner)?;
        let id = slot.id();
        let transcript = self.transcript(session, id, offline.bytes);
        let payload = pack(&material.into_bytes(), offline);
        let wire = session.lane(0)?;
        drive::keep(
            wire,
            &self.store,
            settled,
            slot,
            &self.about,
            transcript,
            payload,
        )?;
        Ok(Made {
            counter: id.counter,
            offline,
            bytes,
        })
    }

    /// Takes an entry out of both stores; `None` when nothing is left that both can use.
    pub(crate) fn take(
        &self,
        session: &mut Session,
        plan: &Plan,
    ) -> Result<Option<Taken>, RunError> {
        let settled = self.settled()?;
        let wire = session.lane(0)?;
        let burnt = match self.key.half {
            Party::Client => drive::take(wire, &self.store, settled)?,
            Party::Server => drive::give(wire, &self.store, settled)?,
        };
        let Some(burnt) = burnt else {
            return Ok(None);
        };
        let payload = burnt.into_payload();
        let (offline, bytes) = unpack(&payload)
            .ok_or_else(|| RunError::Input("prepared material is cut off".to_owned()))?;
        let material = Material::from_bytes(plan, self.key.half, bytes)?;
        Ok(Some(Taken { material, offline }))
    }

    fn settled(&self) -> Result<&Settled, RunError> {
        self.settled
            .as_ref()
            .ok_or_else(|| RunError::PeerMisbehaved(UNSETTLED.to_owned()))
    }

    /// What both parties know of an entry's making. The channel authenticates every byte of it, and
    /// both contributed to the session's name: it stands for the transcript itself.
    fn transcript(&self, session: &Session, id: EntryId, bytes: u64) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(b"privet prepared 1");
        hasher.update(session.id());
        hasher.update(id.epoch.0);
        hasher.update(id.counter.to_le_bytes());
        hasher.update(self.key.model);
        hasher.update(self.key.plan);
        hasher.update(bytes.to_le_bytes());
        hasher.finalize().into()
    }
}

fn pack(material: &[u8], offline: Phase) -> Zeroizing<Vec<u8>> {
    let mut payload = Zeroizing::new(Vec::with_capacity(HEAD + material.len()));
    payload.extend_from_slice(&offline.seconds.to_le_bytes());
    payload.extend_from_slice(&offline.bytes.to_le_bytes());
    payload.extend_from_slice(&offline.flights.to_le_bytes());
    payload.extend_from_slice(material);
    payload
}

fn unpack(payload: &[u8]) -> Option<(Phase, &[u8])> {
    let (seconds, rest) = payload.split_first_chunk()?;
    let (bytes, rest) = rest.split_first_chunk()?;
    let (flights, material) = rest.split_first_chunk()?;
    let offline = Phase {
        seconds: f64::from_le_bytes(*seconds),
        bytes: u64::from_le_bytes(*bytes),
        flights: u64::from_le_bytes(*flights),
    };
    Some((offline, material))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let offline = Phase {
            seconds: 1.25,
            bytes: 7,
            flights: 3,
        };
        let payload = pack(&[1, 2, 3], offline);
        assert_eq!(unpack(&payload), Some((offline, &[1, 2, 3][..])));
        assert_eq!(unpack(&payload[..HEAD - 1]), None);
    }
}
