//! The cost functions equal the channel's counters.

use privet_ot::rcot::{CotReceiver, CotSender};
use privet_ot::{cot, derandomise, ideal, laws};
use privet_prim::{Block, Delta};

#[test]
fn softspoken_costs_what_it_says() {
    for field in cot::Field::ALL {
        for n in [0usize, 1, 128, 129, 4096, 4097, 20_000] {
            let (_, _, stats) = laws::run(
                |ch| cot::Sender::setup_with(ch, Delta::random(), field)?.extend(ch, n),
                |ch| cot::Receiver::setup_with(ch, field)?.extend(ch, &vec![true; n]),
            )
            .unwrap();
            let (setup, extend) = (cot::setup_bytes(), cot::extend_bytes(field, n));
            let total = stats.total();
            assert_eq!(
                total.sent_bytes,
                setup.sender + extend.sender,
                "{field:?} {n}"
            );
            assert_eq!(
                total.received_bytes,
                setup.receiver + extend.receiver,
                "{field:?} {n}"
            );
            assert_eq!(
                stats.flights(),
                3,
                "the extension follows the set-up's last message"
            );
        }
    }
}

#[test]
fn derandomisation_costs_a_bit_per_transfer() {
    for n in [1usize, 8, 9, 32_768, 32_769, 50_000] {
        let deal = || ideal::deal(Block::from(1), Delta::new(Block::from(99)));
        let (_, _, stats) = laws::run(
            |ch| derandomise::Sender(deal().0).send(ch, &mut vec![Block::ZERO; n]),
            |ch| {
                let macs = &mut vec![Block::ZERO; n];
                derandomise::Receiver(deal().1).receive(ch, &vec![true; n], macs)
            },
        )
        .unwrap();
        assert_eq!(
            stats.total().received_bytes,
            derandomise::cost_bytes(n as u64)
        );
        assert_eq!((stats.total().sent_bytes, stats.flights()), (0, 1));
    }
}
