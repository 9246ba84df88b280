//! What steps and plans cost: pure functions, no measurement.

use std::collections::HashMap;
use std::sync::Mutex;

use privet_netlists::Gate;
use privet_netlists::catalogue::BlockSpec;
use serde::Serialize;

use crate::error::PlanError;

pub mod boolean;
pub mod flights;
pub mod gmw;
pub mod link;
pub mod ot;
pub mod product;
pub mod rates;
pub mod silent;

pub use flights::{Flights, Round};
pub use link::LinkModel;
pub use rates::{Rates, RatesError, Seconds};

/// Bytes of one row of a garbled table.
pub const ROW_BYTES: u64 = 16;

/// Counts of one step (or of several, summed), for one inference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StepCost {
    /// Non-XOR gates whose two inputs nobody knows.
    pub ands: u64,
    /// Non-XOR gates with one input that a party knows: one row instead of two.
    pub half_ands: u64,
    /// Correlated OTs for input bits of the evaluator.
    pub cots: u64,
    /// ANDs of shared bits under GMW, padding included: a triple each.
    pub triples: u64,
    /// Random correlated OTs whose sender is the client.
    pub client_silent: u64,
    /// Random correlated OTs whose sender is the server.
    pub server_silent: u64,
    /// Products of ring elements in the clear, by the server.
    pub clear: u64,
    /// Masked products by transfers: one for each product and bit of a chooser.
    pub fields: u64,
    /// Polynomials that the client encrypts, in residues: one for each prime and 4096 coefficients.
    pub encrypted: u64,
    /// Polynomials of weights that the server evaluates unless it kept them, in residues; constants need it not.
    pub evaluated: u64,
    /// Products of an encrypted polynomial with one of weights, in residues.
    pub products: u64,
    /// Polynomials that the server answers with and the client decrypts, in residues.
    pub answered: u64,
    /// Application bytes from client to server.
    pub client_bytes: u64,
    /// Application bytes from server to client.
    pub server_bytes: u64,
    /// One-way delays that are waited out; where random correlated OTs are made, about so many: their trees come when they are due.
    pub flights: Flights,
}

impl StepCost {
    /// Non-XOR gates of either kind.
    #[must_use]
    pub const fn non_xor(&self) -> u64 {
        self.ands + self.half_ands
    }

    /// Gates and triples: what progress is counted in.
    #[must_use]
    pub const fn work(&self) -> u64 {
        self.non_xor() + self.triples
    }

    /// Rows of garbled tables.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        2 * self.ands + self.half_ands
    }

    /// Tweaks that the step uses up: one for each row.
    #[must_use]
    pub const fn tweaks(&self) -> u64 {
        self.rows()
    }

    /// Application bytes in both directions.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.client_bytes + self.server_bytes
    }

    /// Adds another cost.
    pub const fn add(&mut self, other: &Self) {
        self.ands += other.ands;
        self.half_ands += other.half_ands;
        self.cots += other.cots;
        self.triples += other.triples;
        self.client_silent += other.client_silent;
        self.server_silent += other.server_silent;
        self.clear += other.clear;
        self.fields += other.fields;
        self.encrypted += other.encrypted;
        self.evaluated += other.evaluated;
        self.products += other.products;
        self.answered += other.answered;
        self.client_bytes += other.client_bytes;
        self.server_bytes += other.server_bytes;
        self.flights.then(other.flights);
    }

    /// Adds `times` instances of a block.
    pub const fn add_block(&mut self, block: BlockCost, times: u64) {
        self.ands += block.ands * times;
        self.half_ands += block.half_ands * times;
    }
}

/// What a whole plan costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Sum over the steps of one inference, once its input is known. Where nothing is prepared, with the bytes of random correlated OTs as
    /// for the first one of a session.
    pub inference: StepCost,
    /// Sum over the material of one inference, the bytes of its random correlated OTs included as
    /// for the first one of a session.
    pub offline: StepCost,
    /// Bytes of one inference's material at the larger of the two parties.
    pub material: u64,
    /// Peak bytes of buffers, material, the plan's tables and buffers of a party.
    pub memory: u64,
}

impl Cost {
    /// Material and inference together.
    #[must_use]
    pub const fn total(&self) -> StepCost {
        let mut total = self.offline;
        total.add(&self.inference);
        total
    }
}

/// Non-XOR gates of one instance of a block under given input classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BlockCost {
    /// Gates with two unknown inputs.
    pub ands: u64,
    /// Gates with one input known to a party.
    pub half_ands: u64,
}

impl BlockCost {
    /// Rows of garbled tables.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        2 * self.ands + self.half_ands
    }
}

/// Who knows an input port's bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Known {
    /// Nobody: labels.
    Nobody,
    /// The garbler.
    Garbler,
    /// The evaluator.
    Evaluator,
}

/// Counts the gates of a block whose input ports are known as stated (one entry per port).
///
/// A gate between two wires of the garbler's is free; so is any XOR. The evaluator's two known
/// wires still cost one row, because the labels have to be computed.
///
/// # Errors
/// The netlist cannot be made.
pub fn block_cost(layer: &str, block: &BlockSpec, ports: &[Known]) -> Result<BlockCost, PlanError> {
    type Cache = Mutex<HashMap<(BlockSpec, Vec<Known>), BlockCost>>;
    static CACHE: std::sync::OnceLock<Cache> = std::sync::OnceLock::new();
    let cache = CACHE.get_or_init(Mutex::default);
    let key = (*block, ports.to_vec());
    if let Ok(known) = cache.lock()
        && let Some(found) = known.get(&key)
    {
        return Ok(*found);
    }
    let netlist = block.netlist().map_err(|source| PlanError::Netlist {
        layer: layer.to_owned(),
        block: block.name(),
        source,
    })?;
    let mut classes = Vec::new();
    for (port, known) in netlist.inputs().iter().zip(ports) {
        classes.extend(std::iter::repeat_n(*known, port.bits as usize));
    }
    let cost = count(netlist.gates(), classes);
    if let Ok(mut known) = cache.lock() {
        known.insert(key, cost);
    }
    Ok(cost)
}

#[expect(
    clippy::indexing_slicing,
    reason = "gates of a netlist refer to earlier wires only"
)]
fn count(gates: &[Gate], mut classes: Vec<Known>) -> BlockCost {
    let mut cost = BlockCost::default();
    for gate in gates {
        let class = match *gate {
            Gate::Inv(a) => classes[a as usize],
            Gate::Xor(a, b) => meet(classes[a as usize], classes[b as usize]),
            Gate::And(a, b) => {
                let (a, b) = (classes[a as usize], classes[b as usize]);
                match (a, b) {
                    (Known::Garbler, Known::Garbler) => {}
                    (Known::Nobody, Known::Nobody) => cost.ands += 1,
                    _ => cost.half_ands += 1,
                }
                meet(a, b)
            }
        };
        classes.push(class);
    }
    cost
}

fn meet(a: Known, b: Known) -> Known {
    if a == b { a } else { Known::Nobody }
}
