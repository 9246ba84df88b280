//! Hostile peers: every message of every protocol cut short, too long, with flipped bits, and replayed.

use privet_net::Session;
use privet_ot::ideal as dealer;
use privet_plan::compare::Shape;
use privet_plan::cost::Round;
use privet_plan::cost::gmw::{self as cost, Demand, Division, OpCost, Truncation};
use privet_prim::{Block, Delta, Prg};
use privet_ring::{Client, Party, Ring, Server, share};

use crate::and::{And, Operands};
use crate::argmax::Reveal;
use crate::compare::Compare;
use crate::convert::ToNumbers;
use crate::divide::Divide;
use crate::flights::Flights;
use crate::select::{Cross, Mux};
use crate::trunc::Trunc;
use crate::{Error, Live, Material, PeerMisbehaved};

/// Elements of each protocol: not a multiple of 64, and fields that do not fill their last byte.
const N: usize = 67;

/// Both parties' material for a demand, as bytes: each attack begins anew.
fn prepared(demand: &Demand) -> (Vec<u8>, Vec<u8>) {
    let (mut left, mut right) = Session::pair(1);
    let (down, down_end) = dealer::deal(Block::random(), Delta::random());
    let (up, up_end) = dealer::deal(Block::random(), Delta::random());
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut live = Live::<Client, _, _>::new(up, down_end);
            let made = live.prepare(left.lane(0).unwrap(), demand).unwrap();
            made.into_bytes()
        });
        let mut live = Live::<Server, _, _>::new(down, up_end);
        let made = live.prepare(right.lane(0).unwrap(), demand).unwrap();
        (client.join().unwrap(), made.into_bytes())
    })
}

/// How a party begins.
type Begin<P> = dyn Fn(&mut Material<P>) -> Box<dyn Flights>;

/// A protocol: its cost, and how either party begins.
struct Protocol {
    name: &'static str,
    cost: OpCost,
    client: Box<Begin<Client>>,
    server: Box<Begin<Server>>,
}

/// Both parties in one thread.
struct Run {
    parties: [Box<dyn Flights>; 2],
    expected: [usize; 2],
}

impl Run {
    fn new(protocol: &Protocol, (client, server): &(Vec<u8>, Vec<u8>)) -> Self {
        let demand = &protocol.cost.demand;
        let mut c = Material::from_bytes(demand, client).unwrap();
        let mut s = Material::from_bytes(demand, server).unwrap();
        Self {
            parties: [(protocol.client)(&mut c), (protocol.server)(&mut s)],
            expected: [0; 2],
        }
    }

    fn done(&self) -> bool {
        self.parties.iter().all(|party| party.done())
    }

    /// What each party sends in this flight.
    fn send(&mut self) -> [Vec<u8>; 2] {
        let mut sent = [Vec::new(), Vec::new()];
        let parties = self.parties.iter_mut().zip(&mut sent);
        for ((party, out), expected) in parties.zip(&mut self.expected) {
            *expected = party.send(out).unwrap();
        }
        sent
    }

    fn receive(&mut self, to: usize, msg: &[u8]) -> Result<(), Error> {
        self.parties[to].receive(msg)
    }

    /// From here on both are honest: whatever comes out, they get to an end.
    fn finish(mut self) {
        while !self.done() {
            let sent = self.send();
            for (from, msg) in sent.iter().enumerate() {
                assert_eq!(msg.len(), self.expected[1 - from]);
                self.receive(1 - from, msg).unwrap();
            }
        }
    }
}

/// All messages of an honest run, flight by flight.
fn honest(protocol: &Protocol, material: &(Vec<u8>, Vec<u8>)) -> Vec<[Vec<u8>; 2]> {
    let mut run = Run::new(protocol, material);
    let mut flights = Vec::new();
    while !run.done() {
        let sent = run.send();
        for (from, msg) in sent.iter().enumerate() {
            assert_eq!(msg.len(), run.expected[1 - from], "{}", protocol.name);
            run.receive(1 - from, msg).unwrap();
        }
        flights.push(sent);
    }
    let total = |from: usize| {
        flights
            .iter()
            .map(|sent| sent[from].len() as u64)
            .sum::<u64>()
    };
    let (name, cost) = (protocol.name, &protocol.cost);
    assert_eq!(total(0), cost.client_bytes, "{name}");
    assert_eq!(total(1), cost.server_bytes, "{name}");
    let rounds = flights.iter().map(|[client, server]| Round {
        client: !client.is_empty(),
        server: !server.is_empty(),
    });
    assert_eq!(rounds.collect::<Vec<_>>(), cost.rounds, "{name}");
    flights
}

/// One attack: in flight `at`, the party `to` gets `msg` instead of what was sent.
fn attack(
    protocol: &Protocol,
    material: &(Vec<u8>, Vec<u8>),
    at: usize,
    to: usize,
    msg: &[u8],
) -> Result<(), PeerMisbehaved> {
    let mut run = Run::new(protocol, material);
    for flight in 0.. {
        let sent = run.send();
        for receiver in [to, 1 - to] {
            if flight == at && receiver == to {
                match run.receive(to, msg) {
                    Ok(()) => {}
                    Err(Error::PeerMisbehaved(error)) => return Err(error),
                    Err(other) => panic!("{}: {other}", protocol.name),
                }
            } else {
                run.receive(receiver, &sent[1 - receiver]).unwrap();
            }
        }
        if flight == at {
            break;
        }
    }
    run.finish();
    Ok(())
}

