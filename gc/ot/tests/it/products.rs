//! Products over every source of correlated OTs; the ideal functionality first.

use privet_net::Channel;
use privet_ot::ideal::{self, products};
use privet_ot::one_of_many::Shape;
use privet_ot::one_of_many::drive::{ManyReceiver, ManySender};
use privet_ot::rcot::{ExtensionReceiver, ExtensionSender, RcotReceiver, RcotSender};
use privet_ot::silent::{self, Parameters};
use privet_ot::triples::drive::TripleMaker;
use privet_ot::{Error, cot, laws, many_laws, ole, ole_laws, one_of_many, triple_laws, triples};
use privet_prim::{Block, Delta};

const SET: Parameters = Parameters::Secret17;

fn dealt() -> (ideal::Sender, ideal::Receiver) {
    ideal::deal(Block::from(8), Delta::new(Block::from(0x5555_aaaa_1111)))
}

fn back() -> (ideal::Sender, ideal::Receiver) {
    ideal::deal(Block::from(9), Delta::new(Block::from(0x1234_5678_9999)))
}

fn seed() -> Block {
    Block::from(77)
}

ole_laws!(ideal_oles, |_| Ok(products::deal(seed()).0), |_| Ok(
    products::deal(seed()).1
));
ole_laws!(
    oles_from_ideal,
    |_| Ok(ole::Sender::new(dealt().0)),
    |_| Ok(ole::Receiver::new(dealt().1))
);
ole_laws!(
    oles_from_silent,
    |ch| Ok(ole::Sender::new(silent::Sender::setup(
        ch,
        Delta::random(),
        SET
    )?)),
    |ch| Ok(ole::Receiver::new(silent::Receiver::setup(ch, SET)?))
);
ole_laws!(
    oles_from_extension,
    |ch| Ok(ole::Sender::new(ExtensionSender(cot::Sender::setup(
        ch,
        Delta::random()
    )?))),
    |ch| Ok(ole::Receiver::new(ExtensionReceiver::new(
        cot::Receiver::setup(ch)?
    )))
);

triple_laws!(ideal_triples, |_| Ok(products::deal(seed()).0), |_| Ok(
    products::deal(seed()).1
));
triple_laws!(
    triples_from_ideal,
    |_| Ok(triples::Maker::new(dealt().0, back().1)),
    |_| Ok(triples::Maker::new(back().0, dealt().1))
);
triple_laws!(triples_from_silent, silent_first, silent_second);
triple_laws!(
    triples_from_extension,
    |ch| {
        let sender = ExtensionSender(cot::Sender::setup(ch, Delta::random())?);
        let receiver = ExtensionReceiver::new(cot::Receiver::setup(ch)?);
        Ok(triples::Maker::new(sender, receiver))
    },
    |ch| {
        let receiver = ExtensionReceiver::new(cot::Receiver::setup(ch)?);
        let sender = ExtensionSender(cot::Sender::setup(ch, Delta::random())?);
        Ok(triples::Maker::new(sender, receiver))
    }
);

many_laws!(ideal_many, |_| Ok(products::deal(seed()).0), |_| Ok(
    products::deal(seed()).1
));
many_laws!(
    many_from_ideal,
    |_| Ok(one_of_many::Sender::new(dealt().0)),
    |_| Ok(one_of_many::Receiver::new(dealt().1))
);
many_laws!(
    many_from_silent,
    |ch| Ok(one_of_many::Sender::new(silent::Sender::setup(
        ch,
        Delta::random(),
        SET
    )?)),
    |ch| Ok(one_of_many::Receiver::new(silent::Receiver::setup(
        ch, SET
    )?))
);
many_laws!(
    many_from_extension,
    |ch| Ok(one_of_many::Sender::new(ExtensionSender(
        cot::Sender::setup(ch, Delta::random())?
    ))),
    |ch| Ok(one_of_many::Receiver::new(ExtensionReceiver::new(
        cot::Receiver::setup(ch)?
    )))
);

type Maker = triples::Maker<silent::Sender, silent::Receiver>;

fn silent_first(ch: &mut Channel) -> Result<Maker, Error> {
    let (sender, receiver) = silent::setup_first(ch, Delta::random(), SET)?;
    Ok(triples::Maker::new(sender, receiver))
}

fn silent_second(ch: &mut Channel) -> Result<Maker, Error> {
    let (sender, receiver) = silent::setup_second(ch, Delta::random(), SET)?;
    Ok(triples::Maker::new(sender, receiver))
}

