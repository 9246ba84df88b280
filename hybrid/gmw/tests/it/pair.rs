//! Two parties in two threads, with ideal correlated OTs or silent ones.

use privet_gmw::{Context, Error, Live};
use privet_net::Session;
use privet_ot::ideal;
use privet_plan::compare::Shape;
use privet_plan::cost::gmw::{Demand, OpCost};
use privet_prim::{Block, Delta, Prg};
use privet_ring::{Client, Party, Ring, Server, Shares, share};

/// What a run moved: online bytes of the client and of the server, and the material used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) client: u64,
    pub(crate) server: u64,
    pub(crate) used: Demand,
    pub(crate) flights: u64,
}

/// How both parties work.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) shape: Shape,
    pub(crate) chunk: usize,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            shape: Shape::FEW_TRANSFERS,
            chunk: 1 << 15,
        }
    }
}

/// Runs both parties over ideal correlated OTs, and counts.
pub(crate) fn run<C: Send, S: Send>(
    setting: Setting,
    client: impl FnOnce(&mut Context<'_, Client>) -> Result<C, Error> + Send,
    server: impl FnOnce(&mut Context<'_, Server>) -> Result<S, Error> + Send,
) -> (C, S, Moved) {
    run_over(Session::pair(1), setting, client, server)
}

/// The same in these sessions.
pub(crate) fn run_over<C: Send, S: Send>(
    (mut left, mut right): (Session, Session),
    setting: Setting,
    client: impl FnOnce(&mut Context<'_, Client>) -> Result<C, Error> + Send,
    server: impl FnOnce(&mut Context<'_, Server>) -> Result<S, Error> + Send,
) -> (C, S, Moved) {
    let (down, down_end) = ideal::deal(Block::random(), Delta::random());
    let (up, up_end) = ideal::deal(Block::random(), Delta::random());
    let (c, s) = std::thread::scope(|scope| {
        let c = scope.spawn(|| {
            let mut live = Live::<Client, _, _>::new(up, down_end).with_phases("offline", "online");
            party(left.lane(0).unwrap(), &mut live, setting, client)
        });
        let mut live = Live::<Server, _, _>::new(down, up_end).with_phases("offline", "online");
        let s = party(right.lane(0).unwrap(), &mut live, setting, server);
        (c.join().unwrap(), s)
    });
    let (c, s) = (c, s);
    assert_eq!(c.1, s.1, "both use the same");
    let count = |session: &Session| {
        let stats = session.stats();
        let online = stats.phases.iter().find(|p| p.name == "online");
        online.map_or((0, 0, 0), |p| (p.sent_bytes, p.received_bytes, p.flights))
    };
    let ((sent, received, flights), other) = (count(&left), count(&right));
    assert_eq!((sent, received), (other.1, other.0));
    let moved = Moved {
        client: sent,
        server: received,
        used: c.1,
        flights,
    };
    (c.0, s.0, moved)
}

fn party<P: Party, T, S, R>(
    ch: &mut privet_net::Channel,
    live: &mut Live<P, S, R>,
    setting: Setting,
    work: impl FnOnce(&mut Context<'_, P>) -> Result<T, Error>,
) -> (T, Demand)
where
    S: privet_ot::rcot::RcotSender,
    R: privet_ot::rcot::RcotReceiver,
{
    ch.set_phase("online");
    let mut context = Context::new(ch, live)
        .with_shape(setting.shape)
        .with_chunk(setting.chunk);
    let result = work(&mut context).unwrap();
    (result, live.counters().used)
}

/// The moved bytes and material are those of the cost function.
pub(crate) fn check_cost(moved: &Moved, cost: &OpCost) {
    assert_eq!(moved.client, cost.client_bytes, "bytes of the client");
    assert_eq!(moved.server, cost.server_bytes, "bytes of the server");
    assert_eq!(moved.used, cost.demand, "material");
}

/// Edge values of a ring and of a truncation, then random ones.
pub(crate) fn values(ring: Ring, shift: u32, n: usize) -> Vec<i64> {
    let unit = 1i64 << shift.min(62);
    let mut values = vec![
        0,
        1,
        -1,
        ring.max(),
        ring.min(),
        ring.min() + 1,
        ring.max() - 1,
    ];
    for v in [unit - 1, unit, unit + 1, 3 * (unit / 2)] {
        values.extend([v, -v]);
    }
    values.retain(|v| ring.contains(*v));
    let mut prg = Prg::new(Block::from(u128::from(ring.bits() * 100 + shift)));
    while values.len() < n {
        values.push(ring.wrap(prg.next_u64().cast_signed()));
    }
    values.truncate(n);
    values
}

/// Random shares of values.
pub(crate) fn split(ring: Ring, values: &[i64]) -> (Shares<Client>, Shares<Server>) {
    let mut prg = Prg::random();
    share(
        ring,
        values,
        values.iter().map(|_| prg.next_u64()).collect(),
    )
    .unwrap()
}