fn is_length(outcome: Result<(), PeerMisbehaved>) -> bool {
    matches!(outcome, Err(PeerMisbehaved::Length { .. }))
}

/// Wrong lengths are the peer's fault; flips and replays of the right length are that or a wrong result, as semi-honest protocols have it.
fn besiege(protocol: &Protocol) {
    let material = prepared(&protocol.cost.demand);
    let flights = honest(protocol, &material);
    let name = protocol.name;
    for (at, sent) in flights.iter().enumerate() {
        for to in 0..2 {
            let msg = &sent[1 - to];
            let bad = |bytes: &[u8]| attack(protocol, &material, at, to, bytes);
            let mut longer = msg.clone();
            longer.push(0);
            assert!(is_length(bad(&longer)), "{name} {at} {to}: a byte more");
            longer.resize(msg.len() + 1000, 0xff);
            assert!(is_length(bad(&longer)), "{name} {at} {to}: far more");
            let Some((_, shorter)) = msg.split_last() else {
                continue;
            };
            // Shifted fields may show bits where there are none first.
            let shifted = &shorter[1.min(shorter.len())..];
            assert!(bad(shifted).is_err(), "{name} {at} {to}: two bytes less");
            assert!(is_length(bad(shorter)), "{name} {at} {to}: a byte less");
            assert!(is_length(bad(&[])), "{name} {at} {to}: nothing");
            for bit in (0..8 * msg.len())
                .step_by(1 + msg.len() / 3)
                .chain([8 * msg.len() - 1])
            {
                let mut flipped = msg.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let outcome = bad(&flipped);
                let spare = matches!(outcome, Err(PeerMisbehaved::SpareBits { .. }));
                assert!(outcome.is_ok() || spare, "{name} {at} {to}: {outcome:?}");
            }
            for old in flights.iter().take(at).flatten().chain([&sent[to]]) {
                let outcome = bad(old);
                let spare = matches!(outcome, Err(PeerMisbehaved::SpareBits { .. }));
                let fits = old.len() == msg.len() && outcome.is_ok();
                assert!(
                    fits || spare || is_length(outcome),
                    "{name} {at} {to}: replayed"
                );
            }
        }
    }
}

/// A protocol from a closure that begins it at either party, with that party's shares of N numbers.
macro_rules! protocol {
    ($name:expr, $cost:expr, $ring:expr, |$x:ident, $material:ident, $prg:ident| $begin:expr) => {{
        fn begin<P: Party + 'static>(
            shape: Shape,
            $x: &[u64],
            $material: &mut Material<P>,
        ) -> Box<dyn Flights> {
            let mut prg = Prg::new(Block::from(u128::from(P::ADDS_PUBLIC)));
            let $prg = (&mut prg, shape);
            Box::new($begin)
        }
        move |shape: Shape| {
            let ring = Ring::new($ring).unwrap();
            let mut prg = Prg::new(Block::from(99));
            let mut random = || (0..N).map(|_| prg.next_u64()).collect::<Vec<_>>();
            let numbers: Vec<i64> = random()
                .iter()
                .map(|v| ring.wrap(v.cast_signed()))
                .collect();
            let (c, s) = share(ring, &numbers, random()).unwrap();
            let (c, s) = (c.into_values(), s.into_values());
            Protocol {
                name: $name,
                cost: $cost(shape).unwrap(),
                client: Box::new(move |material| begin::<Client>(shape, &c, material)),
                server: Box::new(move |material| begin::<Server>(shape, &s, material)),
            }
        }
    }};
}

fn cost_of(cost: OpCost) -> Result<OpCost, privet_plan::compare::ShapeError> {
    Ok(cost)
}

/// Shapes that between them have every kind of leaf, tree and product.
fn shapes() -> Vec<Shape> {
    use privet_plan::compare::{Leaves, Products, Tree};
    let chain = Shape {
        client: privet_plan::compare::Operand::Online,
        leaves: Leaves::SharedAnd,
        tree: Tree::Chain,
        products: Products::Plain,
    };
    vec![Shape::FEW_TRANSFERS, Shape::FEW_BITS, chain]
}

#[test]
fn comparisons_survive() {
    let compare = protocol!(
        "compare",
        |shape: Shape| shape.cost(N as u64, 13, Some(5)),
        13,
        |x, material, prg| Compare::new(prg.1, 13, Some(5), x, material, prg.0).unwrap()
    );
    shapes()
        .into_iter()
        .for_each(|shape| besiege(&compare(shape)));
}

