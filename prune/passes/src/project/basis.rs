//! An orthonormal basis of a subspace.

use ndarray::{Array1, Array2, ArrayRef2, Axis};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Orthonormal columns `U`, `[features, rank]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    vectors: Array2<f32>,
}

impl Basis {
    /// Takes a matrix `[features, rank]` with orthonormal columns.
    ///
    /// # Errors
    /// [`Error::Data`] if a value is not finite or the columns are not orthonormal within 1e-4.
    pub fn new(vectors: Array2<f32>) -> Result<Self, Error> {
        let gram = vectors.t().dot(&vectors);
        for ((i, j), v) in gram.indexed_iter() {
            let want = if i == j { 1.0 } else { 0.0 };
            let off = (v - want).abs();
            if off.is_nan() || off > 1e-4 {
                return Err(Error::Data(format!(
                    "columns {i} and {j} are not orthonormal"
                )));
            }
        }
        Ok(Self { vectors })
    }

    /// The columns, `[features, rank]`.
    #[must_use]
    pub const fn vectors(&self) -> &Array2<f32> {
        &self.vectors
    }

    /// Number of coordinates.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.vectors.ncols()
    }

    /// Values of a sample.
    #[must_use]
    pub fn features(&self) -> usize {
        self.vectors.nrows()
    }

    /// The coordinates `Uᵀx` of samples, one per row.
    ///
    /// # Errors
    /// [`Error::Data`] if the samples have another length.
    pub fn embed(&self, samples: &ArrayRef2<f32>) -> Result<Array2<f32>, Error> {
        if samples.ncols() != self.features() {
            return Err(Error::Data(format!(
                "samples have {} values, the projection takes {}",
                samples.ncols(),
                self.features()
            )));
        }
        Ok(samples.dot(&self.vectors))
    }

    /// What is public: `W = UUᵀ`, `[features, features]`.
    #[must_use]
    pub fn projection(&self) -> Array2<f32> {
        self.vectors.dot(&self.vectors.t())
    }

    /// The basis of the same subspace that is determined by `W` alone: Gram–Schmidt on the columns of `W`,
    /// the longest remainder first. It shows nothing of the order or the directions within the subspace that
    /// learning found.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let u = self.vectors.mapv(f64::from);
        let mut found = Array2::<f64>::zeros((self.features(), 0));
        // The squared length of what is left of each column of W.
        let mut left: Array1<f64> = u.map_axis(Axis(1), |row| row.dot(&row));
        for _ in 0..self.rank() {
            let pivot = longest(&left);
            let mut column = u.dot(&u.row(pivot));
            for _ in 0..2 {
                column = &column - &found.dot(&found.t().dot(&column));
            }
            let length = column.dot(&column).sqrt();
            if length < 1e-9 {
                break;
            }
            column /= length;
            left.zip_mut_with(&column, |l, c| *l -= c * c);
            if let Some(l) = left.get_mut(pivot) {
                *l = 0.0;
            }
            if found.push_column(column.view()).is_err() {
                break;
            }
        }
        Self {
            vectors: found.mapv(narrow),
        }
    }
}

/// Index of the largest value, rounded so that noise does not decide between equal ones; lowest first.
fn longest(values: &Array1<f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (i, v) in values.iter().enumerate() {
        if *v > best.1 + 1e-9 {
            best = (i, *v);
        }
    }
    best.0
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "coordinates are published as f32"
)]
pub(super) fn narrow(v: f64) -> f32 {
    v as f32
}
