//! Linear layers: a mask for what they read, products ahead, the clear product online. Where nothing is prepared: products of the
//! client's own share, and the clear product of the server's.

use privet_model::quant::ir::{Node, Op, TensorId};

use super::super::linear::SIGN_BITS;
use super::super::{Lowering, unsupported};
use crate::cost::gmw::Demand;
use crate::cost::product::{Brings, Choosing, Product};
use crate::cost::{LinkModel, Rates, Round, StepCost};
use crate::error::PlanError;
use crate::lattice::Lattice;
use crate::share::{Products, ShareLinear, ShareStep, convolution, geometry};
use crate::step::{BufferId, StepKind};

impl Lowering<'_> {
    pub(super) fn share_linear(&mut self, index: usize, node: &Node) -> Result<(), PlanError> {
        let output = self.tensor(&node.name, node.output)?;
        let (ring, elements) = (output.ring, output.shape.iter().product());
        let operand = self.operand_id(node, 0)?;
        let input = self.read(&node.name, operand, ring.bits())?;
        self.charge_geometry(node)?;
        let geometry = geometry(self.graph, node)?;
        let fits =
            geometry.inputs() == self.buffer(input)?.elements && geometry.outputs() == elements;
        if !fits {
            return Err(unsupported(
                node,
                "a window that does not fit the shapes",
                "check the model",
            ));
        }
        let weight_bits = if matches!(node.op, Op::Reflect) {
            SIGN_BITS
        } else {
            node.op.weight_bits().unwrap_or(ring.bits())
        };
        let (products, offline) = if let Some(lattice) = self.shares.encrypted.get(&index) {
            let lattice = Lattice {
                // A share that is no mask is what it is.
                defines: !self.options.all_online && self.shares.defined.insert(input),
                ..*lattice
            };
            let conv = convolution(self.graph, node)?;
            let packing = lattice
                .packing(&conv)
                .map_err(|error| unsupported(node, error.to_string(), "report this"))?;
            let mut cost = lattice.cost(&packing, geometry.inputs());
            if self.options.all_online && cost.encrypted > 0 {
                // Nothing of another layer is under way meanwhile.
                cost.flights = [Round::CLIENT, Round::SERVER].iter().collect();
            }
            (Products::Encrypted(lattice), cost)
        } else {
            let brings = Brings::Own { bits: ring.bits() };
            let product = Product {
                geometry: &geometry,
                ring,
                weight_bits,
                brings,
            };
            transfers(&product)
        };
        let out = self.new_words(elements, ring.bits())?;
        let step = ShareStep::Linear(ShareLinear {
            node: index,
            input,
            out,
            weight_bits,
            products,
        });
        let online = StepCost {
            clear: geometry.products(),
            ..StepCost::default()
        };
        let kind = StepKind::Share(step);
        self.push_prepared(&node.name, kind, online, offline, Demand::default())?;
        if !self.options.all_online {
            // The client's share is the one that the products gave it ahead.
            self.shares.ahead.insert(out);
        }
        self.shares.words.insert(node.output, out);
        Ok(())
    }

    /// A tensor's shares as a linear layer reads them, in a ring of at least `least` bits.
    fn read(&mut self, layer: &str, id: TensorId, least: u32) -> Result<BufferId, PlanError> {
        if self.options.all_online {
            let bits = self.shares.wants.width(id).unwrap_or(least).max(least);
            return self.words_of(layer, id, bits);
        }
        self.masked(layer, id, least)
    }

    /// A tensor's shares behind a mask of at least `least` bits; one mask for all readers.
    fn masked(&mut self, layer: &str, id: TensorId, least: u32) -> Result<BufferId, PlanError> {
        if let Some(found) = self.shares.masked.get(&id).copied()
            && self.buffer(found)?.bits >= least
        {
            return Ok(found);
        }
        let bits = self.shares.wants.width(id).unwrap_or(least).max(least);
        let input = self.words_of(layer, id, bits)?;
        let elements = self.buffer(input)?.elements;
        let out = self.new_words(elements, bits)?;
        let cost = StepCost {
            client_bytes: (elements as u64 * u64::from(bits)).div_ceil(8),
            flights: Round::CLIENT.into(),
            ..StepCost::default()
        };
        let step = StepKind::Share(ShareStep::Mask { input, out });
        self.push(layer, step, cost)?;
        self.shares.masked.insert(id, out);
        Ok(out)
    }

    /// Counts a geometry's tables before they are made.
    fn charge_geometry(&mut self, node: &Node) -> Result<(), PlanError> {
        self.charge(self.geometry_bytes(node)?)
    }

    /// Refuses a geometry whose tables the plan cannot afford; they are counted when they are kept.
    pub(super) fn afford_geometry(&self, node: &Node) -> Result<(), PlanError> {
        self.afford(self.geometry_bytes(node)?)
    }

    /// Bytes of a geometry's tables: a pair of cells for each tap and position, twice.
    fn geometry_bytes(&self, node: &Node) -> Result<u64, PlanError> {
        let taps = if let Op::Conv(conv) = &node.op {
            let [height, width] = conv.window.kernel;
            height.saturating_mul(width)
        } else if matches!(node.op, Op::Reflect) {
            1
        } else {
            return Ok(0);
        };
        let shape = &self.tensor(&node.name, node.output)?.shape;
        let plane: usize = shape.iter().skip(1).product();
        Ok((plane.saturating_mul(taps) as u64).saturating_mul(16))
    }
}

/// Products by transfers, and what they cost: the transfers counted by who sends them.
fn transfers(product: &Product<'_>) -> (Products, StepCost) {
    // Both parties must choose alike, whatever their links: the choice is that of one machine.
    let choosing = product.choose(&Rates::default(), &LinkModel::LOOPBACK);
    let inputs_choose = choosing == Choosing::Inputs;
    let mut cost = product.cost(choosing);
    let transfers = std::mem::take(&mut cost.cots);
    match choosing {
        Choosing::Weights => cost.client_silent = transfers,
        Choosing::Inputs => cost.server_silent = transfers,
    }
    (Products::Transfers { inputs_choose }, cost)
}
