//! `privet netlist list|stats|eval|convert|export`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use privet_netlists::{Netlist, Port, bristol, catalogue, compact, yosys};
use serde_json::{Value, json};

use crate::failure::{Failure, Kind};
use crate::table::columns;
use crate::terminal::{say, show};

/// Look at, evaluate and convert netlists.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Names of the catalogue.
    List,
    /// Gate counts of the catalogue, or of the given netlists.
    Stats(Stats),
    /// Evaluate a netlist in the clear.
    Eval(Eval),
    /// Convert between Bristol Fashion (.txt, .bristol), Yosys JSON (.json, read only) and compact (.pvn).
    Convert(Convert),
    /// Write a netlist of the catalogue to a file.
    Export(Export),
}

/// What to count.
#[derive(Args)]
pub(crate) struct Stats {
    /// Names in the catalogue or files; none: the whole catalogue.
    netlists: Vec<PathBuf>,
    /// Fail unless every block of the catalogue keeps its AND budget.
    #[arg(long)]
    check: bool,
    /// One JSON array.
    #[arg(long)]
    json: bool,
}

/// What to evaluate.
#[derive(Args)]
pub(crate) struct Eval {
    /// Name in the catalogue, or a file.
    netlist: PathBuf,
    /// Values of the input ports, decimal or hexadecimal.
    #[arg(long, value_name = "PORT=VALUE", value_delimiter = ',')]
    input: Vec<String>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// What to convert.
#[derive(Args)]
pub(crate) struct Convert {
    /// File to read, or a name in the catalogue.
    from: PathBuf,
    /// File to write; its extension says how.
    to: PathBuf,
}

/// What to export.
#[derive(Args)]
pub(crate) struct Export {
    /// Name in the catalogue.
    name: PathBuf,
    /// File to write; its extension says how.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Runs the command.
pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::List => {
            for block in catalogue::standard() {
                say!("{}", block.name());
            }
            Ok(())
        }
        Command::Stats(args) => stats(args),
        Command::Eval(args) => eval(args),
        Command::Convert(args) => write(&load(&args.from)?, &args.to),
        Command::Export(args) => write(&load(&args.name)?, &args.output),
    }
}

/// Loads a netlist by its name in the catalogue or from a file.
pub(crate) fn load(from: &Path) -> Result<Netlist, Failure> {
    let text = from.to_string_lossy();
    if !from.exists() {
        let block = catalogue::by_name(&text).ok_or_else(|| {
            Failure::new(
                Kind::File,
                format!(
                    "'{text}' is neither a file nor in the catalogue (privet netlist list shows it)"
                ),
            )
        })?;
        let netlist = block.netlist().map_err(|e| Failure::file(&text, e))?;
        return Ok((*netlist).clone());
    }
    let bytes = privet_model::readers::read_file(from)
        .map_err(|e| Failure::new(Kind::File, e.to_string()))?;
    let as_text =
        || std::str::from_utf8(&bytes).map_err(|_| Failure::file(&text, "it is not text"));
    let netlist = match extension(from).as_str() {
        "json" => yosys::read(as_text()?, None, &[]).map_err(|e| Failure::file(&text, e))?,
        "pvn" => compact::read(&bytes).map_err(|e| Failure::file(&text, e))?,
        "txt" | "bristol" => bristol::read(as_text()?).map_err(|e| Failure::file(&text, e))?,
        other => {
            return Err(Failure::file(
                &text,
                format!(
                    "unknown extension '{other}': .txt or .bristol, .json (Yosys), .pvn (compact)"
                ),
            ));
        }
    };
    Ok(netlist)
}

fn extension(path: &Path) -> String {
    path.extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default()
}

/// Writes a netlist in the format that the file's extension names.
pub(crate) fn write(netlist: &Netlist, to: &Path) -> Result<(), Failure> {
    let bytes = match extension(to).as_str() {
        "txt" | "bristol" => bristol::write(netlist).into_bytes(),
        "pvn" => compact::write(netlist),
        other => {
            return Err(Failure::usage(format!(
                "cannot write '.{other}': .txt or .bristol (Bristol Fashion), .pvn (compact)"
            )));
        }
    };
    std::fs::write(to, bytes).map_err(|e| Failure::file(to.display(), e))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// One row of statistics.
fn row(name: &str, netlist: &Netlist) -> Value {
    let counts = netlist.counts();
    let bits = netlist.inputs().iter().map(|p| p.bits).max().unwrap_or(0);
    json!({
        "name": name,
        "bits": bits,
        "inputs": netlist.input_bits(),
        "outputs": netlist.output_bits(),
        "ands": counts.ands,
        "xors": counts.xors,
        "and_depth": counts.and_depth,
        "sha256": hex(&netlist.sha256()),
    })
}

fn stats(args: &Stats) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut over = Vec::new();
    if args.netlists.is_empty() {
        for block in catalogue::standard() {
            let name = block.name();
            let netlist = block.netlist().map_err(|e| Failure::file(&name, e))?;
            let budget = catalogue::budget(&block);
            let mut row = row(&name, &netlist);
            if let Some(fields) = row.as_object_mut() {
                fields.insert("budget".to_owned(), json!(budget));
                if let Some(accuracy) = block.accuracy() {
                    fields.insert("max_error_ulp".to_owned(), json!(accuracy.error));
                    if let Some(beyond) = accuracy.beyond_domain {
                        fields.insert("max_error_ulp_beyond_domain".to_owned(), json!(beyond));
                    }
                }
            }
            if budget.is_none_or(|budget| netlist.counts().ands > budget) {
                over.push(name);
            }
            rows.push(row);
        }
    } else {
        for path in &args.netlists {
            rows.push(row(&path.to_string_lossy(), &load(path)?));
        }
    }
    if args.json {
        say!("{}", Value::Array(rows));
    } else {
        let text = |v: &Value, key: &str| match v.get(key) {
            Some(Value::String(s)) => s.clone(),
            Some(Value::Number(n)) => n.to_string(),
            _ => String::new(),
        };
        let keys = [
            "name",
            "bits",
            "inputs",
            "outputs",
            "ands",
            "budget",
            "xors",
            "and_depth",
        ];
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| keys.iter().map(|key| text(row, key)).collect())
            .collect();
        show!("{}", columns(&keys, &cells));
    }
    if args.check && !over.is_empty() {
        return Err(Failure::check(format!(
            "above the AND budget: {}",
            over.join(", ")
        )));
    }
    Ok(())
}

