//! Which weights go.

use ndarray::Array2;

use super::Scope;
use crate::network::{Network, Weights};

/// Masks weights until `share` of those in the layers pruned are dropped; what is dropped stays so.
pub(super) fn drop(network: &mut Network, share: f64, scope: Scope, keep: &[usize]) {
    let mut scores: Vec<Vec<f32>> = vec![];
    for (i, layer) in network.layers.iter().enumerate() {
        if let Some(w) = layer.weights().filter(|_| !keep.contains(&i)) {
            scores.push(score(w, scope));
        }
    }
    let thresholds: Vec<f32> = match scope {
        Scope::Layer => scores.iter().map(|s| threshold(s.clone(), share)).collect(),
        Scope::Global | Scope::Relative => {
            vec![threshold(scores.concat(), share); scores.len()]
        }
    };
    let mut thresholds = scores.into_iter().zip(thresholds);
    for (i, layer) in network.layers.iter_mut().enumerate() {
        let Some(w) = layer.weights_mut().filter(|_| !keep.contains(&i)) else {
            continue;
        };
        let Some((scores, threshold)) = thresholds.next() else {
            break;
        };
        let alive = scores.iter().map(|s| *s > threshold).collect();
        w.mask = Array2::from_shape_vec(w.matrix.dim(), alive).ok();
        w.apply_mask();
    }
}

/// How much each weight matters; zero for one that is zero.
fn score(weights: &Weights, scope: Scope) -> Vec<f32> {
    let magnitudes: Vec<f32> = weights.matrix.iter().map(|w| w.abs()).collect();
    if scope != Scope::Relative {
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

/// The largest score among the `share` smallest; below all scores if none is to go.
pub(super) fn threshold(mut scores: Vec<f32>, share: f64) -> f32 {
    let count = rounded(share * scores.len() as f64);
    if count == 0 {
        return -1.0;
    }
    let (_, t, _) = scores.select_nth_unstable_by(count - 1, f32::total_cmp);
    *t
}

#[expect(clippy::cast_possible_truncation, reason = "a ratio in [0, 1]")]
fn narrow(v: f64) -> f32 {
    v as f32
}

#[expect(clippy::cast_possible_truncation, reason = "a count, not negative")]
#[expect(clippy::cast_sign_loss, reason = "a count, not negative")]
pub(super) fn rounded(v: f64) -> usize {
    v.round() as usize
}
