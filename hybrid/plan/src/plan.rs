//! The plan: what both parties follow.

mod approximations;
mod choice;

use std::collections::BTreeMap;

use privet_model::quant::ir::Graph;
use privet_netlists::catalogue::BlockSpec;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::cost::gmw::Demand;
use crate::cost::{Cost, Flights, Round, StepCost, boolean, silent};
use crate::error::PlanError;
use crate::lattice::{BytePrice, Hiding, Lattice, schedule};
use crate::lower::{LANES, lower};
use crate::options::{Backend, Comparison, Party, PlanOptions};
use crate::share::{Products, ShareStep};
use crate::step::{Buffer, BufferId, LinearStep, Step, StepKind, Sums};
pub use approximations::Approximations;
pub(crate) use choice::large_bytes;

/// Memory of a party beside labels and steps: frames, threads, kernels' scratch.
const FIXED_MEMORY: u64 = 48 << 20;

/// Two instances of silent OT, their trees and hashes.
const SILENT_MEMORY: u64 = 48 << 20;

/// Gates of a netlist for each AND, roughly.
const GATES_PER_AND: u64 = 7;

/// Most lanes of a session.
const MAX_LANES: u64 = 16;

/// Steps of one inference, the buffers they use and what they cost.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The network, as both parties know it.
    pub graph: Graph,
    /// What was agreed besides.
    pub options: PlanOptions,
    /// Label buffers.
    pub buffers: Vec<Buffer>,
    /// Steps in order.
    pub steps: Vec<Step>,
    /// Tweaks that one inference uses up.
    pub tweaks: u64,
    /// Material for bits that one inference uses up.
    pub demand: Demand,
    /// What one inference costs.
    pub cost: Cost,
    /// SHA-256 of everything public: graph, options, netlists, counts.
    pub hash: [u8; 32],
}

impl Plan {
    /// Plans a graph that has been validated. `memory`: bytes that the plan with its netlists may
    /// take; a graph of a peer that needs more is refused while it is lowered.
    ///
    /// # Errors
    /// An operation that the backend cannot run, or an inconsistent graph.
    pub fn new(graph: Graph, mut options: PlanOptions, memory: u64) -> Result<Self, PlanError> {
        if options.backend != Backend::Hybrid {
            // Only products under encryption need to know of norms and parameters; nothing is told for nothing.
            options.norms.clear();
            options.strict = false;
            options.byte_price = BytePrice::default();
        }
        options.all_online &= options.backend.shares();
        if !options.backend.boolean() {
            options.comparison = Comparison::default();
        }
        let lowered = lower(&graph, &options, memory)?;
        let mut inference = StepCost::default();
        lowered
            .steps
            .iter()
            .for_each(|step| inference.add(&step.cost));
        let bits = demand(&lowered.steps);
        let (offline, under_way) = if options.all_online {
            inference.add(&beside_layers(&lowered.steps, &inference));
            let layers = layers_under_encryption(&lowered.steps);
            (StepCost::default(), layers.into_iter().max().unwrap_or(0))
        } else {
            offline(&lowered.steps, &bits)
        };
        let material = material(&lowered.buffers, &lowered.steps, options.all_online);
        let memory = FIXED_MEMORY
            + peak_labels(&lowered.buffers, &lowered.steps, &options)?
            + lowered.charged
            + if options.backend.shares() {
                SILENT_MEMORY + 2 * material + under_way
            } else {
                0
            };
        let cost = Cost {
            inference,
            offline,
            material,
            memory,
        };
        let hash = hash(&graph, &options, &lowered.steps, &cost)?;
        Ok(Self {
            graph,
            options,
            buffers: lowered.buffers,
            steps: lowered.steps,
            tweaks: lowered.tweaks,
            demand: bits,
            cost,
            hash,
        })
    }

    /// What products under encryption rest on, and how well they hide; none where there are none.
    #[must_use]
    pub fn hiding(&self) -> Option<Hiding> {
        Hiding::of(encrypted(&self.steps))
    }

    /// The client's moves at the layers under encryption, counted in the order of their steps.
    #[must_use]
    pub fn moves_under_encryption(&self) -> Vec<schedule::Move> {
        schedule::moves(&layers_under_encryption(&self.steps))
    }

