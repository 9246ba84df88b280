//! The engines on shares: planned comparison over prepared silent OT, and CrypTFlow2's tree with nothing prepared.

use std::time::Instant;

use privet_gmw::ahead::Carries;
use privet_gmw::netlist::Levels;
use privet_gmw::netlist::planes::Planes;
use privet_gmw::source::Source;
use privet_gmw::{Context, Live, Material, Stored};
use privet_net::{Channel, Link};
use privet_ot::cot::{self, Field};
use privet_ot::rcot::{ExtensionReceiver, ExtensionSender};
use privet_ot::silent::Parameters;
use privet_plan::compare::{Operand, Shape};
use privet_plan::cost::gmw::{self as cost, Argmax, Demand, OpCost, Truncation};
use privet_plan::cost::{Round, boolean};
use privet_plan::tournament::Tournament;
use privet_prim::{Delta, Prg};
use privet_ring::{Client, Party, Ring, Server, Shares};

use super::BenchError;
use super::case::{Case, Found};
use super::op::{Op, SHIFT, WINDOW};

/// The set that material is made from.
const SET: Parameters = Parameters::Secret17;

/// Instances whose material is made at once.
pub(super) const BATCH: usize = 1 << 17;

/// Instances of one flight on a link without delay: what they need stays in the second-level cache.
const NEAR: usize = 1 << 13;

/// The same where a flight costs a delay.
const FAR: usize = 1 << 17;

/// Instances of one flight.
pub(super) const fn chunk(link: Link) -> usize {
    match link {
        Link::Loopback => NEAR,
        Link::Shaped { .. } => FAR,
    }
}

impl Op {
    /// Bits that are compared, and the cut: what a shape is chosen by.
    pub(super) fn compared(self, ring: Ring) -> (u32, Option<u32>) {
        match self {
            Self::Drelu | Self::Relu | Self::Max => (ring.bits() - 1, None),
            Self::ReluTrunc => (ring.bits() - 1, Some(SHIFT)),
            Self::Trunc => (ring.bits(), Some(SHIFT)),
            Self::Argmax => (self.ranking(ring).key_bits() - 1, None),
            // A sigmoid compares nothing.
            Self::AvgPool | Self::Sigmoid => (ring.bits(), None),
        }
    }

    fn ranking(self, ring: Ring) -> Argmax {
        Argmax {
            ring_bits: ring.bits(),
            value_bits: self.value_bits(ring),
            count: u32::try_from(self.cells()).unwrap_or(u32::MAX),
        }
    }

    /// What `n` instances take, in flights of `chunk` numbers.
    pub(super) fn cost(
        self,
        n: u64,
        ring: Ring,
        shape: Shape,
        chunk: u64,
    ) -> Result<OpCost, BenchError> {
        let bits = ring.bits();
        let each = |n| match self {
            Self::Drelu => cost::drelu(n, bits, shape),
            Self::Relu | Self::Max | Self::Argmax => cost::relu(n, bits, shape),
            Self::ReluTrunc => cost::relu_trunc(n, bits, SHIFT, bits, shape),
            Self::Trunc => Truncation::floor(bits, SHIFT, bits).cost(n, shape),
            Self::AvgPool | Self::Sigmoid => cost::average(n, bits, WINDOW, bits, shape),
        };
        Ok(match self {
            Self::Max => window()?.cost(n, bits, bits, shape, chunk)?,
            Self::Argmax => self.ranking(ring).cost(n, shape, chunk)?,
            Self::Sigmoid => {
                let levels = boolean::levels(&*self.netlist_with(ring, true)?);
                let instances = usize::try_from(n).unwrap_or(usize::MAX);
                let (online, demand) = boolean::cost(&levels, instances);
                let mut cost = OpCost {
                    demand,
                    client_bytes: online.client_bytes,
                    server_bytes: online.server_bytes,
                    ..OpCost::default()
                };
                for unit in boolean::units(instances) {
                    cost.server_bytes += u64::from(bits) * unit.len().div_ceil(8) as u64;
                    cost.rounds.extend(levels.iter().map(|_| Round::BOTH));
                    cost.rounds.push(Round::SERVER);
                }
                cost
            }
            Self::Drelu | Self::Relu | Self::ReluTrunc | Self::Trunc | Self::AvgPool => {
                OpCost::chunked(n, chunk, each)?
            }
        })
    }

