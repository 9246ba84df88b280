//! The canonical binary encoding: a few bytes a gate, and what [`Netlist::sha256`] hashes.
//!
//! All numbers are unsigned LEB128. Magic `privet-netlist-1\n`; number of input ports and for each
//! the name's length, name and width; the same for output ports; number of gates; per gate
//! `4·(own id − a) + kind` with kind 0 XOR, 1 AND, 2 INV, followed for XOR and AND by
//! `own id − b`; per output bit 0 or 1 for a constant and `wire + 2` for a wire.
#![expect(
    clippy::indexing_slicing,
    reason = "a wire id is compared with the number of wires before it is used"
)]

use crate::builder::{Bit, Builder};
use crate::error::Error;
use crate::netlist::{
    Gate, MAX_GATES, MAX_NAME, MAX_PORT_BITS, Netlist, OutputBit, Port, check_ports, total_bits,
};

const MAGIC: &[u8] = b"privet-netlist-1\n";

/// Encodes a netlist.
#[must_use]
pub fn write(netlist: &Netlist) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    for ports in [netlist.inputs(), netlist.outputs()] {
        put(&mut out, ports.len() as u64);
        for port in ports {
            put(&mut out, port.name.len() as u64);
            out.extend_from_slice(port.name.as_bytes());
            put(&mut out, u64::from(port.bits));
        }
    }
    put(&mut out, netlist.gates().len() as u64);
    for (id, gate) in (netlist.input_bits() as u64..).zip(netlist.gates()) {
        match *gate {
            Gate::Xor(a, b) => {
                put(&mut out, 4 * (id - u64::from(a)));
                put(&mut out, id - u64::from(b));
            }
            Gate::And(a, b) => {
                put(&mut out, 4 * (id - u64::from(a)) + 1);
                put(&mut out, id - u64::from(b));
            }
            Gate::Inv(a) => put(&mut out, 4 * (id - u64::from(a)) + 2),
        }
    }
    for output in netlist.output_wires() {
        match *output {
            OutputBit::Const(value) => put(&mut out, u64::from(value)),
            OutputBit::Wire(wire) => put(&mut out, u64::from(wire) + 2),
        }
    }
    out
}

/// Decodes a netlist, which comes out structurally hashed: bytes written by [`write()`] give the
/// same netlist again, bytes from elsewhere an equivalent one.
///
/// # Errors
///
/// [`Error::Parse`] with the offset, [`Error::TooLarge`] above the crate's limits. No count is
/// trusted before the bytes that would back it are there.
pub fn read(bytes: &[u8]) -> Result<Netlist, Error> {
    let mut reader = Reader { bytes, at: 0 };
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(reader.error("not a compact netlist".to_owned()));
    }
    let inputs = reader.ports()?;
    let outputs = reader.ports()?;
    check_ports(&inputs, "input bits")?;
    check_ports(&outputs, "output bits")?;
    let gates = reader.count("gates", MAX_GATES)?;
    let mut builder = Builder::new();
    let mut wires = Vec::with_capacity(total_bits(&inputs) + gates);
    for port in &inputs {
        wires.extend(builder.input(&port.name, port.bits));
    }
    for _ in 0..gates {
        let bit = reader.gate(&mut builder, &wires)?;
        wires.push(bit);
    }
    for port in &outputs {
        let mut bits = Vec::new();
        for _ in 0..port.bits {
            bits.push(reader.output(&wires)?);
        }
        builder.output(&port.name, &bits);
    }
    if reader.at != bytes.len() {
        return Err(reader.error(format!("{} bytes too many", bytes.len() - reader.at)));
    }
    builder.finish()
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 128 {
        out.push(value.to_le_bytes()[0] | 128);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, reason: String) -> Error {
        Error::Parse {
            format: "compact",
            place: "byte",
            position: self.at,
            reason,
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(bytes) = rest.get(..length) else {
            return Err(self.error(format!("{length} bytes expected, {} left", rest.len())));
        };
        self.at += length;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u64, Error> {
        let mut value = 0u64;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err(self.error("a number of more than 63 bits".to_owned()))
    }

    /// A count of things that take at least one byte each.
    fn count(&mut self, what: &'static str, limit: usize) -> Result<usize, Error> {
        let got = self.number()?;
        let count = usize::try_from(got).unwrap_or(usize::MAX);
        if count > limit {
            return Err(Error::TooLarge {
                what,
                got,
                limit: limit as u64,
            });
        }
        if count > self.bytes.len() - self.at {
            return Err(self.error(format!(
                "{count} {what} in {} bytes",
                self.bytes.len() - self.at
            )));
        }
        Ok(count)
    }

    fn ports(&mut self) -> Result<Vec<Port>, Error> {
        let count = self.count("ports", MAX_PORT_BITS)?;
        let mut ports = Vec::new();
        for _ in 0..count {
            let length = self.count("bytes of a name", MAX_NAME)?;
            let name = std::str::from_utf8(self.take(length)?)
                .map_err(|_| self.error("a name that is not UTF-8".to_owned()))?
                .to_owned();
            let got = self.number()?;
            let limit = MAX_PORT_BITS as u64;
            let bits = u32::try_from(got).ok().filter(|_| got <= limit);
            let bits = bits.ok_or(Error::TooLarge {
                what: "port bits",
                got,
                limit,
            })?;
            ports.push(Port { name, bits });
        }
        Ok(ports)
    }

    fn gate(&mut self, builder: &mut Builder, wires: &[Bit]) -> Result<Bit, Error> {
        let code = self.number()?;
        let a = self.operand(code / 4, wires)?;
        match code % 4 {
            2 => Ok(!a),
            kind @ (0 | 1) => {
                let distance = self.number()?;
                let b = self.operand(distance, wires)?;
                Ok(if kind == 0 {
                    builder.xor(a, b)
                } else {
                    builder.and(a, b)
                })
            }
            kind => Err(self.error(format!("gate kind {kind}"))),
        }
    }

    fn operand(&self, distance: u64, wires: &[Bit]) -> Result<Bit, Error> {
        let distance = usize::try_from(distance).unwrap_or(usize::MAX);
        if distance == 0 || distance > wires.len() {
            return Err(self.error(format!(
                "operand {distance} wires before wire {}",
                wires.len()
            )));
        }
        Ok(wires[wires.len() - distance])
    }

    fn output(&mut self, wires: &[Bit]) -> Result<Bit, Error> {
        let code = self.number()?;
        if code < 2 {
            return Ok(Bit::constant(code == 1));
        }
        let wire = usize::try_from(code - 2)
            .ok()
            .and_then(|wire| wires.get(wire))
            .copied();
        wire.ok_or_else(|| self.error(format!("output wire {} of {}", code - 2, wires.len())))
    }
}
