//! The circuits that garbling is measured on.

use std::path::Path;

use privet_garble::InputClass;
use privet_netlists::catalogue::BlockSpec;
use privet_netlists::generate::Dot;
use privet_netlists::{Netlist, bristol};

/// A circuit with the classes of its input bits.
#[derive(Debug)]
pub struct Circuit {
    /// Its name in the rows.
    pub name: &'static str,
    /// The circuit.
    pub netlist: Netlist,
    /// Who knows each input bit.
    pub classes: Vec<InputClass>,
}

/// The circuit of that name: `layer` (16 products of 16 bits, the weights known to the garbler),
/// `aes128` or `sha256` (from `bristol/` below `data`; `None` where that is absent or damaged).
#[must_use]
pub fn circuit(name: &str, data: &Path) -> Option<Circuit> {
    match name {
        "layer" => layer(),
        "aes128" => foreign("aes128", &data.join("bristol/aes_128.txt")),
        "sha256" => foreign("sha256", &data.join("bristol/sha256.txt")),
        _ => None,
    }
}

fn layer() -> Option<Circuit> {
    let block = BlockSpec::Dot(Dot {
        terms: 16,
        a_bits: 16,
        w_bits: 16,
        ring_bits: 28,
        drop: 0,
    });
    let netlist = (*block.netlist().ok()?).clone();
    let classes = netlist
        .inputs()
        .iter()
        .flat_map(|port| {
            let known = port.name.starts_with('w');
            let class = if known {
                InputClass::Garbler
            } else {
                InputClass::Mixed
            };
            std::iter::repeat_n(class, port.bits as usize)
        })
        .collect();
    Some(Circuit {
        name: "layer",
        netlist,
        classes,
    })
}

fn foreign(name: &'static str, file: &Path) -> Option<Circuit> {
    let netlist = bristol::read(&std::fs::read_to_string(file).ok()?).ok()?;
    let classes = vec![InputClass::Mixed; netlist.input_bits()];
    Some(Circuit {
        name,
        netlist,
        classes,
    })
}
