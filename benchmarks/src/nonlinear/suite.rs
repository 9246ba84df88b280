//! Which combinations are measured when there are more than the time allows.
//!
//! The default suite has every operation, width and engine on 2^10, 2^14 and 2^17 instances over all three links and on 2^20 on this
//! machine. Its rule:
//!
//! 1. A row whose estimate is above [`MOST_ROW_SECONDS`] is left out.
//! 2. The others are taken in this order: [`MAIN_BITS`] bits first, then fewer instances first, then faster links first.
//! 3. A row is measured if its estimate fits what is left of the budget. Where the rows so far took longer than
//!    estimated, so does this one.
//!
//! A row left out stays in the table and says why. Rows stand in the table as links, operations, widths and counts are listed, in
//! whatever order they were measured.

use std::time::Instant;

use serde_json::Value;

use super::case::Case;
use super::{BenchError, Options};
use crate::table::Table;

/// Seconds that the default suite may take: what is left of 20 minutes is for a slower machine's last row.
pub const SUITE_SECONDS: f64 = 1080.0;

/// Seconds that a row may take where time is limited.
pub const MOST_ROW_SECONDS: f64 = 60.0;

/// The width that is measured first: the one of the networks at 12 fraction bits.
pub const MAIN_BITS: u32 = 37;

/// Instances beyond which the default suite leaves shaped links.
pub(super) const MOST_FAR: usize = 1 << 17;

/// Where measuring stands against its budget.
struct Clock {
    started: Instant,
    budget: Option<f64>,
    /// Estimated seconds of what was measured.
    estimated: f64,
}

impl Clock {
    /// Why a row of so many estimated seconds cannot be measured any more.
    fn refusal(&self, estimate: f64) -> Option<String> {
        let budget = self.budget?;
        if estimate > MOST_ROW_SECONDS {
            return Some(format!(
                "estimated {estimate:.0} s, a row may take {MOST_ROW_SECONDS:.0} s"
            ));
        }
        let taken = self.started.elapsed().as_secs_f64();
        let left = (budget - taken).max(0.0);
        let pace = if self.estimated > 0.0 {
            (taken / self.estimated).max(1.0)
        } else {
            1.0
        };
        let expected = estimate * pace;
        (expected > left)
            .then(|| format!("estimated {expected:.1} s, {left:.1} s of {budget:.0} s are left"))
    }
}

/// Measures what fits the budget; the rest is listed with the reason.
pub(super) fn measured(
    options: &Options,
    cases: &[Case],
    follow: &mut dyn FnMut(&str, f64),
) -> Result<Table, BenchError> {
    let mut order = Vec::with_capacity(cases.len());
    for (place, case) in cases.iter().enumerate() {
        order.push((place, case, case.estimate()?));
    }
    if options.budget.is_some() {
        let rank = |case: &Case| (case.ring.bits() != MAIN_BITS, case.count);
        order.sort_by_key(|(_, case, _)| rank(case));
    }
    let total: f64 = order.iter().map(|(_, _, estimate)| estimate).sum();
    let mut clock = Clock {
        started: Instant::now(),
        budget: options.budget,
        estimated: 0.0,
    };
    let (mut rows, mut done) = (Vec::with_capacity(cases.len()), 0.0);
    for (place, case, estimate) in order {
        follow(&case.name(), done / total);
        done += estimate;
        let row = match clock.refusal(estimate) {
            Some(reason) => case.left_out(&reason),
            None => {
                clock.estimated += estimate;
                case.measure()?
            }
        };
        rows.push((place, row));
    }
    rows.sort_by_key(|(place, _)| *place);
    let mut table = Table::new("nonlinear");
    table.rows = rows.into_iter().map(|(_, row)| row).collect();
    Ok(table)
}

/// Rows measured, and rows left out.
#[must_use]
pub fn counts(table: &Table) -> (usize, usize) {
    let out = table.rows.iter().filter(|row| is_left_out(row)).count();
    (table.rows.len() - out, out)
}

/// Whether a row was not measured.
pub(super) fn is_left_out(row: &Value) -> bool {
    row.get("left_out").is_some_and(Value::is_string)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn clock(budget: Option<f64>, seconds_ago: u64, estimated: f64) -> Clock {
        Clock {
            started: Instant::now()
                .checked_sub(Duration::from_secs(seconds_ago))
                .unwrap(),
            budget,
            estimated,
        }
    }

    #[test]
    fn without_a_budget_everything_is_measured() {
        assert_eq!(clock(None, 10, 1.0).refusal(1e6), None);
    }

    #[test]
    fn long_rows_and_what_no_longer_fits_are_refused_with_figures() {
        let long = clock(Some(1000.0), 0, 0.0).refusal(84.0).unwrap();
        assert_eq!(long, "estimated 84 s, a row may take 60 s");
        let late = clock(Some(100.0), 90, 90.0);
        assert_eq!(late.refusal(9.0), None);
        let late = late.refusal(11.0).unwrap();
        assert!(late.contains("of 100 s are left"), "{late}");
    }

    /// A machine of half the speed: an estimate of 6 s stands for 12 s.
    #[test]
    fn a_slow_machine_is_expected_to_stay_slow() {
        assert!(clock(Some(100.0), 90, 45.0).refusal(6.0).is_some());
        assert_eq!(clock(Some(100.0), 90, 45.0).refusal(4.0), None);
        // A fast one is not expected to stay fast.
        assert!(clock(Some(100.0), 90, 900.0).refusal(11.0).is_some());
    }
}
