//! Bristol Fashion: the text format in which the field exchanges circuits.
//!
//! The head has the numbers of gates and wires, then the widths of the inputs, then of the
//! outputs; then one gate a line: `inputs outputs ids… operation`. Input wires come first and
//! output wires last. Operations read: XOR, AND, INV, EQ (a constant), EQW (a copy), MAND (several
//! ANDs). Lines that begin with `#` are skipped. Source: <https://nigelsmart.github.io/MPC-Circuits/>.
#![expect(
    clippy::indexing_slicing,
    reason = "wire ids are compared with the wire count before use"
)]

use std::fmt::Write as _;

use crate::builder::{Bit, Builder};
use crate::error::Error;
use crate::netlist::{Gate, MAX_GATES, MAX_PORT_BITS, Netlist, OutputBit, Port};

/// Reads a circuit. Ports are named `in0`, `in1`, … and `out0`, …: the format has no names.
/// Equal gates become one and dead gates vanish.
///
/// # Errors
///
/// [`Error::Parse`] with the line, [`Error::TooLarge`] above the crate's limits. Nothing is
/// allocated on the word of the head alone.
pub fn read(text: &str) -> Result<Netlist, Error> {
    let mut lines = Lines {
        lines: text.lines().enumerate(),
        line: 0,
    };
    let (gates, wires) = lines.sizes(text.len())?;
    let inputs = lines.widths()?;
    let outputs = lines.widths()?;
    let input_bits: usize = inputs.iter().sum();
    let output_bits: usize = outputs.iter().sum();
    if wires < input_bits || wires < output_bits {
        return Err(lines.error(format!("{wires} wires are fewer than the ports' bits")));
    }
    if wires > input_bits + text.len() {
        return Err(lines.error(format!("{wires} wires are more than the file can drive")));
    }
    let mut reader = Reader {
        builder: Builder::new(),
        wires: vec![None; wires],
    };
    let mut next = 0;
    for (index, width) in inputs.iter().enumerate() {
        let width = u32::try_from(*width).unwrap_or(u32::MAX);
        for bit in reader.builder.input(&format!("in{index}"), width) {
            reader.wires[next] = Some(bit);
            next += 1;
        }
    }
    for _ in 0..gates {
        let line = lines.next_line()?;
        reader.gate(line).map_err(|reason| lines.error(reason))?;
    }
    let mut next = wires - output_bits;
    for (index, width) in outputs.iter().enumerate() {
        let bits: Option<Vec<Bit>> = reader.wires[next..next + width].iter().copied().collect();
        let bits = bits.ok_or_else(|| lines.error(format!("output {index} is not driven")))?;
        reader.builder.output(&format!("out{index}"), &bits);
        next += width;
    }
    reader.builder.finish()
}

/// Writes a circuit. Outputs that are inputs, constants or used twice become EQW or EQ lines.
#[must_use]
pub fn write(netlist: &Netlist) -> String {
    let input_bits = netlist.input_bits();
    let outputs = netlist.output_wires();
    // A gate that drives exactly one output takes that output's number; others keep their order.
    let mut place: Vec<Option<usize>> = vec![None; netlist.wire_count()];
    let mut copies = Vec::new();
    for (index, output) in outputs.iter().enumerate() {
        match *output {
            OutputBit::Wire(w) if w as usize >= input_bits && place[w as usize].is_none() => {
                place[w as usize] = Some(index);
            }
            OutputBit::Wire(_) | OutputBit::Const(_) => copies.push((index, *output)),
        }
    }
    let placed = place.iter().flatten().count();
    let total = netlist.wire_count() - placed + outputs.len();
    let base = total - outputs.len();
    let mut next = 0;
    let number: Vec<usize> = place
        .iter()
        .map(|slot| match slot {
            Some(index) => base + index,
            None => {
                next += 1;
                next - 1
            }
        })
        .collect();
    let mut text = format!("{} {total}\n", netlist.gates().len() + copies.len());
    for ports in [netlist.inputs(), netlist.outputs()] {
        write_widths(&mut text, ports);
    }
    text.push('\n');
    for (index, gate) in netlist.gates().iter().enumerate() {
        let out = number[input_bits + index];
        write_gate(&mut text, *gate, &number, out);
    }
    for (index, output) in copies {
        let out = base + index;
        match output {
            OutputBit::Wire(w) => push_line(
                &mut text,
                format_args!("1 1 {} {out} EQW", number[w as usize]),
            ),
            OutputBit::Const(v) => {
                push_line(&mut text, format_args!("1 1 {} {out} EQ", u8::from(v)));
            }
        }
    }
    text
}

fn write_widths(text: &mut String, ports: &[Port]) {
    text.push_str(&ports.len().to_string());
    for port in ports {
        text.push(' ');
        text.push_str(&port.bits.to_string());
    }
    text.push('\n');
}

fn write_gate(text: &mut String, gate: Gate, number: &[usize], out: usize) {
    let id = |wire: u32| number[wire as usize];
    match gate {
        Gate::Xor(a, b) => push_line(text, format_args!("2 1 {} {} {out} XOR", id(a), id(b))),
        Gate::And(a, b) => push_line(text, format_args!("2 1 {} {} {out} AND", id(a), id(b))),
        Gate::Inv(a) => push_line(text, format_args!("1 1 {} {out} INV", id(a))),
    }
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

struct Lines<'a> {
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    line: usize,
}

