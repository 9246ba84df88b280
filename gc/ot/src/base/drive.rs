//! Moves the base OT's messages over a channel.

use privet_net::Channel;
use privet_prim::{Block, Prg};

use super::msgs::{POINT_BYTES, ReceiverPoints, SenderPoint};
use super::{receiver, sender};
use crate::error::Error;

/// Runs the sender for `n` transfers.
///
/// # Errors
/// A failing channel or an invalid message of the peer.
pub fn send(ch: &mut Channel, n: usize) -> Result<Vec<[Block; 2]>, Error> {
    let (first, await_points) = sender::start(&mut Prg::new(Block::random()));
    ch.send(&first.encode())?;
    let mut bytes = vec![0; n.saturating_mul(POINT_BYTES)];
    ch.recv(&mut bytes)?;
    Ok(await_points.finish(&ReceiverPoints::decode(&bytes, n)?))
}

/// Runs the receiver, one transfer per choice.
///
/// # Errors
/// A failing channel or an invalid message of the peer.
pub fn receive(ch: &mut Channel, choices: &[bool]) -> Result<Vec<Block>, Error> {
    let mut bytes = [0; POINT_BYTES];
    ch.recv(&mut bytes)?;
    let first = SenderPoint::decode(&bytes)?;
    let (reply, keys) = receiver::reply(&first, choices, &mut Prg::new(Block::random()));
    ch.send(&reply.encode())?;
    ch.flush()?;
    Ok(keys)
}
