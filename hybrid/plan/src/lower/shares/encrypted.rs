//! Which parameters a network's products under encryption take, and how each layer is packed.

use std::collections::HashMap;

use privet_model::quant::ir::Node;

use super::super::{Lowering, unsupported};
use crate::error::PlanError;
use crate::lattice::{Lattice, LatticeSet, NormClass};
use crate::share::convolution;

/// A layer with weights: its node, and the class of its filters.
struct Layer<'g> {
    index: usize,
    node: &'g Node,
    norm: NormClass,
}

impl<'g> Lowering<'g> {
    /// How the products of each layer are made, by node: the cheapest parameters that suit all layers and are allowed.
    pub(super) fn lattices(&self) -> Result<HashMap<usize, Lattice>, PlanError> {
        let layers = self.layers()?;
        let mut refused = None;
        for set in LatticeSet::allowed(self.options.strict) {
            match self.under(set, &layers)? {
                Ok(lattices) => return Ok(lattices),
                Err(node) => refused = Some(node),
            }
        }
        let Some(node) = refused else {
            return Ok(HashMap::new());
        };
        let bits = self.tensor(&node.name, node.output)?.ring.bits();
        Err(unsupported(
            node,
            format!("products in a ring of {bits} bits exceed all parameters for encryption"),
            "use fewer value or fraction bits, or --backend ot",
        ))
    }

    /// All layers under a set, or the first that it does not suit.
    fn under(
        &self,
        set: LatticeSet,
        layers: &[Layer<'g>],
    ) -> Result<Result<HashMap<usize, Lattice>, &'g Node>, PlanError> {
        let (mut lattices, price) = (HashMap::new(), self.options.byte_price);
        for layer in layers {
            self.afford_geometry(layer.node)?;
            let conv = convolution(self.graph, layer.node)?;
            let output = self.tensor(&layer.node.name, layer.node.output)?;
            match Lattice::choose(&conv, set, output.ring.bits(), layer.norm, price) {
                Some(lattice) => lattices.insert(layer.index, lattice),
                None => return Ok(Err(layer.node)),
            };
        }
        Ok(Ok(lattices))
    }

    fn layers(&self) -> Result<Vec<Layer<'g>>, PlanError> {
        let nodes = self.graph.nodes.iter().enumerate();
        let nodes: Vec<(usize, &Node)> = nodes
            .filter(|(_, node)| node.op.weight_bits().is_some())
            .collect();
        let norms = &self.options.norms;
        if !norms.is_empty() && norms.len() != nodes.len() {
            return Err(PlanError::Options(format!(
                "{} norm classes for {} layers with weights",
                norms.len(),
                nodes.len()
            )));
        }
        let stated = norms.iter().copied().map(Some);
        let stated = stated.chain(std::iter::repeat(None));
        nodes
            .into_iter()
            .zip(stated)
            .map(|((index, node), stated)| {
                let norm = self.norm(node, stated)?;
                Ok(Layer { index, node, norm })
            })
            .collect()
    }

    /// The class of a layer's filters: as stated, else from the width of the weights.
    fn norm(&self, node: &Node, stated: Option<NormClass>) -> Result<NormClass, PlanError> {
        let Some(stated) = stated else {
            let conv = convolution(self.graph, node)?;
            let [height, width] = conv.kernel;
            let row = conv.in_channels / conv.groups.max(1) * height * width;
            return Ok(NormClass::widest(
                node.op.weight_bits().unwrap_or(u64::BITS),
                row,
            ));
        };
        if stated.exists() {
            return Ok(stated);
        }
        let what = format!(
            "layer '{}' states a norm class that there is not",
            node.name
        );
        Err(PlanError::Options(what))
    }
}
