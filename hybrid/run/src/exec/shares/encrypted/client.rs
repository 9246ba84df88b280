//! The client's part: encrypts its masks, decrypts its shares.

use std::collections::HashMap;

use privet_he::{Keys, Plain, Positions};
use privet_net::Channel;
use privet_plan::lattice::Upload;
use privet_plan::lattice::schedule::Move;
use privet_plan::{BufferId, LatticeSet};
use privet_prim::Prg;
use zeroize::Zeroizing;

use super::super::words::{Words, low};
use super::{Layer, Planned, Share, parameters};
use crate::error::RunError;

/// Replies that are read at a time, at least.
const REPLIES: usize = 32;

const OUT_OF_STEP: RunError = RunError::Contradiction("a move at a layer that does not exist");

/// The client's part of a preparation: a key of its own.
pub(super) struct Client(Keys);

impl Client {
    /// Draws a key and sends its public half.
    pub(super) fn set_up(set: LatticeSet, channel: &mut Channel) -> Result<Self, RunError> {
        let mut keys = Keys::generate(parameters(set), Prg::random());
        channel.send(&keys.public_key())?;
        Ok(Self(keys))
    }

    /// Encrypts masks, some of which are thereby drawn, and decrypts the client's shares.
    pub(super) fn multiply(
        mut self,
        channel: &mut Channel,
        layers: &[Planned],
        moves: &[Move],
        masks: &mut HashMap<BufferId, Words>,
    ) -> Result<Vec<Share>, RunError> {
        let mut shares = Vec::with_capacity(layers.len());
        for step in moves {
            match step {
                Move::Send(at) => {
                    let planned = layers.get(*at).ok_or(OUT_OF_STEP)?;
                    let mask = masks.get_mut(&planned.input).ok_or(OUT_OF_STEP)?;
                    self.send(channel, &planned.layer, mask)?;
                }
                Move::Take(at) => {
                    let planned = layers.get(*at).ok_or(OUT_OF_STEP)?;
                    shares.push(self.take(channel, &planned.layer)?);
                }
            }
        }
        if shares.len() != layers.len() {
            return Err(OUT_OF_STEP);
        }
        Ok(shares)
    }

    /// Encrypts and sends what a layer reads; what its encryption defines is thereby drawn.
    pub(super) fn send(
        &mut self,
        channel: &mut Channel,
        layer: &Layer,
        mask: &mut Words,
    ) -> Result<(), RunError> {
        for uploads in layer.messages() {
            self.encrypt(channel, layer, &uploads, mask)?;
        }
        Ok(channel.flush()?)
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

    /// Takes the replies to a layer and decrypts the client's share.
    pub(super) fn take(&self, channel: &mut Channel, layer: &Layer) -> Result<Share, RunError> {
        let mut share = Zeroizing::new(vec![0; layer.outputs]);
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
