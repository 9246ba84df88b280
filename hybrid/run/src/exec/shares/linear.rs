//! Linear layers: shares of products with the client's share of what is read, be it a mask or not; those with the server's own share in the
//! clear.

use privet_net::Channel;
use privet_plan::{BufferId, ShareLinear, share};
use zeroize::Zeroizing;

use super::words::Words;
use super::{Held, ShareExecutor, Side, UNFILLED};
use crate::error::RunError;

impl ShareExecutor<'_> {
    pub(super) fn linear(
        &mut self,
        channel: &mut Channel,
        step: &ShareLinear,
    ) -> Result<(), RunError> {
        // First: it waits for nothing, and the client may still be encrypting.
        let own = self.own_products(step)?;
        let input = held(&self.held, step.input)?;
        let mut share = self.supply.products(channel, step, input)?;
        if let Some(own) = own {
            if share.len() != own.len() {
                return Err(RunError::Contradiction("a layer with other results"));
            }
            for (share, own) in share.iter_mut().zip(own.iter()) {
                *share = share.wrapping_add(*own);
            }
        }
        let values = std::mem::take(&mut *share);
        self.put_words(step.out, values)
    }

    /// Products of the server's own share and the constants, on its side.
    fn own_products(&self, step: &ShareLinear) -> Result<Option<Zeroizing<Vec<u64>>>, RunError> {
        let Side::Server(_) = self.side else {
            return Ok(None);
        };
        let graph = &self.labels.plan.graph;
        let node = graph
            .nodes
            .get(step.node)
            .ok_or(RunError::Contradiction("a layer does not exist"))?;
        let geometry = share::geometry(graph, node)?;
        let params = self
            .labels
            .params(step.node)?
            .ok_or(RunError::Contradiction("a layer has no parameters"))?;
        let own = self.words(step.input)?;
        let ring = privet_ring::Ring::new(self.buffer(step.out)?.bits)
            .map_err(|_| RunError::Contradiction("a layer in a ring that does not exist"))?;
        let product = geometry
            .multiply(ring, &params.weights, &own.values)
            .map_err(|_| RunError::Contradiction("a layer does not fit its weights"))?;
        let mut product = Zeroizing::new(product);
        let [channels, plane] = geometry.output_shape();
        if params.bias.len() != channels {
            return Err(RunError::Contradiction("a layer has too few constants"));
        }
        let bias = params
            .bias
            .iter()
            .flat_map(|bias| std::iter::repeat_n(bias.cast_unsigned(), plane));
        for (product, bias) in product.iter_mut().zip(bias) {
            *product = product.wrapping_add(bias);
        }
        Ok(Some(product))
    }
}

/// The words of a buffer.
pub(super) fn held(all: &[Option<Held>], id: BufferId) -> Result<&Words, RunError> {
    match all.get(id.0 as usize) {
        Some(Some(Held::Words(words))) => Ok(words),
        _ => Err(UNFILLED),
    }
}
