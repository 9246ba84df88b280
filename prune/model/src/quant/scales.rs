//! The scale of each stored value: which values are tied to one, and how many fraction bits that has.
//!
//! Layers with weights make values of any scale: the truncation behind them decides. Every other operation keeps its operands'
//! scale, so that it ties them to its result; a table has the network's.

use privet_ring::MIN_BITS;

use super::error::QuantError;
use super::fold::{Folded, FoldedNode, FoldedOp};
use super::options::{LayerFracs, QuantOptions};
use crate::graph::{Graph, ValueId};

/// Most fraction bits of single layers.
const MAX_FRAC: u32 = 62;

/// Values of one scale, by what makes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tied {
    /// Layers with weights whose results are among them, in the network's order.
    pub layers: Vec<String>,
    /// Whether the network's input is.
    pub input: bool,
    /// Whether a table is: it has the network's scale.
    pub fixed: bool,
}

/// Which values of a network, quantised with so many fraction bits, have one scale, in the order of their first makers: what
/// [`LayerFracs`] may set one by one.
///
/// # Errors
/// Constants that are NaN or infinite, or a graph that is not consistent.
pub fn tied(graph: &Graph, frac: u32) -> Result<Vec<Tied>, QuantError> {
    let folded = Folded::new(graph, Some(finest(frac)))?;
    let groups = Groups::of(&folded);
    let mut found: Vec<(usize, Tied)> = Vec::new();
    for (maker, value) in makers(&folded) {
        let root = groups.root(value);
        let place = found.iter().position(|(r, _)| *r == root);
        let place = place.unwrap_or_else(|| {
            let fixed = groups.is_fixed(root);
            let (layers, input) = (vec![], false);
            found.push((
                root,
                Tied {
                    layers,
                    input,
                    fixed,
                },
            ));
            found.len() - 1
        });
        if let Some((_, tied)) = found.get_mut(place) {
            match maker {
                Some(layer) => tied.layers.push(layer.to_owned()),
                None => tied.input = true,
            }
        }
    }
    Ok(found.into_iter().map(|(_, tied)| tied).collect())
}

/// What rounds to zero as a weight of so many fraction bits.
pub(super) fn finest(frac: u32) -> f64 {
    0.5 * (-f64::from(frac)).exp2()
}

/// What makes values of a scale of its own: the input (no name) and layers with weights.
fn makers<'f>(folded: &'f Folded<'_>) -> impl Iterator<Item = (Option<&'f str>, ValueId)> {
    let layers = folded.nodes.iter().filter(|n| n.op.is_linear());
    std::iter::once((None, folded.graph.input)).chain(layers.map(|n| (Some(n.name), n.output)))
}

/// Fraction bits and widths, by value of the float graph.
pub(super) struct Scales {
    values: Vec<(u32, u32)>,
}

impl Scales {
    /// Those that the options ask for, on top of `frac` where they say nothing.
    pub(super) fn new(
        folded: &Folded<'_>,
        options: &QuantOptions,
        frac: u32,
    ) -> Result<Self, QuantError> {
        let layers = &options.layers;
        check(folded, layers)?;
        let groups = Groups::of(folded);
        let mut wanted: Vec<Option<u32>> = vec![None; folded.graph.values.len()];
        for (maker, value) in makers(folded) {
            let stated = maker.map_or(layers.input, |name| layers.values.get(name).copied());
            let root = groups.root(value);
            if groups.is_fixed(root) && stated.is_some_and(|stated| stated != frac) {
                let what = format!(
                    "{} is tied to a table, which has the network's {frac} fraction bits",
                    maker.map_or("the input".to_owned(), |name| format!("layer {name}"))
                );
                return Err(refused(what));
            }
            if let Some(slot) = wanted.get_mut(root) {
                *slot = (*slot).max(Some(stated.unwrap_or(frac)));
            }
        }
        let all = folded.graph.values.len();
        let values = (0..all).map(|value| {
            let own = wanted.get(groups.root_of(value)).copied().flatten();
            let own = own.unwrap_or(frac);
            let bits = (options.bits.saturating_add(own)).saturating_sub(frac);
            (
                own,
                if own == frac {
                    options.bits
                } else {
                    bits.max(MIN_BITS)
                },
            )
        });
        Ok(Self {
            values: values.collect(),
        })
    }