fn eval(args: &Eval) -> Result<(), Failure> {
    let netlist = load(&args.netlist)?;
    let mut bits = Vec::with_capacity(netlist.input_bits());
    for port in netlist.inputs() {
        let value = args
            .input
            .iter()
            .find_map(|item| item.split_once('=').filter(|(name, _)| *name == port.name))
            .map(|(_, value)| value)
            .ok_or_else(|| {
                Failure::usage(format!(
                    "no value for input '{}' ({} bits)",
                    port.name, port.bits
                ))
            })?;
        bits.extend(parse_word(port, value)?);
    }
    let outputs = privet_netlists::eval::bits(&netlist, &bits)
        .map_err(|e| Failure::file(args.netlist.display(), e))?;
    let mut rest = outputs.into_iter();
    let mut object = serde_json::Map::new();
    for port in netlist.outputs() {
        let word: Vec<bool> = rest.by_ref().take(port.bits as usize).collect();
        if args.json {
            object.insert(port.name.clone(), json!(show_word(&word)));
        } else {
            say!("{} = {}", port.name, show_word(&word));
        }
    }
    if args.json {
        say!("{}", Value::Object(object));
    }
    Ok(())
}

/// Bits of a port's value: decimal (two's complement) up to 64 bits, hexadecimal of any length.
pub(crate) fn parse_word(port: &Port, text: &str) -> Result<Vec<bool>, Failure> {
    let bits = port.bits as usize;
    let bad = || {
        Failure::usage(format!(
            "'{text}' is not a value of {bits} bits for '{}'",
            port.name
        ))
    };
    if let Some(digits) = text.strip_prefix("0x") {
        let mut word = Vec::with_capacity(bits);
        for digit in digits.chars().rev() {
            let nibble = digit.to_digit(16).ok_or_else(bad)?;
            word.extend((0..4).map(|i| (nibble >> i) & 1 == 1));
        }
        if word.iter().skip(bits).any(|bit| *bit) {
            return Err(bad());
        }
        word.resize(bits, false);
        return Ok(word);
    }
    let value: i128 = text.parse().map_err(|_| bad())?;
    let fits =
        bits >= 127 || (-(1i128 << bits.saturating_sub(1)) <= value && value < (1i128 << bits));
    if !fits {
        return Err(bad());
    }
    Ok((0..bits).map(|i| (value >> i.min(127)) & 1 == 1).collect())
}

/// A word as a signed decimal up to 64 bits, else as hexadecimal.
pub(crate) fn show_word(word: &[bool]) -> String {
    if word.len() <= 64 {
        let sign = word.last().copied().unwrap_or(false) && word.len() > 1;
        let value = word
            .iter()
            .rev()
            .fold(if sign { -1i128 } else { 0 }, |v, b| {
                (v << 1) | i128::from(*b)
            });
        return value.to_string();
    }
    let digits: String = word
        .chunks(4)
        .rev()
        .filter_map(|nibble| {
            let value = nibble.iter().rev().fold(0, |v, b| (v << 1) | u32::from(*b));
            char::from_digit(value, 16)
        })
        .collect();
    format!("0x{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        let port = |bits| Port {
            name: "x".into(),
            bits,
        };
        for (bits, text, shown) in [
            (8, "-5", "-5"),
            (8, "251", "-5"),
            (8, "0xfb", "-5"),
            (1, "1", "1"),
            (16, "1234", "1234"),
            (64, "-9223372036854775808", "-9223372036854775808"),
            (72, "0x0123456789abcdef01", "0x0123456789abcdef01"),
        ] {
            assert_eq!(show_word(&parse_word(&port(bits), text).unwrap()), shown);
        }
        for (bits, text) in [
            (8, "256"),
            (8, "-129"),
            (8, "0x100"),
            (4, "zwölf"),
            (4, ""),
            (4, "0xg"),
        ] {
            assert!(parse_word(&port(bits), text).is_err(), "{text}");
        }
    }
}
