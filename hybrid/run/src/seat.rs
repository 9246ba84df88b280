//! The two seats at a garbled circuit, behind one trait: everything else is written once.

use std::sync::{Arc, Mutex, PoisonError};

use privet_garble::{Cut, Evaluator, Garbler, Program, labels};
use privet_net::{Channel, Session};
use privet_ot::cot;
use privet_prim::{Block, Delta, Lines};

use crate::error::RunError;

/// Hash indices of garbling stay below this; other uses of the session's hash lie above.
pub(crate) const MAX_TWEAK: u64 = 1 << 56;

/// Bytes of tables that are garbled before they leave: cache-sized, several to a frame or one.
const PART_BYTES: usize = 64 << 10;

/// A netlist compiled for its inputs' classes, and how its tables are cut for each number of lanes.
pub(crate) struct Compiled {
    pub(crate) program: Program,
    cuts: Mutex<Vec<Arc<Cut>>>,
}

impl Compiled {
    pub(crate) const fn new(program: Program) -> Self {
        Self {
            program,
            cuts: Mutex::new(Vec::new()),
        }
    }

    /// Tweaks of one instance.
    pub(crate) fn tweaks(&self) -> u64 {
        self.program.tables_per_instance() as u64
    }

    fn cut(&self, lanes: usize) -> Arc<Cut> {
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cut) = cuts.iter().find(|cut| cut.lanes() == lanes) {
            return Arc::clone(cut);
        }
        let cut = Arc::new(self.program.cut(lanes, PART_BYTES));
        cuts.push(Arc::clone(&cut));
        cut
    }
}

/// One side of a garbled circuit on one lane.
pub(crate) trait Seat: Send {
    /// Label of a public bit.
    fn constant(&self, bit: bool) -> Block;

    /// What turns a wire's label into that of its complement.
    fn complement(&self) -> Block;

    /// Labels of the client's bits; `bits` on the client's side.
    fn client_bits(
        &mut self,
        channel: &mut Channel,
        bits: Option<&[bool]>,
        labels: &mut [Block],
    ) -> Result<(), RunError>;

    /// Says which of the server's bits the next calls of [`Seat::secret_words`] will ask for, in
    /// their order, so that one OT extension serves them all; `bits` on the server's side.
    fn expect_secrets(
        &mut self,
        channel: &mut Channel,
        bits: Option<&[bool]>,
        count: usize,
    ) -> Result<(), RunError>;

    /// Labels of words that the server knows, least bit first, as `[bit][word]`; `words` on the
    /// server's side.
    fn secret_words(
        &mut self,
        words: Option<&[u64]>,
        bits: usize,
        labels: &mut [Block],
    ) -> Result<(), RunError>;

    /// Garbles or evaluates `lanes` instances; labels as `[wire][lane]`.
    fn call(
        &mut self,
        channel: &mut Channel,
        compiled: &Compiled,
        tweak: u64,
        lanes: usize,
        inputs: &[Block],
        outputs: &mut [Block],
    ) -> Result<(), RunError>;
}

/// The garbler, with the sender's side of the OTs by which the evaluator's bits enter.
pub(crate) struct GarblerSeat {
    garbler: Garbler,
    delta: Delta,
    ot: Option<cot::Sender>,
    /// Keys of expected secrets, drawn front to back.
    expected: Expected,
    is_server: bool,
}

/// The evaluator, with the receiver's side of the OTs.
pub(crate) struct EvaluatorSeat {
    evaluator: Evaluator,
    ot: Option<cot::Receiver>,
    /// MACs of expected secrets, drawn front to back.
    expected: Expected,
    is_server: bool,
}

/// Either seat: which one a machine takes is agreed at run time.
pub(crate) enum AnySeat {
    Garbler(Box<GarblerSeat>),
    Evaluator(Box<EvaluatorSeat>),
}