#[test]
fn truncations_survive() {
    let form = Truncation::floor(13, 5, 20);
    assert!(form.wrap_bits() > 0 && form.has_carry());
    let trunc = protocol!(
        "trunc",
        |shape: Shape| Truncation::floor(13, 5, 20).cost(N as u64, shape),
        13,
        |x, material, prg| {
            Trunc::new(Truncation::floor(13, 5, 20), prg.1, x, material, prg.0).unwrap()
        }
    );
    shapes()
        .into_iter()
        .for_each(|shape| besiege(&trunc(shape)));
}

#[test]
fn divisions_survive() {
    let divide = protocol!(
        "divide",
        |shape: Shape| Division::nearest(13, 9, 11).cost(N as u64, shape),
        13,
        |x, material, prg| {
            Divide::new(Division::nearest(13, 9, 11), prg.1, x, material, prg.0).unwrap()
        }
    );
    shapes()
        .into_iter()
        .for_each(|shape| besiege(&divide(shape)));
}

#[test]
fn relus_survive() {
    let relu = protocol!(
        "relu",
        |shape: Shape| cost::relu_trunc(N as u64, 13, 5, 11, shape),
        13,
        |x, material, prg| {
            let (ring, out) = (Ring::new(13).unwrap(), Ring::new(11).unwrap());
            crate::relu::ReluTrunc::new(prg.1, ring, 5, out, x, material, prg.0).unwrap()
        }
    );
    shapes().into_iter().for_each(|shape| besiege(&relu(shape)));
}

#[test]
fn selections_and_products_survive() {
    let mux = protocol!(
        "mux",
        |_| cost_of(cost::mux(N as u64, 13)),
        13,
        |x, material, _prg| {
            let bits = [x[0], x[1]];
            let mut mux = Mux::new(Ring::new(13).unwrap(), &bits, N, material).unwrap();
            mux.supply(x).unwrap();
            mux
        }
    );
    besiege(&mux(Shape::FEW_BITS));
    let b2a = protocol!(
        "b2a",
        |_| cost_of(cost::b2a(N as u64, 13)),
        13,
        |x, material, _prg| ToNumbers::xor(13, vec![x[0], x[1]], N, material).unwrap()
    );
    besiege(&b2a(Shape::FEW_BITS));
    let mirror = protocol!(
        "mirror",
        |_| cost_of(cost::mirror(N as u64, 13)),
        13,
        |x, material, _prg| {
            let flips = || vec![x[0], x[1]];
            Cross::new(12, N, || x.to_vec(), flips, material).unwrap()
        }
    );
    besiege(&mirror(Shape::FEW_BITS));
    let and = protocol!(
        "and",
        |_| {
            let mut cost = OpCost::default();
            (cost.demand.triples, cost.demand.common_triples) = (3, 2);
            cost.both(8 * (2 * 3 + 3 * 2));
            cost.rounds.push(Round::BOTH);
            cost_of(cost)
        },
        13,
        |x, material, _prg| {
            let mut operands = Operands::with_room(3, 2);
            operands.push(&x[..3], &x[3..6]);
            operands.common.extend_from_slice(&x[6..8]);
            operands.first.extend_from_slice(&x[8..10]);
            operands.second.extend_from_slice(&x[10..12]);
            And::new(operands, material).unwrap()
        }
    );
    besiege(&and(Shape::FEW_BITS));
}

#[test]
fn netlists_survive() {
    use crate::netlist::{Evaluate, Levels, planes::Planes};
    use privet_netlists::catalogue::BlockSpec;
    let block = BlockSpec::AddShallow { bits: 6 };
    let netlist: &'static _ = Box::leak(Box::new(block.netlist().unwrap()));
    let levels: &'static _ = Box::leak(Box::new(Levels::new(netlist)));
    let ands = privet_plan::cost::boolean::levels(netlist);
    let (step, demand) = privet_plan::cost::boolean::cost(&ands, N);
    let cost = OpCost {
        demand,
        client_bytes: step.client_bytes,
        server_bytes: step.server_bytes,
        rounds: vec![Round::BOTH; ands.len()],
        ..OpCost::default()
    };
    fn begin<P: Party + 'static>(
        netlist: &'static privet_netlists::Netlist,
        levels: &'static Levels,
        material: &mut Material<P>,
    ) -> Box<dyn Flights> {
        let numbers: Vec<u64> = (0..N as u64).map(|i| i * 37).collect();
        let inputs = Planes::of_words(&numbers, netlist.input_bits());
        Box::new(Evaluate::new(netlist, levels, &inputs, material).unwrap())
    }
    besiege(&Protocol {
        name: "netlist",
        cost,
        client: Box::new(move |material| begin::<Client>(netlist, levels, material)),
        server: Box::new(move |material| begin::<Server>(netlist, levels, material)),
    });
}

#[test]
fn openings_survive() {
    let reveal = protocol!(
        "reveal",
        |_| {
            cost_of(OpCost {
                server_bytes: (N as u64 * 5).div_ceil(8),
                rounds: vec![Round::SERVER],
                ..OpCost::default()
            })
        },
        13,
        |x, _material, _prg| Reveal::<P>::new(5, x.to_vec())
    );
    besiege(&reveal(Shape::FEW_BITS));
}
