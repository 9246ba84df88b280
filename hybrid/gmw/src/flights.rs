//! A protocol as flights: both parties send, then both receive. No channel is in sight.

use crate::error::Error;
use crate::wire::{empty, split};

/// One party's part of a protocol. Where [`done`](Self::done) is false, [`send`](Self::send) and then
/// [`receive`](Self::receive) make one flight.
pub(crate) trait Flights {
    /// Appends this flight's message, which may be empty; gives the bytes that the peer sends meanwhile.
    fn send(&mut self, out: &mut Vec<u8>) -> Result<usize, Error>;

    /// Takes the peer's message of that length.
    fn receive(&mut self, msg: &[u8]) -> Result<(), Error>;

    /// Whether nothing is left to send or receive.
    fn done(&self) -> bool;
}

/// Lets those parts that are not done send into one message; notes what each expects.
pub(crate) fn send_parts<'c>(
    parts: impl IntoIterator<Item = &'c mut dyn Flights>,
    out: &mut Vec<u8>,
    expected: &mut Vec<usize>,
) -> Result<usize, Error> {
    expected.clear();
    for part in parts {
        if !part.done() {
            expected.push(part.send(out)?);
        }
    }
    Ok(expected.iter().sum())
}

/// Hands the peer's message to the same parts.
pub(crate) fn receive_parts<'c>(
    parts: impl IntoIterator<Item = &'c mut dyn Flights>,
    mut msg: &[u8],
    expected: &[usize],
) -> Result<(), Error> {
    let mut expected = expected.iter();
    for part in parts {
        if !part.done() {
            let len = expected.next().copied().unwrap_or_default();
            part.receive(split(TOGETHER, len, &mut msg)?)?;
        }
    }
    Ok(empty(TOGETHER, msg)?)
}

const TOGETHER: &str = "messages sent together";
