//! The thread that reads a lane's socket.

use crate::{
    assemble::{Assembler, Event},
    error::{Error, IoError, PeerMisbehaved, TlsError, one_line},
    frame::{FRAME_COST, Frame, MAX_FRAME},
    lane::Lane,
    records::ReadError,
    transport::{Fill, Source},
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// What a peer that closes may send beyond its window: one last frame.
const LAST_FRAME: u64 = MAX_FRAME as u64 + FRAME_COST;
/// After this side has said its last word it reads on for at most this many times the silence
/// that means death: bytes under way on a slow link are still to arrive.
const LINGER: u32 = 6;
/// Time for telling a misbehaving peer why the session ends.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Reads until the lane has ended. Never waits for anything but the socket.
pub(crate) fn run(lane: &Arc<Lane>, mut source: Source, mut assembler: Assembler, dead: Duration) {
    let _guard = lane.guard();
    let end = read(lane, &mut source, &mut assembler, dead);
    if let Err(error) = end {
        if matches!(error, Error::PeerMisbehaved(_)) {
            lane.shared.abort(&error.to_string(), &error);
            // Nothing more is read: a peer that goes on sending must not wait for it.
            lane.wait_for_writer(LAST_WORD);
            lane.shut_socket();
        } else {
            lane.shared.fail(&error);
        }
    }
    lane.reader_done();
}

fn read(
    lane: &Arc<Lane>,
    source: &mut Source,
    assembler: &mut Assembler,
    dead: Duration,
) -> Result<(), Error> {
    let tick = (dead / 8).clamp(Duration::from_millis(2), Duration::from_millis(500));
    source.set_timeout(tick)?;
    let mut heard = Instant::now();
    let mut closed = false;
    loop {
        while let Some(event) = assembler.next_event() {
            closed |= take(lane, assembler, event)?;
        }
        match source.fill(assembler).map_err(explain)? {
            Fill::Bytes(bytes) => {
                heard = Instant::now();
                lane.wire_received
                    .fetch_add(bytes as u64, Ordering::Relaxed);
            }
            Fill::Nothing if heard.elapsed() >= dead => {
                return Err(IoError::Dead {
                    silent: heard.elapsed(),
                }
                .into());
            }
            Fill::Nothing => {}
            Fill::End => {
                while let Some(event) = assembler.next_event() {
                    closed |= take(lane, assembler, event)?;
                }
                let why = "its process ended or the network broke";
                return if closed {
                    Ok(())
                } else {
                    Err(Error::lost(why))
                };
            }
        }
        if lane
            .finished_for()
            .is_some_and(|since| since >= LINGER * dead)
        {
            return Ok(());
        }
    }
}

/// Acts on one frame; returns whether the peer has closed.
fn take(lane: &Arc<Lane>, assembler: &mut Assembler, event: Event) -> Result<bool, Error> {
    match event {
        Event::Data(frame) => assembler.spare(deliver(lane, frame)?),
        Event::Heartbeat(work) => lane.shared.peer_work.set(work),
        Event::Credit(credit) => lane.grant(credit),
        Event::Abort(reason) => return Err(IoError::PeerAborted { reason }.into()),
        Event::Close => {
            lane.peer_closed();
            return Ok(true);
        }
        Event::Hello(_) => {
            return Err(PeerMisbehaved::Handshake("repeated after the session began").into());
        }
    }
    Ok(false)
}

/// Puts a frame in front of the protocol; returns a buffer for the next one.
fn deliver(lane: &Arc<Lane>, frame: Frame) -> Result<Vec<u8>, Error> {
    let window = lane.shared.window;
    let mut state = lane.lock();
    let outstanding = state.outstanding + frame.cost();
    if outstanding > window + LAST_FRAME {
        let over = outstanding - window;
        return Err(PeerMisbehaved::Window { over, window }.into());
    }
    let buffer = state.take_buffer();
    drop(state);
    lane.deliver(frame);
    Ok(buffer)
}

fn explain(error: ReadError) -> Error {
    match error {
        ReadError::Content(error) => error,
        ReadError::Tls(error) => TlsError::Protocol(one_line(&error.to_string())).into(),
    }
}
