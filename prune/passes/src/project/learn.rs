//! Learns a subspace from blocks of samples.

use faer::{Mat, Side};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, Axis, Slice};
use serde::{Deserialize, Serialize};

use super::basis::Basis;
use super::blocks::Blocks;
use crate::error::Error;
use crate::rng::Rng;

/// Dimensions that the random method looks at beyond those asked for.
const OVERSAMPLING: usize = 10;
/// Passes that find the threshold for a given number of columns.
const BISECTIONS: usize = 10;

/// How the subspace is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// The dictionary is made of samples: one is added when those before leave too much of it
    /// unexplained [Rouhani et al. 2016, DeepSecure's Algorithm 1].
    Columns,
    /// Randomised range finder [Halko, Martinsson, Tropp 2011].
    Random {
        /// Passes that sharpen the range (1 or 2 serve).
        powers: usize,
        /// Fixes the random matrix.
        seed: u64,
    },
}

/// A subspace whose directions are ordered by how much of the data they hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    vectors: Array2<f64>,
    /// Squared length of the data along each direction, falling.
    energies: Vec<f64>,
    /// Squared length of the data.
    total: f64,
}

impl Learned {
    /// Number of directions.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.energies.len()
    }

    /// ‖A − UUᵀA‖ / ‖A‖ for the first `rank` directions.
    #[must_use]
    pub fn residual(&self, rank: usize) -> f64 {
        let held: f64 = self.energies.iter().take(rank).sum();
        (1.0 - held / self.total).max(0.0).sqrt()
    }

    /// The first `rank` directions.
    ///
    /// # Errors
    /// [`Error::Data`] if they are not orthonormal.
    pub fn basis(&self, rank: usize) -> Result<Basis, Error> {
        let first = Slice::from(0..rank.min(self.rank()));
        Basis::new(self.vectors.slice_axis(Axis(1), first).to_owned())
    }
}

/// Learns at most `rank` directions; with an `epsilon`, as few as leave a residual of at most that.
///
/// # Errors
/// Those of the blocks; [`Error::Data`] if there is nothing but zeros, if no subspace of at most
/// `rank` directions has so small a residual, or if the eigenvalues cannot be found.
pub fn learn(
    data: &mut dyn Blocks,
    method: Method,
    epsilon: Option<f64>,
    rank: usize,
) -> Result<Learned, Error> {
    let rank = rank.clamp(1, data.features().max(1));
    let range = match (method, epsilon) {
        (Method::Columns, Some(e)) => columns(data, e, rank)?,
        (Method::Columns, None) => columns_of_rank(data, rank)?,
        (Method::Random { powers, seed }, None) => random(data, rank, powers, seed)?,
        (Method::Random { powers, seed }, Some(e)) => {
            return random_within(data, e, rank, powers, seed);
        }
    };
    let mut learned = ordered(data, &range)?;
    let wanted = epsilon.map_or(rank, |e| enough(&learned, e));
    learned.energies.truncate(wanted.min(rank));
    check(&learned, epsilon)?;
    Ok(learned)
}

/// Fewest directions with a residual of at most `epsilon`; all if there are none.
fn enough(learned: &Learned, epsilon: f64) -> usize {
    (1..learned.rank())
        .find(|l| learned.residual(*l) <= epsilon)
        .unwrap_or(learned.rank())
}

fn check(learned: &Learned, epsilon: Option<f64>) -> Result<(), Error> {
    let residual = learned.residual(learned.rank());
    match epsilon {
        Some(e) if residual > e => Err(Error::Data(format!(
            "{} dimensions leave a residual of {residual:.4}, more than the epsilon of {e}",
            learned.rank()
        ))),
        _ => Ok(()),
    }
}

/// Doubles the number of random directions until the residual is small enough.
fn random_within(
    data: &mut dyn Blocks,
    epsilon: f64,
    rank: usize,
    powers: usize,
    seed: u64,
) -> Result<Learned, Error> {
    let mut tried = 16.min(rank);
    loop {
        let range = random(data, tried, powers, seed)?;
        let mut learned = ordered(data, &range)?;
        let count = enough(&learned, epsilon).min(rank);
        if learned.residual(count) <= epsilon || tried >= rank {
            learned.energies.truncate(count);
            check(&learned, Some(epsilon))?;
            return Ok(learned);
        }
        tried = (2 * tried).min(rank);
    }
}

/// Samples of which the earlier ones leave more than `threshold` of the length, made orthonormal; at most
/// `most`.
fn columns(data: &mut dyn Blocks, threshold: f64, most: usize) -> Result<Array2<f64>, Error> {
    let mut q = Array2::<f64>::zeros((data.features(), 0));
    data.visit(&mut |block| {
        let mut rest = block.mapv(f64::from);
        let lengths: Array1<f64> = squared_lengths(&rest);
        rest = &rest - &rest.dot(&q).dot(&q.t());
        while q.ncols() < most {
            // The sample with the largest unexplained share goes first.
            let shares = squared_lengths(&rest);
            let Some((row, share)) = largest_share(&shares, &lengths) else {
                break;
            };
            if share <= threshold * threshold {
                break;
            }
            let Some(column) = orthonormal(&q, &rest.row(row)) else {
                break;
            };
            let along = rest.dot(&column);
            for (mut row, a) in rest.outer_iter_mut().zip(&along) {
                row.scaled_add(-a, &column);
            }
            q.push_column(column.view())?;
        }
        Ok(())
    })?;
    Ok(q)
}

