//! Moves chosen OT's message over a channel.

use privet_net::Channel;
use privet_prim::Block;

use super::msgs::{Masked, PAIR_BYTES};
use crate::error::Error;
use crate::rot;

/// Transfers whose masked messages travel together.
const BATCH: usize = 4096;

/// Sends one message of each pair.
///
/// # Errors
/// A failing channel.
pub fn send(ch: &mut Channel, rot: &mut rot::Sender, pairs: &[[Block; 2]]) -> Result<(), Error> {
    let keys = rot.extend(ch, pairs.len())?;
    for (pairs, keys) in pairs.chunks(BATCH).zip(keys.chunks(BATCH)) {
        ch.send(&Masked::new(pairs, keys.to_vec())?.encode())?;
    }
    ch.flush()?;
    Ok(())
}

/// Receives the message of each choice.
///
/// # Errors
/// A failing channel.
pub fn receive(
    ch: &mut Channel,
    rot: &mut rot::Receiver,
    choices: &[bool],
) -> Result<Vec<Block>, Error> {
    let keys = rot.extend(ch, choices)?;
    let mut out = Vec::with_capacity(keys.len());
    for (choices, keys) in choices.chunks(BATCH).zip(keys.chunks(BATCH)) {
        let bytes = ch.recv_slice(keys.len() * PAIR_BYTES)?;
        out.extend(Masked::decode(bytes, keys.len())?.open(choices, keys.to_vec())?);
    }
    Ok(out)
}