    /// The plan's hash in hexadecimal digits.
    #[must_use]
    pub fn hash_text(&self) -> String {
        self.hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Costs summed by layer, in order of first appearance.
    #[must_use]
    pub fn layers(&self) -> Vec<(String, StepCost)> {
        self.by_layer(|step| step.cost)
    }

    /// Costs of material summed by layer, likewise; without the bytes of random correlated OTs.
    #[must_use]
    pub fn offline_layers(&self) -> Vec<(String, StepCost)> {
        self.by_layer(|step| step.offline)
    }

    /// Application bytes of making the material of an inference when that of `before` others was made
    /// in the session: random correlated OTs come in trees, and not every inference pays alike.
    #[must_use]
    pub fn offline_bytes(&self, before: u64) -> u64 {
        let (first, second) = silent::bytes_after(&self.cost.offline, 0);
        let (client, server) = silent::bytes_after(&self.cost.offline, before);
        self.cost.offline.bytes() - (first + second) + client + server
    }

    /// Application bytes of an inference once its input is known, when `before` others were made in the session: as
    /// [`Plan::offline_bytes`], where nothing is prepared.
    #[must_use]
    pub fn online_bytes(&self, before: u64) -> u64 {
        let (first, second) = silent::bytes_after(&self.cost.inference, 0);
        let (client, server) = silent::bytes_after(&self.cost.inference, before);
        self.cost.inference.bytes() - (first + second) + client + server
    }

    fn by_layer(&self, cost: impl Fn(&Step) -> StepCost) -> Vec<(String, StepCost)> {
        let mut layers: Vec<(String, StepCost)> = Vec::new();
        for step in &self.steps {
            let cost = cost(step);
            match layers.last_mut() {
                Some((name, sum)) if *name == step.layer => sum.add(&cost),
                _ => layers.push((step.layer.clone(), cost)),
            }
        }
        layers
    }
}

fn hash(
    graph: &Graph,
    options: &PlanOptions,
    steps: &[Step],
    cost: &Cost,
) -> Result<[u8; 32], PlanError> {
    let encode =
        |e: postcard::Error| PlanError::Options(format!("the plan cannot be encoded: {e}"));
    let mut hasher = Sha256::new();
    hasher.update(b"privet plan 2");
    hasher.update(postcard::to_allocvec(graph).map_err(encode)?);
    hasher.update(postcard::to_allocvec(options).map_err(encode)?);
    let mut blocks = BTreeMap::new();
    for step in steps {
        for block in step.kind.blocks() {
            blocks.insert(block.name(), (block, step.layer.clone()));
        }
    }
    for (name, (block, layer)) in blocks {
        let netlist = block.netlist().map_err(|source| PlanError::Netlist {
            layer,
            block: name.clone(),
            source,
        })?;
        hasher.update(name.as_bytes());
        hasher.update(netlist.sha256());
    }
    let counts = |cost: &StepCost| {
        [
            cost.ands,
            cost.half_ands,
            cost.cots,
            cost.client_bytes,
            cost.server_bytes,
        ]
    };
    for count in counts(&cost.inference) {
        hasher.update(count.to_le_bytes());
    }
    if options.backend.shares() {
        hasher.update(b"shares 1");
        for step in steps {
            hasher.update(postcard::to_allocvec(&step.kind).map_err(encode)?);
            for cost in [&step.cost, &step.offline] {
                let counts = counts(cost).into_iter();
                for count in counts.chain([cost.triples, cost.client_silent, cost.server_silent]) {
                    hasher.update(count.to_le_bytes());
                }
            }
        }
    }
    Ok(hasher.finalize().into())
}

/// What comes to the layers' sum where nothing is prepared: the bytes of random correlated OTs, and the key.
fn beside_layers(steps: &[Step], layers: &StepCost) -> StepCost {
    let (client_bytes, server_bytes) = silent::bytes_after(layers, 0);
    let key = encrypted(steps)
        .next()
        .map(|lattice| lattice.set.key_bytes());
    StepCost {
        client_bytes: client_bytes + key.unwrap_or(0),
        server_bytes,
        ..StepCost::default()
    }
}

/// What making the material takes, and the most bytes that a party keeps of what comes while it sends.
fn offline(steps: &[Step], bits: &Demand) -> (StepCost, u64) {
    let mut sum = StepCost::default();
    steps.iter().for_each(|step| sum.add(&step.offline));
    let (client, server) = silent::bytes_after(&sum, 0);
    sum.client_bytes += client;
    sum.server_bytes += server;
    if let Some(lattice) = encrypted(steps).next() {
        sum.client_bytes += lattice.set.key_bytes();
    }
    if !bits.is_empty() {
        // Trees of silent OT, where any are due.
        sum.flights.then(Flights::chain(2));
    }
    let layers = layers_under_encryption(steps);
    let encrypted = schedule::flights(&schedule::moves(&layers));
    sum.flights.then(Flights::chain(encrypted));
    // Turned material is the client's alone to send, behind everything else.
    if bits.fixed_oles > 0 || !bits.fixed_tables.is_empty() {
        sum.flights.then(Round::CLIENT.into());
    }
    (sum, schedule::peak(&layers))
}

/// Bytes of each layer under encryption, both directions together, as [`schedule::moves`] wants them.
fn layers_under_encryption(steps: &[Step]) -> Vec<u64> {
    let layers = steps
        .iter()
        .filter(|step| step.under_encryption().is_some());
    layers
        .map(|step| step.offline.bytes() + step.cost.bytes())
        .collect()
}

/// Bytes of material that the party keeps which keeps more, the client with its masks: of one inference, or of a layer where each makes its
/// own.
fn material(buffers: &[Buffer], steps: &[Step], by_layer: bool) -> u64 {
    let each = steps.iter().map(|step| {
        let bits = material_for_bits(&step.demand);
        words_of_material(buffers, &step.kind) + bits
    });
    if by_layer {
        return each.max().unwrap_or(0);
    }
    each.sum()
}

fn words_of_material(buffers: &[Buffer], kind: &StepKind) -> u64 {
    let words = |id: &BufferId| buffers.get(id.0 as usize).map_or(0, Buffer::bytes);
    match kind {
        StepKind::Share(ShareStep::Mask { out, .. }) => words(out),
        StepKind::Share(ShareStep::Linear(linear)) => words(&linear.out),
        StepKind::Share(
            ShareStep::Input { .. }
            | ShareStep::Sum { .. }
            | ShareStep::AddConst { .. }
            | ShareStep::Reflect { .. }
            | ShareStep::Bridge(_)
            | ShareStep::TruncLocal(_)
            | ShareStep::ReluTrunc(_)
            | ShareStep::Compared(_),
        )
        | StepKind::Input { .. }
        | StepKind::Linear(_)
        | StepKind::Cells(_)
        | StepKind::Wire(_)
        | StepKind::Output { .. } => 0,
    }
}

fn material_for_bits(bits: &Demand) -> u64 {
    24 * bits.triples
        + 40 * bits.common_triples
        + 16 * (bits.client_oles + bits.server_oles)
        + 1032 * (bits.client_transfers + bits.server_transfers)
        + 16 * bits.fixed_oles
        + [&bits.tables, &bits.fixed_tables]
            .into_iter()
            .flatten()
            .map(|(shape, words)| 8 * u64::from(shape.table_bits()) * words)
            .sum::<u64>()
}

/// Layers whose products are made under encryption.
fn encrypted(steps: &[Step]) -> impl Iterator<Item = &Lattice> {
    steps
        .iter()
        .filter_map(Step::under_encryption)
        .map(|(_, lattice)| lattice)
}

/// Material for bits of all steps.
fn demand(steps: &[Step]) -> Demand {
    let mut demand = Demand::default();
    steps.iter().for_each(|step| demand.add(&step.demand, 1));
    demand
}

/// Peak bytes of labels: buffers are made when first written and dropped after their last reader.
fn peak_labels(
    buffers: &[Buffer],
    steps: &[Step],
    options: &PlanOptions,
) -> Result<u64, PlanError> {
    let size = |id: BufferId| buffers.get(id.0 as usize).map_or(0, Buffer::bytes);
    let mut live: BTreeMap<BufferId, u64> = BTreeMap::new();
    let mut peak = 0;
    for step in steps {
        for id in step.kind.touches() {
            live.insert(id, size(id));
        }
        let now = live
            .values()
            .try_fold(step.kind.scratch(options, buffers), |sum, bytes| {
                sum.checked_add(*bytes)
            });
        peak =
            peak.max(now.ok_or_else(|| PlanError::Options("the network is too large".to_owned()))?);
        for id in &step.frees {
            live.remove(id);
        }
    }
    Ok(peak)
}

impl StepKind {
    /// Buffers that the step reads or fills.
    #[must_use]
    pub fn touches(&self) -> Vec<BufferId> {
        use crate::step::{Port, Source, WireWords};
        let mut ids = match self {
            Self::Input { out } => vec![*out],
            Self::Output { from, .. } => vec![*from],
            Self::Linear(step) => vec![step.input, step.out],
            Self::Share(step) => step.touches(),
            Self::Cells(step) => {
                let mut ids = vec![step.out];
                ids.extend(step.ports.iter().filter_map(|port| match port {
                    Port::Words { buffer, .. } => Some(*buffer),
                    Port::Constants { .. } => None,
                }));
                ids
            }
            Self::Wire(step) => {
                let mut ids = vec![step.out];
                match &step.words {
                    WireWords::Same(buffer) => ids.push(*buffer),
                    WireWords::Each(words) => {
                        ids.extend(words.iter().filter_map(|word| match word {
                            Source::Word { buffer, .. } => Some(*buffer),
                            Source::Constant(_) => None,
                        }));
                    }
                }
                ids
            }
        };
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Netlists that the step instantiates.
    #[must_use]
    pub fn blocks(&self) -> Vec<BlockSpec> {
        match self {
            Self::Share(ShareStep::Bridge(step)) => vec![step.block],
            Self::Input { .. } | Self::Output { .. } | Self::Wire(_) | Self::Share(_) => Vec::new(),
            Self::Cells(step) => vec![step.block],
            Self::Linear(step) => step.blocks(),
        }
    }

    /// Bytes of labels beside buffers: a linear step keeps one accumulator per tap set, and the
    /// results of its rows until all lanes are done; weights that enter by OT stand ready for a
    /// unit on each lane.
    fn scratch(&self, options: &PlanOptions, buffers: &[Buffer]) -> u64 {
        let size = |id: BufferId| buffers.get(id.0 as usize).copied();
        match self {
            Self::Share(ShareStep::Bridge(step)) => {
                // Blocks of the client's bits and of the output's colours, or planes of all wires.
                let labels = |id| size(id).map_or(0, |b| b.labels() as u64);
                if options.backend.boolean() {
                    let lanes = size(step.from).map_or(0, |b| b.elements.min(boolean::LANES));
                    step.block.rough_ands() * GATES_PER_AND * lanes.div_ceil(8) as u64
                } else {
                    16 * (labels(step.from) + labels(step.out))
                }
            }
            // The keys of a batch of transfers, and messages on their way; or all ciphertexts of a layer.
            Self::Share(ShareStep::Linear(linear)) => match &linear.products {
                Products::Transfers { .. } => 64 << 20,
                Products::Encrypted(lattice) => {
                    (64 << 20) + lattice.inputs * lattice.set.ciphertext_bytes()
                }
            },
            Self::Share(ShareStep::Compared(step)) => step.scratch(),
            Self::Share(_) => 0,
            Self::Cells(step) if options.backend.boolean() => {
                let lanes = step.instances.min(boolean::LANES).div_ceil(8) as u64;
                step.block.rough_ands() * GATES_PER_AND * lanes
            }
            Self::Linear(step) => {
                let acc = u64::from(step.acc_bits + 1);
                let group = |g: &crate::step::LinearGroup| {
                    let sums = match g.sums {
                        Sums::Shared => g.tapsets.len(),
                        Sums::Own => 0,
                    };
                    let words = (sums + g.rows.len() + LANES) as u64 * acc;
                    let by_ot = match options.garbler {
                        Party::Server => 0,
                        Party::Client => {
                            let row = acc + g.terms as u64 * u64::from(step.weight_bits);
                            MAX_LANES * LANES as u64 * row
                        }
                    };
                    (words + by_ot) * 16
                };
                step.groups.iter().map(group).max().unwrap_or(0)
            }
            Self::Cells(step) => step.instances as u64 * 64 * 16,
            Self::Input { .. } | Self::Output { .. } | Self::Wire(_) => 0,
        }
    }
}

impl LinearStep {
    /// The distinct netlists of the step.
    #[must_use]
    pub fn blocks(&self) -> Vec<BlockSpec> {
        let mut sizes: Vec<u32> = self
            .groups
            .iter()
            .flat_map(|g| g.chunks.iter().copied())
            .collect();
        sizes.sort_unstable();
        sizes.dedup();
        let mut blocks = Vec::new();
        if self.groups.iter().any(|g| g.sums == Sums::Shared) {
            blocks.push(self.bias_block());
        }
        for terms in sizes {
            blocks.push(self.sum_block(terms));
            blocks.push(self.dot_block(terms));
        }
        blocks
    }
}