/// `rank` columns, as far as the data have as many, by a threshold found by bisection.
fn columns_of_rank(data: &mut dyn Blocks, rank: usize) -> Result<Array2<f64>, Error> {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        // One more than asked for shows that the threshold is too low.
        let q = columns(data, middle, rank + 1)?;
        if q.ncols() > rank {
            low = middle;
        } else {
            high = middle;
            if q.ncols() == rank {
                return Ok(q);
            }
        }
    }
    // No threshold looked at yields just as many; the last one that yields more is cut off.
    columns(data, low, rank)
}

fn squared_lengths(rows: &ArrayRef2<f64>) -> Array1<f64> {
    rows.map_axis(Axis(1), |r| r.dot(&r))
}

fn largest_share(rest: &ArrayRef1<f64>, lengths: &ArrayRef1<f64>) -> Option<(usize, f64)> {
    rest.iter()
        .zip(lengths)
        .enumerate()
        .filter(|(_, (_, length))| **length > 0.0)
        .map(|(i, (r, length))| (i, r / length))
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
}

/// The part of `v` beside the columns of `q`, with length 1.
fn orthonormal(q: &ArrayRef2<f64>, v: &ArrayRef1<f64>) -> Option<Array1<f64>> {
    let mut v = v.to_owned();
    let before = v.dot(&v).sqrt();
    for _ in 0..2 {
        v = &v - &q.dot(&q.t().dot(&v));
    }
    let length = v.dot(&v).sqrt();
    (length > 1e-10 * before && length > 0.0).then(|| v / length)
}

/// Orthonormal columns with the range of `y`.
fn orthonormalise(y: &ArrayRef2<f64>) -> Result<Array2<f64>, Error> {
    let mut q = Array2::<f64>::zeros((y.nrows(), 0));
    for column in y.columns() {
        if let Some(column) = orthonormal(&q, &column) {
            q.push_column(column.view())?;
        }
    }
    Ok(q)
}

/// Range of A·Ω for a random Ω, sharpened by powers of A·Aᵀ; Ω is drawn block by block.
fn random(
    data: &mut dyn Blocks,
    rank: usize,
    powers: usize,
    seed: u64,
) -> Result<Array2<f64>, Error> {
    let features = data.features();
    let width = (rank + OVERSAMPLING).min(features);
    let mut rng = Rng::new(seed, 0x5052_4f4a);
    let mut y = Array2::<f64>::zeros((features, width));
    data.visit(&mut |block| {
        let omega =
            Array2::from_shape_simple_fn((block.nrows(), width), || f64::from(rng.normal()));
        y += &block.mapv(f64::from).t().dot(&omega);
        Ok(())
    })?;
    for _ in 0..powers {
        let q = orthonormalise(&y)?;
        y = Array2::zeros((features, q.ncols()));
        data.visit(&mut |block| {
            let block = block.mapv(f64::from);
            y += &block.t().dot(&block.dot(&q));
            Ok(())
        })?;
    }
    orthonormalise(&y)
}

/// Turns a basis so that its directions are ordered by the data's length along them.
fn ordered(data: &mut dyn Blocks, q: &Array2<f64>) -> Result<Learned, Error> {
    let rank = q.ncols();
    let mut gram = Array2::<f64>::zeros((rank, rank));
    let mut total = 0.0;
    data.visit(&mut |block| {
        let block = block.mapv(f64::from);
        let coordinates = block.dot(q);
        gram += &coordinates.t().dot(&coordinates);
        total += block.iter().map(|v| v * v).sum::<f64>();
        Ok(())
    })?;
    if total <= 0.0 || rank == 0 {
        return Err(Error::Data(
            "there is nothing but zeros to project".to_owned(),
        ));
    }
    let at = |i, j| gram.get((i, j)).copied().unwrap_or(0.0);
    let eigen = Mat::from_fn(rank, rank, at)
        .self_adjoint_eigen(Side::Lower)
        .map_err(|e| Error::Data(format!("the eigenvalues cannot be found: {e:?}")))?;
    // Eigenvalues come rising.
    let turn = Array2::from_shape_fn((rank, rank), |(i, j)| eigen.U()[(i, rank - 1 - j)]);
    let energies = (0..rank)
        .map(|j| eigen.S()[rank - 1 - j].max(0.0))
        .collect();
    Ok(Learned {
        vectors: q.dot(&turn),
        energies,
        total,
    })
}
