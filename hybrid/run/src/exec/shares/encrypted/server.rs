//! The server's part: multiplies ciphertexts with its weights, masks what it sends back.

use std::ops::Range;
use std::sync::Arc;

use privet_he::{Answer, Ciphertext, Inputs, Positions, Products, PublicKey, Weights};
use privet_model::quant::ir::{Model, Params};
use privet_net::Channel;
use privet_plan::LatticeSet;
use privet_prim::Prg;
use zeroize::Zeroizing;

use super::super::words::low;
use super::{Layer, Planned, Share, parameters};
use crate::error::RunError;
use crate::weights::{ModelWeights, Size};

/// Evaluated weights that are held at a time, in bytes.
const WEIGHTS: usize = 64 << 20;

/// Why nothing is multiplied: the plan's classes are not those of the network that is served.
const ABOVE_CLASS: &str = "weights exceed the norm class that the plan states; plan again";

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

    /// Multiplies what the client sends with the weights, layer by layer; the server's shares.
    pub(super) fn multiply(
        mut self,
        channel: &mut Channel,
        layers: &[Planned],
        model: &Model,
        kept: Option<&ModelWeights>,
    ) -> Result<Vec<Share>, RunError> {
        let layers = layers.iter();
        layers
            .map(|planned| self.layer(channel, planned, model, kept))
            .collect()
    }

    /// Multiplies what the client sends for a layer with its weights; the server's share.
    pub(super) fn layer(
        &mut self,
        channel: &mut Channel,
        planned: &Planned,
        model: &Model,
        kept: Option<&ModelWeights>,
    ) -> Result<Share, RunError> {
        let (layer, node) = (&planned.layer, planned.node);
        let params = params(model, node)?;
        let mut share = Zeroizing::new(vec![0; layer.outputs]);
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
                Some(kept) => {
                    kept.get(node, first, weight_size(layer, (rows, sources.len())), make)?
                }
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

/// Refuses weights above the class that the plan states of them, and tells the client before it sends more.
pub(super) fn check(
    channel: &mut Channel,
    layers: &[Planned],
    model: &Model,
) -> Result<(), RunError> {
    for planned in layers {
        if !planned
            .layer
            .lattice
            .norm
            .covers(params(model, planned.node)?)
        {
            channel.abort(ABOVE_CLASS);
            return Err(RunError::Incompatible(ABOVE_CLASS.to_owned()));
        }
    }
    Ok(())
}

fn params(model: &Model, node: usize) -> Result<&Params, RunError> {
    let params = model.params.get(node).and_then(Option::as_ref);
    params.ok_or(RunError::Contradiction("a layer has no parameters"))
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

/// Memory of a block of weights, and the polynomials that are evaluated for it.
fn weight_size(layer: &Layer, (rows, columns): (usize, usize)) -> Size {
    let whole = Weights::bytes(layer.parameters(), (rows, columns)) as u64;
    if layer.packing.are_constants() {
        return Size {
            bytes: whole / layer.packing.degree() as u64,
            evaluated: 0,
        };
    }
    Size {
        bytes: whole,
        evaluated: (rows * columns) as u64,
    }
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
