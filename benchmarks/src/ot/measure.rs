//! Two parties on a loopback connection, and how many they make in a second.

use std::thread;
use std::time::Instant;

use privet_net::{Allow, Channel, Identity, Link, Listener};

use super::BenchError;
use crate::machine::cpu_seconds;
use crate::table::median;

/// How often a case is repeated after its warm-up.
const REPEATS: usize = 5;

/// Transfers of the warm-up, and the fewest of a repetition: more than an iteration of every set gives out.
const LEAST: u64 = 1 << 20;

/// What was found of a case.
pub(super) struct Measured {
    pub(super) per_second: f64,
    pub(super) bytes_each: f64,
    pub(super) cpu_ns_each: Option<f64>,
    pub(super) setup_seconds: f64,
    pub(super) setup_bytes: u64,
}

/// A party of a case: sets up, then makes as many as it is told.
pub(super) struct Party<S, W> {
    pub(super) setup: S,
    pub(super) work: W,
}

/// Runs a case: the server's party leads. Both parties' CPU time counts.
#[expect(clippy::cast_precision_loss, reason = "rates")]
pub(super) fn measure<A: Send, B: Send>(
    seconds: f64,
    mut server: Party<
        impl FnOnce(&mut Channel) -> Result<A, privet_ot::Error> + Send,
        impl FnMut(&mut A, &mut Channel, usize) -> Result<(), privet_ot::Error> + Send,
    >,
    mut client: Party<
        impl FnOnce(&mut Channel) -> Result<B, privet_ot::Error> + Send,
        impl FnMut(&mut B, &mut Channel, usize) -> Result<(), privet_ot::Error> + Send,
    >,
) -> Result<Measured, BenchError> {
    let (mut here, mut there) = loopback(Link::Loopback)?;
    thread::scope(|scope| {
        let peer = scope.spawn(move || -> Result<(), BenchError> {
            let ch = &mut there;
            let mut state = (client.setup)(ch)?;
            ch.send(&[1])?;
            loop {
                let mut n = [0; 8];
                ch.recv(&mut n)?;
                let n = usize::try_from(u64::from_le_bytes(n)).unwrap_or_default();
                if n == 0 {
                    return Ok(());
                }
                (client.work)(&mut state, ch, n)?;
                ch.send(&[1])?;
            }
        });
        let ch = &mut here;
        let begin = Instant::now();
        let mut state = (server.setup)(ch)?;
        ch.recv(&mut [0])?;
        let setup_seconds = begin.elapsed().as_secs_f64();
        let moved = |ch: &Channel| {
            let total = ch.stats().total();
            total.sent_bytes + total.received_bytes
        };
        let setup_bytes = moved(ch) - 1;
        let mut once = |ch: &mut Channel, n: u64| -> Result<f64, BenchError> {
            ch.send(&n.to_le_bytes())?;
            ch.flush()?;
            let begin = Instant::now();
            let wanted = usize::try_from(n).unwrap_or_default();
            (server.work)(&mut state, ch, wanted)?;
            ch.recv(&mut [0])?;
            Ok(n as f64 / begin.elapsed().as_secs_f64())
        };
        let warm = once(ch, LEAST)?;
        let share = seconds / REPEATS as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of transfers chosen from a rate"
        )]
        let n = ((warm * share) as u64)
            .clamp(LEAST, 1 << 30)
            .next_multiple_of(1 << 14);
        let (before, cpu) = (moved(ch), cpu_seconds());
        let rates = (0..REPEATS)
            .map(|_| once(ch, n))
            .collect::<Result<Vec<_>, _>>()?;
        let all = (n * REPEATS as u64) as f64;
        let cpu_ns_each = cpu
            .zip(cpu_seconds())
            .map(|(from, to)| (to - from) * 1e9 / all);
        // A number and a byte for every repetition.
        let bytes = moved(ch) - before - 9 * REPEATS as u64;
        ch.send(&0u64.to_le_bytes())?;
        ch.flush()?;
        peer.join()
            .unwrap_or_else(|_| Err(BenchError::Output("a thread died".to_owned())))?;
        Ok(Measured {
            per_second: median(&rates).unwrap_or(f64::NAN),
            bytes_each: bytes as f64 / all,
            cpu_ns_each,
            setup_seconds,
            setup_bytes,
        })
    })
}

/// Two ends of a plain loopback connection that imitates a link.
pub(crate) fn loopback(link: Link) -> Result<(Channel, Channel), BenchError> {
    let identity = Identity::generate().map_err(privet_net::Error::from)?;
    let net = privet_net::Options {
        insecure_plain: true,
        link,
        ..privet_net::Options::default()
    };
    let listener = Listener::bind("127.0.0.1:0", &identity, Allow::Anyone, net.clone())?;
    let address = listener.local_addr().to_string();
    let there = thread::spawn(move || -> Result<privet_net::Session, BenchError> {
        let own = Identity::generate().map_err(privet_net::Error::from)?;
        let peer = identity.fingerprint();
        Ok(privet_net::connect(&address, &own, peer, &net)?)
    });
    let here = listener.accept()?;
    let there = there
        .join()
        .unwrap_or_else(|_| Err(BenchError::Output("a thread died".to_owned())))?;
    let one = |session: privet_net::Session| {
        let lane = session.into_lanes().into_iter().next();
        lane.ok_or_else(|| BenchError::Output("a session without a lane".to_owned()))
    };
    Ok((one(here)?, one(there)?))
}
