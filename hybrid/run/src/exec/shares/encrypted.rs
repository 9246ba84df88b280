//! Products under encryption: from the client's masks and the server's weights to shares of W·r.
//!
//! - Functionality: for layers that both know, the client's r and the server's W become uniform shares of W·r; coefficients of r
//!   that a layer is the first to read are drawn here.
//! - Secure against: semi-honest, either side. The server sees ciphertexts under a key of this preparation (RLWE). The client
//!   sees replies that a fresh encryption of zero, a uniform mask and flooding hide, as `privet-he` says; how well is
//!   [`Plan::hiding`](privet_plan::Plan::hiding). The server refuses weights above the norm class that the plan states, and says so.
//! - From: Delphi (eprint 2020/050) for doing this before the input is known, Cheetah (eprint 2022/207) for products of polynomials.
//!   Differs: see `privet_ring::linear::packing` and `privet-he`; inputs of later layers are on their way while the server
//!   multiplies an earlier one, in the client's order of [`schedule`](privet_plan::lattice::schedule).
//! - Cost: [`Lattice::cost`] of each layer; the public key before the first.

mod client;
#[cfg(test)]
mod hostile;
mod server;

use std::collections::HashMap;
use std::ops::Range;

use privet_he::{Parameters, Positions};
use privet_model::quant::ir::Model;
use privet_net::Channel;
use privet_plan::lattice::{BATCH, Upload};
use privet_plan::share;
use privet_plan::{BufferId, Lattice, LatticeSet, Plan, ShareLinear, Step};
use privet_ring::Ring;
use privet_ring::linear::{Conv, Geometry, Packing};
use zeroize::Zeroizing;

use super::material::Owner;
use super::words::Words;
use crate::error::RunError;
use crate::weights::ModelWeights;

/// A party's share of a layer's W·r.
type Share = Zeroizing<Vec<u64>>;

/// A layer of a plan, and where it stands there.
struct Planned {
    node: usize,
    /// The mask that it reads.
    input: BufferId,
    layer: Layer,
}

/// A party's shares of all products under encryption of one preparation, in the plan's order. `masks`: the client's, some of which
/// are thereby drawn.
pub(super) fn prepare(
    plan: &Plan,
    side: Owner<'_>,
    (channel, weights): (&mut Channel, Option<&ModelWeights>),
    masks: &mut HashMap<BufferId, Words>,
) -> Result<Vec<Share>, RunError> {
    let layers = layers(plan)?;
    let Some(set) = layers.first().map(|planned| planned.layer.lattice.set) else {
        return Ok(Vec::new());
    };
    match side {
        Owner::Client => {
            let moves = plan.moves_under_encryption();
            client::Client::set_up(set, channel)?.multiply(channel, &layers, &moves, masks)
        }
        Owner::Server(model) => {
            server::check(channel, &layers, model)?;
            server::Server::set_up(set, channel)?.multiply(channel, &layers, model, weights)
        }
    }
}

/// One party's part where nothing is prepared: each layer is multiplied when it is due, under one key.
pub(super) struct Layers<'s> {
    plan: &'s Plan,
    side: Part<'s>,
}

enum Part<'s> {
    Client(client::Client),
    Server(server::Server, &'s Model, Option<&'s ModelWeights>),
}

impl<'s> Layers<'s> {
    /// Draws and sends the key, or receives it; none where nothing is encrypted.
    pub(super) fn set_up(
        plan: &'s Plan,
        owner: Owner<'s>,
        weights: Option<&'s ModelWeights>,
        channel: &mut Channel,
    ) -> Result<Option<Self>, RunError> {
        let layers = layers(plan)?;
        let Some(set) = layers.first().map(|planned| planned.layer.lattice.set) else {
            return Ok(None);
        };
        let side = match owner {
            Owner::Client => Part::Client(client::Client::set_up(set, channel)?),
            Owner::Server(model) => {
                server::check(channel, &layers, model)?;
                Part::Server(server::Server::set_up(set, channel)?, model, weights)
            }
        };
        channel.flush()?;
        Ok(Some(Self { plan, side }))
    }

