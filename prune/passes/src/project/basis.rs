//! An orthonormal basis of a subspace.

use ndarray::{Array1, Array2, ArrayRef2, Axis};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// First bytes of a projection file.
const MAGIC: &[u8] = b"privet-projection-1\n";

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

    /// As a file: magic, features, rank, then the matrix row by row, little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for extent in [self.features(), self.rank()] {
            bytes.extend((extent as u64).to_le_bytes());
        }
        bytes.extend(self.vectors.iter().flat_map(|v| v.to_le_bytes()));
        bytes
    }

    /// From a file.
    ///
    /// # Errors
    /// [`Error::Data`] if it is none, is truncated, or as [`Basis::new`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let refuse = |what: &str| Error::Data(format!("projection file: {what}"));
        let rest = bytes
            .strip_prefix(MAGIC)
            .ok_or_else(|| refuse("it is none"))?;
        let (extents, values) = rest
            .split_at_checked(16)
            .ok_or_else(|| refuse("it is truncated"))?;
        let extent = |part: &[u8]| {
            let number = part.try_into().map(u64::from_le_bytes).ok();
            number.and_then(|n| usize::try_from(n).ok())
        };
        let (features, rank) = extents.split_at(8);
        let (Some(features), Some(rank)) = (extent(features), extent(rank)) else {
            return Err(refuse("its extents are too large"));
        };
        // Nothing is believed: the bytes that are there decide.
        let expected = features.checked_mul(rank).and_then(|n| n.checked_mul(4));
        if expected != Some(values.len()) || rank == 0 || rank > features {
            return Err(refuse(&format!(
                "{features} x {rank} values do not fit its length"
            )));
        }
        let values = values
            .chunks_exact(4)
            .filter_map(|v| v.try_into().ok().map(f32::from_le_bytes))
            .collect();
        Self::new(Array2::from_shape_vec((features, rank), values)?)
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