/// Prepares a seat on every lane: a fresh Δ per session, base OTs on each lane that will extend
/// them (lane 0 for the client's inputs; every lane where the server's weights enter by OT).
pub(crate) fn set_up(
    session: &mut Session,
    garbles: bool,
    is_server: bool,
) -> Result<Vec<AnySeat>, RunError> {
    let secret = Block::from_bytes(session.id());
    let delta = Delta::random();
    let server_garbles = garbles == is_server;
    session
        .lanes_mut()
        .iter_mut()
        .enumerate()
        .map(|(lane, channel)| {
            channel.set_phase("set-up");
            let needs_ot = lane == 0 || !server_garbles;
            let seat = if garbles {
                let ot = needs_ot
                    .then(|| cot::Sender::setup(channel, delta.duplicate()))
                    .transpose()?;
                let garbler = Garbler::new(delta.duplicate(), secret);
                let delta = delta.duplicate();
                AnySeat::Garbler(Box::new(GarblerSeat {
                    garbler,
                    delta,
                    ot,
                    expected: Expected::default(),
                    is_server,
                }))
            } else {
                let ot = needs_ot
                    .then(|| cot::Receiver::setup(channel))
                    .transpose()?;
                let evaluator = Evaluator::new(secret);
                AnySeat::Evaluator(Box::new(EvaluatorSeat {
                    evaluator,
                    ot,
                    expected: Expected::default(),
                    is_server,
                }))
            };
            channel.flush()?;
            channel.set_phase("inference");
            Ok(seat)
        })
        .collect()
}

const NO_OT: RunError = RunError::Contradiction("a lane without oblivious transfer");
const WRONG_SIDE: RunError = RunError::Contradiction("weights on the wrong side");
const UNEXPECTED: RunError = RunError::Contradiction("weights that were not expected");

/// Labels of secrets that will be asked for, drawn front to back; erased when they go.
#[derive(Default)]
struct Expected {
    labels: Lines,
    drawn: usize,
}

impl Expected {
    /// Room for `count` labels, to be filled.
    fn refill(&mut self, count: usize) -> &mut [Block] {
        self.labels = Lines::zeroed(count);
        self.drawn = 0;
        &mut self.labels
    }

    /// Copies the next labels out.
    fn draw(&mut self, out: &mut [Block]) -> Result<(), RunError> {
        let end = self.drawn + out.len();
        out.copy_from_slice(self.labels.get(self.drawn..end).ok_or(UNEXPECTED)?);
        self.drawn = end;
        Ok(())
    }
}

impl Seat for GarblerSeat {
    fn constant(&self, bit: bool) -> Block {
        // The active label of a public bit is zero on both sides.
        self.delta.block().select(bit)
    }

    fn complement(&self) -> Block {
        self.delta.block()
    }

    fn client_bits(
        &mut self,
        channel: &mut Channel,
        bits: Option<&[bool]>,
        labels: &mut [Block],
    ) -> Result<(), RunError> {
        let Some(bits) = bits else {
            // The client evaluates: its bits choose among the labels by OT.
            let ot = self.ot.as_mut().ok_or(NO_OT)?;
            return Ok(ot.extend_into(channel, labels)?);
        };
        for (label, bit) in labels.iter_mut().zip(bits) {
            *label = Block::random();
            let active = *label ^ self.delta.block().select(*bit);
            channel.send(&active.to_bytes())?;
        }
        Ok(channel.flush()?)
    }

    fn expect_secrets(
        &mut self,
        channel: &mut Channel,
        _: Option<&[bool]>,
        count: usize,
    ) -> Result<(), RunError> {
        if !self.is_server {
            let ot = self.ot.as_mut().ok_or(NO_OT)?;
            let keys = self.expected.refill(count);
            ot.extend_into(channel, keys)?;
            labels::known_keys(keys);
        }
        Ok(())
    }

    fn secret_words(
        &mut self,
        words: Option<&[u64]>,
        bits: usize,
        out: &mut [Block],
    ) -> Result<(), RunError> {
        match (words, self.is_server) {
            (Some(words), true) => Ok(labels::known_blocks(&self.delta, words, bits, out)?),
            (None, false) => self.expected.draw(out),
            _ => Err(WRONG_SIDE),
        }
    }

    fn call(
        &mut self,
        channel: &mut Channel,
        compiled: &Compiled,
        tweak: u64,
        lanes: usize,
        inputs: &[Block],
        outputs: &mut [Block],
    ) -> Result<(), RunError> {
        let cut = compiled.cut(lanes);
        let mut garbling = self.garbler.begin(&compiled.program, &cut, tweak, inputs)?;
        while let Some(bytes) = garbling.next_bytes() {
            garbling.garble_next(channel.frame_mut(bytes)?)?;
        }
        Ok(garbling.finish(outputs)?)
    }
}

