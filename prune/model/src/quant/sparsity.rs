//! Which weights of a layer may differ from zero, where the server publishes that.
//!
//! A map is public: it enters the graph that the client sees and the hash that both compare. A plan leaves the terms of absent weights out.

use serde::{Deserialize, Serialize};

use crate::ops::OpError;

/// One bit for each weight of a layer, in the order of its weights, lowest bit first; set where the weight may differ from zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sparsity(Vec<u8>);

impl Sparsity {
    /// The map of these weights; none if no weight is zero, as no map says the same.
    #[must_use]
    pub fn of(weights: &[i32]) -> Option<Self> {
        Self::from_live(weights.iter().map(|w| *w != 0))
    }

    /// The map with these bits; none if all are set.
    #[must_use]
    pub fn from_live(live: impl IntoIterator<Item = bool>) -> Option<Self> {
        let (mut bytes, mut dense) = (Vec::new(), true);
        for (index, live) in live.into_iter().enumerate() {
            if index % 8 == 0 {
                bytes.push(0);
            }
            if let Some(last) = bytes.last_mut() {
                *last |= u8::from(live) << (index % 8);
            }
            dense &= live;
        }
        (!dense).then_some(Self(bytes))
    }

    /// Whether weight `index` may differ from zero; none does beyond the map.
    #[must_use]
    pub fn is_live(&self, index: usize) -> bool {
        self.0
            .get(index / 8)
            .is_some_and(|byte| byte >> (index % 8) & 1 == 1)
    }

    /// How many weights may differ from zero.
    #[must_use]
    pub fn live(&self) -> usize {
        self.0.iter().map(|byte| byte.count_ones() as usize).sum()
    }

    /// `Ok` for a map of `weights` weights in its only form: as many bytes as they take, no bit set behind the last, not all bits set.
    ///
    /// # Errors
    /// Another form.
    pub(crate) fn check(&self, weights: usize) -> Result<(), OpError> {
        if self.0.len() != weights.div_ceil(8) {
            return Err(OpError::Sparsity("is not one bit a weight"));
        }
        let used = weights % 8;
        let spare = self.0.last().map_or(0, |last| last >> used);
        if used != 0 && spare != 0 {
            return Err(OpError::Sparsity("goes on behind the last weight"));
        }
        if self.live() == weights {
            return Err(OpError::Sparsity("leaves nothing out"));
        }
        Ok(())
    }

    /// `Ok` if every other weight is zero.
    ///
    /// # Errors
    /// A weight that is not.
    pub(crate) fn admits(&self, weights: &[i32]) -> Result<(), OpError> {
        let mut outside = weights.iter().enumerate().filter(|(_, w)| **w != 0);
        if outside.any(|(index, _)| !self.is_live(index)) {
            return Err(OpError::Params(
                "hold a weight that the sparsity map leaves out",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_those_of_their_weights() {
        assert_eq!(Sparsity::of(&[1, -2, 3]), None);
        assert_eq!(Sparsity::of(&[]), None);
        let weights = [0, 5, 0, 0, -1, 0, 0, 0, 7, 0];
        let map = Sparsity::of(&weights).unwrap();
        assert_eq!(map.live(), 3);
        for (index, weight) in weights.iter().enumerate() {
            assert_eq!(map.is_live(index), *weight != 0);
        }
        assert!(!map.is_live(10) && !map.is_live(usize::MAX));
        map.check(10).unwrap();
        map.admits(&weights).unwrap();
        map.admits(&[0; 10]).unwrap();
        assert!(map.admits(&[1; 10]).is_err());
    }

    #[test]
    fn other_forms_are_refused() {
        for (bytes, weights) in [
            (vec![0u8], 9),
            (vec![0, 0], 8),
            (vec![0b1000], 3),
            (vec![0b111], 3),
            (vec![255], 8),
            (vec![], 1),
        ] {
            assert!(Sparsity(bytes).check(weights).is_err());
        }
        Sparsity(vec![0]).check(8).unwrap();
        Sparsity(vec![0b101]).check(3).unwrap();
    }
}
