//! Garbled circuits against shares, case by case: what CrypTFlow2 (eprint 2020/457) shows in Figure 1 and Table 4.

use serde_json::Value;

use super::suite::is_left_out;
use crate::table::Table;

/// One line for each case that both engines ran.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ratios {
    rows: Vec<Ratio>,
}

#[derive(Debug, Clone, PartialEq)]
struct Ratio {
    /// Operation, link, width and number of instances, then the engine and how it compares.
    case: [String; 6],
    /// Seconds in all, seconds online, bytes in all, bytes online.
    times: [f64; 4],
}

const HEAD: [&str; 10] = [
    "op",
    "link",
    "bits",
    "count",
    "engine",
    "shape",
    "seconds",
    "online seconds",
    "bytes",
    "online bytes",
];

/// The ratios of a table of this benchmark.
#[must_use]
pub fn ratios(table: &Table) -> Ratios {
    let same = |a: &Value, b: &Value| {
        let keys = ["op", "link", "bits", "count"];
        keys.iter().all(|key| a.get(key) == b.get(key))
    };
    let is_gc = |row: &Value| row.get("engine").and_then(Value::as_str) == Some("gc");
    let measured: Vec<&Value> = table.rows.iter().filter(|row| !is_left_out(row)).collect();
    let mut rows = Vec::new();
    for garbled in measured.iter().filter(|row| is_gc(row)) {
        let others = measured
            .iter()
            .filter(|row| !is_gc(row) && same(row, garbled));
        for other in others {
            let text = |key: &str| match other.get(key) {
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => String::new(),
            };
            let (gc, own) = (figures(garbled), figures(other));
            let mut times = [0.0; 4];
            for (ratio, (gc, own)) in times.iter_mut().zip(gc.into_iter().zip(own)) {
                *ratio = gc / own;
            }
            let case = ["op", "link", "bits", "count", "engine", "shape"].map(text);
            rows.push(Ratio { case, times });
        }
    }
    Ratios { rows }
}

/// Seconds in all and online, bytes in all and online.
fn figures(row: &Value) -> [f64; 4] {
    let of = |key: &str| row.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let (offline, online) = ("offline_seconds", "online_seconds");
    let seconds = [of(offline) + of(online), of(online)];
    let bytes = [of("offline_bytes") + of("online_bytes"), of("online_bytes")];
    let ([all, online], [bytes, online_bytes]) = (seconds, bytes);
    [all, online, bytes, online_bytes]
}

impl Ratios {
    /// Whether no case was run by both.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Head and cells of a table.
    #[must_use]
    pub fn columns(&self) -> (Vec<&'static str>, Vec<Vec<String>>) {
        let cells = self.rows.iter().map(|row| {
            let times = row.times.iter().map(|ratio| format!("{ratio:.1}"));
            row.case.iter().cloned().chain(times).collect()
        });
        (HEAD.to_vec(), cells.collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cases_of_both_engines_are_divided() {
        let row = |engine: &str, count: u64, seconds: f64, bytes: u64| {
            json!({"op": "relu", "engine": engine, "shape": "s", "link": "lan", "bits": 37, "count": count,
                "offline_seconds": 1.0, "online_seconds": seconds, "offline_bytes": 0, "online_bytes": bytes})
        };
        let mut table = Table::new("nonlinear");
        let left_out = json!({"op": "relu", "engine": "gmw", "link": "lan", "bits": 37, "count": 9,
            "left_out": "estimated 84 s"});
        table.rows = vec![
            left_out,
            row("gmw", 8, 1.0, 10),
            row("gc", 8, 3.0, 50),
            row("gc", 9, 3.0, 50),
        ];
        let (head, rows) = ratios(&table).columns();
        assert_eq!(head.len(), rows[0].len());
        let expected = [
            "relu", "lan", "37", "8", "gmw", "s", "2.0", "3.0", "5.0", "5.0",
        ];
        assert_eq!(rows, [expected.map(str::to_owned).to_vec()]);
    }
}
