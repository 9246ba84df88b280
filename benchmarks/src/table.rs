//! The common form of all results.

use serde::Serialize;
use serde_json::Value;

use crate::machine;

/// The result of a benchmark.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// Name of the benchmark.
    pub bench: String,
    /// Processor, cores and operating system.
    pub machine: String,
    /// Commit of the working tree, if it is one.
    pub commit: String,
    /// One object per measurement.
    pub rows: Vec<Value>,
}

impl Table {
    /// An empty table for this machine.
    #[must_use]
    pub fn new(bench: &str) -> Self {
        Self {
            bench: bench.to_owned(),
            machine: machine::description(),
            commit: machine::commit(),
            rows: Vec::new(),
        }
    }
}

/// The median of some measurements; `None` of nothing.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted.get(middle).copied()
    } else {
        let (a, b) = (sorted.get(middle.checked_sub(1)?)?, sorted.get(middle)?);
        Some(f64::midpoint(*a, *b))
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
