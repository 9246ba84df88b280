//! An orthonormal basis of a subspace.

use ndarray::{Array1, Array2, Axis};
use privet_model::preprocess::{FACTOR_FRAC_BITS, Projection};

use crate::error::Error;

/// Orthonormal columns `U`, `[features, rank]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Basis {
    vectors: Array2<f64>,
}

impl Basis {
    /// Takes a matrix `[features, rank]` with orthonormal columns.
    ///
    /// # Errors
    /// [`Error::Data`] if a value is not finite or the columns are not orthonormal within 1e-6.
    pub fn new(vectors: Array2<f64>) -> Result<Self, Error> {
        let gram = vectors.t().dot(&vectors);
        for ((i, j), v) in gram.indexed_iter() {
            let want = if i == j { 1.0 } else { 0.0 };
            let off = (v - want).abs();
            if off.is_nan() || off > 1e-6 {
                return Err(Error::Data(format!(
                    "columns {i} and {j} are not orthonormal"
                )));
            }
        }
        Ok(Self { vectors })
    }

    /// The columns, `[features, rank]`.
    #[must_use]
    pub const fn vectors(&self) -> &Array2<f64> {
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

    /// What may be public: `W = UUᵀ`, `[features, features]`.
    #[must_use]
    pub fn projector(&self) -> Array2<f64> {
        self.vectors.dot(&self.vectors.t())
    }

    /// The basis of the same subspace that is determined by `W` alone: Gram–Schmidt on the columns of `W`,
    /// the longest remainder first. It shows nothing of the order or the directions within the subspace that
    /// learning found.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let u = &self.vectors;
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
        Self { vectors: found }
    }

    /// The public factor for inputs of that shape: the canonical basis, rounded to the factor's scale. The
    /// rounding is coarse against the error of the arithmetic, so that this too tells nothing of the
    /// directions that learning found.
    ///
    /// # Errors
    /// [`Error::Data`] if the shape has another number of values, or if the factor is too large to be sent.
    pub fn publish(&self, input: &[usize]) -> Result<Projection, Error> {
        let canonical = self.canonical();
        let scale = f64::from(1_u32 << FACTOR_FRAC_BITS);
        let factor = canonical.vectors.iter().map(|v| integer(v * scale));
        let refuse = |e: privet_model::preprocess::PreprocessError| Error::Data(e.to_string());
        Projection::new(input.to_vec(), canonical.rank(), factor.collect()).map_err(refuse)
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
    reason = "the coordinates of a unit vector are at most 1"
)]
fn integer(v: f64) -> i16 {
    v.round_ties_even() as i16
}
