//! Linear layers: shares of W·r from the material, W·(x − r) in the clear.

use privet_plan::{ShareLinear, share};

use super::{ShareExecutor, Side};
use crate::error::RunError;

impl ShareExecutor<'_> {
    pub(super) fn linear(&mut self, step: &ShareLinear) -> Result<(), RunError> {
        let mut share = self.parts.shares()?;
        if let Side::Server(_) = self.side {
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
            let masked = self.words(step.input)?;
            let ring = privet_ring::Ring::new(self.buffer(step.out)?.bits)
                .map_err(|_| RunError::Contradiction("a layer in a ring that does not exist"))?;
            let product = geometry
                .multiply(ring, &params.weights, &masked.values)
                .map_err(|_| RunError::Contradiction("a layer does not fit its weights"))?;
            let [channels, plane] = geometry.output_shape();
            if params.bias.len() != channels || share.len() != product.len() {
                return Err(RunError::Contradiction("a layer has too few constants"));
            }
            let bias = params
                .bias
                .iter()
                .flat_map(|bias| std::iter::repeat_n(bias.cast_unsigned(), plane));
            for ((share, product), bias) in share.iter_mut().zip(product).zip(bias) {
                *share = share.wrapping_add(product).wrapping_add(bias);
            }
        }
        let values = std::mem::take(&mut *share);
        self.put_words(step.out, values)
    }
}
