//! Products under encryption: from the client's masks and the server's weights to shares of W·r.
//!
//! - Functionality: for a layer that both know, the client's r and the server's W become uniform shares of W·r; coefficients of r
//!   that the layer is the first to read are drawn here.
//! - Secure against: semi-honest, either side. The server sees ciphertexts under a key of this preparation (RLWE). The client
//!   sees replies that a fresh encryption of zero, a uniform mask and flooding hide, as `privet-he` says; how well is
//!   [`Plan::hiding`](privet_plan::Plan::hiding). The server refuses weights above the norm class that the plan states.
//! - From: Delphi (eprint 2020/050) for doing this before the input is known, Cheetah (eprint 2022/207) for products of polynomials.
//!   Differs: see `privet_ring::linear::packing` and `privet-he`.
//! - Cost: [`Lattice::cost`]; of each layer two messages that wait for each other, the public key with the first.

use std::ops::Range;
use std::sync::Arc;

use privet_he::{
    Answer, Ciphertext, Inputs, Keys, Parameters, Plain, Positions, Products, PublicKey, Weights,
};
use privet_model::quant::ir::Params;
use privet_net::Channel;
use privet_plan::lattice::{BATCH, Upload};
use privet_plan::{Lattice, LatticeSet};
use privet_prim::Prg;
use privet_ring::Ring;
use privet_ring::linear::{Conv, Geometry, Packing};
use zeroize::Zeroizing;

use super::words::{Words, low};
use crate::error::RunError;
use crate::weights::ModelWeights;

/// Evaluated weights that are held at a time, in bytes.
const WEIGHTS: usize = 64 << 20;

/// Replies that are read or made at a time, at least.
const REPLIES: usize = 32;

