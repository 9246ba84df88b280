//! Every implementation obeys the laws; the ideal functionality comes first.

use privet_ot::rcot::{ExtensionReceiver, ExtensionSender};
use privet_ot::silent::{self, Parameters};
use privet_ot::{cot, cot_laws, derandomise, ideal, rcot_laws};
use privet_prim::{Block, Delta};

const SEED: u128 = 41;

fn delta() -> Delta {
    Delta::new(Block::from(0x1234_5678_9abc_def0_0fed_cba9_8765_4321))
}

fn ideal_sender() -> ideal::Sender {
    ideal::deal(Block::from(SEED), delta()).0
}

fn ideal_receiver() -> ideal::Receiver {
    ideal::deal(Block::from(SEED), delta()).1
}

cot_laws!(ideal_cot, |_| Ok(ideal_sender()), |_| Ok(ideal_receiver()));
rcot_laws!(ideal_rcot, |_| Ok(ideal_sender()), |_| Ok(ideal_receiver()));
cot_laws!(
    ideal_derandomised,
    |_| Ok(derandomise::Sender(ideal_sender())),
    |_| Ok(derandomise::Receiver(ideal_receiver()))
);

cot_laws!(
    softspoken_2,
    |ch| cot::Sender::setup_with(ch, delta(), cot::Field::Bits2),
    |ch| cot::Receiver::setup_with(ch, cot::Field::Bits2)
);
cot_laws!(
    softspoken_4,
    |ch| cot::Sender::setup_with(ch, Delta::random(), cot::Field::Bits4),
    |ch| cot::Receiver::setup_with(ch, cot::Field::Bits4)
);
cot_laws!(
    softspoken_8,
    |ch| cot::Sender::setup_with(ch, Delta::random(), cot::Field::Bits8),
    |ch| cot::Receiver::setup_with(ch, cot::Field::Bits8)
);
rcot_laws!(
    softspoken_random,
    |ch| Ok(ExtensionSender(cot::Sender::setup(ch, delta())?)),
    |ch| Ok(ExtensionReceiver::new(cot::Receiver::setup(ch)?))
);
cot_laws!(
    softspoken_derandomised,
    |ch| Ok(derandomise::Sender(ExtensionSender(cot::Sender::setup(
        ch,
        delta()
    )?))),
    |ch| Ok(derandomise::Receiver(ExtensionReceiver::new(
        cot::Receiver::setup(ch)?
    )))
);

rcot_laws!(
    silent_17,
    |ch| silent::Sender::setup(ch, delta(), Parameters::Secret17),
    |ch| silent::Receiver::setup(ch, Parameters::Secret17)
);
rcot_laws!(
    silent_19,
    |ch| silent::Sender::setup(ch, Delta::random(), Parameters::Secret19),
    |ch| silent::Receiver::setup(ch, Parameters::Secret19)
);
cot_laws!(
    silent_derandomised,
    |ch| Ok(derandomise::Sender(silent::Sender::setup(
        ch,
        delta(),
        Parameters::Secret18
    )?)),
    |ch| Ok(derandomise::Receiver(silent::Receiver::setup(
        ch,
        Parameters::Secret18
    )?))
);
