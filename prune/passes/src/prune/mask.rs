//! Which weights go.

use ndarray::Array2;

use super::{Guide, Scope};
use crate::network::{Network, Weights};

/// A weight that may go.
struct Candidate {
    score: f32,
    /// What dropping it saves.
    saves: f64,
    layer: usize,
    place: usize,
}

/// Masks weights until `share` of those in the layers pruned are dropped (of their multiplications, where
/// the guide counts them); what is dropped stays so.
pub(super) fn drop(network: &mut Network, share: f64, guide: &Guide, keep: &[usize]) {
    let mut candidates = vec![];
    for (i, layer) in network.layers.iter().enumerate() {
        if let Some(w) = layer.weights().filter(|_| !keep.contains(&i)) {
            let saves = guide.saves(i);
            let scores = score(w, guide, i).into_iter().enumerate();
            candidates.extend(scores.map(|(place, score)| Candidate {
                score,
                saves,
                layer: i,
                place,
            }));
        }
    }
    if guide.scope == Scope::Layer {
        let layers: Vec<usize> = (0..network.layers.len()).collect();
        for layer in layers {
            let own = candidates.extract_if(.., |c| c.layer == layer).collect();
            drop_least(network, own, share);
        }
    } else {
        drop_least(network, candidates, share);
    }
}

fn drop_least(network: &mut Network, mut candidates: Vec<Candidate>, share: f64) {
    candidates.sort_unstable_by(|a, b| {
        a.score
            .total_cmp(&b.score)
            .then((a.layer, a.place).cmp(&(b.layer, b.place)))
    });
    let total: f64 = candidates.iter().map(|c| c.saves).sum();
    let mut saved = 0.0;
    for candidate in candidates {
        // To the nearest count: half of the next weight's saving decides.
        if saved + 0.5 * candidate.saves > share * total {
            break;
        }
        saved += candidate.saves;
        let weights = network
            .layers
            .get_mut(candidate.layer)
            .and_then(|l| l.weights_mut());
        let Some(w) = weights else { continue };
        let dim = w.matrix.dim();
        let mask = w.mask.get_or_insert_with(|| Array2::from_elem(dim, true));
        let place = (
            candidate.place / dim.1.max(1),
            candidate.place % dim.1.max(1),
        );
        if let (Some(alive), Some(w)) = (mask.get_mut(place), w.matrix.get_mut(place)) {
            (*alive, *w) = (false, 0.0);
        }
    }
}

/// How much each weight matters, row by row; zero for one that is zero.
fn score(weights: &Weights, guide: &Guide, layer: usize) -> Vec<f32> {
    if let Some(saliency) = guide.saliency(layer) {
        let saves = narrow(guide.saves(layer));
        return saliency.iter().map(|s| s / saves).collect();
    }
    let magnitudes: Vec<f32> = weights.matrix.iter().map(|w| w.abs()).collect();
    if guide.scope != Scope::Relative {
        return magnitudes;
    }
    // w^2 over the sum of the squares that are not smaller.
    let mut order: Vec<usize> = (0..magnitudes.len()).collect();
    let at = |i: usize| magnitudes.get(i).copied().unwrap_or(0.0);
    order.sort_unstable_by(|a, b| at(*b).total_cmp(&at(*a)).then(a.cmp(b)));
    let mut scores = vec![0.0; magnitudes.len()];
    let mut sum = 0.0_f64;
    for i in order {
        let square = f64::from(at(i)).powi(2);
        sum += square;
        if let Some(s) = scores.get_mut(i).filter(|_| sum > 0.0) {
            *s = narrow(square / sum);
        }
    }
    scores
}

#[expect(clippy::cast_possible_truncation, reason = "scores are only compared")]
pub(super) fn narrow(v: f64) -> f32 {
    v as f32
}
