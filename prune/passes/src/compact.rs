//! Takes out what no longer matters: neurons and channels without live weights.
//!
//! A unit (a neuron, or a channel of a convolution) that nothing reads is removed. One whose incoming
//! weights are all zero is a constant: it goes into the biases of the layer behind and is removed too.
//! The function that the network computes stays the same up to rounding of floats.

#![expect(
    clippy::indexing_slicing,
    reason = "indices come from the same network's own extents"
)]

use ndarray::{Array2, Axis};

use crate::error::Error;
use crate::network::{Layer, Network, Weights, sigmoid};

/// Two neighbouring linear layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    /// The layer whose outputs are the units.
    pub(crate) from: usize,
    /// The layer that reads them.
    pub(crate) to: usize,
    /// Adjacent columns of the reader's matrix per unit.
    pub(crate) width: usize,
}

/// The pairs of layers between which units can be taken out.
pub(crate) fn links(network: &Network) -> Vec<Link> {
    let linear: Vec<usize> = network
        .layers
        .iter()
        .enumerate()
        .filter(|(_, l)| l.weights().is_some())
        .map(|(i, _)| i)
        .collect();
    linear
        .windows(2)
        .filter_map(|pair| link(network, pair[0], pair[1]))
        .collect()
}

fn link(network: &Network, from: usize, to: usize) -> Option<Link> {
    let grouped = |i: usize| matches!(&network.layers[i], Layer::Conv(c) if c.groups != 1);
    if grouped(from) || grouped(to) {
        return None;
    }
    // Reshapes that only flatten keep a unit's cells together.
    let flattens = network.layers[from + 1..to]
        .iter()
        .all(|l| !matches!(l, Layer::Reshape(shape) if shape.len() != 1));
    let units = network.layers[from].weights()?.matrix.nrows();
    let columns = network.layers[to].weights()?.matrix.ncols();
    (flattens && units > 0 && columns.is_multiple_of(units)).then(|| Link {
        from,
        to,
        width: columns / units,
    })
}

/// Removes dead units until there are none; at least one unit of a layer stays. Returns how many went.
///
/// # Errors
/// [`Error::Shape`] if the network's layers do not fit.
pub fn compact(network: &mut Network) -> Result<usize, Error> {
    network.shapes()?;
    let mut removed = 0;
    loop {
        let mut round = 0;
        for link in links(network) {
            round += compact_link(network, link);
        }
        if round == 0 {
            break;
        }
        removed += round;
    }
    network.shapes()?;
    Ok(removed)
}

fn compact_link(network: &mut Network, link: Link) -> usize {
    let (Some(from), Some(to)) = (
        network.layers[link.from].weights(),
        network.layers[link.to].weights(),
    ) else {
        return 0;
    };
    let units = from.matrix.nrows();
    let unread = |u: usize| unit_columns(to, link, u).iter().all(|w| *w == 0.0);
    let constant = |u: usize| {
        let value = behind(network, link, from.bias[u]);
        let silent = from.matrix.row(u).iter().all(|w| *w == 0.0);
        (silent && (value == 0.0 || !pads(&network.layers[link.to]))).then_some(value)
    };
    let mut keep = vec![];
    let mut folded = vec![];
    for u in 0..units {
        if unread(u) {
            continue;
        }
        match constant(u) {
            Some(value) => folded.push((u, value)),
            None => keep.push(u),
        }
    }
    if keep.is_empty() && units > 0 {
        // A shape may not be empty: the first unit stays.
        keep.push(0);
        folded.retain(|(u, _)| *u != 0);
    }
    let removed = units - keep.len();
    if removed > 0 {
        fold_constants(network, link, &folded);
        keep_units(network, link, &keep);
    }
    removed
}

/// The reader's weights for one unit, `[outputs, width]`.
fn unit_columns(to: &Weights, link: Link, unit: usize) -> ndarray::ArrayView2<'_, f32> {
    let range = unit * link.width..(unit + 1) * link.width;
    to.matrix.slice_axis(Axis(1), ndarray::Slice::from(range))
}

/// What a constant becomes on its way to the reader; means and maxima of a constant are the constant.
fn behind(network: &Network, link: Link, value: f32) -> f32 {
    network.layers[link.from + 1..link.to]
        .iter()
        .fold(value, |v, layer| match layer {
            Layer::Relu => v.max(0.0),
            Layer::Sigmoid => sigmoid(v),
            Layer::Tanh => v.tanh(),
            Layer::Linear(_)
            | Layer::Conv(_)
            | Layer::MaxPool(_)
            | Layer::AvgPool(_)
            | Layer::Reshape(_)
            | Layer::Dropout(_) => v,
        })
}

/// Whether the layer reads zeros beside its input, where a constant is not one.
fn pads(layer: &Layer) -> bool {
    matches!(layer, Layer::Conv(c) if c.window.pads_before != [0, 0] || c.window.pads_after != [0, 0])
}

fn fold_constants(network: &mut Network, link: Link, folded: &[(usize, f32)]) {
    let Some(to) = network.layers[link.to].weights_mut() else {
        return;
    };
    for (unit, value) in folded {
        let sums = unit_columns(to, link, *unit).sum_axis(Axis(1));
        to.bias.scaled_add(*value, &sums);
    }
}

/// Keeps the named units of a link, in their order.
fn keep_units(network: &mut Network, link: Link, keep: &[usize]) {
    let columns: Vec<usize> = keep
        .iter()
        .flat_map(|u| u * link.width..(u + 1) * link.width)
        .collect();
    if let Some(from) = network.layers[link.from].weights_mut() {
        from.matrix = from.matrix.select(Axis(0), keep);
        from.bias = from.bias.select(Axis(0), keep);
        from.mask = from.mask.as_ref().map(|m| m.select(Axis(0), keep));
    }
    if let Some(to) = network.layers[link.to].weights_mut() {
        to.matrix = to.matrix.select(Axis(1), &columns);
        to.mask = to
            .mask
            .as_ref()
            .map(|m: &Array2<bool>| m.select(Axis(1), &columns));
    }
    if let Layer::Conv(c) = &mut network.layers[link.to] {
        c.in_channels = keep.len();
    }
    for layer in &mut network.layers[link.from + 1..link.to] {
        if let Layer::Reshape(shape) = layer {
            *shape = vec![columns.len()];
        }
    }
}