#[test]
fn triples_cost_two_silent_transfers_and_no_byte_more() {
    let words = 1000usize;
    let (counters, (), stats) = laws::run(
        |ch| {
            let mut maker = silent_first(ch)?;
            maker.triples::<2>(ch, words)?;
            let (sender, receiver) = maker.sources();
            Ok((sender.counters(), receiver.counters()))
        },
        |ch| silent_second(ch)?.triples::<2>(ch, words).map(drop),
    )
    .unwrap();
    assert_eq!((counters.0.used, counters.1.used), (64_000, 64_000));
    let setup = silent::drive::setup_bytes(SET);
    let each_way = setup.sender + setup.receiver + SET.bytes(64_000);
    let total = stats.total();
    assert_eq!(
        (total.sent_bytes, total.received_bytes),
        (each_way, each_way)
    );
}

#[test]
fn chosen_one_of_many_costs_what_it_says() {
    for (m, w, n) in [(4, 2, 1000usize), (3, 5, 77), (1, 1, 1), (4, 8, 70_000)] {
        let shape = Shape::new(m, w).unwrap();
        let (_, _, stats) = laws::run(
            |ch| {
                let tables: Vec<_> = (0..n)
                    .map(|_| shape.table(&vec![1; 1 << m]).unwrap())
                    .collect();
                one_of_many::Sender::new(dealt().0).send_tables(ch, shape, &tables)
            },
            |ch| {
                let wishes = vec![1; n];
                one_of_many::Receiver::new(dealt().1).receive_chosen(ch, shape, &wishes)
            },
        )
        .unwrap();
        let cost = shape.cost_bytes(n as u64);
        let total = stats.total();
        assert_eq!(
            (total.sent_bytes, total.received_bytes),
            (cost.sender, cost.receiver)
        );
        let batches = n.div_ceil(one_of_many::drive::BATCH) as u64;
        assert_eq!(stats.flights(), 2 * batches);
    }
}

#[test]
fn a_lying_peer_of_one_of_many_gets_an_error_or_wrong_values() {
    // Tables with a bit beyond the last: an error. Any other bytes: some message, no panic.
    let shape = Shape::new(2, 1).unwrap();
    for (byte, fine) in [(0x0f, true), (0x10, false), (0xff, false)] {
        let (_, got, _) = laws::run(
            |ch| {
                ch.recv(&mut [0])?;
                Ok(ch.send(&[byte])?)
            },
            |ch| {
                Ok(one_of_many::Receiver::new(dealt().1)
                    .receive_chosen(ch, shape, &[3])
                    .is_ok())
            },
        )
        .unwrap();
        assert_eq!(got, fine, "{byte:#x}");
    }
}

#[test]
fn products_from_silent_transfers_use_fresh_hashes() {
    // Two runs of the same source give unrelated masks: indices go on.
    let shape = Shape::new(1, 64).unwrap();
    let (tables, _, _) = laws::run(
        |ch| {
            let mut sender = one_of_many::Sender::new(SameKey(dealt().0));
            let mut tables = sender.random_tables(ch, shape, 4)?;
            tables.extend(sender.random_tables(ch, shape, 4)?);
            Ok(tables.iter().map(|t| t.slot(shape, 0)).collect::<Vec<_>>())
        },
        |_| Ok(()),
    )
    .unwrap();
    let mut seen = tables.clone();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), tables.len());
}

/// Gives the same key for every transfer: only the index tells their hashes apart.
struct SameKey(ideal::Sender);

impl RcotSender for SameKey {
    const SPEAKS: bool = true;

    fn delta(&self) -> Block {
        RcotSender::delta(&self.0)
    }

    fn hash_key(&self) -> Block {
        self.0.hash_key()
    }

    fn random_keys(&mut self, _: &mut Channel, keys: &mut [Block]) -> Result<(), Error> {
        keys.fill(Block::from(6));
        Ok(())
    }
}

#[test]
fn the_receiver_end_shows_its_choices_in_colours() {
    let (_, macs, _) = laws::run(
        |_| Ok(()),
        |ch| {
            let mut macs = vec![Block::ZERO; 64];
            dealt().1.random_macs(ch, &mut macs)?;
            Ok(macs)
        },
    )
    .unwrap();
    assert!(macs.iter().any(|mac| mac.colour()) && macs.iter().any(|mac| !mac.colour()));
}
