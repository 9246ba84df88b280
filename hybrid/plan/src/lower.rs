//! From graph to steps, one file per family of operations.

mod cells;
mod linear;
mod magnitude;
mod output;
mod pool;
mod rows;
mod shares;
mod wire;

use std::collections::{HashMap, HashSet};

use privet_model::quant::ir::{Graph, Node, Op, Profile, Tensor, TensorId};
use privet_netlists::catalogue::BlockSpec;

use crate::cost::gmw::Demand;
use crate::cost::{BlockCost, Flights, Known, Round, StepCost, block_cost};
use crate::error::PlanError;
use crate::options::{Backend, Party, PlanOptions};
use crate::step::{Buffer, BufferId, Domain, Step, StepKind};

pub use linear::{LANES, dot_ports, sum_ports};

/// Builds the steps of a graph: under garbled circuits here, with linear layers on shares in `shares`.
pub(crate) struct Lowering<'g> {
    graph: &'g Graph,
    options: &'g PlanOptions,
    buffers: Vec<Buffer>,
    steps: Vec<Step>,
    place: HashMap<TensorId, BufferId>,
    /// Bits of the values of tensors that are never negative.
    magnitudes: Vec<Option<u32>>,
    tweaks: u64,
    /// Bytes that the plan itself and its netlists take, counted before they are made.
    charged: u64,
    /// What they may take.
    budget: u64,
    /// Netlists that are counted.
    counted: HashSet<BlockSpec>,
    shares: shares::Shares,
}

/// The steps and the buffers that they use.
pub(crate) struct Lowered {
    pub(crate) buffers: Vec<Buffer>,
    pub(crate) steps: Vec<Step>,
    pub(crate) tweaks: u64,
    /// Bytes of steps and netlists.
    pub(crate) charged: u64,
}

/// Lowers the whole graph; the plan with its netlists takes at most `budget` bytes, which is found
/// out before it takes them: the graph may come from a peer.
pub(crate) fn lower(
    graph: &Graph,
    options: &PlanOptions,
    budget: u64,
) -> Result<Lowered, PlanError> {
    let mut lowering = Lowering {
        graph,
        options,
        buffers: Vec::new(),
        steps: Vec::new(),
        place: HashMap::new(),
        magnitudes: magnitude::magnitudes(graph),
        tweaks: 0,
        charged: 0,
        budget,
        counted: HashSet::new(),
        shares: shares::Shares::default(),
    };
    lowering.suits_profile()?;
    if options.backend.shares() {
        lowering.share_input()?;
        for (index, node) in graph.nodes.iter().enumerate() {
            lowering.share_node(index, node)?;
        }
    } else {
        lowering.input()?;
        for (index, node) in graph.nodes.iter().enumerate() {
            lowering.node(index, node)?;
        }
    }
    lowering.output()?;
    let Lowering {
        buffers,
        mut steps,
        tweaks,
        charged,
        ..
    } = lowering;
    mark_frees(&mut steps);
    Ok(Lowered {
        buffers,
        steps,
        tweaks,
        charged,
    })
}

