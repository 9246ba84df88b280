//! One netlist between two parties: each brings the bits of its ports, both learn the outputs.
//!
//! - Functionality: `y = f(x_garbler, x_evaluator)` to both parties, nothing else to either.
//! - Secure against: semi-honest, either side; 128 bits under the hash of `privet-prim` and the OTs.
//! - From: Zahur, Rosulek, Evans (eprint 2014/756) over SoftSpoken OT (eprint 2022/192).
//! - Cost: 32 bytes for an AND of which nobody knows an input, 8 bytes of OT for each of the
//!   evaluator's bits, one bit for each output bit and direction; 3 flights beside the set-up.

use privet_garble::{InputClass, Program, labels};
use privet_net::Session;
use privet_netlists::Netlist;
use privet_prim::Block;

use crate::error::RunError;
use crate::seat::{AnySeat, Compiled, Seat, set_up};

/// Whose bits an input port carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The garbler's.
    Garbler,
    /// The evaluator's.
    Evaluator,
}

/// Runs `netlist` from one side and returns its output bits in port order.
///
/// `owners` says whose each input port is; `bits` are the bits of this side's ports, in port order.
///
/// # Errors
/// Counts that do not fit the netlist; a failing connection.
pub fn run(
    session: &mut Session,
    netlist: &Netlist,
    owners: &[Owner],
    garbles: bool,
    bits: &[bool],
) -> Result<Vec<bool>, RunError> {
    let ours = if garbles {
        Owner::Garbler
    } else {
        Owner::Evaluator
    };
    let mut classes = Vec::with_capacity(netlist.input_bits());
    let mut mine = Vec::with_capacity(netlist.input_bits());
    for (port, owner) in netlist.inputs().iter().zip(owners) {
        let class = match owner {
            Owner::Garbler => InputClass::Garbler,
            Owner::Evaluator => InputClass::Evaluator,
        };
        classes.extend(std::iter::repeat_n(class, port.bits as usize));
        mine.extend(std::iter::repeat_n(*owner == ours, port.bits as usize));
    }
    if classes.len() != netlist.input_bits() || mine.iter().filter(|m| **m).count() != bits.len() {
        return Err(RunError::Input(
            "the inputs do not fit the netlist's ports".to_owned(),
        ));
    }
    let compiled = Compiled::new(Program::compile(netlist, &classes)?);
    // The garbler takes the server's seat: its own bits are free, the evaluator's come by OT.
    let mut seats = set_up(session, garbles, garbles)?;
    let (Some(seat), Some(channel)) = (seats.first_mut(), session.lanes_mut().first_mut()) else {
        return Err(RunError::Contradiction("a session without lanes"));
    };
    let mut inputs = vec![Block::ZERO; netlist.input_bits()];
    enter(seat, channel, &mine, bits, &mut inputs, garbles)?;
    let mut outputs = vec![Block::ZERO; netlist.output_bits()];
    seat.call(channel, &compiled, 0, 1, &inputs, &mut outputs)?;
    open(channel, &outputs)
}

/// Blocks of all input bits: this side's from `bits`, the other's as the seats exchange them.
fn enter(
    seat: &mut AnySeat,
    channel: &mut privet_net::Channel,
    mine: &[bool],
    bits: &[bool],
    inputs: &mut [Block],
    garbles: bool,
) -> Result<(), RunError> {
    let evaluators = mine.iter().filter(|m| **m != garbles).count();
    let mut by_ot = vec![Block::ZERO; evaluators];
    seat.client_bits(channel, (!garbles).then_some(bits), &mut by_ot)?;
    if garbles {
        labels::known_keys(&mut by_ot);
    } else {
        labels::known_macs(&mut by_ot, bits)?;
    }
    let (mut own, mut other) = (bits.iter(), by_ot.into_iter());
    for (block, is_mine) in inputs.iter_mut().zip(mine) {
        *block = match (garbles, is_mine) {
            (true, true) => seat.constant(own.next().copied().unwrap_or(false)),
            (true, false) | (false, true) => other.next().unwrap_or_default(),
            (false, false) => Block::ZERO,
        };
    }
    Ok(())
}

/// Exchanges colours; both learn all output bits.
fn open(channel: &mut privet_net::Channel, outputs: &[Block]) -> Result<Vec<bool>, RunError> {
    let mut packed = vec![0u8; outputs.len().div_ceil(8)];
    for (i, label) in outputs.iter().enumerate() {
        if let Some(byte) = packed.get_mut(i / 8) {
            *byte |= u8::from(label.colour()) << (i % 8);
        }
    }
    channel.send(&packed)?;
    channel.flush()?;
    let mut theirs = vec![0u8; packed.len()];
    channel.recv(&mut theirs)?;
    Ok((0..outputs.len())
        .map(|i| {
            let bit = |bytes: &[u8]| bytes.get(i / 8).is_some_and(|b| (b >> (i % 8)) & 1 == 1);
            bit(&packed) ^ bit(&theirs)
        })
        .collect())
}