    /// Fraction bits of a stored value.
    pub(super) fn frac(&self, value: ValueId) -> u32 {
        self.values.get(value.index()).map_or(0, |v| v.0)
    }

    /// Its width.
    pub(super) fn bits(&self, value: ValueId) -> u32 {
        self.values.get(value.index()).map_or(0, |v| v.1)
    }

    /// Fraction bits of a layer's weights: as stated or else `usual`, and at least so many that its result has its readers' scale.
    pub(super) fn weights(&self, node: &FoldedNode<'_>, layers: &LayerFracs, usual: u32) -> u32 {
        let stated = layers.weights.get(node.name).copied();
        stated.unwrap_or(usual).max(self.missing(node, 0))
    }

    /// Fraction bits of a layer's result above its stored ones.
    pub(super) fn above(&self, node: &FoldedNode<'_>, weight_frac: u32) -> u32 {
        let read = node.inputs.first().map_or(0, |&id| self.frac(id));
        (read.saturating_add(weight_frac)).saturating_sub(self.frac(node.output))
    }

    /// Fraction bits that a layer's result lacks with weights of so many.
    fn missing(&self, node: &FoldedNode<'_>, weight_frac: u32) -> u32 {
        let read = node.inputs.first().map_or(0, |&id| self.frac(id));
        self.frac(node.output)
            .saturating_sub(read.saturating_add(weight_frac))
    }
}

fn refused(what: String) -> QuantError {
    QuantError::Option {
        option: "layers",
        what,
    }
}

/// Every name is that of a layer with weights, and no scale is beyond all words.
fn check(folded: &Folded<'_>, layers: &LayerFracs) -> Result<(), QuantError> {
    let stated = layers.values.iter().chain(&layers.weights);
    for (name, &frac) in stated {
        if frac > MAX_FRAC {
            return Err(refused(format!(
                "{frac} fraction bits of layer {name} are more than {MAX_FRAC}"
            )));
        }
        let known = makers(folded).any(|(maker, _)| maker == Some(name));
        if !known {
            return Err(refused(format!("there is no layer {name} with weights")));
        }
    }
    match layers.input {
        Some(frac) if frac > MAX_FRAC => Err(refused(format!(
            "{frac} fraction bits of the input are more than {MAX_FRAC}"
        ))),
        _ => Ok(()),
    }
}

/// Values that are tied to one scale.
struct Groups {
    parent: Vec<usize>,
    /// Operands and results of tables.
    tables: Vec<usize>,
}

impl Groups {
    fn of(folded: &Folded<'_>) -> Self {
        let mut groups = Self {
            parent: (0..folded.graph.values.len()).collect(),
            tables: vec![],
        };
        for node in folded.nodes.iter().filter(|n| !n.op.is_linear()) {
            for input in &node.inputs {
                groups.join(input.index(), node.output.index());
            }
            if matches!(node.op, FoldedOp::Table(_)) {
                groups.tables.push(node.output.index());
            }
        }
        groups
    }

    fn root(&self, value: ValueId) -> usize {
        self.root_of(value.index())
    }

    fn root_of(&self, value: usize) -> usize {
        let mut root = value;
        while let Some(&parent) = self.parent.get(root).filter(|&&p| p != root) {
            root = parent;
        }
        root
    }

    fn is_fixed(&self, root: usize) -> bool {
        self.tables.iter().any(|&value| self.root_of(value) == root)
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root_of(a), self.root_of(b));
        if let Some(slot) = self.parent.get_mut(a) {
            *slot = b;
        }
    }
}