impl<'a> Lines<'a> {
    fn next_line(&mut self) -> Result<&'a str, Error> {
        for (index, line) in self.lines.by_ref() {
            self.line = index + 1;
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                return Ok(line);
            }
        }
        Err(self.error("the file ends too early".to_owned()))
    }

    fn error(&self, reason: String) -> Error {
        Error::Parse {
            format: "Bristol",
            place: "line",
            position: self.line,
            reason,
        }
    }

    fn number(&self, token: &str) -> Result<usize, Error> {
        token
            .parse()
            .map_err(|_| self.error(format!("{:?} is not a number", clip(token))))
    }

    /// The first line: gates and wires. A gate takes at least eight characters.
    fn sizes(&mut self, length: usize) -> Result<(usize, usize), Error> {
        let line = self.next_line()?;
        let mut tokens = line.split_whitespace();
        let (Some(gates), Some(wires), None) = (tokens.next(), tokens.next(), tokens.next()) else {
            return Err(self.error("expected the numbers of gates and wires".to_owned()));
        };
        let (gates, wires) = (self.number(gates)?, self.number(wires)?);
        if gates > MAX_GATES {
            let (got, limit) = (gates as u64, MAX_GATES as u64);
            return Err(Error::TooLarge {
                what: "gates",
                got,
                limit,
            });
        }
        if gates > length / 8 {
            return Err(self.error(format!("{gates} gates do not fit the file's length")));
        }
        Ok((gates, wires))
    }

    /// A line of widths: how many, then each.
    fn widths(&mut self) -> Result<Vec<usize>, Error> {
        let line = self.next_line()?;
        let mut tokens = line.split_whitespace();
        let count = self.number(tokens.next().unwrap_or_default())?;
        let widths: Vec<usize> = tokens
            .map(|token| self.number(token))
            .collect::<Result<_, Error>>()?;
        if widths.len() != count {
            let reason = format!("{count} ports announced, {} widths given", widths.len());
            return Err(self.error(reason));
        }
        let total = widths
            .iter()
            .fold(0usize, |sum, width| sum.saturating_add(*width));
        if total > MAX_PORT_BITS {
            let (got, limit) = (total as u64, MAX_PORT_BITS as u64);
            return Err(Error::TooLarge {
                what: "port bits",
                got,
                limit,
            });
        }
        Ok(widths)
    }
}

struct Reader {
    builder: Builder,
    wires: Vec<Option<Bit>>,
}

impl Reader {
    fn gate(&mut self, line: &str) -> Result<(), String> {
        let mut tokens: Vec<&str> = line.split_whitespace().collect();
        let operation = tokens.pop().unwrap_or_default();
        let ids: Vec<usize> = tokens
            .iter()
            .map(|token| {
                token
                    .parse()
                    .map_err(|_| format!("{:?} is not a number", clip(token)))
            })
            .collect::<Result<_, String>>()?;
        let [ins, outs, ids @ ..] = ids.as_slice() else {
            return Err("expected a gate".to_owned());
        };
        if ins.checked_add(*outs) != Some(ids.len()) {
            return Err(format!(
                "{ins} inputs and {outs} outputs announced, {} wires",
                ids.len()
            ));
        }
        let (ins, outs) = ids.split_at(*ins);
        match (operation, ins, outs) {
            ("XOR", &[a, b], &[out]) => {
                let (a, b) = (self.get(a)?, self.get(b)?);
                let bit = self.builder.xor(a, b);
                self.set(out, bit)
            }
            ("AND", &[a, b], &[out]) => {
                let (a, b) = (self.get(a)?, self.get(b)?);
                let bit = self.builder.and(a, b);
                self.set(out, bit)
            }
            ("INV" | "NOT", &[a], &[out]) => {
                let bit = !self.get(a)?;
                self.set(out, bit)
            }
            ("EQW", &[a], &[out]) => {
                let bit = self.get(a)?;
                self.set(out, bit)
            }
            ("EQ", &[value @ (0 | 1)], &[out]) => self.set(out, Bit::constant(value == 1)),
            ("MAND", ins, outs) if ins.len() == 2 * outs.len() => self.and_many(ins, outs),
            _ => Err(format!("no such gate: {:?}", clip(line))),
        }
    }

    fn and_many(&mut self, ins: &[usize], outs: &[usize]) -> Result<(), String> {
        let (left, right) = ins.split_at(outs.len());
        for ((a, b), out) in left.iter().zip(right).zip(outs) {
            let (a, b) = (self.get(*a)?, self.get(*b)?);
            let bit = self.builder.and(a, b);
            self.set(*out, bit)?;
        }
        Ok(())
    }

    fn get(&self, wire: usize) -> Result<Bit, String> {
        let bit = self
            .wires
            .get(wire)
            .ok_or_else(|| format!("wire {wire} does not exist"))?;
        bit.ok_or_else(|| format!("wire {wire} is used before it is driven"))
    }

    fn set(&mut self, wire: usize, bit: Bit) -> Result<(), String> {
        let slot = self
            .wires
            .get_mut(wire)
            .ok_or_else(|| format!("wire {wire} does not exist"))?;
        match slot.replace(bit) {
            None => Ok(()),
            Some(_) => Err(format!("wire {wire} is driven twice")),
        }
    }
}

/// The beginning of a foreign text, for an error message.
fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}
