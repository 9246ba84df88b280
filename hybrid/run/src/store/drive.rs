//! Both parties' programs: settle, prepare, take. Only this file sees a channel.
//!
//! The first message that depends on an entry's payload can be sent only by who has a [`Burnt`],
//! and that exists only after this party's store has synced that the entry is burnt.

use privet_net::Channel;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::msgs::{Granted, Holdings, MAX_MESSAGE, Opened, Prepare, Proposal, Stored, Verdict};
use super::{About, Burnt, Settled, ShelfKey, Slot, Store, StoreError};
use crate::error::RunError;
use crate::handshake::sanitise;

/// What carries messages: a channel, or a test that loses them.
pub trait Wire {
    /// Sends a message at once.
    ///
    /// # Errors
    /// The connection's.
    fn send<T: Serialize>(&mut self, message: &T) -> Result<(), RunError>;

    /// Receives a message.
    ///
    /// # Errors
    /// The connection's, and bytes that are no such message.
    fn recv<T: DeserializeOwned>(&mut self) -> Result<T, RunError>;
}

impl Wire for Channel {
    fn send<T: Serialize>(&mut self, message: &T) -> Result<(), RunError> {
        self.send_msg(message)?;
        Ok(self.flush()?)
    }

    fn recv<T: DeserializeOwned>(&mut self) -> Result<T, RunError> {
        Ok(self.recv_msg(MAX_MESSAGE)?)
    }
}

/// The client settles its shelf with the server's; `None` when the server keeps nothing for it.
///
/// # Errors
/// The connection's and the store's.
pub fn settle_client(
    wire: &mut impl Wire,
    store: &Store,
    key: &ShelfKey,
    about: &About,
) -> Result<Option<Settled>, RunError> {
    let ours = store.holdings(key)?;
    wire.send(&ours)?;
    let Some(theirs) = wire.recv::<Option<Holdings>>()? else {
        return Ok(None);
    };
    Ok(Some(store.settle(key, about, Some(ours), &theirs)?.0))
}

/// A server that keeps no material answers a client that would settle.
///
/// # Errors
/// The connection's.
pub fn decline(wire: &mut impl Wire) -> Result<(), RunError> {
    let _theirs: Holdings = wire.recv()?;
    wire.send(&None::<Holdings>)
}

/// The server settles its shelf with the client's.
///
/// # Errors
/// The connection's and the store's.
pub fn settle_server(
    wire: &mut impl Wire,
    store: &Store,
    key: &ShelfKey,
    about: &About,
) -> Result<Settled, RunError> {
    let theirs: Holdings = wire.recv()?;
    let (settled, ours) = store.settle(key, about, None, &theirs)?;
    wire.send(&Some(ours))?;
    Ok(settled)
}

/// The client asks for one more entry, of which its half will have `bytes`; with the slot the making may begin.
///
/// # Errors
/// The server refuses, the store is full, or the connection fails.
pub fn ask(
    wire: &mut impl Wire,
    store: &Store,
    settled: &Settled,
    bytes: u64,
) -> Result<Slot, RunError> {
    store.room_for(bytes)?;
    let slot = store.reserve(settled, None)?;
    wire.send(&Prepare {
        counter: slot.id().counter,
    })?;
    match wire.recv()? {
        Granted::Yes => Ok(slot),
        Granted::No(reason) => Err(RunError::Incompatible(format!(
            "the server prepares nothing more: {}",
            sanitise(&reason)
        ))),
    }
}