impl Lowering<'_> {
    /// Whether the backend can follow the graph as exactly, or as roughly, as it asks.
    fn suits_profile(&self) -> Result<(), PlanError> {
        let (profile, backend) = (self.graph.profile, self.options.backend);
        let refuse = |why: String| {
            Err(PlanError::Options(format!(
                "profile {profile} {why}, or quantise with --profile exact"
            )))
        };
        match profile {
            Profile::Drop { .. } if backend != Backend::Gc => refuse(format!(
                "omits columns of products, as only garbled products do, not backend {backend}; use --backend gc"
            )),
            Profile::Approx if !backend.boolean() => refuse(format!(
                "drops bits of shares that both parties hold, which backend {backend} does not; use --backend ot or hybrid"
            )),
            Profile::Exact | Profile::Drop { .. } | Profile::Approx => Ok(()),
        }
    }

    fn node(&mut self, index: usize, node: &Node) -> Result<(), PlanError> {
        match &node.op {
            Op::Linear(linear) => self.linear(index, node, linear),
            Op::Reflect => self.reflect(index, node),
            Op::Conv(conv) => self.conv(index, node, conv),
            Op::Relu | Op::Clip { .. } | Op::Table(_) | Op::Add | Op::AddConst => {
                self.elementwise(index, node)
            }
            Op::MaxPool(pool) => self.max_pool(node, pool),
            Op::AvgPool {
                pool,
                count_padding,
                shift,
            } => self.avg_pool(node, pool, *count_padding, *shift),
            Op::Trunc { .. }
            | Op::Shl { .. }
            | Op::Resize
            | Op::Concat { .. }
            | Op::Reshape
            | Op::Transpose { .. }
            | Op::Pad { .. } => self.rewire(node),
        }
    }

    fn input(&mut self) -> Result<(), PlanError> {
        let tensor = self.graph.input;
        let out = self.buffer_for(tensor, "input")?;
        let bits = self.buffer(out)?.labels() as u64;
        let cost = match self.options.garbler {
            // The evaluator's bits come by correlated OT.
            Party::Server => crate::cost::ot::cot_input(bits),
            // The garbler sends its active labels.
            Party::Client => StepCost {
                client_bytes: bits * 16,
                flights: Round::CLIENT.into(),
                ..StepCost::default()
            },
        };
        self.push("input", StepKind::Input { out }, cost)?;
        self.place.insert(tensor, out);
        Ok(())
    }

    /// Counts bytes that the plan is about to take.
    fn charge(&mut self, bytes: u64) -> Result<(), PlanError> {
        self.afford(bytes)?;
        self.charged = self.charged.saturating_add(bytes);
        Ok(())
    }

    /// Refuses bytes that the plan may not take beside what is counted.
    fn afford(&self, bytes: u64) -> Result<(), PlanError> {
        if self.charged.saturating_add(bytes) > self.budget {
            return Err(PlanError::AboveCap {
                what: "of memory for the plan alone",
                needs: format!("more than {}", crate::plan::large_bytes(self.budget)),
                cap: crate::plan::large_bytes(self.budget),
                flag: "--max-memory",
            });
        }
        Ok(())
    }

    fn push(&mut self, layer: &str, kind: StepKind, cost: StepCost) -> Result<(), PlanError> {
        self.push_prepared(layer, kind, cost, StepCost::default(), Demand::default())
    }

    /// Pushes a step some of whose work is done before the input is known, or right before the step where nothing is prepared.
    fn push_prepared(
        &mut self,
        layer: &str,
        kind: StepKind,
        mut cost: StepCost,
        mut offline: StepCost,
        demand: Demand,
    ) -> Result<(), PlanError> {
        offline.client_silent += demand.transfers_sent(true);
        offline.server_silent += demand.transfers_sent(false);
        if self.options.all_online {
            // Trees of silent OT take a message each way before the step's first.
            if !demand.is_empty() {
                offline.flights.then(Flights::chain(2));
            }
            offline.add(&cost);
            cost = std::mem::take(&mut offline);
        }
        self.charge((std::mem::size_of::<Step>() + layer.len()) as u64)?;
        let tweak_base = self.tweaks;
        self.tweaks += cost.tweaks();
        self.steps.push(Step {
            layer: layer.to_owned(),
            kind,
            tweak_base,
            cost,
            offline,
            demand,
            frees: Vec::new(),
        });
        Ok(())
    }

    fn tensor(&self, layer: &str, id: TensorId) -> Result<&Tensor, PlanError> {
        self.graph
            .tensors
            .get(id.0 as usize)
            .ok_or_else(|| PlanError::Graph {
                layer: layer.to_owned(),
                what: format!("tensor {} does not exist", id.0),
            })
    }

    fn place(&self, layer: &str, id: TensorId) -> Result<BufferId, PlanError> {
        self.place
            .get(&id)
            .copied()
            .ok_or_else(|| PlanError::Graph {
                layer: layer.to_owned(),
                what: format!("tensor {} is read before it is written", id.0),
            })
    }

    /// Buffer and description of the node's n-th operand.
    fn operand(&self, node: &Node, n: usize) -> Result<(BufferId, &Tensor), PlanError> {
        let id = node
            .inputs
            .get(n)
            .copied()
            .ok_or_else(|| PlanError::Graph {
                layer: node.name.clone(),
                what: format!("operand {n} is missing"),
            })?;
        Ok((self.place(&node.name, id)?, self.tensor(&node.name, id)?))
    }

    fn buffer(&self, id: BufferId) -> Result<Buffer, PlanError> {
        self.buffers
            .get(id.0 as usize)
            .copied()
            .ok_or_else(|| PlanError::Graph {
                layer: String::new(),
                what: format!("buffer {} does not exist", id.0),
            })
    }

    fn buffer_for(&mut self, tensor: TensorId, layer: &str) -> Result<BufferId, PlanError> {
        let tensor = self.tensor(layer, tensor)?;
        let (elements, bits) = (tensor.shape.iter().product(), tensor.ring.bits());
        self.new_buffer(elements, bits)
    }

    /// A buffer in the domain in which netlists are evaluated.
    fn new_buffer(&mut self, elements: usize, bits: u32) -> Result<BufferId, PlanError> {
        let domain = if self.options.backend.boolean() {
            Domain::Bool
        } else {
            Domain::Labels
        };
        self.buffer_in(elements, bits, domain)
    }

    fn buffer_in(
        &mut self,
        elements: usize,
        bits: u32,
        domain: Domain,
    ) -> Result<BufferId, PlanError> {
        let id = u32::try_from(self.buffers.len())
            .map_err(|_| PlanError::Options("the network has too many tensors".to_owned()))?;
        self.buffers.push(Buffer {
            elements,
            bits,
            domain,
        });
        Ok(BufferId(id))
    }

    /// Who knows the server's constants.
    fn weights_known(&self) -> Known {
        match self.options.garbler {
            Party::Server => Known::Garbler,
            Party::Client => Known::Evaluator,
        }
    }

    /// Adds the bytes of a step's tables in the direction garbler to evaluator.
    fn with_tables(&self, mut cost: StepCost) -> StepCost {
        let bytes = cost.rows() * crate::cost::ROW_BYTES;
        let sender = match self.options.garbler {
            Party::Server => {
                cost.server_bytes += bytes;
                Round::SERVER
            }
            Party::Client => {
                cost.client_bytes += bytes;
                Round::CLIENT
            }
        };
        if bytes > 0 {
            cost.flights.then(sender.into());
        }
        cost
    }

    /// Counts a block's gates under these classes, after it has been found to fit the budget.
    fn block(
        &mut self,
        layer: &str,
        block: &BlockSpec,
        ports: &[Known],
    ) -> Result<BlockCost, PlanError> {
        self.charge_block(block)?;
        block_cost(layer, block, ports)
    }

    /// Counts a netlist before it is made, the first time that it is wanted.
    fn charge_block(&mut self, block: &BlockSpec) -> Result<(), PlanError> {
        if self.counted.insert(*block) {
            let estimate = block
                .rough_ands()
                .saturating_mul(GATES_PER_AND * BYTES_PER_GATE);
            self.charge(estimate)?;
        }
        Ok(())
    }
}

