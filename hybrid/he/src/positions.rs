//! Sets of coefficients.

use crate::error::ApiMisuse;

/// Coefficients of one polynomial, by rising index: which ones are free, or wanted. Both parties derive them from the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Positions {
    degree: usize,
    list: Vec<u32>,
}

impl Positions {
    /// These indices.
    ///
    /// # Errors
    /// Indices that do not rise, or one that is not below `degree`.
    pub fn new(degree: usize, list: Vec<u32>) -> Result<Self, ApiMisuse> {
        for (previous, next) in list.iter().zip(list.iter().skip(1)) {
            if previous >= next {
                return Err(ApiMisuse::Order {
                    previous: *previous,
                    next: *next,
                });
            }
        }
        if let Some(last) = list.last() {
            ApiMisuse::within("position", *last as usize, 0, degree.saturating_sub(1))?;
        }
        Ok(Self { degree, list })
    }

    /// Every index.
    #[must_use]
    pub fn all(degree: usize) -> Self {
        let list = (0..).take(degree).collect();
        Self { degree, list }
    }

    /// No index.
    #[must_use]
    pub const fn none(degree: usize) -> Self {
        Self {
            degree,
            list: Vec::new(),
        }
    }

    /// Number of coefficients of the polynomial.
    #[must_use]
    pub const fn degree(&self) -> usize {
        self.degree
    }

    /// How many indices there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is no index.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The indices.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.list.iter().map(|i| *i as usize)
    }

    /// Every index of the polynomial with whether it is in the set.
    pub(crate) fn flags(&self) -> impl Iterator<Item = bool> {
        let mut rest = self.list.iter().peekable();
        (0..)
            .take(self.degree)
            .map(move |i: u32| rest.next_if_eq(&&i).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rising_indices_below_the_degree() {
        assert!(Positions::new(8, vec![0, 3, 7]).is_ok());
        assert!(Positions::new(8, vec![3, 3]).is_err());
        assert!(Positions::new(8, vec![3, 2]).is_err());
        assert!(Positions::new(8, vec![8]).is_err());
        assert_eq!(Positions::all(3).iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert!(Positions::none(3).is_empty());
    }

    #[test]
    fn flags_mark_the_members() {
        let some = Positions::new(6, vec![1, 2, 5]).unwrap();
        let flags: Vec<bool> = some.flags().collect();
        assert_eq!(flags, [false, true, true, false, false, true]);
    }
}