/// The server's answer to [`ask`], with the bytes of its own half; with the slot the making may begin.
///
/// # Errors
/// The number was given already, the store is full, or the connection fails.
pub fn grant(
    wire: &mut impl Wire,
    store: &Store,
    settled: &Settled,
    bytes: u64,
) -> Result<Slot, RunError> {
    let wish: Prepare = wire.recv()?;
    let room = store.room_for(bytes);
    match room.and_then(|()| store.reserve(settled, Some(wish.counter))) {
        Ok(slot) => {
            wire.send(&Granted::Yes)?;
            Ok(slot)
        }
        Err(error) => {
            // The store's own line names files of this machine.
            let reason = match &error {
                StoreError::Full { .. } => "its store is full",
                StoreError::Gone { .. } => "the number was given already",
                StoreError::Io { .. }
                | StoreError::Busy { .. }
                | StoreError::Exposed { .. }
                | StoreError::Damaged { .. }
                | StoreError::Randomness(_)
                | StoreError::Misuse(_) => "its store cannot be used",
            };
            wire.send(&Granted::No(reason.to_owned()))?;
            Err(error.into())
        }
    }
}

/// Either party stores its half; the entry is ready once both have said so with the same hash.
///
/// # Errors
/// The halves do not belong together (then this one is erased), and the connection's and the store's.
pub fn keep(
    wire: &mut impl Wire,
    store: &Store,
    settled: &Settled,
    slot: Slot,
    about: &About,
    transcript: [u8; 32],
    payload: Zeroizing<Vec<u8>>,
) -> Result<(), RunError> {
    let counter = slot.id().counter;
    let pending = store.put(settled, slot, about, transcript, payload)?;
    let ours = Stored {
        counter,
        transcript,
    };
    wire.send(&ours)?;
    let theirs: Stored = wire.recv()?;
    if ours != theirs {
        store.abandon(settled, pending)?;
        return Err(RunError::PeerMisbehaved(
            "its half of the prepared material belongs to another preparation".to_owned(),
        ));
    }
    Ok(store.ready(settled, &pending)?)
}

/// The client takes the next entry that both can use; `None` when there is none left.
///
/// Both burn their halves at the same time; what either cannot read is passed over.
///
/// # Errors
/// The connection's and the store's.
pub fn take(
    wire: &mut impl Wire,
    store: &Store,
    settled: &Settled,
) -> Result<Option<Burnt>, RunError> {
    while let Some(entry) = store.first_ready(settled)? {
        wire.send(&Proposal::Use(entry))?;
        let burnt = match store.burn(settled, &entry) {
            Ok(burnt) => Some(burnt),
            Err(StoreError::Gone { .. }) => None,
            Err(error @ StoreError::Damaged { .. }) => {
                store.warn(&error);
                None
            }
            Err(error) => return Err(error.into()),
        };
        match (wire.recv()?, burnt) {
            (Verdict::Agreed, Some(burnt)) => {
                wire.send(&Opened::Yes)?;
                return Ok(Some(burnt));
            }
            (Verdict::Agreed, None) => wire.send(&Opened::No)?,
            (Verdict::Burn { mark }, _) if mark >= entry.counter => store.burn_to(settled, mark)?,
            (Verdict::Burn { .. }, _) => {
                return Err(RunError::PeerMisbehaved(
                    "it refused an entry above its high-water mark".to_owned(),
                ));
            }
        }
    }
    wire.send(&Proposal::Nothing)?;
    Ok(None)
}

/// The server's side of [`take`].
///
/// # Errors
/// The proposal names a number that was never given; the connection's and the store's.
pub fn give(
    wire: &mut impl Wire,
    store: &Store,
    settled: &Settled,
) -> Result<Option<Burnt>, RunError> {
    loop {
        let Proposal::Use(entry) = wire.recv()? else {
            return Ok(None);
        };
        match store.burn(settled, &entry) {
            Ok(burnt) => {
                wire.send(&Verdict::Agreed)?;
                match wire.recv()? {
                    Opened::Yes => return Ok(Some(burnt)),
                    Opened::No => continue,
                }
            }
            Err(StoreError::Gone { .. }) => {}
            Err(error @ StoreError::Damaged { .. }) => store.warn(&error),
            Err(error) => return Err(error.into()),
        }
        let mark = store.mark(settled)?;
        if mark < entry.counter {
            return Err(RunError::PeerMisbehaved(
                "it proposed an entry that was never made".to_owned(),
            ));
        }
        wire.send(&Verdict::Burn { mark })?;
    }
}
