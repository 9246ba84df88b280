//! Which neurons and channels go.

use ndarray::{Axis, Slice};

use super::Scope;
use super::mask::rounded;
use crate::compact::{Link, links};
use crate::network::Network;

/// The links whose units may go.
fn prunable(network: &Network, keep: &[usize]) -> Vec<Link> {
    links(network)
        .into_iter()
        .filter(|l| !keep.contains(&l.from))
        .collect()
}

/// Number of units of each prunable layer.
pub(super) fn count(network: &Network, keep: &[usize]) -> Vec<usize> {
    prunable(network, keep)
        .iter()
        .filter_map(|l| network.layers.get(l.from)?.weights())
        .map(|w| w.matrix.nrows())
        .collect()
}

/// Zeroes the incoming and outgoing weights of units until `share` of the original counts are gone.
pub(super) fn drop(
    network: &mut Network,
    share: f64,
    original: &[usize],
    scope: Scope,
    keep: &[usize],
) {
    let links = prunable(network, keep);
    let mut ranked: Vec<(f32, usize, usize)> = vec![];
    let mut quotas = vec![];
    for (l, (link, original)) in links.iter().zip(original).enumerate() {
        let scores = scores(network, *link, scope);
        let left = rounded((1.0 - share) * *original as f64).max(1);
        quotas.push(scores.len().saturating_sub(left));
        ranked.extend(scores.into_iter().enumerate().map(|(u, s)| (s, l, u)));
    }
    ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut total: usize = quotas.iter().sum();
    let mut left = count(network, keep);
    for (_, l, unit) in ranked {
        let (Some(quota), Some(link), Some(left)) =
            (quotas.get_mut(l), links.get(l), left.get_mut(l))
        else {
            continue;
        };
        let wanted = if scope == Scope::Layer {
            *quota > 0
        } else {
            total > 0
        };
        if !wanted || *left <= 1 {
            continue;
        }
        *quota = quota.saturating_sub(1);
        total = total.saturating_sub(1);
        *left -= 1;
        silence(network, *link, unit);
    }
}

/// Product of the norms of a unit's incoming and outgoing weights; relative to its layer's mean unless
/// magnitudes of all layers are to be compared as they are.
fn scores(network: &Network, link: Link, scope: Scope) -> Vec<f32> {
    let weights = |i: usize| network.layers.get(i).and_then(|l| l.weights());
    let (Some(from), Some(to)) = (weights(link.from), weights(link.to)) else {
        return vec![];
    };
    let norm = |v: ndarray::ArrayView2<'_, f32>| v.iter().map(|w| w * w).sum::<f32>().sqrt();
    let mut scores: Vec<f32> = (0..from.matrix.nrows())
        .map(|u| {
            let row = from.matrix.slice_axis(Axis(0), Slice::from(u..u + 1));
            let columns = Slice::from(u * link.width..(u + 1) * link.width);
            norm(row) * norm(to.matrix.slice_axis(Axis(1), columns))
        })
        .collect();
    if scope == Scope::Relative {
        let mean = scores.iter().sum::<f32>() / scores.len().max(1) as f32;
        for s in scores.iter_mut().filter(|_| mean > 0.0) {
            *s /= mean;
        }
    }
    scores
}

fn silence(network: &mut Network, link: Link, unit: usize) {
    if let Some(w) = network
        .layers
        .get_mut(link.from)
        .and_then(|l| l.weights_mut())
    {
        w.matrix.row_mut(unit).fill(0.0);
        if let Some(b) = w.bias.get_mut(unit) {
            *b = 0.0;
        }
    }
    if let Some(w) = network
        .layers
        .get_mut(link.to)
        .and_then(|l| l.weights_mut())
    {
        let columns = Slice::from(unit * link.width..(unit + 1) * link.width);
        w.matrix.slice_axis_mut(Axis(1), columns).fill(0.0);
    }
}