    /// A party's share of a layer's products with the client's `input`.
    pub(super) fn multiply(
        &mut self,
        channel: &mut Channel,
        (linear, lattice): (&ShareLinear, &Lattice),
        input: &Words,
    ) -> Result<Share, RunError> {
        let planned = planned(self.plan, linear, lattice)?;
        match &mut self.side {
            Part::Client(client) => {
                let mut given = Words::new(input.bits, input.values.to_vec());
                client.send(channel, &planned.layer, &mut given)?;
                client.take(channel, &planned.layer)
            }
            Part::Server(server, model, weights) => {
                server.layer(channel, &planned, model, *weights)
            }
        }
    }
}

/// The layers under encryption, in the plan's order.
fn layers(plan: &Plan) -> Result<Vec<Planned>, RunError> {
    let steps = plan.steps.iter().filter_map(Step::under_encryption);
    steps
        .map(|(linear, lattice)| planned(plan, linear, lattice))
        .collect()
}

fn planned(plan: &Plan, linear: &ShareLinear, lattice: &Lattice) -> Result<Planned, RunError> {
    let missing = RunError::Contradiction("a layer does not exist");
    let node = plan.graph.nodes.get(linear.node);
    let out = plan.buffers.get(linear.out.0 as usize);
    let (Some(node), Some(out)) = (node, out) else {
        return Err(missing);
    };
    let conv = share::convolution(&plan.graph, node)?;
    let geometry = share::geometry(&plan.graph, node)?;
    Ok(Planned {
        node: linear.node,
        input: linear.input,
        layer: Layer::new(lattice, &conv, &geometry, out.bits)?,
    })
}

/// A layer, as both parties know it.
struct Layer {
    lattice: Lattice,
    packing: Packing,
    /// Ring of plaintexts: not narrower than that of the shares.
    ring: Ring,
    /// Width of the shares' ring.
    bits: u32,
    cells: usize,
    outputs: usize,
}

impl Layer {
    fn new(
        lattice: &Lattice,
        conv: &Conv,
        geometry: &Geometry,
        bits: u32,
    ) -> Result<Self, RunError> {
        let contradiction = |_| RunError::Contradiction("a layer that does not fit its packing");
        Ok(Self {
            lattice: *lattice,
            packing: lattice.packing(conv).map_err(contradiction)?,
            ring: Ring::new(lattice.ring_bits)
                .map_err(|_| RunError::Contradiction("a layer in a ring that does not exist"))?,
            bits,
            cells: geometry.inputs(),
            outputs: geometry.outputs(),
        })
    }

    fn parameters(&self) -> Parameters {
        parameters(self.lattice.set)
    }

    fn positions(&self, list: Vec<u32>) -> Result<Positions, RunError> {
        Ok(Positions::new(self.packing.degree(), list)?)
    }

    /// What travels to the server, message by message: those of a tile, [`BATCH`] at a time.
    fn messages(&self) -> impl Iterator<Item = Vec<Upload>> {
        let mut uploads = self.lattice.uploads(&self.packing, self.cells);
        let inputs = self.packing.inputs();
        let batches = (0..inputs)
            .step_by(BATCH)
            .map(move |at| BATCH.min(inputs - at));
        (0..self.packing.tiles())
            .flat_map(move |_| batches.clone())
            .map(move |count| uploads.by_ref().take(count).collect())
    }

    /// Bytes of a message of input polynomials.
    fn message_bytes(&self, uploads: &[Upload]) -> usize {
        let each = uploads
            .iter()
            .map(|upload| self.lattice.input_bytes(upload.free.len()));
        usize::try_from(Lattice::head_bytes() + each.sum::<u64>()).unwrap_or(usize::MAX)
    }