/// Gates of a netlist for each AND, roughly (measured: 5 to 6 for dot products).
const GATES_PER_AND: u64 = 6;

/// Bytes of a gate in a netlist and in the programs of both parties.
const BYTES_PER_GATE: u64 = 64;

fn unsupported(node: &Node, what: impl Into<String>, hint: impl Into<String>) -> PlanError {
    PlanError::Unsupported {
        layer: node.name.clone(),
        what: what.into(),
        hint: hint.into(),
    }
}

/// Index of an element as buffers and steps hold it.
fn element(layer: &str, index: usize) -> Result<u32, PlanError> {
    u32::try_from(index).map_err(|_| PlanError::Graph {
        layer: layer.to_owned(),
        what: "a tensor has more than 2^32 elements".to_owned(),
    })
}

/// Notes at each step which buffers no later step reads.
fn mark_frees(steps: &mut [Step]) {
    let mut last = HashMap::new();
    for (index, step) in steps.iter().enumerate() {
        for buffer in step.kind.touches() {
            last.insert(buffer, index);
        }
    }
    let mut by_step: Vec<(usize, BufferId)> = last.into_iter().map(|(b, s)| (s, b)).collect();
    by_step.sort_unstable();
    for (index, buffer) in by_step {
        if let Some(step) = steps.get_mut(index) {
            step.frees.push(buffer);
        }
    }
}
