//! What a party may wish for by name or leave to the cost model.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Backend;
use crate::compare::Shape;

/// One of several ways by name, or the one that the cost model finds cheapest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Choice<T = Backend> {
    /// The cheapest of those that are allowed.
    Auto,
    /// This one.
    Only(T),
}

impl<T: Copy + PartialEq> Choice<T> {
    /// Whether it leaves this way open.
    #[must_use]
    pub fn allows(self, way: T) -> bool {
        match self {
            Self::Auto => true,
            Self::Only(only) => only == way,
        }
    }
}

impl Choice {
    /// The backends that it stands for.
    pub fn backends(self) -> impl Iterator<Item = Backend> {
        let all = Backend::ALL.into_iter();
        all.filter(move |backend| self.allows(*backend))
    }
}

impl Choice<Comparison> {
    /// The comparisons that it stands for.
    pub fn comparisons(self) -> impl Iterator<Item = Comparison> {
        let all = Comparison::ALL.into_iter();
        all.filter(move |comparison| self.allows(*comparison))
    }
}

impl<T: fmt::Display> fmt::Display for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Only(only) => only.fmt(f),
        }
    }
}

impl<T: FromStr> FromStr for Choice<T> {
    type Err = T::Err;

    fn from_str(s: &str) -> Result<Self, T::Err> {
        if s == "auto" {
            return Ok(Self::Auto);
        }
        s.parse().map(Self::Only)
    }
}

/// How signs and carries are compared on shares: which shape the layers' comparisons take. The results are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Comparison {
    /// [`Shape::FEW_TRANSFERS`], leaves of four bits by 1-of-16 transfers: half as many silent transfers.
    #[default]
    FewTransfers,
    /// [`Shape::FEW_BITS`], leaves of a bit by private products: a quarter fewer bits online.
    FewBits,
}

impl Comparison {
    /// Both; on a tie the first is taken.
    pub const ALL: [Self; 2] = [Self::FewTransfers, Self::FewBits];

    /// Leaves, tree and triples, the client's number known online.
    #[must_use]
    pub const fn shape(self) -> Shape {
        match self {
            Self::FewTransfers => Shape::FEW_TRANSFERS,
            Self::FewBits => Shape::FEW_BITS,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FewTransfers => "few-transfers",
            Self::FewBits => "few-bits",
        })
    }
}

impl FromStr for Comparison {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|comparison| comparison.to_string() == s)
            .ok_or_else(|| {
                format!("unknown comparison '{s}': there are few-transfers, few-bits and auto")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_have_names() {
        for text in ["gc", "ot", "gc+ot", "hybrid", "auto"] {
            assert_eq!(text.parse::<Choice>().unwrap().to_string(), text);
        }
        assert!("auto".parse::<Backend>().is_err() && "GC".parse::<Choice>().is_err());
        assert_eq!(Choice::Auto.backends().count(), Backend::ALL.len());
        let only: Vec<Backend> = Choice::Only(Backend::Ot).backends().collect();
        assert_eq!(only, [Backend::Ot]);
        for text in ["few-transfers", "few-bits", "auto"] {
            let choice: Choice<Comparison> = text.parse().unwrap();
            assert_eq!(choice.to_string(), text);
        }
        let few: Choice<Comparison> = "few-bits".parse().unwrap();
        let few: Vec<Comparison> = few.comparisons().collect();
        assert_eq!(few, [Comparison::FewBits]);
        assert!("few".parse::<Choice<Comparison>>().is_err());
        assert!("auto".parse::<Comparison>().is_err());
    }
}