/// A layer, as both parties know it.
pub(super) struct Layer {
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
    pub(super) fn new(
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

    /// What travels to the server, message by message.
    fn messages(&self) -> Vec<Vec<Upload>> {
        let mut uploads = self.lattice.uploads(&self.packing, self.cells);
        let mut messages = Vec::new();
        for _ in 0..self.packing.tiles() {
            let mut left = self.packing.inputs();
            while left > 0 {
                let count = left.min(BATCH);
                messages.push(uploads.by_ref().take(count).collect());
                left -= count;
            }
        }
        messages
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
pub(super) const fn parameters(set: LatticeSet) -> Parameters {
    match set {
        LatticeSet::Pair50 => Parameters::Pair50,
        LatticeSet::Triple35 => Parameters::Triple35,
        LatticeSet::Strict => Parameters::Strict,
    }
}

/// The client's part of a preparation: a key of its own.
pub(super) struct Client(Keys);

impl Client {
    /// Draws a key and sends its public half.
    pub(super) fn set_up(set: LatticeSet, channel: &mut Channel) -> Result<Self, RunError> {
        let mut keys = Keys::generate(parameters(set), Prg::random());
        channel.send(&keys.public_key())?;
        Ok(Self(keys))
    }

    /// Encrypts the mask, some of which is thereby drawn, and decrypts the client's share.
    pub(super) fn multiply(
        &mut self,
        channel: &mut Channel,
        layer: &Layer,
        mask: &mut Words,
    ) -> Result<Vec<u64>, RunError> {
        for uploads in layer.messages() {
            self.encrypt(channel, layer, &uploads, mask)?;
        }
        channel.flush()?;
        self.decrypt(channel, layer)
    }

    fn encrypt(
        &mut self,
        channel: &mut Channel,
        layer: &Layer,
        uploads: &[Upload],
        mask: &mut Words,
    ) -> Result<(), RunError> {
        let outside = RunError::Contradiction("a layer reads beyond its mask");
        let mut polynomials = Vec::with_capacity(uploads.len());
        for upload in uploads {
            let mut values = Zeroizing::new(vec![0; layer.packing.degree()]);
            for place in &upload.places {
                let cell = mask.values.get(place.index).copied();
                if let (Some(value), Some(cell)) = (values.get_mut(place.coefficient), cell) {
                    *value = cell & layer.ring.mask();
                }
            }
            polynomials.push((values, layer.positions(upload.free.clone())?));
        }
        let batch: Vec<Plain<'_>> = polynomials
            .iter()
            .map(|(values, free)| Plain { values, free })
            .collect();
        let (message, chosen) = self.0.encrypt(layer.ring, &batch)?;
        let chosen = Zeroizing::new(chosen);
        channel.send(&message)?;
        let keep = !layer.ring.mask();
        let all = low(mask.bits);
        for (upload, chosen) in uploads.iter().zip(chosen.iter()) {
            for (cell, value) in upload.defines.iter().zip(chosen) {
                let Some(cell) = cell else { continue };
                let Some(cell) = mask.values.get_mut(*cell) else {
                    return Err(outside);
                };
                *cell = ((*cell & keep) | value) & all;
            }
        }
        channel.progress();
        Ok(())
    }

    fn decrypt(&self, channel: &mut Channel, layer: &Layer) -> Result<Vec<u64>, RunError> {
        let mut share = vec![0; layer.outputs];
        if layer.packing.inputs() == 0 {
            return Ok(share);
        }
        let per_output = layer.packing.tiles();
        let step = REPLIES.div_ceil(per_output);
        for first in (0..layer.packing.outputs()).step_by(step) {
            let last = layer.packing.outputs().min(first + step);
            let replies = layer.replies(first..last)?;
            let each = replies
                .iter()
                .map(|reply| layer.lattice.output_bytes(reply.wanted.len()));
            let bytes = usize::try_from(each.sum::<u64>()).unwrap_or(usize::MAX);
            let wanted: Vec<&Positions> = replies.iter().map(|reply| &reply.wanted).collect();
            let message = channel.recv_slice(bytes)?;
            let values = Zeroizing::new(self.0.decrypt(layer.ring, message, &wanted)?);
            for (reply, values) in replies.iter().zip(values.iter()) {
                for (output, value) in reply.outputs.iter().zip(values) {
                    if let Some(share) = share.get_mut(*output) {
                        *share = value & low(layer.bits);
                    }
                }
            }
            channel.progress();
        }
        Ok(share)
    }
}

/// The server's part of a preparation: the client's public key.
pub(super) struct Server {
    key: PublicKey,
    prg: Prg,
}

impl Server {
    /// Receives the client's public key.
    pub(super) fn set_up(set: LatticeSet, channel: &mut Channel) -> Result<Self, RunError> {
        let bytes = usize::try_from(set.key_bytes()).unwrap_or(usize::MAX);
        Ok(Self {
            key: PublicKey::parse(parameters(set), channel.recv_slice(bytes)?)?,
            prg: Prg::random(),
        })
    }

    /// Multiplies what the client sends with the weights; the server's share.
    pub(super) fn multiply(
        &mut self,
        channel: &mut Channel,
        (layer, node): (&Layer, usize),
        params: &Params,
        kept: Option<&ModelWeights>,
    ) -> Result<Vec<u64>, RunError> {
        if !layer.lattice.norm.covers(params) {
            return Err(RunError::Incompatible(
                "weights exceed the norm class that the plan states; plan again".to_owned(),
            ));
        }
        let mut share = vec![0; layer.outputs];
        let (packing, tiles) = (&layer.packing, layer.packing.tiles());
        let ciphertexts = receive(channel, layer)?;
        if packing.inputs() == 0 {
            return Ok(share);
        }
        let mut held: Option<(Range<usize>, Vec<Inputs>)> = None;
        let mut first = 0;
        while first < packing.outputs() {
            let sources = packing.sources(first);
            let rows = rows(layer, first, &sources);
            let inputs = match held.take() {
                Some((range, inputs)) if range == sources => inputs,
                _ => beside(&ciphertexts, &sources)?,
            };
            let make = || weights(layer, (first, rows), &sources, &params.weights);
            let weights = match kept {
                Some(kept) => kept.get(
                    node,
                    first,
                    weight_bytes(layer, (rows, sources.len())),
                    make,
                )?,
                None => Arc::new(make()?),
            };
            let mut products = Products::new(layer.parameters(), tiles, rows)?;
            products.accumulate(&weights, &inputs.iter().collect::<Vec<_>>())?;
            drop(weights);
            self.reply(channel, layer, first..first + rows, products, &mut share)?;
            channel.progress();
            held = Some((sources, inputs));
            first += rows;
        }
        channel.flush()?;
        Ok(share)
    }

    /// Masks and sends some outputs; the share is minus the masks.
    fn reply(
        &mut self,
        channel: &mut Channel,
        layer: &Layer,
        outputs: Range<usize>,
        mut products: Products,
        share: &mut [u64],
    ) -> Result<(), RunError> {
        let tiles = layer.packing.tiles();
        let replies = layer.replies(outputs)?;
        let masks: Vec<Zeroizing<Vec<u64>>> = replies
            .iter()
            .map(|reply| {
                let draw = |_| self.prg.next_u64() & layer.ring.mask();
                Zeroizing::new((0..reply.wanted.len()).map(draw).collect())
            })
            .collect();
        let mut answers = Vec::with_capacity(replies.len());
        for (index, (reply, masks)) in replies.iter().zip(&masks).enumerate() {
            for (output, mask) in reply.outputs.iter().zip(masks.iter()) {
                if let Some(share) = share.get_mut(*output) {
                    *share = mask.wrapping_neg() & low(layer.bits);
                }
            }
            answers.push(Answer {
                product: products.take(index % tiles, index / tiles)?,
                wanted: &reply.wanted,
                masks,
            });
        }
        let message = self.key.reply(layer.ring, &mut self.prg, answers)?;
        channel.send(&message)?;
        Ok(())
    }
}

/// The client's ciphertexts, tile by tile.
fn receive(channel: &mut Channel, layer: &Layer) -> Result<Vec<Vec<Ciphertext>>, RunError> {
    let inputs = layer.packing.inputs();
    let mut tiles: Vec<Vec<Ciphertext>> = Vec::new();
    for uploads in layer.messages() {
        let message = channel.recv_slice(layer.message_bytes(&uploads))?;
        let free = uploads
            .into_iter()
            .map(|upload| layer.positions(upload.free))
            .collect::<Result<Vec<_>, _>>()?;
        let free: Vec<&Positions> = free.iter().collect();
        let parsed = Ciphertext::parse(layer.parameters(), layer.ring, message, &free)?;
        match tiles.last_mut().filter(|tile| tile.len() < inputs) {
            Some(tile) => tile.extend(parsed),
            None => tiles.push(parsed),
        }
        channel.progress();
    }
    Ok(tiles)
}

/// Output polynomials from `first` on that take products from the same inputs and whose weights fit into memory.
fn rows(layer: &Layer, first: usize, sources: &Range<usize>) -> usize {
    let (packing, columns) = (&layer.packing, sources.len());
    let most = WEIGHTS / Weights::bytes(layer.parameters(), (1, columns)).max(1);
    let alike = (first..packing.outputs()).take(most.max(1));
    alike
        .take_while(|output| packing.sources(*output) == *sources)
        .count()
        .max(1)
}

/// The inputs of a sum, for each tile.
fn beside(tiles: &[Vec<Ciphertext>], sources: &Range<usize>) -> Result<Vec<Inputs>, RunError> {
    let inputs = tiles.iter().map(|tile| {
        let tile: Vec<&Ciphertext> = tile
            .iter()
            .skip(sources.start)
            .take(sources.len())
            .collect();
        Ok(Inputs::new(&tile)?)
    });
    inputs.collect()
}

/// Memory of a block of weights.
fn weight_bytes(layer: &Layer, (rows, columns): (usize, usize)) -> u64 {
    let whole = Weights::bytes(layer.parameters(), (rows, columns)) as u64;
    if layer.packing.are_constants() {
        return whole / layer.packing.degree() as u64;
    }
    whole
}

/// A block of weights, evaluated; constants are left as they are.
fn weights(
    layer: &Layer,
    (first, rows): (usize, usize),
    sources: &Range<usize>,
    weights: &[i32],
) -> Result<Weights, RunError> {
    let (packing, parameters) = (&layer.packing, layer.parameters());
    let size = (rows, sources.len());
    let places =
        |row: usize, column: usize| packing.place_weights(sources.start + column, first + row);
    let signed = |index: usize, negative: bool| {
        let weight = weights.get(index).copied().map_or(0, i64::from);
        if negative { -weight } else { weight }
    };
    if packing.are_constants() {
        let weight = |row, column| {
            places(row, column)
                .first()
                .map_or(0, |place| signed(place.index, place.negative))
        };
        return Ok(Weights::constants(parameters, size, weight)?);
    }
    let fill = |row: usize, column: usize, coefficients: &mut [i64]| {
        for place in places(row, column) {
            if let Some(coefficient) = coefficients.get_mut(place.coefficient) {
                *coefficient = signed(place.index, place.negative);
            }
        }
    };
    Ok(Weights::encode(parameters, size, fill)?)
}

#[cfg(test)]
mod tests {
    use privet_he::noise::{self, NormClass as Class};
    use privet_he::sizes;
    use privet_plan::NormClass;
    use privet_plan::lattice::{HIDING_BITS, Hiding, MIN_RING, hiding};

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
            let lattice = Lattice::choose(&conv, set, set.max_ring(), norm).unwrap();
            let plan = Hiding::of(std::iter::once(&lattice)).unwrap();
            let ring = Ring::new(set.max_ring()).unwrap();
            let theirs = noise::failure_bits(parameters(set), ring, Class::Norm13, lattice.values);
            assert!((plan.log2_error + theirs).abs() < 0.5, "{set:?} {theirs}");
            assert!(plan.log2_error < -HIDING_BITS);
        }
    }
}
