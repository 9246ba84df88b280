//! Bulk throughput of one lane and the time of a round trip, both parties on this machine.
//!
//! `cargo bench -p privet-net` measures; with `-- --test` each case runs once, small; a name
//! (`memory`, `plain`, `tls`, or `lan` for memory behind that link) restricts it to that transport.

use privet_net::{Allow, Channel, Error, Identity, Listener, Options, Session, connect};
use std::{thread, time::Instant};

fn main() -> Result<(), Error> {
    let quick = std::env::args().any(|arg| arg == "--test");
    let (bytes, pings) = if quick {
        (1 << 24, 10)
    } else {
        (4 << 30, 20_000)
    };
    println!(
        "{:<14}{:>16}{:>16}{:>18}",
        "transport", "one way GB/s", "both ways GB/s", "round trip us"
    );
    let all = ["memory", "plain", "tls", "lan"];
    let chosen: Vec<_> = all
        .into_iter()
        .filter(|name| std::env::args().any(|a| a == *name))
        .collect();
    for transport in if chosen.is_empty() {
        all.to_vec()
    } else {
        chosen
    } {
        let bytes = if transport == "lan" { bytes / 8 } else { bytes };
        let one = bulk(open(transport)?, bytes, false)?;
        let both = bulk(open(transport)?, bytes / 2, true)?;
        let trip = round_trip(open(transport)?, pings)?;
        println!("{transport:<14}{one:>16.2}{both:>16.2}{trip:>18.1}");
    }
    Ok(())
}

fn open(transport: &str) -> Result<(Session, Session), Error> {
    if transport == "memory" {
        return Ok(Session::pair(1));
    }
    if transport == "lan" {
        let link = "lan".parse()?;
        return Session::pair_with(&Options {
            link,
            ..Options::default()
        });
    }
    let options = Options {
        insecure_plain: transport == "plain",
        ..Options::default()
    };
    let (server, client) = (Identity::generate()?, Identity::generate()?);
    let allow = Allow::List(vec![client.fingerprint()]);
    let listener = Listener::bind("127.0.0.1:0", &server, allow, options.clone())?;
    let at = listener.local_addr().to_string();
    let session = connect(&at, &client, server.fingerprint(), &options)?;
    Ok((session, listener.accept()?))
}

fn send_all(lane: &mut Channel, bytes: usize) -> Result<(), Error> {
    let piece = 64 * 1024;
    for _ in 0..bytes / piece {
        lane.frame_mut(piece)?;
    }
    lane.flush()
}

fn recv_all(lane: &mut Channel, bytes: usize) -> Result<(), Error> {
    let piece = 64 * 1024;
    for _ in 0..bytes / piece {
        lane.recv_slice(piece)?;
    }
    Ok(())
}

/// 10^9 bytes per second, all directions together.
fn bulk((mut a, mut b): (Session, Session), bytes: usize, both: bool) -> Result<f64, Error> {
    let start = Instant::now();
    thread::scope(|scope| {
        let here = scope.spawn(|| {
            let lane = first(&mut a)?;
            for _ in 0..16 {
                send_all(lane, bytes / 16)?;
                if both {
                    recv_all(lane, bytes / 16)?;
                }
            }
            lane.recv(&mut [0])
        });
        let lane = first(&mut b)?;
        for _ in 0..16 {
            if both {
                send_all(lane, bytes / 16)?;
            }
            recv_all(lane, bytes / 16)?;
        }
        lane.send(&[1])?;
        lane.flush()?;
        here.join().unwrap_or(Ok(()))
    })?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a few billions are exact in f64"
    )]
    let total = (bytes * (1 + usize::from(both))) as f64;
    Ok(total / start.elapsed().as_secs_f64() / 1e9)
}

/// Microseconds.
fn round_trip((mut a, mut b): (Session, Session), count: u32) -> Result<f64, Error> {
    thread::scope(|scope| {
        scope.spawn(|| {
            let lane = first(&mut b)?;
            for _ in 0..count {
                lane.recv(&mut [0; 16])?;
                lane.send(&[1; 16])?;
                lane.flush()?;
            }
            Ok::<(), Error>(())
        });
        let lane = first(&mut a)?;
        let start = Instant::now();
        for _ in 0..count {
            lane.send(&[1; 16])?;
            lane.recv(&mut [0; 16])?;
        }
        Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(count))
    })
}

fn first(session: &mut Session) -> Result<&mut Channel, Error> {
    session
        .lanes_mut()
        .first_mut()
        .ok_or(Error::Io(privet_net::IoError::Closed))
}
