//! How much the loss would grow without a weight, from gradients.

use ndarray::{Array2, Axis};

use crate::data::Dataset;
use crate::error::Error;
use crate::network::{Mode, Network};
use crate::train::Probe;

/// Batches that gradients are averaged over, and their size.
const BATCHES: usize = 150;
const BATCH: usize = 16;

/// `w² · E[g²]` for every weight, layer by layer: the second-order growth of the loss [LeCun et al. 1990]
/// with the Fisher information for the Hessian's diagonal.
pub(super) fn estimate(
    network: &Network,
    data: &Dataset,
    mode: &Mode<'_>,
) -> Result<Vec<Option<Array2<f32>>>, Error> {
    let probe = Probe::new(network)?;
    let mut sums: Vec<Option<Array2<f32>>> = network
        .layers
        .iter()
        .map(|l| l.weights().map(|w| Array2::zeros(w.matrix.dim())))
        .collect();
    // Evenly spread over the data, whatever its order.
    let step = (data.len() / (BATCHES * BATCH)).max(1);
    let rows: Vec<usize> = (0..data.len())
        .step_by(step)
        .take(BATCHES * BATCH)
        .collect();
    let stride = rows.len().div_ceil(BATCH).max(1);
    for first in 0..stride {
        let rows: Vec<usize> = rows.iter().copied().skip(first).step_by(stride).collect();
        let batch = data.select(&rows);
        let gradients = probe.gradients(network, &batch.samples(), batch.labels(), mode)?;
        for (sum, gradient) in sums.iter_mut().zip(&gradients) {
            if let (Some(sum), Some(g)) = (sum, gradient) {
                sum.zip_mut_with(&g.matrix, |s, g| *s += g * g);
            }
        }
    }
    for (sum, layer) in sums.iter_mut().zip(&network.layers) {
        if let (Some(sum), Some(w)) = (sum, layer.weights()) {
            sum.zip_mut_with(&w.matrix, |s, w| *s *= w * w);
        }
    }
    Ok(sums)
}

/// Multiplications that one weight of each layer takes part in.
pub(super) fn uses(network: &Network) -> Result<Vec<usize>, Error> {
    let shapes = network.shapes()?;
    Ok(network
        .layers
        .iter()
        .zip(shapes.iter().skip(1))
        .map(|(layer, shape)| {
            let outputs = layer.weights().map_or(1, |w| w.matrix.len_of(Axis(0)));
            shape.iter().product::<usize>() / outputs.max(1)
        })
        .collect())
}
