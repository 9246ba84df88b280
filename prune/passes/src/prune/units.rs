//! Which neurons and channels go.

use ndarray::{ArrayView2, Axis, Slice};

use super::mask::narrow;
use super::{Guide, Scope};
use crate::compact::{Link, links};
use crate::network::Network;

/// A unit that may go.
struct Candidate {
    score: f32,
    /// What dropping it saves.
    saves: f64,
    link: Link,
    unit: usize,
}

/// Zeroes the incoming and outgoing weights of units until `share` of them are gone (of their
/// multiplications, where the guide counts them). One unit of each layer stays.
pub(super) fn drop(network: &mut Network, share: f64, guide: &Guide, keep: &[usize]) {
    let links: Vec<Link> = links(network)
        .into_iter()
        .filter(|l| !keep.contains(&l.from))
        .collect();
    let mut candidates = vec![];
    for link in &links {
        let own = score(network, *link, guide);
        if guide.scope == Scope::Layer {
            drop_least(network, own, share);
        } else {
            candidates.extend(own);
        }
    }
    drop_least(network, candidates, share);
}

fn drop_least(network: &mut Network, mut candidates: Vec<Candidate>, share: f64) {
    candidates.sort_unstable_by(|a, b| {
        a.score
            .total_cmp(&b.score)
            .then((a.link.from, a.unit).cmp(&(b.link.from, b.unit)))
    });
    let total: f64 = candidates.iter().map(|c| c.saves).sum();
    let mut left = vec![0_usize; network.layers.len()];
    for c in &candidates {
        if let Some(l) = left.get_mut(c.link.from) {
            *l += 1;
        }
    }
    let mut saved = 0.0;
    for candidate in candidates {
        if saved + 0.5 * candidate.saves > share * total {
            break;
        }
        let Some(left) = left.get_mut(candidate.link.from).filter(|l| **l > 1) else {
            continue;
        };
        *left -= 1;
        saved += candidate.saves;
        silence(network, candidate.link, candidate.unit);
    }
}

/// Every unit's incoming weights, outgoing weights and what they cost give its score: the product of the
/// norms, relative to the layer's mean unless magnitudes of all layers are compared as they are; or the
/// loss per multiplication.
fn score(network: &Network, link: Link, guide: &Guide) -> Vec<Candidate> {
    let weights = |i: usize| network.layers.get(i).and_then(|l| l.weights());
    let (Some(from), Some(to)) = (weights(link.from), weights(link.to)) else {
        return vec![];
    };
    let sum = |v: ArrayView2<'_, f32>, f: fn(f32) -> f32| v.iter().map(|w| f(*w)).sum::<f32>();
    let parts = guide.saliency(link.from).zip(guide.saliency(link.to));
    let mut found: Vec<Candidate> = (0..from.matrix.nrows())
        .map(|unit| {
            let row = Slice::from(unit..unit + 1);
            let columns = Slice::from(unit * link.width..(unit + 1) * link.width);
            let alive =
                |v: ArrayView2<'_, f32>| f64::from(sum(v, |w| f32::from(u8::from(w != 0.0))));
            let incoming = from.matrix.slice_axis(Axis(0), row);
            let outgoing = to.matrix.slice_axis(Axis(1), columns);
            let (score, saves) = match parts {
                Some((a, b)) => {
                    let loss = sum(a.slice_axis(Axis(0), row), |s| s)
                        + sum(b.slice_axis(Axis(1), columns), |s| s);
                    let saves = alive(incoming) * guide.saves(link.from)
                        + alive(outgoing) * guide.saves(link.to);
                    (loss / narrow(saves.max(1.0)), saves)
                }
                None => {
                    let norm = |v| sum(v, |w| w * w).sqrt();
                    (norm(incoming) * norm(outgoing), 1.0)
                }
            };
            Candidate {
                score,
                saves,
                link,
                unit,
            }
        })
        .collect();
    if guide.scope == Scope::Relative {
        let mean = found.iter().map(|c| c.score).sum::<f32>() / found.len().max(1) as f32;
        for c in found.iter_mut().filter(|_| mean > 0.0) {
            c.score /= mean;
        }
    }
    found
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
