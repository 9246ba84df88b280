//! A relay between two parties on plain TCP that changes the application bytes of one direction.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

/// Bytes of a frame's header: length of the payload, kind, zeros.
const HEADER: usize = 8;

/// The kind of frame that carries application bytes.
const DATA: u8 = 1;

/// What happens to the bytes of one direction.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    None,
    /// These bits are turned, at these offsets.
    Flip(Vec<(usize, u8)>),
    /// These bytes take the place of as many.
    Put(usize, Vec<u8>),
    /// So many bytes are left out.
    Drop(usize, usize),
    /// These are added.
    Insert(usize, Vec<u8>),
    /// The connection ends.
    Stop(usize),
    /// This frame, counted from 0, says that it has so many bytes.
    Claim(usize, u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

/// Moves frames from one end to the other; says how many application bytes came by.
fn relay(mut from: TcpStream, mut to: TcpStream, change: &Change) -> usize {
    let (mut offset, mut frames) = (0, 0);
    loop {
        let mut header = [0; HEADER];
        if from.read_exact(&mut header).is_err() {
            break;
        }
        let len = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let mut payload = vec![0; len];
        if from.read_exact(&mut payload).is_err() {
            break;
        }
        if header[4] == DATA {
            let range = offset..offset + len;
            offset = range.end;
            let at = |place: &usize| range.contains(place).then(|| place - range.start);
            match change {
                Change::None | Change::Claim(..) => {}
                Change::Flip(bits) => {
                    for (place, mask) in bits {
                        if let Some(at) = at(place) {
                            payload[at] ^= mask;
                        }
                    }
                }
                Change::Put(place, bytes) => {
                    for (place, byte) in (*place..).zip(bytes) {
                        if let Some(at) = at(&place) {
                            payload[at] = *byte;
                        }
                    }
                }
                Change::Drop(place, count) => {
                    let gone = *place..place + count;
                    let mut places = range.clone();
                    payload.retain(|_| !gone.contains(&places.next().unwrap()));
                }
                Change::Insert(place, bytes) => {
                    if let Some(at) = at(place) {
                        payload.splice(at..at, bytes.iter().copied());
                    }
                }
                Change::Stop(place) => {
                    if at(place).is_some() {
                        break;
                    }
                }
            }
            let mut len = payload.len() as u32;
            if let Change::Claim(frame, claimed) = change
                && *frame == frames
            {
                len = *claimed;
            }
            header[..4].copy_from_slice(&len.to_le_bytes());
            frames += 1;
        }
        if to
            .write_all(&header)
            .and_then(|()| to.write_all(&payload))
            .is_err()
        {
            break;
        }
    }
    drop((to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both)));
    offset
}

/// Moves frames both ways between a client's and a server's connection; how many application bytes came by, upwards and downwards.
pub(crate) fn pass(
    (client, server): (TcpStream, TcpStream),
    way: Way,
    change: &Change,
) -> [usize; 2] {
    let honest = Change::None;
    let (up, down) = match way {
        Way::Up => (change, &honest),
        Way::Down => (&honest, change),
    };
    let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    std::thread::scope(|scope| {
        let down = scope.spawn(|| relay(from, to, down));
        [relay(client, server, up), down.join().unwrap()]
    })
}