impl Seat for EvaluatorSeat {
    fn constant(&self, _: bool) -> Block {
        Block::ZERO
    }

    fn complement(&self) -> Block {
        Block::ZERO
    }

    fn client_bits(
        &mut self,
        channel: &mut Channel,
        bits: Option<&[bool]>,
        labels: &mut [Block],
    ) -> Result<(), RunError> {
        if let Some(bits) = bits {
            let ot = self.ot.as_mut().ok_or(NO_OT)?;
            return Ok(ot.extend_into(channel, bits, labels)?);
        }
        for label in labels {
            let mut bytes = [0; 16];
            channel.recv(&mut bytes)?;
            *label = Block::from_bytes(bytes);
        }
        Ok(())
    }

    fn expect_secrets(
        &mut self,
        channel: &mut Channel,
        bits: Option<&[bool]>,
        count: usize,
    ) -> Result<(), RunError> {
        if !self.is_server {
            return Ok(());
        }
        let bits = bits.filter(|bits| bits.len() == count).ok_or(UNEXPECTED)?;
        let ot = self.ot.as_mut().ok_or(NO_OT)?;
        let macs = self.expected.refill(count);
        ot.extend_into(channel, bits, macs)?;
        channel.flush()?;
        Ok(labels::known_macs(macs, bits)?)
    }

    fn secret_words(
        &mut self,
        words: Option<&[u64]>,
        _: usize,
        out: &mut [Block],
    ) -> Result<(), RunError> {
        match (words, self.is_server) {
            // The garbling server's bits have active label zero.
            (None, false) => {
                out.fill(Block::ZERO);
                Ok(())
            }
            (Some(_), true) => self.expected.draw(out),
            _ => Err(WRONG_SIDE),
        }
    }

    fn call(
        &mut self,
        channel: &mut Channel,
        compiled: &Compiled,
        tweak: u64,
        lanes: usize,
        inputs: &[Block],
        outputs: &mut [Block],
    ) -> Result<(), RunError> {
        let cut = compiled.cut(lanes);
        let mut evaluation = self
            .evaluator
            .begin(&compiled.program, &cut, tweak, inputs)?;
        while let Some(bytes) = evaluation.next_bytes() {
            evaluation.evaluate_next(channel.recv_slice(bytes)?)?;
        }
        Ok(evaluation.finish(outputs)?)
    }
}

/// Hands a call on to the seat that is taken.
macro_rules! seated {
    ($self:expr, $seat:ident => $call:expr) => {
        match $self {
            AnySeat::Garbler($seat) => $call,
            AnySeat::Evaluator($seat) => $call,
        }
    };
}

impl Seat for AnySeat {
    fn constant(&self, bit: bool) -> Block {
        seated!(self, seat => seat.constant(bit))
    }

    fn complement(&self) -> Block {
        seated!(self, seat => seat.complement())
    }

    fn client_bits(
        &mut self,
        channel: &mut Channel,
        bits: Option<&[bool]>,
        labels: &mut [Block],
    ) -> Result<(), RunError> {
        seated!(self, seat => seat.client_bits(channel, bits, labels))
    }

    fn expect_secrets(
        &mut self,
        channel: &mut Channel,
        bits: Option<&[bool]>,
        count: usize,
    ) -> Result<(), RunError> {
        seated!(self, seat => seat.expect_secrets(channel, bits, count))
    }

    fn secret_words(
        &mut self,
        words: Option<&[u64]>,
        bits: usize,
        labels: &mut [Block],
    ) -> Result<(), RunError> {
        seated!(self, seat => seat.secret_words(words, bits, labels))
    }

    fn call(
        &mut self,
        channel: &mut Channel,
        compiled: &Compiled,
        tweak: u64,
        lanes: usize,
        inputs: &[Block],
        outputs: &mut [Block],
    ) -> Result<(), RunError> {
        seated!(self, seat => seat.call(channel, compiled, tweak, lanes, inputs, outputs))
    }
}
