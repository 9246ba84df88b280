//! Ports of a module in the order of the source. The order is taken from the text: the reader of the
//! cells keeps ports in a hash map.

use std::collections::HashMap;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use yosys_netlist_json::{BitVal, Module, PortDirection};

use super::{ImportError, Words};

/// Ports of one direction: final name and bits.
pub(super) type Bundle<'a> = Vec<(String, &'a [BitVal])>;

/// The ports of a module, words split.
pub(super) struct Ports<'a> {
    pub(super) inputs: Bundle<'a>,
    pub(super) outputs: Bundle<'a>,
}

impl<'a> Ports<'a> {
    pub(super) fn new(
        module: &'a Module,
        order: &[String],
        words: &[Words],
    ) -> Result<Self, ImportError> {
        let mut ports = Self {
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        if let Some(unknown) = words.iter().find(|w| !module.ports.contains_key(&w.port)) {
            return Err(refuse(&unknown.port, "does not exist".to_owned()));
        }
        for name in order {
            let Some(port) = module.ports.get(name) else {
                continue;
            };
            let bundle = match port.direction {
                PortDirection::Input => &mut ports.inputs,
                PortDirection::Output => &mut ports.outputs,
                PortDirection::InOut => {
                    return Err(refuse(name, "is both input and output".to_owned()));
                }
            };
            match words.iter().find(|w| &w.port == name) {
                Some(split) => bundle.extend(split_words(name, &port.bits, split.count)?),
                None => bundle.push((name.clone(), port.bits.as_slice())),
            }
        }
        Ok(ports)
    }
}

fn split_words<'a>(name: &str, bits: &'a [BitVal], count: u32) -> Result<Bundle<'a>, ImportError> {
    let words = count as usize;
    if words == 0 || bits.is_empty() || !bits.len().is_multiple_of(words) {
        let reason = format!("of {} bits does not hold {count} words", bits.len());
        return Err(refuse(name, reason));
    }
    let chunks = bits.chunks(bits.len() / words).enumerate();
    Ok(chunks
        .map(|(j, word)| (format!("{name}{j}"), word))
        .collect())
}

fn refuse(port: &str, reason: String) -> ImportError {
    ImportError::Port {
        port: port.to_owned(),
        reason,
    }
}

/// Names of the ports of module `name`, in the order of the text.
pub(super) fn order(json: &str, name: &str) -> Result<Vec<String>, ImportError> {
    #[derive(Deserialize)]
    struct File {
        modules: HashMap<String, Ordered>,
    }
    #[derive(Deserialize)]
    struct Ordered {
        #[serde(default)]
        ports: Keys,
    }
    let mut file: File = serde_json::from_str(json)?;
    Ok(file
        .modules
        .remove(name)
        .map(|module| module.ports.0)
        .unwrap_or_default())
}

/// Keys of a JSON object in the order of the text.
#[derive(Default)]
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of ports")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            keys.push(key);
        }
        Ok(Keys(keys))
    }
}