    /// This party's shares of the results; bits are opened modulo 2, what the client has is zero at the server.
    fn work<P: Party>(
        self,
        context: &mut Context<'_, P>,
        x: &Shares<P>,
    ) -> Result<Vec<u64>, BenchError> {
        let instances = x.len() / self.cells();
        Ok(match self {
            Self::Drelu => {
                let bits = context.drelu(x)?;
                let each = |i: usize| bits.words().get(i / 64).map_or(0, |w| w >> (i % 64) & 1);
                (0..bits.len()).map(each).collect()
            }
            Self::Relu => context.relu(x)?.into_values(),
            Self::ReluTrunc => context.relu_trunc(x, SHIFT, x.ring())?.into_values(),
            Self::Trunc => context.trunc(x, SHIFT, x.ring())?.into_values(),
            Self::Max => context.max_pool(x, instances, &window()?)?.into_values(),
            Self::Argmax => match context.argmax(x, instances, self.value_bits(x.ring()))? {
                Some(indices) => indices.into_iter().map(u64::from).collect(),
                None => vec![0; instances],
            },
            Self::AvgPool => context.average(x, WINDOW, x.ring())?.into_values(),
            Self::Sigmoid => self.on_bits(context, x)?,
        })
    }

    /// By its netlist: the server's fresh share enters it, what comes out is opened to the client and is the client's.
    fn on_bits<P: Party>(
        self,
        context: &mut Context<'_, P>,
        x: &Shares<P>,
    ) -> Result<Vec<u64>, BenchError> {
        let (bits, len) = (x.ring().bits() as usize, x.len());
        let netlist = self.netlist_with(x.ring(), true)?;
        let levels = Levels::new(&netlist);
        let mut prg = Prg::random();
        let mut shares = Vec::with_capacity(len);
        for unit in boolean::units(len) {
            let fresh: Vec<u64> = if P::ADDS_PUBLIC {
                unit.clone().map(|_| prg.next_u64()).collect()
            } else {
                vec![0; unit.len()]
            };
            let own = x.values().get(unit.clone()).unwrap_or_default();
            let (own, hidden) = (Planes::of_words(own, bits), Planes::of_words(&fresh, bits));
            let none = Planes::zeros(unit.len(), bits);
            let ports = if P::ADDS_PUBLIC {
                [&own, &none, &hidden]
            } else {
                [&none, &own, &hidden]
            };
            let mut inputs = Planes::zeros(unit.len(), netlist.input_bits());
            let given = ports.into_iter().flat_map(Planes::bytes);
            let filled = inputs.bytes_mut().iter_mut().zip(given);
            filled.for_each(|(to, from)| *to = *from);
            let mut y = context.netlist(&netlist, &levels, &inputs)?;
            if P::ADDS_PUBLIC {
                context.channel().send(y.bytes())?;
                context.channel().flush()?;
                shares.extend(fresh);
                continue;
            }
            let theirs = context.channel().recv_slice(y.bytes().len())?;
            let opened = y.bytes_mut().iter_mut().zip(theirs);
            opened.for_each(|(own, theirs)| *own ^= theirs);
            shares.extend(y.words());
        }
        Ok(shares)
    }
}

/// The four numbers of a maximum: two rounds.
fn window() -> Result<Tournament, BenchError> {
    Ok(Tournament::of_all(Op::Max.cells())?)
}

/// A party of either machine: how it turns material to the client's share.
pub(crate) trait Machine: Party + Sized {
    /// Does its part.
    fn fix(
        carries: &Carries,
        ch: &mut Channel,
        x: &Shares<Self>,
        material: &mut Material<Self>,
    ) -> Result<(), privet_gmw::Error>;
}

impl Machine for Client {
    fn fix(
        carries: &Carries,
        ch: &mut Channel,
        x: &Shares<Self>,
        material: &mut Material<Self>,
    ) -> Result<(), privet_gmw::Error> {
        carries.fix_own(ch, x, material)
    }
}

