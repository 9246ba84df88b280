//! The server's part: multiplies ciphertexts with its weights, masks what it sends back.

use std::ops::Range;

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
            let mut products = Products::new(layer.parameters(), tiles, rows)?;
            let block = Block {
                layer,
                first,
                rows,
                sources: &sources,
                weights: &params.weights,
            };
            let given = kept.map(|kept| kept.get(node, first, block.size(), || block.encode()));
            let inputs_of = inputs.iter().collect::<Vec<_>>();
            match given.transpose()?.flatten() {
                Some(weights) => products.accumulate(&weights, &inputs_of)?,
                None => block.multiply(&inputs_of, &mut products)?,
            }
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

/// Weights of some output polynomials that read the same inputs.
struct Block<'a> {
    layer: &'a Layer,
    first: usize,
    rows: usize,
    sources: &'a Range<usize>,
    weights: &'a [i32],
}

impl Block<'_> {
    fn dimensions(&self) -> (usize, usize) {
        (self.rows, self.sources.len())
    }

    /// Memory that it takes, and the polynomials that are evaluated for it.
    fn size(&self) -> Size {
        let (rows, columns) = self.dimensions();
        let whole = Weights::bytes(self.layer.parameters(), (rows, columns)) as u64;
        if self.layer.packing.are_constants() {
            return Size {
                bytes: whole / self.layer.packing.degree() as u64,
                evaluated: 0,
            };
        }
        Size {
            bytes: whole,
            evaluated: (rows * columns) as u64,
        }
    }

    /// Evaluates it; constants are left as they are.
    fn encode(&self) -> Result<Weights, RunError> {
        let parameters = self.layer.parameters();
        if self.layer.packing.are_constants() {
            let weight = |row, column| self.places(row, column).next().map_or(0, |(_, w)| w);
            return Ok(Weights::constants(parameters, self.dimensions(), weight)?);
        }
        let fill = |row, column, out: &mut [i64]| self.fill(row, column, out);
        Ok(Weights::encode(parameters, self.dimensions(), fill)?)
    }

    /// Adds its products, without keeping what is evaluated.
    fn multiply(&self, inputs: &[&Inputs], products: &mut Products) -> Result<(), RunError> {
        if self.layer.packing.are_constants() {
            return Ok(products.accumulate(&self.encode()?, inputs)?);
        }
        let fill = |row, column, out: &mut [i64]| self.fill(row, column, out);
        Ok(products.accumulate_fresh(self.dimensions(), fill, inputs)?)
    }

    fn fill(&self, row: usize, column: usize, coefficients: &mut [i64]) {
        for (place, weight) in self.places(row, column) {
            if let Some(coefficient) = coefficients.get_mut(place) {
                *coefficient = weight;
            }
        }
    }

    /// Which coefficients of a polynomial are which weights.
    fn places(&self, row: usize, column: usize) -> impl Iterator<Item = (usize, i64)> {
        let (input, output) = (self.sources.start + column, self.first + row);
        let places = self.layer.packing.place_weights(input, output).into_iter();
        places.map(|place| {
            let weight = self.weights.get(place.index).copied().map_or(0, i64::from);
            let signed = if place.negative { -weight } else { weight };
            (place.coefficient, signed)
        })
    }
}
