//! Signs of shares of which the client's was known before: material is turned to it, then stored, then used.

use privet_gmw::ahead::Carries;
use privet_gmw::{Context, Live, Material, Stored};
use privet_net::{Channel, Session};
use privet_ot::ideal;
use privet_plan::compare::Shape;
use privet_plan::cost::gmw::{self as cost, OpCost};
use privet_prim::{Block, Delta};
use privet_ring::{Client, Party, Ring, Server, Shares, floor_shift, open};

use super::pair::{split, values};

const SHIFT: u32 = 12;

const BITS: u32 = 37;

fn expected(signs: &Carries, n: u64) -> OpCost {
    let one = |n| cost::relu_trunc(n, BITS, SHIFT, BITS, signs.shape);
    OpCost::chunked(n, signs.chunk as u64, one).unwrap()
}

/// Through bytes, then the operation; bytes sent online.
fn online<P: Party>(
    ch: &mut Channel,
    signs: &Carries,
    x: &Shares<P>,
    material: Material<P>,
) -> Shares<P> {
    let demand = expected(signs, x.len() as u64).demand;
    assert_eq!(material.left(), demand);
    let bytes = material.into_bytes();
    let mut stored = Stored::<P>::from_bytes(&demand, &bytes).unwrap();
    ch.set_phase("online");
    let mut context = Context::new(ch, &mut stored)
        .with_shape(signs.shape)
        .with_chunk(signs.chunk);
    let y = context.relu_trunc(x, SHIFT, x.ring()).unwrap();
    let again = context.relu_trunc(x, SHIFT, x.ring());
    assert!(again.err().unwrap().to_string().contains("run out"));
    assert_eq!(stored.counters().used, demand);
    y
}

#[test]
fn numbers_known_ahead_save_their_bits_and_nothing_else_changes() {
    let ring = Ring::new(BITS).unwrap();
    let values = values(ring, SHIFT, 300);
    for shape in Shape::all() {
        let signs = Carries::relu(shape.ahead(), ring, SHIFT, 128);
        let (c, s) = split(ring, &values);
        let (mut left, mut right) = Session::pair(1);
        let (down, down_end) = ideal::deal(Block::random(), Delta::random());
        let (up, up_end) = ideal::deal(Block::random(), Delta::random());
        let demand = expected(&signs, 300).demand;
        let (c, s) = std::thread::scope(|scope| {
            let c = scope.spawn(|| {
                let ch = left.lane(0).unwrap();
                let mut live = Live::<Client, _, _>::new(up, down_end);
                let mut material = live.prepare(ch, &demand).unwrap();
                ch.set_phase("ahead");
                signs.fix_own(ch, &c, &mut material).unwrap();
                online(ch, &signs, &c, material)
            });
            let ch = right.lane(0).unwrap();
            let mut live = Live::<Server, _, _>::new(down, up_end);
            let mut material = live.prepare(ch, &demand).unwrap();
            ch.set_phase("ahead");
            signs.fix_theirs(ch, s.len(), &mut material).unwrap();
            let s = online(ch, &signs, &s, material);
            (c.join().unwrap(), s)
        });
        let clear = values.iter().map(|v| floor_shift((*v).max(0), SHIFT));
        assert_eq!(
            open(&c, &s).unwrap(),
            clear.collect::<Vec<_>>(),
            "{shape:?}"
        );
        let planned = expected(&signs, 300);
        let phase = |name: &str| {
            let stats = left.stats();
            let found = stats.phases.iter().find(|phase| phase.name == name);
            found.map_or((0, 0, 0), |p| (p.sent_bytes, p.received_bytes, p.flights))
        };
        let (sent, received, _) = phase("ahead");
        assert_eq!((sent, received), (planned.ahead_bytes, 0), "{shape:?}");
        let (sent, received, flights) = phase("online");
        assert_eq!(sent, planned.client_bytes, "{shape:?}");
        assert_eq!(received, planned.server_bytes, "{shape:?}");
        assert_eq!(flights, u64::from(planned.flights().count()));
    }
}

/// What nobody turned ahead is not made up online.
#[test]
fn a_source_that_makes_more_does_not_make_what_is_fixed() {
    let shape = Shape::FEW_BITS.ahead();
    let ring = Ring::new(16).unwrap();
    let (_, s) = split(ring, &[5, -5]);
    let (mut left, _right) = Session::pair(1);
    let (down, _) = ideal::deal(Block::random(), Delta::random());
    let (_, up_end) = ideal::deal(Block::random(), Delta::random());
    let mut live = Live::<Server, _, _>::new(down, up_end);
    let ch = left.lane(0).unwrap();
    let refused = Context::new(ch, &mut live).with_shape(shape).drelu(&s);
    assert!(refused.err().unwrap().to_string().contains("ahead"));
}