impl Machine for Server {
    fn fix(
        carries: &Carries,
        ch: &mut Channel,
        x: &Shares<Self>,
        material: &mut Material<Self>,
    ) -> Result<(), privet_gmw::Error> {
        carries.fix_theirs(ch, x.len(), material)
    }
}

/// Makes material over silent OT and uses it, batch by batch.
pub(super) fn prepared<P: Machine>(
    ch: &mut Channel,
    case: &Case,
    x: &Shares<P>,
) -> Result<Found, BenchError> {
    let started = Instant::now();
    ch.set_phase("setup");
    let mut live = Live::<P, _, _>::setup(ch, SET)?;
    let mut found = Found::new(started, case.count);
    let (bits, cut) = case.op.compared(case.ring);
    let carries = Carries {
        shape: case.shape,
        bits,
        cut,
        chunk: chunk(case.link),
    };
    batches(case, x, &mut found, |found, x, demand| {
        ch.set_phase("offline");
        let started = Instant::now();
        let mut material = live.prepare(ch, demand)?;
        if case.shape.client == Operand::Ahead {
            P::fix(&carries, ch, x, &mut material)?;
        }
        found.offline_seconds += started.elapsed().as_secs_f64();
        online(ch, case, &mut Stored::new(material), x, found)
    })?;
    Ok(found)
}

/// Batch by batch: `one` gives this party's shares of a batch's results, from its operands and what it takes.
fn batches<P: Party>(
    case: &Case,
    x: &Shares<P>,
    found: &mut Found,
    mut one: impl FnMut(&mut Found, &Shares<P>, &Demand) -> Result<Vec<u64>, BenchError>,
) -> Result<(), BenchError> {
    let cells = case.op.cells();
    while found.shares.len() < case.count {
        let first = found.shares.len();
        let len = (case.count - first).min(BATCH);
        let x = x.range(first * cells, len * cells);
        let x = x.map_err(privet_gmw::Error::from)?;
        let shares = one(found, &x, &case.cost(len)?.demand)?;
        found.shares.extend(shares);
    }
    Ok(())
}

/// The online part of a batch.
fn online<P: Party>(
    ch: &mut Channel,
    case: &Case,
    source: &mut dyn Source<P>,
    x: &Shares<P>,
    found: &mut Found,
) -> Result<Vec<u64>, BenchError> {
    ch.set_phase("online");
    let started = Instant::now();
    let mut context = Context::new(ch, source)
        .with_shape(case.shape)
        .with_chunk(chunk(case.link));
    let shares = case.op.work(&mut context, x)?;
    found.online_seconds += started.elapsed().as_secs_f64();
    Ok(shares)
}

/// Makes everything while it is asked for, from a SoftSpoken extension in each direction: CrypTFlow2's comparison, whose
/// transfers of 256 bits each are here four correlated ones of 64 bits, or of 32 where the link is slow.
pub(super) fn tree<P: Party>(
    ch: &mut Channel,
    case: &Case,
    x: &Shares<P>,
) -> Result<Found, BenchError> {
    let started = Instant::now();
    ch.set_phase("setup");
    let field = match case.link {
        Link::Loopback => Field::Bits2,
        Link::Shaped { .. } => Field::Bits4,
    };
    let (sender, receiver) = if P::ADDS_PUBLIC {
        let sender = cot::Sender::setup_with(ch, Delta::random(), field)?;
        (sender, cot::Receiver::setup_with(ch, field)?)
    } else {
        let receiver = cot::Receiver::setup_with(ch, field)?;
        let sender = cot::Sender::setup_with(ch, Delta::random(), field)?;
        (sender, receiver)
    };
    let (sender, receiver) = (ExtensionSender(sender), ExtensionReceiver::new(receiver));
    let mut live = Live::<P, _, _>::new(sender, receiver);
    let mut found = Found::new(started, case.count);
    batches(case, x, &mut found, |found, x, demand| {
        ch.set_phase("online");
        let started = Instant::now();
        // All of a batch's transfers at once: each request costs a delay.
        live.ready(ch, demand)?;
        found.online_seconds += started.elapsed().as_secs_f64();
        online(ch, case, &mut live, x, found)
    })?;
    Ok(found)
}
