//! Labelled samples, split and batched.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use privet_model::preprocess::{Preprocess, Projection};
use privet_model::readers::{self, Samples};
use rayon::prelude::*;

use crate::error::{Error, check_option};
use crate::rng::Rng;

/// Labelled samples, one per row, already preprocessed.
#[derive(Debug, Clone)]
pub struct Dataset {
    samples: Array2<f32>,
    labels: Vec<usize>,
    classes: usize,
    projection: Option<Projection>,
}

/// A training part and a validation part of one data set. The test set is never among them.
#[derive(Debug, Clone)]
pub struct Split {
    /// What gradients are taken on.
    pub train: Dataset,
    /// What decisions (early stopping, thresholds, widths) are taken on.
    pub validation: Dataset,
}

impl Dataset {
    /// Takes samples `[n, features]` and their labels in `0..classes`.
    ///
    /// # Errors
    /// [`Error::Data`] if the counts differ or a label is out of range, [`Error::NotFinite`] for a
    /// NaN or an infinity.
    pub fn new(samples: Array2<f32>, labels: Vec<usize>, classes: usize) -> Result<Self, Error> {
        if samples.nrows() != labels.len() {
            return Err(Error::Data(format!(
                "{} samples, but {} labels",
                samples.nrows(),
                labels.len()
            )));
        }
        if let Some((i, l)) = labels.iter().enumerate().find(|(_, l)| **l >= classes) {
            return Err(Error::Data(format!(
                "label {l} of sample {i} is not below {classes}"
            )));
        }
        if let Some(((row, column), _)) = samples.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(Error::NotFinite {
                what: "a sample value".to_owned(),
                place: format!("sample {row}, feature {column}"),
            });
        }
        Ok(Self {
            samples,
            labels,
            classes,
            projection: None,
        })
    }

    /// From one vector per sample.
    ///
    /// # Errors
    /// As [`Dataset::new`]; also if the samples differ in length.
    pub fn from_rows(rows: &[Vec<f32>], labels: Vec<usize>, classes: usize) -> Result<Self, Error> {
        let features = rows.first().map_or(0, Vec::len);
        if let Some((i, r)) = rows.iter().enumerate().find(|(_, r)| r.len() != features) {
            return Err(Error::Data(format!(
                "sample {i} has {} values, the first has {features}",
                r.len()
            )));
        }
        let samples = Array2::from_shape_vec((rows.len(), features), rows.concat())?;
        Self::new(samples, labels, classes)
    }

    /// Reads samples and labels from files, and preprocesses for a network whose input has that shape;
    /// without a word on preprocessing, pixels are divided by 255 and numbers stay.
    ///
    /// # Errors
    /// [`Error::Read`] for files that cannot be used, [`Error::Data`] if they do not fit together.
    pub fn load(
        samples: &Path,
        labels: &Path,
        preprocess: Option<&Preprocess>,
        input: &[usize],
    ) -> Result<Self, Error> {
        let raw = Samples::open(samples)?;
        let numbers = readers::labels(labels)?;
        let preprocess = preprocess
            .cloned()
            .unwrap_or_else(|| Preprocess::default_for(raw.kind()));
        let mut values = Array2::zeros((raw.len(), input.iter().product()));
        for (index, mut row) in values.outer_iter_mut().enumerate() {
            let sample = preprocess
                .apply(&raw.get(index)?, raw.shape(), input)
                .map_err(|e| Error::Data(format!("{}, sample {index}: {e}", raw.file())))?;
            row.iter_mut().zip(sample).for_each(|(to, from)| *to = from);
        }
        let numbers: Vec<usize> = numbers.into_iter().map(|l| l as usize).collect();
        let classes = numbers.iter().max().map_or(0, |l| l.saturating_add(1));
        Ok(Self {
            projection: preprocess.projection,
            ..Self::new(values, numbers, classes)?
        })
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Values per sample.
    #[must_use]
    pub fn features(&self) -> usize {
        self.samples.ncols()
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The samples, `[n, features]`.
    #[must_use]
    pub fn samples(&self) -> ArrayView2<'_, f32> {
        self.samples.view()
    }

    /// The labels.
    #[must_use]
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The samples of the given rows, in that order; rows beyond the end are left out.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let rows: Vec<usize> = rows.iter().copied().filter(|r| *r < self.len()).collect();
        Self {
            samples: self.samples.select(Axis(0), &rows),
            labels: rows
                .iter()
                .filter_map(|r| self.labels.get(*r))
                .copied()
                .collect(),
            classes: self.classes,
            projection: self.projection.clone(),
        }
    }

    /// The first `n` samples (all, if there are fewer).
    #[must_use]
    pub fn take(&self, n: usize) -> Self {
        self.select(&(0..n.min(self.len())).collect::<Vec<_>>())
    }

    /// At most `n` samples, evenly spread: neighbours are often of one class.
    #[must_use]
    pub fn spread(&self, n: usize) -> Self {
        let step = self.len().div_ceil(n.max(1)).max(1);
        self.select(&(0..self.len()).step_by(step).collect::<Vec<_>>())
    }

    /// The coordinates of the samples in a subspace, exactly as a client computes them.
    ///
    /// # Errors
    /// [`Error::Data`] if these are coordinates already, or not of that length; [`Error::NotFinite`] where a
    /// coordinate is too large.
    pub fn embedded(&self, projection: &Projection) -> Result<Self, Error> {
        if self.projection.is_some() {
            return Err(Error::Data("the samples are embedded already".to_owned()));
        }
        if self.features() != projection.features() {
            return Err(Error::Data(format!(
                "samples have {} values, the projection takes {}",
                self.features(),
                projection.features()
            )));
        }
        let rows: Vec<Vec<f32>> = (0..self.len())
            .into_par_iter()
            .map(|row| projection.embed(&self.samples.row(row).to_vec()))
            .collect();
        let embedded = Array2::from_shape_vec((self.len(), projection.rank()), rows.concat())?;
        Ok(Self {
            projection: Some(projection.clone()),
            ..self.with_samples(embedded)?
        })
    }

    /// What the samples were embedded by, if they are coordinates.
    #[must_use]
    pub const fn projection(&self) -> Option<&Projection> {
        self.projection.as_ref()
    }

    /// The same labels with other samples.
    ///
    /// # Errors
    /// As [`Dataset::new`].
    pub fn with_samples(&self, samples: Array2<f32>) -> Result<Self, Error> {
        Self::new(samples, self.labels.clone(), self.classes)
    }

    /// These samples and, behind each, `copies` of it that begin elsewhere: rotated by a random number of periods
    /// of `period` values. For recordings cut out of something that goes on, where the cut says nothing.
    ///
    /// # Errors
    /// [`Error::Option`] for a period that does not divide the sample.
    pub fn rotated(&self, copies: usize, period: usize, seed: u64) -> Result<Self, Error> {
        let features = self.features();
        let fits = period > 0 && features.is_multiple_of(period);
        let allowed = format!("a divisor of the {features} values of a sample");
        check_option("period", period as f64, fits, &allowed)?;
        let mut rng = Rng::new(seed, 0x524f_5441);
        let mut samples = Array2::zeros((0, features));
        let mut labels = Vec::with_capacity(self.len() * (copies + 1));
        for (row, label) in self.samples.outer_iter().zip(&self.labels) {
            let mut row = row.to_vec();
            for copy in 0..=copies {
                if copy > 0 {
                    row.rotate_left(period * rng.below(features / period));
                }
                samples.push_row(ArrayView1::from(&row))?;
                labels.push(*label);
            }
        }
        Self::new(samples, labels, self.classes)
    }

    /// Holds back the last `count` samples. Where neighbours belong together (one speaker's letters), a random
    /// split would show the network the voices that it is to be judged on.
    ///
    /// # Errors
    /// [`Error::Data`] if either part would be empty.
    pub fn split_tail(&self, count: usize) -> Result<Split, Error> {
        if count == 0 || count >= self.len() {
            return Err(Error::Data(format!(
                "{count} of {} samples cannot be held back",
                self.len()
            )));
        }
        let first = self.len() - count;
        let rows: Vec<usize> = (0..self.len()).collect();
        let (train, validation) = rows.split_at(first);
        Ok(Split {
            train: self.select(train),
            validation: self.select(validation),
        })
    }

    /// Splits off a random `fraction` of each class for validation.
    ///
    /// # Errors
    /// [`Error::Option`] unless 0 < fraction < 1, [`Error::Data`] if either part would be empty.
    pub fn split(&self, fraction: f32, seed: u64) -> Result<Split, Error> {
        let ok = fraction > 0.0 && fraction < 1.0;
        check_option(
            "validation fraction",
            f64::from(fraction),
            ok,
            "between 0 and 1",
        )?;
        let mut rng = Rng::new(seed, 0x5350_4c49);
        let mut by_class: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (row, label) in self.labels.iter().enumerate() {
            by_class.entry(*label).or_default().push(row);
        }
        let (mut train, mut validation) = (Vec::new(), Vec::new());
        for rows in by_class.values_mut() {
            rng.shuffle(rows);
            let held = rounded(fraction * rows.len() as f32).min(rows.len());
            let (a, b) = rows.split_at(held);
            validation.extend_from_slice(a);
            train.extend_from_slice(b);
        }
        if train.is_empty() || validation.is_empty() {
            return Err(Error::Data(format!(
                "{} samples are too few to hold back a fraction of {fraction}",
                self.len()
            )));
        }
        train.sort_unstable();
        validation.sort_unstable();
        Ok(Split {
            train: self.select(&train),
            validation: self.select(&validation),
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a count of samples, not negative"
)]
#[expect(clippy::cast_sign_loss, reason = "a count of samples, not negative")]
fn rounded(v: f32) -> usize {
    v.round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(n: usize) -> Dataset {
        let rows: Vec<Vec<f32>> = (0..n).map(|i| vec![i as f32, 0.5]).collect();
        Dataset::from_rows(&rows, (0..n).map(|i| i % 3).collect(), 3).unwrap()
    }

    #[test]
    fn split_is_a_partition_and_stratified() {
        let data = numbered(90);
        let split = data.split(0.2, 5).unwrap();
        assert_eq!((split.train.len(), split.validation.len()), (72, 18));
        for class in 0..3 {
            assert_eq!(
                split
                    .validation
                    .labels()
                    .iter()
                    .filter(|l| **l == class)
                    .count(),
                6
            );
        }
        let mut seen: Vec<usize> = [&split.train, &split.validation]
            .iter()
            .flat_map(|d| {
                d.samples()
                    .column(0)
                    .iter()
                    .map(|v| rounded(*v))
                    .collect::<Vec<_>>()
            })
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..90).collect::<Vec<_>>());
        let tail = data.split_tail(7).unwrap();
        assert_eq!((tail.train.len(), tail.validation.len()), (83, 7));
        assert_eq!(tail.validation.samples().row(0)[0], 83.0);
        assert!(data.split_tail(0).is_err() && data.split_tail(90).is_err());
        let rotated = data.take(2).rotated(3, 1, 7).unwrap();
        assert_eq!(rotated.labels(), [0, 0, 0, 0, 1, 1, 1, 1]);
        let first: Vec<f32> = rotated.samples().column(0).to_vec();
        assert!(first[4] == 1.0 && first[5..].iter().all(|v| [1.0, 0.5].contains(v)));
        assert!(data.rotated(1, 0, 7).is_err() && data.rotated(1, 3, 7).is_err());
        let spread = data.spread(40);
        assert_eq!(spread.samples().column(0).to_vec()[..3], [0.0, 3.0, 6.0]);
        assert_eq!(
            (spread.len(), data.spread(0).len(), data.spread(90).len()),
            (30, 1, 90)
        );
        let again = data.split(0.2, 5).unwrap();
        assert_eq!(again.validation.samples(), split.validation.samples());
        assert_ne!(
            data.split(0.2, 6).unwrap().validation.samples(),
            split.validation.samples()
        );
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let one = Array2::zeros((2, 3));
        assert!(matches!(
            Dataset::new(one.clone(), vec![0], 2),
            Err(Error::Data(_))
        ));
        assert!(matches!(
            Dataset::new(one.clone(), vec![0, 2], 2),
            Err(Error::Data(_))
        ));
        let mut nan = one;
        nan[(1, 2)] = f32::NAN;
        let e = Dataset::new(nan, vec![0, 1], 2).unwrap_err().to_string();
        assert!(e.contains("sample 1, feature 2"), "{e}");
        assert!(Dataset::from_rows(&[vec![0.0], vec![]], vec![0, 0], 1).is_err());
        assert!(numbered(9).split(1.0, 0).is_err());
        assert!(numbered(9).split(f32::NAN, 0).is_err());
    }
}
