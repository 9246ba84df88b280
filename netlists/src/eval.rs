//! Evaluation in the clear: 64 instances at a time, one bit of a `u64` each.
#![expect(
    clippy::indexing_slicing,
    reason = "wire ids are below the wire count by construction; lengths are checked at entry"
)]

use crate::error::Error;
use crate::netlist::{Gate, Netlist, OutputBit, Port};

/// Evaluates 64 instances at once: `inputs` has one word per input bit, bit `k` of each word
/// belongs to instance `k`; the result has one word per output bit.
///
/// # Errors
///
/// [`Error::Shape`] if `inputs` does not have one word per input bit.
pub fn lanes(netlist: &Netlist, inputs: &[u64]) -> Result<Vec<u64>, Error> {
    let expected = netlist.input_bits();
    if inputs.len() != expected {
        return Err(Error::Shape {
            what: "input bits",
            expected,
            got: inputs.len(),
        });
    }
    let mut wires = Vec::with_capacity(netlist.wire_count());
    wires.extend_from_slice(inputs);
    for gate in netlist.gates() {
        let value = match *gate {
            Gate::Xor(a, b) => wires[a as usize] ^ wires[b as usize],
            Gate::And(a, b) => wires[a as usize] & wires[b as usize],
            Gate::Inv(a) => !wires[a as usize],
        };
        wires.push(value);
    }
    let outputs = netlist.output_wires().iter().map(|output| match *output {
        OutputBit::Wire(wire) => wires[wire as usize],
        OutputBit::Const(value) => 0u64.wrapping_sub(u64::from(value)),
    });
    Ok(outputs.collect())
}

/// Evaluates one instance on single bits, in port order, least significant bit first.
///
/// # Errors
///
/// [`Error::Shape`] if `inputs` does not have one entry per input bit.
pub fn bits(netlist: &Netlist, inputs: &[bool]) -> Result<Vec<bool>, Error> {
    let words: Vec<u64> = inputs.iter().map(|&bit| u64::from(bit)).collect();
    Ok(lanes(netlist, &words)?
        .into_iter()
        .map(|word| word & 1 == 1)
        .collect())
}

/// Evaluates one instance on one integer per input port (bits above the port's width are
/// ignored); the result has one unsigned integer per output port.
///
/// # Errors
///
/// [`Error::Shape`] for a wrong number of values, [`Error::TooLarge`] for a port above 64 bits.
pub fn integers(netlist: &Netlist, inputs: &[u64]) -> Result<Vec<u64>, Error> {
    Ok(batch(netlist, &[inputs])?.pop().unwrap_or_default())
}

/// Evaluates any number of instances, each given as in [`integers`].
///
/// # Errors
///
/// As [`integers`].
pub fn batch<R: AsRef<[u64]>>(netlist: &Netlist, rows: &[R]) -> Result<Vec<Vec<u64>>, Error> {
    check_width(netlist.inputs())?;
    check_width(netlist.outputs())?;
    let mut results = Vec::with_capacity(rows.len());
    for chunk in rows.chunks(64) {
        let mut words = Vec::with_capacity(netlist.input_bits());
        for row in chunk {
            let (expected, got) = (netlist.inputs().len(), row.as_ref().len());
            if expected != got {
                return Err(Error::Shape {
                    what: "input ports",
                    expected,
                    got,
                });
            }
        }
        for (index, port) in netlist.inputs().iter().enumerate() {
            for bit in 0..port.bits {
                let lane = |(k, row): (usize, &R)| ((row.as_ref()[index] >> bit) & 1) << k;
                words.push(
                    chunk
                        .iter()
                        .enumerate()
                        .map(lane)
                        .fold(0, |word, bit| word | bit),
                );
            }
        }
        let outputs = lanes(netlist, &words)?;
        results.extend((0..chunk.len()).map(|k| gather(netlist.outputs(), &outputs, k)));
    }
    Ok(results)
}

/// Reads the low `bits` of a value as a two's complement number.
///
/// ```
/// assert_eq!(privet_netlists::eval::signed(0xff, 8), -1);
/// ```
#[must_use]
pub fn signed(value: u64, bits: u32) -> i64 {
    if bits == 0 || bits > 64 {
        return 0;
    }
    (value << (64 - bits)).cast_signed() >> (64 - bits)
}

/// The low `bits` of a number.
#[must_use]
pub fn unsigned(value: i64, bits: u32) -> u64 {
    value.cast_unsigned() & mask(bits)
}

/// A word with the low `bits` set.
#[must_use]
pub fn mask(bits: u32) -> u64 {
    if bits >= 64 {
        u64::MAX
    } else {
        (1 << bits) - 1
    }
}

fn gather(ports: &[Port], words: &[u64], lane: usize) -> Vec<u64> {
    let mut rest = words.iter();
    let mut port_value = |port: &Port| {
        let bits = rest.by_ref().take(port.bits as usize).enumerate();
        bits.fold(0u64, |value, (i, word)| value | (((word >> lane) & 1) << i))
    };
    ports.iter().map(&mut port_value).collect()
}

fn check_width(ports: &[Port]) -> Result<(), Error> {
    match ports.iter().find(|port| port.bits > 64) {
        Some(port) => {
            let got = u64::from(port.bits);
            Err(Error::TooLarge {
                what: "bits of a port read as an integer",
                got,
                limit: 64,
            })
        }
        None => Ok(()),
    }
}