    /// The results in the order in which they are sent: all tiles of an output polynomial, then the next one.
    fn replies(&self, outputs: Range<usize>) -> Result<Vec<Reply>, RunError> {
        let mut replies = Vec::new();
        for output in outputs {
            for tile in 0..self.packing.tiles() {
                let places = self.packing.place_outputs(tile, output);
                let list = places.iter().map(|place| u32::try_from(place.coefficient));
                let list = list.collect::<Result<_, _>>();
                replies.push(Reply {
                    wanted: self.positions(list.unwrap_or_default())?,
                    outputs: places.into_iter().map(|place| place.index).collect(),
                });
            }
        }
        Ok(replies)
    }
}

/// One output polynomial of one tile.
struct Reply {
    wanted: Positions,
    /// Which output each wanted coefficient is.
    outputs: Vec<usize>,
}

/// The parameters behind a plan's name for them.
const fn parameters(set: LatticeSet) -> Parameters {
    match set {
        LatticeSet::Pair50 => Parameters::Pair50,
        LatticeSet::Triple35 => Parameters::Triple35,
        LatticeSet::Strict => Parameters::Strict,
    }
}

#[cfg(test)]
mod tests {
    use privet_he::noise::{self, NormClass as Class};
    use privet_he::sizes;
    use privet_plan::NormClass;
    use privet_plan::lattice::{BytePrice, HIDING_BITS, Hiding, MIN_RING, hiding};

    use super::*;

    /// The planner knows of the parameters what they say of themselves.
    #[test]
    fn parameters_are_the_planners() {
        assert_eq!(MIN_RING, Parameters::MIN_RING);
        assert!((HIDING_BITS - f64::from(privet_prim::STAT_SEC)).abs() < 1e-9);
        assert_eq!(LatticeSet::ALL.map(parameters), Parameters::ALL);
        for set in LatticeSet::ALL {
            let same = parameters(set);
            assert_eq!(set.degree(), same.degree());
            assert_eq!(set.modulus_bits(), same.modulus_bits());
            assert_eq!(set.primes() as usize, same.moduli().len());
            assert_eq!(set.max_ring(), same.max_ring());
            assert_eq!(set.key_bytes(), sizes::public_key(same) as u64);
            assert_eq!(set.name(), same.name());
            let ring = Ring::new(set.max_ring()).unwrap();
            for (log2, class) in [(13.5, Class::Norm13), (15.0, Class::Norm15)] {
                let norm = NormClass::of_log2(log2).unwrap();
                let theirs = noise::hiding_bits(same, ring, class);
                assert!((hiding(set, ring.bits(), norm, 1) - theirs).abs() < 0.01);
                // Four filters add a bit.
                let four = hiding(set, ring.bits(), norm, 4);
                assert!((four + 1.0 - theirs).abs() < 0.01);
            }
        }
    }

    /// What a plan says of errors is what the parameters say.
    #[test]
    fn plans_state_the_probability_of_errors() {
        let conv = Conv {
            in_channels: 8,
            out_channels: 8,
            groups: 1,
            image: [32; 2],
            kernel: [3; 2],
            strides: [1; 2],
            dilations: [1; 2],
            pads_before: [1; 2],
            pads_after: [1; 2],
        };
        let norm = NormClass::of_log2(13.5).unwrap();
        for set in LatticeSet::ALL {
            let lattice =
                Lattice::choose(&conv, set, set.max_ring(), norm, BytePrice::default()).unwrap();
            let plan = Hiding::of(std::iter::once(&lattice)).unwrap();
            let ring = Ring::new(set.max_ring()).unwrap();
            let theirs = noise::failure_bits(parameters(set), ring, Class::Norm13, lattice.values);
            assert!((plan.log2_error + theirs).abs() < 0.5, "{set:?} {theirs}");
            assert!(plan.log2_error < -HIDING_BITS);
        }
    }
}
